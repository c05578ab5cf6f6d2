"""A written log is read again: filtered, harmless, and followed through rotation."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.ops.logbook import LONGEST, Wanted, bare, facts_of
from rebalancer.ops.redaction import Redactor
from rebalancer.ops.tail import Tail, followed

NOBODY = Redactor()


def line(event="order.filled", level="info", **facts):
    """Return a line as the log writes it."""
    ts = facts.pop("ts", "2026-01-05T07:22:18.500000Z")
    return json.dumps({"ts": ts, "level": level, "event": event, **facts})


@pytest.mark.parametrize(
    ("wanted", "admits"),
    [
        (Wanted(), True),
        (Wanted(event="order.filled"), True),
        (Wanted(event="order.*"), True),
        (Wanted(event="hedge.*"), False),
        (Wanted(level="info"), True),
        (Wanted(level="warning"), False),
        (Wanted(underlying="BTC"), True),
        (Wanted(underlying="ETH"), False),
        (Wanted(order="rb1"), True),
        (Wanted(order="rb2"), False),
        (Wanted(since="2026-01-05T07:22:18.500000Z"), True),
        (Wanted(since="2026-01-05T07:22:18.500001Z"), False),
    ],
)
def test_wanted(wanted, admits):
    """A line is shown when it is all that is asked for."""
    facts = facts_of(line(instrument="deribit:BTC-PERPETUAL", client_order_id="rb1"), NOBODY)

    assert admits == wanted.admits(facts)


@pytest.mark.parametrize(
    "facts",
    [{"underlying": "BTC"}, {"scope": "BTC"}, {"scope": "deribit:BTC-PERPETUAL"}],
)
def test_of_an_underlying(facts):
    """A line is of an underlying by its own word, the scope of an alert, or an instrument."""
    assert Wanted(underlying="BTC").admits(facts_of(line(**facts), NOBODY))
    assert not Wanted(underlying="ETH").admits(facts_of(line(**facts), NOBODY))


@pytest.mark.parametrize(
    "text",
    ["", "Traceback (most recent call last):", "{", "[1]", "5", '{"event": 5}', "[" * 100_000,
     '{"event": "a.b"}', '{"event": "a.b", "level": "loud"}', "\x00\x1b[2J"],
)  # fmt: skip
def test_no_facts(text):
    """A line that is no event holds no facts, and can be shown all the same."""
    assert facts_of(text, NOBODY) is None
    assert "\x1b" not in bare(text, NOBODY)


@given(st.text())
def test_any_text(text):
    """No text breaks the reader."""
    assert facts_of(text, NOBODY) is None or text.strip().startswith("{")


def test_harmless():
    """What a file holds moves no cursor, shows no secret and starts no line."""
    hostile = "canary-12345\x1b[2J\nforged"
    told = facts_of(line(hostile, reason=hostile, ts=hostile), Redactor(["canary-12345"]))

    assert not any(bad in value for bad in ("canary", "\x1b", "\n") for value in told.values())
    assert all("***" in told[name] for name in ("event", "reason", "ts"))


JOURNALED = {"__REALTIME_TIMESTAMP": "1767597738500000", "PRIORITY": "4"}


@pytest.mark.parametrize(
    ("entry", "event", "level", "text"),
    [
        ({"RB_LINE": line(seq=1), "MESSAGE": "order.filled  seq=1"}, "order.filled", "info", None),
        ({"MESSAGE": line(seq=1)}, "order.filled", "info", None),
        ({"MESSAGE": list(line(seq=1).encode())}, "order.filled", "info", None),
        ({"MESSAGE": "Started."}, "-", "warning", "Started."),
        ({"MESSAGE": None}, "-", "warning", ""),
        ({"MESSAGE": [255, 300, "x", 65]}, "-", "warning", "\ufffdA"),
        ({"MESSAGE": "x", "PRIORITY": "0"}, "-", "error", "x"),
        ({"MESSAGE": "x", "__REALTIME_TIMESTAMP": "never"}, "-", "warning", "x"),
    ],
)
def test_journal(entry, event, level, text):
    """An entry of the journal is the line that it carries, or its message."""
    told = facts_of(json.dumps({**JOURNALED, **entry}), NOBODY)

    assert (event, level, text) == (told["event"], told["level"], told.get("text"))


@pytest.fixture
def tail(tmp_path):
    """Return a file that is being written, and its tail."""
    path = tmp_path / "log.jsonl"
    path.write_text("one\ntwo\nthr")
    found = Tail(path)
    yield path, found
    found.close()


def add(path, text):
    """Write more of a file."""
    with path.open("a") as file:
        file.write(text)


def test_a_secret_at_the_end_of_what_is_looked_at():
    """Of a secret that has half room in a line that is too long no half is shown."""
    line = "x" * (LONGEST - 6) + "canary-12345"

    assert "x" * (LONGEST - 6) + "***" == bare(line, Redactor(["canary-12345"]))


def test_lines_are_whole(tail):
    """A line is told once its end is there."""
    path, told = tail

    assert ["one", "two"] == list(told.take())
    add(path, "ee\n")
    assert ["three"] == list(told.take())
    assert told.end() is None


def test_rotated(tail):
    """A file that is moved away is read to its end, then the one that takes its name."""
    path, told = tail
    assert ["one", "two"] == list(told.take())
    aside = path.rename(path.with_suffix(".1"))
    add(aside, "ee\nfour\n")
    assert ["three", "four"] == list(told.take())
    path.write_text("five\n")
    assert ["five"] == list(told.take())


def test_rotated_at_once(tail):
    """What was written to the old file between two looks is not lost."""
    path, told = tail
    list(told.take())
    aside = path.rename(path.with_suffix(".1"))
    add(aside, "ee\nfour")
    path.write_text("five\n")

    assert ["three", "four", "five"] == list(told.take())


@pytest.mark.parametrize("after", ["6\n", "six\nseven\n", "1234567890\n1234567890\n"])
def test_cut(tail, after):
    """A file that is cut is read from its beginning, however long it has become since."""
    path, told = tail
    list(told.take())
    path.write_text(after)

    assert ["thr", *after.split()] == list(told.take())


def test_endless_line(tmp_path):
    """A line without end does not fill the memory."""
    path = tmp_path / "log"
    path.write_bytes(b"x" * 5_000_000)
    told = Tail(path)
    pieces = list(told.take())
    told.close()

    assert 4 == len(pieces)
    assert all(len(each) < 1_200_000 for each in pieces)


async def test_followed(tail):
    """Following goes on for as long as somebody looks."""
    path, told = tail

    class Clock:
        async def sleep(self, _ns):
            add(path, "ee\n")
            await asyncio.sleep(0)

    found = []
    async for each in followed(told, Clock()):
        found.append(each)
        if len(found) == 4:
            break

    assert ["one", "two", "three", "ee"] == found
