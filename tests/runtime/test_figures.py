"""When a venue is asked how the account stands, and what becomes of what it does not answer."""

from decimal import Decimal

from rebalancer.core.events import FundingPaid
from rebalancer.core.figures import PoolFigures
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import MarketClock, run_market
from rebalancer.runtime.figures import Figures
from rebalancer.runtime.inbox import Inbox
from rebalancer.runtime.tasks import TaskRegistry
from tests.runtime.stage import VENUE, Lines, ScriptedVenue
from tests.scenarios.desk import LINEAR, START

D = Decimal
POOL = (PoolFigures("USDT", D(1000), D(1000), D(10), D(50)),)


def watched(story, every=5 * SECOND):
    """Run a story beside a watch of one venue; return (venue, what arrived, the log)."""
    clock, inbox, log = MarketClock(START), Inbox(), Lines()
    failures: list[BaseException] = []
    tasks = TaskRegistry(failures.append)
    venue = ScriptedVenue(clock, inbox.put, [])
    venue.figures = POOL

    async def main():
        figures = Figures({VENUE: venue}, inbox, clock, log, tasks, every)
        await story(figures, venue, clock)
        await clock.sleep(SECOND)
        await tasks.close()

    run_market(clock, main())
    assert [] == failures
    return venue, list(inbox.drain()), log


def paid(ts):
    """Return a booking of the account."""
    return FundingPaid(ts, ts, VENUE, LINEAR, str(ts), D(-1), "USDT")


async def each_second(figures, clock, seconds):
    """Look once a second, as the scheduler does."""
    for _ in range(seconds):
        figures.look()
        await clock.sleep(SECOND)


def test_every_few_seconds():
    """Asked once in five seconds, and each answer arrives with when it was asked for."""

    async def story(figures, _venue, clock):
        await each_second(figures, clock, 11)

    venue, told, _ = watched(story)

    assert 3 == venue.trace.count("margin")
    assert [0, 5, 10] == [(each.asked - START) // SECOND for each in told]


def test_after_a_booking():
    """A booking makes what was told before worthless: it is asked at once."""

    async def story(figures, _venue, clock):
        await each_second(figures, clock, 2)
        figures.heed(paid(clock.now()), ())
        await clock.sleep(SECOND // 2)

    venue, _, _ = watched(story)

    assert 2 == venue.trace.count("margin")


def test_bookings_elsewhere():
    """What is booked on an account that nobody watches asks nobody."""

    async def story(figures, _venue, clock):
        figures.heed(FundingPaid(clock.now(), None, "outside", LINEAR, "1", D(1), "USDT"), ())

    venue, _, _ = watched(story)

    assert [] == venue.trace


def test_no_answer():
    """A venue that does not answer is said so once, asked again, and nothing arrives."""

    async def story(figures, venue, clock):
        venue.figures = Unavailable("busy")
        await each_second(figures, clock, 11)
        venue.figures = POOL
        await each_second(figures, clock, 5)

    _, told, log = watched(story)

    assert 1 == len(told)
    warned = [level for level, event, _ in log.said if event == "margin.unread"]
    assert ["warning", "debug", "debug"] == warned
