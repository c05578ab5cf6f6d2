"""Public payloads: instruments, prices, funding and books, as REST and channels tell them."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any
from zlib import crc32

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.exchange.black import delta as black_delta
from rebalancer.exchange.book import Level
from rebalancer.simulation.okx.desk import Desk, family, kind, ms
from rebalancer.simulation.okx.rest import told
from rebalancer.simulation.tape import Print, Seen

YEAR = 365 * 86_400 * 10**9  # ns
HOUR = 3_600 * 10**9  # ns
DEEP, CHECKED = 400, 25  # levels a side of a book, and of its checksum
MODELLED = (  # what a summary says of an option by the venue's model
    *("askVol", "bidVol", "delta", "deltaBS", "fwdPx", "gamma", "gammaBS", "markVol", "realVol"),
    *("theta", "thetaBS", "vega", "vegaBS", "volLv"),
)
INTEREST = "2500000"  # contracts that all hold together: nobody counts them here


def instrument(desk: Desk, contract: Instrument) -> dict[str, Any]:
    """Return the constants of a contract."""
    spot, option = contract.kind is Kind.SPOT, contract.kind is Kind.OPTION
    base, quote = family(contract).split("-")
    size, times = (Decimal(1), contract.size) if option else (contract.size, Decimal(1))
    row: dict[str, Any] = {
        "alias": "",
        "auctionEndTime": "",
        "baseCcy": base if spot else "",
        "category": "1",
        "contTdSwTime": "",
        "ctMult": "" if spot else told(times),
        "ctType": "" if spot or option else "inverse" if contract.inverse else "linear",
        "ctVal": "" if spot else told(size),
        "ctValCcy": "" if spot else base if option or not contract.inverse else "USD",
        "expTime": "" if contract.expiry is None else ms(contract.expiry),
        "futureSettlement": False,
        "instFamily": "" if spot else family(contract),
        "instId": contract.name,
        "instIdCode": list(desk.place.tape.seen).index(contract.id) + 10_000,
        "instType": kind(contract),
        "lever": "" if option else "10" if spot else "100",
        "listTime": ms(desk.place.opened - 24 * HOUR),
        "lotSz": told(contract.lot),
        "maxIcebergSz": "100000000.0000000000000000",
        "maxLmtAmt": "20000000",
        "maxLmtSz": "100000000",
        "maxMktAmt": "1000000" if spot else "",
        "maxMktSz": "30000",
        "maxPlatOILmt": "",
        "maxStopSz": "30000",
        "maxTriggerSz": "100000000.0000000000000000",
        "maxTwapSz": "100000000.0000000000000000",
        "minSz": told(contract.minimum),
        "openType": "",
        "optType": "" if not option else "C" if contract.sign > 0 else "P",
        "posLmtAmt": "",
        "posLmtPct": "",
        "preMktSwTime": "",
        "quoteCcy": quote if spot else "",
        "ruleType": "normal",
        "settleCcy": "" if spot else contract.settle,
        "state": "live" if contract.id in desk.place.active else "suspend",
        "stk": told(contract.strike),
        "tickSz": told(contract.tick),
        "tradeQuoteCcyList": [],
        "uly": "" if spot else family(contract),
    }
    return {**row, **desk.retold.get(contract.id, {})}


def mark_price(seen: Seen) -> dict[str, Any]:
    """Return the mark of an instrument."""
    contract = seen.instrument
    return {
        "instId": contract.name,
        "instType": kind(contract),
        "markPx": told(seen.mark),
        "ts": ms(seen.ts),
    }


def index_ticker(desk: Desk, name: str) -> dict[str, Any] | None:
    """Return an index by its name, e.g. BTC-USD; None where there is none."""
    price = desk.place.tape.indexes.get(name.partition("-")[0])
    if price is None:
        return None
    return {
        "instId": name,
        "idxPx": told(price),
        "high24h": told(price),
        "sodUtc0": told(price),
        "open24h": told(price),
        "low24h": told(price),
        "sodUtc8": told(price),
        "ts": ms(desk.now),
    }


def ticker(desk: Desk, seen: Seen) -> dict[str, Any]:
    """Return last price and best prices; what there is not is an empty text."""
    book, last = desk.place.book(seen.instrument.id), seen.prints[-1] if seen.prints else None
    bid, ask = (side[0] if side else (None, None) for side in (book.bids, book.asks))
    return {
        "instType": kind(seen.instrument),
        "instId": seen.instrument.name,
        "last": told(last.price) if last else "",
        "lastSz": told(abs(last.quantity)) if last else "",
        "askPx": told(ask[0]),
        "askSz": told(ask[1]),
        "bidPx": told(bid[0]),
        "bidSz": told(bid[1]),
        "open24h": told(seen.first),
        "high24h": told(seen.high),
        "low24h": told(seen.low),
        "volCcy24h": told(seen.volume),
        "vol24h": told(seen.volume),
        "sodUtc0": told(seen.first),
        "sodUtc8": told(seen.first),
        "ts": ms(seen.ts),
    }


def funding(desk: Desk, seen: Seen) -> dict[str, Any]:
    """Return the funding of a swap: the rate of this period, its end, and the end of the next."""
    interval = max(seen.interval, HOUR)
    due = (desk.now // interval + 1) * interval
    return {
        "formulaType": "withRate",
        "fundingRate": told(seen.rate),
        "fundingTime": ms(due),
        "impactValue": "",
        "instId": seen.instrument.name,
        "instType": "SWAP",
        "interestRate": "0.0001",
        "maxFundingRate": "0.00375",
        "method": "current_period",
        "minFundingRate": "-0.00375",
        "nextFundingRate": "",
        "nextFundingTime": ms(due + interval),
        "premium": "0",
        "prevFundingTime": ms(due - interval),
        "settFundingRate": told(seen.rate),
        "settState": "settled",
        "ts": ms(seen.ts),
    }


def open_interest(seen: Seen) -> dict[str, Any]:
    """Return how much of a contract is held."""
    return {
        "instId": seen.instrument.name,
        "instType": kind(seen.instrument),
        "oi": INTEREST,
        "oiCcy": told(Decimal(INTEREST) * seen.instrument.size),
        "oiUsd": INTEREST,
        "ts": ms(seen.ts),
    }


def summary(desk: Desk, seen: Seen) -> dict[str, Any] | None:
    """Return what the venue's model says of an option; None before it is marked.

    What it does not know of an option, another of the same family may still have.
    """
    contract, vol, forward = seen.instrument, seen.vol, seen.forward
    if seen.mark is None:
        return None
    if not vol or not forward:
        return {**dict.fromkeys(MODELLED, ""), **_named(contract, seen)}
    years = max((contract.expiry or 0) - desk.now, 10**9) / YEAR
    outright = black_delta(forward, float(contract.strike or 1), vol * years**0.5, contract.sign)
    return {
        **dict.fromkeys(MODELLED, "0"),
        **_named(contract, seen),
        "askVol": told(round(vol, 4)),
        "bidVol": told(round(vol, 4)),
        "delta": told(round(outright - float(seen.mark), 8)),
        "deltaBS": told(round(outright, 8)),
        "fwdPx": told(round(forward, 4)),
        "markVol": told(vol),
        "volLv": told(round(vol, 4)),
    }


def _named(contract: Instrument, seen: Seen) -> dict[str, str]:
    return {
        "instId": contract.name,
        "instType": "OPTION",
        "lever": "",
        "ts": ms(seen.ts),
        "uly": family(contract),
    }


def trade(seen: Seen, printed: Print) -> dict[str, Any]:
    """Return one public trade."""
    return {
        "instId": seen.instrument.name,
        "tradeId": str(printed.number),
        "px": told(printed.price),
        "sz": told(abs(printed.quantity)),
        "side": "buy" if printed.quantity > 0 else "sell",
        "ts": ms(printed.ts),
        "count": "1",
    }


# --- books --------------------------------------------------------------------


def levels(side: Iterable[Level], depth: int) -> list[list[str]]:
    """Return the best levels of one side: price, contracts, a zero, orders."""
    return [[told(price), told(size), "0", "1"] for price, size in list(side)[:depth]]


def touch(desk: Desk, seen: Seen) -> dict[str, Any]:
    """Return best bid and ask."""
    book = desk.place.book(seen.instrument.id)
    return {
        "asks": levels(book.asks, 1),
        "bids": levels(book.bids, 1),
        "ts": ms(seen.ts),
        "seqId": seen.change,
    }


def checksum(bids: Sequence[Sequence[str]], asks: Sequence[Sequence[str]]) -> int:
    """Return the CRC32 of the best 25 levels, bid and ask in turn, as a signed number."""
    words: list[str] = []
    for place in range(CHECKED):
        for side in (bids, asks):
            if place < len(side):
                words += [side[place][0], side[place][1]]
    value = crc32(":".join(words).encode())
    return value - 2**32 if value >= 2**31 else value
