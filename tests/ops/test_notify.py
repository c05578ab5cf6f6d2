"""Notify: what is said to the service manager, when, and when nothing is."""

import os
import socket

import pytest

from rebalancer.ops.notify import LONGEST, Manager, Notifier, line
from rebalancer.ops.redaction import Redactor
from rebalancer.ports import SECOND, Beat

SECRET = "canary-" + "0123456789" * 3
MINUTES = str(60_000_000)  # µs of a watchdog
OWN = {"net_delta": 0.031, "lower": -0.05, "upper": 0.05, "outside_seconds": 0}
WELL = Beat(begun=True, ailment=None, stopping=False)
STARTS = Beat(begun=False, ailment=None, stopping=False)
ILL = Beat(begun=True, ailment="the engine is 9 s behind", stopping=False)
ENDS = Beat(begun=True, ailment=None, stopping=True)


class Book:
    """A book that stands as a test says."""

    def __init__(self, **told):
        self.told = {"state": "active", "latches": [], "held": {}, "underlyings": {"BTC": OWN}}
        self.told |= told

    def status(self):
        if self.told.get("breaks"):
            raise ValueError("bug")
        return self.told


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    """Return the manager's end of a socket, and the name that it is told by."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@rebalancer-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
        own.bind(name.replace("@", "\0"))
        own.settimeout(0.2)
        yield own, name


def said(own):
    """Return each datagram so far, as its lines."""
    found = []
    while True:
        try:
            found.append(own.recv(4096).decode().split("\n"))
        except TimeoutError:
            return found


async def told(clock, read_log, name, beats, *, book=None, hide=None, **environ):
    """Give beats, a second each, between start and end; return the log."""
    log = read_log()
    environ = {"NOTIFY_SOCKET": name, **environ}
    notifier = Notifier(environ, book or Book(), clock, log.log, hide)
    await notifier.start()
    for beat in beats:
        notifier.beat(beat)
        clock.ts += SECOND
    await notifier.close()
    return log


async def test_a_life(manager, clock, read_log):
    """Ready once compared, a ping each quarter of the watchdog's time, stopping at once."""
    own, name = manager
    beats = [*[STARTS] * 3, *[WELL] * 8, *[ENDS] * 3]
    await told(clock, read_log, name, beats, WATCHDOG_USEC="8000000", WATCHDOG_PID=str(os.getpid()))
    status = "STATUS=active: BTC +0.031 in -0.05 … +0.05"
    extends = "EXTEND_TIMEOUT_USEC=60000000"

    assert [
        [extends, "STATUS=starting"],
        ["WATCHDOG=1", extends, status],
        ["WATCHDOG=1", extends, status],
        ["READY=1", "WATCHDOG=1", status],
        ["WATCHDOG=1", status],
        ["WATCHDOG=1", status],
        ["WATCHDOG=1", status],
        ["STOPPING=1", "WATCHDOG=1", status.replace("=", "=stopping; ", 1)],
        ["WATCHDOG=1", status.replace("=", "=stopping; ", 1)],
        ["STOPPING=1", "STATUS=stopped"],
    ] == said(own)


@pytest.mark.parametrize(
    ("environ", "pings"),
    [
        ({}, 0),
        ({"WATCHDOG_USEC": MINUTES}, 2),  # never rarer than the status
        ({"WATCHDOG_USEC": "1000"}, 6),  # a tick is all that there is
        ({"WATCHDOG_USEC": MINUTES, "WATCHDOG_PID": "1"}, 0),  # another process is watched
        ({"WATCHDOG_USEC": "soon"}, 0),
        ({"WATCHDOG_USEC": "0"}, 0),
        ({"WATCHDOG_USEC": "²"}, 0),
    ],
)
async def test_who_is_watched(manager, clock, read_log, environ, pings):
    """Pings are for the process that a watchdog waits for, and no other."""
    own, name = manager
    await told(clock, read_log, name, [WELL] * 6, **environ)
    lines = [each for datagram in said(own) for each in datagram]

    assert pings == lines.count("WATCHDOG=1")
    assert 1 == lines.count("READY=1")


async def test_no_ping_for_the_ill(manager, clock, read_log):
    """What is wrong shows in the status and once in the log; no ping until it is over."""
    own, name = manager
    beats = [WELL, ILL, ILL, WELL, ILL]
    log = await told(clock, read_log, name, beats, WATCHDOG_USEC="4000000")
    lines = [each for datagram in said(own) for each in datagram]

    assert 2 == lines.count("WATCHDOG=1")
    assert 3 == lines.count(f"STATUS=not well: {ILL.ailment}")
    assert ["watchdog.withheld"] * 2 == [each["event"] for each in log.lines]


@pytest.mark.parametrize("name", ["", "relative", "vsock:2:1", "@nobody-listens", "/nowhere"])
async def test_nobody(clock, read_log, name):
    """Where nobody is named, or nobody listens, the book goes on; the log hears of it once."""
    log = await told(clock, read_log, name, [WELL] * 20)

    assert (1 if name[:1] in ("@", "/") and name else 0) == len(log.lines)


async def test_status_fails(manager, clock, read_log):
    """A status that cannot be made costs no ping."""
    own, name = manager
    log = await told(clock, read_log, name, [WELL], book=Book(breaks=True), WATCHDOG_USEC=MINUTES)

    assert ["READY=1", "WATCHDOG=1"] == said(own)[1][:2]
    assert ["control.failed"] == [each["event"] for each in log.lines]


@pytest.mark.parametrize(
    ("told_", "shown"),
    [
        ({"underlyings": {"BTC": OWN | {"net_delta": None}}}, "active: BTC unknown"),
        (
            {"underlyings": {"BTC": OWN | {"net_delta": 0.2, "outside_seconds": 7}}},
            "active: BTC +0.2 OUTSIDE -0.05 … +0.05 for 7 s",
        ),
        (
            {"state": "halted", "latches": ["book: x\nREADY=1\x1b[2J"], "underlyings": {}},
            r"halted (book: x\nREADY=1\x1b[2J): ",
        ),
        ({"held": {"okx": "maintenance"}, "underlyings": {}}, "active (okx: maintenance): "),
    ],
)
def test_line(told_, shown):
    """A status stays one line, whatever a reason says, and shows what is wrong first."""
    assert shown == line(Book(**told_).told)


@pytest.mark.parametrize("stands", [{"latches": ["x" * (LONGEST - 20) + SECRET]}, None])
async def test_secrets(manager, clock, read_log, stands):
    """A status shows no secret, not even the part that has room before it is cut."""
    own, name = manager
    ill = Beat(begun=True, ailment="x" * (LONGEST - 20) + SECRET, stopping=False)
    beats = [ill] if stands is None else [WELL]
    hide = Redactor([SECRET])
    await told(clock, read_log, name, beats, book=Book(**(stands or {})), hide=hide)
    waits = Manager({"NOTIFY_SOCKET": name}, read_log().log, hide)
    waits.open()
    waits.begins("x" * (LONGEST - 20) + SECRET)
    waits.close()
    shown = [each for datagram in said(own) for each in datagram if "xxx" in each]

    assert all("***" in each for each in shown)
    assert 2 == len(shown)
    assert all(len(each) <= LONGEST + len("STATUS=") for each in shown)
    assert "canary" not in "".join(shown)


async def test_a_start_that_waits(manager, read_log):
    """While there is no book yet the manager waits on and hears why, on one line; then no more."""
    own, name = manager
    waits = Manager({"NOTIFY_SOCKET": name}, read_log().log)
    waits.begins("is not open yet")
    waits.open()
    waits.begins("waits for deribit\nREADY=1")
    waits.close()
    waits.ends()

    ((extends, status, *rest),) = said(own)
    assert "EXTEND_TIMEOUT_USEC=60000000" == extends
    assert status.startswith("STATUS=waits for deribit")
    assert [] == rest
