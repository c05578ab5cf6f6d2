"""The study of rallies and crashes: what it says of one stretch each, with guards and without."""

from dataclasses import fields, replace

import pytest

from rebalancer.core.events import Mark, Trade
from rebalancer.research import rallies
from rebalancer.research.markets import Window, open_market
from rebalancer.research.rally_books import CRASHES, RALLIES, cases, settings
from rebalancer.settings import resolve
from rebalancer.settings.values import as_time
from rebalancer.venues.paper import Extreme


def case(word):
    """Return the first case whose name holds a word."""
    return next(each for each in cases() if word in each.name)


def short(word, start, end):
    """Return a part of a case."""
    return replace(case(word), start=as_time(start), end=as_time(end))


def test_cases():
    """Four rallies and three crashes, each on more than one book."""
    names = [each.name for each in cases()]

    assert len(names) == len(set(names))
    for first, _ in (*RALLIES, *CRASHES):
        assert 2 <= sum(first in name for name in names)


@pytest.mark.campaign
@pytest.mark.parametrize("margin", ["isolated", "cross"])
def test_a_rally(recordings, margin):
    """Without guards the short is liquidated; with them it is hedged until the first rung."""
    part = short(f"rally 2021-02-01, 3x {margin}", "2021-02-01T00:00Z", "2021-02-10T00:00Z")
    off = rallies.run(part, recordings, guarded=False)
    on = rallies.run(part, recordings, guarded=True)

    assert (1, 0) == (off.liquidations, on.liquidations)
    assert on.protected >= 1
    assert on.effectiveness_before > 0.99
    assert 0 < on.coins_unhedged < 5  # it did not just refuse everything
    assert abs(on.residual) < 1e-6


@pytest.mark.campaign
def test_a_crash(recordings):
    """A coin-margined long through the worst hours on record."""
    part = case("long 2020-03-11, 2x cross")

    assert 1 == rallies.run(part, recordings, guarded=False).liquidations
    assert 0 == rallies.run(part, recordings, guarded=True).liquidations


@pytest.mark.campaign
def test_false_print(recordings):
    """A last price a fifth above the mark triggers nothing: no cut, no rung, no liquidation."""
    part = short("rally 2021-02-01, 3x isolated", "2021-07-25T20:00Z", "2021-07-26T04:00Z")
    told = rallies.run(part, recordings, guarded=True)
    book = settings(part, rallies.price_at(recordings, part.start), guarded=True)
    instruments = resolve(book)
    held = [instruments[each.instrument] for each in book.holdings]
    window = Window(part.start, part.end)
    items = list(open_market(book, recordings, instruments, held, window).items)
    prints = [float(item.price) for _, item in items if isinstance(item, Trade)]
    marks = [float(item.price) for _, item in items if isinstance(item, Mark | Extreme)]

    assert max(prints) > 1.2 * max(marks[:16])  # it was there
    assert (0, 0) == (told.liquidations, told.protected)
    assert told.hours_unhedged < 0.1


def outcome(*, guards, liquidations):
    """Return a row of the table of which only two things matter."""
    facts = {each.name: 0.0 for each in fields(rallies.Outcome)}
    told = {"case": "rally 2020-12-10, 3x isolated", "guards": guards, "liquidations": liquidations}
    return rallies.Outcome(**(facts | told))


@pytest.mark.parametrize(
    ("guards", "liquidations", "wrong"), [(False, 1, 0), (True, 0, 0), (True, 1, 1), (False, 0, 1)]
)
def test_verdict(guards, liquidations, wrong):
    """A table that does not show what it must says so."""
    assert wrong == len(rallies.verdict([outcome(guards=guards, liquidations=liquidations)]))


def test_table_and_chart(tmp_path):
    """The table has a row a book, the chart marks who was liquidated."""
    rows = [outcome(guards=False, liquidations=1), outcome(guards=True, liquidations=0)]
    rallies.draw(rows, tmp_path / "rallies.html")

    assert 2 == rallies.table(rows).row_count
    assert "guards off" in (tmp_path / "rallies.html").read_text()
