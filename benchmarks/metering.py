"""What it costs a step to be measured, and what a scrape takes.

Two engines take the same index ticks in turn, one with a meter and one without;
the figure that counts is the ratio. The scrape is of the measured one.

    python benchmarks/metering.py [--ticks 2000]
"""

import argparse
import statistics
import time
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from tick_to_decision import PRICE, SECOND, START, prepared

from rebalancer.core.events import Index
from rebalancer.ops.metrics import exposition
from rebalancer.ports import UNMEASURED, Meter
from rebalancer.runtime.clock import WallClock
from rebalancer.runtime.dispatch import Dispatch
from rebalancer.runtime.engine import Engine, Surroundings
from rebalancer.runtime.inbox import Inbox
from rebalancer.runtime.meter import BookMeter
from rebalancer.runtime.status import BookStatus
from rebalancer.storage import codec
from rebalancer.storage.memory import MemoryJournal

SIZES = (10, 100)


def engine(count: int, clock: Any, meter: Meter) -> tuple[Engine, BookStatus]:
    """Return an engine of a book of `count` options, and its status."""
    state, params = prepared(count)
    quiet: Any = SimpleNamespace(
        **dict.fromkeys(("debug", "info", "warning", "error"), lambda *_, **__: None)
    )
    inbox, journal = Inbox(), MemoryJournal()
    nobody: Any = None
    dispatch = Dispatch(state, params, {}, inbox, clock, nobody, nobody, quiet, [False], meter)
    made = Engine(state, params, inbox, Surroundings(journal, codec.encode, dispatch, quiet))
    return made, BookStatus(made, inbox, clock, journal, "paper", {})


def measure(count: int, ticks: int) -> tuple[float, float, float]:
    """Return median µs of a step without and with a meter, and ms of a scrape."""
    clock = WallClock()
    plain, _ = engine(count, clock, UNMEASURED)
    metered, status = engine(count, clock, BookMeter(clock))
    spent: tuple[list[float], list[float]] = ([], [])
    for number in range(ticks):
        ts = START + SECOND + number * SECOND // 100
        tick = Index(ts, ts, "deribit", "BTC", Decimal(int(PRICE) + number % 97))
        for which, times in zip((plain, metered), spent, strict=True):
            began = time.perf_counter_ns()
            which.take(tick)
            times.append((time.perf_counter_ns() - began) / 1000)
    scrapes = []
    for _ in range(20):
        began = time.perf_counter_ns()
        exposition(status)
        scrapes.append((time.perf_counter_ns() - began) / 1e6)
    return statistics.median(spent[0]), statistics.median(spent[1]), statistics.median(scrapes)


def main() -> None:
    """Print one line a book size."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--ticks", type=int, default=2000)
    ticks = asked.parse_args().ticks
    print(f"{'options':>8} {'plain µs':>10} {'metered µs':>11} {'ratio':>8} {'scrape ms':>10}")
    for count in SIZES:
        plain, metered, scrape = measure(count, ticks)
        print(f"{count:8,} {plain:10.1f} {metered:11.1f} {metered / plain:8.3f} {scrape:10.1f}")


if __name__ == "__main__":
    main()
