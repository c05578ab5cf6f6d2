"""The nursery: where the daemons of one book are born, in a process of their own, and watched.

The process that bears them (`victim`) imports the program once. What a restart
pays for that, `boot`, is measured once a book and belongs to each recovery.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from rebalancer.ports import SECOND
from rebalancer.runtime.clock import WallClock
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.simulation.host import Host
from rebalancer.simulation.inquest import Inquest
from rebalancer.simulation.toll import ARRIVAL, MOMENT, Point
from rebalancer.simulation.victim import ACTIVE, READY

ROOT = Path(__file__).resolve().parents[2]
LOOKS = SECOND // 50  # ns between two looks at a child
STARTS = 100  # s that a start may take: an order that nobody heard of takes its time
ENDS = 40  # s that an end in order may take


@dataclass(slots=True)
class Victim:
    """One daemon, from its birth to its end."""

    process: asyncio.subprocess.Process  # that bore it
    began: int  # ns, steady
    pid: int | None = None
    active: int | None = None  # ns, steady, when it said that it trades
    code: int | None = None  # its end

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.code is None

    def tell(self, word: bytes) -> None:
        """Say something to it, unless it is gone."""
        stdin = self.process.stdin
        if self.alive and stdin is not None:
            stdin.write(word)

    def kill(self) -> None:
        """End it, at once."""
        if self.alive and self.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def hear(self, line: bytes, now: int) -> None:
        """Take in what it said, or who bore it said of it."""
        match line.split():
            case [b"born", pid]:
                self.pid = int(pid)
            case [b"dead", code]:
                self.code = int(code)
            case _ if line == ACTIVE:
                self.active = now
            case _:
                pass


@dataclass(frozen=True, slots=True)
class Setting:
    """Where one book lives."""

    folder: Path
    address: str
    config: Path
    seed: int
    clock: WallClock
    tasks: TaskRegistry
    inquest: Inquest
    host: Host

    async def until(self, holds: Callable[[], bool], seconds: int) -> bool:
        """Return once something holds, or False when it took too long."""
        for _ in range(seconds * SECOND // LOOKS):
            if holds():
                return True
            await self.clock.sleep(LOOKS)
        return holds()


class Nursery:
    """The process that bears the daemons of one book.

    Args:
        setting: Of the book.
        process: As `opened` started it.
    """

    def __init__(self, setting: Setting, process: asyncio.subprocess.Process) -> None:
        self.boot = 0  # ns that the interpreter and the program took to be there
        self._setting, self._process = setting, process
        self._victim: Victim | None = None

    @classmethod
    async def opened(cls, setting: Setting) -> Self:
        """Return one that is ready."""
        where = (str(setting.folder), setting.address, str(setting.config))
        began = setting.clock.monotonic()
        with (setting.folder / "stderr").open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "rebalancer.simulation.victim", *where),
                *("--seed", str(setting.seed)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        made = cls(setting, process)
        setting.tasks.spawn(f"victims of {process.pid}", made._hear(began))
        await setting.until(lambda: bool(made.boot), STARTS)
        return made

    async def _hear(self, began: int) -> None:
        stdout, clock = self._process.stdout, self._setting.clock
        while stdout is not None and (line := await stdout.readline()):
            if line == READY:
                self.boot = clock.monotonic() - began
            elif self._victim is not None:
                self._victim.hear(line, clock.monotonic())

    async def bear(self, point: Point | None) -> Victim:
        """Return a daemon that dies at a point, by itself where a step of its own is meant."""
        own = point is not None and point.kind not in (ARRIVAL, MOMENT)
        wish = {"at": point.kind, "nth": point.nth} if point and own else {"at": "", "nth": 1}
        victim = self._victim = Victim(self._process, self._setting.clock.monotonic())
        victim.tell(json.dumps(wish).encode() + b"\n")
        gone = self._process
        await self._setting.until(
            lambda: victim.pid is not None or gone.returncode is not None, STARTS
        )
        if victim.pid is None:
            victim.code = os.EX_UNAVAILABLE
        return victim

    async def close(self) -> None:
        """Let it end, and whom it bore with it."""
        if self._victim is not None:
            self._victim.kill()
        if self._process.stdin is not None:
            self._process.stdin.close()
        if not await self._setting.until(lambda: self._process.returncode is not None, ENDS):
            self._process.kill()
        await self._process.wait()
