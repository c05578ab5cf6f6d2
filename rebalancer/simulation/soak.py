"""The soak: does a daemon that hears thousands of messages a second grow while it runs?

    python -m rebalancer.simulation.soak [CONFIG] [--minutes 20] [--rate 2000] [--json F]

A daemon in live dress and the venues of its desk run in processes of their own.
The desk is that of CONFIG with two hundred options more, each of which the venue
tells ten times a second, which is as often as a venue does.
What the daemon's process holds (resident memory, open descriptors, threads) and
how many tasks its loop has is read from outside, twelve times a minute.

What counts is from the fifth minute on: by then everything that is allocated
once is there. The slope of memory is the least-squares line through means of
half a minute, which hardly know of one another, with its 95 % interval. Where
that is wider than what is to be shown, the run goes on, up to four times as long.
Descriptors, threads and tasks come and go with each request; what a process has
most often within a minute is what it holds.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from scipy import stats

from rebalancer.errors import RebalancerError, Unavailable
from rebalancer.ops.client import ControlClient
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import WallClock, run_wall
from rebalancer.settings import fingerprint, load

LOOK = 5 * SECOND  # ns between two readings
SETTLED = 5.0  # min from which on readings count
LEAST = SETTLED + 2.0  # min that a run must last
BLOCK = 30.0  # s whose mean is one point of the line
MOST = 5.0  # MiB/h that the upper end of the interval must stay below
LONGEST = 4  # times the asked length, where the interval is wide
STARTS = 180  # s that a daemon may take until it trades
MIB = 1024 * 1024  # bytes
STEP = "20ms"  # of the market
EXPIRIES = ("26MAR27", "25JUN27", "24SEP27", "30JUN28")
STRIKES = range(40_000, 180_000, 5_000)
_CALLED = "from rebalancer.cli import main; main()"


@dataclass(frozen=True, slots=True)
class Sample:
    """One reading of the daemon's process."""

    minutes: float  # since it traded
    resident: int  # bytes
    descriptors: int
    threads: int
    tasks: int  # of its event loop
    sent: int  # websocket messages that left the venues
    orders: int  # that ever came to the venues


@dataclass(frozen=True, slots=True)
class Slope:
    """How memory grows, MiB an hour."""

    estimate: float
    lower: float  # of the 95 % interval
    upper: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a soak showed."""

    rate: float  # messages a second, from the fifth minute on
    slope: Slope
    early: Sample  # at the fifth minute
    late: Sample  # at the end
    faults: tuple[str, ...]


def slope_of(samples: Sequence[Sample]) -> Slope:
    """Return the line of memory through means of half a minute.

    Args:
        samples: In order; at least four such blocks.
    """
    minutes = np.array([each.minutes for each in samples])
    memory = np.array([each.resident for each in samples]) / MIB
    block = np.floor((minutes - minutes[0]) * 60.0 / BLOCK)
    places = np.unique(block)
    times = np.array([minutes[block == each].mean() for each in places]) / 60.0
    means = np.array([memory[block == each].mean() for each in places])
    if not np.ptp(means):  # a line through nothing but one number has no error that can be told
        return Slope(0.0, 0.0, 0.0)
    line = stats.linregress(times, means)
    reach = float(stats.t.ppf(0.975, len(places) - 2)) * float(line.stderr)
    return Slope(float(line.slope), float(line.slope) - reach, float(line.slope) + reach)


def judge(samples: Sequence[Sample], rate: float) -> Verdict:
    """Return what a run showed.

    Args:
        samples: In order, from the start.
        rate: Messages a second that must have come.
    """
    counted = [each for each in samples if each.minutes >= SETTLED]
    early, late, slope = (
        _usual(counted, first=True),
        _usual(counted, first=False),
        slope_of(counted),
    )
    heard = (late.sent - early.sent) / ((late.minutes - early.minutes) * 60.0)
    checks = [
        (slope.upper < MOST, f"memory may grow by {slope.upper:.2f} MiB/h, must be below {MOST}"),
        (heard >= rate, f"{heard:,.0f} messages a second were sent, must be {rate:,.0f}"),
        *(
            (getattr(early, name) == getattr(late, name), _moved(name, early, late))
            for name in ("descriptors", "threads", "tasks")
        ),
    ]
    return Verdict(heard, slope, early, late, tuple(words for holds, words in checks if not holds))


def _usual(samples: Sequence[Sample], *, first: bool) -> Sample:
    """Return the first or last reading, with what was held most often in its minute."""
    told = samples[0] if first else samples[-1]
    near = [each for each in samples if abs(each.minutes - told.minutes) <= 1.0]
    held = {
        name: Counter(getattr(each, name) for each in near).most_common(1)[0][0]
        for name in ("descriptors", "threads", "tasks")
    }
    return replace(told, **held)


def _moved(name: str, early: Sample, late: Sample) -> str:
    before, after = getattr(early, name), getattr(late, name)
    return (
        f"{name} were {before} at minute {early.minutes:.0f}, {after} at minute {late.minutes:.0f}"
    )


class _Stand:
    """The venues, in a process of their own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def hear(self) -> Any:
        """Return the next line that it says."""
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise Unavailable("the played venues ended")
        return json.loads(line)

    async def ask(self, **what: Any) -> Any:
        """Return what it answers."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what).encode() + b"\n")
        return (await self.hear())["ok"]

    async def total(self, what: str) -> int:
        """Return a count over all venues."""
        told: Mapping[str, int] = await self.ask(ask=what)
        return sum(told.values())

    async def close(self) -> None:
        """Let it end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


class _Run:
    """A daemon and its venues.

    Args:
        stand: The venues.
        daemon: Its process.
        client: Asks it.
        clock: The wall's.
    """

    def __init__(
        self,
        stand: _Stand,
        daemon: asyncio.subprocess.Process,
        client: ControlClient,
        clock: WallClock,
    ) -> None:
        self._stand, self._daemon, self._client, self._clock = stand, daemon, client, clock
        self._began = 0

    async def begun(self) -> None:
        """Return once the daemon trades."""
        for _ in range(STARTS * 4):
            await self._clock.sleep(SECOND // 4)
            self._alive()
            try:
                if self._client.call("status")["state"] == "active":
                    self._began = self._clock.monotonic()
                    return
            except Unavailable:
                continue
        raise Unavailable(f"the daemon did not trade within {STARTS} s")

    async def sample(self) -> Sample:
        """Return a reading of now."""
        self._alive()
        process = Path(f"/proc/{self._daemon.pid}")
        return Sample(
            minutes=(self._clock.monotonic() - self._began) / SECOND / 60.0,
            resident=int((process / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"),
            descriptors=len(list((process / "fd").iterdir())),
            threads=len(list((process / "task").iterdir())),
            tasks=self._client.call("status")["tasks"],
            sent=await self._stand.total("sent"),
            orders=await self._stand.total("count"),
        )

    def _alive(self) -> None:
        if self._daemon.returncode is not None:
            raise Unavailable(f"the daemon ended with {self._daemon.returncode}")


async def soak(
    config: Path, minutes: float, rate: float, folder: Path, saw: Callable[[Sample], None]
) -> Verdict:
    """Let a daemon run, and return how it held.

    Args:
        config: The desk on paper.
        minutes: How long at least.
        rate: Messages a second, at least.
        folder: Of everything that is written; the daemon's log is there too.
        saw: Is told each reading.

    Raises:
        Unavailable: A process ended.
    """
    clock = WallClock()
    async with AsyncExitStack() as stack:
        stand = await _stand(_desk(config, folder), folder)
        stack.push_async_callback(stand.close)
        told = await stand.hear()
        daemon = await _daemon(Path(told["config"]), folder, told["credentials"])
        stack.push_async_callback(_ended, daemon)
        run = _Run(stand, daemon, ControlClient(folder / "state" / "control.sock"), clock)
        await run.begun()
        await stand.ask(step=STEP)
        samples = [await run.sample()]
        while True:
            await clock.sleep(LOOK)
            samples.append(await run.sample())
            saw(samples[-1])
            if samples[-1].minutes >= minutes:
                verdict = judge(samples, rate)
                wide = verdict.slope.upper - verdict.slope.lower > MOST
                if not wide or samples[-1].minutes >= LONGEST * minutes:
                    return verdict


def _desk(config: Path, folder: Path) -> Path:
    """Write the desk with its options; return where."""
    path = folder / "desk.toml"
    path.write_text(config.read_text(encoding="utf-8") + "".join(_options()), encoding="utf-8")
    return path


def _options() -> Iterator[str]:
    """Yield 224 holdings whose deltas nearly cancel."""
    for expiry, strike in product(EXPIRIES, STRIKES):
        for kind, quantity in (("C", "0.1"), ("P", "0.1")):
            name = f"deribit:BTC-{expiry}-{strike}-{kind}"
            yield f'\n[[holdings]]\ninstrument = "{name}"\nquantity = {quantity}\nrole = "book"\n'


async def _stand(config: Path, folder: Path) -> _Stand:
    return _Stand(
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "rebalancer.simulation.stand", str(config), str(folder)),
            *("--wild", "--options", "100ms"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
    )


async def _daemon(config: Path, folder: Path, keys: str) -> asyncio.subprocess.Process:
    name = fingerprint(load(config))
    with (folder / "log.jsonl").open("ab") as errors:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _CALLED, "run", str(config), "--live", "--confirm", name),
            *("--state", str(folder / "state")),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=errors,
            env={**os.environ, "REBALANCER_CREDENTIALS": keys},
        )


async def _ended(daemon: asyncio.subprocess.Process) -> None:
    if daemon.returncode is None:
        daemon.terminate()
    await daemon.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak a daemon; return 0 where it held, 1 where it grew."""
    parser = argparse.ArgumentParser(prog="python -m rebalancer.simulation.soak")
    parser.add_argument("config", type=Path, nargs="?", default=Path("config/demo-deribit.toml"))
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--rate", type=float, default=2000.0, help="least messages a second")
    parser.add_argument("--folder", type=Path, help="keep everything there")
    parser.add_argument("--json", type=Path, help="write the verdict there")
    asked = parser.parse_args(arguments)
    console = Console()
    if asked.minutes < LEAST:
        parser.error(f"--minutes must be at least {LEAST:.0f}, was {asked.minutes}")
    with ExitStack() as stack:
        own = stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-"))
        bar = stack.enter_context(_progress(console))
        task = bar.add_task("soak", total=asked.minutes, memory=0.0, orders=0)

        def saw(sample: Sample) -> None:
            told.write(json.dumps(asdict(sample)) + "\n")
            told.flush()
            memory = sample.resident / MIB
            bar.update(task, completed=sample.minutes, memory=memory, orders=sample.orders)

        folder = asked.folder or Path(own)
        folder.mkdir(parents=True, exist_ok=True)
        told = stack.enter_context((folder / "samples.jsonl").open("w", encoding="utf-8"))
        try:
            verdict = run_wall(soak(asked.config, asked.minutes, asked.rate, folder, saw))
        except RebalancerError as error:
            console.print(str(error), markup=False)
            return error.exit_code
    if asked.json is not None:
        asked.json.write_text(json.dumps(asdict(verdict), indent=2) + "\n", encoding="utf-8")
    _report(console, verdict)
    return 1 if verdict.faults else 0


def _progress(console: Console) -> Progress:
    told = TextColumn("{task.fields[memory]:.1f} MiB  {task.fields[orders]} orders")
    return Progress(TextColumn("soak"), BarColumn(), told, TimeElapsedColumn(), console=console)


def _report(console: Console, verdict: Verdict) -> None:
    slope, early, late = verdict.slope, verdict.early, verdict.late
    interval = f"(95 %: {slope.lower:+.2f} … {slope.upper:+.2f})"
    lines = [
        f"messages     {verdict.rate:,.0f} a second, {late.sent:,} in all, {late.orders} orders",
        f"memory       {late.resident / MIB:.1f} MiB, {slope.estimate:+.2f} MiB/h {interval}",
        *(_moved(name, early, late) for name in ("descriptors", "threads", "tasks")),
        *(f"FAILED       {fault}" for fault in verdict.faults),
    ]
    for line in lines:
        console.print(line, highlight=False, markup=False)


if __name__ == "__main__":
    sys.exit(main())
