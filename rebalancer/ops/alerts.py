"""Alerts into the log, each matter once a minute: a person is woken, not buried."""

from collections import OrderedDict
from dataclasses import dataclass

from rebalancer.core.commands import Alert, Severity
from rebalancer.ops.vocabulary import EVENTS
from rebalancer.ports import SECOND, Clock, Log

PERIOD = 60 * SECOND
_REMEMBERED = 1024  # matters; a scope may be a client order id, and there is no end of those
_LOUDNESS = {Severity.INFO: 0, Severity.WARNING: 1, Severity.ERROR: 2}


@dataclass(frozen=True, slots=True)
class _Told:
    """When a matter was last told, how loudly, and how often it was not since."""

    at: int  # ns, monotonic
    severity: Severity
    held_back: int = 0


class LogAlertSink:
    """A `ports.AlertSink` that writes to the log.

    A matter is an event and its scope. Within a minute it is told once, and
    again only when it got louder; the next line counts what was held back.
    """

    def __init__(self, log: Log, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._told: OrderedDict[tuple[str, str], _Told] = OrderedDict()

    def send(self, alert: Alert) -> None:
        """Pass an alert on; never blocks, never raises."""
        key = (alert.event, alert.scope)
        before = self._told.get(key)
        now = self._clock.monotonic()
        if before is not None and not _due(before, alert, now):
            self._told[key] = _Told(before.at, before.severity, before.held_back + 1)
            return
        self._told[key] = _Told(now, alert.severity)
        self._told.move_to_end(key)
        if len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
        self._write(alert, 0 if before is None else before.held_back)

    def _write(self, alert: Alert, held_back: int) -> None:
        listed = EVENTS.get(alert.event)
        facts: dict[str, str | int] = {"scope": alert.scope, "text": alert.text}
        if held_back:
            facts["held_back"] = held_back
        if listed is None:
            self._log.error("alert.unlisted", name=alert.event, **facts)
            return
        if alert.severity is Severity.ERROR:
            facts["action"] = listed.action
        write = {
            Severity.INFO: self._log.info,
            Severity.WARNING: self._log.warning,
            Severity.ERROR: self._log.error,
        }[alert.severity]
        write(alert.event, **facts)


def _due(before: _Told, alert: Alert, now: int) -> bool:
    """Tell whether a matter may be told again."""
    louder = _LOUDNESS[alert.severity] > _LOUDNESS[before.severity]
    return louder or now - before.at >= PERIOD
