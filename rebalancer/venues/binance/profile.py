"""Binance: what differs there."""

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

BINANCE_USDM = Profile(
    venue="binanceusdm",
    finished=False,
    amounts={Kind.PERPETUAL: Unit.COIN, Kind.FUTURE: Unit.COIN},
    client_id="newClientOrderId",
    client_id_length=36,
    order_flags=UNIFIED,
    wire_flags={
        TimeInForce.IOC: {"timeInForce": "IOC"},
        TimeInForce.GTC: {"timeInForce": "GTC"},
        TimeInForce.POST_ONLY: {"timeInForce": "GTX"},
    },
    reduce_only=("reduceOnly", "true"),  # one-way mode only
    lookups=("fetch_order_with_client_order_id",),
    figures=Figures(
        call="fapiPrivateV3GetAccount",
        equity="totalMarginBalance",
        balance="totalMarginBalance",
        maintenance="totalMaintMargin",
        cash=("walletBalance",),
        per_currency=False,
    ),
    currencies=("USDT", "USDC"),
    currencies_in="assets",
    ledger=("fapiPrivateGetUserTrades", "fapiPrivateGetIncome"),
    dead_man=DeadMan(
        DeadManKind.COUNTDOWN,
        arm="fapiPrivatePostCountdownCancelAll",  # ccxt's unified call does not know it
        params={"countdownTime": 60_000},
        armed_by="countdownTime",
        named="symbol",
        timer="countdownTime",
    ),
    rates={MATCHING: Rate(5, 50), OTHER: Rate(10, 100)},  # half of what the venue allows
    streams_positions=True,
    refuses_duplicates=True,
)
