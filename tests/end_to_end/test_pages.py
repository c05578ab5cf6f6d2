"""The pages of `sweep`, `frontier` and `size`, as a person meets them: on a desk and a phone."""

from itertools import cycle
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from rebalancer.cli import size
from rebalancer.research import frontier_page
from rebalancer.research.contest import PLAIN, WW
from rebalancer.research.judging import MEASURES, Choice, Point, Summary, Verdict
from rebalancer.research.sweep import page as sweep_page
from rebalancer.research.sweep import verdict
from rebalancer.research.sweep.frontier import Objective
from tests.end_to_end.test_report import DESK, DRAWN, LONGEST, PHONE, SOMETHING, beyond

pytest.importorskip("plotly", reason="the extra report is not installed")


def swept(path):
    """Write a page of four points, of which one had too few samples on the rest."""

    def part(cost, risk):
        costs = {"cost": cost, "fees": 0.7 * cost, "slippage": 0.5 * cost, "funding": -0.2 * cost}
        risks = {"risk": risk, "risk_low": 0.9 * risk, "risk_high": 1.2 * risk, "cvar": 2 * risk}
        return {**costs, **risks, "effectiveness": 0.95, "outside": 0.01, "days": 1.5}

    bands = (0.01, 0.05, 0.2, 0.5)
    jobs = [
        SimpleNamespace(
            key=str(band), point=SimpleNamespace(label=f"fixed, band.{{-lower, upper}} {band}")
        )
        for band in bands
    ]
    first = [part(*each) for each in ((900.0, 500.0), (400.0, 800.0), (100.0, 2_000.0))]
    rest = [part(*each) for each in ((950.0, 450.0), (350.0, 900.0), (150.0, 1_500.0))]
    lines = {
        job.key: {"key": job.key, "hedges": 12, "liquidations": 0, "first": one, "rest": other}
        for job, one, other in zip(jobs, [*first, part(450.0, 900.0)], [*rest, None], strict=True)
    }
    told = verdict.judge(jobs, lines, Objective("risk_at_most", 1_000.0))
    spec = SimpleNamespace(
        config=Path("sweep-of-a-name-without-an-end.toml"),
        source=SimpleNamespace(folder=Path("/where/recordings/are/kept/under/a/long/name")),
    )
    path.write_text(sweep_page.page(spec, told))


def contested(path):
    """Write a page of one market, every rule on it, and a verdict that could not be read."""

    def point(parameter, cost, deviation):
        near = (0.9 * deviation, 1.1 * deviation)
        deviations = (deviation, near, deviation / 2, deviation, near)
        return Point(
            parameter, cost, (0.9 * cost, 1.1 * cost), *deviations, 2 * deviation, 3.0, 0.5
        )

    rules = tuple(frontier_page.COLOURS)
    points = {
        rule: [point(n, 10.0 * n + place, 900.0 / n + 10 * place) for n in (1, 2, 4)]
        for place, rule in enumerate(rules)
    }
    read = [(0.91, (0.85, 1.04)), (1.2, (1.1, 1.3)), (float("nan"), (float("nan"),) * 2)]
    verdicts = [
        Verdict(
            *("the first half", measure, "a day", 14.0, Choice(WW, 3, 3e-5)),
            *(Choice(against, 1, 0.05), 12.5, 0.97, (0.9, 1.1), *each, *each),
        )
        for measure in MEASURES
        for against, each in zip(PLAIN, cycle(read), strict=False)
    ]
    told = ("15-minute bars of a year", "a straddle sold on every Friday")
    shown = [frontier_page.Shown("BTC at 5 bp", told, points, verdicts)]
    summary = {"SYNTHETIC options": [Summary("profit", PLAIN[0], 12, 0.93, 3, 1, 0.95, 1.02)]}
    path.write_text(frontier_page.page(("Hedges fill at the close of a bar",) * 3, shown, summary))


def sized(path):
    """Write a page of a holding, with a cheapest mix."""
    app = typer.Typer()
    app.callback()(lambda: None)
    size.register(app)
    asked = ("--price", "100000", "--vol", "0.6", "--cvar-limit", "9000", "--report", str(path))
    ran = CliRunner().invoke(app, ["size", *asked])
    assert 0 == ran.exit_code, ran.output


@pytest.fixture(scope="module", params=[swept, contested, sized], ids=lambda each: each.__name__)
def page(request, browser, tmp_path_factory):
    """Return a browser that has just drawn a page on a desk, and the page's address."""
    path = tmp_path_factory.mktemp("page") / "page.html"
    request.param(path)
    browser.scheme("light")
    browser.size(*DESK)
    browser.visit(path.as_uri(), DRAWN)
    return browser, path.as_uri()


def test_page(page):
    """It is quiet, asks for nothing, draws every chart, and on a phone nothing sticks out."""
    browser, address = page
    drawn = browser.value(LONGEST)
    asked = [each for each in browser.requests if not each.startswith("data:")]

    assert ([], [address]) == (browser.complaints, asked)
    assert 2 <= len(drawn) == browser.value("document.querySelectorAll('figure').length")
    assert [] == [name for name, length in drawn.items() if length < SOMETHING]

    browser.size(*PHONE, phone=True)
    browser.visit(address, DRAWN)
    assert PHONE[0] == browser.value("document.documentElement.scrollWidth")
    assert [] == beyond(browser)
    assert [] == browser.complaints
