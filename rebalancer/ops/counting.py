"""Counting: a log that counts its lines, so that what a person should hear can be an alert too."""

from typing import Any

from rebalancer.core.commands import Severity
from rebalancer.ops.vocabulary import EVENTS
from rebalancer.ports import Log, Sample


class CountedLog:
    """A `ports.Log` that passes all on, and counts what it is told above debug.

    Args:
        log: Hears it all.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        # From 0, so that the first time is seen to be one more than before.
        self._counts = {
            (name, str(told.severity)): 0
            for name, told in EVENTS.items()
            if told.severity is not Severity.INFO
        }

    @classmethod
    def over(cls, log: Log) -> "CountedLog":
        """Return a log that counts: the log itself where it does."""
        return log if isinstance(log, cls) else cls(log)

    def debug(self, event: str, **facts: Any) -> None:
        """Say what may be deleted."""
        self._log.debug(event, **facts)

    def info(self, event: str, **facts: Any) -> None:
        """Say what is history."""
        self._count(event, Severity.INFO)
        self._log.info(event, **facts)

    def warning(self, event: str, **facts: Any) -> None:
        """Say that a limit worked."""
        self._count(event, Severity.WARNING)
        self._log.warning(event, **facts)

    def error(self, event: str, **facts: Any) -> None:
        """Wake a person, and say what to do."""
        self._count(event, Severity.ERROR)
        self._log.error(event, **facts)

    def samples(self) -> list[Sample]:
        """Return how often each event was told, by severity."""
        return [Sample("log_events_total", count, key) for key, count in self._counts.items()]

    def _count(self, event: str, severity: Severity) -> None:
        key = (event, str(severity))
        self._counts[key] = self._counts.get(key, 0) + 1
