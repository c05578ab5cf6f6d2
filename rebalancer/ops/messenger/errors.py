"""Errors of the log that leave too: an error wakes a person, whoever writes it."""

from typing import Any

from rebalancer.core.commands import Alert, Severity
from rebalancer.ports import AlertSink, Log

SCOPES = ("scope", "underlying", "instrument", "venue", "account", "client_order_id", "book")


class LeavingErrors:
    """A `ports.Log` that passes its errors on as alerts.

    Args:
        log: Writes every line.
        alerts: Hears the errors.
        book: Scope of what says no other.
    """

    def __init__(self, log: Log, alerts: AlertSink, book: str) -> None:
        self._log, self._alerts, self._book = log, alerts, book

    def debug(self, event: str, **facts: Any) -> None:
        """Say what may be deleted."""
        self._log.debug(event, **facts)

    def info(self, event: str, **facts: Any) -> None:
        """Say what is history."""
        self._log.info(event, **facts)

    def warning(self, event: str, **facts: Any) -> None:
        """Say that a limit worked."""
        self._log.warning(event, **facts)

    def error(self, event: str, **facts: Any) -> None:
        """Wake a person, and say what to do."""
        self._log.error(event, **facts)
        scope = next((str(facts[name]) for name in SCOPES if facts.get(name)), self._book)
        rest = (f"{name} {value}" for name, value in facts.items() if str(value) != scope)
        self._alerts.send(Alert(Severity.ERROR, event, scope, ", ".join(rest) or event))


class Both:
    """A `ports.AlertSink` of two: each hears every alert.

    Args:
        first: Hears it first.
        second: Hears it then.
    """

    def __init__(self, first: AlertSink, second: AlertSink) -> None:
        self._sinks = (first, second)

    def send(self, alert: Alert) -> None:
        """Pass an alert on; never blocks, never raises."""
        for each in self._sinks:
            each.send(alert)
