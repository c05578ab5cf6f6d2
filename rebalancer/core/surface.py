"""Surface: the implied vol of any strike of an expiry, fitted to what is quoted, and its slope.

Each expiry gets an SVI curve that passes between every bid and ask and admits
no arbitrage: no butterfly below zero, no wing too steep, nowhere less total
variance than the expiry before. Where there are few points, or no such curve
exists, a plain one through the smoothed points stands in. How a curve was
found and how well it lies is told with it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np

from rebalancer.core import pricing, svi
from rebalancer.core.svi import Floats, Svi

if TYPE_CHECKING:
    from scipy.interpolate import PchipInterpolator

FEWEST = 6  # points that SVI's five numbers are fitted to
SMOOTHED = 5  # points from which on the stand-in bends; a line lies through fewer
INSIDE = 0.5  # of a spread: as far as a curve may pass from the middle of bid and ask
REFUSED = 5.0  # spreads that no stand-in may pass from a quote: then nobody knows the smile
SLACK = 1e-9  # of total variance, and of INSIDE, by which sums differ in their last bits
_PULL = 0.05  # of an error within the spread that counts: it picks one of many curves
_LEAST, _SHARPEST = 1e-6, 2e-3  # wing and vertex: none is flatter, none sharper
_STRICT = 30.0  # spreads that a whole unit of g below zero counts as
_MARGIN = 2e-3  # of g that is kept while fitting, so that the grid's gaps hold none below zero
_TURNS = 40  # of the descent
_ENOUGH = 1e-7  # of the sum of squares that a turn brings, below which it ends

_Errors = Callable[[Floats], Floats]  # rows of what is searched → errors of each, squared later


class Method(StrEnum):
    """How the curve of an expiry was found."""

    SVI = "svi"
    LOCAL = "local"  # smoothed in the neighbourhood of each point
    LINE = "line"  # straight: too few points to tell a bend


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """What is quoted for one expiry, by strike ascending, shape (n,)."""

    k: Floats  # ln(strike ÷ forward), no two alike
    vol: Floats  # per year, middle of bid and ask
    spread: Floats  # of vol between bid and ask, > 0: price spread ÷ vega


@dataclass(frozen=True, slots=True, eq=False)
class Smile:
    """The curve of one expiry, and how good it is."""

    method: Method
    years: float  # to the expiry when it was fitted
    points: int
    worst: float  # spreads: how far the curve passes from the middle of the worst quote
    free: bool  # no butterfly arbitrage: SVI on all strikes, a stand-in between its points
    calendar: bool  # nowhere below the expiry before, on what either quotes
    raw: Svi | None  # None: the stand-in
    k: Floats  # ends of what is quoted; of the stand-in every point
    curve: "PchipInterpolator | None"  # vol of the stand-in, between the points


def variance(smile: Smile, k: Floats) -> Floats:
    """Return total variance at log strikes, shape of `k`."""
    if smile.raw is not None:
        return svi.variance(smile.raw, k)
    return np.asarray(vol(smile, k) ** 2 * smile.years)


def vol(smile: Smile, k: Floats) -> Floats:
    """Return implied vol per year at log strikes, shape of `k`; > 0.

    Beyond its points a stand-in goes on as it ends, straight.
    """
    if smile.raw is not None:
        return np.sqrt(svi.variance(smile.raw, k) / smile.years)
    near = np.clip(k, smile.k[0], smile.k[-1])
    told = _curve(smile)(near) + slope(smile, near) * (k - near)
    return np.asarray(np.maximum(told, _LEAST))


def slope(smile: Smile, k: Floats) -> Floats:
    """Return dσ/dk at log strikes, per year and unit of k, shape of `k`.

    >>> raw = Svi(0.012, 0.08, -0.15, 0.01, 0.12)
    >>> month = Smile(Method.SVI, 30 / 365, 9, 0.0, True, True, raw, np.array([-0.2, 0.2]), None)
    >>> slope(month, np.log(np.array([0.9]))).round(5).tolist()
    [-0.71983]
    """
    if smile.raw is not None:
        turned = svi.tilt(smile.raw, k)
        return np.asarray(turned / (2 * smile.years * vol(smile, k)))
    near = np.clip(k, smile.k[0], smile.k[-1])
    return np.asarray(_curve(smile).derivative()(near))


def _curve(smile: Smile) -> "PchipInterpolator":
    if smile.curve is None:  # pragma: no cover - `fit` makes one or the other
        raise ValueError("smile: must have a curve or SVI's numbers, had neither")
    return smile.curve


def points(forward: Floats, strike: Floats, sign: Floats, vol: Floats, spread: Floats) -> Points:
    """Return the out-of-the-money side of each strike, which its vol is best known by.

    Args:
        forward: Of the expiry, beside each vol, USD per coin.
        strike: USD per coin.
        sign: +1 call, -1 put.
        vol: Middle of bid and ask, or mark, per year, > 0.
        spread: Of vol between bid and ask, > 0; all of shape (n,).

    Returns:
        One point a strike: the out-of-the-money option where it is told, else its twin.
    """
    k = np.log(strike / forward)
    inside = k * sign < 0
    order = np.lexsort((inside, strike))  # the first of a strike is out of the money
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = np.diff(strike[order]) > 0
    kept = order[first]
    kept = kept[np.argsort(k[kept], kind="stable")]
    apart = np.ones(len(kept), dtype=np.bool_)
    apart[1:] = np.diff(k[kept]) > 0
    kept = kept[apart]
    return Points(k[kept], vol[kept], spread[kept])


# --- fitting ----------------------------------------------------------------


def fit(told: Points, years: float, before: Smile | None = None) -> Smile | None:
    """Return the curve of one expiry; the same points make the same curve, bit for bit.

    Points within their spread pull hardly at all; an error beyond it counts by
    its spreads, which is vega ÷ spread of the price.

    Args:
        told: Quotes of one expiry.
        years: To the expiry, > 0.
        before: Curve of the expiry before; its variance is nowhere to be fallen below.

    Returns:
        SVI where it passes every check, else the stand-in; None where that has fewer
        than two points, or misses one of them by more than `REFUSED` spreads.
    """
    if len(told.k) >= FEWEST:
        found = _fit_svi(told, years, before)
        if found is not None:
            return found
    return _stand_in(told, years, before)


def surface(told: Sequence[tuple[float, Points]]) -> list[Smile | None]:
    """Return the curves of the expiries of one coin; (years, points) by expiry, nearest first."""
    found: list[Smile | None] = []
    before: Smile | None = None
    for years, each in told:
        smile = fit(each, years, before)
        found.append(smile)
        before = smile or before
    return found


def _fit_svi(told: Points, years: float, before: Smile | None) -> Smile | None:
    """Return the SVI curve; None where none passes every check."""
    raw = _least(told, years, before)
    worst = _worst(told, np.sqrt(np.maximum(svi.variance(raw, told.k), 0) / years))
    if worst > INSIDE + SLACK or not svi.free(raw):
        return None
    ends = told.k[[0, -1]]
    smile = Smile(Method.SVI, years, len(told.k), worst, True, True, raw, ends, None)
    return smile if before is None or not _crosses(smile, before) else None


def _worst(told: Points, fitted: Floats) -> float:
    return float((np.abs(fitted - told.vol) / told.spread).max())


def _crosses(later: Smile, before: Smile) -> bool:
    """Whether an expiry has less variance somewhere than the one before it."""
    k = _common(later.k, before)
    return bool((variance(later, k) < variance(before, k) - SLACK).any())


def _common(k: Floats, before: Smile) -> Floats:
    """Return log strikes over all that either of two expiries quotes; a stand-in knows its own."""
    low, high = before.k[0], before.k[-1]
    if before.raw is not None:
        low, high = min(k[0], low), max(k[-1], high)
    return np.linspace(low, high, 41)


# A row of what is searched: least variance, left and right wing, place and width of the vertex.
# All that one number alone must obey is then a bound of one of them.


def _raw(row: Floats) -> Svi:
    least, left, right, m, s = (float(each) for each in row)
    b = (left + right) / 2
    return Svi(least - s * float(np.sqrt(left * right)), b, (right - left) / 2 / b, m, s)


def _shape(rows: Floats, k: Floats) -> tuple[Floats, Floats, Floats]:
    """Return w, dw/dk, d²w/dk² of each row at each k, shape (rows, k)."""
    least, left, right, m, s = (rows[:, [i]] for i in range(5))
    away = k - m
    root = np.sqrt(away**2 + s**2)
    tilted, half = (right - left) / 2, (right + left) / 2
    w = least - s * np.sqrt(left * right) + tilted * away + half * root
    return w, tilted + half * away / root, half * s**2 / root**3


def _least(told: Points, years: float, before: Smile | None) -> Svi:
    """Return the curve of the smallest error, arbitrage counting as a large one."""
    common = np.zeros(0) if before is None else _common(told.k, before)
    floor = np.zeros(0) if before is None else variance(before, common)
    level = float(np.median(told.vol)) ** 2 * years

    def errors(rows: Floats) -> Floats:
        w, _, _ = _shape(rows, told.k)
        off = (np.sqrt(np.maximum(w, 0) / years) - told.vol) / told.spread
        inside = np.clip(off, -INSIDE * 0.9, INSIDE * 0.9)
        kinked = off - (1 - _PULL) * inside
        wide = rows[:, [3]] + rows[:, [4]] * svi.spread(rows[:, [3]], rows[:, [4]])
        w, tilted, bent = _shape(rows, wide)
        below = np.minimum(svi.butterfly(np.maximum(w, SLACK), tilted, bent, wide) - _MARGIN, 0)
        under = np.minimum(_shape(rows, common)[0] - floor, 0) / level
        return np.concatenate((kinked, _STRICT * below, 10 * _STRICT * under), axis=1)

    starts, bounds = _starts(told, years), _bounds(told)
    found = [_descend(errors, start, bounds) for start in starts]
    return _raw(min(found, key=lambda each: float((errors(each[None, :]) ** 2).sum())))


def _bounds(told: Points) -> tuple[Floats, Floats]:
    span = max(float(np.ptp(told.k)), 0.05)
    low = np.array([SLACK, _LEAST, _LEAST, told.k[0] - span, _SHARPEST])
    high = np.array([np.inf, svi.STEEPEST, svi.STEEPEST, told.k[-1] + span, 4 * span])
    return low, high


def _starts(told: Points, years: float) -> list[Floats]:
    """Return the two best of a grid of vertices; for each the rest is a linear problem.

    Source:
        Zeliade Systems, "Quasi-explicit calibration of Gatheral's SVI model" (2009).
    """
    span = max(float(np.ptp(told.k)), 0.05)
    centre = (told.k[0] + told.k[-1]) / 2
    m, s = np.meshgrid(centre + span * np.linspace(-0.5, 0.5, 7), span * np.geomspace(0.02, 1, 6))
    m, s = m.ravel()[:, None], s.ravel()[:, None]
    weight = 1 / (2 * told.vol * years * told.spread)  # of variance, so that errors are spreads
    away = told.k - m
    columns = np.stack((np.ones_like(away), away, np.sqrt(away**2 + s**2)), axis=2)
    weighted = columns * weight[:, None]
    target = told.vol**2 * years * weight
    normal = np.einsum("gni,gnj->gij", weighted, weighted) + 1e-9 * np.eye(3)
    solved = np.linalg.solve(normal, (weighted * target[:, None]).sum(axis=1)[:, :, None])[:, :, 0]
    base, tilted, half = solved.T
    left, right = (np.clip(half + way * tilted, 1e-3, 1.9) for way in (-1, 1))
    least = np.maximum(base + s[:, 0] * np.sqrt(left * right), 1e-2 * (told.vol.min() ** 2 * years))
    rows = np.column_stack((least, left, right, m[:, 0], s[:, 0]))
    off = (np.sqrt(np.maximum(_shape(rows, told.k)[0], 0) / years) - told.vol) / told.spread
    best = np.argsort((off**2).sum(axis=1), kind="stable")[:2]
    return [rows[place] for place in best]


def _descend(errors: _Errors, start: Floats, bounds: tuple[Floats, Floats]) -> Floats:
    """Return the end of a damped Gauss-Newton descent between bounds."""
    low, high = bounds
    row, damping = np.clip(start, low, high), 1e-2
    now = errors(row[None, :])[0]
    cost = float(now @ now)
    for _ in range(_TURNS):
        step = 1e-6 * np.maximum(np.abs(row), 1e-4)
        step = np.where(row + step > high, -step, step)
        slopes = (errors(row + np.diag(step)) - now) / step[:, None]
        square, pull = slopes @ slopes.T, slopes @ now
        scale = np.maximum(np.diag(square), 1e-12)
        for _ in range(8):
            moved = np.linalg.solve(square + damping * np.diag(scale), -pull)
            tried = np.clip(row + moved, low, high)
            then = errors(tried[None, :])[0]
            if float(then @ then) < cost:
                break
            damping *= 4
        else:
            return row
        gained, damping = cost - float(then @ then), max(damping / 5, 1e-9)
        row, now, cost = tried, then, cost - gained
        if gained <= _ENOUGH * (cost + _ENOUGH):
            break
    return row


# --- the stand-in -----------------------------------------------------------


def prepare() -> None:
    """Load what a stand-in is made with: a quarter of a second, which no decision must wait."""
    import_module("scipy.interpolate")


def _stand_in(told: Points, years: float, before: Smile | None) -> Smile | None:
    """Return a plain curve through the smoothed points; None where they do not allow one."""
    from scipy.interpolate import PchipInterpolator  # here: it loads slowly, and few need it

    count = len(told.k)
    if count < 2:
        return None
    bends = count >= SMOOTHED
    smooth = _smoothed(told) if bends else _line(told)
    worst = _worst(told, smooth)
    if worst > REFUSED or not (smooth > 0).all():
        return None
    method = Method.LOCAL if bends else Method.LINE
    free = _convex(told.k, smooth, years)
    curve = PchipInterpolator(told.k, smooth)
    smile = Smile(method, years, count, worst, free, True, None, told.k, curve)
    if before is None or not _crosses(smile, before):
        return smile
    return replace(smile, calendar=False)


def _line(told: Points) -> Floats:
    """Return the vols of the straight line that lies best among the points."""
    tilted, level = np.polyfit(told.k, told.vol, 1, w=1 / told.spread)
    return np.asarray(level + tilted * told.k)


def _smoothed(told: Points) -> Floats:
    """Return each point's vol by a parabola through its neighbours, the nearest counting most.

    Source:
        Cleveland, "Robust locally weighted regression and smoothing scatterplots",
        J. American Statistical Association 74 (1979), 829-836.
    """
    count = len(told.k)
    away = told.k - told.k[:, None]  # by target, by point
    near = np.partition(np.abs(away), min(max(SMOOTHED, count // 3), count - 1), axis=1)
    reach = near[:, [min(max(SMOOTHED, count // 3), count - 1)]] * 1.001
    weight = np.clip(1 - np.abs(away / reach) ** 3, 0, None) ** 3 / told.spread**2
    weight = weight / weight.max(axis=1, keepdims=True)
    scaled = away / reach
    columns = np.stack((np.ones_like(scaled), scaled, scaled**2), axis=2)
    normal = np.einsum("tpi,tp,tpj->tij", columns, weight, columns) + 1e-9 * np.eye(3)
    target = np.einsum("tpi,tp,p->ti", columns, weight, told.vol)
    return np.asarray(np.linalg.solve(normal, target[:, :, None])[:, 0, 0])


def _convex(k: Floats, vol: Floats, years: float) -> bool:
    """Whether calls of these vols are convex in their strike, and cost less the higher it is."""
    strike = np.exp(k)
    steps = np.diff(pricing.price(1.0, strike, years, vol, 1)) / np.diff(strike)
    return bool((steps <= 0).all() and (steps >= -1).all() and (np.diff(steps) >= -SLACK).all())
