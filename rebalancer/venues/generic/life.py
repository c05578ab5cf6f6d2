"""One ccxt.pro object from its first subscription until anything at all falls.

ccxt keeps books and watchers of a connection that is gone, and hands them on to
the next one; a watcher that nobody awaits is rejected without a word, and a
login that stays unanswered is awaited for ever. A peer that answers pings and
tells nothing is no fault to it at all. So an object lives once: the
first stream, connection or login that fails, stands still or lies ends all of
it, and the feed begins anew with an object that remembers nothing but markets.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ccxt.base.errors import AuthenticationError

from rebalancer.ports import SECOND
from rebalancer.venues.connection import Connection
from rebalancer.venues.deadline import deadline
from rebalancer.venues.freezing import Fact, FreezeWatch, Pulse, Touch
from rebalancer.venues.generic.tap import LOGIN, REFUSED, Kind, Tap, Word, tapped
from rebalancer.venues.generic.words import number, stamp
from rebalancer.venues.native import Ports

Tapping = Callable[[type[Any]], type[Any]]
_MINUTE = 60 * SECOND
_MARKET = (Kind.TICKER, Kind.BOOK, Kind.TRADE)
_GOODBYE = SECOND  # ns until the venue must have said its own


@dataclass(frozen=True, slots=True)
class Watch:
    """One stream: a `watch_*` method and what it is called with."""

    method: str  # e.g. watch_bids_asks
    arguments: tuple[str | tuple[str, ...], ...] = ()  # a tuple goes as a list
    private: bool = False  # told to whoever is logged in

    def __str__(self) -> str:
        return f"{self.method}{self.arguments}"


Streams = Callable[[Connection], tuple[Watch, ...]]  # what to watch, once the markets are known


@dataclass(frozen=True, slots=True)
class Endurance:
    """How long an object may take, ns."""

    quiet: int = SECOND  # a subscription that did not fail for so long is up, though nothing came
    answer: int = 10 * SECOND  # a stream that is not up by then will not be
    silent: int = 25 * SECOND  # without any frame: more than two heartbeats
    mute: int = _MINUTE  # without a word of the market, though heartbeats go on
    frozen: int = 10 * SECOND  # of venue time that a channel may stand still while another moves
    sound: int = _MINUTE  # of life until the next fall is a first one
    old: int = 23 * 60 * _MINUTE  # venues cut at 24 h, when it suits them
    refused: int = 10 * _MINUTE  # until a key that was not taken is tried again


ENDURANCE = Endurance()


@dataclass(frozen=True, slots=True)
class Ears:
    """Who is told what happens to an object."""

    word: Callable[[Word], None]  # each record, as it comes
    refused: Callable[[Watch, Exception], None]  # a stream cannot be had, and why
    up: Callable[[], None]  # all that can be had is up; once


class Life:
    """An exchange object at work.

    Args:
        connect: Opens a connection whose exchange is of the tapped class that it is given.
        streams: What to watch; is asked once its markets are known.
        ports: Clock, tasks, chance and log.
        endurance: How long what may take.
        ears: Who is told what happens to it.
    """

    def __init__(
        self,
        connect: Callable[[Tapping], Connection],
        streams: Streams,
        ports: Ports,
        endurance: Endurance,
        ears: Ears,
    ) -> None:
        self.tap = Tap(ears.word, self.fell, self.beat)
        self.login_refused = False
        self._ports, self._endurance, self._asked = ports, endurance, streams
        self._ears = ears
        self._streams: tuple[Watch, ...] = ()
        self._missing: set[Watch] = set()  # not up yet
        self._freezes = FreezeWatch(endurance.frozen)
        self._fallen, self._why = asyncio.Event(), ""
        self._began = self._heard = 0  # monotonic ns: of watching, of the newest frame
        self._spoken = 0  # monotonic ns: of the newest word of the market
        self.connection = connect(lambda base: tapped(base, self.tap))

    @property
    def logged_in(self) -> bool:
        """Whether private streams were asked for, and none of them was refused."""
        return any(each.private for each in self._streams) and not self.login_refused

    async def lived(self, name: str) -> str:
        """Live until something falls, and return what.

        Args:
            name: What its tasks are called after.
        """
        try:
            await self.connection.exchange.load_markets()
        except Exception as error:  # noqa: BLE001 - whatever it was, there is no life without
            return f"no markets: {type(error).__name__}"
        self._began = self._heard = self._spoken = self._ports.clock.monotonic()
        self._streams = self._asked(self.connection)
        self._missing = set(self._streams)
        for stream in self._streams:
            self._ports.tasks.spawn(f"{name}/{stream}", self._own(stream))
        if not self._streams:
            self._ears.up()
        self._look()
        await self._fallen.wait()
        return self._why

    async def close(self) -> None:
        """End what is left of it, whether or not the venue says goodbye."""
        self.tap.over = True
        self.fell("closed")
        with suppress(TimeoutError):  # a peer that is gone does not answer
            async with deadline(self._ports.clock, _GOODBYE):
                await self.connection.exchange.close()
        await self.connection.session.close()

    def fell(self, why: str) -> None:
        """Take note that something is gone; the first reason is the reason."""
        if not self._fallen.is_set():
            self._why = why
            self._fallen.set()

    def age(self) -> int:
        """Return ns since it began to watch."""
        return self._ports.clock.monotonic() - self._began if self._began else 0

    def beat(self) -> None:
        """Take note of a frame, of whatever kind."""
        self._heard = self._ports.clock.monotonic()

    def witness(self, word: Word) -> bool:
        """Take note of prices; return False where they cannot be, which ends this life."""
        if word.kind in _MARKET:
            self._spoken = self._ports.clock.monotonic()
        symbol = word.told.get("symbol")
        touch = _touch(word)
        if touch is None:
            return True
        bid, ask = touch
        if word.kind is Kind.BOOK and bid is not None and ask is not None and bid >= ask:
            self.fell(f"the book of {symbol} is crossed: {bid} bid, {ask} asked")
            return False
        if (ts := stamp(word)) is not None:
            pulse = self._pulse(word.kind, str(symbol))
            if pulse.beat(ts, self._ports.clock.now()):
                pulse.touch = touch
        return True

    def _pulse(self, kind: Kind, symbol: str) -> Pulse:
        """Return the pulse of a channel; quotes and books of a symbol witness one another."""
        name = f"{kind}/{symbol}"
        if name not in self._freezes.pulses:
            pair = [f"{each}/{symbol}" for each in (Kind.TICKER, Kind.BOOK)]
            both: dict[str, tuple[tuple[Fact, str], ...]] = {
                pair[0]: (("touch", pair[1]),),
                pair[1]: (("touch", pair[0]),),
            }
            self._freezes.follow({**self._freezes.witnesses, **both})
        return self._freezes.pulses[name]

    # --- streams ------------------------------------------------------------------

    async def _own(self, stream: Watch) -> None:
        """Subscribe one stream; what happens to it afterwards, the tap hears."""
        task = asyncio.current_task()
        self._settle(stream, self._ports.clock.now())
        asked = [list(each) if isinstance(each, tuple) else each for each in stream.arguments]
        try:
            await getattr(self.connection.exchange, stream.method)(*asked)
        except asyncio.CancelledError:
            if task is not None and task.cancelling():
                raise
            self.fell(f"{stream.method} was given up")  # ccxt cancels who waits on what it closes
        except REFUSED as error:
            if not self._fallen.is_set():
                if isinstance(error, AuthenticationError):
                    self.login_refused = True
                self._ears.refused(stream, error)
                self._up(stream)
        except Exception as error:  # noqa: BLE001 - its text may hold a signed address
            self.fell(f"{stream.method}: {type(error).__name__}")
        else:
            self._up(stream)

    def _settle(self, stream: Watch, asked: int) -> None:
        """Hold a quiet stream for up after a while, and for lost after a longer one."""
        if stream not in self._missing or self._fallen.is_set():
            return
        now = self._ports.clock.now()
        if now - asked >= self._endurance.answer:
            self.fell(f"{stream.method} was not answered")
        elif now - asked >= self._endurance.quiet and self._subscribed(stream):
            self._up(stream)
        else:
            due = now + self._endurance.quiet
            self._ports.clock.call_at(due, lambda: self._settle(stream, asked))

    def _subscribed(self, stream: Watch) -> bool:
        """Tell whether a stream was asked for on sockets that are open and logged in."""
        clients = tuple((self.connection.exchange.clients or {}).values())
        if not clients or not all(each.isConnected for each in clients):
            return False
        awaited = (name for each in clients for name, own in each.futures.items() if not own.done())
        return not (stream.private and any(str(name).startswith(LOGIN) for name in awaited))

    def _up(self, stream: Watch) -> None:
        self._missing.discard(stream)
        if not self._missing and not self._fallen.is_set():
            self._ears.up()

    def _look(self) -> None:
        """Look about once a second for what only time tells."""
        if self._fallen.is_set():
            return
        clock = self._ports.clock
        frozen = self._freezes.frozen(clock.now())
        follows = any(not each.private for each in self._streams)
        if self._streams and clock.monotonic() - self._heard >= self._endurance.silent:
            self.fell("silence")
        elif follows and clock.monotonic() - self._spoken >= self._endurance.mute:
            self.fell("the market is silent")
        elif frozen:
            self.fell(f"{frozen[0]} is frozen")
        elif self.age() >= self._endurance.old:
            self.fell("its time is over")
        elif self.login_refused and self.age() >= self._endurance.refused:
            self.fell("the login is tried again")
        else:
            clock.call_at(clock.now() + min(SECOND, self._endurance.frozen), self._look)


def _touch(word: Word) -> Touch | None:
    """Return best bid and ask of what tells them."""
    if word.kind is Kind.BOOK:
        bids, asks = word.told["bids"], word.told["asks"]
        return (_best(bids), _best(asks))
    if word.kind is Kind.TICKER:
        touch = number(word.told.get("bid")), number(word.told.get("ask"))
        return None if touch == (None, None) else touch
    return None


def _best(levels: Any) -> Decimal | None:
    return number(levels[0][0]) if len(levels) else None
