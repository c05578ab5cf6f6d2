"""A feed over ccxt.pro, for any venue that has no native one.

ccxt keeps the transport and the subscriptions; what it would coalesce or
withhold is taken at its handlers (`tap`). Its object lives until anything
falls (`life`); then the feed waits and begins anew with another one, which
goes where the settings say as every connection does. The daemon hears once that
a venue is lost and once that it is back.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from ccxt.base.errors import AuthenticationError

from rebalancer.core.events import Event, FeedStatus, Quote
from rebalancer.ports import SECOND
from rebalancer.venues.backoff import Backoff
from rebalancer.venues.connection import Connection
from rebalancer.venues.generic import words as ccxt_words
from rebalancer.venues.generic.life import (
    ENDURANCE,
    Ears,
    Endurance,
    Life,
    Streams,
    Tapping,
    Watch,
)
from rebalancer.venues.generic.tap import Kind, Word
from rebalancer.venues.generic.words import BOOK, PLAIN, Dialect
from rebalancer.venues.native import Ports
from rebalancer.venues.paper import Depth

_MARKETS = 3600 * SECOND  # ns until they are read again
_QUOTES = "watch_bids_asks"
_PRIVATE = (Kind.FILL, Kind.ORDER)


def watches(symbols: tuple[str, ...], *, private: bool) -> tuple[Watch, ...]:
    """Return the streams of a book's hedge instruments, by ccxt's symbols."""
    public = (
        *((Watch(_QUOTES, (symbols,)),) if symbols else ()),
        *(Watch("watch_order_book", (symbol,)) for symbol in symbols),
        *(Watch("watch_trades", (symbol,)) for symbol in symbols),
    )
    own = (Watch("watch_my_trades", private=True), Watch("watch_orders", private=True))
    return public + (own if private else ())


@dataclass(frozen=True, slots=True)
class CcxtTaps:
    """Who hears what is no event of the core."""

    depth: Callable[[int, Depth], None] | None = None  # ns local, the best levels
    reconcile: Callable[[str], None] | None = None  # why the account may have moved unheard
    word: Callable[[Word], None] | None = None  # each record, as it came
    hint: Callable[[str], None] | None = None  # that something happened at the account, instead of
    #   what: ccxt's private records lack fees, labels and ids here and there
    dialect: Dialect = PLAIN


class CcxtFeed:
    """A `ports.Feed` over any class of ccxt.pro.

    Args:
        account: Venue account that its events are of, e.g. binanceusdm.
        connect: Opens a connection whose exchange is of the tapped class, see
            `connection.connect`. Called inside the running loop.
        streams: What to watch, or what says so once the markets are known.
        ports: Clock, tasks, chance and log.
        taps: Who hears levels; and why the account must be reconciled.
        endurance: How long what may take.
    """

    def __init__(
        self,
        account: str,
        connect: Callable[[Tapping], Connection],
        streams: tuple[Watch, ...] | Streams,
        ports: Ports,
        taps: CcxtTaps | None = None,
        endurance: Endurance = ENDURANCE,
    ) -> None:
        self._account, self._connect, self._ports = account, connect, ports
        self._streams, self._endurance = streams, endurance
        self._taps = taps or CcxtTaps()
        self._backoff = Backoff(ports.randomness.generator(f"backoff/{account}"))
        self._deliver: Callable[[Event], None] = _nowhere
        self._ears = Ears(self._hear, self._do_without, self._up)
        self._life: Life | None = None  # while it runs
        self._lost: str | None = None  # why the daemon was told that the venue is lost
        self._source: Any = None  # an exchange object that read the markets
        self._read = 0  # monotonic ns: when it did
        self._refused_at: int | None = None  # monotonic ns: when a key was not taken
        self.refused = 0  # messages that a handler could not take, so far
        self.dropped: list[Watch] = []  # streams that cannot be had

    @property
    def exchange(self) -> Any:
        """The object of ccxt that is at work just now; None between two of them."""
        return None if self._life is None else self._life.connection.exchange

    @property
    def connection(self) -> Connection | None:
        """The connection of that object, once it knows its markets."""
        life = self._life
        return None if life is None or not life.age() else life.connection

    def watch(self, streams: tuple[Watch, ...] | Streams) -> None:
        """Watch something else from now on; the object that does not is left."""
        if streams == self._streams:
            return
        self._streams = streams
        self.again()

    def again(self) -> None:
        """Ask anew what to watch, with another object."""
        if self._life is not None:
            self._life.fell("something else is followed")

    async def run(self, deliver: Callable[[Event], None]) -> None:
        """Deliver events until canceled."""
        self._deliver = deliver
        while True:
            why = await self._once()
            if self._lost is None:
                self._ports.log.warning("feed.lost", venue=self._account, why=why)
                deliver(FeedStatus(self._ports.clock.now(), self._account, alive=False))
            self._lost = why
            await self._ports.clock.sleep(self._backoff.wait())

    async def _once(self) -> str:
        """Live through one exchange object; return why it ended."""
        streams, endurance = self._to_watch()
        life = Life(self._connect, streams, self._ports, endurance, self._ears)
        exchange = life.connection.exchange
        now = self._ports.clock.monotonic()
        if self._source is not None and now - self._read < _MARKETS:
            with suppress(KeyError):  # of what was never asked for there; else they are read anew
                exchange.set_markets_from_exchange(self._source)
        else:
            self._read = now
        self._life = life
        try:
            why = await life.lived(f"feed/{self._account}")
            self._source = exchange if exchange.markets else None
            return why
        finally:
            self._life = None
            self.refused += life.tap.refused
            if life.age() >= self._endurance.sound:
                self._backoff.succeeded()
            await life.close()

    def _to_watch(self) -> tuple[Streams, Endurance]:
        """Return what can be had just now, and for how long to make do with it."""
        if self._refused_at is None:
            return self._all, self._endurance
        rest = self._refused_at + self._endurance.refused - self._ports.clock.monotonic()
        if rest <= 0:
            return self._all, self._endurance
        return self._public, replace(self._endurance, old=min(self._endurance.old, rest))

    def _all(self, connection: Connection) -> tuple[Watch, ...]:
        told = self._streams
        streams = told(connection) if callable(told) else told
        return tuple(each for each in streams if each not in self.dropped)

    def _public(self, connection: Connection) -> tuple[Watch, ...]:
        return tuple(each for each in self._all(connection) if not each.private)

    def _up(self) -> None:
        """Say once that the venue is back, all that can be had is subscribed."""
        assert self._life is not None  # who is up lives
        if self._life.logged_in:
            self._refused_at = None
        if self._lost is None:
            return
        why, self._lost = self._lost, None
        self._ports.log.info("feed.recovered", venue=self._account)
        self._deliver(FeedStatus(self._ports.clock.now(), self._account, alive=True))
        if self._taps.reconcile is not None:
            self._taps.reconcile(f"{self._account} stream is back after {why}")

    def _do_without(self, stream: Watch, error: Exception) -> None:
        """Say which stream is done without; a key that is refused, loudly and once."""
        kind, log = type(error).__name__, self._ports.log
        if not isinstance(error, AuthenticationError):
            self.dropped.append(stream)
            log.warning("feed.lost", venue=self._account, channel=str(stream), why=kind)
            return
        if self._refused_at is None:
            log.error("key.refused", venue=self._account, error=kind)
        self._refused_at = self._ports.clock.monotonic()

    # --- what the exchange says --------------------------------------------------

    def _hear(self, word: Word) -> None:
        """Deliver a word at once."""
        life = self._life
        if life is None:
            return
        if self._taps.word is not None:
            self._taps.word(word)
        if self._taps.hint is not None and word.kind in _PRIVATE:
            self._taps.hint(f"{self._account} told of a {word.kind}")
            return
        market = life.connection.exchange.markets.get(word.told.get("symbol"))
        booked = self._taps.dialect.quotes == BOOK  # a ticker's prices are then nobody's offers
        told = word.kind is not Kind.TICKER or not booked
        if market is None or (told and not life.witness(word)):
            return
        now = self._ports.clock.now()
        if word.kind is Kind.BOOK:
            depth = ccxt_words.depth(word, market, self._account, self._taps.dialect)
            self._hear_book(depth, word, now)
            return
        for event in ccxt_words.events(word, market, self._account, now, self._taps.dialect):
            self._deliver(event)

    def _hear_book(self, depth: Depth, word: Word, now: int) -> None:
        """Tell levels; and the best of them as a quote, where the venue tells no other."""
        if self._taps.depth is not None:
            self._taps.depth(now, depth)
        dropped = any(each.method == _QUOTES for each in self.dropped)
        if not dropped and self._taps.dialect.quotes != BOOK:
            return
        bid, bid_size = depth.bids[0] if depth.bids else (None, None)
        ask, ask_size = depth.asks[0] if depth.asks else (None, None)
        ts = ccxt_words.stamp(word)
        self._deliver(Quote(now, ts, depth.instrument, bid, bid_size, ask, ask_size))


def _nowhere(event: Event) -> None:
    """Hear an event while the feed is not running."""
