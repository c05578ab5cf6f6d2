"""The schedule: calls that repeat in market time, at their time, once."""

from datetime import UTC, datetime

import pytest

from rebalancer.ports import SECOND
from rebalancer.runtime.clock import MarketClock, run_market
from rebalancer.runtime.schedule import ClockScheduler

START = int(datetime(2026, 1, 30, 7, 15, tzinfo=UTC).timestamp()) * SECOND
MINUTE, HOUR = 60 * SECOND, 3600 * SECOND


def run(story):
    """Run a story with a scheduler on a market clock."""
    clock = MarketClock(START)

    async def main():
        return await story(ClockScheduler(clock), clock)

    return run_market(clock, main())


class LooseClock:
    """A clock whose calls come when the test makes them: early, late or in time."""

    def __init__(self):
        self.time, self.due, self.call = START, None, None

    def now(self):
        return self.time

    def call_at(self, ts, callback):
        self.due, self.call = ts, callback
        return self

    def cancel(self):
        self.call = None

    def fire(self, late):
        """Make the pending call, `late` ns after it is due."""
        self.time = self.due + late
        self.call()


def test_every():
    """A period's first call comes after one period, and the grid stands."""

    async def story(scheduler, clock):
        made = []
        scheduler.every("x", 10 * SECOND, lambda: made.append((clock.now() - START) // SECOND))
        await clock.sleep(35 * SECOND)
        return made

    assert [10, 20, 30] == run(story)


@pytest.mark.parametrize(
    ("crontab", "hours", "moments"),
    [
        ("0 8 * * *", 50, ["30T08:00", "31T08:00", "01T08:00"]),
        ("0 */8 * * *", 24, ["30T08:00", "30T16:00", "31T00:00"]),
        ("15 7 * * *", 25, ["31T07:15"]),  # exactly now is not later
        ("*/30 7 * * *", 2, ["30T07:30"]),
    ],
)
def test_at(crontab, hours, moments):
    """A crontab line is UTC, to the nanosecond, in market time."""

    async def story(scheduler, clock):
        made = []
        scheduler.at("x", crontab, lambda: made.append(clock.now()))
        await clock.sleep(hours * HOUR)
        return made

    made = run(story)

    assert moments == [datetime.fromtimestamp(ts / SECOND, UTC).strftime("%dT%H:%M") for ts in made]
    assert all(ts % MINUTE == 0 for ts in made)


def test_never():
    """A line that fits no day is not called and does no harm."""

    async def story(scheduler, clock):
        scheduler.at("x", "0 8 30 2 *", lambda: 1 / 0)
        await clock.sleep(HOUR)

    assert run(story) is None


@pytest.mark.parametrize("late", [0, SECOND, 9 * SECOND, 25 * SECOND, 3600 * SECOND])
def test_late_period(late):
    """A call that comes late is made once; the next is due on the old grid."""
    clock, made = LooseClock(), []
    ClockScheduler(clock).every("x", 10 * SECOND, lambda: made.append(clock.time))
    clock.fire(late)

    assert 1 == len(made)
    assert clock.due > clock.time
    assert clock.due - clock.time <= 10 * SECOND
    assert 0 == (clock.due - START) % (10 * SECOND)


@pytest.mark.parametrize(
    ("late", "following"),
    [
        (0, 1),
        (-400_000, 1),  # a wall's timer may come a little early
        (-1, 1),
        (1, 1),
        (HOUR, 1),
        (24 * HOUR, 2),  # exactly when the next was due: that one was missed
        (75 * HOUR, 4),  # asleep over a weekend: once, not three times
    ],
)
def test_late_crontab(late, following):
    """A daily call that comes early or days late is made once; the next is a later day's."""
    clock, made = LooseClock(), []
    ClockScheduler(clock).at("x", "0 8 * * *", lambda: made.append(clock.time))
    first = clock.due
    clock.fire(late)

    assert 1 == len(made)
    assert first + following * 24 * HOUR == clock.due


def test_close():
    """After closing nothing is called, not even what a call itself asked for."""

    async def story(scheduler, clock):
        made = []

        def once():
            made.append("once")
            scheduler.close()

        scheduler.every("a", 10 * SECOND, once)
        scheduler.every("b", 10 * SECOND, lambda: made.append("b"))
        scheduler.at("c", "0 8 * * *", lambda: made.append("c"))
        await clock.sleep(2 * HOUR)
        return made, clock.pause()

    assert (["once"], None) == run(story)


def test_same_name():
    """A name asked for again takes the older one's place, and closing ends both."""

    async def story(scheduler, clock):
        made = []
        scheduler.every("a", 10 * SECOND, lambda: made.append("old"))
        scheduler.every("a", 20 * SECOND, lambda: made.append("new"))
        await clock.sleep(25 * SECOND)
        scheduler.close()
        await clock.sleep(HOUR)
        return made

    assert ["new"] == run(story)


def test_failing_call_stays_scheduled():
    """A call that fails is due again: whoever answers the failure decides."""
    clock = LooseClock()
    ClockScheduler(clock).every("x", 10 * SECOND, lambda: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        clock.fire(0)
    assert START + 20 * SECOND == clock.due
