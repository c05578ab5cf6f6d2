"""What long campaigns showed, a line for each thousand seeds, so that others can be held to it.

    python -m tests.simulation.recorded OUTCOMES   write down what a file of `simulate --resume` has
    python -m tests.simulation.recorded            tell the sum of what is written down

A line holds where `rebalancer simulate --start FIRST --seeds 1000` ends with the same trace.
"""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from rebalancer.errors import DataError
from rebalancer.simulation.virtual.campaign import Summary, read

RECORD = Path(__file__).with_name("campaign.jsonl")
BLOCK = 1000  # seeds of one line

Line = dict[str, Any]


def known() -> dict[int, Line]:
    """Return the lines that are written down, by their first seed."""
    rows = RECORD.read_text().splitlines() if RECORD.exists() else []
    return {line["first"]: line for line in map(json.loads, rows)}


def line_of(first: int, block: Summary) -> Line:
    """Return what a thousand seeds showed."""
    return {
        "first": first,
        "seeds": len(block.lines),
        "virtual_seconds": block.seconds,
        "orders": sum(each["orders"] for each in block.lines.values()),
        "violations": block.violations,
        "goals": block.goals,
        "programs": [each or "unnamed" for each in block.programs],
        "trace": block.trace,
    }


def write(path: Path) -> None:
    """Write down the whole thousands of a file.

    Raises:
        DataError: A thousand that is written down left other traces there.
    """
    outcomes, told = read(path), known()
    for first in range(0, max(outcomes.lines, default=-1) + 1, BLOCK):
        seeds = [seed for seed in range(first, first + BLOCK) if seed in outcomes.lines]
        if len(seeds) < BLOCK:
            continue
        line = line_of(first, Summary({seed: outcomes.lines[seed] for seed in seeds}))
        before = told.get(first, line)
        for part in ("trace", "violations", "goals"):
            if before[part] != line[part]:
                raise DataError(f"{RECORD.name}: {first}: must have the {part} of before, has not")
        told[first] = before
    rows = (json.dumps(told[first]) + "\n" for first in sorted(told))
    RECORD.write_text("".join(rows))


def tell() -> None:
    """Print the sum of what is written down."""
    lines, goals, violations = known().values(), Counter[str](), Counter[str]()
    for line in lines:
        goals.update(line["goals"])
        violations.update(line["violations"])
    sums = {key: sum(line[key] for line in lines) for key in ("seeds", "virtual_seconds", "orders")}
    print(", ".join(f"{count:,} {key.replace('_', ' ')}" for key, count in sums.items()))
    for goal, count in sorted(goals.items()):
        print(f"  {goal:44} {count:>10,}")
    told = ", ".join(f"{name} {count}" for name, count in sorted(violations.items()))
    print(f"violations: {told or 'none'}")


if __name__ == "__main__":
    if sys.argv[1:]:
        write(Path(sys.argv[1]))
    tell()
