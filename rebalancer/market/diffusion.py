"""The mean-reverting walk (Ornstein-Uhlenbeck) that most of the world is made of."""

import math


def revert(value: float, mean: float, sd: float, decay: float, shock: float) -> float:
    """Return where a mean-reverting walk is after a step, exactly and for any length of step.

    Args:
        value: Where it is.
        mean: What it returns to.
        sd: Its standard deviation in the long run, >= 0.
        decay: Share of a distance from the mean that survives the step, in [0, 1].
        shock: Standard normal.

    Source:
        Gillespie, "Exact numerical simulation of the Ornstein-Uhlenbeck process",
        Phys. Rev. E 54 (1996), eq. 1.9.

    >>> revert(3.0, 1.0, 0.5, 0.5, 0.0)
    2.0
    """
    return mean + (value - mean) * decay + sd * math.sqrt(max(0.0, 1 - decay * decay)) * shock


def survival(elapsed: int, half_life: int) -> float:
    """Return the share of a distance that survives `elapsed`; both ns.

    >>> survival(60, 30)
    0.25
    """
    return math.exp2(-elapsed / half_life)
