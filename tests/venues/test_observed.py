"""Paper on live data: the stream moves the model, the clock books, and nothing is sent."""

from decimal import Decimal

import pytest

from rebalancer.core.events import Delivered, FeedStatus, FundingPaid, Index, MarketEvent, Settled
from rebalancer.errors import ConfigError
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import MarketClock, run_market
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.settings import resolve
from rebalancer.storage.memory import MemoryJournal
from rebalancer.venues.observed import HOUR, observed
from rebalancer.venues.paper import Depth
from rebalancer.wiring import Surrounding, paper
from tests.end_to_end import scripted_book as book
from tests.runtime.stage import Lines

D = Decimal
MINUTE = 60 * SECOND


class Rote:
    """A stream that says the market by rote, from `begin` on, and not while it is `deaf`."""

    def __init__(self, clock, shown, deaf=lambda _ts: False):
        self.clock, self.shown, self.deaf = clock, shown, deaf

    async def run(self, deliver):
        while True:
            now = self.clock.now()
            if not self.deaf(now):
                for item in book.advance(now):
                    if isinstance(item, Depth):
                        self.shown(now, item)
                    elif isinstance(item, MarketEvent) and now < _end(item):
                        deliver(item)
            await self.clock.sleep(SECOND)


def _end(item):
    name = "" if isinstance(item, Index) else item.instrument
    return book.EIGHT if name == book.CALL else book.EIGHT + HOUR


def run(minutes=(-2, 2), deaf=lambda _ts: False):
    """Run the book on paper around 08:00; return it, what it heard of its account, and the log."""
    settings, log, heard = book.settings_of(book.table()), Lines(), []
    first, last = (book.EIGHT + each * MINUTE for each in minutes)
    clock = MarketClock(first)
    instruments = resolve(settings)
    made = observed(settings, instruments, SeededRandomness(1), log)

    def feed(market, clock, tasks):
        one = made(market, clock, tasks)
        one._feed = Rote(clock, one._shown, deaf)
        return one

    async def main():
        around = Surrounding(clock, MemoryJournal(), log, feed, "paper")
        running = paper(settings, instruments, {}, around)
        running.engine.observe(lambda event, _decisions: heard.append(event))
        await running.daemon.run(last - first)
        return running

    return run_market(clock, main()), heard, log


def only(heard, kind):
    return [each for each in heard if isinstance(each, kind)]


def test_the_clock_books():
    """At 08:00 funding is booked, the session settles at the mark, the option is delivered."""
    running, heard, _ = run()

    (funding,) = [each for each in only(heard, FundingPaid) if each.ts_local < book.EIGHT + SECOND]
    (settled,) = only(heard, Settled)
    (delivered,) = only(heard, Delivered)
    assert (book.PERP, book.PERP, book.CALL) == (
        *(funding.instrument, settled.instrument),
        delivered.instrument,
    )
    assert book.EIGHT == settled.ts_local == delivered.ts_local
    told = [book.price_at(step) for step in range(121)]
    assert min(told) < delivered.price < max(told)
    assert running.engine.tally.hedges > 5
    assert [] == book.disagreements(type("Ran", (), {"running": running})())
    ledger = running.engine.state.ledger
    assert 0 == ledger.position(book.VENUE, book.CALL).quantity


def test_between_the_hours():
    """Away from the hour nothing is booked but what was traded."""
    running, heard, _ = run((-10, -6))

    assert [] == only(heard, (FundingPaid, Settled, Delivered))
    assert running.engine.tally.fills > 0


def test_nobody_listened_before_a_delivery():
    """Where no index was heard before it, an option is delivered at the newest one after it."""
    _, heard, log = run((-1, 3), lambda ts: ts <= book.EIGHT + MINUTE)

    (delivered,) = only(heard, Delivered)
    (first, *_) = only(heard, Index)
    assert first.ts_local == book.EIGHT + MINUTE + SECOND
    assert abs(delivered.price - first.price) < 1_000
    assert delivered.ts_local in (first.ts_local, first.ts_local + SECOND)
    assert 1 == sum("last half hour" in str(facts) for _, _, facts in log.said)


def test_other_venues():
    """A venue whose stream is not here is refused by name."""
    raw = book.table()
    raw["venues"]["binanceusdm"] = raw["venues"][book.VENUE]
    settings = book.settings_of(raw)

    with pytest.raises(ConfigError, match=r"venues\.binanceusdm: must be one of deribit"):
        observed(settings, resolve(settings), SeededRandomness(1), Lines())


def test_a_lost_stream_is_told():
    """What is no word of the market goes on to the daemon as it is."""
    settings, log, heard = book.settings_of(book.table()), Lines(), []
    clock = MarketClock(book.START)
    one = observed(settings, resolve(settings), SeededRandomness(1), log)(None, clock, None)
    one._deliver = heard.append
    status = FeedStatus(book.START, book.VENUE, alive=False)

    one._told(status)

    assert [status] == heard
