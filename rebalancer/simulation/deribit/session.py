"""A session: one websocket, who it belongs to, what it hears, and what its loss brings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from rebalancer.ports import SECOND, Timer
from rebalancer.simulation.deribit import jsonrpc, market
from rebalancer.simulation.deribit.channels import Channel, Family, parse
from rebalancer.simulation.deribit.desk import Desk, index_name, milliseconds
from rebalancer.simulation.deribit.errors import Refusal
from rebalancer.simulation.key import Key
from rebalancer.simulation.line import Line

Side = Mapping[Decimal, Decimal]  # price → amount


@dataclass(slots=True)
class _Heard:
    """What a channel told last."""

    change: int | None = None  # id of the book
    bids: Side = field(default_factory=dict)
    asks: Side = field(default_factory=dict)
    trades: dict[str, int] = field(default_factory=dict)  # instrument → last sequence


class Session:
    """One websocket.

    Args:
        desk: The venue.
        line: Its connection.
    """

    def __init__(self, desk: Desk, line: Line) -> None:
        self.line = line
        self.key: Key | None = None
        self.cancels: bool | None = None  # on loss; None: as its account has it
        self.channels: dict[str, Channel] = {}
        self._desk = desk
        self._heard: dict[str, _Heard] = {}
        self._timer: Timer | None = None
        self._tested = True
        self._idle = self._watch()

    # --- subscriptions --------------------------------------------------------

    def subscribe(self, names: Sequence[str], *, private: bool) -> list[str]:
        """Listen to channels; return those that there are.

        Raises:
            Refusal: A raw channel without a key.
        """
        known = {name: channel for name in names if (channel := parse(self._desk, name))}
        for channel in known.values():
            if channel.cadence == "raw" and self.key is None and channel.family is not Family.STATE:
                raise Refusal(13778)
        taken = {n: each for n, each in known.items() if private or not each.private}
        self.channels |= taken
        for name, channel in taken.items():
            self._heard[name] = _Heard()
            for seen in self._desk.place.tape.seen.values():
                if channel.family is Family.TRADES and channel.takes(seen):
                    self._heard[name].trades[seen.instrument.id] = seen.traded
        return list(taken)

    def unsubscribe(self, names: Sequence[str] | None) -> list[str]:
        """Listen no more; None: to nothing at all."""
        gone = list(self.channels if names is None else names)
        return [name for name in gone if self.channels.pop(name, None) is not None]

    def greet(self, names: Sequence[str]) -> None:
        """Send what a new subscription begins with: the state of now."""
        for name in names:
            channel = self.channels.get(name)
            if channel is None:
                continue
            if channel.private:
                owner = "" if self.key is None else self.key.account
                self.line.remember(name, owner)
            elif channel.family is not Family.TRADES:
                self.tell(channel)

    # --- telling --------------------------------------------------------------

    def tell(self, channel: Channel) -> None:
        """Send what is new on a public channel."""
        tape = self._desk.place.tape
        seen = tape.seen.get(channel.subject)
        match channel.family:
            case Family.TICKER if seen is not None:
                data: Any = market.ticker(self._desk, seen)
            case Family.QUOTE if seen is not None:
                data = market.quote(self._desk, seen)
            case Family.GROUPED if seen is not None:
                data = market.grouped_book(self._desk, seen, channel.depth)
            case Family.PERPETUAL if seen is not None:
                data = {
                    "timestamp": milliseconds(seen.ts),
                    "interest": market.funding(seen)["current_funding"],
                    "index_price": tape.index_of(seen.instrument),
                }
            case Family.BOOK:
                data = self._book(channel)
            case Family.TRADES:
                data = self._trades(channel)
            case Family.INDEX:
                data = self._index(channel)
            case Family.OPTION_MARKS:
                data = self._option_marks(channel)
            case _:
                data = None
        if data:
            self.line.tell(channel.name, jsonrpc.notification(channel.name, data))

    def tell_account(self, channel: Channel, data: Any) -> None:
        """Send something about the account."""
        owner = "" if self.key is None else self.key.account
        self.line.tell(channel.name, jsonrpc.notification(channel.name, data), owner)

    def _book(self, channel: Channel) -> dict[str, Any] | None:
        """Return the book, or what changed in it since this channel told it last."""
        seen, heard = self._desk.place.tape.seen[channel.subject], self._heard[channel.name]
        book, contract = self._desk.place.book(channel.subject), seen.instrument
        bids = {price: size * contract.size for price, size in book.bids}
        asks = {price: size * contract.size for price, size in book.asks}
        told: dict[str, Any] = {
            "type": "snapshot" if heard.change is None else "change",
            "timestamp": milliseconds(seen.ts),
            "instrument_name": contract.name,
            "change_id": seen.change,
            "bids": _steps(heard.bids, bids),
            "asks": _steps(heard.asks, asks),
        }
        if heard.change is not None:
            told["prev_change_id"] = heard.change
            if seen.change == heard.change:
                return None
        heard.change, heard.bids, heard.asks = seen.change, bids, asks
        return told

    def _trades(self, channel: Channel) -> list[dict[str, Any]]:
        heard, told = self._heard[channel.name].trades, []
        for name in heard:
            seen = self._desk.place.tape.seen[name]
            fresh = [each for each in seen.prints if each.sequence > heard[name]]
            told += [market.public_trade(seen.instrument, each) for each in fresh]
            heard[name] = seen.traded
        return told

    def _index(self, channel: Channel) -> dict[str, Any] | None:
        coin = channel.subject.partition("_")[0].upper()
        price = self._desk.place.tape.indexes.get(coin)
        if price is None:
            return None
        told = milliseconds(self._desk.now)
        return {"timestamp": told, "price": price, "index_name": channel.subject}

    def _option_marks(self, channel: Channel) -> list[dict[str, Any]]:
        return [
            {
                "instrument_name": seen.instrument.name,
                "iv": round(seen.vol, 4),
                "mark_price": seen.mark,
                "timestamp": milliseconds(seen.ts),
            }
            for seen in self._desk.place.tape.seen.values()
            if seen.vol is not None and index_name(seen.instrument) == channel.subject
        ]

    # --- life and death -------------------------------------------------------

    def beat(self, interval: int) -> None:
        """Send heartbeats each so many seconds, and go when a test goes unanswered; 0 ends it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._tested = True
        if interval:
            self._schedule(interval)

    def tested(self) -> None:
        """Take note that the client lives."""
        self._tested = True

    def _watch(self) -> Timer:
        """Look again when the client will have been silent for too long."""
        return self._desk.place.clock.call_at(self._deadline(), self._look)

    def _deadline(self) -> int:
        return self.line.heard + self._desk.patience * SECOND

    def _look(self) -> None:
        if self._desk.place.clock.now() >= self._deadline():
            self.line.cut()
        else:
            self._idle = self._watch()

    def _schedule(self, interval: int) -> None:
        clock = self._desk.place.clock
        at = clock.now() + interval * SECOND
        self._timer = clock.call_at(at, lambda: self._pulse(interval))

    def _pulse(self, interval: int) -> None:
        if not self._tested:
            self.line.cut()
            return
        self._tested = False
        self.line.answer(jsonrpc.heartbeat("heartbeat"))
        self.line.answer(jsonrpc.heartbeat("test_request"))
        self._schedule(interval)

    def end(self) -> None:
        """Send nothing any more."""
        self.beat(0)
        self._idle.cancel()
        self.channels.clear()


def _steps(before: Side, after: Side) -> list[list[Any]]:
    """Return how one side of a book came from what it was to what it is."""
    new = [
        ["change" if price in before else "new", price, size]
        for price, size in after.items()
        if before.get(price) != size
    ]
    gone = [["delete", price, 0] for price in before if price not in after]
    return new + gone
