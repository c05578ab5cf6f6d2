"""Log lines: one event a line, market time, no secret, and nothing that a venue can forge."""

import base64
import fcntl
import io
import json
import os
import re
from contextlib import contextmanager
from decimal import Decimal
from enum import StrEnum
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.errors import Defect
from rebalancer.ops.escaping import escaped
from rebalancer.ops.log import LINE_LIMIT, TEXT_LIMIT, _Lines, configure, room
from rebalancer.ops.redaction import Redactor
from tests.ops.conftest import ReadLog, StandingClock

CANARY = "canary-7f3a9b2c-secret"


class Side(StrEnum):
    """An enum to log."""

    BUY = "buy"


def test_line(read_log):
    """A line says when by the market's clock, how loud, what, and the facts in order."""
    told = read_log()
    told.log.warning("hedge.refused", seq=18377, guard="margin", measured=0.71)

    assert (
        '{"ts":"2026-01-05T07:22:18.500000Z","level":"warning","event":"hedge.refused",'
        '"seq":18377,"guard":"margin","measured":0.71}\n' == told.text
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Decimal("-1.80"), "-1.8"),
        (Decimal("1E+3"), "1000"),
        (Decimal("0.00000001"), "0.00000001"),
        (Decimal("1E-40"), "1E-40"),
        (Decimal("NaN"), "NaN"),
        (1.8400000000000003, 1.84),
        (97412.5, 97412.5),
        (2.0, 2),
        (1e300, 1e300),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (2**70, hex(2**70)),
        (True, True),
        (None, None),
        (Side.BUY, "buy"),
        ((1, 2.0, "a"), [1, 2, "a"]),
        ({"a": {"b": Decimal("1.0")}}, {"a": {"b": "1"}}),
        (ValueError("x"), "x"),
        ({"api_key": "abc", "n": 1}, {"api_key": "***", "n": 1}),
    ],
)
def test_values(read_log, value, shown):
    """Numbers are short, decimals exact, and everything else is plain JSON."""
    told = read_log()
    told.log.info("order.filled", value=value)

    assert shown == told.lines[0]["value"]


@pytest.mark.parametrize(("level", "count"), [("debug", 4), ("info", 3), ("warning", 2)])
def test_level(read_log, level, count):
    """What is quieter than the level is not written."""
    told = read_log(level=level)
    for call in (told.log.debug, told.log.info, told.log.warning, told.log.error):
        call("order.filled")

    assert count == len(told.lines)


def test_unknown_level(clock):
    """A level that does not exist is refused."""
    with pytest.raises(ValueError, match="loud"):
        configure(io.StringIO(), clock, level="loud")


def test_unknown_name(read_log):
    """A name that is not on the list raises and writes nothing."""
    told = read_log()
    with pytest.raises(Defect, match=r"order\.fulfilled"):
        told.log.info("order.fulfilled")

    assert "" == told.text


def test_own_keys(read_log):
    """A fact cannot pass for the line's own time or level."""
    told = read_log()
    told.log.info("order.filled", ts=5, level="error")

    assert ("info", 5, "error") == tuple(told.lines[0][key] for key in ("level", "ts_", "level_"))


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        """Return that it is one."""
        return True


@pytest.mark.parametrize(
    ("stream", "colour", "human"),
    [
        (Terminal, None, True),
        (io.StringIO, None, False),
        (Terminal, False, False),
        (io.StringIO, True, True),
    ],
)
def test_who_reads(clock, stream, colour, human):
    """A terminal gets colours, everything else JSON, unless one is asked for."""
    out = stream()
    configure(out, clock, colour=colour).info("order.filled")

    assert human == ("\x1b[" in out.getvalue())


def test_person(read_log):
    """For a person the date comes once, then time, level, event and facts on a line."""
    told = read_log(colour=True)
    told.log.info("order.filled", quantity=Decimal("-1.80"), note="a b", quoted='a "b" c')
    told.log.error("daemon.failed", exc_info=ValueError("broken\nforged"))
    plain = re.sub("\x1b\\[[0-9;]*m", "", told.text)

    assert [
        "2026-01-05",
        r'07:22:18.500  info   order.filled          quantity=-1.8  note="a b"  quoted="a \"b\" c"',
        "07:22:18.500  error  daemon.failed",
        "  │ ValueError: broken",
        "  │ forged",
    ] == plain.splitlines()


HOSTILE = st.text(
    st.characters() | st.sampled_from("\x1b\x00\n\r\x85\u2028\u2029\u202e\ufeff\"'\\=%")
)


@given(HOSTILE, HOSTILE)
def test_hostile_text(value, key):
    """Whatever a venue says, it stays on one line, is whole JSON, and moves no cursor."""
    for colour in (False, True):
        told = ReadLog(StandingClock(), colour=colour)
        told.log.info("order.rejected", reason=value, more={key: [value]}, end=1)
        body = re.sub("\x1b\\[[0-9;]*m", "", told.text) if colour else told.text

        assert (2 if colour else 1) == len(body.splitlines())
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e]", body)
        assert colour or 1 == json.loads(body)["end"]


@given(HOSTILE)
def test_hostile_exception(text):
    """A traceback cannot start a line of its own."""
    told = ReadLog(StandingClock(), colour=True)
    told.log.error("daemon.failed", exc_info=ValueError(text))
    lines = re.sub("\x1b\\[(0|2|31|1;31)m", "", told.text).splitlines()

    assert not any(re.search("[\x00-\x1f\x7f-\x9f\u2028-\u202e]", line) for line in lines)
    assert all(line.startswith("  │ ") or line == "  │" for line in lines[2:])


@pytest.mark.parametrize(
    "facts",
    [
        {"text": "x" * 10_000_000},
        {f"fact_{number}": "ä" * 5000 for number in range(500)},
        {"rows": [["é" * 500] * 100] * 100},
        {"deep": {"a": {"b": {"c": {"d": {"e": "x" * 9000}}}}}},
        {"k" * 100_000: 1},
        {"exc_info": ValueError("\x1b" * 100_000)},
    ],
)
@pytest.mark.parametrize("colour", [True, False])
def test_length(read_log, facts, colour):
    """No line is longer than journald takes, and a cut one is still whole."""
    told = read_log(colour=colour)
    told.log.error("daemon.failed", **facts)

    assert len(told.text.encode()) < LINE_LIMIT
    assert colour or "daemon.failed" == told.lines[0]["event"]


def test_text_limit(read_log):
    """A long text is cut and shows that it was."""
    told = read_log()
    told.log.info("order.rejected", reason="x" * 1000)

    assert "x" * (TEXT_LIMIT - 1) + "…" == told.lines[0]["reason"]


@pytest.mark.parametrize(
    "dressed",
    [
        CANARY,
        CANARY.encode().hex(),
        base64.b64encode(b"user:" + CANARY.encode()).decode(),
        quote(CANARY, safe=""),
        CANARY[::-1],
        # cut in the middle by the limit of a text, and by that of a traceback
        "x" * (TEXT_LIMIT - 12) + CANARY,
        CANARY + "x" * (16 * 1024 - 30),
    ],
)
@pytest.mark.parametrize("colour", [True, False])
def test_canary(read_log, dressed, colour):
    """A secret shows nowhere: not in facts, keys, nesting, causes, nor cut in half."""
    told = read_log(colour=colour, redactor=Redactor([CANARY]))
    try:
        try:
            raise ValueError(dressed)
        except ValueError as e:
            raise OSError(f"https://x/?k={dressed}") from e
    except OSError:
        told.log.error("daemon.failed", exc_info=True)
    told.log.error("daemon.failed", exc_info=ValueError(dressed), text=dressed)
    told.log.info("order.rejected", **{dressed[:400]: 1}, nested={"a": [dressed, {dressed: 1}]})
    told.log.info("order.rejected", thing=ValueError(dressed), raw=dressed.encode())

    for form in (CANARY, CANARY.encode().hex(), quote(CANARY, safe=""), CANARY[::-1]):
        assert form[:10] not in told.text
        assert form[-10:] not in told.text
    assert base64.b64encode(b"user:" + CANARY.encode()).decode()[8:20] not in told.text


@pytest.mark.parametrize(
    ("secret", "facts"),
    [
        ("order.filled", {}),  # shows in the finished line only
        ("1234567891", {"n": 1234567891, "f": 1234567891.0, "d": Decimal("0.1234567891")}),
    ],
)
def test_odd_canary(read_log, secret, facts):
    """A secret that is a number, or part of the line itself, is hidden and the line stays whole."""
    told = read_log(redactor=Redactor([secret]))
    told.log.info("order.filled", **facts)

    assert secret not in told.text
    assert len(facts) + 3 == len(told.lines[0])


def test_broken_stream(clock):
    """A stream that fails never stops the daemon."""
    out = io.StringIO()
    log = configure(out, clock)
    out.close()

    assert log.error("daemon.failed", text="nobody hears") is None


def test_narrow_encoding(clock):
    """A stream that lacks a letter shows its code."""
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    configure(out, clock, colour=True).info("order.filled", text="1 … 2")

    assert rb"1 \u2026 2" in raw.getvalue()


def test_escaping():
    """Escaped text is shown as its codes."""
    assert r"a\tb\nc\x1b[2J\u202e\x85" == escaped("a\tb\nc\x1b[2J\u202e\x85")


@contextmanager
def piped(size):
    """Yield the end of a pipe of this many bytes that is read, and a stream; neither waits."""
    reads, writes = os.pipe()
    fcntl.fcntl(writes, fcntl.F_SETPIPE_SZ, size)
    os.set_blocking(reads, False)
    os.set_blocking(writes, False)
    with os.fdopen(reads, "rb", buffering=0) as end, os.fdopen(writes, "wb", buffering=0) as raw:
        yield end, io.TextIOWrapper(raw)


@pytest.mark.parametrize("pipe", [4096, 8192, 65536])
@pytest.mark.parametrize("size", [1, 100, 632, 1024, 2049, 4095, 4096, 5000, 12_000, 40_000])
def test_a_pipe_that_nobody_empties(pipe, size):
    """A reader that hangs holds nobody up: lines are lost whole, and come again once it reads."""
    line = "x" * (size - 1)
    with piped(pipe) as (reads, stream):
        end = _Lines(stream)
        for _ in range(1000):
            end.write(line)
        told, lost = reads.read(1 << 20) or b"", end.lost
        end.write("it is read again")
        told += reads.read(1 << 20)

    assert [*[line] * (1000 - lost), "it is read again"] == told.decode().splitlines()
    assert (size <= pipe) == (lost < 1000)  # it takes what there is room for


@given(st.randoms(use_true_random=False), st.sampled_from([4096, 8192, 65536, 262_144]))
def test_room(random, size):
    """A pipe that has room takes a line whole, whatever was written to it and read from it."""
    told = []
    with piped(size) as (reads, stream):
        for _ in range(150):
            most = random.choice([200, 4096, 4097, 50_000])
            line = random.choice([most, random.randrange(1, most)])
            if room(stream.fileno(), line):
                told.append((line, stream.buffer.write(b"x" * line)))
            if random.random() < 0.2:
                reads.read(random.randrange(1, 20_000))

    assert [(line, line) for line, _ in told] == told
    assert told


def test_a_long_line_behind_a_short_one():
    """A traceback is not lost for a few lines that nobody has read yet."""
    with piped(65536) as (reads, stream):
        log = configure(stream, StandingClock(), colour=False)
        for _ in range(5):
            log.info("daemon.started", book="x" * 500)
        log.error("daemon.failed", exc_info=ValueError("x" * 15_000))
        told = reads.read(1 << 20).decode().splitlines()

    assert ["daemon.started"] * 5 + ["daemon.failed"] == [
        json.loads(each)["event"] for each in told
    ]
