"""Placement held against general solvers, which know nothing of water that finds its level."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import optimize

from rebalancer.core import placement
from rebalancer.core.placement import Binds, Place

PRICE = 50_000.0


def numbers(low, high):
    """Return floats with few digits, so that a counterexample can be read."""
    return st.integers(round(low * 1e6), round(high * 1e6)).map(lambda count: count / 1e6)


def places(impact):
    """Return venues with this kind of impact."""
    return st.lists(
        st.builds(
            Place,
            name=st.just("x"),
            rate=numbers(0.0, 0.001),
            impact=impact,
            funding=numbers(-0.002, 0.002),
            capital=numbers(0.0, 0.0005),
            held=numbers(-5.0, 5.0),
            beta=numbers(0.5, 1.5),
            cap=numbers(0.5, 8.0),
            initial=numbers(0.02, 0.3),
            free=numbers(0.0, 2.0).map(lambda each: each * PRICE),
        ),
        min_size=1,
        max_size=4,
    )


COINS = numbers(-12.0, 12.0)
CURVED, STRAIGHT = places(numbers(0.00001, 0.0005)), places(st.just(0.0))


def room(place, coins, moves):
    """Return the bounds of an order, said once more."""
    most = min(place.cap, abs(place.held) + place.free / (place.initial * PRICE))
    low, high = min(-most - place.held, 0.0), max(most - place.held, 0.0)
    if moves:
        return low, high
    return (
        (max(low, coins / place.beta), 0.0) if coins < 0 else (0.0, min(high, coins / place.beta))
    )


def total(told, orders):
    """Return what orders cost, fraction of the price, without the module under test."""
    return sum(
        each.rate * abs(order)
        + each.impact * order**2
        + each.funding * (each.held + order)
        + each.capital * abs(each.held + order)
        for each, order in zip(told, orders, strict=True)
    )


@given(CURVED, COINS, st.booleans())
@settings(max_examples=60, deadline=None)
def test_no_solver_does_better(told, coins, moves):
    """No search from any of several beginnings finds a cheaper split with impact."""
    found = placement.split(told, coins, PRICE, moves=moves)
    mine = [each.coins for each in found.parts]
    edges = [room(each, coins, moves) for each in told]
    betas = np.array([each.beta for each in told])
    low, high = (float(betas @ [each[side] for each in edges]) for side in (0, 1))
    wanted = min(max(coins, low), high)
    assert pytest.approx(wanted, abs=1e-9) == float(betas @ mine)
    assert all(a - 1e-9 <= each <= b + 1e-9 for each, (a, b) in zip(mine, edges, strict=True))

    rest = {"type": "eq", "fun": lambda each: float(betas @ each) - wanted}
    for begin in (np.array(mine), np.zeros(len(told)), np.array([sum(e) / 2 for e in edges])):
        answer = optimize.minimize(
            lambda each: total(told, each) * 1e3,
            begin,
            bounds=edges,
            constraints=[rest],
            method="SLSQP",
            options={"ftol": 1e-14, "maxiter": 200},
        )
        if answer.success and abs(float(betas @ answer.x) - wanted) < 1e-7:
            assert total(told, mine) <= total(told, answer.x) + 1e-9


@given(STRAIGHT, COINS, st.booleans())
@settings(max_examples=60, deadline=None)
def test_linear_program(told, coins, moves):
    """Without impact it is a linear program, and costs what a general solver finds."""
    found = placement.split(told, coins, PRICE, moves=moves)
    mine = [each.coins for each in found.parts]
    edges = [room(each, coins, moves) for each in told]
    betas = np.array([each.beta for each in told])
    low, high = (float(betas @ [each[side] for each in edges]) for side in (0, 1))
    wanted = min(max(coins, low), high)
    count = len(told)
    # order d, |d| <= u and |x + d| <= v
    cost = np.concatenate(
        (
            [each.funding for each in told],
            [each.rate for each in told],
            [each.capital for each in told],
        )
    )
    eye, none = np.eye(count), np.zeros((count, count))
    held = np.array([each.held for each in told])
    above = np.block([[eye, -eye, none], [-eye, -eye, none], [eye, none, -eye], [-eye, none, -eye]])
    limits = np.concatenate((np.zeros(2 * count), -held, held))
    answer = optimize.linprog(
        cost,
        A_ub=above,
        b_ub=limits,
        A_eq=[np.concatenate((betas, np.zeros(2 * count)))],
        b_eq=[wanted],
        bounds=[*edges, *[(None, None)] * (2 * count)],
    )
    assume(answer.success)
    best = answer.fun + sum(each.funding * each.held for each in told)

    assert pytest.approx(best, abs=1e-9) == total(told, mine)
    assert pytest.approx(PRICE * best, abs=1e-4) == found.cost


@given(CURVED, COINS, st.booleans())
@settings(max_examples=150, deadline=None)
def test_one_marginal_cost(told, coins, moves):
    """Nobody saves by trading a coin less at one place and one more at another."""
    found = placement.split(told, coins, PRICE, moves=moves)
    way, step = 1 if coins >= 0 else -1, 1e-5
    edges = [room(each, coins, moves) for each in told]
    for giver, taker in ((a, b) for a in range(len(told)) for b in range(len(told)) if a != b):
        orders = [each.coins for each in found.parts]
        before = total(told, orders)
        orders[giver] -= way * step / told[giver].beta
        orders[taker] += way * step / told[taker].beta
        inside = all(a <= each <= b for each, (a, b) in zip(orders, edges, strict=True))
        if inside:
            assert total(told, orders) >= before - 1e-13
    if found.marginal is not None:
        for each in found.parts:
            if each.binds is Binds.NOTHING:
                assert pytest.approx(found.marginal, rel=1e-6, abs=1e-6) == each.marginal


@given(CURVED, COINS, numbers(0.001, 0.5), numbers(0.0, 2.0))
@settings(max_examples=150, deadline=None)
def test_lots_stay_inside(told, coins, lot, least):
    """Whole lots keep to every bound, go past no hedge, and leave less than an order anywhere."""
    told = [Place(**{**_fields(each), "lot": lot, "least": least}) for each in told]
    whole = placement.split(told, coins, PRICE)
    found = placement.in_lots(told, whole, PRICE)
    hedged = sum(each.beta * part.coins for each, part in zip(told, found.parts, strict=True))

    assert abs(hedged) <= abs(coins) + 1e-6
    for each, part in zip(told, found.parts, strict=True):
        low, high, _ = placement.bounds(each, PRICE)
        assert low - 1e-6 <= part.coins <= high + 1e-6
        assert not part.coins or abs(part.coins) >= least - 1e-9
        assert pytest.approx(round(part.coins / lot), abs=1e-6) == part.coins / lot
        edge = high if coins > 0 else low
        more = min(abs(edge - part.coins), abs(coins - hedged) / each.beta)
        fits = int((more + abs(part.coins)) / lot * (1 - 1e-9)) * lot
        assert fits <= abs(part.coins) + 1e-6 or fits < least + 1e-6


def _fields(place):
    return {name: getattr(place, name) for name in place.__slots__}
