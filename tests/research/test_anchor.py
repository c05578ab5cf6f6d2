"""The anchor's study: its daemon trades as its policies do, and its check can fail."""

import json
from dataclasses import replace

import numpy as np
import pytest

from rebalancer.core.params import BandKind, BandParams
from rebalancer.research import anchor, anchor_paths, anchor_steps
from rebalancer.research.anchor_figures import TOLD
from rebalancer.research.anchor_paths import Played, Rule

COST = 0.0005
STEPS = 500  # of 8,640
BANDS = anchor_steps.bands(COST)
PATHS = np.random.default_rng(3).standard_normal((3, STEPS))


@pytest.mark.parametrize("name", list(BANDS))
@pytest.mark.parametrize("place", range(3))
def test_through_step(name, place):
    """Step by step the daemon holds what the policy does, and trades when it does."""
    told = anchor_steps.compare(*BANDS[name], PATHS[place], COST, lambda: None)

    assert 0 == told.other
    assert told.apart < anchor_steps.NEAR
    assert told.trades > 0


def test_another_band_differs():
    """A band that is a thousandth of a coin wider than the policy's is seen."""
    band, rule = BandParams(BandKind.FIXED, -0.041, 0.041, reset=0.0), BANDS["edge 0.04"][1]
    told = anchor_steps.compare(band, rule, PATHS[0], COST, lambda: None)

    assert told.other > 0
    assert pytest.approx(0.001, abs=1e-4) == told.apart


# --- the check ----------------------------------------------------------------


def found(paths=4000):
    """One rule whose costs and profits were drawn around what was told."""
    rule = Rule("time", ("1h",), (None,), lambda *_: None)
    source = np.random.default_rng(1)
    profit = source.normal(0, 473.0, (1, paths))
    traded = source.normal(361.8 / 0.0002, 1e5, (1, paths))
    return anchor.rows([rule], [Played(profit, traded, np.full((1, paths), 711.0))])


def test_off_is_found():
    """A figure beyond four of its errors is named; on all paths, one beyond a digit."""
    row = next(each for each in found() if each.cost_bp == 2)
    exact = replace(row, found=tuple(float(each) for each in TOLD["time", "1h"][0]))
    far = replace(exact, found=(361.8 + 5 * row.errors[0] + 0.1, *exact.found[1:]))
    blurred = replace(exact, found=(361.87, *exact.found[1:]))

    assert () == exact.beyond(20_000) == exact.rounded_otherwise()
    assert ("cost",) == far.beyond(4000)
    assert () == blurred.beyond(20_000)
    assert ("cost",) == blurred.rounded_otherwise()
    assert ("cost",) == replace(exact, found=(361.91, *exact.found[1:])).beyond(20_000)


def test_errors():
    """Standard errors are what many samples scatter by."""
    source = np.random.default_rng(2)
    samples = [source.standard_normal(500) for _ in range(400)]
    for measure in (anchor.mean, anchor.deviation, anchor.tail):
        values, errors = np.array([measure(each) for each in samples]).T

        assert pytest.approx(values.std(), rel=0.15) == errors.mean()


def row(rule, cost, deviation, cost_bp=2.0):
    return anchor.Row(rule, "x", cost_bp, (cost, deviation, 0.0, 0.0), (1.0,) * 4, None)


def test_at_equal():
    """Costs are read between parameters, only where more cost means less deviation."""
    rows = [row("WW", 100, 2000), row("WW", 400, 500), row("WW", 800, 900)]

    assert (400, None, 200, None, 100) == tuple(
        None if each is None else round(each) if i in (0, 2, 4) else None
        for i, each in enumerate(anchor.at_equal(rows, "WW", 2.0))
    )
    assert (None,) * 4 == anchor.at_equal([row("WW", 100, 400), row("WW", 50, 600)], "WW", 2.0)[1:]


def test_order():
    """Where a rule that minds the cost is dearer than one that does not, it is said."""
    costs = {"WW": 100, "edge": 150, "centre": 200, "time": 250}

    def rows(costs):
        return [
            row(rule, cost * part, deviation, bp)
            for bp in (2.0, 5.0)
            for rule, cost in costs.items()
            for part, deviation in ((1, 2000), (4, 500))
        ]

    assert () == anchor.disordered(rows(costs))
    assert 8 == len(anchor.disordered(rows({**costs, "WW": 160})))
    assert pytest.approx(0.6) == anchor.saved(rows(costs))["time"]


def test_command(monkeypatch, tmp_path, capsys):
    """The command writes its numbers and page, and fails where a figure is off."""
    monkeypatch.setattr(anchor_paths, "STEPS", 4)
    monkeypatch.setattr(anchor_paths, "draws", lambda paths: iter(PATHS[0, :400].reshape(4, paths)))
    told, page = tmp_path / "a.json", tmp_path / "a.html"

    assert 1 == anchor.main(["--paths", "100", "--json", str(told), "--report", str(page)])
    assert {100} == {json.loads(told.read_text())["paths"]}
    assert "<h1>The anchor" in page.read_text()
    assert 64 == anchor.main(["--paths", "5"])
    assert "--paths: must be" in capsys.readouterr().err
