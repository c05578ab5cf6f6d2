"""The control socket: private, small, timed, and clear in what it refuses."""

import asyncio
import contextlib
import json
import os
import socket
import stat
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.core.events import Verb
from rebalancer.errors import (
    DataError,
    Defect,
    PermissionRefused,
    RebalancerError,
    Unavailable,
    UsageError,
)
from rebalancer.ops import protocol
from rebalancer.ops.client import ControlClient
from rebalancer.ops.control import ControlServer
from rebalancer.ops.places import CLIENTS
from rebalancer.ops.rights import Access, Peer, own_or_root

ROOT = Path(__file__).resolve().parents[2]


class Book:
    """A book that answers plainly and remembers what it was told."""

    def __init__(self):
        self.told = []
        self.error = None

    def status(self):
        """Return a state, or raise what the test put in."""
        if self.error is not None:
            raise self.error
        return {"book": "desk", "state": "active", "odd": [np.float64(1.5), float("nan")]}

    def positions(self):
        """Return one position."""
        return [{"instrument": "deribit:BTC", "quantity": Decimal("1.50")}]

    def orders(self):
        """Return none."""
        return []

    def guards(self):
        """Return one guard."""
        return [{"guard": "margin", "verdict": "pass"}]

    def bands(self):
        """Return one band."""
        return [{"underlying": "BTC", "spend_per_day": float("inf")}]

    def stress(self):
        """Return one cell."""
        return [{"spot": -0.5, "ratio": Decimal("0.25")}]

    def why(self, key):
        """Know one key."""
        return {"key": key} if key in ("18211", "") else None

    def operate(self, verb, reason, who, everything):
        """Remember an order."""
        self.told.append((verb, reason, who, everything))
        return {"verb": verb}


@pytest.fixture
def book():
    """Return a book."""
    return Book()


@pytest.fixture
def path(tmp_path):
    """Return where the socket goes."""
    return tmp_path / protocol.SOCKET


@pytest.fixture
async def server(path, book, read_log):
    """Return a running server, with a short patience."""
    made = ControlServer(path, book, read_log().log, read_timeout=0.3)
    await made.start()
    yield made
    await made.close()


def ask(path, verb, **args):
    """Ask as the command line does, beside the loop."""
    return asyncio.to_thread(ControlClient(path).call, verb, **args)


async def say(path, *frames, end=False):
    """Write raw bytes; return all that comes back until the server hangs up."""
    reader, writer = await asyncio.open_unix_connection(path)
    for frame in frames:
        writer.write(frame)
    if end:
        writer.write_eof()
    try:
        return await asyncio.wait_for(reader.read(), 5)
    finally:
        writer.close()


# --- what is answered ---------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "args", "answer"),
    [
        ("status", {}, {"book": "desk", "state": "active", "odd": [1.5, None]}),
        ("positions", {}, [{"instrument": "deribit:BTC", "quantity": "1.50"}]),
        ("orders", {}, []),
        ("guards", {}, [{"guard": "margin", "verdict": "pass"}]),
        ("band", {}, [{"underlying": "BTC", "spend_per_day": None}]),
        ("stress", {}, [{"spot": -0.5, "ratio": "0.25"}]),
        ("why", {"key": "18211"}, {"key": "18211"}),
        ("why", {"key": "18212"}, None),
        ("why", {}, {"key": ""}),
    ],
)
async def test_reading(server, path, verb, args, answer):
    """A question is answered in JSON; what nobody knows is null."""
    assert answer == await ask(path, verb, **args)


@pytest.mark.parametrize("verb", Verb)
async def test_acting(server, path, book, verb):
    """An order reaches the book with its reason and the user who gave it."""
    assert {"verb": verb} == await ask(path, verb, reason=" checked ", all=True)
    assert [(verb, "checked", str(os.geteuid()), True)] == book.told


@pytest.mark.parametrize("verb", ["pause", "resume", "reduce", "kill"])
async def test_no_reason(server, path, book, verb):
    """Nothing but arming waits for a reason, a kill least of all."""
    await ask(path, verb)

    assert [(verb, "", str(os.geteuid()), False)] == book.told


@pytest.mark.parametrize(
    ("verb", "args"),
    [
        ("arm", {}),
        ("arm", {"reason": "  "}),
        ("sell", {}),
        ("status", {"x": 1}),
        ("kill", {"reason": "x" * 1001}),
        ("pause", {"all": "yes"}),
    ],
)
async def test_senseless(server, path, book, verb, args):
    """A verb or an argument that makes no sense is refused and not passed on."""
    with pytest.raises(UsageError):
        await ask(path, verb, **args)

    assert [] == book.told


async def test_several_on_one_connection(server, path):
    """A client may ask again, in one write or several."""
    answers = await say(
        path, b'{"verb":"orders"}\n{"verb":"or', b'ders"}\n{"verb":"no"}\n', end=True
    )

    assert [True, True, False] == [json.loads(line)["ok"] for line in answers.splitlines()]


@pytest.mark.parametrize("error", [DataError("a"), PermissionRefused("b"), Unavailable("c")])
async def test_refused_by_the_book(server, path, book, error):
    """What the book refuses reaches the command line as the same error."""
    book.error = error
    with pytest.raises(type(error), match=str(error)):
        await ask(path, "status")


async def test_defect(path, book, read_log):
    """A defect behind a question is logged; the server and the book go on."""
    told = read_log()
    server = ControlServer(path, book, told.log)
    await server.start()
    book.error = ZeroDivisionError("private matters")
    with pytest.raises(Defect, match="ZeroDivisionError") as raised:
        await ask(path, "status")
    book.error = None

    assert "private" not in str(raised.value)
    assert "control.failed" == told.lines[-1]["event"]
    assert "private matters" in told.lines[-1]["exception"]
    assert "desk" == (await ask(path, "status"))["book"]
    await server.close()


# --- who may ask --------------------------------------------------------------


async def test_mode(server, path):
    """The socket is its user's own."""
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(("uid", "may"), [(0, True), (os.geteuid(), True), (65534, False)])
def test_own_or_root(uid, may):
    """The daemon's user and root may do all, others nothing."""
    assert may == own_or_root(Peer(1, uid, 1), "status")


async def test_authorisation(path, book, read_log):
    """A verb that is not for the peer is refused with 77, logged, and not passed on."""
    told, asked = read_log(), []

    def only_reading(peer, verb):
        asked.append(peer)
        return verb in protocol.READING

    server = ControlServer(path, book, told.log, access=Access(only_reading))
    await server.start()
    await ask(path, "status")
    with pytest.raises(PermissionRefused, match="kill"):
        await ask(path, "kill")
    await server.close()

    assert [] == book.told
    assert {(os.getpid(), os.geteuid(), os.getegid())} == {(p.pid, p.uid, p.gid) for p in asked}
    assert ("operator.refused", "kill") == tuple(told.lines[-1][key] for key in ("event", "verb"))


STRANGER = """
import os, sys
from pathlib import Path
from rebalancer.errors import PermissionRefused
from rebalancer.ops.client import ControlClient
os.chdir(sys.argv[1])
os.setuid(65534)
try:
    ControlClient(Path("control.sock")).call("kill")
except PermissionRefused:
    print("refused")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
@pytest.mark.parametrize("mode", [0o600, 0o666])
async def test_stranger(server, path, book, mode):
    """Another user is turned away by the kernel, and by the server were the socket open."""
    path.parent.chmod(0o755)
    path.chmod(mode)
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", STRANGER, path.parent],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ("refused\n", "") == (done.stdout, done.stderr)
    assert [] == book.told


# --- what is endured ----------------------------------------------------------


@pytest.mark.parametrize(
    "frame",
    [
        b"\n",
        b"null\n",
        b"[]\n",
        b'{"verb":1}\n',
        b'{"verb":"status"} {"verb":"status"}\n',
        b'{"verb":"status","more":1}\n',
        b'{"verb":"' + b"x" * 1000 + b'"}\n',
        b"\xff\xfe\n",
        b'{"verb":"\xff"}\n',
        b"[" * 60_000 + b"\n",
        b'{"verb":"status","args":' + b"[" * 50_000 + b"\n",
        b"x" * 70_000 + b"\n",
    ],
)
async def test_bad_frame(server, path, book, frame):
    """A frame that is too long or no request is refused in words with code 64."""
    answer = await say(path, frame, end=True)

    assert (False, 64) == tuple(json.loads(answer)[key] for key in ("ok", "code"))
    assert [] == await ask(path, "orders")
    assert [] == book.told


@given(
    st.binary(max_size=200) | st.from_regex(r'\{"verb":.{0,40}\}', fullmatch=True).map(str.encode)
)
def test_parse(frame):
    """Any bytes are a request or a UsageError."""
    with contextlib.suppress(UsageError):
        assert isinstance(protocol.parse(frame), protocol.Request)


async def test_half_a_request(server, path, book):
    """A request whose line never ended is not carried out, though it reads whole."""
    assert b"" == await say(path, b'{"verb":"kill"}', end=True)
    assert [] == book.told


async def test_dribble(server, path, book):
    """A client that takes too long over a request is hung up on."""
    reader, writer = await asyncio.open_unix_connection(path)
    begun = asyncio.get_running_loop().time()
    for letter in b'{"verb":"kill"}':
        writer.write(bytes([letter]))
        if await asyncio.wait_for(_closed(reader, 0.1), 1):
            break
    waited = asyncio.get_running_loop().time() - begun
    writer.close()

    assert waited < 1.4
    assert [] == book.told


async def _closed(reader, wait):
    try:
        return b"" == await asyncio.wait_for(reader.read(1), wait)
    except TimeoutError:
        return False
    except ConnectionError:
        return True


async def test_does_not_take_its_answer(server, path, book):
    """A client that asks and never reads is hung up on, and nobody else waits."""
    book.positions = lambda: ["x" * 100_000]
    peer = protocol.dial(path, 5)
    peer.setblocking(False)
    with pytest.raises(ConnectionError):
        await asyncio.wait_for(_flood(peer), 5)
    peer.close()

    assert [] == await ask(path, "orders")


async def _flood(peer):
    """Ask for ever and never read."""
    loop = asyncio.get_running_loop()
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(loop.sock_sendall(peer, b'{"verb":"positions"}\n'), 0.1)


async def test_crowd(server, path):
    """The seventeenth client is told to come back; a place that is left is free again."""
    crowd = [await asyncio.open_unix_connection(path) for _ in range(CLIENTS)]
    with pytest.raises(Unavailable, match="16"):
        await ask(path, "orders")
    crowd[0][1].close()
    await crowd[0][1].wait_closed()
    await asyncio.sleep(0.05)

    assert [] == await ask(path, "orders")
    for _, writer in crowd:
        writer.close()


async def test_close(path, book, read_log):
    """Closing hangs up on who is there and leaves no socket behind."""
    server = ControlServer(path, book, read_log().log)
    await server.start()
    reader, writer = await asyncio.open_unix_connection(path)
    await asyncio.sleep(0.01)
    await server.close()
    await server.close()

    assert b"" == await reader.read()
    assert not path.exists()
    writer.close()


class Slow:
    """A tuner whose preview holds the loop for a while."""

    def __init__(self):
        self.shown, self.made = 0, []

    def preview(self, values):
        """Take a fifth of a second."""
        self.shown += 1
        time.sleep(0.2)
        return {"expect": "x"}

    def tune(self, values, again, expect, said):
        """Remember a change."""
        self.made.append((values, expect, said))
        return {}


@pytest.fixture
async def tuned(path, book, read_log):
    """Return the tuner of a running server."""
    tuner = Slow()
    made = ControlServer(path, book, read_log().log, tuner)
    await made.start()
    yield tuner
    await made.close()


@pytest.mark.parametrize(
    ("verb", "told"), [("set", {"values": {"a": "1"}, "expect": "x", "reason": "r"}), ("kill", {})]
)
async def test_neither_a_change_nor_a_kill_waits_for_readers(tuned, path, verb, told):
    """Right after a look that took long, with more that wait, it is done at once."""
    await ask(path, "set", values={"a": "1"})
    waiting = [asyncio.ensure_future(ask(path, "set", values={"a": "1"})) for _ in range(3)]
    begun = time.monotonic()
    await ask(path, verb, **told)
    took = time.monotonic() - begun

    assert took < 1.5  # the next look may begin 1.8 s after the first
    assert 1 == tuned.shown
    for each in waiting:
        each.cancel()


SET = b'{"verb":"set","args":{"values":{"a":"1"},"expect":"x","reason":"r"}}\n'
LOOK = b'{"verb":"set","args":{"values":{"a":"1"}}}\n'


@pytest.mark.parametrize(
    ("request_", "leave", "made", "shown"),
    [
        (SET, socket.socket.close, 0, 0),
        (SET, lambda peer: peer.shutdown(socket.SHUT_WR), 1, 0),  # it still listens
        (SET, lambda peer: None, 1, 0),
        (LOOK, socket.socket.close, 0, 0),
        (LOOK, lambda peer: None, 0, 1),
    ],
)
async def test_what_nobody_waits_for_is_not_done(tuned, path, request_, leave, made, shown):
    """A change whose client gave up is not made: it told its operator that nothing was done."""
    peer = protocol.dial(path, 5)
    peer.sendall(request_)
    leave(peer)
    await asyncio.sleep(0.3)
    peer.close()

    assert (made, shown) == (len(tuned.made), tuned.shown)


def test_a_client_that_gave_up_under_uvloop(path, book, read_log):
    """The loop that runs in production drops it alike."""
    tuner = Slow()

    async def serve():
        server = ControlServer(path, book, read_log().log, tuner)
        await server.start()
        for leave in (socket.socket.close, lambda peer: None):
            with protocol.dial(path, 5) as peer:
                peer.sendall(SET)
                leave(peer)
                await asyncio.sleep(0.2)
        await server.close()

    uvloop.run(serve())
    assert 1 == len(tuner.made)


# --- where it listens ---------------------------------------------------------


async def test_left_behind(path, book, read_log):
    """A socket that a crash left behind is replaced."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    server = ControlServer(path, book, read_log().log)
    await server.start()

    assert [] == await ask(path, "orders")
    await server.close()


async def test_taken(server, path, book, read_log):
    """A socket that a daemon answers on is left to it."""
    with pytest.raises(Unavailable, match="already"):
        await ControlServer(path, book, read_log().log).start()

    assert [] == await ask(path, "orders")


async def test_other_file(path, book, read_log):
    """A file in the socket's place is not removed."""
    path.write_text("letters", encoding="utf-8")
    with pytest.raises(Unavailable, match="another file"):
        await ControlServer(path, book, read_log().log).start()

    assert "letters" == path.read_text(encoding="utf-8")


async def test_no_folder(tmp_path, book, read_log):
    """A folder that is not there is said to be missing."""
    path = tmp_path / "none" / protocol.SOCKET
    with pytest.raises(Unavailable, match="none"):
        await ControlServer(path, book, read_log().log).start()


async def test_long_path(tmp_path, book, read_log):
    """A path longer than the kernel takes works all the same."""
    folder = tmp_path / ("deep" * 40)
    folder.mkdir()
    path = folder / protocol.SOCKET
    server = ControlServer(path, book, read_log().log)
    await server.start()

    assert path.is_socket()
    assert [] == await ask(path, "orders")
    await server.close()
    assert not path.exists()


def test_uvloop(path, book, read_log):
    """The loop that runs in production serves alike."""

    async def serve():
        server = ControlServer(path, book, read_log().log)
        await server.start()
        try:
            return await ask(path, "why", key="18211")
        finally:
            await server.close()

    assert {"key": "18211"} == uvloop.run(serve())


# --- the client ---------------------------------------------------------------


@pytest.mark.parametrize("left_behind", [True, False])
def test_no_daemon(path, left_behind):
    """Nobody on the socket is 75, whether or not it is there."""
    if left_behind:
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
    with pytest.raises(Unavailable, match="no daemon") as raised:
        ControlClient(path).call("status")

    assert 75 == raised.value.exit_code


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", Unavailable),
        (b"hello\n", Unavailable),
        (b"[]\n", Unavailable),
        (b'{"ok": false, "error": "x", "code": 78}\n', RebalancerError),
        (None, Unavailable),
    ],
)
async def test_strange_server(path, answer, error):
    """Whatever answers, the client ends with an error of ours, in time."""

    async def serve(reader, writer):
        await reader.readline()
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
        writer.close()

    async with await asyncio.start_unix_server(serve, path):
        with pytest.raises(error):
            await asyncio.to_thread(ControlClient(path, timeout=0.2).call, "status")
