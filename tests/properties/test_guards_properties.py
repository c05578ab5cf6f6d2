"""Guards cap and never widen: whatever the facts, and the more the larger the limit."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.core.budget import Budget
from rebalancer.core.commands import Purpose
from rebalancer.core.decision import HedgeIntent
from rebalancer.core.events import Quote
from rebalancer.core.guards import (
    basis,
    counterparty,
    depeg,
    depth,
    divergence,
    fees,
    leverage,
    spread,
    throttle,
    turnover,
)
from rebalancer.core.sizing import parts

D = Decimal

FLOATS = st.floats(-1e6, 1e6)
POSITIVE = st.floats(1e-6, 1e6)
PRICES = st.decimals("0.01", "1e6", places=2)
SIZES = st.decimals(0, "1e6", places=3)
VENUES = st.lists(st.tuples(st.sampled_from("abcd"), PRICES), max_size=5)
TIMES = st.lists(st.integers(0, 200_000_000_000), max_size=9)


def maybe(facts):
    """Return facts that nobody may know."""
    return st.none() | facts


@st.composite
def intents(draw):
    """Return an order whose parts are as sizing splits it."""
    quantity = draw(st.decimals("-1e5", "1e5", places=3).filter(bool))
    position = draw(st.decimals("-1e5", "1e5", places=3))
    split = parts(quantity, position, draw(FLOATS), draw(POSITIVE), draw(POSITIVE))
    purpose = draw(st.sampled_from(Purpose))
    per = draw(POSITIVE)
    names = ("BTC", "v", "v:X")
    told = (quantity, position, split.closing, split.hedging, split.required)
    return HedgeIntent(purpose, *names, *told, per, D(100))


@st.composite
def quotes(draw):
    """Return a book, one-sided or empty at times."""
    return Quote(1, 1, "v:X", draw(maybe(PRICES)), D(1), draw(maybe(PRICES)), D(1))


def budgets(guard):
    """Return facts and judge of a guard over a budget."""
    told = st.tuples(FLOATS, maybe(st.floats(-10, 1e6)))
    return told, lambda intent, facts, limit: guard.judge(intent, Budget(*facts, limit))


# name → what is known, and the guard with its one limit
GUARDS = {
    "spread": (maybe(quotes()), spread.judge),
    "shown": (
        st.tuples(maybe(SIZES), maybe(SIZES)),
        lambda intent, facts, limit: depth.judge(
            intent, depth.Depth(facts[0], limit, facts[1], 0.1)
        ),
    ),
    "interest": (
        st.tuples(maybe(SIZES), maybe(SIZES)),
        lambda intent, facts, limit: depth.judge(
            intent, depth.Depth(facts[0], 0.1, facts[1], limit)
        ),
    ),
    "basis": (
        st.tuples(maybe(POSITIVE), maybe(POSITIVE), maybe(FLOATS)),
        lambda intent, facts, limit: basis.judge(intent, basis.Basis(*facts, limit)),
    ),
    "divergence": (VENUES, divergence.judge),
    "depeg": (
        maybe(PRICES),
        lambda intent, facts, limit: depeg.judge(intent, "USDT", facts, limit),
    ),
    "leverage": (
        st.tuples(maybe(st.floats(0, 1e9)), maybe(POSITIVE), maybe(FLOATS)),
        lambda intent, facts, limit: leverage.judge(intent, leverage.Gross(*facts, limit)),
    ),
    "counterparty": (
        st.tuples(maybe(FLOATS), maybe(FLOATS)),
        lambda intent, facts, limit: counterparty.judge(intent, counterparty.Share(*facts, limit)),
    ),
    "turnover": budgets(turnover),
    "fees": budgets(fees),
    "throttle": (
        TIMES,
        lambda intent, facts, limit: throttle.judge(intent, facts, 200_000_000_000, int(limit)),
    ),
}
SPARE_CLOSING = ("interest", "basis", "depeg", "leverage", "counterparty", "turnover", "fees")


@pytest.mark.parametrize("name", GUARDS)
@given(st.data())
def test_caps(name, data):
    """What passes is from nothing to the whole, and less than the whole has a reason."""
    facts, judge = GUARDS[name]
    intent = data.draw(intents())
    told = judge(intent, data.draw(facts), data.draw(POSITIVE))
    whole = abs(intent.quantity)

    assert 0 <= told.allows <= whole
    assert (told.reason is None) == (told.allows == whole)
    assert intent.purpose is not Purpose.PROTECT or told.allows == whole


@pytest.mark.parametrize("name", GUARDS)
@given(st.data())
def test_monotone(name, data):
    """A larger limit never lets less pass."""
    facts, judge = GUARDS[name]
    intent, known = data.draw(intents()), data.draw(facts)
    low, high = sorted((data.draw(POSITIVE), data.draw(POSITIVE)))

    assert judge(intent, known, low).allows <= judge(intent, known, high).allows


@pytest.mark.parametrize("name", SPARE_CLOSING)
@given(st.data())
def test_closing(name, data):
    """What closes passes each guard that counts what grows, whatever is known."""
    facts, judge = GUARDS[name]
    intent, known = data.draw(intents()), data.draw(facts)
    if name == "interest":
        known = (D("1e9"), known[1])  # a book that bears it

    assert judge(intent, known, data.draw(POSITIVE)).allows >= intent.closing


@given(intents(), quotes(), POSITIVE)
def test_required(intent, quote, limit):
    """However wide a book with two sides is, what is required passes."""
    if quote.bid is not None and quote.ask is not None:
        assert spread.judge(intent, quote, limit).allows >= intent.required


@given(intents(), st.floats(0, 1e9), POSITIVE, POSITIVE, POSITIVE)
def test_leverage_after(intent, notional, each, equity, limit):
    """What leverage lets grow keeps the book within its limit, to the last digit but a few."""
    told = leverage.judge(intent, leverage.Gross(notional, each, equity, limit))
    grown = told.allows - intent.closing
    if intent.purpose is Purpose.PROTECT or grown <= 0:
        return
    after = D(str(notional)) + (grown - intent.closing) * D(str(each))

    assert after <= D(str(limit)) * D(str(equity)) * (1 + D("1e-24"))
