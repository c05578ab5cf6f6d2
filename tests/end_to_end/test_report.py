"""The report of a replay, as a person meets it: in a browser, dark and light, desk and phone."""

import json
import os
import subprocess
import sys

import pytest

from rebalancer.cli import replaying
from rebalancer.errors import UsageError
from tests.end_to_end.test_replay import COMMAND, ROOT, own_files

pytest.importorskip("plotly", reason="the extra report is not installed")

DRAWN = "document.documentElement?.dataset?.drawn"
CHARTS = (
    *("earned", "price-BTC", "delta-BTC", "sources", "waterfall"),
    *("costs", "margin", "distance", "rate", "funding"),
)
SOMETHING = 10  # letters in the outline of the smallest triangle
LAYERS = (
    *(".scatterlayer path.js-line", ".scatterlayer path.point"),
    *(".barlayer .point path", ".waterfalllayer .point path"),
)
LONGEST = (  # chart → letters in its longest outline
    "Object.fromEntries([...document.querySelectorAll('.chart')].map((chart) => [chart.id, "
    f"Math.max(0, ...[...chart.querySelectorAll({', '.join(LAYERS)!r})]"
    ".map((path) => (path.getAttribute('d') || '').length))]))"
)
DESK, PHONE = (1280, 900), (390, 844)
LARGEST = 8_000_000  # bytes


def command(folder):
    """Run a replay of made-up files that writes a report and a summary."""
    files = ("--report", str(folder / "report.html"), "--json", str(folder / "told.json"))
    return subprocess.run(
        [*COMMAND, str(folder), "--config", str(own_files(folder)), *files],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )


@pytest.fixture(scope="session")
def report(tmp_path_factory):
    """Return where the report of three made-up days is, beside its summary."""
    folder = tmp_path_factory.mktemp("report")
    run = command(folder)
    assert 0 == run.returncode, run.stderr
    return folder / "report.html"


@pytest.fixture(scope="session")
def told(report):
    return json.loads((report.parent / "told.json").read_text())


def test_document(report):
    """The page is one file, not too large, that names no other and brings its library once."""
    text = report.read_text()

    assert len(text.encode()) < LARGEST
    assert "<script src=" not in text
    assert '<link rel="stylesheet"' not in text
    assert 1 == text.count("plotly.js v")
    assert "default-src 'none'" in text


def test_days_are_the_whole(told):
    """By day and by source, what was earned is the whole, to the cent."""
    earned = told["earned"]

    assert pytest.approx(earned, abs=0.005) == sum(day["change"] for day in told["by_day"])
    assert pytest.approx(earned, abs=0.005) == sum(told["attribution"].values())
    assert all(
        pytest.approx(day["change"], abs=0.005) == sum(day["parts"].values())
        for day in told["by_day"]
    )
    assert ["2026-01-01", "2026-01-02", "2026-01-03"] == [day["date"] for day in told["by_day"]]


def test_hedges_are_the_whole(told):
    """Fees, turnover and slippage of all hedges are those of the book."""
    rows = told["by_hedge"]

    assert told["hedges"] == len(rows)
    assert pytest.approx(told["fees"]) == sum(row["fee"] for row in rows)
    assert pytest.approx(told["turnover"]) == sum(row["turnover"] for row in rows)
    assert pytest.approx(told["costs"]["slippage"]) == sum(row["slippage"] for row in rows)
    assert all(0 < row["slippage_bp"] < 1 for row in rows)  # half a spread of one bp, and a tick
    assert all(abs(row["after"]) < abs(row["before"]) for row in rows)


def test_without_plotly(tmp_path, monkeypatch):
    """Where plotly is missing the command says how to get it, before it plays."""
    monkeypatch.setitem(sys.modules, "plotly", None)
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    sheet = tmp_path / "report.html"

    with pytest.raises(UsageError, match=r"pip install rebalancer\[report\]"):
        replaying.replay(tmp_path, own_files(tmp_path), report_file=sheet)
    assert not sheet.exists()


# --- in a browser -------------------------------------------------------------------------------


@pytest.fixture
def page(browser, report):
    """Return a browser that has just drawn the report, on a desk and in light colours."""
    browser.scheme("light")
    browser.size(*DESK)
    browser.visit(report.as_uri(), DRAWN)
    return browser


def test_quiet(page, report):
    """Nothing is complained of, and nothing is asked of the network."""
    assert [] == page.complaints
    assert [report.as_uri()] == [each for each in page.requests if not each.startswith("data:")]


def test_charts(page):
    """Every chart drew something: lines with points, triangles or bars."""
    longest = page.value(LONGEST)

    assert {*CHARTS} == {*longest}
    assert [] == [name for name, length in longest.items() if length < SOMETHING]


def test_dark(page):
    """The page follows the reader's system, and his own word above it."""
    colour = "getComputedStyle(document.body).backgroundColor"
    trace = "document.querySelector('#earned .scatterlayer .trace:last-child path.js-line')"
    line = f"{trace}.style.stroke"
    light = page.value(colour), page.value(line)
    page.scheme("dark")
    page.until("document.documentElement.dataset.theme === 'dark'")
    page.until(f"{line} !== {light[1]!r}")
    dark = page.value(colour), page.value(line)
    page.value("document.getElementById('theme').click()")
    page.until(f"{line} === {light[1]!r}")

    assert light[0] != dark[0]
    assert (light[0], "light") == (
        page.value(colour),
        page.value("document.documentElement.dataset.theme"),
    )
    assert [] == page.complaints


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(page, scheme):
    """Text stands out from what it is on: 4.5 to 1, as WCAG asks."""
    page.scheme(scheme)
    page.until(f"document.documentElement.dataset.theme === '{scheme}'")
    names = ("ink", "soft", "red", "card", "paper")
    ink, soft, red, card, paper = (
        page.value(f"getComputedStyle(document.documentElement).getPropertyValue('--{name}')")
        for name in names
    )

    assert all(contrast(*pair) >= 4.5 for pair in ((ink, paper), (soft, paper), (soft, card)))
    assert contrast(red, card) >= 4.5


def contrast(one, other):
    """Return the WCAG contrast of two colours told as #rrggbb."""

    def light(colour):
        parts = (int(colour.strip()[place : place + 2], 16) / 255 for place in (1, 3, 5))
        red, green, blue = (
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, bright = sorted((light(one), light(other)))
    return (bright + 0.05) / (dark + 0.05)


def beyond(page):
    """Return what sticks out of a phone's screen."""
    return page.value(
        "[...document.querySelectorAll('h1,h2,p,figure,.tile,.chart,.scroll,.main-svg')]"
        f".filter((each) => each.getBoundingClientRect().right > {PHONE[0]} + 0.5)"
        ".map((each) => each.outerHTML.slice(0, 80))"
    )


def test_phone(page, report):
    """On a phone nothing sticks out: wide tables scroll by themselves."""
    page.size(*PHONE, phone=True)
    page.visit(report.as_uri(), DRAWN)

    assert PHONE[0] == page.value("document.documentElement.scrollWidth")
    assert [] == beyond(page)
    assert page.value(  # … and there is one that has to
        "[...document.querySelectorAll('.scroll')].some((each) => each.scrollWidth > 400)"
    )
    assert [] == page.complaints


def test_hedge_says_why(page):
    """A pointer that rests on any hedge reads what was traded, why, and at what cost."""
    found = page.value(
        "document.getElementById('price-BTC').scrollIntoView();"
        "[...document.querySelectorAll('#price-BTC path.point')].map((mark) => {"
        "const box = mark.getBoundingClientRect();"
        "return [box.x + box.width / 2, box.y + box.height / 2]; })"
    )
    assert found
    for place in found:
        page.point(1.0, 1.0)
        page.until("!document.querySelector('#price-BTC .hoverlayer .hovertext')")
        page.point(*place)
        page.until("document.querySelector('#price-BTC .hoverlayer .hovertext')")
        said = page.value("document.querySelector('#price-BTC .hoverlayer').textContent")

        assert "binanceusdm:BTCUSDT" in said
        assert "because net delta had left its band" in said
        assert "slippage" in said


def test_nothing_hides_a_hedge(page):
    """The line of prices, nearer to a pointer than a triangle's middle, says nothing."""
    (told,) = page.value(
        "document.getElementById('price-BTC')._fullData.filter((each) => each.mode === 'lines')"
        ".map((each) => [each.hoverinfo, each.hovertemplate || ''])"
    )

    assert ["skip", ""] == told


def test_charts_move_together(page):
    """Who looks closer at one chart sees the same hours on all others, and all again after it."""
    shown = "JSON.stringify(document.getElementById('costs')._fullLayout.xaxis.range)"
    whole = page.value(shown)
    page.value(
        "Plotly.relayout('earned', { 'xaxis.range': ['2026-01-02 00:00', '2026-01-02 12:00'] })"
        ".then(() => true)"
    )
    page.until(f"{shown} !== {whole!r}")
    near = page.value(shown)
    page.value("Plotly.relayout('price-BTC', { 'xaxis.autorange': true }).then(() => true)")
    page.until(f"{shown} === {whole!r}")

    assert all(each.startswith("2026-01-02") for each in json.loads(near))
    assert whole == page.value(shown.replace("costs", "price-BTC"))
    assert [] == page.complaints


def test_legend(page):
    """A name in a legend switches its line off and on again."""
    lines = "document.querySelectorAll('#earned .scatterlayer .trace').length"
    button = "document.querySelector('#earned').previousElementSibling.querySelector('button')"
    counts = [page.value(lines)]
    for pressed in ("false", "true"):
        page.value(f"{button}.click()")
        page.until(f"{button}.getAttribute('aria-pressed') === '{pressed}'")
        page.until(f"{lines} !== {counts[-1]}")
        counts.append(page.value(lines))

    assert [2, 1, 2] == counts
