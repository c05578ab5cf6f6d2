"""Bybit: what differs there."""

from collections.abc import Mapping
from typing import Any

from rebalancer.core.commands import TimeInForce
from rebalancer.core.instruments import Kind
from rebalancer.ports import SECOND
from rebalancer.venues.budget import BANS, Rate
from rebalancer.venues.profile import (
    LOG,
    MATCHING,
    NOT_LISTED,
    OTHER,
    UNIFIED,
    DeadMan,
    DeadManKind,
    Figures,
    Listing,
    Opening,
    Profile,
    Unit,
)
from rebalancer.wire.bybit.values import category_of, symbol_of


def _asked(name: str) -> Mapping[str, str]:
    """Return what an instrument is asked after by."""
    return {"category": category_of(name), "symbol": symbol_of(name)}


def _read(answer: Mapping[str, Any]) -> Any:
    """Return the row of an instrument with what stands in the tables inside it beside its own."""
    told = answer.get("result")
    listed = told.get("list") if isinstance(told, Mapping) else None
    if not isinstance(listed, list):
        return None
    if not listed:
        return NOT_LISTED
    (row, *_) = listed
    if not isinstance(row, Mapping):
        return None
    inside = (each for each in row.values() if isinstance(each, Mapping))
    return {**{name: value for each in inside for name, value in each.items()}, **row}


BYBIT = Profile(
    venue="bybit",
    finished=True,
    # A perpetual that settles in its coin is counted in USD; either way a contract is 1.
    wire_amount="qty",
    wire_price="price",
    amounts={
        Kind.PERPETUAL: Unit.COIN,
        Kind.FUTURE: Unit.COIN,
        Kind.OPTION: Unit.COIN,
        Kind.SPOT: Unit.COIN,
    },
    client_id="orderLinkId",
    client_id_length=36,
    order_flags=UNIFIED,
    wire_flags={
        TimeInForce.IOC: {"timeInForce": "IOC"},
        TimeInForce.GTC: {"timeInForce": "GTC"},
        TimeInForce.POST_ONLY: {"timeInForce": "PostOnly"},
    },
    reduce_only=("reduceOnly", True),
    lookups=(
        "privateGetV5OrderRealtime",
        "privateGetV5OrderHistory",
        "privateGetV5ExecutionList",
    ),
    figures=Figures(
        call="privateGetV5AccountWalletBalance",
        equity="totalEquity",
        balance="totalMarginBalance",
        maintenance="totalMaintenanceMargin",
        cash=("walletBalance",),
        per_currency=False,
        ratio="accountMMRate",
    ),
    currencies=("USDT", "USDC"),  # linear contracts are listed by what they settle in
    currencies_in="coin",
    ledger=("privateGetV5ExecutionList", "privateGetV5AccountTransactionLog"),
    dead_man=DeadMan(
        DeadManKind.SERVICE,
        arm="privatePostV5OrderDisconnectedCancelAll",
        read="privateGetV5AccountQueryDcpInfo",
        unit=SECOND,
        window=30 * SECOND,
    ),
    rates={MATCHING: Rate(5, 10), LOG: Rate(5, 15), OTHER: Rate(20, 50)},
    # /docs/v5/rate-limit: after "403, access too frequent" ten minutes without a request.
    bans={**BANS, 403: 600 * SECOND},
    window=2_000,
    streams_positions=True,
    refuses_duplicates=True,
    spot_by_symbol=True,
    opening=Opening(codes=frozenset({"10016", "10019", "110066"})),
    listing=Listing(
        call="publicGetV5MarketInstrumentsInfo",
        name="symbol",
        state="status",
        open=frozenset({"Trading"}),
        grave={
            "kind": "contractType",
            "settle currency": "settleCoin",
            "base currency": "baseCoin",
            "quote currency": "quoteCoin",
            "expiry": "deliveryTime",  # of a perpetual: when it will be delisted
            "option type": "optionsType",
        },
        steps={"tick": "tickSize", "step": "qtyStep", "minimum": "minOrderQty"},
        unknown=frozenset({"10001", "10029", "170121"}),
        denied=frozenset({"10029", "110074", "170121"}),
        asks=_asked,
        read=_read,
    ),
)
