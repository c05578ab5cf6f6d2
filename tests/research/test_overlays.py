"""Overlays of listed options: what they do to a book, and when they pay for themselves."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from rebalancer.core import pricing
from rebalancer.core.overlay import Greeks
from rebalancer.errors import DataError
from rebalancer.recordings.listed_quotes import Listed, ListedQuote
from rebalancer.research import overlays, sizing_listed
from rebalancer.research.overlays import Held, Plan
from rebalancer.research.sizing import Costs
from rebalancer.settings import known

DAY = sizing_listed.DAY
EXPIRIES = {"6FEB26": 7, "27FEB26": 28, "27MAR26": 56}  # days after the snapshot
START = known("deribit:BTC-6FEB26-90000-C").expiry - 7 * DAY
INDEX = 90_000.0
STRIKES = (80_000, 85_000, 90_000, 95_000, 100_000)
PLAN = Plan(days=30, least_days=3, hedged_every=1 / 24, real_vol=0.6)
BOOK = Held(gamma=-0.9, vega=-1500.0)
LIMITS = Greeks(0.3, 900.0)


def quote(expiry, strike, sign, vol=0.6, spread=0.04):
    """Return an option at its model's price with a spread around it."""
    option = known(f"deribit:BTC-{expiry}-{strike}-{'C' if sign > 0 else 'P'}")
    years = EXPIRIES[expiry] / 365
    mark = float(pricing.inverse_price(INDEX, strike, years, vol, sign))
    return ListedQuote(option, mark * (1 - spread / 2), mark * (1 + spread / 2), mark, vol, INDEX)


def chain(expiries=tuple(EXPIRIES), vol=0.6, strikes=STRIKES, spread=0.04):
    return Listed(
        START,
        INDEX,
        tuple(
            quote(e, k, sign, vol, spread) for e in expiries for k in strikes for sign in (-1, +1)
        ),
    )


def test_after_is_a_bump():
    """Gamma, vega and delta of what is proposed are those of the options revalued."""
    listed = chain()
    found = overlays.propose(listed, BOOK, LIMITS, PLAN, Costs())
    quotes = {each.instrument.name: each for each in listed.quotes}

    def value(forward, shock):
        worth = 0.0
        for leg in found.legs:
            each = quotes[leg.name]
            strike, years = float(each.instrument.strike), leg.days / 365
            price = pricing.price(forward, strike, years, each.vol + shock, each.instrument.sign)
            worth += leg.contracts * float(price)
        return worth

    step = INDEX * 1e-3
    up, here, down = (value(INDEX + move, 0.0) for move in (step, 0.0, -step))
    gamma = (up - 2 * here + down) / step**2 * INDEX / 100
    vega = (value(INDEX, 0.005) - value(INDEX, -0.005)) / 1

    assert gamma == pytest.approx(found.after.gamma - BOOK.gamma, rel=1e-4)
    assert vega == pytest.approx(found.after.vega - BOOK.vega, rel=1e-4)
    assert -(up - down) / (2 * step) == pytest.approx(found.perpetual, rel=1e-4)
    assert abs(found.after.gamma) <= 0.3 * (1 + 1e-6)
    assert abs(found.after.vega) <= 900 * (1 + 1e-6)


def test_no_carry_at_the_vol_that_is_paid():
    """Where the price moves as the options say, theta is what gamma earns."""
    found = overlays.propose(chain(), BOOK, LIMITS, PLAN, Costs())
    calm = overlays.propose(chain(), BOOK, LIMITS, replace(PLAN, real_vol=0.3), Costs())

    assert 0 == pytest.approx(found.carry, abs=1e-6 * found.trading + 1e-6)
    assert calm.carry > 0
    theta = -sum(leg.theta for leg in calm.legs) * 30
    assert theta * (1 - 0.25) == pytest.approx(calm.carry, rel=1e-6)


@pytest.mark.parametrize(
    ("expiry", "vol", "spread", "hours", "worth"),
    [
        ("27MAR26", 0.6, 0.02, 1, True),
        ("27MAR26", 0.6, 0.04, 1, False),  # in and out costs more than is saved
        ("27MAR26", 0.65, 0.02, 1, False),  # too dear for how the price moves
        ("6FEB26", 0.6, 0.04, 1, True),
        ("6FEB26", 0.6, 0.12, 1, False),  # five such spreads in the month
        ("6FEB26", 0.6, 0.04, 24, False),  # a book that hedges once a day saves less
    ],
)
def test_worth(expiry, vol, spread, hours, worth):
    """An overlay pays where hedging saved is as much as its spreads and its carry."""
    every = replace(PLAN, hedged_every=hours / 24)
    listed = chain((expiry,), vol, (90_000,), spread)
    found = overlays.propose(listed, BOOK, Greeks(0.3, None), every, Costs())

    assert worth == found.worth_it
    assert (expiry == "6FEB26") == found.short_dated
    assert found.saved == pytest.approx(
        overlays.hedging(0.9 - abs(found.after.gamma), INDEX, every, 0.0005)
    )


def test_often_bought_is_dear():
    """Of the same greeks and spread the option that need not be bought anew is chosen."""
    near, far = overlays.rounds(7, 30), overlays.rounds(56, 30)
    listed = chain(("6FEB26", "27MAR26"), strikes=(90_000,))
    found = overlays.propose(listed, Held(vega=-900.0), Greeks(None, 300.0), PLAN, Costs())

    assert (5, 2) == (near, far)
    assert {"27MAR26"} == {leg.name.split("-")[1] for leg in found.legs}


def test_left_out():
    """What ends too soon, or is quoted on one side only, is not proposed."""
    soon = replace(PLAN, least_days=60)
    silent = tuple(replace(each, bid=None) for each in chain().quotes)

    assert overlays.propose(chain(), BOOK, LIMITS, soon, Costs()) is None
    assert overlays.propose(replace(chain(), quotes=silent), BOOK, LIMITS, PLAN, Costs()) is None


def test_held():
    """A book's greeks are the sum of its options'; one that is not listed is an error."""
    listed = chain()
    one, two = (each.instrument.id for each in listed.quotes[:2])
    both = overlays.held_of(listed, [(one, -3.0), (two, 2.0)])
    apart = [overlays.held_of(listed, [pair]) for pair in ((one, -3.0), (two, 2.0))]

    assert sum(each.gamma for each in apart) == pytest.approx(both.gamma)
    assert sum(each.vega for each in apart) == pytest.approx(both.vega)
    with pytest.raises(DataError, match="must be quoted"):
        overlays.held_of(listed, [("deribit:BTC-6FEB26-91000-C", 1.0)])


@pytest.mark.parametrize(("hours", "turnover"), [(1 / 12, 58.96), (1, 17.02), (24, 3.47)])
def test_turnover_of_a_straddle(hours, turnover):
    """A straddle of 30 days hedged at an interval turns over as often as worked out apart."""
    plan = replace(PLAN, hedged_every=hours / 24)
    gamma = 2 * 2.3106721272388524e-05 * 1e5 / 100  # both legs at 100,000 and 60 %

    assert turnover == pytest.approx(overlays.hedging(gamma, 1e5, plan, 1.0) / 1e5, abs=0.005)


def test_turnover_of_a_path():
    """The same is what a gamma trades along a path drawn step by step."""
    draw = np.random.default_rng(5)
    step, count = 1 / 24, 30 * 24
    moves = 0.6 * np.sqrt(step / 365) * draw.standard_normal((400, count))
    gamma = 0.5  # coins per 1 %, held as it is
    traded = np.abs(100 * gamma * moves).sum(axis=1).mean() * 1e5

    assert traded == pytest.approx(overlays.hedging(gamma, 1e5, PLAN, 1.0), rel=0.01)


def test_nearest_expiry():
    """The horizon becomes that of the expiry nearest to it; strikes rise; sides are priced."""
    found = sizing_listed.nearest(chain(), "BTC", 2.0, 30)

    assert 28 == pytest.approx(found.holding.days)
    assert 0.6 == found.vol
    assert [80_000, 85_000, 90_000, 95_000, 100_000] == [each.strike for each in found.puts]
    assert INDEX * float(quote("27FEB26", 80_000, -1).ask) == pytest.approx(found.puts[0].ask)


def test_picked():
    """For a multiple of the price the nearest strike that can be traded is taken, once."""
    found = sizing_listed.nearest(chain(), "BTC", 2.0, 30)
    unquoted = tuple(replace(each, ask=None) for each in found.puts[:2])

    assert [85_000.0] == [
        each.strike for each in sizing_listed.picked(found.puts, (0.94, 0.95), INDEX)
    ]
    rest = (*unquoted, *found.puts[2:])
    assert [90_000.0] == [each.strike for each in sizing_listed.picked(rest, (0.94,), INDEX)]
    with pytest.raises(DataError, match="must be offered"):
        sizing_listed.picked(unquoted, (0.94,), INDEX)


def test_in_decimals():
    """A holding's contracts may be told as the settings tell them."""
    name = chain().quotes[0].instrument.id
    found = overlays.held_of(chain(), [(name, float(Decimal("-2.5")))])

    assert found.gamma < 0
