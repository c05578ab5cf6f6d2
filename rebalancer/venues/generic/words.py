"""What ccxt's unified records mean: word → core events, for any venue.

Numbers are taken by their shortest text, so that a float of ccxt's becomes the
decimal that the venue wrote. Quantities are ccxt's `amount`: contracts on most
venues, see `profiles` for the others. Options are not translated: no unified
record holds a forward.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from rebalancer.core.events import (
    Ending,
    Event,
    Fill,
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
    *("cloid", "cliOrdId"),
)
_ENDINGS = {"closed": Ending.FILLED, "canceled": Ending.CANCELED, "expired": Ending.EXPIRED}


def number(value: Any) -> Decimal | None:
    """Return a number of ccxt's, whatever its type; None and NaN are unknown."""
    if value is None:
        return None
    found = value if isinstance(value, Decimal) else Decimal(str(value))
    return found if found.is_finite() else None


def events(word: Word, market: Mapping[str, Any], account: str, ts_local: int) -> Iterator[Event]:
    """Yield what a word tells; nothing where it lacks what an event needs.

    Args:
        word: A record as it was handled.
        market: ccxt's market of its symbol.
        account: Venue account, which names the venue of the instrument too.
        ts_local: ns.
    """
    instrument = f"{account}:{market['id']}"
    ts = stamp(word)
    match word.kind:
        case Kind.TICKER:
            yield from _prices(word.told, market, (ts_local, ts), instrument)
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


def depth(word: Word, market: Mapping[str, Any], account: str) -> Depth:
    """Return the best levels of a book."""
    bids, asks = (_levels(word.told[side]) for side in ("bids", "asks"))
    return Depth(f"{account}:{market['id']}", bids, asks)


def _levels(side: Any) -> tuple[tuple[Decimal, Decimal], ...]:
    return tuple((Decimal(str(each[0])), Decimal(str(each[1]))) for each in side[:DEPTH])


def _prices(
    told: Mapping[str, Any], market: Mapping[str, Any], when: tuple[int, int | None], name: str
) -> Iterator[Event]:
    if market.get("option"):
        return
    bid, ask = number(told.get("bid")), number(told.get("ask"))
    if bid is not None or ask is not None:
        sizes = number(told.get("bidVolume")), number(told.get("askVolume"))
        yield Quote(*when, name, bid, sizes[0], ask, sizes[1])
    mark, index = number(told.get("markPrice")), number(told.get("indexPrice"))
    if mark is not None:
        yield Mark(*when, name, mark)
    if index is not None:
        yield Index(*when, name.partition(":")[0], market["base"], index)


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
