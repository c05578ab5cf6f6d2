"""A start that waits leaves a venue alone for as long as it asked, and a ban halts the book."""

import asyncio
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

from rebalancer.core.events import Verb
from rebalancer.errors import DataError, Unavailable
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import MarketClock, WallClock, run_market
from rebalancer.runtime.latching import LATCH
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.settings import load, resolve
from rebalancer.simulation.stand import dress
from rebalancer.storage.memory import MemoryJournal
from rebalancer.venues.budget import Budget
from rebalancer.venues.credentials import Credentials, Secret
from rebalancer.venues.live import heeding
from rebalancer.venues.outcome import ShutsOut
from rebalancer.venues.profiles import PROFILES
from rebalancer.wiring import Surrounding, Waiting
from rebalancer.wiring.live import live
from rebalancer.wiring.waiting import MOST
from tests.runtime.stage import START, Lines

DEMO = Path(__file__).parents[2] / "config" / "demo-binance.toml"


def late(after):
    """Return an answer that asks for time."""
    error = Unavailable("deribit refused its markets")
    error.after = after
    return error


def tried(*errors):
    """Return how long after one try the next one came, s, with journal and log."""
    clock, journal, log, tries = MarketClock(START), MemoryJournal(), Lines(), []
    around = Surrounding(clock, journal, log, None, "live", randomness=SeededRandomness(1))
    waiting = Waiting(load(DEMO), around, None, {})

    async def attempt():
        tries.append(clock.monotonic())
        waiting.opening("binance")
        if len(tries) > len(errors):
            waiting.end()
            await asyncio.sleep(0)
        raise errors[len(tries) - 1]

    async def main():
        async with waiting:
            assert await waiting.until(attempt) is None

    run_market(clock, main())
    return [(b - a) / SECOND for a, b in pairwise(tries)], journal, log


@pytest.mark.parametrize(
    ("after", "least", "most"),
    [(0, 5, 5), (SECOND, 5, 5), (30 * SECOND, 30, 31), (3600 * SECOND, 3600, 3601)],
)
def test_left_alone(after, least, most):
    """The longer of what the venue asked for and what we would wait is waited for."""
    (gap,), journal, log = tried(late(after))
    assert least <= gap <= most
    assert not list(journal.read(LATCH))
    assert "rate.banned" not in log.events()


def test_banned():
    """A ban is waited out, halts the book that will begin, and is told once."""
    text = "binance shuts this machine out: banned for too many requests: 418"
    bans = [ShutsOut(text, each * SECOND) for each in (3600, 7200)]
    gaps, journal, log = tried(*bans, late(0))
    assert [3600, 7200] == [round(each) for each in gaps[:2]]
    assert gaps[2] <= MOST / SECOND
    (latch,) = journal.read(LATCH)
    assert ("halted", text, False) == tuple(latch.payload[x] for x in ("mode", "reason", "killed"))
    assert 1 == log.events().count("rate.banned")


class Full(MemoryJournal):
    """A journal whose disk is full."""

    def append(self, entry):
        raise DataError("disk is full")


def test_nothing_can_be_kept():
    """A start whose journal takes no kill any more ends, as a running book would."""
    clock = MarketClock(START)
    waiting = Waiting(load(DEMO), Surrounding(clock, Full(), Lines(), None, "live"), None, {})

    async def attempt():
        raise late(3600 * SECOND)

    def kill():
        with pytest.raises(DataError, match="disk is full"):
            waiting._source.operate(Verb.KILL, "stop it", "1000", False)

    async def main():
        clock.call_at(START + 60 * SECOND, kill)
        async with waiting:
            await waiting.until(attempt)

    with pytest.raises(DataError, match="disk is full"):
        run_market(clock, main())
    assert clock.now() < START + 61 * SECOND


@pytest.mark.parametrize(
    ("own", "other", "bans", "after"),
    [
        (0, (40, False), False, 40),
        (90, (40, False), False, 90),
        (0, (40, True), True, 40),
        (90, (40, True), True, 90),
        (0, (0, False), False, 0),
    ],
)
def test_what_another_venue_asked(own, other, bans, after):
    """A venue that answered may have banned us all the same: its word outlives the try."""
    clock = MarketClock(START)
    budget = Budget({}, clock)
    if other[0]:
        budget.complained(other[0] * SECOND, banned=other[1])
    line = SimpleNamespace(profile=PROFILES["binance"], budget=budget)
    found = heeding(late(own * SECOND), [SimpleNamespace(name="binance", line=line)])

    assert (bans, after * SECOND) == (isinstance(found, ShutsOut), found.after)


@pytest.mark.parametrize(
    ("status", "asked", "bans", "least"),
    [
        ("418 I'm a teapot", "3600", True, 3599),
        ("418 I'm a teapot", None, True, 119),
        ("418 I'm a teapot", "0", True, 119),
        ("429 Too Many Requests", "40", False, 39),
        ("503 Service Unavailable", "40", False, 0),
    ],
)
async def test_heard(tmp_path, status, asked, bans, least):
    """What a venue that is being opened says of bans and pauses goes with the error."""
    body = b'{"code":-1003,"msg":"Way too many requests."}'
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    head += f"Retry-After: {asked}\r\n" if asked else ""

    async def answer(reader, writer):
        while (await reader.readline()).strip():
            pass
        writer.write(f"{head}Connection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    path = tmp_path / "live.toml"
    names = ("binance", "binanceusdm", "binancecoinm")
    path.write_text(dress(DEMO.read_text("utf-8"), dict.fromkeys(names, address)), "utf-8")
    settings = load(path)
    keys = {name: Credentials(Secret("loopback"), Secret("loopback")) for name in settings.venues}
    around = Surrounding(WallClock(), MemoryJournal(), Lines(), None, "live")
    with pytest.raises(Unavailable) as failed:
        await live(settings, resolve(settings), keys, around)
    server.close()
    await server.wait_closed()
    assert bans is isinstance(failed.value, ShutsOut)
    assert least <= failed.value.after / SECOND <= least + 1
