"""A ccxt.pro class that says every message at once, and a client that survives a bad one.

ccxt hands its watchers the newest state when they ask: what came in between is
gone, the tail of a burst waits for the next message, and Deribit's fills are
lost outright. A tapped class is the unmodified one but for its `handle_*`
methods: while one runs, each ticker, trade, order and book that it makes is
heard. And where an exception in a handler would end the receiving for minutes
without a word, it is counted and the connection given up at once. A rejection
is heard too, whether or not somebody waits for it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ccxt.base.errors import (
    ArgumentsRequired,
    AuthenticationError,
    BadSymbol,
    NetworkError,
    NotSupported,
)

KEEP_ALIVE = 5_000  # ms between pings; ccxt's 30 s notice a dead peer after 60 to 90
LOGIN = ("auth", "challenge")  # how ccxt's names of what awaits a login begin
HOPELESS = (ArgumentsRequired, BadSymbol, NotSupported)  # what asking again does not mend
REFUSED = (*HOPELESS, AuthenticationError)  # of one stream, while the others live


class Kind(StrEnum):
    """What a handler handles."""

    TICKER = "ticker"
    BOOK = "book"
    TRADE = "trade"
    FILL = "fill"
    ORDER = "order"


_CODE = re.compile(r'"code": ?"?(-?\d+)')
# The names that ccxt's venues give their handlers.
_NAMES: Mapping[Kind, str] = {
    Kind.TICKER: """
        ticker tickers ticker_ws ws_tickers bid_ask bid_asks bids_asks bidask ticker_and_bid_ask
        mark_price mark_prices contract_ticker uta_ticker active_asset_ctx""",
    Kind.BOOK: """
        order_book order_book_snapshot order_book_message new_spot_order_book uta_order_book""",
    Kind.TRADE: "trade trades uta_trade",
    Kind.FILL: "my_trade my_trades uta_my_trade",
    Kind.ORDER: "order orders order_snapshot options_order_update uta_order",
}
HANDLERS = {f"handle_{name}": kind for kind, names in _NAMES.items() for name in names.split()}
# What makes the unified record, and in which handlers it is one to be heard.
_MAKERS: Mapping[str, tuple[Kind, ...]] = {
    "safe_ticker": (Kind.TICKER,),
    "safe_trade": (Kind.TRADE, Kind.FILL),
    "safe_order": (Kind.ORDER,),
}


@dataclass(frozen=True, slots=True)
class Word:
    """One record that a message told, as ccxt unifies it."""

    kind: Kind
    told: Mapping[str, Any]


@dataclass(slots=True)
class Tap:
    """Where a tapped exchange speaks to."""

    hear: Callable[[Word], None]
    fell: Callable[[str], None]  # a connection or a stream is gone, and why
    beat: Callable[[], None]  # a frame came, of whatever kind
    refused: int = 0  # messages that a handler could not take
    over: bool = False  # nothing is dialed any more
    kind: Kind | None = None  # what is being handled just now

    def make(self, kinds: tuple[Kind, ...], told: Any) -> Any:
        """Hear a record if it is one of what is being handled; return it."""
        if self.kind is not None and self.kind in kinds:
            self.hear(Word(self.kind, told))
        return told


def tapped(base: type[Any], tap: Tap) -> type[Any]:
    """Return a subclass of a ccxt.pro class whose messages are heard by `tap`.

    Args:
        base: E.g. `ccxt.pro.deribit`.
        tap: Hears them; one exchange at a time.
    """
    body: dict[str, Any] = {"client": _client(base, tap)}
    for name, kind in HANDLERS.items():
        if hasattr(base, name):
            body[name] = _handler(getattr(base, name), kind, tap)
    for name, kinds in _MAKERS.items():
        body[name] = _maker(getattr(base, name), kinds, tap)
    for name in ("on_error", "on_close"):
        body[name] = _ending(getattr(base, name), tap)
    return type(f"Tapped_{base.__name__}", (base,), body)


def _handler(inherited: Callable[..., Any], kind: Kind, tap: Tap) -> Callable[..., Any]:
    def handle(self: Any, *arguments: Any, **named: Any) -> Any:
        before, tap.kind = tap.kind, kind
        try:
            return inherited(self, *arguments, **named)
        finally:
            tap.kind = before

    return handle


def _maker(inherited: Callable[..., Any], kinds: tuple[Kind, ...], tap: Tap) -> Callable[..., Any]:
    def make(self: Any, *arguments: Any, **named: Any) -> Any:
        return tap.make(kinds, inherited(self, *arguments, **named))

    return make


def _ending(inherited: Callable[..., Any], tap: Tap) -> Callable[..., Any]:
    def end(self: Any, client: Any, why: Any) -> Any:
        result = inherited(self, client, why)
        tap.fell(f"{type(why).__name__}" if isinstance(why, Exception) else f"closed ({why})")
        return result

    return end


def _client(base: type[Any], tap: Tap) -> Callable[..., Any]:
    """Return `client(url)` whose clients are guarded."""

    def client(self: Any, url: str) -> Any:
        if tap.over:
            raise NetworkError("this exchange object is closed")
        known = url in (self.clients or {})
        made = base.client(self, url)
        if not known:
            _guard(self, made, tap)
        return made

    return client


def _refuses_key(exchange: Any, error: Exception) -> bool:
    """Tell whether ccxt's table of a venue's codes has the one raised for a key that is refused."""
    code = _CODE.search(str(error))
    table = exchange.exceptions.get("exact", exchange.exceptions)
    found = None if code is None else table.get(code[1])
    return isinstance(found, type) and issubclass(found, AuthenticationError)


def _guard(exchange: Any, client: Any, tap: Tap) -> None:
    """Let a client's messages be heard when they are books, and survived when they are bad."""
    handle, resolve, reject = client.handle_message, client.resolve, client.reject

    def handle_message(message: Any) -> None:
        tap.beat()
        try:
            handle(message)
        # Whatever a handler raises, ccxt would stop receiving and tell nobody for minutes.
        except Exception as error:  # noqa: BLE001
            awaited = (name for name, own in client.futures.items() if not own.done())
            logins = [name for name in awaited if str(name).startswith(LOGIN)]
            if logins and _refuses_key(exchange, error):
                client.reject(AuthenticationError("the login was refused"), logins[0])
                return
            tap.refused += 1
            client.on_error(NetworkError(f"{type(error).__name__} in a handler"))

    def resolved(result: Any, message_hash: Any) -> Any:
        if tap.kind is Kind.BOOK and isinstance(result, dict):
            tap.hear(Word(Kind.BOOK, result))
        return resolve(result, message_hash)

    def rejected(result: Any, message_hash: Any = None) -> Any:
        awaited = message_hash is not None and message_hash in client.futures
        told = reject(result, message_hash)
        if not (awaited and isinstance(result, REFUSED)):  # else whoever waits for it hears
            tap.fell(f"{type(result).__name__} of {message_hash or 'all'}")
        return told

    client.handle_message, client.resolve, client.reject = handle_message, resolved, rejected
    client.keepAlive = KEEP_ALIVE
