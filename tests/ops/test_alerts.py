"""Alerts wake a person once a minute for each matter, and never raise."""

import pytest

from rebalancer.core.commands import Alert, Severity
from rebalancer.ops.alerts import PERIOD, LogAlertSink


def alert(event="delta.unhedged", scope="BTC", severity=Severity.ERROR, text="net delta 1.84"):
    """Return an alert."""
    return Alert(severity, event, scope, text)


@pytest.fixture
def told(read_log):
    """Return a log to read back."""
    return read_log()


@pytest.fixture
def sink(told, clock):
    """Return the sink over that log."""
    return LogAlertSink(told.log, clock)


def test_error_says_what_to_do(sink, told):
    """An alert that wakes a person says what happened, where, and what to do."""
    sink.send(alert())
    line = told.lines[0]

    assert ("error", "delta.unhedged") == (line["level"], line["event"])
    assert ("BTC", "net delta 1.84") == (line["scope"], line["text"])
    assert "hedge by hand" in line["action"]


@pytest.mark.parametrize("severity", [Severity.INFO, Severity.WARNING])
def test_milder(sink, told, severity):
    """A milder alert keeps its level and asks for nothing."""
    sink.send(alert("feed.recovered", severity=severity))

    assert severity == told.lines[0]["level"]
    assert "action" not in told.lines[0]


def test_once_a_minute(sink, told, clock):
    """Within a minute a matter is told once; then again, with what was held back."""
    for second in range(130):
        clock.ts += 1_000_000_000
        sink.send(alert(text=f"for {second} s"))

    assert ["for 0 s", "for 60 s", "for 120 s"] == [line["text"] for line in told.lines]
    assert [None, 59, 59] == [line.get("held_back") for line in told.lines]


def test_other_matters(sink, told):
    """Another scope or another event is another matter."""
    for event, scope in [
        ("delta.unhedged", "BTC"),
        ("delta.unhedged", "ETH"),
        ("delta.restored", "BTC"),
    ]:
        sink.send(alert(event, scope))

    assert 3 == len(told.lines)


def test_louder(sink, told):
    """What gets louder is told at once, what gets milder waits."""
    for severity in (Severity.WARNING, Severity.ERROR, Severity.WARNING, Severity.ERROR):
        sink.send(alert(severity=severity))

    assert ["warning", "error"] == [line["level"] for line in told.lines]


def test_wall_clock_jump(sink, told, clock):
    """A minute is a minute of the clock that never jumps."""
    sink.send(alert())
    clock.now = lambda: clock.ts + 10 * PERIOD
    sink.send(alert())

    assert 1 == len(told.lines)


def test_unlisted(sink, told):
    """An alert with an unknown name is passed on under a name that says so."""
    sink.send(alert("moon.full"))

    assert ("alert.unlisted", "moon.full") == (told.lines[0]["event"], told.lines[0]["name"])


def test_bounded(sink, told):
    """Endless scopes do not fill the memory."""
    for number in range(3000):
        sink.send(alert("order.unproven", f"rb{number}"))

    assert 3000 == len(told.lines)
    assert len(sink._told) <= 1024
