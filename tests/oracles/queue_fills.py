"""Second opinion on orders sent into a recorded market: no fill that the market did not give.

From the raw lines of a capture of Binance's streams (USD-M, COIN-M or spot) it
keeps the order book in the way that Binance describes, and judges what each
order is said to have got. An order meets the market after every line received
until then, and `judge` finds fault with

    a taker     that got a price or a size that was not displayed then, a price
                beyond its limit, or a part of what it wanted all at once;
    a maker     that got another price than its own, or got it before it was
                due: when prints at its price, from takers of the other side,
                had eaten the size displayed there as it joined and then what
                it got; or when a print or the opposite quote had gone through
                its price. A print gives no more than its size, and the
                opposite quote no more than is displayed.

The book is the depth as of its last update, overlaid by the newest
`bookTicker` where that has the higher update id. Twenty levels a side are
displayed; what stands ahead of an order beyond them is unknown until they
reach its price. What our orders took stays taken until the book changes.

Imports nothing of the program.
"""

import gzip
import json
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Any

REACH = 20  # levels a side
NOTHING = Decimal(0)

Level = tuple[Decimal, Decimal]  # price, contracts


class Broken(Exception):
    """A capture is not what it should be, or the chain of updates has a gap."""


@dataclass(frozen=True)
class Sent:
    """An order as it met the market."""

    name: str
    at: int  # ns when it met the market: sent, and a latency later
    quantity: Decimal  # contracts, + buys
    limit: Decimal | None  # None: a market order
    kind: str  # ioc, fok, gtc or post_only
    canceled: int | None = None  # ns when its cancel met the market; None: never

    def within(self, price: Decimal) -> bool:
        """Whether the order may trade at `price`."""
        return self.limit is None or not worse(self.quantity, price, self.limit)


@dataclass(frozen=True)
class Fill:
    """What an order is said to have got."""

    ts: int  # ns
    name: str  # of the order
    quantity: Decimal  # contracts, + bought
    price: Decimal
    maker: bool


@dataclass(frozen=True)
class Fault:
    """A fill, or an order, that the market does not bear out."""

    name: str  # of the order
    rule: str
    detail: str


@dataclass
class Report:
    """What became of all orders."""

    faults: list[Fault] = field(default_factory=list)
    seen: defaultdict[str, list[str]] = field(  # what happened → names of orders
        default_factory=lambda: defaultdict(list)
    )


def worse(quantity: Decimal, price: Decimal, than: Decimal) -> bool:
    """Whether `price` is strictly worse for an order of this sign."""
    return price > than if quantity > 0 else price < than


# --- the book -------------------------------------------------------------------------------------


@dataclass
class Side:
    """One side of the depth, and what we took of what is displayed of it."""

    sizes: dict[Decimal, Decimal] = field(default_factory=dict)  # never 0
    prices: list[Decimal] = field(default_factory=list)  # ascending
    taken: dict[Decimal, Decimal] = field(default_factory=dict)

    def write(self, levels: Iterable[Sequence[str]]) -> None:
        """Replace the sizes of these levels."""
        for told in levels:
            price, size = Decimal(told[0]), Decimal(told[1])
            if size:
                if price not in self.sizes:
                    insort(self.prices, price)
                self.sizes[price] = size
            elif price in self.sizes:
                del self.sizes[price]
                del self.prices[bisect_left(self.prices, price)]


@dataclass
class Book:
    """Depth and the newest ticker over it; the asks are what buyers meet."""

    sides: tuple[Side, Side] = field(default_factory=lambda: (Side(), Side()))  # bids, asks
    known_to: int | None = None  # update id of the depth; None before the snapshot
    follows: bool = False  # whether an update came since the snapshot
    ticker: tuple[int, tuple[Level, Level]] | None = None  # update id, best bid and ask
    early: list[dict[str, Any]] = field(default_factory=list)  # updates before the snapshot

    def hear(self, data: dict[str, Any]) -> bool:
        """Take a message; return whether it changed what is displayed."""
        if "lastUpdateId" in data:
            changed = self._start(data)
        elif data.get("e") == "depthUpdate":
            changed = self._update(data)
        else:
            changed = self._top(data)
        if changed:
            for side in self.sides:
                side.taken.clear()
        return changed

    def _start(self, snapshot: dict[str, Any]) -> bool:
        if self.known_to is not None:
            raise Broken("a second snapshot is beyond this book")
        self.known_to = snapshot["lastUpdateId"]
        for side, name in zip(self.sides, ("bids", "asks"), strict=True):
            side.write(snapshot[name])
        for update in self.early:
            self._update(update)
        self.early.clear()
        return True

    def _update(self, update: dict[str, Any]) -> bool:
        if self.known_to is None:
            self.early.append(update)
            return False
        first, last = update["U"], update["u"]
        if last <= self.known_to:
            return False
        if "pu" in update:  # futures: each names the one before, the first spans the snapshot
            before = update["pu"]
            sound = before == self.known_to or (not self.follows and before < self.known_to)
        else:  # spot: each begins where the one before ended, the first at or before that
            sound = first == self.known_to + 1 or (not self.follows and first <= self.known_to)
        if not sound:
            raise Broken(f"update {first}–{last} does not follow {self.known_to}")
        for side, name in zip(self.sides, ("b", "a"), strict=True):
            side.write(update[name])
        self.known_to, self.follows = last, True
        return True

    def _top(self, told: dict[str, Any]) -> bool:
        newest = self.ticker[0] if self.ticker else 0
        if told["u"] > newest:
            bid, ask = ((Decimal(told[p]), Decimal(told[q])) for p, q in ("bB", "aA"))
            self.ticker = told["u"], (bid, ask)
        return self.known_to is not None and told["u"] > max(newest, self.known_to)

    def best(self, buying: bool) -> Decimal | None:
        """Return the best price that a buyer (seller) meets, whatever we took of it."""
        if self.ticker is not None and self.ticker[0] > (self.known_to or 0):
            return self.ticker[1][buying][0]
        prices = self.sides[buying].prices
        return prices[0 if buying else -1] if prices else None

    def displayed(self, buying: bool) -> list[Level]:
        """Return the levels that a buyer (seller) meets, best first."""
        side, top = self.sides[buying], []
        start = 0 if buying else len(side.prices)
        if self.ticker is not None and self.ticker[0] > (self.known_to or 0):
            top = [self.ticker[1][buying]]
            find = bisect_right if buying else bisect_left
            start = find(side.prices, top[0][0])
        order = range(start, len(side.prices)) if buying else range(start - 1, -1, -1)
        deeper = (side.prices[place] for place in islice(order, REACH - len(top)))
        return top + [(price, side.sizes[price]) for price in deeper]

    def left(self, buying: bool) -> list[Level]:
        """Return the levels that a buyer (seller) meets, less what we took of them."""
        taken, levels = self.sides[buying].taken, self.displayed(buying)
        if not taken:
            return levels
        rest = ((price, size - taken.get(price, NOTHING)) for price, size in levels)
        return [each for each in rest if each[1] > 0]

    def take(self, buying: bool, price: Decimal, quantity: Decimal) -> None:
        """Note that an order of ours took of a level."""
        taken = self.sides[buying].taken
        taken[price] = taken.get(price, NOTHING) + abs(quantity)

    def ahead(self, order: Sent) -> Decimal | None:
        """Return the size displayed at the price of an order, on its own side.

        Contracts; 0 between and before levels, None beyond the last.
        """
        for price, size in self.left(order.quantity < 0):
            if price == order.limit:
                return size
            if order.within(price):  # of its own side: a level behind it
                return NOTHING
        return None


def walk(levels: Iterable[Level], order: Sent, quantity: Decimal) -> list[Level]:
    """Return price and contracts (> 0) that an order takes of levels, best first."""
    rest, got = abs(quantity), []
    for price, size in levels:
        part = min(size, rest)
        if part <= 0 or not order.within(price):
            break
        got.append((price, part))
        rest -= part
    return got


# --- the judgement --------------------------------------------------------------------------------


@dataclass
class Resting:
    """An order that may fill as a maker."""

    order: Sent
    ahead: Decimal | None  # contracts displayed at its price as it joined; None: unknown
    printed: Decimal = NOTHING  # contracts printed at its price since, from the other side
    through: bool = False  # whether a print or the opposite quote went through its price
    filled: Decimal = NOTHING  # contracts (> 0), as a maker
    ways: set[str] = field(default_factory=set)  # how it came


@dataclass(frozen=True)
class Cancel:
    """A cancel as it met the market."""

    name: str  # of the order
    at: int  # ns


class Judge:
    """The market, our orders in it, and what is wrong with their fills."""

    def __init__(self, fills: Iterable[Fill]) -> None:
        self.book = Book()
        self.report = Report()
        self.resting: dict[str, Resting] = {}
        self.told: dict[int, list[Fill]] = {}  # fills by time, those not yet judged
        for fill in fills:
            self.told.setdefault(fill.ts, []).append(fill)

    def _fault(self, name: str, rule: str, detail: object) -> None:
        self.report.faults.append(Fault(name, rule, str(detail)))

    def _see(self, name: str, *what: str) -> None:
        for each in what:
            self.report.seen[each].append(name)

    def _said(self, ts: int, names: Iterable[str]) -> list[Fill]:
        """Return, once, what is said of these orders at a time."""
        told = self.told.get(ts)
        if not told:
            return []
        said = [fill for fill in told if fill.name in names]
        self.told[ts] = [fill for fill in told if fill.name not in names]
        return said

    def arrive(self, order: Sent) -> None:
        """Let an order meet the book, and rest if it may."""
        buying = order.quantity > 0
        fills = self._said(order.at, (order.name,))
        before, left = self.book.displayed(buying), self.book.left(buying)
        offered = walk(left, order, order.quantity)
        crosses = bool(left) and order.within(left[0][0])
        if order.kind == "post_only":
            if fills:
                self._fault(order.name, "took", f"post-only, {_shown(fills)}")
            if crosses:
                self._see(order.name, "refused")
                return
        got = sum((abs(fill.quantity) for fill in fills), NOTHING)
        if order.kind == "fok":
            if got not in (NOTHING, abs(order.quantity)):
                self._fault(order.name, "part", f"{got} of {order.quantity}")
            if sum((size for _, size in offered), NOTHING) < abs(order.quantity):
                offered = []
        self._took(order, fills, before, left)
        if [(fill.price, abs(fill.quantity)) for fill in fills] != offered:
            self._see(order.name, "not the walk")
        if fills:
            self._see(order.name, "took", *(["took several levels"] if len(fills) > 1 else []))
            self._see(order.name, *(["took what was left"] if left != before else []))
        for fill in fills:
            self.book.take(buying, fill.price, fill.quantity)
        if order.limit is not None and order.kind in ("gtc", "post_only"):
            self._rest(order, got)

    def _took(self, order: Sent, fills: list[Fill], before: list[Level], left: list[Level]) -> None:
        """Find fault with what an order took of the book."""
        sign = 1 if order.quantity > 0 else -1
        levels = dict(left)
        got = sum((abs(fill.quantity) for fill in fills), NOTHING)
        if got > abs(order.quantity):
            self._fault(order.name, "more than asked", got)
        for fill in fills:
            if fill.maker or fill.quantity * order.quantity <= 0:
                self._fault(order.name, "not a taker's", _shown([fill]))
            if not order.within(fill.price):
                self._fault(order.name, "limit", f"{fill.price}, limit {order.limit}")
            levels[fill.price] = levels.get(fill.price, NOTHING) - abs(fill.quantity)
            if levels[fill.price] < 0:
                self._fault(order.name, "not displayed", f"{_shown([fill])} of {before[:3]}")
        # Up to any price no more than was displayed up to it: then no contract, and no sum of
        # them, costs less than in a walk of the book that we left alone.
        done = NOTHING
        for fill in sorted(fills, key=lambda each: each.price * sign):
            done += abs(fill.quantity)
            walked = (
                size for price, size in before if not worse(order.quantity, price, fill.price)
            )
            if done > sum(walked, NOTHING):
                self._fault(order.name, "better than the walk", f"{done} up to {fill.price}")

    def _rest(self, order: Sent, got: Decimal) -> None:
        rest = abs(order.quantity) - got
        if rest <= 0:
            return
        order = replace(order, quantity=rest.copy_sign(order.quantity))
        ahead = self.book.ahead(order)
        self.resting[order.name] = Resting(order, ahead)
        self._see(order.name, "rested", *(["beyond the levels"] if ahead is None else []))

    def leave(self, name: str) -> None:
        """End an order, which is canceled or sees the end of the capture."""
        held = self.resting.pop(name, None)
        if held is None:
            return
        if held.filled:
            self._see(name, "made", *sorted(held.ways))
        elif held.printed:
            self._see(name, "not, though printed")

    def happen(self, event: Sent | Cancel) -> None:
        """Let an order or a cancel meet the market."""
        if isinstance(event, Sent):
            self.arrive(event)
        else:
            self.leave(event.name)

    def close(self) -> Report:
        """End what still rests, and find fault with what was said of no moment here."""
        for name in tuple(self.resting):
            self._see(name, "resting at the end")
            self.leave(name)
        for fill in (fill for told in self.told.values() for fill in told):
            self._fault(fill.name, "at no time", f"{_shown([fill])} at {fill.ts}")
        return self.report

    def hear(self, ts: int, data: dict[str, Any]) -> None:
        """Take a line of the capture, and judge what it is said to have given."""
        if data.get("e") == "trade":
            price, size = Decimal(data["p"]), Decimal(data["q"])
            self._print(ts, price, -size if data["m"] else size)
        elif self.book.hear(data):
            self._quote(ts)

    def _print(self, ts: int, price: Decimal, quantity: Decimal) -> None:
        reached = set()  # orders that the print may fill
        for name, held in self.resting.items():
            order = held.order
            if quantity * order.quantity > 0:  # the taker is on our side
                continue
            through = worse(quantity, price, order.limit)
            if through or price == order.limit:
                reached.add(name)
                held.through |= through
                if not through and held.ahead is not None:
                    held.printed += abs(quantity)
        fills, left = self._said(ts, self.resting), abs(quantity)
        for fill in fills:
            held = self.resting[fill.name]
            left -= abs(fill.quantity)
            if fill.name not in reached or left < 0:
                self._fault(fill.name, "print", f"{_shown([fill])} of {quantity:+} @ {price}")
            self._made(held, fill)
            self._due(held, fill, price)

    def _quote(self, ts: int) -> None:
        best = [self.book.best(buying) for buying in (False, True)]
        for held in self.resting.values():
            order, met = held.order, best[held.order.quantity > 0]
            if met is not None and worse(-order.quantity, met, order.limit):
                held.through = True
            if held.ahead is None:
                held.ahead = self.book.ahead(order)
        for fill in self._said(ts, self.resting):
            held = self.resting[fill.name]
            buying = held.order.quantity > 0
            taken = walk(self.book.left(buying), held.order, fill.quantity)
            if sum((size for _, size in taken), NOTHING) < abs(fill.quantity):
                self._fault(fill.name, "not displayed", _shown([fill]))
            met = best[buying]
            if met is None or not worse(-held.order.quantity, met, held.order.limit):
                self._fault(fill.name, "quote", f"{_shown([fill])}, the quote is {met}")
            for price, size in taken:
                self.book.take(buying, price, size)
            self._made(held, fill)
            held.ways.add("by a quote")

    def _made(self, held: Resting, fill: Fill) -> None:
        """Count a maker's fill, and find fault with its price and size."""
        order = held.order
        if not fill.maker or fill.quantity * order.quantity <= 0:
            self._fault(fill.name, "not a maker's", _shown([fill]))
        if fill.price != order.limit:
            self._fault(fill.name, "price", f"{_shown([fill])}, order at {order.limit}")
        held.filled += abs(fill.quantity)
        if held.filled > abs(order.quantity):
            self._fault(fill.name, "more than asked", held.filled)

    def _due(self, held: Resting, fill: Fill, price: Decimal) -> None:
        """Find fault with a print's fill that came before its turn."""
        if price != held.order.limit:
            held.ways.add("by a print through")
        elif not held.through:
            held.ways.add("by the queue")
        if held.through:
            return
        if held.ahead is None or held.printed < held.ahead + held.filled:
            detail = f"{_shown([fill])} at {fill.ts}, filled {held.filled}, queue {held.ahead}"
            self._fault(fill.name, "early", f"{detail}, printed {held.printed}")


def _shown(fills: Iterable[Fill]) -> str:
    return ", ".join(f"{fill.quantity:+} @ {fill.price}" for fill in fills)


def lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield receive time, ns, and message of every line."""
    with gzip.open(path) as file:
        for line in file:
            told = json.loads(line)
            yield told["recv_ns"], told["msg"].get("data", told["msg"])


def _events(orders: Iterable[Sent]) -> list[Sent | Cancel]:
    """Return what meets the market, the last first."""
    events: list[Sent | Cancel] = []
    for order in orders:
        events.append(order)
        if order.canceled is not None:
            events.append(Cancel(order.name, order.canceled))
    events.sort(key=attrgetter("at"))  # stable: of one time, in the order of sending
    return events[::-1]


def judge(
    capture: Iterable[tuple[int, dict[str, Any]]], orders: Iterable[Sent], fills: Iterable[Fill]
) -> Report:
    """Return what the capture says of orders, and of what they are said to have got."""
    court, before, events = Judge(fills), 0, _events(orders)
    for received, data in capture:
        if received <= before:
            raise Broken(f"receive time does not go on at {received}")
        while events and events[-1].at < received:
            court.happen(events.pop())
        court.hear(received, data)
        before = received
    return court.close()
