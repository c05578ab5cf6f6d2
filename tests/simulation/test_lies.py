"""Words of a simulated market that are not true."""

from itertools import pairwise

from rebalancer.core.events import OptionMark
from rebalancer.core.valuation import CONFIRMS
from rebalancer.simulation.virtual.book import START
from rebalancer.simulation.virtual.dice import Dice
from rebalancer.simulation.virtual.market import Market


def test_no_false_vol_confirms_the_one_before():
    """A false word comes alone: two that say the same are no mistake any more."""
    market = Market(Dice(7, "market"), START)
    told = [market.absurd(START) for _ in range(3000)]
    vols = [each.vol for each in told if isinstance(each, OptionMark)]

    assert len(vols) > 400
    assert all(max(a, b) / min(a, b) > CONFIRMS for a, b in pairwise(vols))
    assert min(vols) > 1.5
    assert max(vols) < 10  # beyond which nobody believes any
