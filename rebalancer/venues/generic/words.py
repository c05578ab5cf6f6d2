"""What ccxt's unified records mean: word → core events, for any venue.

Numbers are taken by their shortest text, so that a float of ccxt's becomes the
decimal that the venue wrote. Quantities are ccxt's `amount`: contracts on most
venues, see `profiles` for the others. Options are not translated: no unified
record holds a forward.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rebalancer.core.events import (
    Ending,
    Event,
    Fill,
    FundingRate,
    Index,
    Mark,
    OrderAccepted,
    OrderEnded,
    OrderRejected,
    Quote,
    Trade,
)
from rebalancer.venues.generic.tap import Kind, Word
from rebalancer.venues.paper import Depth

MILLISECOND = 1_000_000  # ns
DEPTH = 20  # levels a side
# Where venues repeat the client order id in a raw fill or order.
_LABELS = (
    *("label", "c", "orderLinkId", "clOrdId", "clientOrderId", "clientOid", "text"),
    *("cloid", "cliOrdId", "cli_ord_id"),
)
BOOK, TICKER = "book", "ticker"


def _id(market: Mapping[str, Any]) -> str:
    return str(market["id"])


@dataclass(frozen=True, slots=True)
class Dialect:
    """What differs in a venue's words; paths go through a ticker by dots."""

    name: Callable[[Mapping[str, Any]], str] = _id  # of a market, as our ids have it
    quotes: str = TICKER  # what tells best bid and ask; a ticker's may be none that anybody offers
    mark: str = "markPrice"
    index: str = "indexPrice"
    funding: str = ""  # fraction of notional per interval; empty: not told
    interval: int = 0  # ns
    next: str = ""  # ms; empty: at whole intervals
    time: str = ""  # ms; empty: as ccxt tells it


PLAIN = Dialect()
_ENDINGS = {"closed": Ending.FILLED, "canceled": Ending.CANCELED, "expired": Ending.EXPIRED}


def number(value: Any) -> Decimal | None:
    """Return a number of ccxt's, whatever its type; None and NaN are unknown."""
    if value is None:
        return None
    found = value if isinstance(value, Decimal) else Decimal(str(value))
    return found if found.is_finite() else None


def events(
    word: Word,
    market: Mapping[str, Any],
    account: str,
    ts_local: int,
    dialect: Dialect = PLAIN,
) -> Iterator[Event]:
    """Yield what a word tells; nothing where it lacks what an event needs.

    Args:
        word: A record as it was handled.
        market: ccxt's market of its symbol.
        account: Venue account, which names the venue of the instrument too.
        ts_local: ns.
        dialect: What differs in the venue's words.
    """
    instrument = f"{account}:{dialect.name(market)}"
    ts = stamp(word)
    match word.kind:
        case Kind.TICKER:
            told = number(_at(word.told, dialect.time)) if dialect.time else None
            ts = ts if told is None else int(told) * MILLISECOND
            yield from _prices(word.told, market, (ts_local, ts), instrument, dialect)
        case Kind.TRADE:
            price, quantity = number(word.told.get("price")), _quantity(word.told, "amount")
            if price is not None and quantity:
                yield Trade(ts_local, ts, instrument, price, quantity)
        case Kind.FILL:
            yield from _fill(word.told, account, instrument, (ts_local, ts))
        case Kind.ORDER:
            yield from _order(word.told, (ts_local, ts))
        case Kind.BOOK:
            return


def stamp(word: Word) -> int | None:
    """Return the venue time of a word, ns; None where it has none."""
    told = word.told.get("timestamp")
    return None if told is None else int(told) * MILLISECOND


def depth(word: Word, market: Mapping[str, Any], account: str, dialect: Dialect = PLAIN) -> Depth:
    """Return the best levels of a book."""
    bids, asks = (_levels(word.told[side]) for side in ("bids", "asks"))
    return Depth(f"{account}:{dialect.name(market)}", bids, asks)


def _at(told: Any, path: str) -> Any:
    """Return what stands at a path; None where it does not."""
    for part in path.split("."):
        told = told.get(part) if isinstance(told, Mapping) else None
    return told


def _levels(side: Any) -> tuple[tuple[Decimal, Decimal], ...]:
    return tuple((Decimal(str(each[0])), Decimal(str(each[1]))) for each in side[:DEPTH])


def _prices(
    told: Mapping[str, Any],
    market: Mapping[str, Any],
    when: tuple[int, int | None],
    name: str,
    dialect: Dialect,
) -> Iterator[Event]:
    if market.get("option"):
        return
    bid, ask = number(told.get("bid")), number(told.get("ask"))
    if dialect.quotes == TICKER and (bid is not None or ask is not None):
        sizes = number(told.get("bidVolume")), number(told.get("askVolume"))
        yield Quote(*when, name, bid, sizes[0], ask, sizes[1])
    mark, index = number(_at(told, dialect.mark)), number(_at(told, dialect.index))
    if mark is not None:
        yield Mark(*when, name, mark)
    if index is not None:
        yield Index(*when, name.partition(":")[0], market["base"], index)
    rate = number(_at(told, dialect.funding)) if dialect.funding else None
    if rate is not None:
        due = number(_at(told, dialect.next)) if dialect.next else None
        whole = (when[0] // dialect.interval + 1) * dialect.interval
        next_ts = whole if due is None else int(due) * MILLISECOND
        yield FundingRate(*when, name, float(rate), dialect.interval, next_ts)


def _quantity(told: Mapping[str, Any], field: str) -> Decimal | None:
    amount = number(told.get(field))
    return -amount if amount is not None and told.get("side") == "sell" else amount


def label(told: Mapping[str, Any]) -> str | None:
    """Return the client order id of a fill or an order, wherever the venue put it."""
    raw = told.get("info")
    info = raw if isinstance(raw, Mapping) else {}
    found = (told.get("clientOrderId"), *(info.get(name) for name in _LABELS))
    return next((str(each) for each in found if each), None)


def _fill(
    told: Mapping[str, Any], account: str, instrument: str, when: tuple[int, int | None]
) -> Iterator[Event]:
    price, quantity = number(told.get("price")), _quantity(told, "amount")
    if price is None or not quantity or not told.get("id"):
        return
    fee = told.get("fee") or {}
    yield Fill(
        *when,
        account=account,
        instrument=instrument,
        trade_id=str(told["id"]),
        client_order_id=label(told),
        quantity=quantity,
        price=price,
        fee=number(fee.get("cost")) or Decimal(0),
        fee_currency=str(fee.get("currency") or ""),
    )


def _order(told: Mapping[str, Any], when: tuple[int, int | None]) -> Iterator[Event]:
    venue_id = str(told.get("id") or "")
    name, status = label(told) or venue_id, told.get("status")
    if status == "open":
        yield OrderAccepted(*when, name, venue_id)
    elif status == "rejected":
        yield OrderRejected(*when, name, "rejected")
    elif status in _ENDINGS:
        yield OrderEnded(*when, name, _ENDINGS[status], _quantity(told, "filled") or Decimal(0))
