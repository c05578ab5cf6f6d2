"""Bybit: what differs there."""

from rebalancer.core.commands import TimeInForce
from rebalancer.core.instruments import Kind
from rebalancer.venues.budget import Rate
from rebalancer.venues.profile import (
    MATCHING,
    OTHER,
    UNIFIED,
    DeadMan,
    DeadManKind,
    Figures,
    Profile,
    Unit,
)

BYBIT = Profile(
    venue="bybit",
    finished=False,
    amounts={Kind.PERPETUAL: Unit.COIN, Kind.OPTION: Unit.COIN, Kind.FUTURE: Unit.USD},
    client_id="orderLinkId",
    client_id_length=36,
    order_flags=UNIFIED,
    wire_flags={
        TimeInForce.IOC: {"timeInForce": "IOC"},
        TimeInForce.GTC: {"timeInForce": "GTC"},
        TimeInForce.POST_ONLY: {"timeInForce": "PostOnly"},
    },
    reduce_only=("reduceOnly", True),
    lookups=("fetch_open_orders", "fetch_canceled_and_closed_orders"),
    figures=Figures(
        call="privateGetV5AccountWalletBalance",
        equity="totalEquity",
        balance="totalMarginBalance",
        maintenance="totalMaintenanceMargin",
        cash=("walletBalance",),
        per_currency=False,
        ratio="accountMMRate",
    ),
    currencies=("USDT", "USDC"),
    currencies_in="coin",
    ledger=("privateGetV5ExecutionList", "privateGetV5AccountTransactionLog"),
    dead_man=DeadMan(DeadManKind.SERVICE, arm="privatePostV5OrderDisconnectedCancelAll"),
    rates={MATCHING: Rate(5, 10), OTHER: Rate(10, 50)},
    streams_positions=True,
    refuses_duplicates=True,
)
