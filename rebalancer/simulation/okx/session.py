"""A session: one websocket, who it belongs to, what it hears, and when it is given up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from rebalancer.ports import SECOND, Timer
from rebalancer.simulation.key import Key
from rebalancer.simulation.line import Line
from rebalancer.simulation.okx import market
from rebalancer.simulation.okx.channels import Channel
from rebalancer.simulation.okx.desk import Desk, ms
from rebalancer.simulation.okx.rest import encode, told

Side = Mapping[Decimal, Decimal]  # price → contracts
PATIENCE = 30 * SECOND  # ns without a word of either side after which the venue hangs up


@dataclass(slots=True)
class _Heard:
    """What a channel told last."""

    sequence: int | None = None  # of its book
    bids: Side = field(default_factory=dict)
    asks: Side = field(default_factory=dict)
    traded: int = 0  # of its instrument


class Session:
    """One websocket.

    Args:
        desk: The venue.
        line: Its connection.
    """

    def __init__(self, desk: Desk, line: Line) -> None:
        self.line = line
        self.key: Key | None = None
        self.channels: dict[str, Channel] = {}
        self._desk = desk
        self._heard: dict[str, _Heard] = {}
        self._spoke = desk.place.clock.now()  # ns, when the venue last said anything
        self._idle = self._watch()

    def answer(self, value: Mapping[str, Any]) -> None:
        """Send an answer."""
        self._spoke = self._desk.place.clock.now()
        self.line.answer(encode(value))

    def pong(self) -> None:
        """Answer a sign of life."""
        self._spoke = self._desk.place.clock.now()
        self.line.answer(b"pong")

    def subscribe(self, channel: Channel) -> None:
        """Listen to a channel."""
        self.channels[channel.name] = channel
        seen = self._desk.place.tape.seen.get(channel.subject)
        self._heard[channel.name] = _Heard(traded=0 if seen is None else seen.traded)

    def greet(self, channel: Channel) -> None:
        """Send what a new subscription begins with: the state of now."""
        if channel.private:
            self.line.remember(channel.name, "" if self.key is None else self.key.account)
        elif channel.kind != "trades":
            self.tell(channel)

    def tell(self, channel: Channel) -> None:
        """Send what is new on a public channel."""
        if channel.kind == "books":
            self._book(channel)
            return
        rows = self._rows(channel)
        if rows:
            self.push(channel, rows)

    def push(self, channel: Channel, rows: Sequence[Any], owner: str = "", **more: Any) -> None:
        """Send a push; `owner` is the account that it is about."""
        self._spoke = self._desk.place.clock.now()
        arg = dict(channel.arg)
        if owner and self.key is not None:
            arg["uid"] = str(self.key.uid)
        self.line.tell(channel.name, encode({"arg": arg, **more, "data": list(rows)}), owner)

    def _rows(self, channel: Channel) -> list[Any]:
        desk, tape = self._desk, self._desk.place.tape
        if channel.kind == "index-tickers":
            row = market.index_ticker(desk, channel.subject)
            return [] if row is None else [row]
        if channel.kind == "opt-summary":
            mine = (each for each in tape.seen.values() if channel.concerns(each))
            found = (
                market.summary(desk, each)
                for each in mine
                if each.instrument.id in desk.place.active
            )
            return [each for each in found if each is not None]
        seen = tape.seen[channel.subject]
        match channel.kind:
            case "bbo-tbt":
                return [market.touch(desk, seen)]
            case "tickers":
                return [market.ticker(desk, seen)]
            case "mark-price":
                return [] if seen.mark is None else [market.mark_price(seen)]
            case "funding-rate":
                return [market.funding(desk, seen)]
            case "open-interest":
                return [market.open_interest(seen)]
            case _:
                return self._trades(channel)

    def _trades(self, channel: Channel) -> list[Any]:
        seen, heard = self._desk.place.tape.seen[channel.subject], self._heard[channel.name]
        fresh = [each for each in seen.prints if each.sequence > heard.traded]
        heard.traded = seen.traded
        return [market.trade(seen, each) for each in fresh]

    def _book(self, channel: Channel) -> None:
        """Send the book, or what changed in it since this channel told it last."""
        seen, heard = self._desk.place.tape.seen[channel.subject], self._heard[channel.name]
        book = self._desk.place.book(channel.subject)
        bids, asks = (dict(list(side)[: market.DEEP]) for side in (book.bids, book.asks))
        if heard.sequence == seen.change:
            return
        row = {
            "asks": _steps(heard.asks, asks),
            "bids": _steps(heard.bids, bids),
            "ts": ms(seen.ts),
            "checksum": market.checksum(*(market.levels(s.items(), 25) for s in (bids, asks))),
            "seqId": seen.change,
            "prevSeqId": -1 if heard.sequence is None else heard.sequence,
        }
        action = "snapshot" if heard.sequence is None else "update"
        heard.sequence, heard.bids, heard.asks = seen.change, bids, asks
        self.push(channel, [row], action=action)

    # --- life and death -------------------------------------------------------

    def _watch(self) -> Timer:
        return self._desk.place.clock.call_at(self._deadline(), self._look)

    def _deadline(self) -> int:
        return max(self.line.heard, self._spoke) + PATIENCE

    def _look(self) -> None:
        if self._desk.place.clock.now() >= self._deadline():
            self.line.cut()
        else:
            self._idle = self._watch()

    def end(self) -> None:
        """Send nothing any more."""
        self._idle.cancel()
        self.channels.clear()


def _steps(before: Side, after: Side) -> list[list[str]]:
    """Return how one side of a book came from what it was to what it is; 0 takes a level away."""
    new = [
        [told(price), told(size), "0", "1"]
        for price, size in after.items()
        if before.get(price) != size
    ]
    return new + [[told(price), "0", "0", "0"] for price in before if price not in after]
