"""Binance: what differs there, on each of its three venues.

Spot, USD-M and COIN-M are three accounts with hosts of their own; one key may open
all of them. A quantity is coins but on COIN-M, where it is contracts of 100 or 10
USD. A request names when it was signed and for how long it may travel
(`recvWindow`): what arrives later is refused. An order is found by our id for as
long as it is open, and for three days after its end even where it filled nothing.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

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
    Listing,
    Opening,
    Profile,
    Unit,
)

MILLISECOND = 1_000_000  # ns
# In weight (`weights`). A minute of all that these let through stays below what the venue allows
# an address: 2,400 on each futures venue, 6,000 on spot; and 300 orders in ten seconds.
_RATES = {MATCHING: Rate(5, 50), LOG: Rate(8, 150), OTHER: Rate(15, 250)}
_SPOT_RATES = {**_RATES, OTHER: Rate(50, 1_000)}
# -1016: "This service is no longer available"; a maintenance says so in words too.
_OPENING = Opening(codes=frozenset({"-1016", "maintenance"}))
# Spot tells of its own maintenance; whether the futures are open meanwhile, that does not say.
_SPOT_OPENING = replace(
    _OPENING,
    call="sapiGetSystemStatus",
    locked="status",
    open=frozenset({"0"}),
    read=lambda answer: answer,
    host="sapi",
)


_STEPS = {"PRICE_FILTER": ("tickSize",), "LOT_SIZE": ("stepSize", "minQty")}


def _listed(answer: Mapping[str, Any]) -> Any:
    """Return the rows of an answer about all instruments, by name."""
    rows = answer.get("symbols")
    if not isinstance(rows, list) or not rows:
        return None
    return {each.get("symbol"): each for each in rows if isinstance(each, Mapping)}


def _only(answer: Mapping[str, Any]) -> Any:
    """Return the row of the one pair that was asked for."""
    listed = _listed(answer)
    return None if listed is None else next(iter(listed.values()), None)


def _terms(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row with the steps of its filters beside the rest."""
    told = row.get("filters")
    filters = [each for each in told if isinstance(each, Mapping)] if told else []
    wanted = {
        name: each.get(name)
        for each in filters
        for name in _STEPS.get(str(each.get("filterType")), ())
    }
    return {**row, **wanted}


# None of this name; or its book is closed: on the futures for new positions, or altogether.
_DENIED = frozenset({"-1121", "-4140", "-4141", "closed"})
_LISTING = Listing(
    call="fapiPublicGetExchangeInfo",  # which names no symbol: it tells all of them
    name="symbol",
    state="status",
    open=frozenset({"TRADING"}),
    # SETTLING and CLOSE are no pause: what is delisted stands there for good.
    passing=frozenset({"PENDING_TRADING", "PRE_DELIVERING", "PRE_SETTLE"}),
    grave={
        "settle currency": "marginAsset",
        "base currency": "baseAsset",
        "quote currency": "quoteAsset",
        "expiry": "deliveryDate",  # of a perpetual: the year 2100, until it is to be delisted
    },
    steps={"tick": "tickSize", "step": "stepSize", "minimum": "minQty"},
    denied=_DENIED,
    asks=lambda _: {},
    read=_listed,
    row=_terms,
)

# What ccxt asks of coins and of lending, nobody needs who trades.
_OPTIONS: Mapping[str, object] = {"fetchMargins": False, "fetchCurrencies": False}

BINANCE_USDM = Profile(
    venue="binanceusdm",
    finished=True,
    options=_OPTIONS,
    wire_amount="quantity",
    wire_price="price",
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
    listing=_LISTING,
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
    listing=replace(
        _LISTING,
        call="dapiPublicGetExchangeInfo",
        state="contractStatus",
        grave={**_LISTING.grave, "contract size": "contractSize"},
        size=("contractSize",),
    ),
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
    rates=_SPOT_RATES,
    modes=(Mode.PAPER, Mode.TESTNET, Mode.LIVE),
    opening=_SPOT_OPENING,
    listing=replace(
        _LISTING,
        call="publicGetExchangeInfo",
        # A pair that is delisted stands at BREAK, like one that trades again in an hour.
        passing=frozenset(
            {"BREAK", "HALT", "AUCTION_MATCH", "PRE_TRADING", "POST_TRADING", "END_OF_DAY"}
        ),
        grave={"base currency": "baseAsset", "quote currency": "quoteAsset"},
        unknown=frozenset({"-1121"}),
        asks=lambda name: {"symbol": name},
        read=_only,
    ),
)
