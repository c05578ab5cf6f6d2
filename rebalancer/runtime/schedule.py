"""The scheduler port: APScheduler's triggers say when, the clock port makes it so.

APScheduler's own schedulers run on the wall clock; its triggers are pure
calendars. So they are asked for the next time and a timer of the clock port
makes the call: the schedule keeps market time where the market has its own.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger

from rebalancer.ports import Clock, Timer

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _moment(ts: int) -> datetime:
    return _EPOCH + timedelta(microseconds=ts // 1000)


def _nanoseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


class ClockScheduler:
    """Repeated calls on a clock port; a call that comes late is made once, not twice."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._timers: dict[str, Timer] = {}

    def every(self, name: str, period: int, call: Callable[[], None]) -> None:
        """Call each `period` ns, first after one period; the grid does not drift."""
        self._arm_every(name, self._clock.now() + period, period, call)

    def _arm_every(self, name: str, due: int, period: int, call: Callable[[], None]) -> None:
        def fire() -> None:
            missed = max(self._clock.now() - due, 0) // period
            self._arm_every(name, due + (missed + 1) * period, period, call)
            call()

        self._keep(name, self._clock.call_at(due, fire))

    def at(self, name: str, crontab: str, call: Callable[[], None]) -> None:
        """Call at the times of a five-field crontab line, UTC."""
        trigger = CronTrigger.from_crontab(crontab, timezone=UTC)
        self._arm_trigger(name, self._clock.now(), trigger, call)

    def _arm_trigger(
        self, name: str, after: int, trigger: BaseTrigger, call: Callable[[], None]
    ) -> None:
        moment = trigger.get_next_fire_time(None, _moment(after + 1000))
        if moment is None:
            return
        due = _nanoseconds(moment)

        def fire() -> None:
            # A wall's timer may come a little early: the same moment must not be due again.
            self._arm_trigger(name, max(self._clock.now(), due), trigger, call)
            call()

        self._keep(name, self._clock.call_at(due, fire))

    def _keep(self, name: str, timer: Timer) -> None:
        """Note the pending timer of a name; one asked for again takes the older one's place."""
        if name in self._timers:
            self._timers[name].cancel()
        self._timers[name] = timer

    def close(self) -> None:
        """Forget every call."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
