"""Styles: the table of how hedges are executed, and its keys."""

from typing import Annotated

from rebalancer.core.commands import Style
from rebalancer.settings.guarding import SECOND, Table
from rebalancer.settings.values import (
    AtLeastOne,
    AtLeastOneWhole,
    Duration,
    Positive,
    Share,
    Whole,
    choice,
)


class Execution(Table):
    """How patient hedges are; what hurries is taken at once all the same."""

    style: Annotated[Style, choice(Style)] = Style.IOC
    patience: Duration = 20 * SECOND  # from a hedge's first order until the rest is taken
    urgent: AtLeastOne = 1.5  # half-widths of the band from the aim at which it is taken at once
    offset_ticks: Whole = 0  # that a resting order stays behind the best price of its side
    reprice: Duration = 5 * SECOND  # chase: after it an order that fell behind is put anew …
    drift_ticks: AtLeastOneWhole = 10  # … or sooner, so many ticks behind
    slice: Positive | None = None  # twap: coins at most …
    every: Duration = 5 * SECOND  # … so often …
    participation: Share = 1.0  # … and at most this share of the displayed size
