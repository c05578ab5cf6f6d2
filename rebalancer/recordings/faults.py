"""What is wrong with a recorded file: every fault counted, the first few shown."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rebalancer.errors import DataError

SHOWN = 5  # faults written out; the rest is a number


@dataclass(slots=True)
class Faults:
    """Faults of one file, collected before any is raised."""

    source: str
    count: int = 0
    shown: list[tuple[int, str]] = field(default_factory=list)  # (row, text)

    def add(self, row: int, must: str, was: object) -> None:
        """Note one fault at a row of the file (line of a CSV file)."""
        self.count += 1
        self.shown.append((row, f"{must}, was {was}"))

    def note(
        self, rows: NDArray[np.int64], bad: NDArray[Any], must: str, was: Callable[[int], object]
    ) -> None:
        """Note a fault wherever `bad` holds; `was` tells what stands at a place of `rows`."""
        places = np.flatnonzero(bad)
        self.count += len(places)
        for place in places[:SHOWN].tolist():
            self.shown.append((int(rows[place]), f"{must}, was {was(place)}"))

    def check(self) -> None:
        """Do nothing when there is no fault.

        Raises:
            DataError: There is at least one.
        """
        if not self.count:
            return
        head = f"{self.source}: " + ("1 fault" if self.count == 1 else f"{self.count} faults")
        first = sorted(self.shown)[:SHOWN]
        lines = [head, *(f"  row {row}: {text}" for row, text in first)]
        if self.count > len(first):
            lines.append(f"  and {self.count - len(first)} more")
        raise DataError("\n".join(lines))
