"""A book in live dress whose venue stops answering, and a kill through its real socket.

    python -m tests.end_to_end.killing [TRIALS]

The venue runs on this machine and takes every request some seconds late, so that
each connection to it is in use; 2,000 quotes a second come in meanwhile. It prints
how long the kill took to be acknowledged, as its client saw it.
"""

import asyncio
import contextlib
import random
import statistics
import sys
import tempfile
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from rebalancer.core.guards.trading_state import TradingState
from rebalancer.ops.client import ControlClient
from rebalancer.ops.control import ControlServer
from rebalancer.runtime.clock import WallClock
from rebalancer.simulation.faults import Kind, Plan
from rebalancer.simulation.menu import Scene
from rebalancer.simulation.trials import Silence, dressed, opened

ROOT = Path(__file__).resolve().parents[2]
SCENE = Scene(ROOT / "config" / "demo-deribit.toml")
RATE = 2_000  # quotes a second
LATE = 2.0  # s that the venue leaves each request alone
AFTER = 0.5  # s after the acknowledgement in which nothing may begin


@dataclass(frozen=True)
class Killed:
    """What became of one kill."""

    seconds: float  # until it was acknowledged, by its client's clock
    latched: bool  # in memory, and in the journal, when it was
    flying: int  # orders whose answer was awaited
    begun: int  # submits that began after it
    heard: int  # orders that reached the venue after it, but for those that had left


class Book:
    """The book, its venue and its socket."""

    def __init__(self, running, played, folder):
        self.running, self.played, self.folder = running, played, folder
        self.script = played.venues[SCENE.venue].script
        self.server = played.venues[SCENE.venue].server
        self._sign = 1.0
        self._asking = []
        self.begun = []  # client order ids that the adapter was given
        self._venue = running.daemon._parts.venues[SCENE.venue]

    def arrived(self):
        """Return how many orders reached the venue."""
        names = SCENE.names
        return sum(1 for method, _ in self.server.calls if fnmatchcase(method, names.order))

    async def ask(self, verb, **args):
        """Ask through the real socket, beside the loop."""
        client = ControlClient(self.folder / "control.sock")

        def timed():
            begun = time.monotonic()
            client.call(verb, **args)
            return time.monotonic() - begun

        return await asyncio.to_thread(timed)

    async def active(self):
        """Return once it hedges, and nothing is open."""
        for _ in range(600):
            state = self.running.engine.state
            if state.mode is TradingState.ACTIVE and not state.open_orders():
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"never active: {self.running.engine.state.mode_reason}")

    async def flood(self):
        """Put quotes in, as fast as a busy market does."""
        state, inbox = self.running.engine.state, self.running.inbox
        name = SCENE.leg()[0].id
        while True:
            known = state.markets.quotes.get(name)
            for _ in range(RATE // 100):
                now = WallClock().now()
                if known is not None:
                    inbox.put(replace(known, ts_local=now, ts_venue=now))
            await asyncio.sleep(0.01)

    async def trial(self, chance):
        """Kill it once, while its venue does not answer; then arm it again."""
        await self.active()
        state = self.running.engine.state
        flood = asyncio.create_task(self.flood())
        await asyncio.sleep(chance.uniform(1.0, 1.6))
        self.script.add(Plan(Kind.LATE, "*", times=None, seconds=LATE, over="rest"))
        for _ in range(16):  # each connection of the pool waits for an answer
            self._asking.append(asyncio.create_task(_swallowed(self._venue.positions())))
        self._sign = -self._sign
        self._move(0.3 * self._sign)
        await asyncio.sleep(chance.uniform(0.0, 0.1))
        flying = len(state.open_orders())
        seconds = await self.ask("kill", reason="trial")
        latched = state.killed and self._written()
        begun, heard = len(self.begun), self.arrived()
        await asyncio.sleep(AFTER)
        killed = Killed(seconds, latched, flying, len(self.begun) - begun, self.arrived() - heard)
        flood.cancel()
        self.script.clear()
        await asyncio.sleep(LATE)
        await self.ask("arm", reason="trial")
        return killed

    def _move(self, target):
        """Move the target: a hedge is due at once."""
        tuner, asked = self.running.tuner, {"BTC.target": str(target)}
        shown = tuner.preview(asked)
        again = {name: str(target) for name in shown["again"]}
        tuner.tune(asked, again, shown["expect"], ("0", "trial"))

    def _written(self):
        entries = list(self.running.status._journal.read("latch"))
        return bool(entries) and entries[-1].payload["killed"]


async def _swallowed(asked):
    with contextlib.suppress(Exception):  # the venue does not answer: that is what it is for
        await asked


def _hasty(settings):
    """Return settings under which a hedge waits for none before it."""
    coins = {
        name: own.model_copy(update={"band": own.band.model_copy(update={"min_interval": 1})})
        for name, own in settings.underlyings.items()
    }
    return settings.model_copy(update={"underlyings": coins})


@asynccontextmanager
async def booked(folder):
    """Yield a running book that hedges often against a Deribit on this machine."""
    clock, settings = WallClock(), _hasty(SCENE.settings())
    played = opened(settings, clock, 7)
    await played.start()
    try:
        running = await dressed(settings, played, clock, 7, Silence())
        book = Book(running, played, folder)
        venues = running.daemon._parts.venues
        venues[SCENE.venue] = _Counting(venues[SCENE.venue], book)
        running.daemon._parts.dispatch.venues[SCENE.venue] = venues[SCENE.venue]
        control = ControlServer(folder / "control.sock", running.status, Silence())
        await control.start()
        daemon = asyncio.create_task(running.daemon.run())
        try:
            yield book
        finally:
            running.stop.ask()
            await daemon
            await control.close()
    finally:
        await played.stop()


class _Counting:
    """A venue that counts what begins."""

    def __init__(self, venue, book):
        self._venue, self._book = venue, book

    def __getattr__(self, name):
        return getattr(self._venue, name)

    async def submit(self, order):
        self._book.begun.append(order.client_order_id)
        return await self._venue.submit(order)


async def trials(count, folder, seed=7):
    """Return what became of so many kills."""
    chance = random.Random(seed)
    async with booked(folder) as book:
        return [await book.trial(chance) for _ in range(count)]


def main():
    """Print what became of kills."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    with tempfile.TemporaryDirectory() as folder:
        told = asyncio.run(trials(count, Path(folder)))
    times = sorted(each.seconds * 1e3 for each in told)
    print(f"{count} kills: p50 {statistics.median(times):.1f} ms, max {times[-1]:.1f} ms")
    print(f"orders in flight at {sum(each.flying > 0 for each in told)}")
    print(f"latched {sum(each.latched for each in told)}")
    print(f"began after {sum(each.begun for each in told)}")
    print(f"reached the venue after {sum(each.heard for each in told)}")


if __name__ == "__main__":
    main()
