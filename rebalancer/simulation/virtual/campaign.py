"""Campaigns: many seeds on all cores, or on a cluster; each seed's outcome is one line of a file.

A campaign that is cut off goes on where its file ends. What a seed shows
depends on nothing but the seed and the program, so it does not matter where it
ran. Each line says by which program; where a file has lines of another one, some
of its seeds are run again first, and must leave the same traces and verdicts.
"""

import hashlib
import json
import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import scipy

from rebalancer.errors import DataError, Unavailable
from rebalancer.simulation.virtual.run import Outcome, run

Line = dict[str, Any]

AGAIN = 20  # seeds of another program that are run again
ROOT = Path(__file__).parents[2]


@cache
def program() -> str:
    """Return what this program is: 12 hexadecimal digits over its sources and what it counts by."""
    python = ".".join(map(str, sys.version_info[:2]))  # by version it sums in another way
    told = hashlib.sha256(f"{python} {np.__version__} {scipy.__version__}".encode())
    for path in sorted(ROOT.rglob("*.py")):
        told.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return told.hexdigest()[:12]


def line_of(outcome: Outcome) -> Line:
    """Return an outcome as JSON values."""
    return {
        "seed": outcome.seed,
        "violations": [[each.invariant, each.ts, each.text] for each in outcome.violations],
        "goals": dict(sorted(outcome.goals.items())),
        "trace": outcome.trace,
        "orders": outcome.orders,
        "seconds": outcome.seconds,
        "program": program(),
    }


def one(seed: int) -> Line:
    """Run one seed; a failure of the simulator itself is a violation too."""
    try:
        return line_of(run(seed))
    except Exception as error:  # noqa: BLE001 - whatever broke, its seed is what matters
        text = f"{type(error).__name__}: {error}"
        lost = [["broke", 0, text]]
        return {
            "seed": seed,
            "violations": lost,
            "goals": {},
            "trace": "",
            "orders": 0,
            "seconds": 0,
            "program": program(),
        }


@dataclass(slots=True)
class Summary:
    """What a campaign showed so far."""

    lines: dict[int, Line] = field(default_factory=dict)  # by seed

    @property
    def failing(self) -> list[int]:
        """Seeds with violations."""
        return sorted(seed for seed, each in self.lines.items() if each["violations"])

    @property
    def violations(self) -> dict[str, int]:
        """How many seeds violated each invariant."""
        found: Counter[str] = Counter()
        for each in self.lines.values():
            found.update(dict.fromkeys(told[0] for told in each["violations"]).keys())
        return dict(sorted(found.items()))

    @property
    def goals(self) -> dict[str, int]:
        """How often each thing that should happen sometimes did."""
        found: Counter[str] = Counter()
        for each in self.lines.values():
            found.update(each["goals"])
        return dict(sorted(found.items()))

    @property
    def trace(self) -> str:
        """SHA-256 over the traces of all seeds in order, hex."""
        whole = hashlib.sha256()
        for seed in sorted(self.lines):
            whole.update(f"{seed}:{self.lines[seed]['trace']}\n".encode())
        return whole.hexdigest()

    @property
    def programs(self) -> tuple[str, ...]:
        """What ran the seeds; where there are more, some seeds of each were compared."""
        return tuple(sorted({each.get("program", "") for each in self.lines.values()}))

    @property
    def seconds(self) -> int:
        """Virtual seconds of all seeds together."""
        return sum(each["seconds"] for each in self.lines.values())


def read(path: Path) -> Summary:
    """Return what an earlier campaign left; a last line that was cut off is left out.

    Raises:
        DataError: A line before the last is not one.
    """
    summary = Summary()
    rows = path.read_text().splitlines() if path.exists() else []
    for number, row in enumerate(rows, 1):
        try:
            told = json.loads(row)
            summary.lines[int(told["seed"])] = told
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            if number < len(rows):
                raise DataError(
                    f"{path}: line {number}: must be a seed's outcome: {error}"
                ) from error
    return summary


def play(
    seeds: Sequence[int],
    told: Callable[[Line], None],
    resume: Path | None = None,
    scheduler: str | None = None,
) -> Summary:
    """Run seeds; those that the file has are not run again.

    Args:
        seeds: Which.
        told: Hears of each outcome as it comes.
        resume: Where outcomes are kept; None: nowhere.
        scheduler: Address of a Dask scheduler; None: this machine's cores.

    Raises:
        DataError: Another program left the file, and this one shows something else.
    """
    known = Summary() if resume is None else read(resume)
    summary = Summary({seed: known.lines[seed] for seed in seeds if seed in known.lines})
    left = [seed for seed in seeds if seed not in known.lines]
    with _workers(scheduler) as work, _kept(resume, known) as keep:
        _compare(known, work, resume)
        for line in work(left):
            if line["program"] != program():
                raise DataError(f"{scheduler}: a worker runs another version: {line['program']}")
            summary.lines[line["seed"]] = line
            keep(line)
            told(line)
    return summary


def _compare(
    known: Summary, work: Callable[[Sequence[int]], Iterable[Line]], path: Path | None
) -> None:
    """Run some seeds of each other program again, spread over all that it left."""
    seeds: list[int] = []
    for other in (each for each in known.programs if each != program()):
        theirs = [s for s, each in sorted(known.lines.items()) if each.get("program", "") == other]
        seeds += theirs[:: max(-(-len(theirs) // AGAIN), 1)]
    for line in work(sorted(seeds)):
        before = known.lines[line["seed"]]
        for part in ("trace", "violations", "goals"):
            if line[part] != before[part]:
                raise DataError(
                    f"{path}: seed {line['seed']}: must have the {part} that another program"
                    " left, and has not: what is decided or judged has changed; begin a new file"
                )


@contextmanager
def _kept(path: Path | None, known: Summary) -> Iterator[Callable[[Line], None]]:
    """Write each outcome down as it comes, after those that are known.

    What an earlier campaign was cut off in is left out by another file that takes the
    place of its own: whoever is killed here loses nothing either.
    """
    if path is None:
        yield lambda _: None
        return
    whole = path.with_name(path.name + ".whole")
    whole.write_text("".join(json.dumps(line) + "\n" for line in known.lines.values()))
    whole.replace(path)
    with path.open("a") as file:

        def keep(line: Line) -> None:
            file.write(json.dumps(line) + "\n")
            file.flush()

        yield keep


@contextmanager
def _workers(scheduler: str | None) -> Iterator[Callable[[Sequence[int]], Iterable[Line]]]:
    """Return what runs seeds beside one another and yields outcomes as they come."""
    if scheduler is not None:
        with _cluster(scheduler) as work:
            yield work
        return
    with multiprocessing.get_context("spawn").Pool(os.cpu_count() or 1) as pool:
        yield lambda seeds: pool.imap_unordered(one, seeds, chunksize=2)


@contextmanager
def _cluster(address: str) -> Iterator[Callable[[Sequence[int]], Iterable[Line]]]:
    try:
        import distributed
    except ImportError as error:
        raise Unavailable("--scheduler: needs the extra `cluster` (dask.distributed)") from error
    library: Any = distributed
    with library.Client(address) as client:

        def work(seeds: Sequence[int]) -> Iterable[Line]:
            for done in library.as_completed(client.map(one, seeds)):
                yield done.result()

        yield work
