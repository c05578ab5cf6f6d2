"""The digest: once a day, what happened since the one before, in a few lines."""

from datetime import UTC, datetime

import pytest

from rebalancer.core.commands import Severity
from rebalancer.ops.messenger.day import Day
from rebalancer.ops.messenger.lines import Notice
from rebalancer.ops.messenger.vigil import Beat

SEVEN = 7 * 3600


def at(text):
    """Return s since 1970 of a moment, UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("began", "now", "due"),
    [
        ("2026-01-30T06:00", "2026-01-30T06:59", False),
        ("2026-01-30T06:00", "2026-01-30T07:00", True),
        ("2026-01-30T07:30", "2026-01-30T23:00", False),  # a restart tells nothing twice
        ("2026-01-30T07:30", "2026-01-31T07:00", True),
        ("2026-01-30T07:30", "2026-02-03T12:00", True),
    ],
)
def test_due(began, now, due):
    """It is due when its hour comes, once a day."""
    day = Day(at(began), SEVEN)

    assert due is day.due(at(now))
    assert not Day(at(began), None).due(at(now))
    assert not day.next(at(now)).due(at(now))


def test_text():
    """It tells of counters what they grew by, of gaps the longest, of alerts how many."""
    day = Day(at("2026-01-30T07:00"), SEVEN)
    before = {"hedges": 10, "refusals": 2, "reasons": {"margin": 2}, "pnl": 100.0, "fees": {}}
    now = {
        "hedges": 52,
        "refusals": 6,
        "reasons": {"margin": 3, "turnover_spent": 3},
        "pnl": -20.5,
        "fees": {"BTC": "0.00120"},
        "funding": {"BTC": "-0.0003"},
    }
    day.summary(before)
    day.summary(now)
    for seconds in (3.0, 42.0, 0.0):
        day.beat(Beat("active", outside={"BTC": seconds, "ETH": 0.0}))
    day.note(Notice(Severity.ERROR, "delta.unhedged", "BTC", "x"))
    day.note(Notice(Severity.INFO, "feed.recovered", "deribit", "x"))
    day.note(Notice(Severity.INFO, "feed.recovered", "deribit", "x"))
    text = day.text("desk", at("2026-01-31T07:00"), Beat("active"), 1)

    assert [
        "[desk] active; digest of 24 h 0 min since 2026-01-30 07:00 UTC",
        "hedges 42, refusals 4",
        "refused: turnover_spent 3, margin 1",
        "profit -120.50 USD",
        "fees: BTC 0.0012",
        "funding: BTC -0.0003",
        "longest outside the band: BTC 42 s",
        "alerts: feed.recovered 2, delta.unhedged 1 (1 errors)",
        "alerts that found no room: 1",
    ] == text.splitlines()
    assert "hedges 0, refusals 0" in day.next(at("2026-01-31T07:00")).text("desk", 0.0, None, 0)


def test_nothing_known():
    """A book that said nothing has a digest that says so."""
    text = Day(0.0, SEVEN).text("desk", 86_400.0, None, 0)

    assert "[desk] unknown; digest of 24 h 0 min since 1970-01-01 00:00 UTC" in text
    assert "the book has not told any" in text
    assert "alerts: none (0 errors)" in text
