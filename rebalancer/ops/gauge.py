"""A line that shows where the net delta stands within its tolerance band.

        ······┠━━━━━━━━━━━━━┿━━━━━●━━━━━━━┨······

The band takes the middle half, the aim is its tick, and the marker is the net
delta: green inside, red outside, an arrow where it is off the line.
"""

import math

from rich.text import Text

_DIM, _GOOD, _BAD = "dim", "green", "bold red"
_OUTSIDE, _BAND, _LEFT, _RIGHT, _AIM, _MARK = "·", "━", "┠", "┨", "┿", "●"


def gauge(
    net: float | None, aim: float | None, lower: float | None, upper: float | None, width: int
) -> Text:
    """Return the gauge.

    Args:
        net: Net delta, coins; None when nobody knows it.
        aim: What it should be, coins.
        lower: Lower edge of the band, coins.
        upper: Upper edge, coins.
        width: Columns, at least 8.
    """
    if lower is None or upper is None or not 0.0 <= upper - lower < math.inf:
        return Text(_OUTSIDE * width, _DIM)
    first, last = width // 4, width - 1 - width // 4
    cells = [(_OUTSIDE, _DIM)] * width
    inside = net is not None and lower <= net <= upper
    colour = _GOOD if inside else _BAD
    for place in range(first, last + 1):
        cells[place] = (_BAND, colour)
    cells[first], cells[last] = (_LEFT, colour), (_RIGHT, colour)
    if aim is not None and lower <= aim <= upper:
        cells[_place(aim, lower, upper, (first, last))] = (_AIM, "bold white")
    if net is not None:
        place = _place(net, lower, upper, (first, last))
        # A hair outside must not look like on the edge.
        place = place if inside else min(place, first - 1) if net < lower else max(place, last + 1)
        mark = "◀" if place < 0 else "▶" if place >= width else _MARK
        cells[min(max(place, 0), width - 1)] = (mark, f"bold {colour}" if inside else colour)
    return Text.assemble(*cells)


def _place(value: float, lower: float, upper: float, ends: tuple[int, int]) -> int:
    """Return the column of a value on the line through the band's two ends."""
    first, last = ends
    if upper == lower:
        return (first + last) // 2 if value == lower else (-1 if value < lower else 10**6)
    fraction = (value - lower) / (upper - lower)
    return first + round(min(max(fraction, -10.0), 10.0) * (last - first))
