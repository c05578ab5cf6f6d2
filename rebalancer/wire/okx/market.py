"""OKX's public market data: typed messages, when to believe them, and their core events.

Prices and amounts come from the number text, never through a float; rates and
vols are guesses of the venue's model and stay floats. Vols are fractions. The
price of an option is in coin; its vol and forward are told by another channel
(`opt-summary`) than its mark, and so `option_mark` needs both. The `delta` of
that channel is premium-adjusted; Black-Scholes is its `deltaBS`.
https://www.okx.com/docs-v5/en/#public-data-websocket
"""

from decimal import Decimal
from typing import TypeAlias

import msgspec

from rebalancer.core.events import FundingRate, Index, Mark, OptionMark, Quote, Trade
from rebalancer.core.figures import OpenInterest
from rebalancer.wire.okx.values import (
    VENUE,
    Level,
    Millis,
    Name,
    Sequence,
    Side,
    amount_fault,
    coin,
    instrument_id,
    is_option,
    levels_fault,
    ns,
    number,
    price_fault,
    priced_in_dollars,
    signed,
    touch_fault,
)

_HIGHEST_VOL = 1_000.0  # per year, as a fraction
_DEAREST = 1e15  # USD per coin: no forward comes near


class Touch(msgspec.Struct, frozen=True, gc=False):
    """Best bid and ask: `bbo-tbt`, told whenever either changes; a side may be empty."""

    ts: Millis
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    sequence: Sequence | None = msgspec.field(name="seqId", default=None)


class BookChange(msgspec.Struct, frozen=True, gc=False):
    """A whole book or what changed in it: `books`; chained by sequence numbers."""

    ts: Millis
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    sequence: Sequence | None = msgspec.field(name="seqId", default=None)
    previous: Sequence | None = msgspec.field(name="prevSeqId", default=None)
    checksum: int | None = None  # CRC32 of the best 25 levels, as a signed number


class Ticker(msgspec.Struct, frozen=True, gc=False):
    """Last price and best prices: `tickers`; an empty text is an empty side."""

    ts: Millis
    instrument: Name = msgspec.field(name="instId")
    last: str = ""
    bid: str = msgspec.field(name="bidPx", default="")
    bid_size: str = msgspec.field(name="bidSz", default="")
    ask: str = msgspec.field(name="askPx", default="")
    ask_size: str = msgspec.field(name="askSz", default="")


class Print(msgspec.Struct, frozen=True, gc=False):
    """Public trades of one taker at one price: `trades`."""

    ts: Millis
    instrument: Name = msgspec.field(name="instId")
    trade: str = msgspec.field(name="tradeId")
    price: Decimal = msgspec.field(name="px")
    amount: Decimal = msgspec.field(name="sz")
    side: Side  # of the taker


class MarkPrice(msgspec.Struct, frozen=True, gc=False):
    """The venue's mark: `mark-price`; of an option in coin."""

    ts: Millis
    instrument: Name = msgspec.field(name="instId")
    price: Decimal = msgspec.field(name="markPx")


class IndexTicker(msgspec.Struct, frozen=True, gc=False):
    """An index price: `index-tickers`."""

    ts: Millis
    name: Name = msgspec.field(name="instId")  # e.g. BTC-USD
    price: Decimal = msgspec.field(name="idxPx")


class Funding(msgspec.Struct, frozen=True, gc=False):
    """The funding of a swap: `funding-rate`; how far apart its times are differs by instrument."""

    instrument: Name = msgspec.field(name="instId")
    rate: float = msgspec.field(name="fundingRate")  # of the period that is running
    due: Millis = msgspec.field(name="fundingTime")  # at its end
    following: Millis = msgspec.field(name="nextFundingTime")  # the end of the one after it
    ts: Millis | None = None


class Interest(msgspec.Struct, frozen=True, gc=False):
    """How much of a contract all hold together: `open-interest`."""

    ts: Millis
    instrument: Name = msgspec.field(name="instId")
    contracts: Decimal = msgspec.field(name="oi")


class Summary(msgspec.Struct, frozen=True, gc=False):
    """What the venue's model says of an option: one row of `opt-summary`."""

    ts: Millis
    instrument: Name = msgspec.field(name="instId")
    vol: float = msgspec.field(name="markVol")  # per year, 0.65 is 65 %
    forward: float = msgspec.field(name="fwdPx")  # USD per coin, for the option's expiry
    adjusted_delta: str = msgspec.field(name="delta", default="")  # less the premium, in coin
    delta: str = msgspec.field(name="deltaBS", default="")  # Black-Scholes


Row: TypeAlias = (
    Touch | BookChange | Ticker | Print | MarkPrice | IndexTicker | Funding | Interest | Summary
)


# --- belief -----------------------------------------------------------------


def fault(row: Row, *, whole: bool = True) -> str | None:
    """Return why a row cannot be believed, or None; `whole`: levels are all that there are."""
    match row:
        case Touch() | BookChange():
            return levels_fault(row.bids, row.asks, gone=not whole)
        case Ticker():
            return _ticker_fault(row)
        case Print():
            return price_fault(row.price) or amount_fault(row.amount)
        case MarkPrice():
            return price_fault(row.price, zero=is_option(row.instrument))
        case IndexTicker():
            return price_fault(row.price)
        case Funding():
            return _funding_fault(row)
        case Interest():
            return amount_fault(row.contracts, zero=True)
        case Summary():
            return _summary_fault(row)


def _ticker_fault(told: Ticker) -> str | None:
    bid, ask = number(told.bid), number(told.ask)
    for price, size in ((bid, number(told.bid_size)), (ask, number(told.ask_size))):
        if price and (reason := price_fault(price) or amount_fault(size or Decimal(0))):
            return reason
    return touch_fault(bid or None, ask or None)


def _funding_fault(told: Funding) -> str | None:
    if not -1.0 < told.rate < 1.0:
        return f"fundingRate must be a fraction, was {told.rate}"
    if told.following <= told.due:
        return f"nextFundingTime must be after {told.due}, was {told.following}"
    return None


def _summary_fault(told: Summary) -> str | None:
    if not 0.0 < told.vol < _HIGHEST_VOL:
        return f"markVol must be positive, was {told.vol}"
    if not 0.0 < told.forward < _DEAREST:
        return f"fwdPx must be positive, was {told.forward}"
    return None


# --- translation ------------------------------------------------------------


def quote(told: Touch, name: str, ts_local: int) -> Quote:
    """Return the best bid and ask of an instrument, which only the channel names."""
    bid = told.bids[0][:2] if told.bids else (None, None)
    ask = told.asks[0][:2] if told.asks else (None, None)
    return Quote(ts_local, ns(told.ts), instrument_id(name), *bid, *ask)


def touch(told: Ticker) -> tuple[Decimal | None, Decimal | None]:
    """Return the best prices in a ticker."""
    return number(told.bid) or None, number(told.ask) or None


def mark(told: MarkPrice, ts_local: int) -> Mark:
    """Return the mark of what is no option."""
    return Mark(ts_local, ns(told.ts), instrument_id(told.instrument), told.price)


def option_mark(told: MarkPrice, summary: Summary, ts_local: int) -> OptionMark:
    """Return the mark of an option with what is behind it, as old as the older of the two."""
    ts = ns(min(told.ts, summary.ts))
    instrument = instrument_id(told.instrument)
    delta = float(summary.delta) if summary.delta else None
    return OptionMark(ts_local, ts, instrument, told.price, summary.vol, summary.forward, delta)


def index(told: IndexTicker, ts_local: int) -> Index | None:
    """Return the index price of an underlying; None where it is not in US dollars."""
    if not priced_in_dollars(told.name):
        return None
    return Index(ts_local, ns(told.ts), VENUE, coin(told.name), told.price)


def funding(told: Funding, ts_local: int) -> FundingRate:
    """Return the rate of the period that is running, with its own length."""
    ts = None if told.ts is None else ns(told.ts)
    instrument, interval = instrument_id(told.instrument), ns(told.following - told.due)
    return FundingRate(ts_local, ts, instrument, told.rate, interval, ns(told.due))


def open_interest(told: Interest, ts_local: int) -> OpenInterest | None:
    """Return how much of a contract all hold together; None where it is nothing."""
    if not told.contracts:
        return None
    return OpenInterest(ts_local, ns(told.ts), instrument_id(told.instrument), told.contracts)


def trade(told: Print, ts_local: int) -> Trade:
    """Return a public trade, contracts, + when the taker bought."""
    quantity = signed(told.amount, told.side)
    return Trade(ts_local, ns(told.ts), instrument_id(told.instrument), told.price, quantity)
