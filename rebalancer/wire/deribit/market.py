"""Deribit's public market data: typed messages, when to believe them, and their core events.

Prices and amounts come from the number text, never through a float; rates, vols
and greeks are guesses of the venue's model and stay floats. Deribit tells vols
in percent; here they are fractions. `mark_price` of an inverse option is in coin.
https://docs.deribit.com/#subscriptions
"""

from decimal import Decimal
from typing import Literal, TypeAlias

import msgspec

from rebalancer.core.events import FundingRate, Index, Mark, OptionMark, Quote, Trade
from rebalancer.core.figures import OpenInterest
from rebalancer.wire.deribit.values import (
    VENUE,
    Count,
    Direction,
    Level,
    Millis,
    Name,
    amount_fault,
    coin,
    instrument_id,
    is_option,
    is_perpetual,
    levels_fault,
    missing,
    ns,
    price_fault,
    priced_in_dollars,
    side,
    signed,
    touch_fault,
)

FUNDING_INTERVAL = 8 * 3600 * 1_000_000_000  # ns; rates are told per 8 h, charged continuously
_HIGHEST_VOL = 100_000.0  # percent

Change: TypeAlias = tuple[Literal["new", "change", "delete"], Decimal, Decimal]


class Greeks(msgspec.Struct, frozen=True, gc=False):
    """Black-Scholes greeks as Deribit shows them: vega per vol point, theta per day, USD."""

    delta: float
    gamma: float
    vega: float
    theta: float
    rho: float | None = None


class Ticker(msgspec.Struct, frozen=True, gc=False):
    """State of one instrument: `ticker.NAME.INTERVAL`, and the answer of `public/ticker`."""

    timestamp: Millis
    instrument: Name = msgspec.field(name="instrument_name")
    mark: Decimal = msgspec.field(name="mark_price")  # inverse options: coin; else USD
    index: Decimal = msgspec.field(name="index_price")
    bid: Decimal | None = msgspec.field(name="best_bid_price", default=None)  # 0: empty side
    bid_size: Decimal | None = msgspec.field(name="best_bid_amount", default=None)
    ask: Decimal | None = msgspec.field(name="best_ask_price", default=None)
    ask_size: Decimal | None = msgspec.field(name="best_ask_amount", default=None)
    mark_iv: float | None = None  # percent per year; options only
    underlying_price: float | None = None  # forward, USD per coin; options only
    greeks: Greeks | None = None  # options only
    current_funding: float | None = None  # per 8 h; perpetuals only
    funding_8h: float | None = None  # realised over the last 8 h; perpetuals only
    state: str | None = None  # open, closed
    open_interest: Decimal | None = None  # contracts as they are counted


class Touch(msgspec.Struct, frozen=True, gc=False):
    """Best bid and ask: `quote.NAME`, told whenever either changes."""

    timestamp: Millis
    instrument: Name = msgspec.field(name="instrument_name")
    bid: Decimal | None = msgspec.field(name="best_bid_price")
    bid_size: Decimal | None = msgspec.field(name="best_bid_amount")
    ask: Decimal | None = msgspec.field(name="best_ask_price")
    ask_size: Decimal | None = msgspec.field(name="best_ask_amount")


class Levels(msgspec.Struct, frozen=True, gc=False):
    """The best levels, whole: `book.NAME.GROUP.DEPTH.INTERVAL`, `public/get_order_book`."""

    timestamp: Millis
    instrument: Name = msgspec.field(name="instrument_name")
    change: Count = msgspec.field(name="change_id")
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class BookChange(msgspec.Struct, frozen=True, gc=False):
    """A whole book or what changed in it: `book.NAME.INTERVAL`; chained by change ids."""

    timestamp: Millis
    instrument: Name = msgspec.field(name="instrument_name")
    change: Count = msgspec.field(name="change_id")
    type: Literal["snapshot", "change"]
    bids: tuple[Change, ...]
    asks: tuple[Change, ...]
    previous: Count | None = msgspec.field(name="prev_change_id", default=None)


class Print(msgspec.Struct, frozen=True, gc=False):
    """One public trade: in `trades.NAME.INTERVAL` and `public/get_last_trades_*`."""

    timestamp: Millis
    instrument: Name = msgspec.field(name="instrument_name")
    trade: str = msgspec.field(name="trade_id")
    price: Decimal
    amount: Decimal
    direction: Direction  # of the taker


class Prints(msgspec.Struct, frozen=True, gc=False):
    """Public trades, as the REST calls answer them."""

    trades: tuple[Print, ...]
    has_more: bool = False


class PriceIndex(msgspec.Struct, frozen=True, gc=False):
    """An index price: `deribit_price_index.NAME`."""

    timestamp: Millis
    name: Name = msgspec.field(name="index_name")  # e.g. btc_usd
    price: Decimal


class Interest(msgspec.Struct, frozen=True, gc=False):
    """The funding rate of a perpetual: `perpetual.NAME.INTERVAL`, which alone tells the name."""

    timestamp: Millis
    rate: float = msgspec.field(name="interest")  # per 8 h
    index: Decimal = msgspec.field(name="index_price")


MarketBody: TypeAlias = (
    Ticker | Touch | Levels | BookChange | tuple[Print, ...] | Prints | PriceIndex | Interest
)


# --- belief -----------------------------------------------------------------


def fault(body: MarketBody) -> str | None:
    """Return why a message cannot be believed, or None."""
    match body:
        case Ticker():
            return _ticker_fault(body)
        case Touch():
            return touch_fault(body.bid, body.bid_size, body.ask, body.ask_size)
        case Levels():
            return levels_fault(body.bids, body.asks)
        case BookChange():
            return _change_fault(body)
        case PriceIndex():
            return price_fault(body.price)
        case Interest():
            return price_fault(body.index)
        case Prints():
            return _prints_fault(body.trades)
        case _:
            return _prints_fault(body)


def _ticker_fault(told: Ticker) -> str | None:
    option = is_option(told.instrument)
    reason = price_fault(told.mark, zero=option) or price_fault(told.index)
    if reason is None and option:
        reason = _option_fault(told)
    elif reason is None and is_perpetual(told.instrument) and funding_of(told) is None:
        reason = missing("current_funding")
    return reason or touch_fault(told.bid, told.bid_size, told.ask, told.ask_size)


def _option_fault(told: Ticker) -> str | None:
    if told.mark_iv is None or told.underlying_price is None:
        return missing("mark_iv" if told.mark_iv is None else "underlying_price")
    if not 0.0 < told.mark_iv < _HIGHEST_VOL:
        return f"mark_iv must be positive, was {told.mark_iv}"
    if not 0.0 < told.underlying_price < 1e15:  # noqa: PLR2004
        return f"underlying_price must be positive, was {told.underlying_price}"
    return None


def _change_fault(told: BookChange) -> str | None:
    if told.type == "change" and told.previous is None:
        return missing("prev_change_id")
    for action, price, amount in (*told.bids, *told.asks):
        if reason := price_fault(price) or amount_fault(amount, zero=action == "delete"):
            return reason
    if told.type == "change":
        return None
    return levels_fault((each[1:] for each in told.bids), (each[1:] for each in told.asks))


def _prints_fault(prints: tuple[Print, ...]) -> str | None:
    for told in prints:
        if reason := price_fault(told.price) or amount_fault(told.amount):
            return reason
    return None


# --- translation ------------------------------------------------------------


def quote(told: Ticker | Touch, ts_local: int) -> Quote:
    """Return the best bid and ask of an instrument."""
    bid, bid_size = side(told.bid, told.bid_size)
    ask, ask_size = side(told.ask, told.ask_size)
    instrument = instrument_id(told.instrument)
    return Quote(ts_local, ns(told.timestamp), instrument, bid, bid_size, ask, ask_size)


def mark(told: Ticker, ts_local: int) -> Mark | OptionMark:
    """Return the venue's mark, with what is behind it where the instrument is an option."""
    instrument, ts = instrument_id(told.instrument), ns(told.timestamp)
    if told.mark_iv is None or told.underlying_price is None:
        return Mark(ts_local, ts, instrument, told.mark)
    vol, delta = told.mark_iv / 100, None if told.greeks is None else told.greeks.delta
    return OptionMark(ts_local, ts, instrument, told.mark, vol, told.underlying_price, delta)


def index(told: Ticker | PriceIndex, ts_local: int) -> Index | None:
    """Return the index price of an underlying; None where it is not in US dollars."""
    ts = ns(told.timestamp)
    if isinstance(told, PriceIndex):
        if not priced_in_dollars(told.name):
            return None
        return Index(ts_local, ts, VENUE, told.name.partition("_")[0].upper(), told.price)
    family = told.instrument.partition("-")[0].lower()  # btc, btc_usdc
    if "_" in family and not priced_in_dollars(family):
        return None
    return Index(ts_local, ts, VENUE, coin(told.instrument), told.index)


def funding_of(told: Ticker) -> float | None:
    """Return the funding rate per 8 h in a ticker: the one charged now, else the last one."""
    return told.funding_8h if told.current_funding is None else told.current_funding


def funding(told: Ticker, ts_local: int) -> FundingRate | None:
    """Return the funding rate of a perpetual; None for any other instrument."""
    rate = funding_of(told)
    if rate is None or not is_perpetual(told.instrument):
        return None
    instrument = instrument_id(told.instrument)
    return FundingRate(ts_local, ns(told.timestamp), instrument, rate, FUNDING_INTERVAL, None)


def open_interest(told: Ticker, ts_local: int) -> OpenInterest | None:
    """Return how much of a perpetual or future all hold together; None where it tells nothing."""
    held = told.open_interest
    if held is None or not held.is_finite() or held <= 0 or is_option(told.instrument):
        return None
    return OpenInterest(ts_local, ns(told.timestamp), instrument_id(told.instrument), held)


def interest(told: Interest, name: str, ts_local: int) -> FundingRate:
    """Return the funding rate that a `perpetual` channel tells of the instrument it names."""
    instrument = instrument_id(name)
    return FundingRate(ts_local, ns(told.timestamp), instrument, told.rate, FUNDING_INTERVAL, None)


def trade(told: Print, ts_local: int) -> Trade:
    """Return a public trade, + when the taker bought; inverse futures: USD."""
    quantity = signed(told.amount, told.direction)
    instrument = instrument_id(told.instrument)
    return Trade(ts_local, ns(told.timestamp), instrument, told.price, quantity)
