"""Ten thousand frames of nonsense at the socket of a book that runs, and clients that dawdle."""

import asyncio
import gc
import json
import random
import resource
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from rebalancer.ops import protocol
from rebalancer.ops.client import ControlClient
from rebalancer.ops.control import ControlServer
from rebalancer.ops.places import CLIENTS
from tests.end_to_end import scripted_book as book
from tests.runtime.test_wiring import build

FRAMES = 10_000
TOGETHER = 8  # clients
BATCH = 50  # frames of one connection
VALID = [
    {"verb": "status"},
    {"verb": "why", "args": {"key": "7"}},
    {"verb": "pause", "args": {"reason": "x", "all": True}},
    {"verb": "kill", "args": {"reason": "x"}},
    {"verb": "arm", "args": {"reason": "x"}},
    {"verb": "set", "args": {"values": {"underlyings.BTC.target": "0.1"}, "expect": "ab"}},
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


def generated():
    """Return frames that hypothesis makes: bytes, JSON, and requests that are nearly right."""
    found = []
    request = st.fixed_dictionaries(
        {"verb": st.sampled_from(protocol.VERBS) | st.text(max_size=50)}, optional={"args": JSON}
    )

    @settings(
        max_examples=400,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(st.binary(max_size=300) | (JSON | request).map(_spelt), min_size=5))
    def collect(frames):
        found.extend(frames)

    collect()
    return found


def _spelt(value):
    return json.dumps(value).encode("utf-8", "surrogatepass")


def mutated(chance):
    """Return a valid request with something wrong with it."""
    frame = bytearray(json.dumps(chance.choice(VALID)).encode())
    match chance.randrange(7):
        case 0:
            frame = frame[: chance.randrange(len(frame))]
        case 1:
            for _ in range(chance.randrange(1, 6)):
                frame[chance.randrange(len(frame))] = chance.randrange(256)
        case 2:
            place = chance.randrange(len(frame))
            frame[place:place] = b'{"args":' * chance.randrange(1, 4000)
        case 3:
            frame = frame.replace(b'"x"', b'"' + b"y" * chance.randrange(900, 70_000) + b'"')
        case 4:
            frame = frame + frame
        case 5:
            frame = b"[" * chance.randrange(1, 60_000)
        case 6:
            frame[1:1] = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 40)))
    return bytes(frame)


async def throw(path, frames, *, half):
    """Send frames on one connection, the last perhaps without its end; return what came back."""
    reader, writer = await asyncio.open_unix_connection(path)
    told = asyncio.ensure_future(reader.read())
    try:
        for frame in frames:
            writer.write(frame.replace(b"\n", b" ") + b"\n")
            await writer.drain()
        if half:
            writer.write(b'{"verb":"kill"')
        writer.write_eof()
    except ConnectionError:
        pass  # after a frame that is too long it hangs up
    try:
        return await asyncio.wait_for(told, 30)
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.waits(60)
def test_fuzz(tmp_path):
    """Nothing breaks, nothing is left behind, and whoever is honest is served."""
    chance, path = random.Random(7), tmp_path / "control.sock"
    frames = generated()
    while len(frames) < FRAMES:
        frames.append(mutated(chance))
    chance.shuffle(frames)
    seen = {}

    async def story(running, clock):
        log = Lines()
        server = ControlServer(path, running.status, log, running.tuner)
        await server.start()
        daemon = asyncio.ensure_future(running.daemon.run())
        await asyncio.sleep(0.2)
        await storm(frames[:2000])  # what is made once and kept
        seen["before"] = await measured()
        await storm(frames)
        seen["after"] = await measured()
        seen["served"] = await asyncio.to_thread(ControlClient(path).call, "status")
        seen["defects"] = [each for each in log.said if each == "control.failed"]
        seen["steps"] = running.engine.tally.events
        running.stop.ask()
        await daemon
        await server.close()

    async def storm(frames):
        batches = [frames[n : n + BATCH] for n in range(0, len(frames), BATCH)]
        waiting = iter(batches)

        async def client():
            for batch in waiting:
                await throw(path, batch, half=chance.random() < 0.3)

        await asyncio.gather(*(client() for _ in range(TOGETHER)))
        await asyncio.sleep(0.1)

    async def measured():
        gc.collect()
        return len(asyncio.all_tasks()), resident()

    build(book.table(), story=paced(story))

    (tasks, memory), (more, grown) = seen["before"], seen["after"]
    assert len(frames) >= FRAMES
    assert [] == seen["defects"]
    assert "rote" == seen["served"]["book"]
    assert tasks == more
    assert grown - memory < 16 * 1024 * 1024  # what the book itself learnt is in it
    assert seen["steps"] > 100


def resident():
    """Return the bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def paced(story):
    """Return a story on a market that keeps the wall's pace."""

    async def told(running, clock):
        clock._speed = 20.0
        await story(running, clock)

    return told


class Lines:
    """A log that keeps names."""

    def __init__(self):
        self.said = []

    def _say(self, event, **_facts):
        self.said.append(event)

    debug = info = warning = error = _say


@pytest.mark.waits(20)
def test_slow_clients(tmp_path):
    """Sixteen that dribble are hung up on; the seventeenth is told; the book goes on hedging."""
    path, seen = tmp_path / "control.sock", {}

    async def story(running, clock):
        server = ControlServer(path, running.status, Lines(), read_timeout=2.0)
        await server.start()
        daemon = asyncio.ensure_future(running.daemon.run())
        slow = [await dribbler(path) for _ in range(CLIENTS)]
        seen["seventeenth"] = await first_line(path)
        before, begun = running.engine.tally.events, asyncio.get_running_loop().time()
        seen["ended"] = [await each for each in slow]
        seen["took"] = asyncio.get_running_loop().time() - begun
        seen["steps"] = running.engine.tally.events - before
        seen["killed"] = await asyncio.to_thread(ControlClient(path).call, "kill", reason="x")
        running.stop.ask()
        await daemon
        await server.close()

    build(book.table(), story=paced(story))

    assert (False, 75) == (seen["seventeenth"]["ok"], seen["seventeenth"]["code"])
    assert [True] * CLIENTS == seen["ended"]
    assert seen["took"] < 4
    assert seen["steps"] > 100
    assert "halted" == seen["killed"]["state"]


async def first_line(path):
    """Return what a client is told that asks nothing."""
    reader, writer = await asyncio.open_unix_connection(path)
    told = json.loads(await asyncio.wait_for(reader.readline(), 5))
    writer.close()
    return told


async def dribbler(path):
    """Return the task of a client that sends a letter now and then, until it is hung up on."""
    _, writer = await asyncio.open_unix_connection(path)

    async def dribble():
        try:
            for letter in b'{"verb":"status"' * 100:
                writer.write(bytes([letter]))
                await writer.drain()
                await asyncio.sleep(0.2)
        except ConnectionError:
            return True
        finally:
            writer.close()
        return False

    return asyncio.ensure_future(dribble())


@pytest.mark.waits(20)
def test_who_reads_without_end(tmp_path):
    """Clients that ask for the dearest answer without end leave nine tenths of the time alone."""
    path, seen = tmp_path / "control.sock", {}

    async def story(running, clock):
        server = ControlServer(path, running.status, Lines())
        await server.start()
        daemon = asyncio.ensure_future(running.daemon.run())
        await asyncio.sleep(1.0)
        loop, spent = asyncio.get_running_loop(), 0.0
        stress = running.status.stress

        def counted():
            nonlocal spent
            begun = loop.time()
            try:
                return stress()
            finally:
                spent += loop.time() - begun

        running.status.stress = counted
        begun = loop.time()
        greedy = [asyncio.ensure_future(hammer(path)) for _ in range(TOGETHER)]
        await asyncio.sleep(3.0)
        asked = loop.time()
        await asyncio.to_thread(ControlClient(path).call, "pause")
        seen["pause"] = loop.time() - asked
        seen["share"] = spent / (loop.time() - begun)
        for each in greedy:
            each.cancel()
        await asyncio.gather(*greedy, return_exceptions=True)
        running.stop.ask()
        await daemon
        await server.close()

    build(book.table(), story=paced(story))

    assert seen["share"] < 0.2
    assert seen["pause"] < 1.0


async def hammer(path):
    """Ask for the stress grid again and again."""
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        while True:
            writer.write(b'{"verb":"stress"}\n')
            await reader.readline()
    finally:
        writer.close()
