"""Overlay: the cheapest trades inside both limits are those of a linear programme."""

import numpy as np
import pytest
from scipy.optimize import linprog

from rebalancer.core.overlay import Greeks, Offer, cheapest


def solved(held, limits, offers):
    """Return the least cost by a solver, None where the limits cannot be kept."""
    bounded = [(held[axis], limits[axis], axis) for axis in range(2) if limits[axis] is not None]
    scale = [1 / limit for _, limit, _ in bounded]
    each = np.array([[(offer.gamma, offer.vega)[axis] for offer in offers] for *_, axis in bounded])
    rows = np.concatenate([np.hstack([each, -each]), np.hstack([-each, each])])
    ends = [limit - value for value, limit, _ in bounded]
    ends += [limit + value for value, limit, _ in bounded]
    scale = np.array(scale * 2)
    costs = [offer.cost for offer in offers] * 2
    found = linprog(costs, A_ub=rows * scale[:, None], b_ub=np.array(ends) * scale)
    return found.fun if found.success else None


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("absent", [None, "gamma", "vega"])
def test_against_a_solver(seed, absent):
    """What it costs is what a solver finds, whatever is held, offered and limited."""
    draw = np.random.default_rng(seed)
    greeks = draw.uniform((1e-4, 1), (0.02, 200), (draw.integers(1, 10), 2))
    offers = [
        Offer(str(place), gamma, vega, draw.uniform(0.5, 50))
        for place, (gamma, vega) in enumerate(greeks.tolist())
    ]
    gamma, vega = (draw.normal(0, 1, 2) * (0.5, 3000)).tolist()
    most = (draw.uniform(0.1, 1, 2) * (0.1, 500)).tolist()
    limits = Greeks(
        None if absent == "gamma" else most[0],
        None if absent == "vega" else most[1],
    )

    found = cheapest(gamma, vega, limits, offers)
    least = solved((gamma, vega), (limits.gamma, limits.vega), offers)

    assert (least is None) == (found is None)
    if found is not None:
        after = np.array([gamma, vega])
        for count, offer in found.legs:
            after += count * np.array([offer.gamma, offer.vega])
        kept = zip(after.tolist(), (limits.gamma, limits.vega), strict=True)
        assert all(limit is None or abs(value) <= limit * (1 + 1e-6) for value, limit in kept)
        assert least == pytest.approx(found.cost, rel=1e-6, abs=1e-9)


def test_two_options_where_one_would_hurt():
    """Short gamma and long vega: the short-dated one is bought, the long-dated one sold."""
    near, far = Offer("near", 0.02, 40.0, 5.0), Offer("far", 0.004, 200.0, 9.0)
    found = cheapest(-0.5, 2000.0, Greeks(0.1, 200.0), [near, far])

    assert ["near", "far"] == [offer.name for _, offer in found.legs]
    assert [1, -1] == [np.sign(count) for count, _ in found.legs]


def test_inside():
    """A book inside its limits needs nothing, and costs nothing."""
    found = cheapest(0.1, -200.0, Greeks(0.1, 200.0), [Offer("x", 0.01, 10.0, 1.0)])

    assert ((), 0.0) == (found.legs, found.cost)


def test_nothing_offered():
    """With no option to trade there is no overlay."""
    assert cheapest(1.0, 0.0, Greeks(0.1, None), []) is None


@pytest.mark.parametrize(
    ("lot", "least", "limit", "expected"),
    [
        (0.0, 0.0, 0.01, 4.5),  # 4.5 to 5.5 contracts do it
        (0.1, 0.1, 0.01, 4.5),
        (1.0, 1.0, 0.01, 5.0),
        (3.0, 3.0, 0.01, None),  # 3 are too few and 6 too many
        (0.1, 7.0, 0.01, None),  # the smallest order is too much
        (0.1, 7.0, 0.05, 7.0),
    ],
)
def test_lots(lot, least, limit, expected):
    """Only whole lots from the smallest order on are proposed, and only if they do it."""
    offer = Offer("x", 0.02, 10.0, 1.0, lot, least)
    found = cheapest(-0.1, 0.0, Greeks(limit, None), [offer])

    if expected is None:
        assert found is None
    else:
        assert expected == pytest.approx(found.legs[0][0], rel=1e-6)
