"""What hedging was worth: variance and bad days removed, what that cost, and what theory says.

Costs are fees, slippage and the funding that hedges paid; what the book's own
perpetuals pay it would pay without them too. *Net* counts costs, *gross* adds
them back: what the same trades would have removed for nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rebalancer.core.attribution import Parts
from rebalancer.research import effectiveness
from rebalancer.research.days import Day, grouped
from rebalancer.research.stays import SHARES, Stays

CENT = 0.01  # USD: sources and what was earned may differ by rounding only
TAIL = 0.05  # the worst changes that CVaR is the mean of

Floats = npt.NDArray[np.float64]


def shortfall(changes: Floats, share: float = TAIL) -> float | None:
    """Return the mean loss in the worst share of all changes, USD, > 0 lost; None without any.

    Where the share is no whole number of changes, the last one counts in part.

    Source:
        Rockafellar, Uryasev, "Optimization of conditional value-at-risk",
        J. Risk 2 (2000): the coherent form for scenarios of equal weight.

    >>> shortfall(np.array([-10.0, -2.0, 3.0, 4.0]), 0.375)
    7.333333333333333
    """
    if not len(changes):
        return None
    worst = np.sort(changes)
    count = share * len(worst)
    whole = int(count)
    parts = float(np.sum(worst[:whole])) + (count - whole) * float(
        worst[min(whole, len(worst) - 1)]
    )
    return -parts / count


def told(
    samples: tuple[Sequence[int], Sequence[float], Sequence[float], Sequence[float]],
    days: Sequence[Day],
    attribution: Mapping[str, float],
) -> dict[str, Any]:
    """Return the measures of a replay, for JSON.

    Args:
        samples: Times, ns; earned with hedges and without, USD; costs until then, USD.
        days: Rows by day.
        attribution: Of the whole replay, USD by source.
    """
    hedged, bare, spent = (np.asarray(each, float) for each in samples[1:])
    sampled = effectiveness.measure(samples[0], hedged.tolist(), bare.tolist())
    gross = effectiveness.measure(samples[0], (hedged + spent).tolist(), bare.tolist())
    changes, without = np.diff(hedged), np.diff(bare)
    tails = shortfall(changes), shortfall(without)
    costs = float(spent[-1] - spent[0]) if len(spent) else 0.0
    removed = None
    if sampled.variance_hedged is not None and sampled.variance_unhedged is not None:
        removed = (sampled.variance_unhedged - sampled.variance_hedged) * len(changes)
    price = costs / removed if removed is not None and removed > 0 else None
    return {
        "effectiveness": {
            "net": sampled.hedge_effectiveness,
            "gross": gross.hedge_effectiveness,
            **_daily(days),
        },
        "cvar": {"share": TAIL, "hedged": tails[0], "unhedged": tails[1], "ratio": _ratio(*tails)},
        "costs": {
            "fees": -attribution.get("fees", 0.0),
            "slippage": -attribution.get("slippage", 0.0),
            "funding": -attribution.get("funding", 0.0),
            "total": costs,
            "per_variance_removed": price,  # USD a USD² …
            "break_even_aversion": None if price is None else 2 * price,  # … 1/USD: see theory
        },
        "theory": _theory(attribution, costs),
        "residual": _residual(days, attribution),
    }


def _ratio(hedged: float | None, unhedged: float | None) -> float | None:
    return hedged / unhedged if hedged is not None and unhedged else None


def _daily(days: Sequence[Day]) -> dict[str, Any]:
    """Return effectiveness of the changes from day to day."""
    net = np.array([day.change for day in days])
    gross = net + np.array([day.costs for day in days])
    bare = np.array([day.unhedged for day in days])
    there = float(np.var(bare, ddof=1)) if len(days) > 1 else 0.0
    names = (("daily_net", net), ("daily_gross", gross))
    found = {
        name: 1.0 - float(np.var(each, ddof=1)) / there if there else None for name, each in names
    }
    return {**found, "days": len(days)}


def unattributed(earned: float | None, attribution: Mapping[str, float]) -> dict[str, Any]:
    """Return what was earned beside all sources together, USD, and whether it asks for a look.

    >>> unattributed(10.0, {"delta": 9.0, "fees": -1.5})
    {'usd': 2.5, 'alert': True}
    """
    left = 0.0 if earned is None or not attribution else earned - sum(attribution.values())
    return {"usd": left, "alert": abs(left) > CENT}


def _theory(attribution: Mapping[str, float], costs: float) -> dict[str, float]:
    """Return what a book hedged all the time earns, ½·gamma·S²·(r² − σ²·dt), beside what this did.

    Of what it earned before costs, `gamma_theta` is the theory's; `direction`
    is what delta was left open for, the options', the coins' and the hedges'
    together; `vol` what implied vols did; the rest is the residual and cash.
    """
    groups = grouped(attribution)
    del groups["costs"]
    theory = groups["gamma"] + groups["theta"]
    return {**groups, "gamma_theta": theory, "realised": sum(attribution.values()) + costs}


def _residual(days: Sequence[Day], attribution: Mapping[str, float]) -> dict[str, Any]:
    """Return what the model leaves, as a share of all it tells, and the days to look at."""
    gross = sum(abs(attribution.get(name, 0.0)) for name in Parts.__slots__)
    left = attribution.get("residual", 0.0)
    return {
        "usd": left,
        "share": abs(left) / gross if gross else 0.0,
        "alerts": [day.date for day in days if day.alert],
    }


def stayed(stays: Mapping[str, Stays]) -> dict[str, dict[str, float | None]]:
    """Return, by underlying, how far net delta was from its aim, coins, and how long outside."""
    return {
        name: {
            **{f"p{100 * share:g}": each.quantile(share) for share in SHARES},
            "max": each.furthest,
            "share_outside_band": each.outside / each.seconds if each.seconds else None,
        }
        for name, each in stays.items()
    }
