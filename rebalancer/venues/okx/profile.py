"""OKX: what differs there."""

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

OKX = Profile(
    venue="okx",
    finished=False,
    amounts={
        Kind.PERPETUAL: Unit.CONTRACT,
        Kind.FUTURE: Unit.CONTRACT,
        Kind.OPTION: Unit.CONTRACT,  # of ctVal x ctMult; ccxt's contractSize leaves ctMult out
    },
    client_id="clOrdId",
    client_id_length=32,
    order_flags=UNIFIED,
    wire_flags={
        TimeInForce.IOC: {"ordType": "ioc"},
        TimeInForce.GTC: {"ordType": "limit"},
        TimeInForce.POST_ONLY: {"ordType": "post_only"},
    },
    reduce_only=("reduceOnly", True),
    lookups=("fetch_order_with_client_order_id",),
    figures=Figures(
        call="privateGetAccountBalance",
        equity="eq",
        balance="adjEq",
        maintenance="mmr",
        cash=("cashBal",),
        ratio="mgnRatio",  # the other way round: 41 is safe
    ),
    currencies=("USDT", "USDC", "BTC", "ETH"),
    currencies_in="details",
    ledger=("privateGetTradeFills", "privateGetAccountBills"),
    dead_man=DeadMan(
        DeadManKind.COUNTDOWN,
        arm="privatePostTradeCancelAllAfter",
        params={"timeOut": "60"},
        armed_by="triggerTime",
        within=("data", 0),
        timer="timeOut",
    ),
    rates={MATCHING: Rate(20, 40), OTHER: Rate(5, 10)},
    streams_positions=True,
    refuses_duplicates=True,
)
