"""The delivery price: a mean of the index, and what it does to an option before it is known.

Deribit delivers at the mean index of the last half hour. So a contract in its
last half hour is about an average of which a part is already known: its
forward moves less and less, and so does its price. The inputs told with an
option mark are those of that average: Black-76 on them is its price.

Source:
    https://www.deribit.com/docs/expiration-price/, for the window; Kemna & Vorst, "A
    pricing method for options based on average asset values", J. Banking &
    Finance 14 (1990), for the third of the variance.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Fixing:
    """The part of a delivery price that is already known."""

    expiry: int  # ns
    window: int  # ns before expiry over which it is taken, > 0
    seen: int = 0  # ns of the window in `total`
    total: float = 0.0  # sum of index x ns

    @property
    def mean(self) -> float | None:
        """The mean so far, USD; None before the window, or without a word in it."""
        return self.total / self.seen if self.seen else None


def watch(fixing: Fixing, since: int, ts: int, price: float) -> Fixing:
    """Return the fixing after the index was `price` from `since` (excluded) to `ts`, ns."""
    opened = fixing.expiry - fixing.window
    if ts <= opened:
        return fixing
    length = min(ts, fixing.expiry) - max(since, opened)
    if length <= 0:
        return fixing
    total = fixing.total + price * length
    return Fixing(fixing.expiry, fixing.window, fixing.seen + length, total)


def expected(fixing: Fixing, ts: int, forward: float) -> float:
    """Return the expected delivery price, USD, while the rest is expected at `forward`."""
    if not fixing.seen:
        return forward
    left = max(fixing.expiry - ts, 0)
    return (fixing.total + forward * left) / (fixing.seen + left)


def random_time(
    left: npt.NDArray[np.int64], window: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return the time that gives the average's variance when multiplied by the spot's.

    Args:
        left: ns to expiry, > 0.
        window: ns over which the average is taken.

    Returns:
        ns: all but two thirds of the window, and within it the cube of what is
        left over three times its square.

    >>> random_time(np.array([40, 30, 15]), np.array([30, 30, 30])).tolist()
    [20.0, 10.0, 1.25]
    """
    inside = left**3.0 / (3.0 * window.astype(np.float64) ** 2)
    return np.where(left >= window, left - window * (2 / 3), inside)
