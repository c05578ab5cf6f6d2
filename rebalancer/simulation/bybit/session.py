"""A session: one websocket, of a category or of an account, and what it hears.

The address says which: `/v5/public/linear` tells of linear contracts only, and
`/v5/private` of the account that logged in there. A ticker and a book begin with
a snapshot at each subscription; then only what changed is told.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rebalancer.simulation.bybit import market
from rebalancer.simulation.bybit.desk import CATEGORIES, Desk, milliseconds
from rebalancer.simulation.bybit.envelope import encode
from rebalancer.simulation.bybit.errors import Refusal
from rebalancer.simulation.key import Key
from rebalancer.simulation.line import Line
from rebalancer.simulation.tape import Seen

PRIVATE = ("order", "execution", "position", "wallet", "dcp.future", "dcp.spot", "dcp.option")
_TOPIC = re.compile(r"(tickers|publicTrade|orderbook\.(?:1|50|200))\.([^.]+)")


@dataclass(slots=True)
class Heard:
    """A topic, and what it told last."""

    family: str
    instrument: str  # id
    update: int = 0  # of the book; 0: nothing was told yet
    bids: Mapping[str, str] = field(default_factory=dict)
    asks: Mapping[str, str] = field(default_factory=dict)
    ticker: Mapping[str, Any] = field(default_factory=dict)
    traded: int = 0  # sequence of the last trade


class Session:
    """One websocket.

    Args:
        desk: The venue.
        line: Its connection; its path says what may be heard.
    """

    def __init__(self, desk: Desk, line: Line) -> None:
        self.line = line
        self.key: Key | None = None
        self.topics: dict[str, Heard] = {}
        self.account: dict[str, None] = {}  # private topics
        self._desk = desk
        self._messages = 0
        where = line.target.partition("?")[0].strip("/").removeprefix("v5/")
        family, _, self.category = where.partition("/")
        self.private = family == "private"
        self.known = self.private or self.category in CATEGORIES

    def subscribe(self, names: list[str]) -> list[str]:
        """Listen to topics; return them.

        Raises:
            Refusal: There is none of a name, or it is listened to already, and so none is.
        """
        there = [each for each in names if each in self.topics or each in self.account]
        if there:
            raise Refusal(10001, f"error:already subscribed,topic:{there[0]}")
        if self.private:
            wrong = [each for each in names if each not in PRIVATE]
            if wrong or self.key is None:
                raise Refusal(10001, f"error:handler not found,topic:{','.join(wrong or names)}")
            self.account |= dict.fromkeys(names)
            return names
        found = {name: self._topic(name) for name in names}
        self.topics |= found
        return names

    def _topic(self, name: str) -> Heard:
        match = _TOPIC.fullmatch(name)
        if match is None:
            raise Refusal(10001, f"error:handler not found,topic:{name}")
        try:
            seen = self._desk.seen(self.category, match[2])
        except Refusal:
            raise Refusal(10001, f"error:invalid symbol,topic:{name}") from None
        return Heard(match[1], seen.instrument.id, traded=seen.traded)

    def unsubscribe(self, names: list[str]) -> None:
        """Listen no more."""
        for name in names:
            self.topics.pop(name, None)
            self.account.pop(name, None)

    def greet(self, names: list[str]) -> None:
        """Send what a new subscription begins with: the state of now."""
        owner = "" if self.key is None else self.key.account
        for name in names:
            if name in self.topics:
                self.tell(name)
            elif name in self.account:
                self.line.remember(f"user.{name}", owner)

    # --- telling --------------------------------------------------------------

    def tell(self, name: str) -> None:
        """Send what is new on a topic of the market."""
        heard = self.topics[name]
        seen = self._desk.place.tape.seen[heard.instrument]
        match heard.family:
            case "tickers":
                self._ticker(name, heard, seen)
            case "publicTrade":
                self._trades(name, heard, seen)
            case _:
                self._book(name, heard, seen)

    def _send(self, name: str, kind: str, data: Any) -> None:
        now = int(milliseconds(self._desk.now))
        self.line.tell(name, encode({"topic": name, "type": kind, "ts": now, "data": data}))

    def _ticker(self, name: str, heard: Heard, seen: Seen) -> None:
        whole = market.ticker(self._desk, seen)
        if not whole.get("markPrice") and self.category != "spot":
            return
        before, heard.ticker = heard.ticker, whole
        if not before or self.category in ("option", "spot"):
            self._send(name, "snapshot", whole)
            return
        news = {key: each for key, each in whole.items() if before.get(key) != each}
        if news:
            self._send(name, "delta", {"symbol": whole["symbol"], **news})

    def _book(self, name: str, heard: Heard, seen: Seen) -> None:
        depth = int(heard.family.partition(".")[2])
        bids, asks = market.levels(self._desk, seen, depth)
        first = heard.update == 0
        if not first and (bids, asks) == (heard.bids, heard.asks):
            return
        heard.update = seen.change or 1_000 if first else heard.update + 1
        sides = [_changes({} if first else heard.bids, bids)]
        sides.append(_changes({} if first else heard.asks, asks))
        heard.bids, heard.asks = bids, asks
        symbol = name.rpartition(".")[2]
        data = {"s": symbol, "b": sides[0], "a": sides[1], "u": heard.update, "seq": seen.change}
        self._send(name, "snapshot" if first else "delta", data)

    def _trades(self, name: str, heard: Heard, seen: Seen) -> None:
        found = [each for each in seen.prints if each.sequence > heard.traded]
        if not found:
            return
        heard.traded = found[-1].sequence
        rows = [
            {
                "T": int(milliseconds(each.ts)),
                "s": name.rpartition(".")[2],
                "S": "Buy" if each.quantity > 0 else "Sell",
                "v": abs(each.quantity),
                "p": each.price,
                "i": f"{each.number:016d}",
                "BT": False,
            }
            for each in found
        ]
        self._send(name, "snapshot", rows)

    def tell_account(self, name: str, data: Any) -> None:
        """Send something about the account."""
        self._messages += 1
        owner = "" if self.key is None else self.key.account
        told: dict[str, Any] = {"id": f"{self.line.number}-{self._messages}", "topic": name}
        told |= {"creationTime": int(milliseconds(self._desk.now)), "data": data}
        self.line.tell(f"user.{name}", encode(told), owner)


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[list[str]]:
    """Return the levels that are new or other than before; size 0 where one is gone."""
    told = [[price, size] for price, size in after.items() if before.get(price) != size]
    return told + [[price, "0"] for price in before if price not in after]
