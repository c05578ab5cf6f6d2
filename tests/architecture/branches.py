"""The floor under branch coverage: `python -m tests.architecture.branches REPORT FLOOR PACKAGE…`.

Coverage's own threshold mixes lines and branches. This one counts branches
only, for each package by itself, from coverage's JSON report.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def shares(report: Mapping[str, Any], packages: list[str]) -> dict[str, float | None]:
    """Return the percentage of branches taken per package; None where it has no branch.

    Args:
        report: Coverage's JSON report, measured with branches.
        packages: Folders from the project's root, such as `rebalancer/core`.
    """
    found: dict[str, float | None] = {}
    for package in packages:
        summaries = [
            entry["summary"]
            for path, entry in report["files"].items()
            if path.startswith(f"{package}/")
        ]
        branches = sum(summary["num_branches"] for summary in summaries)
        taken = sum(summary["covered_branches"] for summary in summaries)
        found[package] = 100 * taken / branches if branches else None
    return found


def main(path: str, floor: str, *packages: str) -> int:
    """Print each package's share against the floor; return 1 when one lies below it."""
    report = json.loads(Path(path).read_text(encoding="utf-8"))
    below = 0
    for package, share in shares(report, list(packages)).items():
        fails = share is not None and share < float(floor)
        below += fails
        measured = "no branches" if share is None else f"{share:.1f} % of branches"
        print(f"{package}: {measured}, floor {floor} %{' -- below' if fails else ''}")
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
