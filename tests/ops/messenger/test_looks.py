"""Looks at a messenger: whoever reads is let live, however late; whoever does not is ended."""

import os

import pytest

from rebalancer.ops.messenger import child
from rebalancer.ops.messenger.beats import Beats
from rebalancer.ops.messenger.child import Messenger
from rebalancer.ops.messenger.lines import Orders
from rebalancer.ops.messenger.outbox import Outbox
from rebalancer.ops.redaction import Redactor
from rebalancer.wiring.outward import Leaving, MessengerBeside
from tests.ops.messenger.test_outbox import SECOND, Source

ORDERS = Orders("desk", "live", ())


class Process:
    """A process that can be killed."""

    def __init__(self):
        self.kills = 0

    def kill(self):
        self.kills += 1


def lines_of(number, count):
    """Return so many lines of a pipe, and leave the others in it."""
    found = []
    while len(found) < count:
        line = b""
        while not line.endswith(b"\n"):
            line += os.read(number, 1)
        found.append(line)
    return found


@pytest.fixture
def pipe():
    """Return both ends of a pipe; what writes to it does not wait."""
    ends = os.pipe()
    os.set_blocking(ends[1], False)
    yield ends
    for each in ends:
        os.close(each)


@pytest.fixture
def outbox(read_log, clock, pipe):
    """Return an outbox that writes to the pipe."""
    found = Outbox(read_log().log, clock, Redactor())
    found.attach(pipe[1])
    return found


def beaten(outbox, log, clock):
    """Return what a step of a running book does, and the process that it looks at."""
    beside, process = Messenger(ORDERS, outbox, log, clock), Process()
    beside._process = process
    return Beats(outbox, Source(), clock, log, beside.look).step, process


def waited(outbox, log, clock):
    """Return what a book does that has not begun, and the process that it looks at."""
    beside, process = MessengerBeside("desk", Leaving(ORDERS, outbox, log)), Process()
    beside._messenger._process, beside._messenger._clock = process, clock
    return lambda: beside.waits("deribit did not answer"), process


@pytest.mark.parametrize("put", [beaten, waited])
@pytest.mark.parametrize("behind", [0, 1, 2])
def test_one_that_reads(monkeypatch, outbox, pipe, read_log, clock, put, behind):
    """Whoever reads each beat, at once or two beats later, is never called stuck."""
    monkeypatch.setattr(child, "STUCK", 2 * SECOND)
    step, process = put(outbox, read_log().log, clock)
    for number in range(40):
        step()
        lines_of(pipe[0], number >= behind)
        clock.ts += SECOND

    assert 0 == process.kills


@pytest.mark.parametrize("put", [beaten, waited])
@pytest.mark.parametrize("first", [0, 1, 5])
def test_one_that_reads_no_more(outbox, pipe, read_log, clock, put, first):
    """Whoever reads nothing for 15 s of what waits is ended, whatever it read before."""
    step, process = put(outbox, read_log().log, clock)
    for _ in range(first):
        step()
        lines_of(pipe[0], 1)
        clock.ts += SECOND
    ended = []
    for second in range(20):
        step()
        ended += [second] * process.kills
        process.kills = 0
        clock.ts += SECOND

    assert [16] == ended[:1]
