"""The paths of the anchor, and rules played over them: one straddle sold, a month, no carry.

One call and one put on a coin at 100,000 USD, sold at the money for 30 days; the price is a
geometric Brownian motion without drift whose volatility is the one they were priced at. The
hedge has a delta of one and costs nothing to hold. Every five minutes a rule is asked, the
first hedge goes to the aim of the rule, and at the end what is held is sold, for a fee too.
The draws are one generator's, 20,000 at each step, so that everybody has the same paths.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rebalancer.core import pricing
from rebalancer.core.black import FloatArray
from rebalancer.research import policies
from rebalancer.research.policies import Moment, Zone
from rebalancer.runtime import randomness

SEED, DRAWN = 20261120, 20_000  # of the generator; normals a step, of which the first are used
STEPS = 8640  # of five minutes
YEARS = 30 / 365
VOL = 0.6
PRICE = STRIKE = 100_000.0  # USD
BLOCK = 2000  # paths at once: what fits a processor's cache

Policy = Callable[[Moment, int], Zone]  # the step, for rules that go by time


@dataclass(frozen=True, slots=True)
class Rule:
    """A policy over its grid of parameters, which lie along the first axis, shape (k, 1)."""

    name: str
    labels: tuple[str, ...]  # k: one a parameter
    costs: tuple[float | None, ...]  # k: one-way fraction that it minds; None: it minds none
    policy: Policy


class Played(NamedTuple):
    """What came of a rule at each parameter and path, shape (k, n)."""

    profit: FloatArray  # USD, of premium, options and hedge, before fees
    traded: FloatArray  # USD of notional, the last sale included: times the cost it is the fees
    trades: FloatArray  # hedges, the last sale not counted


def premium() -> float:
    """Return what the straddle is sold for, USD.

    >>> round(premium(), 9)
    13707.881436507
    """
    return 2.0 * float(pricing.price(PRICE, STRIKE, YEARS, VOL, +1))


def draws(paths: int) -> Iterator[FloatArray]:
    """Yield the normals of each step, shape (paths,)."""
    source = randomness.numbered(SEED)
    for _ in range(STEPS):
        yield source.standard_normal(DRAWN)[:paths].copy()


def after(price: FloatArray, normals: FloatArray) -> FloatArray:
    """Return the price a step later."""
    step = YEARS / STEPS
    return np.asarray(price * np.exp(-0.5 * VOL * VOL * step + VOL * np.sqrt(step) * normals))


def moment(price: FloatArray, step: int) -> Moment:
    """Return what a rule may know at a step of paths with these prices."""
    years = np.asarray(YEARS * (STEPS - step) / STEPS)

    def delta_at(vol: FloatArray) -> FloatArray:
        return np.asarray(2.0 * pricing.delta(price, STRIKE, years, vol, +1) - 1.0)

    call = pricing.greeks(price, STRIKE, years, VOL, +1)
    vol = np.asarray(VOL)
    return Moment(price, 2.0 * call.delta - 1.0, -2.0 * call.gamma, years, vol, delta_at)


def play(
    rules: Sequence[Rule], paths: int, normals: Iterable[FloatArray], done: Callable[[], object]
) -> tuple[Played, ...]:
    """Play every rule over so many paths of these normals; `done` is called after each step."""
    blocks = [slice(start, start + BLOCK) for start in range(0, paths, BLOCK)]
    price = np.full(paths, PRICE)
    held = [np.zeros((len(rule.labels), paths)) for rule in rules]
    kept = [Played(np.zeros_like(each), np.zeros_like(each), np.zeros_like(each)) for each in held]
    for step, drawn in enumerate(normals):
        later = after(price, drawn)
        for block in blocks:
            known = moment(price[block], step)
            for rule, holding, told in zip(rules, held, kept, strict=True):
                zone = rule.policy(known, step)
                old = holding[:, block]
                new = (
                    np.broadcast_to(zone.aim, old.shape) if not step else policies.moved(zone, old)
                )
                told.traded[:, block] += np.abs(new - old) * known.price
                told.trades[:, block] += new != old
                told.profit[:, block] += new * (later[block] - known.price)
                holding[:, block] = new
        price = later
        done()
    owed = np.abs(price - STRIKE)
    for holding, told in zip(held, kept, strict=True):
        told.traded[...] += np.abs(holding) * price
        told.profit[...] += premium() - owed
    return tuple(kept)


# --- rules --------------------------------------------------------------------

EVERY = {"5m": 1, "15m": 3, "30m": 6, "1h": 12, "2h": 24, "4h": 48, "8h": 96, "1d": 288}  # steps
EDGES = (0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.12, 0.16, 0.24)  # coins
CENTRES = (0.02, 0.04, 0.06, 0.08, 0.12, 0.16, 0.24, 0.32)
WHALLEY_WILMOTT = (3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3)  # 1/USD
ZAKAMOULINE = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3)
COSTS = (0.0002, 0.0005)


def rules() -> tuple[Rule, ...]:
    """Return every rule with its grid; of those that mind the cost, one grid a cost."""
    return (
        every(EVERY),
        banded("edge", EDGES, 0.0),
        banded("centre", CENTRES, 1.0),
        averse("WW", WHALLEY_WILMOTT, COSTS),
        averse("Zak", ZAKAMOULINE, COSTS),
    )


def every(intervals: dict[str, int]) -> Rule:
    """Return the rule that hedges every so many steps."""
    steps = np.array(list(intervals.values()))[:, None]

    def policy(known: Moment, step: int) -> Zone:
        return policies.timed(known, step % steps == 0)

    return Rule("time", tuple(intervals), (None,) * len(intervals), policy)


def banded(name: str, widths: Sequence[float], reset: float) -> Rule:
    """Return the rule of fixed bands; `reset` is 0 for the edge, 1 for the aim."""
    column = np.array(widths)[:, None]

    def policy(known: Moment, step: int) -> Zone:
        del step
        return policies.fixed(known, column, reset)

    return Rule(name, tuple(f"{each:g}" for each in widths), (None,) * len(widths), policy)


def averse(name: str, aversions: Sequence[float], fees: Sequence[float]) -> Rule:
    """Return the rule "WW" or "Zak" at each risk aversion and cost."""
    rule = {"WW": policies.whalley_wilmott, "Zak": policies.zakamouline}[name]
    pairs = [(cost, aversion) for cost in fees for aversion in aversions]
    costs, column = (np.array(each)[:, None] for each in zip(*pairs, strict=True))

    def policy(known: Moment, step: int) -> Zone:
        del step
        return rule(known, costs, column)

    labels = tuple(f"{aversion:g}" for _, aversion in pairs)
    return Rule(name, labels, tuple(cost for cost, _ in pairs), policy)
