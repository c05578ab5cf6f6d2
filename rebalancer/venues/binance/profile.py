"""Binance: what differs there, on each of its three venues.

Spot, USD-M and COIN-M are three accounts with hosts of their own; one key may open
all of them. A quantity is coins but on COIN-M, where it is contracts of 100 or 10
USD. A request names when it was signed and for how long it may travel
(`recvWindow`): what arrives later is refused. An order is found by our id for as
long as it is open, and for three days after its end even where it filled nothing.
"""

from collections.abc import Mapping
from dataclasses import replace

from rebalancer.core.commands import TimeInForce
from rebalancer.core.instruments import Kind
from rebalancer.ports import SECOND
from rebalancer.settings.models import Mode
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

MILLISECOND = 1_000_000  # ns
# Less than half of what the venue allows: 2,400 of weight a minute, of which an order's question
# is 1, an account 5 and a list of bookings 30; 300 orders in ten seconds.
_RATES = {MATCHING: Rate(5, 50), LOG: Rate(0.5, 6), OTHER: Rate(10, 100)}
# -1016: "This service is no longer available"; a maintenance says so in words too.
_OPENING = Opening(codes=frozenset({"-1016", "maintenance"}))

# What ccxt asks of coins and of lending, nobody needs who trades.
_OPTIONS: Mapping[str, object] = {"fetchMargins": False, "fetchCurrencies": False}

BINANCE_USDM = Profile(
    venue="binanceusdm",
    finished=True,
    options=_OPTIONS,
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
    lookups=("fapiPrivateGetOrder", "fapiPrivateGetUserTrades"),
    figures=Figures(
        call="fapiPrivateV3GetAccount",
        equity="marginBalance",
        balance="marginBalance",
        maintenance="maintMargin",
        cash=("walletBalance",),
    ),
    currencies=("USDT", "USDC"),
    currencies_in="assets",
    ledger=("fapiPrivateGetUserTrades", "fapiPrivateGetIncome"),
    dead_man=DeadMan(
        DeadManKind.COUNTDOWN,
        arm="fapiPrivatePostCountdownCancelAll",  # ccxt's unified call does not know it
        armed_by="countdownTime",
        named="symbol",
        timer="countdownTime",
        unit=MILLISECOND,
        window=60 * SECOND,
    ),
    rates=_RATES,
    modes=(Mode.PAPER, Mode.LIVE),  # ccxt dropped the futures testnet
    deadline="recvWindow",
    deadline_is_span=True,
    streams_positions=True,
    refuses_duplicates=True,
    opening=_OPENING,
)

BINANCE_COINM = replace(
    BINANCE_USDM,
    venue="binancecoinm",
    amounts={Kind.PERPETUAL: Unit.CONTRACT, Kind.FUTURE: Unit.CONTRACT},
    lookups=("dapiPrivateGetOrder", "dapiPrivateGetUserTrades"),
    figures=replace(BINANCE_USDM.figures, call="dapiPrivateGetAccount"),
    currencies=("BTC", "ETH"),
    ledger=("dapiPrivateGetUserTrades", "dapiPrivateGetIncome"),
    dead_man=replace(BINANCE_USDM.dead_man, arm="dapiPrivatePostCountdownCancelAll"),
)

BINANCE_SPOT = replace(
    BINANCE_USDM,
    venue="binance",
    # ccxt's spot class loads the futures too, which bear the names of the pairs
    options={**_OPTIONS, "fetchMarkets": {"types": ["spot"]}},
    amounts={Kind.SPOT: Unit.COIN},
    wire_flags={
        TimeInForce.IOC: {"timeInForce": "IOC"},
        TimeInForce.GTC: {"timeInForce": "GTC"},
        TimeInForce.POST_ONLY: {"type": "LIMIT_MAKER"},
    },
    reduce_only=("", False),  # nothing is margined
    lookups=("privateGetOrder", "privateGetMyTrades"),
    figures=Figures("privateGetAccount", "", "", "", cash=("free", "locked")),
    currencies=("BTC", "ETH", "USDT", "USDC"),
    currencies_in="balances",
    ledger=("privateGetMyTrades", "sapiGetCapitalDepositHisrec"),
    dead_man=DeadMan(DeadManKind.NONE),
    modes=(Mode.PAPER, Mode.TESTNET, Mode.LIVE),
)
