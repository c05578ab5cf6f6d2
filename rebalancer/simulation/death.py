"""Death: one venue of a book over several falls silent for minutes, and comes back.

    python -m rebalancer.simulation.death [--config FILE] [--venue V] [--seconds N] [--unknown]

Nothing of the venue answers and no socket of it opens. Where no order of ours is
unknown there, the book stays in its band by its other legs. With `--unknown` the
venue takes an order and dies before it answers: nothing is sent then, anywhere,
and a person is told. After its return the books are compared; what halted is
armed by a person, once the order is proved.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rebalancer.core.events import Operator, Verb
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.ids import decode
from rebalancer.core.orders import OrderState
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import WallClock, run_wall
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.simulation.dress import apart_of_all
from rebalancer.simulation.faults import Kind, Plan
from rebalancer.simulation.loopback import Loopbacks
from rebalancer.simulation.menu import Scene
from rebalancer.simulation.played import PLAYED
from rebalancer.simulation.trials import dressed, inside, opened
from rebalancer.wiring import Running

LOOK = SECOND // 4  # ns between two looks
FALLS = 120  # s within which the order comes that shall be unknown
OUTSIDE = 60.0  # s that net delta may be outside while other legs take over
PAGED = 90.0  # s until a person must be told of an order whose venue is dead
RISES = 120  # s after its return in which all must be well again


class Ears:
    """A log that keeps what a person is woken for."""

    def __init__(self, clock: WallClock) -> None:
        self.heard: list[tuple[int, str]] = []  # ns and event
        self._clock = clock

    def _say(self, event: str, **facts: Any) -> None:
        pass

    debug = info = warning = _say

    def error(self, event: str, **_facts: Any) -> None:
        """Keep when it was said."""
        self.heard.append((self._clock.now(), event))


@dataclass(slots=True)
class Seen:
    """What was seen while the venue was dead."""

    outside: float = 0.0  # s, the longest that net delta was outside its band
    sent: int = 0  # orders that left
    since: int | None = None  # ns: outside since
    names: dict[str, None] = field(default_factory=dict)  # of orders before


@dataclass(frozen=True, slots=True)
class Result:
    """How it ended."""

    venue: str
    unknown: bool
    seen: Seen
    paged: float | None  # s after the death; None: nobody was told
    faults: tuple[str, ...]


def plans_of(seconds: float) -> Sequence[Plan]:
    """Return what it takes for a venue to be dead so long."""
    return (
        Plan(Kind.DROP_BEFORE, times=None, lasts=seconds),
        Plan(Kind.REFUSE, "connect", times=None, lasts=seconds),
        Plan(Kind.CUT, times=None, lasts=seconds),
    )


async def death(
    scene: Scene, seconds: float, *, unknown: bool, nudged: str = "", seed: int = 7
) -> Result:
    """Let a venue of a book die, and judge what the book does.

    Args:
        scene: The book, and which of its venues.
        seconds: How long.
        unknown: Whether it takes an order first, and dies before it answers.
        nudged: Another venue, at which somebody trades by hand as it dies, so that
            there is something to hedge; empty: the market alone gives it.
        seed: Of the market.
    """
    clock, settings = WallClock(), scene.settings()
    played, failures = opened(settings, clock, seed), list[BaseException]()
    await played.start()
    tasks, ears, ended = TaskRegistry(failures.append), Ears(clock), asyncio.Event()
    try:
        running = await dressed(settings, played, clock, seed, ears)

        async def serve() -> None:
            try:
                await running.daemon.run()
            finally:
                ended.set()

        tasks.spawn("daemon", serve())
        run = _Run(scene, running, played, ears, clock)
        await run.begun()
        if unknown:
            await run.ask_and_die(seconds)
        else:
            run.die(seconds)
        if nudged:
            run.nudge(Scene(scene.config, nudged))
        seen = await run.watch(seconds)
        paged = run.paged()
        faults = [*run.judged(seen, paged, unknown=unknown), *await run.risen()]
        running.stop.ask()
        await ended.wait()
        faults += [f"died: {type(each).__name__}: {each}" for each in failures]
        return Result(scene.venue, unknown, seen, paged, tuple(faults))
    finally:
        await tasks.close()
        await played.stop()


class _Run:
    """A book whose venue dies."""

    def __init__(
        self, scene: Scene, running: Running, played: Loopbacks, ears: Ears, clock: WallClock
    ) -> None:
        self._scene, self._running, self._played = scene, running, played
        self._ears, self._clock = ears, clock
        self._script = played.venues[scene.venue].script
        self._died = 0  # ns

    async def begun(self) -> None:
        """Return once the book has adopted what its venues hold, and is in its band."""
        await self._until(lambda: self._active() and inside(self._running), FALLS)

    async def ask_and_die(self, seconds: float) -> None:
        """Let the venue take an order, never tell of it, and be dead from that moment on.

        Who could ask even once more would know what became of the order.
        """
        names = self._scene.names
        self._script.add(Plan(Kind.LOSE, names.trades, times=None))
        self._script.add(Plan(Kind.DROP_AFTER, names.order, then=tuple(plans_of(seconds))))
        if not await self._until(lambda: bool(self._script.struck(Kind.DROP_AFTER)), FALLS):
            raise TimeoutError(f"no order left for {self._scene.venue} within {FALLS} s")
        self._died = self._script.struck(Kind.DROP_AFTER)[0].ts

    def die(self, seconds: float) -> None:
        """Let nothing of the venue answer from now on, for so long."""
        self._died = self._clock.now()
        self._script.add(*plans_of(seconds))

    def nudge(self, elsewhere: Scene) -> None:
        """Let somebody buy half a coin by hand at another venue."""
        host = self._played.venues[elsewhere.venue].host
        host.interfere(elsewhere.deed(0.5), by_hand=True)

    async def watch(self, seconds: float) -> Seen:
        """Return what was seen until it comes back."""
        seen = Seen(names=dict.fromkeys(self._ours()))
        while True:
            await self._clock.sleep(LOOK)
            now = self._clock.now()
            if now >= self._died + int(seconds * SECOND):
                return seen  # it is back already, and what left since is no fault
            if inside(self._running):
                seen.since = None
            else:
                seen.since = now if seen.since is None else seen.since
                seen.outside = max(seen.outside, (now - seen.since) / SECOND)
            seen.sent = sum(name not in seen.names for name in self._ours())

    def paged(self) -> float | None:
        """Return s from the death until a person was told of an order."""
        told = [ts for ts, event in self._ears.heard if event.startswith("order.")]
        return min(((ts - self._died) / SECOND for ts in told if ts >= self._died), default=None)

    def judged(self, seen: Seen, paged: float | None, *, unknown: bool) -> list[str]:
        """Return what did not hold while it was dead."""
        faults = []
        if unknown and seen.sent:
            faults.append(f"{seen.sent} orders left while one was unknown")
        if unknown and (paged is None or paged > PAGED):
            faults.append(f"a person was told after {paged} s, {PAGED} allowed")
        if not unknown and seen.outside > OUTSIDE:
            faults.append(f"net delta was outside for {seen.outside:.1f} s, {OUTSIDE} allowed")
        if not unknown and not seen.sent:
            faults.append("nothing was hedged elsewhere")
        return faults

    async def risen(self) -> list[str]:
        """Let a person arm what halted, wait until all is well, and return what is not."""
        self._script.clear()
        state = self._running.engine.state
        await self._until(self._proved, RISES)
        if state.halted:
            now = self._clock.now()
            arm = Operator(now, Verb.ARM, "the venue is back", "operator", ended=())
            self._running.inbox.put(arm)
        await self._until(self._well, RISES)
        faults = [f"{what}: ledger less venue is {gap}" for what, gap in self._apart().items()]
        if not inside(self._running):
            faults.append("net delta is outside the band after the return")
        if not self._active():
            faults.append(f"it is {state.mode_reason or dict(state.halted)}")
        return faults

    def _active(self) -> bool:
        state = self._running.engine.state
        return state.mode is TradingState.ACTIVE and not state.halted

    def _proved(self) -> bool:
        unknown = [
            each
            for each in self._running.engine.state.open_orders()
            if each.state is OrderState.UNKNOWN
        ]
        return not unknown and not self._apart()

    def _well(self) -> bool:
        state = self._running.engine.state
        quiet = self._active() and not state.open_orders() and not self._apart()
        return quiet and inside(self._running)

    def _apart(self) -> dict[str, Any]:
        return dict(apart_of_all(self._running, self._played))

    def _ours(self) -> list[str]:
        """Return every order of ours that any venue took."""
        told = [
            each.asked.label
            for name, loopback in self._played.venues.items()
            for each in loopback.place.orders(name)
        ]
        return [label for label in told if decode(label)]

    async def _until(self, holds: Callable[[], bool], seconds: int) -> bool:
        for _ in range(seconds * SECOND // LOOK):
            if holds():
                return True
            await self._clock.sleep(LOOK)
        return holds()


def main(arguments: Sequence[str] | None = None) -> int:
    """Print how it ended; 1 when something does not hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--config", type=Path, default=Path("config/demo-three.toml"))
    parser.add_argument("--venue", choices=tuple(PLAYED), required=True)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--unknown", action="store_true", help="with an order unknown there")
    told = parser.parse_args(arguments)
    scene = Scene(told.config, told.venue)
    found = run_wall(death(scene, told.seconds, unknown=told.unknown))
    print(row(found))  # noqa: T201
    return 1 if found.faults else 0


def row(found: Result) -> str:
    """Return a line of what was seen."""
    how = "one unknown" if found.unknown else "none unknown"
    paged = "nobody" if found.paged is None else f"{found.paged:.0f} s"
    outside = f"outside {found.seen.outside:5.1f} s"
    told = f"{found.venue:12} {how:13} {outside}  sent {found.seen.sent:3}"
    return f"{told}  told {paged:8} {'; '.join(found.faults) or 'ok'}"


if __name__ == "__main__":
    sys.exit(main())
