"""The daemon's side: an alert never waits, is kept until somebody heard, and beats give way."""

import json
import os

import pytest

from rebalancer.core.commands import Alert, Severity
from rebalancer.ops.messenger import outbox as module
from rebalancer.ops.messenger.beats import Beats
from rebalancer.ops.messenger.errors import Both, LeavingErrors
from rebalancer.ops.messenger.lines import REASON
from rebalancer.ops.messenger.outbox import HALF, MOST, Outbox
from rebalancer.ops.redaction import Redactor

SECOND = 1_000_000_000


def alert(scope="BTC", severity=Severity.ERROR, text="net delta 1.84"):
    """Return an alert."""
    return Alert(severity, "delta.unhedged", scope, text)


@pytest.fixture
def pipe():
    """Return both ends of a pipe that does not block."""
    ends = os.pipe()
    for each in ends:
        os.set_blocking(each, False)
    yield ends
    for each in ends:
        os.close(each)


@pytest.fixture
def told(read_log):
    """Return a log to read back."""
    return read_log()


@pytest.fixture
def outbox(told, clock):
    """Return an outbox that knows one secret."""
    return Outbox(told.log, clock, Redactor(["canary-1234"]))


def heard(pipe):
    """Return the lines that a messenger would read."""
    try:
        return [json.loads(line) for line in os.read(pipe[0], 1 << 20).splitlines()]
    except BlockingIOError:
        return []


def scopes(pipe):
    return [line["alert"]["scope"] for line in heard(pipe) if "alert" in line]


def test_before_there_is_anybody(outbox, pipe):
    """What is told before the messenger began reaches it when it has."""
    for name in ("BTC", "ETH"):
        outbox.send(alert(name))
    outbox.attach(pipe[1])
    outbox.send(alert("SOL"))

    assert ["BTC", "ETH", "SOL"] == scopes(pipe)


def test_line(outbox, pipe, clock):
    """A line has what to do, the time of the wall, no secret, and fits whatever it says."""
    outbox.attach(pipe[1])
    outbox.send(alert(text="key canary-1234 " + "€" * 9_000))
    (line,) = heard(pipe)

    assert "see why; hedge by hand" == line["alert"]["action"]
    assert clock.now() / SECOND == line["alert"]["at"]
    assert line["alert"]["text"].startswith("key *** €€€")
    assert len(json.dumps(line)) < 4096


@pytest.mark.parametrize(
    ("severity", "settled", "again"),
    [
        (Severity.ERROR, False, ["BTC"]),
        (Severity.ERROR, True, []),
        (Severity.WARNING, False, []),
    ],
)
def test_messenger_ends(outbox, pipe, severity, settled, again):
    """What wakes a person and nobody is known to have heard is told to the next messenger."""
    outbox.attach(pipe[1])
    outbox.send(alert(severity=severity))
    assert ["BTC"] == scopes(pipe)
    if settled:
        outbox.settle([1])
    outbox.detach()
    outbox.attach(pipe[1])

    assert again == scopes(pipe)


def test_a_beat_without_secrets(outbox, pipe):
    """A beat leaves in one piece, and without a secret, also of one that it has half room for."""
    outbox.attach(pipe[1])
    why = "x" * (REASON - 6) + "canary-1234"
    halted = {f"coin-{n}": "y" * 20 + "canary-1234" + "z" * 400 for n in range(60)}
    outbox.say("beat", {"state": "halted", "why": why, "halted": halted})
    (line,) = heard(pipe)

    assert "x" * (REASON - 6) + "***" == line["beat"]["why"]
    assert {"y" * 20 + "***zz"} == set(line["beat"]["halted"].values())
    assert "canary" not in str(line)


def test_nobody_reads(outbox, pipe, told):
    """Of a messenger that does not read alerts wait for room, beats go, and nothing blocks."""
    outbox.attach(pipe[1])
    beats = [outbox.say("beat", {"state": "active", "why": "x" * 100}) for _ in range(1_000)]
    assert HALF - 300 < outbox.unread < HALF + 300
    assert (True, False) == (beats[0], beats[-1])
    for number in range(200):
        outbox.send(alert(f"rb{number}", text="x" * 470))
    assert outbox.waiting
    left = heard(pipe)
    outbox.say("beat", {"state": "active"})
    left += heard(pipe)
    outbox.say("beat", {"state": "active"})
    left += heard(pipe)

    assert [f"rb{n}" for n in range(200)] == [e["alert"]["scope"] for e in left if "alert" in e]
    assert [] == told.lines


def test_too_many(outbox, pipe, told):
    """Alerts that nobody takes for too long are lost from the mildest on; the log says how many."""
    for number in range(MOST):
        outbox.send(alert(f"rb{number}", Severity.ERROR if number % 2 else Severity.WARNING))
    for number in range(100):
        outbox.send(alert(f"more{number}"))
    outbox.attach(pipe[1])
    while outbox.waiting:
        heard(pipe)
        outbox.say("beat", {})
    outbox.say("beat", {})

    assert 100 == outbox.lost
    assert [("alert.failed", 100)] == [(each["event"], each["count"]) for each in told.lines]


def test_reader_gone(outbox, pipe):
    """A pipe that nobody reads any more is no error here: the process is followed elsewhere."""
    other = os.pipe()
    os.close(other[0])
    outbox.attach(other[1])
    outbox.send(alert())
    os.close(other[1])

    assert 1 == outbox.waiting


class Source:
    """A book that says how it stands, or fails to."""

    def __init__(self):
        self.fails = False

    def beat(self):
        if self.fails:
            raise ValueError("no beat")
        return {"state": "active"}

    def status(self):
        reasons = {f"reason{number}": number for number in range(40)}
        return {"counters": {"hedges": 3, "reasons": reasons, "pnl": None, "events": 10}}


def test_beats(outbox, pipe, told, clock):
    """Steps make a beat a second and a summary a minute, at the machine's own time."""
    outbox.attach(pipe[1])
    looks = []
    beats = Beats(outbox, Source(), clock, told.log, lambda: looks.append(1))
    for _ in range(65 * 4):
        beats.step()
        clock.ts += SECOND // 4
    said = heard(pipe)
    summaries = [each["summary"] for each in said if "summary" in each]

    assert 65 == sum("beat" in each for each in said) == len(looks)
    assert 2 == len(summaries)
    assert (3, None, 12) == (
        *(summaries[0]["hedges"], summaries[0]["pnl"]),
        len(summaries[0]["reasons"]),
    )


def test_beat_fails(outbox, pipe, told, clock):
    """A beat that cannot be made breaks no step; the log says so once, silence does the rest."""
    source = Source()
    source.fails = True
    beats = Beats(outbox, source, clock, told.log, lambda: None)
    for _ in range(3):
        beats.step()
        clock.ts += SECOND

    assert ["alert.failed"] == [each["event"] for each in told.lines]


class Kept:
    """A sink that keeps alerts."""

    def __init__(self):
        self.sent = []

    def send(self, one):
        self.sent.append(one)


@pytest.mark.parametrize(
    ("facts", "scope", "text"),
    [
        ({"venue": "deribit", "offset": 3}, "deribit", "offset 3"),
        ({"underlying": "BTC"}, "BTC", "clock.skewed"),
        ({}, "desk", "clock.skewed"),
    ],
)
def test_errors_leave(told, facts, scope, text):
    """What the log calls an error leaves, with what it is about; what is milder does not."""
    kept = Kept()
    log = LeavingErrors(told.log, kept, "desk")
    for say in (log.debug, log.info, log.warning):
        say("clock.agreed", venue="x")
    log.error("clock.skewed", **facts)

    assert [Alert(Severity.ERROR, "clock.skewed", scope, text)] == kept.sent
    assert 4 == len(told.lines)


def test_both():
    """Of two sinks each hears every alert."""
    first, second = Kept(), Kept()
    Both(first, second).send(alert())

    assert [alert()] == first.sent == second.sent


def test_half():
    """What beats leave free in a pipe holds alerts for a while."""
    assert 65_536 - module.HALF > 10 * 4096
