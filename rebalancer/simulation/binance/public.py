"""Public questions: what anybody may ask."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from rebalancer.exchange.book import Level
from rebalancer.settings.catalogue import LISTED, known
from rebalancer.simulation.accounts import PostingKind
from rebalancer.simulation.binance import shapes
from rebalancer.simulation.binance.desk import ZERO, Desk, next_stamp, pair, perpetual
from rebalancer.simulation.binance.text import milliseconds, number, whole, word
from rebalancer.simulation.tape import Seen

Params = Mapping[str, Any]
HOUR = 3_600 * 10**9  # ns


def _ping(*_: Any) -> Any:
    return {}


def _time(desk: Desk, _: Params) -> Any:
    return {"serverTime": milliseconds(desk.now)}


def _exchange(desk: Desk, params: Params) -> Any:
    wanted = params.get("symbol")
    if wanted is not None:
        desk.seen(params)
    others = (known(name) for name in LISTED if name.startswith(f"{desk.house.venue}:"))
    listed = {each.id: each for each in others if each is not None and each.id not in desk.delisted}
    listed |= {each.instrument.id: each.instrument for each in desk.listed()}
    chosen = [each for each in listed.values() if wanted in (None, each.name)]
    return {
        "timezone": "UTC",
        "serverTime": milliseconds(desk.now),
        "rateLimits": [],
        "exchangeFilters": [],
        "symbols": [shapes.contract(desk, each) for each in chosen],
    }


def levels(side: tuple[Level, ...], depth: int) -> list[list[str]]:
    """Return the best levels of one side: price and quantity."""
    return [[number(price), number(size)] for price, size in side[:depth]]


def _depth(desk: Desk, params: Params) -> Any:
    seen = desk.seen(params)
    book, limit = desk.place.book(seen.instrument.id), whole(params, "limit", 500)
    told: dict[str, Any] = {
        "lastUpdateId": seen.change,
        "bids": levels(tuple(book.bids), limit),
        "asks": levels(tuple(book.asks), limit),
    }
    if desk.house.spot:
        return told
    told |= {"E": milliseconds(desk.now), "T": milliseconds(seen.ts)}
    if desk.house.coins:
        told |= {"symbol": seen.instrument.name, "pair": pair(seen.instrument)}
    return told


def _touch(desk: Desk, params: Params) -> Any:
    seen = desk.seen(params)
    book = desk.place.book(seen.instrument.id)
    bid, ask = (_best(side) for side in (tuple(book.bids), tuple(book.asks)))
    return {
        "symbol": seen.instrument.name,
        "bidPrice": number(bid[0]),
        "bidQty": number(bid[1]),
        "askPrice": number(ask[0]),
        "askQty": number(ask[1]),
    }


def _best(side: tuple[Level, ...]) -> tuple[Decimal, Decimal]:
    return side[0] if side else (ZERO, ZERO)


def _premium(desk: Desk, params: Params) -> Any:
    seen = desk.seen(params)
    told = premium(desk, seen)
    return [told] if desk.house.coins else told


def premium(desk: Desk, seen: Seen) -> dict[str, Any]:
    """Return mark, index and funding of a contract."""
    contract = seen.instrument
    lasts = perpetual(contract)
    return {
        "symbol": contract.name,
        "pair": pair(contract),
        "markPrice": number(seen.mark or ZERO),
        "indexPrice": number(desk.place.tape.index_of(contract) or ZERO),
        "estimatedSettlePrice": number(desk.place.tape.index_of(contract) or ZERO),
        "lastFundingRate": rate(seen) if lasts else "",
        "interestRate": "0.00010000" if lasts else "",
        "nextFundingTime": milliseconds(next_stamp(seen, desk.now)) if lasts else 0,
        "time": milliseconds(desk.now),
    }


def rate(seen: Seen) -> str:
    """Return the funding rate that the next stamp charges."""
    return f"{seen.rate:.8f}"


def hours_of(desk: Desk, seen: Seen) -> int:
    """Return the hours between two stamps of funding."""
    told = desk.hours.get(seen.instrument.name)
    return max(seen.interval // HOUR, 1) if told is None else told


def _funding(desk: Desk, _: Params) -> Any:
    """Return the contracts whose funding is not of eight hours."""
    listed = [each for each in desk.listed() if perpetual(each.instrument) and each.interval > 1]
    return [
        {
            "symbol": each.instrument.name,
            "adjustedFundingRateCap": "0.02000000",
            "adjustedFundingRateFloor": "-0.02000000",
            "fundingIntervalHours": hours_of(desk, each),
            "disclaimer": False,
        }
        for each in listed
        if hours_of(desk, each) != 8
    ]


def _interest(desk: Desk, params: Params) -> Any:
    seen = desk.seen(params)
    return {
        "symbol": seen.instrument.name,
        "openInterest": "100000.000",
        "time": milliseconds(desk.now),
    }


def _deliveries(desk: Desk, params: Params) -> Any:
    """Return what the dated contracts of a pair ended at."""
    wanted = word(params, "pair")
    booked = [line for each in desk.place.statements.values() for line in each.postings]
    ended = {
        line.instrument.id: (line.instrument.expiry or line.ts, line.price)
        for line in booked
        if line.kind is PostingKind.DELIVERY and line.instrument is not None
    }
    return [
        {"deliveryTime": milliseconds(at), "deliveryPrice": number(price)}
        for name, (at, price) in ended.items()
        if price is not None and pair(desk.place.tape.instruments[name]) == wanted
    ]


def _system(desk: Desk, _: Params) -> Any:
    shut = desk.closed is not None and desk.closed.dark
    return {"status": int(shut), "msg": "system_maintenance" if shut else "normal"}


FUTURES: Mapping[str, Callable[[Desk, Params], Any]] = {
    "/v1/ping": _ping,
    "/v1/time": _time,
    "/v1/exchangeInfo": _exchange,
    "/v1/depth": _depth,
    "/v1/ticker/bookTicker": _touch,
    "/v1/premiumIndex": _premium,
    "/v1/fundingInfo": _funding,
    "/v1/openInterest": _interest,
}
SPOT: Mapping[str, Callable[[Desk, Params], Any]] = {
    "/v3/ping": _ping,
    "/v3/time": _time,
    "/v3/exchangeInfo": _exchange,
    "/v3/depth": _depth,
    "/v3/ticker/bookTicker": _touch,
}
ANYWHERE: Mapping[str, Callable[[Desk, Params], Any]] = {
    "/sapi/v1/system/status": _system,
    "/futures/data/delivery-price": _deliveries,
}
