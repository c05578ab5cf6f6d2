"""Public payloads: instruments, tickers and books, as `/v5/market` and topics tell them."""

from decimal import Decimal
from typing import Any

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.exchange.black import delta
from rebalancer.simulation.bybit.desk import Desk, milliseconds, symbol_of
from rebalancer.simulation.bybit.envelope import plain
from rebalancer.simulation.tape import Seen

DAY = 86_400 * 10**9  # ns
HOUR, MINUTE = 3_600 * 10**9, 60 * 10**9  # ns
YEAR = 365 * DAY  # ns
MANY = Decimal(1_000_000)


def instrument(desk: Desk, contract: Instrument) -> dict[str, Any]:
    """Return the constants of a contract."""
    active = contract.id in desk.place.active
    told: dict[str, Any] = {
        "symbol": symbol_of(contract),
        "status": "Trading" if active else "Closed",
        "baseCoin": contract.underlying,
        "quoteCoin": contract.settle,
    }
    if contract.kind is Kind.SPOT:
        lots = {"basePrecision": contract.lot, "quotePrecision": Decimal("0.00000001")}
        more = {"minOrderQty": contract.minimum, "maxOrderQty": MANY, "minOrderAmt": Decimal(1)}
        return told | {
            "marginTrading": "utaOnly",
            "lotSizeFilter": lots | more | {"maxOrderAmt": MANY},
            "priceFilter": {"tickSize": contract.tick},
        }
    told |= {
        "settleCoin": contract.settle,
        "launchTime": milliseconds(desk.place.opened - DAY),
        "deliveryTime": milliseconds(contract.expiry) if contract.expiry else "0",
        "deliveryFeeRate": "0.00015" if contract.kind is Kind.OPTION else "",
        "priceFilter": {"minPrice": contract.tick, "maxPrice": MANY, "tickSize": contract.tick},
        "lotSizeFilter": {
            "maxOrderQty": MANY,
            "minOrderQty": contract.minimum,
            "qtyStep": contract.lot,
        },
    }
    if contract.kind is Kind.OPTION:
        return told | {"optionsType": "Call" if contract.sign > 0 else "Put"}
    return told | _straight(desk, contract)


def _straight(desk: Desk, contract: Instrument) -> dict[str, Any]:
    """Return what only perpetuals and futures have."""
    family = "Perpetual" if contract.kind is Kind.PERPETUAL else "Futures"
    interval = desk.place.tape.seen[contract.id].interval
    return {
        "quoteCoin": "USD" if contract.inverse else contract.settle,
        "contractType": f"{'Inverse' if contract.inverse else 'Linear'}{family}",
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
        "unifiedMarginTrade": True,
        "fundingInterval": interval // MINUTE if interval >= MINUTE else 480,
    }


def ticker(desk: Desk, seen: Seen) -> dict[str, Any]:
    """Return the whole ticker of an instrument, every number a text."""
    contract, book = seen.instrument, desk.place.book(seen.instrument.id)
    bid, ask = (side[0] if side else (None, None) for side in (book.bids, book.asks))
    index = desk.place.tape.index_of(contract)
    told: dict[str, Any] = {"symbol": symbol_of(contract), "lastPrice": _text(seen.last)}
    if contract.kind is Kind.SPOT:
        return told | {"usdIndexPrice": _text(index)}
    told |= {"markPrice": _text(seen.mark), "indexPrice": _text(index)}
    if contract.kind is Kind.OPTION:
        touch = {"bidPrice": bid[0], "bidSize": bid[1], "askPrice": ask[0], "askSize": ask[1]}
        shown = {name: "0" if each is None else plain(each) for name, each in touch.items()}
        return told | shown | _option(desk, seen)
    told |= {
        "bid1Price": _text(bid[0]),
        "bid1Size": _text(bid[1]),
        "ask1Price": _text(ask[0]),
        "ask1Size": _text(ask[1]),
        "openInterest": "68744.761",
        "fundingRate": "",
        "nextFundingTime": "",
    }
    return told | (_funding(desk, seen) if contract.kind is Kind.PERPETUAL else {})


def _text(number: Decimal | None) -> str:
    return "" if number is None else plain(number)


def _funding(desk: Desk, seen: Seen) -> dict[str, Any]:
    if seen.interval < MINUTE:
        return {}
    due = (desk.now // seen.interval + 1) * seen.interval
    return {
        "fundingRate": plain(Decimal(repr(seen.rate))),
        "fundingIntervalHour": plain(Decimal(seen.interval) / HOUR),
        "nextFundingTime": milliseconds(due),
    }


def _option(desk: Desk, seen: Seen) -> dict[str, Any]:
    contract, forward, vol = seen.instrument, seen.forward or 0.0, seen.vol or 0.0
    told: dict[str, Any] = {
        "markPriceIv": f"{vol:.4f}",
        "underlyingPrice": f"{forward:.8f}",
        "openInterest": "49.85",
        "gamma": "0.00001",
        "vega": "10",
        "theta": "-10",
    }
    if not forward or not vol:
        return told
    years = max((contract.expiry or 0) - desk.now, 10**9) / YEAR
    strike = float(contract.strike or 0)
    return told | {"delta": f"{delta(forward, strike, vol * years**0.5, contract.sign):.8f}"}


def rest_ticker(desk: Desk, seen: Seen) -> dict[str, Any]:
    """Return a ticker as REST tells it: an option's touch and vol have other names there."""
    told = ticker(desk, seen)
    if seen.instrument.kind is not Kind.OPTION:
        return told
    other = {"bidPrice": "bid1Price", "bidSize": "bid1Size", "askPrice": "ask1Price"}
    other |= {"askSize": "ask1Size", "markPriceIv": "markIv"}
    return {other.get(name, name): each for name, each in told.items()}


def levels(desk: Desk, seen: Seen, depth: int) -> tuple[dict[str, str], dict[str, str]]:
    """Return price → size of bids and asks, as text."""
    book = desk.place.book(seen.instrument.id)
    bids, asks = (
        {plain(price): plain(size) for price, size in side[:depth]}
        for side in (book.bids, book.asks)
    )
    return bids, asks
