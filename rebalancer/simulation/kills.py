"""Kills: a real daemon is killed at every step of its journal, and started again.

    python -m rebalancer.simulation.kills [--points N] [--resume FILE] [--json FILE] [--point K]

A Deribit runs in this process, the daemon in another (`victim`), with its
journal in a folder of its own. It is killed by SIGKILL right before or after a
statement by which its journal writes, or at the moment at which the venue takes
its order and has not answered yet, or at any moment; the next one starts on the
same folder and has to find out by itself. What it may have lost or doubled is
looked for in the venue's books and the journal's file (`inquest`).

One book lives through ten points, so that each starts with what the kills
before it left. The point that fails ends its book and is named: `--point K`
repeats that book up to it.
"""

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

from rebalancer.ports import SECOND
from rebalancer.runtime.clock import WallClock, run_wall
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.settings import resolve
from rebalancer.simulation.dress import UID
from rebalancer.simulation.faults import Deed
from rebalancer.simulation.inquest import Case, Findings, Inquest
from rebalancer.simulation.key import Key
from rebalancer.simulation.loopback import seeded_loopback
from rebalancer.simulation.menu import PERP, VENUE
from rebalancer.simulation.nursery import ENDS, ROOT, STARTS, Nursery, Setting, Victim
from rebalancer.simulation.toll import (
    ARRIVAL,
    LIFE,
    MOMENT,
    Checkpoint,
    Outcome,
    Point,
    lives_of,
    point_of,
    summary,
    table,
)
from rebalancer.simulation.victim import ARM, STOP, restless

TOGETHER = 2  # books at once
QUIETS = 30  # s until books and journal agree, once it trades
COMES = 40  # s until the step of a point comes; after that it is killed where it stands
NUDGE = 2_000  # contracts that somebody trades by hand each second, to and fro, till it strikes
TAIL = 6  # lines of the log that are shown of a failure


async def at_rest(setting: Setting, victim: Victim) -> Findings:
    """Return what does not hold once a daemon has found out; empty when all is well."""
    await setting.until(lambda: victim.active is not None or not victim.alive, STARTS)
    if victim.active is None:
        went = f"ended with {victim.code}" if not victim.alive else "runs on"
        never = f"it did not trade within {STARTS} s of a start: {went}"
        return Findings(other=(never, *_last_words(setting.folder)))
    found = setting.inquest.compare()
    for _ in range(QUIETS * 5):
        if not found.any:
            break
        await setting.clock.sleep(SECOND // 5)
        found = setting.inquest.compare()
    return found


async def die(setting: Setting, victim: Victim, point: Point) -> tuple[bool, Findings]:
    """Let a daemon die at its point; return whether the step came, and what it died of if not."""
    if point.kind == ARRIVAL:
        left = iter(range(point.nth - 1))
        setting.inquest.arrived = lambda: victim.kill() if next(left, None) is None else None
    elif point.kind == MOMENT:
        await setting.clock.sleep(point.nth * SECOND // 1000)
        victim.kill()
    else:
        victim.tell(ARM)
    came = await _nudged(setting, victim)
    setting.inquest.arrived = None
    victim.kill()
    await setting.until(lambda: not victim.alive, ENDS)
    if victim.code == -signal.SIGKILL:
        return came, Findings()
    died = f"it ended with {victim.code} before its point"
    return came, Findings(other=(died, *_last_words(setting.folder)))


async def _nudged(setting: Setting, victim: Victim) -> bool:
    """Give a daemon that trades something to hedge until it is dead; False if it does not die."""
    for second in range(COMES):
        if victim.active is not None and victim.alive:
            quantity = Decimal(NUDGE if second % 2 else -NUDGE)
            setting.host.interfere(Deed(VENUE, PERP, quantity), by_hand=True)
        if await setting.until(lambda: not victim.alive, 1):
            return True
    return False


async def stop(setting: Setting, victim: Victim) -> Findings:
    """End a daemon in order; return what does not hold."""
    victim.tell(STOP)
    await setting.until(lambda: not victim.alive, ENDS)
    if victim.code != os.EX_OK:
        died = f"its end in order was {victim.code}"
        return Findings(other=(died, *_last_words(setting.folder)))
    return Findings()


def _last_words(folder: Path) -> list[str]:
    """Return the end of what the children said."""
    said = []
    for name in ("log.jsonl", "stderr"):
        path = folder / name
        said += path.read_text(errors="replace").splitlines()[-TAIL:] if path.exists() else []
    return said


@dataclass(slots=True)
class _Deaths:
    """The deaths of one book: those whose outcome is known, and those since it last was at rest."""

    known: list[Outcome] = field(default_factory=list)
    waiting: list[Outcome] = field(default_factory=list)

    def judge(self, found: Findings, seconds: float | None) -> None:
        """Let the deaths since the last rest be judged; the last one was recovered from."""
        self.known += self.waiting[:-1]
        self.known += [
            replace(
                each,
                recovery=seconds,
                lost=found.lost,
                doubled=found.doubled,
                other=found.other,
            )
            for each in self.waiting[-1:]
        ]
        self.waiting.clear()


async def live_through(setting: Setting, points: Sequence[Point]) -> list[Outcome]:
    """Let one book die at each point in turn; it ends with the first that something came of."""
    deaths, first = _Deaths(), points[0]
    nursery = await Nursery.opened(setting)
    try:
        for point in (*points, None):
            victim = await nursery.bear(point)
            if point is None or not point.starting:
                found = _both(await at_rest(setting, victim), setting.inquest.seen())
                if found.any and not deaths.waiting:
                    deaths.waiting.append(Outcome(first.number, first.kind, first.nth))
                active = victim.active
                deaths.judge(found, active and (nursery.boot + active - victim.began) / SECOND)
                if found.any:
                    break
            if point is None:
                found = _both(await stop(setting, victim), setting.inquest.compare())
            else:
                came, found = await die(setting, victim, point)
                died = Outcome(point.number, point.kind, point.nth, missed=not came)
                deaths.waiting.append(died)
            if found.any:
                deaths.waiting = deaths.waiting or [deaths.known.pop()]
                deaths.judge(found, None)
                break
    finally:
        await nursery.close()
    return deaths.known


def _both(one: Findings, other: Findings) -> Findings:
    return Findings(one.lost + other.lost, one.doubled + other.doubled, one.other + other.other)


async def book(points: Sequence[Point], config: Path, seed: int) -> list[Outcome]:
    """Give a book a venue and a folder of its own, and let it live through its points."""
    clock, settings = WallClock(), restless(config)
    number = points[0].number // LIFE
    keys = [Key("loopback", "loopback", VENUE, UID)]
    loopback = seeded_loopback(settings, resolve(settings), keys, clock, seed + number)
    failures: list[BaseException] = []
    tasks = TaskRegistry(failures.append)
    await loopback.start()
    try:
        with TemporaryDirectory(prefix="rebalancer-kills-") as made:
            folder = Path(made)
            inquest = Inquest(Case(loopback.place, VENUE, settings, folder / "journal.sqlite"))
            setting = Setting(
                folder, loopback.address, config, seed, clock, tasks, inquest, loopback.host
            )
            outcomes = await live_through(setting, points)
    finally:
        await tasks.close()
        await loopback.stop()
    for failure in failures:
        raise failure
    return outcomes


async def campaign(
    lives: Sequence[Sequence[Point]],
    config: Path,
    seed: int,
    ended: Callable[[Sequence[Outcome]], None],
    together: int = TOGETHER,
) -> None:
    """Let books live through their points, some at a time.

    Args:
        lives: The points of each book.
        config: Of the books.
        seed: Of markets and chance.
        ended: Is told what came of each book.
        together: Books at once.
    """
    clock, waiting, failures = WallClock(), list(lives), list[BaseException]()
    tasks, running = TaskRegistry(failures.append), [0]

    async def one(points: Sequence[Point]) -> None:
        try:
            ended(await book(points, config, seed))
        finally:
            running[0] -= 1

    try:
        while (waiting or running[0]) and not failures:
            if waiting and running[0] < together:
                points = waiting.pop(0)
                running[0] += 1
                tasks.spawn(f"book {points[0].number}", one(points))
            await clock.sleep(SECOND // 10)
    finally:
        await tasks.close()
    for failure in failures:
        raise failure


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 when something was lost or doubled."""
    told = _asked(arguments)
    console = Console()
    checkpoint = Checkpoint(told.resume, told.seed)
    if told.point is None:
        lives = lives_of(told.points, told.seed)
        numbers = [each.number for points in lives for each in points]
    else:
        numbers = list(range(told.point // LIFE * LIFE, told.point + 1))
        lives = [tuple(point_of(each, told.seed) for each in numbers)]
        checkpoint.done.clear()
    left = [points for points in lives if any(p.number not in checkpoint.done for p in points)]
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        done = len(numbers) - sum(map(len, left))
        bar = progress.add_task("kill points", total=len(numbers), completed=done)

        def ended(outcomes: Sequence[Outcome]) -> None:
            checkpoint.keep(outcomes)
            progress.advance(bar, len(outcomes))
            for each in outcomes:
                if not each.passed:
                    _report(console, each, told)

        run_wall(campaign(left, told.config, told.seed, ended, told.together))
    found = [checkpoint.done[each] for each in numbers if each in checkpoint.done]
    console.print(table(found))
    if told.json is not None:
        told.json.write_text(json.dumps(_figures(found, told.seed), indent=1) + "\n")
    if not all(each.passed for each in found):
        return 1
    if told.point is None:
        checkpoint.finish()
    return 0


def _asked(arguments: Sequence[str] | None) -> Any:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--points", type=int, default=50)
    parser.add_argument("--point", type=int, metavar="K", help="the book of one point, up to it")
    parser.add_argument(
        "--resume", type=Path, metavar="FILE", help="goes on from it; gone once all passed"
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--together", type=int, default=TOGETHER, help="books at once")
    parser.add_argument("--config", type=Path, default=ROOT / "config" / "demo-deribit.toml")
    return parser.parse_args(arguments)


def _report(console: Console, outcome: Outcome, told: Any) -> None:
    """Say what does not hold, and how to see it again."""
    console.print(f"point {outcome.number} ({outcome.kind}, {outcome.nth}):", highlight=False)
    for what in (*outcome.lost, *outcome.doubled, *outcome.other):
        console.print(f"  {what}", highlight=False, markup=False)
    again = f"--point {outcome.number} --seed {told.seed}"
    console.print(f"  again: python -m rebalancer.simulation.kills {again}", highlight=False)


def _figures(outcomes: Sequence[Outcome], seed: int) -> Mapping[str, Any]:
    failing = [each.number for each in outcomes if not each.passed]
    return {"seed": seed, **summary(outcomes), "failing_points": failing}


if __name__ == "__main__":
    sys.exit(main())
