"""Second opinion on the fills of a replay: walk the recorded order book by hand.

    python walk_fills.py CAPTURE.jsonl.gz STEPS.csv --latency-ms 40 [--also OTHER.jsonl.gz]

From a raw capture of Binance's USD-M streams it keeps the order book in the way
that Binance describes, and at the time of each order in STEPS it takes what the
order took: level by level, best first. Rows `fill` with one time are one order;
their time is when the order met the book, on the clock of the capture's
`recv_ns`. The book is the one after every line received until then.

The book is the depth as of its last update, overlaid by the newest
`bookTicker` where that has the higher update id: bids at or above its bid are
one level with its size, asks likewise, and the rest stays as it was. Twenty
levels a side can be reached. What an order took stays taken until the next
message changes the book.

An order is decided on a message: its time less the latency must be when a line
was received, of the capture or of one named with --also (another series of the
same replay).

Exit code: 0 all agree, 1 a mismatch, no fill at all, or files that cannot be
read. Imports nothing of the program.
"""

import argparse
import csv
import gzip
import json
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

REACH = 20  # levels a side
MILLISECOND = 1_000_000  # ns
SHOWN = 10  # mismatches written out

Level = tuple[Decimal, Decimal]  # price, contracts


class Broken(Exception):
    """A file is not what it should be, or the chain of updates has a gap."""


UNREADABLE = (Broken, OSError, EOFError, zlib.error, ValueError, ArithmeticError, LookupError)


@dataclass
class Book:
    """Depth, the newest ticker over it, and what we took of both."""

    sides: tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]] = field(
        default_factory=lambda: ({}, {})
    )  # bids, asks: price → size
    known_to: int | None = None  # update id of the depth; None before the snapshot
    follows: bool = False  # whether an update came since the snapshot
    ticker: dict[str, Any] | None = None
    early: list[dict[str, Any]] = field(default_factory=list)  # updates before the snapshot
    taken: tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]] = field(
        default_factory=lambda: ({}, {})
    )

    def hear(self, message: dict[str, Any]) -> None:
        """Take one message of the capture; those about other things are passed over."""
        data = message.get("data", message)
        if "lastUpdateId" in data:
            self._start(data)
        elif data.get("e") == "depthUpdate":
            if self.known_to is None:
                self.early.append(data)
            else:
                self._update(data)
        elif data.get("e") == "bookTicker":
            self._top(data)

    def _start(self, snapshot: dict[str, Any]) -> None:
        if self.known_to is not None:
            raise Broken("a second snapshot is beyond this walk")
        self.known_to = snapshot["lastUpdateId"]
        for side, levels in zip(self.sides, (snapshot["bids"], snapshot["asks"]), strict=True):
            side.update((Decimal(price), Decimal(size)) for price, size in levels)
        self._renewed()
        for update in self.early:
            self._update(update)
        self.early.clear()

    def _update(self, update: dict[str, Any]) -> None:
        known_to = self.known_to or 0
        if update["u"] <= known_to:
            return
        # The first after a snapshot spans it; each later one names the one before.
        sound = update["pu"] == known_to if self.follows else update["pu"] <= known_to
        if not sound:
            raise Broken(f"update {update['u']} follows {update['pu']}, the book is at {known_to}")
        for side, levels in zip(self.sides, (update["b"], update["a"]), strict=True):
            for price, size in levels:
                side[Decimal(price)] = Decimal(size)
        self.known_to, self.follows = update["u"], True
        self._renewed()

    def _top(self, ticker: dict[str, Any]) -> None:
        newest = max(self.known_to or 0, self.ticker["u"] if self.ticker else 0)
        if self.ticker is None or ticker["u"] > self.ticker["u"]:
            self.ticker = ticker
        if ticker["u"] > newest:
            self._renewed()

    def _renewed(self) -> None:
        for side in self.taken:
            side.clear()

    def levels(self, buying: bool) -> list[Level]:
        """Return what an order meets, best first, less what was taken of it."""
        if self.known_to is None:
            raise Broken("an order came before the snapshot")
        side = self.sides[buying]
        held = [(price, size) for price, size in side.items() if size]
        if self.ticker is not None and self.ticker["u"] > self.known_to:
            names = ("a", "A") if buying else ("b", "B")
            top, size = (Decimal(self.ticker[name]) for name in names)
            held = [each for each in held if (each[0] > top if buying else each[0] < top)]
            held.append((top, size))
        held.sort(reverse=not buying)
        gone = self.taken[buying]
        return [(price, size - gone.get(price, Decimal(0))) for price, size in held[:REACH]]

    def walk(self, quantity: Decimal) -> list[Level]:
        """Take `quantity` (+ buys) out of the book; return prices and signed contracts."""
        buying, rest, got = quantity > 0, abs(quantity), []
        for price, size in self.levels(buying):
            part = min(size, rest)
            if part > 0:
                got.append((price, part.copy_sign(quantity)))
                gone = self.taken[buying]
                gone[price] = gone.get(price, Decimal(0)) + part
                rest -= part
        return got


def lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield receive time, ns, and message of every line."""
    with gzip.open(path) as file:
        for line in file:
            told = json.loads(line)
            yield told["recv_ns"], told["msg"]


def orders(path: Path, instrument: str) -> list[tuple[int, list[Level]]]:
    """Return (time, fills as price and signed contracts) of each order of an instrument."""
    with path.open(newline="", encoding="utf-8") as file:
        fills = [
            (int(row["ts"]), (Decimal(row["price"]), Decimal(row["quantity"])))
            for row in csv.DictReader(file)
            if row["reason"] == "fill" and row["instrument"] == instrument
        ]
    return [(ts, [fill for _, fill in group]) for ts, group in groupby(fills, lambda each: each[0])]


def check(
    capture: Path, found: Sequence[tuple[int, list[Level]]]
) -> tuple[list[str], frozenset[int]]:
    """Return the mismatches of orders with their walks, and when lines were received."""
    book, waiting = Book(), list(found)
    faults: list[str] = []
    times: list[int] = []
    for received, message in lines(capture):
        while waiting and waiting[0][0] < received:
            faults += compare(book, *waiting.pop(0))
        if times and received < times[-1]:
            raise Broken(f"receive time goes back at {received}")
        times.append(received)
        book.hear(message)
    for ts, fills in waiting:
        faults += compare(book, ts, fills)
    return faults, frozenset(times)


def compare(book: Book, ts: int, fills: list[Level]) -> list[str]:
    """Return what is different between an order's fills and its walk."""
    expected = book.walk(sum((quantity for _, quantity in fills), Decimal(0)))
    if expected == fills:
        return []
    return [f"{ts}: filled {_shown(fills)}; the book gives {_shown(expected) or 'nothing'}"]


def _shown(fills: list[Level]) -> str:
    return ", ".join(f"{quantity:+} @ {price}" for price, quantity in fills)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print orders, fills and mismatches; return the exit code."""
    parser = argparse.ArgumentParser(description="Walk the recorded book for every fill.")
    parser.add_argument("capture", type=Path, help="raw capture of the traded instrument")
    parser.add_argument("steps", type=Path, help="file that replay --steps wrote")
    parser.add_argument("--latency-ms", type=Decimal, required=True)
    parser.add_argument("--instrument", default="binanceusdm:BTCUSDT")
    parser.add_argument("--also", type=Path, action="append", default=[], help="other captures")
    told = parser.parse_args(arguments)
    try:
        found = orders(told.steps, told.instrument)
        faults, times = check(told.capture, found)
        others = [frozenset(ts for ts, _ in lines(path)) for path in told.also]
    except UNREADABLE as error:
        print(f"broken: {error}")
        return 1
    latency = int(told.latency_ms * MILLISECOND)
    for ts, _ in found:
        if not any(ts - latency in each for each in (times, *others)):
            faults.append(f"{ts}: nothing was received {told.latency_ms} ms before")
    for fault in faults[:SHOWN]:
        print(fault)
    fills = sum(len(each) for _, each in found)
    print(f"orders {len(found)} fills {fills} mismatches {len(faults)}")
    return 1 if faults or not found else 0


if __name__ == "__main__":
    sys.exit(main())
