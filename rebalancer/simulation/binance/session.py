"""A session: one websocket, what it is for, and what it hears.

A market's hears the channels that it subscribes to; an account's all that happens there,
because its address holds a listen key; the websocket API's once it has proved a key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

from rebalancer.simulation.binance import public
from rebalancer.simulation.binance.desk import Desk, next_stamp, pair, perpetual
from rebalancer.simulation.binance.errors import Refusal
from rebalancer.simulation.binance.text import encode, milliseconds, number
from rebalancer.simulation.key import Key
from rebalancer.simulation.line import Line
from rebalancer.simulation.tape import Seen

Side = Mapping[Decimal, Decimal]  # price → size
API = "/ws-api/"
LISTEN_KEY = 64  # characters


@dataclass(slots=True)
class _Heard:
    """What a channel told last."""

    change: int = 0  # id of the book
    bids: Side = field(default_factory=dict)
    asks: Side = field(default_factory=dict)
    sequence: int = 0  # of the newest trade


class Session:
    """One websocket.

    Args:
        desk: The venue.
        line: Its connection.
    """

    def __init__(self, desk: Desk, line: Line) -> None:
        self.line = line
        self.key: Key | None = None  # whose account it hears
        self.channels: dict[str, None] = {}
        self.wraps = False  # whether events stand in an envelope
        self._desk = desk
        self._heard: dict[str, _Heard] = {}
        parts = urlsplit(line.target)
        self.api = parts.path.startswith(API)
        named = parse_qs(parts.query).get("listenKey", [""])[0]
        last = parts.path.rpartition("/")[2]
        self.listen = named or (last if len(last) == LISTEN_KEY else "")

    def enter(self) -> bool:
        """Find out whose account it hears; False where its listen key is none."""
        if not self.listen:
            return True
        self.key = self._desk.keyring.of_stream(self.listen, self._desk.now)
        return self.key is not None

    # --- subscriptions ----------------------------------------------------------

    def subscribe(self, names: Sequence[str]) -> None:
        """Listen to channels from now on; raises `Refusal` for a name that can be none."""
        for name in names:
            if "@" not in str(name):
                raise Refusal(2, "Invalid request: invalid stream name")
        for name in names:
            self.channels[name] = None
            self._heard[name] = heard = _Heard()
            seen = self._seen(name)
            if seen is not None:
                heard.change, heard.sequence = seen.change, seen.traded
                heard.bids, heard.asks = self._sides(seen)

    def unsubscribe(self, names: Sequence[str]) -> None:
        """Listen no more."""
        for name in names:
            self.channels.pop(name, None)

    def _seen(self, channel: str) -> Seen | None:
        """Return what a channel is about; None where there is no such thing, or no more."""
        name = f"{self._desk.house.venue}:{channel.partition('@')[0].upper()}"
        return None if name in self._desk.delisted else self._desk.place.tape.seen.get(name)

    def _sides(self, seen: Seen) -> tuple[Side, Side]:
        book = self._desk.place.book(seen.instrument.id)
        return dict(book.bids), dict(book.asks)

    # --- telling ----------------------------------------------------------------

    def tell(self, channel: str, *, begun: bool = False) -> None:
        """Send what is new on a channel; `begun`: what stands there already."""
        what = channel.partition("@")[2]
        seen, told = self._seen(channel), None
        if what.startswith("indexPrice"):
            told = self._index(channel)
        elif seen is not None and what.startswith("bookTicker"):
            told = self._touch(channel, seen, begun)
        elif seen is not None and what.startswith("depth"):
            told = self._depth(channel, seen)
        elif seen is not None and what.startswith("markPrice"):
            told = self._mark(seen)
        elif seen is not None and what.startswith("aggTrade"):
            for each in self._trades(channel, seen):
                self.line.tell(channel, encode(each))
        if told:
            self.line.tell(channel, encode(told))

    def tell_account(self, kind: str, told: Mapping[str, Any]) -> None:
        """Send something about the account."""
        owner = "" if self.key is None else self.key.account
        body = {"subscriptionId": 0, "event": told} if self.wraps else told
        self.line.tell(kind, encode(body), owner)

    def _touch(self, channel: str, seen: Seen, begun: bool) -> dict[str, Any] | None:
        heard, book = self._heard[channel], self._desk.place.book(seen.instrument.id)
        if not book.bids or not book.asks or (seen.change == heard.change and not begun):
            return None
        heard.change = seen.change
        (bid, bid_size), (ask, ask_size) = book.bids[0], book.asks[0]
        told: dict[str, Any] = {
            "u": seen.change,
            "s": seen.instrument.name,
            "b": number(bid),
            "B": number(bid_size),
            "a": number(ask),
            "A": number(ask_size),
        }
        if self._desk.house.spot:
            return told
        at = milliseconds(self._desk.now)
        return {"e": "bookTicker", **told, "ps": pair(seen.instrument), "T": at, "E": at}

    def _depth(self, channel: str, seen: Seen) -> dict[str, Any] | None:
        """Return what changed in the book since this channel told it last."""
        heard = self._heard[channel]
        if seen.change == heard.change:
            return None
        bids, asks = self._sides(seen)
        at = milliseconds(self._desk.now)
        told: dict[str, Any] = {
            "e": "depthUpdate",
            "E": at,
            "s": seen.instrument.name,
            "U": heard.change + 1,
            "u": seen.change,
            "b": _steps(heard.bids, bids),
            "a": _steps(heard.asks, asks),
        }
        if not self._desk.house.spot:
            told |= {"T": at, "pu": heard.change}
        heard.change, heard.bids, heard.asks = seen.change, bids, asks
        return told

    def _mark(self, seen: Seen) -> dict[str, Any] | None:
        if seen.mark is None:
            return None
        lasts, now = perpetual(seen.instrument), self._desk.now
        index = self._desk.place.tape.index_of(seen.instrument)
        told: dict[str, Any] = {
            "e": "markPriceUpdate",
            "E": milliseconds(now),
            "s": seen.instrument.name,
            "p": number(seen.mark),
            "P": number(index or seen.mark),
            "r": public.rate(seen) if lasts else "",
            "T": milliseconds(next_stamp(seen, now)) if lasts else 0,
        }
        if not self._desk.house.coins and index is not None:
            told["i"] = number(index)
        return told

    def _index(self, channel: str) -> dict[str, Any] | None:
        name = channel.partition("@")[0].upper()
        coin = name.partition("USD")[0]
        price = self._desk.place.tape.indexes.get(coin)
        if price is None:
            return None
        at = milliseconds(self._desk.now)
        return {"e": "indexPriceUpdate", "E": at, "i": name, "p": number(price)}

    def _trades(self, channel: str, seen: Seen) -> list[dict[str, Any]]:
        heard = self._heard[channel]
        fresh = [each for each in seen.prints if each.sequence > heard.sequence]
        heard.sequence = seen.traded
        return [
            {
                "e": "aggTrade",
                "E": milliseconds(self._desk.now),
                "s": seen.instrument.name,
                "a": each.number,
                "p": number(each.price),
                "q": number(abs(each.quantity)),
                "f": each.number,
                "l": each.number,
                "T": milliseconds(each.ts),
                "m": each.quantity < 0,
            }
            for each in fresh
        ]


def _steps(before: Side, after: Side) -> list[list[str]]:
    """Return the levels of a side that are not as they were; 0 takes one away."""
    new = [[number(p), number(size)] for p, size in after.items() if before.get(p) != size]
    return new + [[number(price), "0"] for price in before if price not in after]
