"""Moves: what delta-hedged options gained or lost from one recorded snapshot to the next.

An option's worth is its mark times the forward of its expiry, both of one call;
it is hedged with that forward. Whatever else moved, the vol among it, is left in
the error. Only what was out of the money and quoted on both sides at the first
of two snapshots counts: other marks are a venue's guess.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from rebalancer.core import black, surface
from rebalancer.core.surface import Points, Smile
from rebalancer.core.volatility import YEAR
from rebalancer.errors import DataError
from rebalancer.recordings.table import Floats, Times
from rebalancer.research.smile_chains import Chain, quoted_vols

HOUR = 3_600_000_000_000  # ns
LONGEST = 14 * HOUR  # between two snapshots that are compared: the recording has holes
LAST = 12 * HOUR  # of an option that its moves do not count in: settlement is near
NEAREST, FARTHEST = 0.05, 0.95  # of a call's delta: beyond, a mark is little but rounding
Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Moves:
    """One option from one snapshot to the next a row; shape (n,)."""

    ts: Times  # ns, of the first of the two
    days: Floats  # to expiry, then
    delta: Floats  # of the call of its strike, N(d1)
    sign: Floats  # of the option: +1 call, -1 put
    error: Floats  # worth gained less delta times the forward's move, ÷ forward
    moved: Floats  # of the forward, fraction
    vega: Floats  # n(d1)·√T: vega ÷ forward
    slope: Floats  # of its smile in ln strike; NaN: nobody knew it

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.ts)

    def picked(self, keep: Booleans) -> "Moves":
        """Return the rows that are wanted."""
        return Moves(*(getattr(self, name)[keep] for name in self.__slots__))


def of_chains(
    chains: Sequence[Chain], done: Callable[[], object] = lambda: None, *, slopes: bool = True
) -> tuple[Moves, dict[str, int]]:
    """Return the moves of one coin, and how many curves were fitted by which method.

    Args:
        chains: Snapshots in time order.
        done: Called after each.
        slopes: Whether smiles are fitted, which takes nearly all of the time.

    Raises:
        DataError: No two snapshots follow one another.
    """
    counts: dict[str, int] = {}
    parts = []
    for first, second in pairwise(chains):
        if second.ts - first.ts <= LONGEST:
            parts.append(_between(first, second, counts if slopes else None))
        done()
    if not parts:
        raise DataError("chains: must have two snapshots within 14 h of one another, had none")
    whole = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return Moves(*whole), dict(sorted(counts.items()))


def _between(
    first: Chain, second: Chain, counts: dict[str, int] | None
) -> tuple[npt.NDArray[Any], ...]:
    bid, ask = quoted_vols(first)
    quoted = np.isfinite(bid) & np.isfinite(ask) & (ask > bid)
    slope = np.full(len(first.strike), np.nan)
    if counts is not None:
        slope = _slopes(first, (bid, ask), quoted, counts)
    place = {name: i for i, name in enumerate(second.name.tolist())}
    then = np.array([place.get(name, -1) for name in first.name.tolist()])
    root = np.sqrt(first.years)
    d1 = np.log(first.forward / first.strike) / (first.vol * root) + first.vol * root / 2
    delta = ndtr(d1)
    keep = quoted & (then >= 0) & (first.expiry - second.ts >= LAST)
    keep &= (first.strike - first.forward) * first.sign >= 0
    keep &= (delta >= NEAREST) & (delta <= FARTHEST)
    rows, then = np.flatnonzero(keep), then[keep]
    forward, sign = first.forward[rows], first.sign[rows]
    moved = second.forward[then] / forward - 1
    worth = second.mark[then] * second.forward[then] / forward - first.mark[rows]
    own = sign * ndtr(sign * d1[rows])
    return (
        np.full(len(rows), first.ts),
        (first.expiry[rows] - first.ts) / (24 * HOUR),
        delta[rows],
        sign,
        worth - own * moved,
        moved,
        black.density(d1[rows]) * root[rows],
        slope[rows],
    )


def _slopes(
    chain: Chain, vols: tuple[Floats, Floats], quoted: Booleans, counts: dict[str, int]
) -> Floats:
    """Return the slope of its smile at each option, NaN where there is none."""
    slope = np.full(len(chain.strike), np.nan)
    for rows, fitted in curves(chain, vols, quoted):
        name = "none" if fitted is None else str(fitted.method)
        counts[name] = counts.get(name, 0) + 1
        if fitted is not None:
            slope[rows] = surface.slope(fitted, np.log(chain.strike[rows] / chain.forward[rows]))
    return slope


def curves(
    chain: Chain, vols: tuple[Floats, Floats], quoted: Booleans
) -> Iterator[tuple[npt.NDArray[np.intp], Smile | None]]:
    """Yield the rows of each expiry, nearest first, and the curve through its quotes.

    Args:
        chain: One snapshot.
        vols: Of bid and ask.
        quoted: Whether both are there.
    """
    bid, ask = vols
    before: Smile | None = None
    for expiry in np.unique(chain.expiry).tolist():
        rows = np.flatnonzero(chain.expiry == expiry)
        told = rows[quoted[rows]]
        points: Points = surface.points(
            chain.forward[told],
            chain.strike[told],
            chain.sign[told],
            (bid[told] + ask[told]) / 2,
            ask[told] - bid[told],
        )
        fitted = surface.fit(points, (expiry - chain.ts) / YEAR, before)
        yield rows, fitted
        before = fitted or before
