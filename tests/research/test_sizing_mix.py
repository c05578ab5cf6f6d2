"""The mix: nothing that can be tried by hand is cheaper within the limit, and it is a hedge."""

from itertools import product

import numpy as np
import pytest

from rebalancer.research import sizing, sizing_mix
from rebalancer.research.outcomes import jumping, normal, outcome
from rebalancer.research.sizing import Costs, Hedge, Holding, Quote, Smile
from rebalancer.research.sizing_mix import Limits

HOLDING = Holding("BTC", 3.0, 100_000.0, 30.0)
YEARS = 30 / 365
SMILE = Smile(0.65, -0.2)
PUTS = sizing.priced(HOLDING, [0.85, 0.9, 0.95, 1.0], -1, SMILE)
CALLS = sizing.priced(HOLDING, [1.0, 1.05, 1.12, 1.2], +1, SMILE)
QUOTES = tuple(
    Quote(each.name, each.strike, each.sign, each.bid * 0.98, each.ask * 1.02, each.vol)
    for each in (*PUTS, *CALLS)
)
PRICES = {"normal": normal(1e5, YEARS, 0.6), "jumping": jumping(1e5, YEARS, 0.6)}
COSTS = Costs(funding=-0.15, option_fee=0.0003)
MARGIN = 40_000.0


@pytest.mark.parametrize(
    ("prices", "limit"), [("normal", 3e3), ("jumping", 15e3), ("normal", 45e3)]
)
def test_no_point_of_a_grid_is_cheaper(prices, limit):
    """Of all mixes of perpetual, one put and one call in thirds, none within the limit is."""
    found = sizing_mix.choose(HOLDING, QUOTES, COSTS, PRICES[prices], Limits(limit), MARGIN)
    parts = np.linspace(0, 1, 4)
    costs = []
    for put, call in product(QUOTES[1:4:2], QUOTES[4::2]):
        for short, bought, sold in product(parts, repeat=3):
            if short + max(bought, sold) > 1 + 1e-9 or (
                put.strike > call.strike and short + bought + sold > 1
            ):
                continue
            options = ((3 * bought, put), (-3 * sold, call))
            options = tuple(each for each in options if each[0])
            hedge = Hedge("tried", -3 * short, options)
            tried = outcome(PRICES[prices], sizing.book(HOLDING, hedge, COSTS))
            if tried.cvar <= limit:
                costs.append(-tried.mean)

    assert limit >= found.mix.outcome.cvar - 1e-6 * 3e5
    assert costs
    assert found.mix.cost <= min(costs) + 1e-6 * 3e5


def test_never_short():
    """Whatever it costs least to do, the holder is never made short by it, at any price."""
    for limit in (3_000.0, 5_000.0, 20_000.0):
        found = sizing_mix.choose(HOLDING, QUOTES, COSTS, PRICES["normal"], Limits(limit), MARGIN)
        hedge = found.mix.hedge

        assert -1e-6 <= found.mix.book.slopes.min()
        assert hedge.perpetual <= 0
        assert all(quantity * quote.sign < 0 for quantity, quote in hedge.options)


def test_least():
    """A limit that no mix keeps is told with the least that one reaches, and no mix."""
    cheap = Costs(funding=0.1)
    short = sizing.size(HOLDING, Hedge("short", -3.0), cheap, PRICES["normal"])
    none = sizing_mix.choose(HOLDING, (), cheap, PRICES["normal"], Limits(-1e5), MARGIN)
    just = sizing_mix.choose(HOLDING, (), cheap, PRICES["normal"], Limits(none.least), MARGIN)

    assert none.mix is None
    assert short.outcome.cvar == pytest.approx(none.least, abs=0.1)
    assert -3 == pytest.approx(just.mix.hedge.perpetual)


def test_perpetual_that_is_paid():
    """Where shorts are paid and options fair, the whole holding is sold as a perpetual."""
    fair = (*sizing.priced(HOLDING, [0.9], -1, Smile(0.6)),)
    found = sizing_mix.choose(HOLDING, fair, Costs(0.1), PRICES["normal"], Limits(1e4), MARGIN)

    assert -3 == pytest.approx(found.mix.hedge.perpetual)
    assert () == found.mix.hedge.options


def test_capital():
    """Less capital leaves less margin: the mix keeps to it, and is not cheaper for it."""
    free = sizing_mix.choose(HOLDING, QUOTES, Costs(0.1), PRICES["normal"], Limits(3e4), MARGIN)
    limits = Limits(3e4, capital=60_000.0)
    bound = sizing_mix.choose(HOLDING, QUOTES, Costs(0.1), PRICES["normal"], limits, MARGIN)
    bought = sum(n * quote.ask for n, quote in bound.mix.hedge.options if n > 0)

    assert 120_000 == pytest.approx(free.mix.margin)
    assert 60_000 >= bound.mix.margin + bought - 1e-3
    assert bound.mix.cost > free.mix.cost


@pytest.mark.parametrize("fee", [0.0, 0.0003, 0.003])
def test_capital_of_fees(fee):
    """What options take of the capital is their premium with its fee, as it is told."""
    costs, limits = Costs(0.0, 0.0005, fee), Limits(48e3, capital=9_000.0)
    mix = sizing_mix.choose(HOLDING, PUTS, costs, PRICES["normal"], limits, MARGIN).mix

    assert mix.hedge.options
    assert 9_000 + 1e-3 >= mix.margin + mix.premium


def test_no_cheaper_found(monkeypatch):
    """Where tightening ends without a mix the safest one is told, under its own name."""
    ask = (HOLDING, QUOTES, COSTS, PRICES["normal"], Limits(15e3), MARGIN)
    found = sizing_mix.choose(*ask)
    monkeypatch.setattr(sizing_mix, "_ROUNDS", 0)
    safest = sizing_mix.choose(*ask)

    assert ("cheapest mix", "least CVaR") == (found.mix.hedge.name, safest.mix.hedge.name)
    assert safest.least == safest.mix.outcome.cvar


def test_unquoted():
    """What nobody offers is not bought, and what nobody bids for is not sold."""
    quotes = tuple(
        Quote(each.name, each.strike, each.sign, None, None, each.vol) for each in QUOTES
    )
    found = sizing_mix.choose(HOLDING, quotes, COSTS, PRICES["normal"], Limits(2e4), MARGIN)

    assert () == found.mix.hedge.options
    assert found.mix.hedge.perpetual < 0


def test_scale():
    """A thousand times the holding and the limit is a thousand times the mix."""
    large = Holding("BTC", 3000.0, 100_000.0, 30.0)
    one, many = (
        sizing_mix.choose(held, QUOTES, COSTS, PRICES["normal"], Limits(limit), MARGIN).mix
        for held, limit in ((HOLDING, 15_000.0), (large, 15_000_000.0))
    )

    assert 1000 * one.cost == pytest.approx(many.cost, rel=1e-4)
    assert 1000 * one.hedge.perpetual == pytest.approx(many.hedge.perpetual, abs=0.1)
