"""Ratios: hedge ratios of two recorded series, over horizons that the noise of quoting spoils less.

Two prices of one coin do not move in the same minute, and their basis comes
back: over short horizons the ratio is too small and the effectiveness too (the
Epps effect). The one to use is that of the time for which a hedge is held.
"""

from dataclasses import dataclass

import numpy as np

from rebalancer.core import ratio
from rebalancer.core.ratio import FEWEST, Correction, Floats, Ratio, Use
from rebalancer.errors import DataError
from rebalancer.recordings.bars import Bars
from rebalancer.recordings.table import Times

MINUTE = 60_000_000_000  # ns
HORIZONS = (5 * MINUTE, 60 * MINUTE, 240 * MINUTE, 480 * MINUTE, 1_440 * MINUTE)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of two series."""

    every: int  # ns: horizon of the ratio to use
    halflife: float | None = None  # samples; None: all count alike
    inverse: bool = False  # whether both earn coins
    prior: float | None = None  # beta believed before; None: both are the same underlying


@dataclass(frozen=True, slots=True)
class Measured:
    """A ratio over one horizon."""

    horizon: int  # ns
    samples: int
    found: Ratio
    of_one: float  # effectiveness of a ratio of 1


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What two series say."""

    first: int  # ns, of the prices that both know
    last: int
    horizons: tuple[Measured, ...]  # shortest first
    chosen: Measured  # that of the horizon asked for
    beside_basis: Correction | None  # at that horizon; None: the basis never moves
    use: Use


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """Two prices of the same moments."""

    ts: Times
    spot: Floats
    hedge: Floats


def answer(spot: Bars, hedge: Bars, asked: Question) -> Answer:
    """Return the ratios of two series of bars.

    Bars are priced by their closes, at the times at which both end one. A
    horizon shorter than that is left out, and so are returns across a hole.

    Raises:
        DataError: The two have too little in common, or one never moves.
    """
    pair = _common(spot, hedge)
    step = max(spot.length, hedge.length)
    if asked.every < step:
        must = f"--every must be at least a bar ({step / MINUTE:g} min)"
        raise DataError(f"{spot.source}: {must}, was {asked.every / MINUTE:g} min")
    wanted = sorted({each for each in (*HORIZONS, asked.every) if each >= step})
    told = {each: _measured(pair, each, asked) for each in wanted}
    chosen = told[asked.every]
    if chosen is None:
        must = f"must have {FEWEST} returns of {asked.every / MINUTE:g} min that move, in common"
        raise DataError(f"{spot.source} and {hedge.source}: {must}, was fewer")
    return Answer(
        first=int(pair.ts[0]),
        last=int(pair.ts[-1]),
        horizons=tuple(each for each in told.values() if each is not None),
        chosen=chosen,
        beside_basis=_beside_basis(pair, asked),
        use=_use(chosen.found, asked),
    )


def _use(found: Ratio, asked: Question) -> Use:
    return ratio.for_same(found) if asked.prior is None else ratio.for_cross(found, asked.prior)


def _common(spot: Bars, hedge: Bars) -> _Pair:
    ends = spot.ts + spot.length, hedge.ts + hedge.length
    ts, here, there = np.intersect1d(*ends, assume_unique=True, return_indices=True)
    if not len(ts):
        raise DataError(
            f"{spot.source} and {hedge.source}: must have a time in common, was no such time"
        )
    return _Pair(ts, spot.close[here], hedge.close[there])


def _measured(pair: _Pair, horizon: int, asked: Question) -> Measured | None:
    """Return the ratio over a horizon (ns); None where it cannot be told."""
    kept = pair.ts % horizon == 0
    whole = np.diff(pair.ts[kept]) == horizon
    held, hedge = (
        ratio.returns(each[kept], inverse=asked.inverse)[whole] for each in (pair.spot, pair.hedge)
    )
    try:
        found = ratio.minimum_variance(held, hedge, asked.halflife)
    except ValueError:
        return None
    return Measured(horizon, len(held), found, ratio.at(found, 1.0))


def _beside_basis(pair: _Pair, asked: Question) -> Correction | None:
    """Return the ratio beside the basis, of logarithms, which move alike in dollars and coins.

    A hole counts as one step: what lies behind it comes back all the same.
    """
    kept = pair.ts % asked.every == 0
    levels = (np.log(each[kept]) for each in (pair.spot, pair.hedge))
    try:
        return ratio.error_correction(*levels)
    except ValueError:
        return None
