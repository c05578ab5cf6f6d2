"""The drawing: what a report shows as curves, gathered while a replay runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rebalancer.core.decision import Decision
from rebalancer.core.events import FundingRate, Index
from rebalancer.research.curves import Curve
from rebalancer.research.days import COSTS, Stand, between, grouped

LOOK = 900_000_000_000  # ns between two looks at the margin
DAY = 86_400_000_000_000  # ns


@dataclass(frozen=True, slots=True)
class Margin:
    """How the accounts of the exchange models stand."""

    ratio: float  # the highest of any pool: maintenance ÷ balance
    distances: Mapping[str, float]  # leg → |price of its liquidation ÷ mark − 1|


class Drawing:
    """Curves by name; a name is (chart, line)."""

    def __init__(self) -> None:
        self.curves: dict[tuple[str, str], Curve] = {}
        self._margin: Callable[[], Margin] | None = None
        self._looked = 0

    def look_at(self, margin: Callable[[], Margin]) -> None:
        """Look at the accounts now and then."""
        self._margin = margin

    def index(self, ts: int, item: Index) -> None:
        """Draw an index price, and how the accounts stand at it."""
        self._add("price", item.underlying, ts, float(item.price))
        if self._margin is not None and ts - self._looked >= LOOK:
            self._looked = ts
            margin = self._margin()
            self._add("margin", "ratio", ts, margin.ratio)
            for leg, distance in margin.distances.items():
                self._add("distance", leg, ts, distance)

    def rate(self, ts: int, item: FundingRate) -> None:
        """Draw a funding rate, bp a day, > 0 when longs pay."""
        self._add("rate", item.instrument, ts, 1e4 * item.rate * DAY / item.interval)

    def decided(self, decision: Decision) -> None:
        """Draw where net delta and its band stood."""
        name = decision.underlying
        self._add("delta", name, decision.ts, decision.net_delta)
        self._add("lower", name, decision.ts, decision.lower)
        self._add("upper", name, decision.ts, decision.upper)

    def sampled(self, begun: Stand, stand: Stand) -> None:
        """Draw what was earned until a sample, by source."""
        ts = stand.ts
        self._add("earned", "hedged", ts, stand.earned - begun.earned)
        self._add("earned", "unhedged", ts, stand.unhedged - begun.unhedged)
        parts = between(begun, stand)
        for group, part in grouped(parts).items():
            self._add("group", group, ts, part)
        for name in COSTS:
            self._add("cost", name, ts, -parts[name])

    def lines(self, chart: str) -> dict[str, Curve]:
        """Return the lines of a chart by name."""
        return {line: curve for (each, line), curve in self.curves.items() if each == chart}

    def _add(self, chart: str, line: str, ts: int, value: float) -> None:
        curve = self.curves.get((chart, line))
        if curve is None:
            curve = self.curves[chart, line] = Curve()
        curve.add(ts, value)
