"""The world as a whole: repeatable, consistent, on tick, and on time."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from rebalancer.core import pricing
from rebalancer.core.events import Index
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.quotes import believable
from rebalancer.market.params import FaultParams, standard_params
from rebalancer.market.records import market_events
from tests.market.worlds import DAY, EIGHT, HOUR, MINUTE, QUIET, SECOND, START, run, straight, world

YEAR = 365 * DAY


def of(steps, name):
    """Return every event and book of an instrument."""
    return [
        [
            *(book for book in step.books if book.instrument == name),
            *(
                event
                for event in market_events(step)
                if not isinstance(event, Index) and event.instrument == name
            ),
        ]
        for step in steps
    ]


def test_same_seed():
    """The same seed tells the same world."""
    assert run(world(seed=3), 30) == run(world(seed=3), 30)


def test_other_seed():
    """Another seed tells another."""
    assert run(world(seed=3), 5) != run(world(seed=4), 5)


@pytest.mark.parametrize("name", ["deribit:BTC-PERPETUAL", "deribit:BTC-27FEB26-90000-P"])
def test_alone(listed, name):
    """An instrument's path does not depend on what else is listed."""
    only = replace(standard_params(START), underlyings=standard_params(START).underlyings[:1])

    assert of(run(world(seed=3), 30), name) == of(run(world(3, [listed[name]], only), 30), name)


def test_books(morning, listed):
    """Every book is sorted, uncrossed, positive, on tick, in lots, and deep enough."""
    for step in morning[::20]:
        for book in step.books:
            instrument = listed[book.instrument]
            bids, asks = [price for price, _ in book.bids], [price for price, _ in book.asks]
            assert sorted(set(bids), reverse=True) == bids
            assert sorted(set(asks)) == asks
            assert asks
            assert not bids or bids[0] < asks[0]
            for price, size in (*book.bids, *book.asks):
                assert price > 0
                assert 0 == price % instrument.tick
                assert size >= instrument.minimum
                assert 0 == size % instrument.lot
            if instrument.kind is not Kind.OPTION:
                assert (10, 10) == (len(bids), len(asks))


def test_quotes_are_the_touch(morning):
    """A quote tells the best level of the book that comes with it."""
    for step in morning[:50]:
        for book, quote in zip(step.books, step.quotes, strict=True):
            assert book.instrument == quote.instrument
            assert (*book.bids[:1], *book.asks[:1]) == tuple(
                pair
                for pair in ((quote.bid, quote.bid_size), (quote.ask, quote.ask_size))
                if pair[0] is not None
            )


def test_every_word_can_be_true(morning):
    """No price, size, vol or forward is impossible, and all of it is stamped with the step."""
    for step in morning:
        for event in market_events(step):
            assert believable(event)
            assert (step.ts, step.ts) == (event.ts_venue, event.ts_local)


def test_marks(morning, listed):
    """Marks are on tick, and stay near the index; a future's stays within its carry."""
    for step in morning[::20]:
        index = {(each.venue, each.underlying): each.price for each in step.indexes}
        for mark in step.marks:
            instrument = listed[mark.instrument]
            fair = index[instrument.venue, instrument.underlying]
            far = Decimal("0.05") if instrument.kind is Kind.FUTURE else Decimal("0.005")
            assert 0 == mark.price % instrument.tick
            assert abs(mark.price / fair - 1) < far


def test_option_marks_are_black(morning, listed):
    """The mark of an option is Black-76 on the vol and forward told with it, to half a tick."""
    marks = [mark for step in morning for mark in step.option_marks]
    options = [listed[mark.instrument] for mark in marks]
    years = [(o.expiry - mark.ts_local) / YEAR for o, mark in zip(options, marks, strict=True)]
    model = pricing.inverse_price(
        [mark.forward for mark in marks],
        [float(option.strike) for option in options],
        years,
        [mark.vol for mark in marks],
        [option.sign for option in options],
    )

    assert np.all(np.abs(model - [float(mark.price) for mark in marks]) <= 0.000051)


def test_option_quotes_surround_the_mark(morning):
    """An option's mark lies between its bid and its ask."""
    for step in morning[::20]:
        marks = {mark.instrument: mark.price for mark in step.option_marks}
        for quote in step.quotes:
            if quote.instrument in marks:
                assert (quote.bid or 0) <= marks[quote.instrument] <= quote.ask


def test_options_take_turns():
    """At first all options are told, then each once in four seconds, some in every second."""
    first, *later = run(world(), 9)
    turns = Counter(mark.instrument for step in later for mark in step.option_marks)

    assert 120 == len(first.option_marks)
    assert {2} == set(turns.values())
    assert 120 == len(turns)
    assert all(10 < len(step.option_marks) < 60 for step in later)


def test_cadence():
    """Indexes, marks and books of all else are told in every step, funding once a minute."""
    steps = run(world(), 121)

    assert {5 + 1} == {len(step.indexes) for step in steps}
    assert {8} == {len(step.marks) for step in steps}
    assert [0, 60, 120] == [number for number, step in enumerate(steps) if step.funding_rates]


def test_delivery(morning):
    """Today's options end at 08:00 at the mean index of the last half hour."""
    due = [(step.ts, each) for step in morning for each in step.deliveries]
    indexes = [
        float(each.price)
        for step in morning
        for each in step.indexes
        if (each.venue, each.underlying) == ("deribit", "BTC")
        and 0 <= EIGHT - step.ts < 30 * MINUTE
    ]
    prices = {each.price for _, each in due if each.instrument.startswith("deribit:BTC")}

    assert {EIGHT} == {ts for ts, _ in due}
    assert 2 * 12 == len(due)
    assert 360 == len(indexes)
    assert [pytest.approx(np.mean(indexes), abs=0.006)] == [float(price) for price in prices]


def test_nothing_after_delivery(morning):
    """A contract that ended is not told of again, and its siblings are."""
    told = [event.instrument for step in morning if step.ts >= EIGHT for event in step.option_marks]

    assert not any("30JAN26" in name for name in told)
    assert any("31JAN26" in name for name in told)


def test_marks_run_into_delivery(morning, listed):
    """The last mark of an option is what it pays: no jump at the end."""
    last = {}
    for step in morning:
        last.update({mark.instrument: mark for mark in step.option_marks})
    for step in morning:
        for due in step.deliveries:
            option = listed[due.instrument]
            payoff = max(option.sign * (due.price - option.strike), Decimal(0)) / due.price
            assert abs(last[due.instrument].price - payoff) <= Decimal("0.0002")


def test_session_settles(morning):
    """Deribit's perpetuals and futures settle at 08:00 at their mark; nothing else does."""
    at_eight = next(step for step in morning if step.ts == EIGHT)
    marks = {mark.instrument: mark.price for mark in at_eight.marks}

    assert [EIGHT] == [step.ts for step in morning if step.settlements]
    assert [
        "deribit:BTC-PERPETUAL",
        "deribit:BTC-27MAR26",
        "deribit:ETH-PERPETUAL",
        "deribit:ETH-27MAR26",
    ] == [due.instrument for due in at_eight.settlements]
    assert all(due.price == marks[due.instrument] for due in at_eight.settlements)


def test_funding_stamp(morning):
    """Linear perpetuals are charged at 08:00, at the rate that was told before."""
    charged = [(step.ts, each) for step in morning for each in step.funding_due]
    told = {
        rate.instrument: rate for step in morning if step.ts < EIGHT for rate in step.funding_rates
    }

    assert [(EIGHT, "binanceusdm:BTCUSDT"), (EIGHT, "binanceusdm:ETHUSDT")] == [
        (ts, each.instrument) for ts, each in charged
    ]
    for _, each in charged:
        assert each.rate == pytest.approx(told[each.instrument].rate, abs=5e-5)
        assert EIGHT == told[each.instrument].next_ts


def test_future_delivers(listed):
    """A dated future runs into its delivery price and is then gone."""
    future = replace(listed["deribit:BTC-27MAR26"], id="deribit:BTC-30JAN26", expiry=EIGHT)
    params = replace(standard_params(START), faults=QUIET)
    steps = run(world(2, [future], params), 271, 10 * SECOND)
    last = steps[269].marks[0].price

    assert ["deribit:BTC-30JAN26"] == [each.instrument for each in steps[270].deliveries]
    assert () == steps[270].marks
    assert float(last) == pytest.approx(float(steps[270].deliveries[0].price), rel=0.001)


def test_false_prints_are_far_off(listed):
    """False prints stand among the trades, far from a mark that does not move with them."""
    faults = FaultParams(false_prints=20_000, freezes=0)
    params = replace(standard_params(START), faults=faults)
    steps = run(world(1, [listed["deribit:BTC-PERPETUAL"]], params), 60)
    far = [
        trade
        for step in steps
        for trade in step.trades
        if abs(trade.price / step.marks[0].price - 1) > Decimal("0.02")
    ]

    assert 3 < len(far) < 40
    assert all(0 == trade.price % Decimal("0.5") and trade.quantity for trade in far)
    assert all(abs(step.marks[0].price - 100_000) < 1_500 for step in steps)


def test_freeze_hides_what_is_true(listed):
    """A frozen instrument is told to the exchange and not to the public; siblings go on."""
    faults = FaultParams(false_prints=0, freezes=3_000)
    params = replace(standard_params(START), faults=faults)
    steps = run(world(1, straight(), params), 60)
    frozen = next(step for step in steps if step.silent)
    shown = {e.instrument for e in market_events(frozen) if not isinstance(e, Index)}

    assert not shown & set(frozen.silent)
    assert {book.instrument for book in frozen.books} == shown | set(frozen.silent)
    assert len(frozen.indexes) == sum(isinstance(e, Index) for e in market_events(frozen))


def test_stress_shows(listed):
    """In the wildest tenth of a day spreads are wider and depth is thinner than in the calmest."""
    steps = run(world(2, [listed["binanceusdm:BTCUSDT"]]), 1_440, MINUTE)
    price = np.array([float(step.indexes[0].price) for step in steps])
    moves = np.convolve(
        np.abs(np.diff(np.log(price), prepend=np.log(price[0]))), np.ones(15), "same"
    )
    spread = np.array([float(s.quotes[0].ask - s.quotes[0].bid) for s in steps])
    depth = np.array([float(sum(size for _, size in s.books[0].bids)) for s in steps])
    calm, wild = np.argsort(moves)[:144], np.argsort(moves)[-144:]

    assert spread[wild].mean() > 2 * spread[calm].mean()
    assert depth[wild].mean() < depth[calm].mean() / 1.5


def test_prints(morning, listed):
    """Public trades are at the touch, in lots, on both sides."""
    names = Counter()
    for step in morning[::10]:
        touch = {quote.instrument: (quote.bid, quote.ask) for quote in step.quotes}
        for trade in step.trades:
            names[trade.instrument, trade.quantity > 0] += 1
            assert 0 == trade.quantity % listed[trade.instrument].lot
            if abs(trade.price / touch[trade.instrument][0] - 1) < Decimal("0.02"):
                assert touch[trade.instrument][trade.quantity > 0] == trade.price

    assert 16 == len(names)


def test_order_within_a_moment(morning):
    """Books come before the index that moves the delta, option marks after the one they rest on."""
    kinds = [type(event).__name__ for step in morning[:50] for event in market_events(step)]
    ranks = {"Mark": 0, "Quote": 1, "Index": 2, "OptionMark": 3, "FundingRate": 4, "Trade": 5}
    for step in morning[:50]:
        told = [ranks[type(event).__name__] for event in market_events(step)]
        assert sorted(told) == told
    assert set(ranks) == set(kinds)


def test_fine_steps():
    """Steps of 100 ms work: quotes in each, options still once in four seconds."""
    steps = run(world(), 41, SECOND // 10)

    assert {8} == {len(step.marks) for step in steps}
    assert 2 * 120 == sum(len(step.option_marks) for step in steps)


@pytest.mark.parametrize("late", [0, -SECOND])
def test_time_runs_on(late):
    """A step that does not lead on is refused."""
    clock = world(instruments=straight())
    clock.step(START + HOUR)

    with pytest.raises(ValueError, match="must lead beyond"):
        clock.step(START + HOUR + late)


def test_strangers():
    """All instruments of an unknown coin or venue are named in one refusal."""
    strangers = [
        Instrument("deribit:SOL-PERPETUAL", Kind.PERPETUAL, "SOL", "SOL"),
        Instrument("kraken:BTCUSD", Kind.SPOT, "BTC", "USD"),
    ]

    with pytest.raises(ValueError, match=r"SOL-PERPETUAL, kraken:BTCUSD"):
        world(instruments=[*straight(), *strangers])


def test_expired_and_cash_are_passed_over(listed):
    """What has ended before the start, and cash, is not told of."""
    ended = replace(listed["deribit:BTC-30JAN26-100000-C"], expiry=START)
    step = world(instruments=[ended, listed["deribit:BTC"]]).step(START)

    assert () == step.books
    assert () == step.deliveries
