"""The coverage floor counts branches, package by package."""

import json

import pytest

from tests.architecture import branches


def report(taken, of):
    """Return a coverage report of two modules in one package and one outside it."""
    summaries = {
        "rebalancer/core/band/placing.py": {"num_branches": of, "covered_branches": taken},
        "rebalancer/core/guards/funding.py": {"num_branches": 0, "covered_branches": 0},
        "rebalancer/core_less.py": {"num_branches": 9, "covered_branches": 0},
    }
    return {"files": {path: {"summary": summary} for path, summary in summaries.items()}}


@pytest.mark.parametrize(
    ("taken", "of", "share", "code"),
    [(19, 20, 95.0, 0), (18, 20, 90.0, 1), (0, 20, 0.0, 1), (0, 0, None, 0)],
)
def test_floor(tmp_path, taken, of, share, code):
    """The share is that of the package alone, and below the floor the build fails."""
    path = tmp_path / "coverage.json"
    path.write_text(json.dumps(report(taken, of)), encoding="utf-8")

    assert {"rebalancer/core": share} == branches.shares(report(taken, of), ["rebalancer/core"])
    assert code == branches.main(str(path), "95", "rebalancer/core")
