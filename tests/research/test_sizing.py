"""Sizing: what holds of every hedge, whatever the market, and where it is liquidated."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rebalancer.core import margin, pricing
from rebalancer.research import outcomes, sizing, sizing_margin
from rebalancer.research.outcomes import jumping, normal, outcome, payoff
from rebalancer.research.sizing import Costs, Hedge, Holding, Quote, Smile
from rebalancer.research.sizing_margin import MarginTerms

HOLDING = Holding("BTC", 2.0, 100_000.0, 30.0)
YEARS = 30 / 365
NORMAL, JUMPING = normal(1e5, YEARS, 0.6), jumping(1e5, YEARS, 0.6)
books = st.lists(
    st.tuples(
        st.floats(-2, 2).filter(lambda n: abs(n) > 1e-3),
        st.floats(60_000, 160_000),
        st.sampled_from([-1, 1]),
    ),
    max_size=3,
)


def density(prices, at):
    """Return how likely prices are, as a sum of lognormal densities."""
    z = (np.log(at[:, None] / prices.means) + prices.totals**2 / 2) / prices.totals
    each = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi) / prices.totals / at[:, None]
    return each @ prices.weights


@pytest.mark.parametrize("prices", [NORMAL, JUMPING], ids=["normal", "jumping"])
@settings(max_examples=15)
@given(coins=st.floats(-2, 2), options=books)
def test_against_a_grid(prices, coins, options):
    """Mean, deviation, VaR and CVaR are those of forty thousand prices, weighed."""
    book = payoff(-coins * 1e5, coins, options)
    at = np.exp(np.linspace(np.log(8e3), np.log(1.5e6), 40_001))
    weight = density(prices, at) * np.gradient(at)
    weight /= weight.sum()
    spots = np.array(at)
    gain = coins * (spots - 1e5)
    for quantity, strike, sign in options:
        gain = gain + quantity * np.maximum(sign * (spots - strike), 0.0)
    order = np.argsort(gain)
    before = np.cumsum(weight[order])
    last = int(np.searchsorted(before, 0.05))
    worst = gain[order][:last] @ weight[order][:last]
    tail = (worst + gain[order][last] * (0.05 - (before[last - 1] if last else 0.0))) / 0.05

    found = outcome(prices, book)

    mean = gain @ weight
    assert mean == pytest.approx(found.mean, abs=1.0)
    assert np.sqrt((gain - mean) ** 2 @ weight) == pytest.approx(found.sd, rel=1e-4, abs=1.0)
    assert -gain[order][last] == pytest.approx(found.var, abs=40.0)
    assert -tail == pytest.approx(found.cvar, abs=5.0)


@given(coins=st.floats(-2, 2), options=books)
def test_cvar_is_no_less_than_var(coins, options):
    """The mean of the worst twentieth is no better than its best, and nothing is worse than all."""
    book = payoff(0.0, coins, options)
    found = outcome(NORMAL, book)

    assert found.cvar >= found.var - 1e-6
    assert -book.worst >= found.cvar - 1e-6


@pytest.mark.parametrize("ratio", [0.0, 0.25, 0.5, 0.9, 1.0, 1.3])
@pytest.mark.parametrize("prices", [NORMAL, JUMPING], ids=["normal", "jumping"])
def test_variance_of_a_short(ratio, prices):
    """A short of h of the holding leaves (1 − h)² of its variance."""
    sized = sizing.size(HOLDING, Hedge("short", -2.0 * ratio), Costs(0.1), prices)

    assert 1 - (1 - ratio) ** 2 == pytest.approx(sized.removed, abs=1e-9)


@pytest.mark.parametrize("vol", [0.3, 0.6, 1.2])
@pytest.mark.parametrize("multiple", [0.7, 0.9, 1.0])
def test_worst_of_a_put(multiple, vol):
    """The worst loss with a put is the way down to its strike and the premium, and is VaR95 too."""
    (put,) = sizing.priced(HOLDING, [multiple], -1, Smile(vol))
    sized = sizing.size(HOLDING, Hedge("put", options=((2.0, put),)), Costs(), NORMAL)
    known = 2 * (1e5 - put.strike + put.ask)

    assert known == pytest.approx(-sized.book.worst)
    likely = float(NORMAL.moment(put.strike, 0)) > outcomes.TAIL
    assert likely == (known == pytest.approx(sized.outcome.cvar, rel=1e-12))


def test_parity_of_a_collar():
    """A put bought and a call sold at one strike are a short forward: the holding is a sum."""
    for multiple in (0.9, 1.0, 1.15):
        quotes = (sizing.priced(HOLDING, [multiple], sign, Smile(0.6))[0] for sign in (-1, +1))
        put, call = quotes
        hedge = Hedge("both", options=((2.0, put), (-2.0, call)))
        sized = sizing.size(HOLDING, hedge, Costs(), NORMAL)

        assert 0 == pytest.approx(sized.cost, abs=1e-6)
        assert 0 == pytest.approx(sized.outcome.sd, abs=1e-4)
        assert 2 == sized.locked


@pytest.mark.parametrize("prices", [NORMAL, JUMPING], ids=["normal", "jumping"])
def test_no_drift(prices):
    """The mean of the price is the price, and with jumps its log has the same variance."""
    at = np.exp(np.linspace(np.log(1e2), np.log(1e8), 100_001))
    weight = density(prices, at) * np.gradient(at)
    logs = np.log(at)
    centred = logs - logs @ weight

    assert 1e5 == pytest.approx(float(prices.moment(np.inf, 1)), rel=1e-12)
    assert 0.36 * YEARS == pytest.approx(centred**2 @ weight, rel=1e-6)


def test_kurtosis_of_jumps():
    """A day of the default jumps is as peaked as the recorded days it was set by."""
    day = jumping(1e5, 1 / 365, 0.6)
    at = np.exp(np.linspace(np.log(1e3), np.log(1e7), 200_001))
    weight = density(day, at) * np.gradient(at)
    centred = np.log(at) - np.log(at) @ weight
    second, fourth = (centred**power @ weight for power in (2, 4))

    assert 3 * 0.2**2 / (1.6 / 365) == pytest.approx(fourth / second**2 - 3, rel=1e-3)


def test_fat_tails_lose_more():
    """Of the same variance, jumps make the tail worse and the middle calmer."""
    coin = payoff(-1e5, 1.0)
    calm, wild = outcome(NORMAL, coin), outcome(JUMPING, coin)

    assert wild.cvar > calm.cvar
    assert wild.var < calm.var


@pytest.mark.parametrize(
    ("fee", "premium", "expected"), [(0.0003, 2000.0, 30.0), (0.0003, 40.0, 5.0), (0.0, 40.0, 0.0)]
)
def test_fee_of_an_option(fee, premium, expected):
    """The fee is on the price of the coin, but never above an eighth of the premium."""
    assert expected == pytest.approx(sizing.fee(1e5, premium, Costs(option_fee=fee)))


def test_sides_of_a_quote():
    """What is bought costs the ask and what is sold brings the bid, each less its fee."""
    quote, costs = Quote("put 0.9", 9e4, -1, 90.0, 110.0), Costs(option_fee=0.0001)

    assert 2 * 110 + 20 == pytest.approx(sizing.paid(HOLDING, 2.0, quote, costs))
    assert -2 * 90 + 20 == pytest.approx(sizing.paid(HOLDING, -2.0, quote, costs))
    with pytest.raises(ValueError, match="must have a bid"):
        sizing.paid(HOLDING, -2.0, replace(quote, bid=None), costs)


def test_smile():
    """A vol is the level and its slope in log strike, unless the strike has one of its own."""
    smile = Smile(0.6, -0.3, {9e4: 0.7})

    assert 0.7 == smile.vol(9e4, 1e5)
    assert 0.6 - 0.3 * np.log(0.8) == pytest.approx(smile.vol(8e4, 1e5))


@pytest.mark.parametrize("vol", [0.6, 0.7])
def test_even_funding(vol):
    """At the break-even rate a whole short costs what the put does; the price plays no part."""
    (put,) = sizing.priced(HOLDING, [0.9], -1, Smile(vol))
    costs = Costs(option_fee=0.0003)
    option = sizing.size(HOLDING, Hedge("put", options=((2.0, put),)), costs, JUMPING)
    rate = sizing.even_funding(HOLDING, option, costs)
    short = sizing.size(HOLDING, Hedge("short", -2.0), replace(costs, funding=rate), JUMPING)

    assert option.cost == pytest.approx(short.cost, abs=1e-6)


@pytest.mark.parametrize("ratio", [0.5, 1.0])
def test_better(ratio):
    """Just inside each stretch the put gains more than the short, and just outside less."""
    (put,) = sizing.priced(HOLDING, [0.9], -1, Smile(0.6))
    option = sizing.book(HOLDING, Hedge("put", options=((2.0, put),)), Costs())
    short = sizing.book(HOLDING, Hedge("short", -2.0 * ratio), Costs())
    stretches = sizing.better(option, short)
    edges = [edge for stretch in stretches for edge in stretch if 0 < edge < np.inf]

    assert (1 if ratio == 1 else 2) == len(edges)
    at = np.linspace(1e3, 4e5, 5001)
    inside = np.any([(low < at) & (at < high) for low, high in stretches], axis=0)
    assert (inside == (option.at(at) > short.at(at))).all()


def test_better_of_the_same():
    """Of two equal profits none is better anywhere."""
    book = payoff(-1e5, 1.0, [(1.0, 9e4, -1)])

    assert () == sizing.better(book, book)
    assert ((0.0, np.inf),) == sizing.better(replace(book, constants=book.constants + 1), book)


@pytest.mark.parametrize(("sigmas", "linear", "inverse"), [(3, 0.1043, 0.09446), (5, 0.1759, None)])
def test_buffer(sigmas, linear, inverse):
    """With just the buffer, the price that liquidates is the one after the rise."""
    terms = MarginTerms(sigmas=sigmas, reaction_days=1)
    top = 1e5 * np.exp(sigmas * 0.6 / np.sqrt(365))
    held = sizing_margin.buffer(0.6, terms)
    liquidated = (1e5 + held * 1e5) / 1.005

    assert linear == pytest.approx(held, abs=5e-5)
    assert top == pytest.approx(liquidated)
    assert inverse is None or inverse == pytest.approx(
        sizing_margin.inverse_buffer(0.6, terms), abs=5e-6
    )


def test_accounts():
    """One short in four accounts: dollars at ten times, coins at 95 %, a tenth of them, all."""
    one = Holding("BTC", 1.0, 1e5, 30.0)
    terms = MarginTerms(leverage=10.0, maintenance=0.005)
    found = sizing_margin.accounts(one, 1.0, 0.6, terms, NORMAL)

    prices = (109_452.7363, 1_818_181.8182, 110_555.5556, None)
    for account, price in zip(found, prices, strict=True):
        assert price == (account.liquidation and pytest.approx(account.liquidation, abs=1e-4))
    dollars = found[0]
    assert 0.1043 - 0.1 == pytest.approx(dollars.extra / 1e5, abs=5e-5)
    assert np.log(1.094527363) / (0.6 * np.sqrt(YEARS)) == pytest.approx(dollars.sigmas)
    assert 0 == found[3].touch


def test_missing():
    """With what is missing added, the price that liquidates is the one after the rise."""
    one = Holding("BTC", 1.0, 1e5, 30.0)
    terms = MarginTerms(leverage=50.0, haircut=0.2, sigmas=20.0, reaction_days=5.0)
    top, tiers = 1e5 * terms.rise(0.6), [(0.0, 0.005)]
    dollars, coins, part, whole = sizing_margin.accounts(one, 1.5, 0.6, terms, NORMAL)
    price = margin.liquidation_price

    assert all(each.extra > 0 for each in (dollars, coins, part))
    assert top == pytest.approx(price(-1.5, 1e5, dollars.collateral + dollars.extra, tiers))
    counted = 0.2 * (coins.collateral + coins.extra)
    assert top == pytest.approx(price(-1.5, 1e5, 0.0, tiers, coins=counted))
    for each in (part, whole):
        held = each.collateral + each.extra
        found = price(-1.5e5, 1e5, held, tiers, inverse=True)
        assert (top == pytest.approx(found)) == (each.extra > 0)


@pytest.mark.parametrize("level", [101_000.0, 120_000.0, 160_000.0])
def test_touched(level):
    """The probability to touch is the integral of the density of the first time there."""
    drift, height = -0.18, np.log(level / 1e5)
    time = np.linspace(0, YEARS, 400_001)[1:]
    away = (height - drift * time) ** 2 / (2 * 0.36 * time)
    first = height / (0.6 * np.sqrt(2 * np.pi * time**3)) * np.exp(-away)

    assert first.sum() * time[0] == pytest.approx(sizing_margin.touched(NORMAL, level), rel=1e-5)


def test_touched_far():
    """Twenty per cent in a day is 5.8 standard deviations: about six in a billion."""
    day = normal(1e5, 1 / 365, 0.6)

    assert 6.4e-9 == pytest.approx(sizing_margin.touched(day, 1.2e5), rel=0.1)
    assert 1 == sizing_margin.touched(day, 9e4)


def test_touched_with_jumps():
    """With jumps the probability told is above that of ending there, and is none above one."""
    for level in (100_001.0, 120_000.0, 200_000.0):
        ends = 1 - float(JUMPING.moment(level, 0))
        assert ends < sizing_margin.touched(JUMPING, level) <= 1


def test_priced_options_are_those_of_the_model():
    """A priced option costs the Black-76 price at its own vol, on both sides."""
    (call,) = sizing.priced(HOLDING, [1.12], +1, Smile(0.6, 0.5))
    vol = 0.6 + 0.5 * np.log(1.12)

    assert vol == pytest.approx(call.vol)
    assert float(pricing.price(1e5, 112_000, YEARS, vol, +1)) == pytest.approx(call.ask)
    assert call.ask == call.bid
