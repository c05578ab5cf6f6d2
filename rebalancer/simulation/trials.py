"""Trials: a daemon in live dress, one fault at a time, and what became of its orders.

    python -m rebalancer.simulation.trials [NAME …] [--venue V] [--mix SECONDS] [--seed N]

Each trial starts the venues of a book on this machine and the book, which hedges
often, lets one thing go wrong at one of them (`menu`), waits until the book is
quiet again, and holds the ledger against the venues' own books. What must hold
in all of them: no label is used twice, no order leaves while another's outcome
is unknown, nothing stays unknown, and the ledger ends as the venues' books do.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rebalancer.core.decision import Action, Decision
from rebalancer.core.events import Event, OrderUnknown
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.ids import decode
from rebalancer.core.orders import OrderState
from rebalancer.ports import SECOND, Log
from rebalancer.runtime.clock import WallClock, run_wall
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.settings import Settings, resolve
from rebalancer.simulation.dress import UID, apart_of_all, in_live_dress
from rebalancer.simulation.faults import Plan, Script
from rebalancer.simulation.key import Key
from rebalancer.simulation.loopback import Loopbacks, seeded_loopbacks
from rebalancer.simulation.menu import Scene, desk_of, mix_of, trials_of
from rebalancer.simulation.played import PLAYED
from rebalancer.storage.memory import MemoryJournal
from rebalancer.venues.credentials import Credentials, Secret
from rebalancer.wiring import Running, Surrounding
from rebalancer.wiring.live import live

SIGNED = ("loopback", "loopback")  # key and secret of every account
QUIET = 1  # s without an open order, inside the band, until it is over
IDLE = 20  # s in which nothing that was to go wrong did, until somebody gives a reason
TOGETHER = 4  # trials at once


@dataclass(slots=True)
class Watch:
    """What was seen of a run."""

    early: list[str] = field(default_factory=list)  # decided while one of their coin was unknown
    unknown: dict[str, int] = field(default_factory=dict)  # order → since, ns
    seconds: float = 0.0  # the longest that an outcome was unknown

    def step(self, running: Running, event: Event, decisions: Sequence[Decision]) -> None:
        """Look at one step."""
        state = running.engine.state
        open_ = {each.submit.client_order_id: each for each in state.open_orders()}
        unknown = [n for n, each in open_.items() if each.state is OrderState.UNKNOWN]
        ordered = [each for each in decisions if each.action is Action.ORDER]
        coins = [open_[name].submit.underlying for name in unknown]
        self.early += [each.client_order_id or "" for each in ordered if each.underlying in coins]
        if isinstance(event, OrderUnknown):
            self.unknown.setdefault(event.client_order_id, state.now)
        for name, since in self.unknown.items():
            if name in unknown:
                self.seconds = max(self.seconds, (state.now - since) / SECOND)


@dataclass(frozen=True, slots=True)
class Result:
    """How a trial ended."""

    name: str
    struck: int
    orders: int  # of ours, in the venue's books
    twice: int  # labels that stand there more than once
    early: int  # orders that left while another's outcome was unknown
    resolved: str  # how the unknown ones ended
    seconds: float  # the longest that an outcome was unknown
    faults: tuple[str, ...]  # what does not hold

    @property
    def passed(self) -> bool:
        """Whether everything holds."""
        return not self.faults


class Silence:
    """A log that keeps nothing."""

    def _say(self, event: str, **facts: Any) -> None:
        pass

    debug = info = warning = error = _say


@dataclass(frozen=True, slots=True)
class Length:
    """How long a trial takes, s."""

    faults: int | None = None  # that things go wrong; None: until the plans have struck
    least: int = 25  # that it takes at least, in which the book hedges on
    most: int = 75  # after which it is judged as it stands
    heals: bool = True  # whether nothing goes wrong any more after `faults`


async def trial(
    name: str, plans: Sequence[Plan], scene: Scene, seed: int = 7, length: Length = Length()
) -> Result:
    """Run one trial to its end.

    Args:
        name: For the table.
        plans: What goes wrong.
        scene: The book, and where.
        seed: Of market and faults.
        length: How long.
    """
    clock, settings = WallClock(), scene.settings()
    played = opened(settings, clock, seed)
    script = played.venues[scene.venue].script
    await played.start()
    watch, failures, ended = Watch(), list[BaseException](), asyncio.Event()
    tasks = TaskRegistry(failures.append)
    try:
        running = await dressed(settings, played, clock, seed, Silence())
        running.engine.observe(lambda *step: watch.step(running, *step))

        async def serve() -> None:
            try:
                await running.daemon.run()
            finally:
                ended.set()

        tasks.spawn("daemon", serve())
        await _begun(running, clock)
        script.add(*plans)
        if length.faults is not None:
            await clock.sleep(length.faults * SECOND)
            if length.heals:
                script.clear()
        waits = bool(plans) and length.faults is None

        def nudge() -> None:
            played.venues[scene.venue].host.interfere(scene.deed(0.1), by_hand=True)

        await _settled(running, played, (script if waits else None, nudge), length)
        found = _judged(name, running, played, script, watch)
        running.stop.ask()
        await ended.wait()
        died = tuple(f"died: {type(each).__name__}: {each}" for each in failures)
        return replace(found, faults=(*found.faults, *died))
    finally:
        await tasks.close()
        await played.stop()


def opened(settings: Settings, clock: WallClock, seed: int) -> Loopbacks:
    """Return the venues of a book, played on this machine; they do not answer yet."""
    signs = {each: [Key(*SIGNED, each, UID, passphrase=SIGNED[0])] for each in settings.venues}
    return seeded_loopbacks(settings, resolve(settings), signs, clock, seed)


async def dressed(
    settings: Settings, played: Loopbacks, clock: WallClock, seed: int, log: Log
) -> Running:
    """Return the book in live dress, connected to its venues on this machine.

    Args:
        settings: Of the book, on paper.
        played: Its venues, which answer.
        clock: The wall's.
        seed: Of the book's own chance.
        log: Where it says what it does.
    """
    told = in_live_dress(settings, played.addresses)
    secrets = Credentials(*(Secret(each) for each in (*SIGNED, SIGNED[0])))
    keys = dict.fromkeys(played.venues, secrets)
    around = Surrounding(
        clock=clock,
        journal=MemoryJournal(),
        log=log,
        feed=None,
        dress="trial",
        randomness=SeededRandomness(seed),
    )
    return await live(told, resolve(told), keys, around)


async def _begun(running: Running, clock: WallClock) -> None:
    """Return once the book has adopted what the venue holds, and trades; or after half a minute."""
    for _ in range(300):
        if running.engine.state.mode is TradingState.ACTIVE:
            return
        await clock.sleep(SECOND // 10)


async def _settled(
    running: Running,
    played: Loopbacks,
    awaited: tuple[Script | None, Callable[[], None]],
    length: Length,
) -> None:
    """Return once the book has been quiet for a while, or the trial has taken too long.

    Where what is awaited needs an order and the market gives no reason for one,
    somebody trades by hand.
    """
    clock, quiet = WallClock(), 0
    script, nudge = awaited
    for second in range(length.most):
        await clock.sleep(SECOND)
        if script is not None and script.missed() and second % IDLE == IDLE - 1:
            nudge()
        state = running.engine.state
        calm = (
            (script is None or not script.missed())
            and inside(running)
            and not state.open_orders()
            and not apart_of_all(running, played)
        )
        quiet = quiet + 1 if calm else 0
        if quiet >= QUIET and second >= length.least:
            return


def inside(running: Running) -> bool:
    """Whether each net delta is known and inside its band."""
    found = [running.engine.standing.get(coin) for coin in running.engine.state.params.underlyings]
    return all(
        each is not None and each.price is not None and each.lower <= each.net_delta <= each.upper
        for each in found
    )


def _judged(name: str, running: Running, played: Loopbacks, script: Script, watch: Watch) -> Result:
    """Return what became of a trial, looked at before the daemon stops."""
    state = running.engine.state
    places = [(name, each.place) for name, each in played.venues.items()]
    told = [each.asked.label for name, place in places for each in place.orders(name)]
    ours = [label for label in told if decode(label)]
    twice = len(ours) - len(set(ours))
    ended = [f"{state.orders[name].state}" for name in watch.unknown if name in state.orders]
    faults = [f"{each.kind} never happened" for each in script.missed()]
    if twice:
        faults.append(f"{twice} labels stand twice in the venue's books")
    if watch.early:
        faults.append(f"{len(watch.early)} orders left while one was unknown")
    if state.halted or state.killed:
        faults.append(f"halted: {dict(state.halted)} {state.mode_reason}")
    if state.open_orders():
        faults.append(f"{len(state.open_orders())} orders are still open")
    if not inside(running):
        faults.append("net delta is outside the band")
    faults += [
        f"{what}: ledger less venue is {gap}" for what, gap in apart_of_all(running, played).items()
    ]
    return Result(
        name=name,
        struck=len(script.done),
        orders=len(ours),
        twice=twice,
        early=len(watch.early),
        resolved=", ".join(f"{ended.count(each)} {each}" for each in sorted(set(ended))) or "-",
        seconds=watch.seconds,
        faults=tuple(faults),
    )


async def campaign(chosen: Mapping[str, Sequence[Plan]], scene: Scene, seed: int) -> list[Result]:
    """Run trials, a few at a time, and print each as it ends."""
    clock, waiting, results = WallClock(), list(chosen.items()), list[Result]()
    failures: list[BaseException] = []
    tasks, running = TaskRegistry(failures.append), 0

    async def one(name: str, plans: Sequence[Plan]) -> None:
        found = await trial(name, plans, scene, seed)
        print(row(found), flush=True)  # noqa: T201
        results.append(found)

    while len(results) < len(chosen) and not failures:
        if waiting and running - len(results) < TOGETHER:
            tasks.spawn(waiting[0][0], one(*waiting.pop(0)))
            running += 1
        else:
            await clock.sleep(SECOND // 4)
    await tasks.close()
    for failure in failures:
        raise failure
    return results


def row(found: Result) -> str:
    """Return a line of the table."""
    told = f"{found.name:36} {found.struck:6} {found.orders:7} {found.twice:6} {found.early:6}"
    verdict = "ok" if found.passed else "; ".join(found.faults)
    return f"{told} {found.seconds:8.1f}  {found.resolved:24} {verdict}"


HEAD = (
    f"{'fault':36} {'struck':>6} {'orders':>7} {'twice':>6} {'early':>6} {'seconds':>8}  resolved"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 when something does not hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="of the trials; all when none is given")
    parser.add_argument("--mix", type=int, metavar="SECONDS", help="all faults at random instead")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--venue", choices=tuple(PLAYED), help="every venue when none is given")
    parser.add_argument("--config", type=Path, help="of the book; the venue's own desk")
    told = parser.parse_args(arguments)
    scenes = [
        Scene(told.config or Path("config") / desk_of(venue), venue)
        for venue in ([told.venue] if told.venue else PLAYED)
    ]
    trials = trials_of(scenes[0])
    unknown = [name for name in told.names if name not in trials]
    if unknown:
        parser.error(f"no trial is named {unknown[0]!r}; known are {', '.join(trials)}")
    found: list[Result] = []
    for scene in scenes:
        print(f"{scene.venue}\n{HEAD}", flush=True)  # noqa: T201
        found += _played(scene, told.names, told.mix, told.seed)
    return 0 if all(each.passed for each in found) else 1


def _played(scene: Scene, names: Sequence[str], mix: int | None, seed: int) -> Sequence[Result]:
    """Return what came of the trials of one venue, each printed as it ends."""
    if mix is not None:
        found = run_wall(trial("mix", mix_of(scene), scene, seed, Length(mix, 5)))
        print(row(found))  # noqa: T201
        return (found,)
    trials = trials_of(scene)
    chosen = {name: trials[name] for name in names or trials}
    return run_wall(campaign(chosen, scene, seed))


if __name__ == "__main__":
    sys.exit(main())
