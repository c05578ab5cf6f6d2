"""A sweep's point beside a plain replay of the same configuration, in turns, in one process.

Both play the same recorded weeks through the same daemon to the same digest.
The plain one is what one would write first: `replay`, settings after settings.
A point keeps the recording in memory, tells profit not apart by its source and
writes nothing down for a restart. The figure that counts is the ratio of CPU
seconds; needs recordings.

    REBALANCER_DATA=data python benchmarks/sweep.py [--days 14] [--rounds 3]
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rebalancer.research.markets import Window
from rebalancer.research.replay import Request, replay
from rebalancer.research.sweep import running
from rebalancer.research.sweep.points import Job, jobs
from rebalancer.research.sweep.spec import load

SPEC = Path("config/sweep-strangle.toml")
DAY = 86_400_000_000_000  # ns
QUARTER = 90  # days


class Silence:
    def say(self, _event: str, **_facts: object) -> None: ...

    debug = info = warning = error = say


def plainly(job: Job) -> str:
    """Return the digest of a replay as `replay` makes it, recordings read and all."""
    told = Request(job.settings, job.source.folder, job.source.window, lambda _: Silence())
    return str(replay(told).result["digest"])


def point(job: Job) -> str:
    return str(running.one(job)["digest"])


def timed(call: Callable[[Job], str], job: Job) -> tuple[float, str]:
    begun = time.process_time()
    digest = call(job)
    return time.process_time() - begun, digest


def main() -> None:
    """Print seconds of each, and their ratio."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("--days", type=int, default=14)
    asked.add_argument("--rounds", type=int, default=3)
    told = asked.parse_args()
    if not Path(os.environ.get("REBALANCER_DATA", "")).joinpath("options").is_dir():
        print("recordings absent")
        return
    first = jobs(load(SPEC))[0]
    start = first.source.window.start or 0
    window = Window(start, start + told.days * DAY)
    job = replace(first, source=replace(first.source, window=window))
    point(job)  # reads the recording
    took: tuple[list[float], list[float]] = ([], [])
    for _ in range(told.rounds):
        (ours, one), (plain, other) = timed(point, job), timed(plainly, job)
        if one != other:
            raise SystemExit("a point must decide what a replay does, or nothing is measured")
        took[0].append(ours)
        took[1].append(plain)
    ours, plain = (statistics.median(each) for each in took)
    print(f"{told.days} days, every bar of 15 minutes, {told.rounds} rounds, CPU seconds")
    print(f"plain replay {plain:8.2f}    point {ours:8.2f}    plain ÷ point {plain / ours:.2f}")
    print(f"a quarter of a year by that: {ours * QUARTER / told.days:.1f} s a point")


if __name__ == "__main__":
    main()
