"""A feed over ccxt.pro, for any venue that has no native one.

ccxt keeps the transport and the subscriptions; what it would coalesce or
withhold is taken at its handlers (`ccxt_tap`). Each stream has one owner task,
which subscribes, waits until the connection falls, and subscribes again with
back-off. The exchange is closed, with all that it opened, when the feed ends.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ccxt.base.errors import ArgumentsRequired, AuthenticationError, BadSymbol, NotSupported

from rebalancer.core.events import Event, FeedStatus
from rebalancer.ports import SECOND
from rebalancer.venues import ccxt_words
from rebalancer.venues.backoff import Backoff
from rebalancer.venues.ccxt_tap import Kind, Tap, Word, tapped
from rebalancer.venues.native import Ports
from rebalancer.venues.paper import Depth

QUIET = SECOND  # ns: a subscription that did not fail for so long is up, though nothing came
_HOPELESS = (ArgumentsRequired, AuthenticationError, BadSymbol, NotSupported)


@dataclass(frozen=True, slots=True)
class Watch:
    """One stream: a `watch_*` method and what it is called with."""

    method: str  # e.g. watch_bids_asks
    arguments: tuple[Any, ...] = ()


def watches(symbols: tuple[str, ...], *, private: bool) -> tuple[Watch, ...]:
    """Return the streams of a book's hedge instruments, by ccxt's symbols."""
    public = (
        *((Watch("watch_bids_asks", (list(symbols),)),) if symbols else ()),
        *(Watch("watch_order_book", (symbol,)) for symbol in symbols),
        *(Watch("watch_trades", (symbol,)) for symbol in symbols),
    )
    own = (Watch("watch_my_trades"), Watch("watch_orders")) if private else ()
    return public + own


@dataclass(frozen=True, slots=True)
class CcxtTaps:
    """Who hears what is no event of the core."""

    depth: Callable[[int, Depth], None] | None = None  # ns local, the best levels
    reconcile: Callable[[str], None] | None = None  # why the account may have moved unheard


class CcxtFeed:
    """A `ports.Feed` over any class of ccxt.pro.

    Args:
        account: Venue account that its events are of, e.g. binanceusdm.
        build: Makes the exchange from the tapped class that it is given:
            keys, addresses, options. Called inside the running loop.
        base: The ccxt.pro class.
        streams: What to watch.
        ports: Clock, tasks, chance and log.
        taps: Who hears levels; and why the account must be reconciled.
    """

    def __init__(
        self,
        account: str,
        build: Callable[[type[Any]], Any],
        base: type[Any],
        streams: tuple[Watch, ...],
        ports: Ports,
        taps: CcxtTaps | None = None,
    ) -> None:
        self.tap = Tap(self._hear, self._fell)
        self._account, self._build, self._ports = account, build, ports
        self._class, self._streams = tapped(base, self.tap), streams
        self._taps = taps or CcxtTaps()
        self.exchange: Any = None  # while it runs
        self._deliver: Callable[[Event], None] = _nowhere
        self._falling = asyncio.Event()  # set when a connection falls, and renewed
        self._lost: str | None = None  # why the daemon was told that the venue is lost
        self._down: dict[str, str] = {}  # streams that are not subscribed, and why
        self._awaited: dict[str, asyncio.Event] = {}  # streams that wait for their first word
        self._closed = False
        self.dropped: list[Watch] = []  # streams that cannot be had

    async def run(self, deliver: Callable[[Event], None]) -> None:
        """Deliver events until canceled."""
        self._deliver, self._closed = deliver, False
        self.exchange = self._build(self._class)
        try:
            for number, stream in enumerate(self._streams):
                name = f"{self._account}/{stream.method}/{number}"
                self._ports.tasks.spawn(name, self._own(name, stream))
            await asyncio.Event().wait()
        finally:
            self._closed = True
            self._falling.set()
            await self.exchange.close()

    async def _own(self, name: str, stream: Watch) -> None:
        """Keep one stream subscribed, whatever happens."""
        clock = self._ports.clock
        backoff = Backoff(self._ports.randomness.generator(f"backoff/{name}"))
        watch = getattr(self.exchange, stream.method)
        while not self._over():
            falling = self._falling
            self._awaited[name] = falling
            self._settle(name, falling)
            try:
                await watch(*stream.arguments)
            except asyncio.CancelledError:
                if self._over():
                    raise
                why = "given up"  # ccxt cancels who waits on a client that it closes
            except _HOPELESS as error:
                self._drop(name, stream, type(error).__name__)
                return
            except Exception as error:  # noqa: BLE001
                why = type(error).__name__  # its text may hold a signed address
            else:
                backoff.succeeded()
                self._awaited.pop(name, None)
                self._up(name)
                await falling.wait()
                why = "the connection fell"
            finally:
                self._awaited.pop(name, None)
            self._down[name] = why
            if not falling.is_set():
                self._fell(f"{stream.method}: {why}")
            await clock.sleep(backoff.wait())

    def _settle(self, name: str, falling: asyncio.Event, asked: int | None = None) -> None:
        """Hold a stream for up that waits for its first word on an open connection for long."""
        if self._awaited.get(name) is not falling or self._closed:
            return
        now = self._ports.clock.now()
        clients = (self.exchange.clients or {}).values()
        if asked is not None and clients and all(each.isConnected for each in clients):
            self._up(name)
            return
        self._ports.clock.call_at(now + QUIET, lambda: self._settle(name, falling, now))

    def _over(self) -> bool:
        """Tell whether the feed ends, or the owner task that asks."""
        task = asyncio.current_task()
        return self._closed or task is None or task.cancelling() > 0

    def _drop(self, name: str, stream: Watch, why: str) -> None:
        """Go on without a stream that cannot be had."""
        self._down.pop(name, None)
        self.dropped.append(stream)
        what = f"{stream.method}{stream.arguments}"
        self._ports.log.warning("feed.lost", venue=self._account, channel=what, why=why)

    # --- what the exchange says --------------------------------------------------

    def _hear(self, word: Word) -> None:
        """Deliver a word at once."""
        market = self.exchange.markets.get(word.told.get("symbol"))
        if market is None:
            return
        now = self._ports.clock.now()
        if word.kind is Kind.BOOK:
            if self._taps.depth is not None:
                self._taps.depth(now, ccxt_words.depth(word, market, self._account))
            return
        for event in ccxt_words.events(word, market, self._account, now):
            self._deliver(event)

    def _fell(self, why: str) -> None:
        """Wake the owners, and say once that the venue is lost."""
        falling, self._falling = self._falling, asyncio.Event()
        falling.set()
        if self._closed or self._lost is not None:
            return
        self._lost = why
        self._ports.log.warning("feed.lost", venue=self._account, why=why)
        self._deliver(FeedStatus(self._ports.clock.now(), self._account, alive=False))

    def _up(self, name: str) -> None:
        """Say once, when the last stream is up, that the venue is back; the gap nobody heard."""
        self._down.pop(name, None)
        if self._down or self._lost is None:
            return
        why, self._lost = self._lost, None
        self._ports.log.info("feed.recovered", venue=self._account)
        self._deliver(FeedStatus(self._ports.clock.now(), self._account, alive=True))
        if self._taps.reconcile is not None:
            self._taps.reconcile(f"{self._account} stream is back after {why}")


def configured(config: Mapping[str, Any]) -> Callable[[type[Any]], Any]:
    """Return a builder that makes an exchange of nothing but its configuration."""
    return lambda kind: kind(dict(config))


def _nowhere(event: Event) -> None:
    """Hear an event while the feed is not running."""
