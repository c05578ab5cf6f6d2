"""What is taken down from the markets, and how old it is."""

from decimal import Decimal

import pytest

from rebalancer.core import quotes
from rebalancer.core.events import FundingRate, Index, Mark, OptionMark, Quote, Trade
from rebalancer.core.quotes import Markets

D = Decimal

SECOND = 1_000_000_000
NAN, INFINITY = float("nan"), float("inf")


def quote(ts=1, ts_venue=1, bid="100", ask="101", size="1"):
    def number(text):
        return None if text is None else D(text)

    return Quote(ts, ts_venue, "v:X", number(bid), number(size), number(ask), number(size))


def mark(ts, ts_venue, price="100"):
    return Mark(ts, ts_venue, "v:X", D(price))


def option(price="0.05", vol=0.6, forward=1e5):
    return OptionMark(1, 1, "v:C", D(price), vol, forward)


def funding(rate=0.0001, interval=8):
    return FundingRate(1, 1, "v:X", rate, interval, None)


@pytest.mark.parametrize(
    ("event", "believed"),
    [
        (quote(), True),
        (quote(bid=None), True),  # an empty side may be
        (quote(bid=None, ask=None, size=None), True),
        (quote(bid="0"), False),
        (quote(ask="-1"), False),
        (quote(size="0"), False),
        (quote(bid="NaN"), False),
        (quote(ask="Infinity"), False),
        (mark(1, 1), True),
        (mark(1, 1, "0"), False),
        (mark(1, 1, "NaN"), False),
        (Index(1, 1, "v", "BTC", D("-5")), False),
        (Trade(1, 1, "v:X", D("NaN"), D(1)), False),
        (option(), True),
        (option(price="0"), True),  # worthless is a price
        (option(price="-0.1"), False),
        (option(vol=0.0), False),
        (option(vol=10.0), True),
        (option(vol=10.5), False),  # per cent
        (option(vol=60.0), False),
        (option(price="1e13"), False),
        (option(forward=1e13), False),
        (option(vol=1e-13), False),
        (mark(1, 1, "1e12"), True),
        (mark(1, 1, "1.1e12"), False),  # nothing costs that much
        (mark(1, 1, "1e-12"), True),
        (mark(1, 1, "9e-13"), False),
        (mark(1, 1, "1e400"), False),  # beyond any float
        (mark(1, 1, "1e-400"), False),
        (mark(1, 1, "sNaN"), False),
        (quote(size="1e13"), False),
        (quote(ts=0, ts_venue=SECOND), True),
        (quote(ts=0, ts_venue=SECOND + 1), False),  # told before it happened
        (mark(0, 6 * SECOND), False),
        (Index(0, 6 * SECOND, "v", "BTC", D(5)), False),
        (Trade(0, 6 * SECOND, "v:X", D(5), D(1)), False),
        (option(vol=NAN), False),
        (option(vol=INFINITY), False),
        (option(forward=NAN), False),
        (option(forward=0.0), False),
        (funding(), True),
        (funding(rate=-0.003), True),
        (funding(rate=NAN), False),
        (funding(interval=0), False),
    ],
)
def test_believable(event, believed):
    """A number that cannot be true is not taken down, but counted."""
    markets = Markets()
    taken = quotes.take_down(markets, event)

    assert believed == quotes.believable(event)
    assert (0 if believed else 1) == markets.refused
    assert (believed and not isinstance(event, Trade)) == taken


def test_shelves():
    """Each kind of input has its place; a trade has none."""
    markets = Markets()
    index = Index(1, 1, "v", "BTC", D(100))
    told = [quote(), mark(1, 1), option(), funding(), index]
    for event in [*told, Trade(1, 1, "v:X", D(1), D(1))]:
        quotes.take_down(markets, event)

    assert told == [
        markets.quotes["v:X"],
        markets.marks["v:X"],
        markets.options["v:C"],
        markets.funding["v:X"],
        markets.indexes["v", "BTC"],
    ]
    assert 5 == len(markets.advanced)


@pytest.mark.parametrize(
    ("second", "price", "age", "taken"),
    [
        # the venue tells the time: only its advance makes the input young
        (mark(20, 11), "100", 0, True),
        (mark(20, 11, "105"), "105", 0, True),
        (mark(20, 10), "100", 10, False),  # doubled
        (mark(20, 10, "105"), "105", 10, True),  # new, but under a clock that stands still
        (mark(20, 9, "105"), "100", 10, False),  # replayed past
        # it tells none: then its content has to move
        (mark(20, None), "100", 10, False),
        (mark(20, None, "105"), "105", 0, True),
    ],
)
def test_age(second, price, age, taken):
    """Age runs from when the venue time, or else the content, last advanced."""
    markets = Markets()
    quotes.take_down(markets, mark(10, 10))

    assert taken == quotes.take_down(markets, second)
    assert D(price) == markets.marks["v:X"].price
    assert age == quotes.age(markets, Mark, "v:X", 20)


@pytest.mark.parametrize(
    ("late", "age"),
    [(0, 10), (1, 10), (2, 12), (60, 70)],  # seconds on the way, age ten seconds later
)
def test_late_word(late, age):
    """A word that was long on the way is as old as the venue says."""
    markets, now = Markets(), 1_000 * SECOND
    quotes.take_down(markets, mark(now, now - late * SECOND))

    assert age * SECOND == quotes.age(markets, Mark, "v:X", now + 10 * SECOND)


def test_late_word_after_a_young_one():
    """A feed that falls behind makes its input old, even as its words go on."""
    markets, now = Markets(), 1_000 * SECOND
    quotes.take_down(markets, mark(now, now))
    quotes.take_down(markets, mark(now + 20 * SECOND, now + 5 * SECOND))

    assert 15 * SECOND == quotes.age(markets, Mark, "v:X", now + 20 * SECOND)


@pytest.mark.parametrize(
    ("first", "second", "age"),
    [
        (quote(10, None), quote(20, None), 10),
        (quote(10, None), quote(20, None, bid="99"), 0),
        (quote(10, None), quote(20, None, size="2"), 0),
        (quote(10, 5), quote(20, None), 10),
        (quote(10, None), quote(20, 5), 10),
    ],
)
def test_frozen_quote(first, second, age):
    """A feed that repeats its book is as old as that book."""
    markets = Markets()
    quotes.take_down(markets, first)
    quotes.take_down(markets, second)

    assert age == quotes.age(markets, Quote, "v:X", 20)


def test_never_told():
    """What nobody told has no age."""
    assert quotes.age(Markets(), Mark, "v:X", 20) is None


def test_venues_apart():
    """Two venues' indexes of one coin do not touch one another."""
    markets = Markets()
    quotes.take_down(markets, Index(1, 50, "a", "BTC", D(100)))
    quotes.take_down(markets, Index(9, 40, "b", "BTC", D(101)))

    assert (19, 11) == (
        quotes.age(markets, Index, "a:BTC", 20),
        quotes.age(markets, Index, "b:BTC", 20),
    )
