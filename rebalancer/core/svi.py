"""SVI: the total variance of one expiry in five numbers, and what no arbitrage asks of them.

With k = ln(strike ÷ forward) the raw form is w(k) = a + b·(ρ·(k - m) + √((k - m)² + s²)),
w being σ²·T. SSVI ties the expiries of a coin to their variance at the money.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

WIDE = 1.5  # of |k|, at least, on which butterflies are looked at
STEEPEST = 2.0  # of a wing: beyond it the moments of the price do not exist
_CELLS = 81


class Svi(NamedTuple):
    """One expiry; total variance, not per year."""

    a: float
    b: float  # >= 0
    rho: float  # in (-1, 1)
    m: float
    s: float  # > 0

    @property
    def wings(self) -> tuple[float, float]:
        """How fast variance grows towards low and towards high strikes, per unit of k."""
        return self.b * (1 - self.rho), self.b * (1 + self.rho)


def variance(svi: Svi, k: Floats) -> Floats:
    """Return total variance σ²·T at log strikes, shape of `k`.

    Source:
        Gatheral & Jacquier, "Arbitrage-free SVI volatility surfaces", Quantitative
        Finance 14 (2014), section 3.1.
    """
    away = k - svi.m
    return np.asarray(svi.a + svi.b * (svi.rho * away + np.sqrt(away**2 + svi.s**2)))


def tilt(svi: Svi, k: Floats) -> Floats:
    """Return dw/dk."""
    away = k - svi.m
    return np.asarray(svi.b * (svi.rho + away / np.sqrt(away**2 + svi.s**2)))


def bend(svi: Svi, k: Floats) -> Floats:
    """Return d²w/dk²."""
    return np.asarray(svi.b * svi.s**2 / np.sqrt((k - svi.m) ** 2 + svi.s**2) ** 3)


def butterfly(w: Floats, tilted: Floats, bent: Floats, k: Floats) -> Floats:
    """Return g(k), which is the density of the price up to a factor > 0.

    Args:
        w: Total variance, > 0.
        tilted: dw/dk.
        bent: d²w/dk².
        k: ln(strike ÷ forward); all of one shape.

    Returns:
        Below 0 a butterfly has a negative price: an arbitrage.

    Source:
        Gatheral & Jacquier (2014), eq. 2.1.
    """
    level = 1 - k * tilted / (2 * w)
    return np.asarray(level**2 - tilted**2 / 4 * (1 / w + 0.25) + bent / 2)


def density(svi: Svi, k: Floats) -> Floats:
    """Return g(k) of `butterfly`."""
    return butterfly(variance(svi, k), tilt(svi, k), bend(svi, k), k)


def spread(m: Floats, s: Floats) -> Floats:
    """Return places around a vertex, in its widths: beyond all quotes, dense where it bends most.

    Args:
        m: Place of the vertex, shape (n, 1).
        s: Its width, > 0, same shape.

    Returns:
        (k - m) ÷ s, shape (n, cells).
    """
    reach = np.arcsinh((WIDE + np.abs(m)) * 2 / s)
    return np.sinh(reach * np.linspace(-1.0, 1.0, _CELLS))


def grid(svi: Svi) -> Floats:
    """Return the log strikes on which butterflies are looked at."""
    m, s = np.array([[svi.m]]), np.array([[svi.s]])
    return np.asarray((m + s * spread(m, s))[0])


def free(svi: Svi) -> bool:
    """Whether no butterfly has a negative price, and no wing is too steep."""
    if not (svi.b >= 0 and abs(svi.rho) < 1 and svi.s > 0 and max(svi.wings) <= STEEPEST):
        return False
    least = svi.a + svi.b * svi.s * float(np.sqrt(1 - svi.rho**2))
    return least > 0 and bool((density(svi, grid(svi)) >= 0).all())


# --- SSVI -------------------------------------------------------------------


def ssvi_variance(theta: float, rho: float, phi: float, k: Floats) -> Floats:
    """Return total variance of an SSVI slice.

    Args:
        theta: Total variance at the money, > 0.
        rho: Tilt, in (-1, 1).
        phi: Curvature, > 0.
        k: ln(strike ÷ forward).

    Source:
        Gatheral & Jacquier (2014), eq. 4.1.
    """
    away = phi * k + rho
    return np.asarray(theta / 2 * (1 + rho * phi * k + np.sqrt(away**2 + 1 - rho**2)))


def power_law(theta: float, eta: float, gamma: float) -> float:
    """Return φ(θ) = η ÷ (θ^γ·(1 + θ)^(1 - γ)), γ in (0, 1/2]."""
    return float(eta / (theta**gamma * (1 + theta) ** (1 - gamma)))


def ssvi_free(theta: float, rho: float, phi: float) -> bool:
    """Whether an SSVI slice is known to be without butterfly arbitrage.

    Sufficient: θφ(1 + |ρ|) < 4 and θφ²(1 + |ρ|) <= 4.

    Source:
        Gatheral & Jacquier (2014), theorem 4.2.
    """
    steep = theta * phi * (1 + abs(rho))
    return steep < 4 and steep * phi <= 4


def ssvi_calendar(theta: float, phi: float, later: float, phi_later: float, rho: float) -> bool:
    """Whether two SSVI slices of one ρ are known not to cross: the later is nowhere below.

    Sufficient: variance at the money grows, by Δθ; and so does θφ, by no more than
    φ·Δθ·(1 + √(1 - ρ²)) ÷ ρ².

    Source:
        Gatheral & Jacquier (2014), theorem 4.1, over a step in place of its derivative.
    """
    grown, bowed = later - theta, later * phi_later - theta * phi
    most = np.inf if rho == 0 else min(phi, phi_later) * (1 + np.sqrt(1 - rho**2)) / rho**2
    return grown >= 0 and 0 <= bowed <= grown * most
