"""Bybit: what differs there."""

from rebalancer.core.commands import TimeInForce
from rebalancer.core.instruments import Kind
from rebalancer.venues.budget import Rate
from rebalancer.venues.profile import (
    LOG,
    MATCHING,
    OTHER,
    UNIFIED,
    DeadMan,
    DeadManKind,
    Figures,
    Opening,
    Profile,
    Unit,
)

BYBIT = Profile(
    venue="bybit",
    finished=True,
    # A perpetual that settles in its coin is counted in USD; either way a contract is 1.
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
    dead_man=DeadMan(DeadManKind.SERVICE, arm="privatePostV5OrderDisconnectedCancelAll"),
    rates={MATCHING: Rate(5, 10), LOG: Rate(5, 15), OTHER: Rate(20, 50)},
    streams_positions=True,
    refuses_duplicates=True,
    spot_by_symbol=True,
    opening=Opening(codes=frozenset({"10016", "10019", "110066"})),
)
