"""Public payloads: instruments, tickers, books, trades, as `public/...` and channels tell them."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.errors import DataError
from rebalancer.exchange.book import Level
from rebalancer.exchange.fees import schedule_of
from rebalancer.exchange.terms import TradingRules
from rebalancer.simulation.deribit.desk import (
    Desk,
    index_name,
    kind,
    milliseconds,
    size,
    unit,
)
from rebalancer.simulation.deribit.greeks import greeks, implied, terms_of
from rebalancer.simulation.tape import Print, Seen

NEVER = 32_503_708_800_000  # ms: what a perpetual expires at
EIGHT_HOURS = 8 * 3_600 * 10**9  # ns
DAY = 86_400 * 10**9  # ns
ZERO = Decimal(0)
SUMMARY_MORE = (  # what a summary says of options, and of perpetuals
    *("mark_iv", "underlying_price", "underlying_index", "interest_rate"),
    *("current_funding", "funding_8h"),
)


def instrument(desk: Desk, contract: Instrument) -> dict[str, Any]:
    """Return the constants of a contract."""
    setup, names = desk.place.setup, list(desk.place.tape.seen)
    try:
        fees = schedule_of(setup.fees, contract)
        maker, taker = fees.maker, fees.taker
    except DataError:
        maker = taker = ZERO
    rules = setup.rules.get(contract.id, setup.rules.get(contract.kind, TradingRules()))
    option = contract.kind is Kind.OPTION
    quote = contract.settle if option or not contract.inverse else "USD"
    told: dict[str, Any] = {
        "price_index": index_name(contract),
        "kind": kind(contract),
        "instrument_name": contract.name,
        "max_leverage": 1 if option else 50,
        "maker_commission": maker,
        "taker_commission": taker,
        "instrument_type": "reversed" if contract.inverse else "linear",
        "expiration_timestamp": _expiry(contract),
        "creation_timestamp": milliseconds(desk.place.opened - DAY),
        "is_active": contract.id in desk.place.active,
        "tick_size": contract.tick,
        "contract_size": unit(contract),
        "instrument_id": 100_000 + names.index(contract.id),
        "min_trade_amount": size(contract, contract.minimum),
        "max_liquidation_commission": Decimal("0.0075"),
        "block_trade_commission": taker,
        "block_trade_min_trade_amount": 25 if option else 200_000,
        "block_trade_tick_size": Decimal("0.0001") if option else Decimal("0.01"),
        "settlement_currency": contract.settle,
        "settlement_period": _period(contract, desk.place.opened),
        "base_currency": contract.underlying,
        "counter_currency": "USD" if contract.inverse else contract.settle,
        "quote_currency": quote,
        "tick_size_steps": [
            {"above_price": floor, "tick_size": tick} for floor, tick in rules.tick_steps
        ],
        "rfq": False,
    }
    if option:
        told |= {
            "option_type": "call" if contract.sign > 0 else "put",
            "strike": contract.strike,
        }
    else:
        told |= {
            "future_type": told["instrument_type"],
            "max_non_default_leverage": 5,
        }
    return {**told, **desk.retold.get(contract.id, {})}


def _expiry(contract: Instrument) -> int:
    return NEVER if contract.expiry is None else milliseconds(contract.expiry)


def _period(contract: Instrument, now: int) -> str:
    """Return the settlement period by how long a contract still lives."""
    if contract.expiry is None:
        return "perpetual"
    days = (contract.expiry - now) / DAY
    return "day" if days < 3 else "week" if days < 22 else "month"


def ticker(desk: Desk, seen: Seen) -> dict[str, Any]:
    """Return the ticker of an instrument."""
    contract, book = seen.instrument, desk.place.book(seen.instrument.id)
    mark, index = seen.mark or ZERO, desk.place.tape.index_of(contract) or ZERO
    bid, ask = _touch(contract, book.bids), _touch(contract, book.asks)
    told: dict[str, Any] = {
        "timestamp": milliseconds(seen.ts),
        "state": "open" if contract.id in desk.place.active else "closed",
        "stats": _stats(seen),
        "settlement_price": seen.settlement if seen.settlement is not None else mark,
        "open_interest": 0,
        "min_price": _edge(contract, mark, Decimal("0.985")),
        "max_price": _edge(contract, mark, Decimal("1.015")),
        "mark_price": mark,
        "last_price": seen.last,
        "instrument_name": contract.name,
        "index_price": index,
        "estimated_delivery_price": desk.place.exchange.delivery_price(contract.id) or index
        if contract.expiry is not None
        else index,
        "best_bid_price": bid[0],
        "best_bid_amount": bid[1],
        "best_ask_price": ask[0],
        "best_ask_amount": ask[1],
    }
    if contract.kind is Kind.OPTION:
        told |= _option(desk, seen, (bid[0], ask[0]))
    elif contract.kind is Kind.PERPETUAL:
        told |= funding(seen)
    return told


def funding(seen: Seen) -> dict[str, float]:
    """Return the funding of a perpetual: now, over eight hours, and what it would be."""
    eight = seen.rate * EIGHT_HOURS / seen.interval
    return {
        "current_funding": round(eight, 8),
        "funding_8h": round(eight, 8),
        "interest_value": round(eight * 100, 12),
    }


def _option(desk: Desk, seen: Seen, touch: Sequence[Decimal]) -> dict[str, Any]:
    contract, vol = seen.instrument, seen.vol or 0.0
    forward = seen.forward or float(desk.place.tape.index_of(contract) or 1)
    terms, scale = terms_of(contract, forward, desk.now), forward if contract.inverse else 1.0
    ivs = [round(100 * implied(terms, float(each) * scale), 2) if each else 0.0 for each in touch]
    none = dict.fromkeys(("delta", "gamma", "vega", "theta", "rho"), 0.0)
    return {
        "underlying_price": round(forward, 4),
        "underlying_index": _underlying(desk, contract),
        "mark_iv": round(100 * vol, 2),
        "interest_rate": 0.0,
        "greeks": greeks(terms, vol) if vol else none,
        "bid_iv": ivs[0],
        "ask_iv": ivs[1],
    }


def _underlying(desk: Desk, contract: Instrument) -> str:
    """Return the future of an option's expiry, or the synthetic one where none is listed."""
    future = "-".join(contract.name.split("-")[:2])
    listed = f"{desk.place.setup.venue}:{future}" in desk.place.tape.seen
    return future if listed else f"SYN.{future}"


def _stats(seen: Seen) -> dict[str, Any]:
    change = None
    if seen.first and seen.last is not None:
        change = round(float((seen.last / seen.first - 1) * 100), 4)
    told = {
        "high": seen.high,
        "low": seen.low,
        "price_change": change,
        "volume": seen.volume,
        "volume_usd": seen.volume_usd,
    }
    if seen.instrument.kind is not Kind.OPTION:
        told["volume_notional"] = seen.volume_usd
    return told


def _touch(contract: Instrument, side: Sequence[Level]) -> tuple[Decimal, Decimal]:
    """Return price and amount of the best level, zeros where there is none."""
    return (side[0][0], size(contract, side[0][1])) if side else (ZERO, ZERO)


def _edge(contract: Instrument, mark: Decimal, factor: Decimal) -> Decimal:
    """Return a bound of what may be traded, on tick; of an option the venue's widest."""
    if contract.kind is Kind.OPTION:
        return contract.tick if factor < 1 else mark + Decimal("0.05")
    return mark * factor // contract.tick * contract.tick


def quote(desk: Desk, seen: Seen) -> dict[str, Any]:
    """Return best bid and ask."""
    book = desk.place.book(seen.instrument.id)
    bid, ask = _touch(seen.instrument, book.bids), _touch(seen.instrument, book.asks)
    return {
        "timestamp": milliseconds(seen.ts),
        "instrument_name": seen.instrument.name,
        "best_bid_price": bid[0],
        "best_bid_amount": bid[1],
        "best_ask_price": ask[0],
        "best_ask_amount": ask[1],
    }


def levels(contract: Instrument, side: Iterable[Level], depth: int) -> list[list[Decimal]]:
    """Return the best levels of one side: price and amount."""
    return [[price, size(contract, each)] for price, each in list(side)[:depth]]


def order_book(desk: Desk, seen: Seen, depth: int) -> dict[str, Any]:
    """Return ticker and depth in one, as `public/get_order_book` does."""
    book, contract = desk.place.book(seen.instrument.id), seen.instrument
    return {
        **ticker(desk, seen),
        "change_id": seen.change,
        "bids": levels(contract, book.bids, depth),
        "asks": levels(contract, book.asks, depth),
    }


def grouped_book(desk: Desk, seen: Seen, depth: int) -> dict[str, Any]:
    """Return the best levels, as the grouped channel does."""
    book, contract = desk.place.book(seen.instrument.id), seen.instrument
    return {
        "timestamp": milliseconds(seen.ts),
        "instrument_name": contract.name,
        "change_id": seen.change,
        "bids": levels(contract, book.bids, depth),
        "asks": levels(contract, book.asks, depth),
    }


def public_trade(contract: Instrument, told: Print) -> dict[str, Any]:
    """Return one public trade."""
    amount = size(contract, abs(told.quantity))
    trade = {
        "timestamp": milliseconds(told.ts),
        "price": told.price,
        "amount": amount,
        "direction": "buy" if told.quantity > 0 else "sell",
        "index_price": told.index or ZERO,
        "instrument_name": contract.name,
        "trade_seq": told.sequence,
        "mark_price": told.mark or ZERO,
        "tick_direction": told.direction,
        "contracts": amount / unit(contract),
        "trade_id": trade_id(contract, told.number),
    }
    if contract.kind is Kind.OPTION:
        trade["iv"] = round(100 * (told.vol or 0.0), 2)
    return trade


def trade_id(contract: Instrument, number: int) -> str:
    """Return Deribit's id of a trade."""
    return f"{contract.settle}-{number}"


def book_summary(desk: Desk, seen: Seen) -> Mapping[str, Any]:
    """Return the row of `public/get_book_summary_by_currency`."""
    full, contract = ticker(desk, seen), seen.instrument
    stats, bid, ask = full["stats"], full["best_bid_price"], full["best_ask_price"]
    told = {
        "instrument_name": contract.name,
        "base_currency": contract.underlying,
        "quote_currency": instrument(desk, contract)["quote_currency"],
        "creation_timestamp": milliseconds(desk.now),
        "bid_price": bid or None,
        "ask_price": ask or None,
        "mid_price": (bid + ask) / 2 if bid and ask else None,
        "mark_price": full["mark_price"],
        "last": full["last_price"],
        "high": stats["high"],
        "low": stats["low"],
        "price_change": stats["price_change"],
        "volume": stats["volume"],
        "volume_usd": stats["volume_usd"],
        "open_interest": full["open_interest"],
        "estimated_delivery_price": full["estimated_delivery_price"],
    }
    return told | {name: full[name] for name in SUMMARY_MORE if name in full}
