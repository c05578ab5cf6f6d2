"""Paper on live data: the stream moves the model, the clock books, and nothing is sent."""

from decimal import Decimal

import pytest

from rebalancer.core.events import (
    Delivered,
    FeedStatus,
    FundingPaid,
    FundingRate,
    Index,
    Mark,
    MarketEvent,
    Settled,
)
from rebalancer.errors import ConfigError
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import MarketClock, run_market
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.settings import resolve
from rebalancer.storage.memory import MemoryJournal
from rebalancer.venues.observed import HOUR, observed
from rebalancer.venues.paper import Delivery, Depth, FundingStamp, SessionEnd
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
    made = observed(settings, instruments, first, SeededRandomness(1), log)

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
    assert "quote.refused" not in log.events()


def test_an_old_index_before_a_delivery():
    """An index that was last heard long before an expiry says nothing of its average."""
    _, heard, _ = run((-40, 3), lambda ts: book.EIGHT - 10 * MINUTE < ts <= book.EIGHT + MINUTE)

    (delivered,) = only(heard, Delivered)
    assert delivered.ts_local > book.EIGHT + MINUTE


def test_what_has_expired():
    """A book cannot begin with what does not exist any more: it would never be hedged again."""
    with pytest.raises(ConfigError, match=r"holdings\.1: must not have expired"):
        run((1, 2))


def test_what_was_delivered_is_followed_no_longer():
    """After its delivery the option's channel is given back."""
    settings, log = book.settings_of(book.table()), Lines()
    clock = MarketClock(book.EIGHT)
    made = observed(settings, resolve(settings), book.START, SeededRandomness(1), log)
    one = made(Told(), clock, None)
    ((stream, _),) = one._spoken
    stream.take()
    one._book(book.EIGHT, Delivery(book.CALL, D(100_000)))

    (frame,) = stream.take()
    assert b"unsubscribe" in frame
    assert b"ticker.BTC-30JAN26-100000-C" in frame


class Told:
    """A market that keeps what it is told, and refuses what a test says."""

    def __init__(self, refuses=()):
        self.items, self.refused, self.refuses = [], 0, refuses

    def move(self, _ts, item, _deliver):
        self.items.append(item)
        self.refused += isinstance(item, self.refuses)


@pytest.mark.parametrize("refuses", [(), (Mark,)])
def test_a_mark_that_the_model_refuses_settles_nothing(refuses):
    """Nor does one of an instrument that the book does not know."""
    settings = book.settings_of(book.table())
    made = observed(settings, resolve(settings), book.START, SeededRandomness(1), Lines())
    one = made(Told(refuses), MarketClock(book.START), None)
    for name in (book.PERP, "deribit:ETH-PERPETUAL"):
        one._told(Mark(book.START, book.START, name, D(100_000)))

    due = [each for each in one._due(book.START, book.EIGHT) if isinstance(each, SessionEnd)]
    assert ([] if refuses else [SessionEnd(book.PERP, D(100_000))]) == due


def test_other_venues():
    """A venue whose stream is not here is refused by name."""
    raw = book.table()
    raw["venues"]["kraken"] = raw["venues"][book.VENUE]
    settings = book.settings_of(raw)

    with pytest.raises(ConfigError, match=r"venues\.kraken: must be one of deribit"):
        observed(settings, resolve(settings), book.START, SeededRandomness(1), Lines())


def test_a_lost_stream():
    """That a stream is lost goes on to the daemon, and the levels are taken away."""
    settings, heard, market = book.settings_of(book.table()), [], Told()
    clock = MarketClock(book.START)
    made = observed(settings, resolve(settings), book.START, SeededRandomness(1), Lines())
    one = made(market, clock, None)
    one._deliver = heard.append

    for alive in (True, False):
        one._told(FeedStatus(book.START, book.VENUE, alive=alive))

    assert [True, False] == [each.alive for each in heard]
    assert [Depth(book.PERP, (), ())] == market.items


def test_funding_at_stamps():
    """Where funding is stamped, the rate that was told last before the stamp is charged, once."""
    raw = book.table()
    raw["venues"][book.VENUE]["funding"] = "stamps"
    settings = book.settings_of(raw)
    made = observed(settings, resolve(settings), book.START, SeededRandomness(1), Lines())
    clock = MarketClock(book.START)
    one = made(Told(), clock, None)
    stamp, after = book.START + MINUTE, book.START + 9 * HOUR
    for rate, due in ((0.0001, stamp), (0.0003, stamp), (0.0007, after), (0.5, book.START - 1)):
        one._told(FundingRate(book.START, book.START, book.PERP, rate, 8 * HOUR, due))

    assert [] == list(one._due(book.START, stamp - 1))
    assert [FundingStamp(book.PERP, 0.0003)] == list(one._due(stamp - 1, stamp))
    assert [] == list(one._due(stamp, book.EIGHT + HOUR))  # no session ends, nothing flows


def test_a_stamp_that_nobody_told_of():
    """A stream that is lost over a stamp makes it no cheaper: the rate told last is charged on."""
    raw = book.table()
    raw["venues"][book.VENUE]["funding"] = "stamps"
    settings = book.settings_of(raw)
    made = observed(settings, resolve(settings), book.START, SeededRandomness(1), Lines())
    one = made(Told(), MarketClock(book.START), None)
    first, last = book.START + MINUTE, book.START + MINUTE + 17 * HOUR
    one._told(FundingRate(book.START, book.START, book.PERP, 0.0002, 8 * HOUR, first))

    charged = FundingStamp(book.PERP, 0.0002)
    assert [charged] * 3 == list(one._due(book.START, last))  # also after a sleep over all of them
    later = first + 30 * HOUR  # than what was guessed, which nobody pays beside it
    one._told(FundingRate(last, last, book.PERP, 0.0004, 8 * HOUR, later))
    assert [] == list(one._due(last, later - 1))
    assert [FundingStamp(book.PERP, 0.0004)] == list(one._due(later - 1, later))
