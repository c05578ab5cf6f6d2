"""OKX: what differs there."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from rebalancer.core.commands import TimeInForce
from rebalancer.core.instruments import Kind
from rebalancer.ports import SECOND
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

# Services whose maintenance takes orders away: swaps, and trading as a whole. What is done in
# batches of accounts or products, other services and planned events are left to the answers.
_TRADING = frozenset({"3", "5"})
_UNDER_WAY = frozenset({"ongoing", "pre_open"})  # pre_open: post-only orders and cancels again
_PRODUCTION, _DEMO = "1", "2"  # environments of an event: one list tells those of both


def kind_of(name: str) -> str:
    """Return OKX's type of an instrument, which many calls ask for.

    >>> [kind_of(each) for each in ("BTC-USDT", "BTC-USD-SWAP", "BTC-USD-261225")]
    ['SPOT', 'SWAP', 'FUTURES']
    >>> kind_of("BTC-USD-261225-100000-C")
    'OPTION'
    """
    parts = name.split("-")
    if name.endswith("-SWAP"):
        return "SWAP"
    return {2: "SPOT", 3: "FUTURES"}.get(len(parts), "OPTION")


def family_of(name: str) -> str:
    """Return the family of an instrument.

    >>> family_of("BTC-USD-261225-100000-C")
    'BTC-USD'
    """
    return "-".join(name.split("-")[:2])


def _maintained(environment: str, answer: Mapping[str, Any]) -> Any:
    """Return whether trading in an environment is under maintenance, from the list of events.

    An event that does not say where it is may be here.
    """
    events = answer.get("data")
    if not isinstance(events, list) or not all(isinstance(each, Mapping) for each in events):
        return None
    locked = any(
        each.get("state") in _UNDER_WAY
        and str(each.get("serviceType")) in _TRADING
        and str(each.get("env") or environment) == environment
        for each in events
    )
    return {"locked": str(locked).lower()}


def _named(name: str) -> Mapping[str, str]:
    """Return what the terms of an instrument are asked for with."""
    kind = kind_of(name)
    more = {"instFamily": family_of(name)} if kind == "OPTION" else {}
    return {"instType": kind, "instId": name, **more}


def _terms(answer: Mapping[str, Any]) -> Any:
    """Return the terms of the one instrument in an answer, and whether it is traded."""
    data = answer.get("data")
    if not isinstance(data, list) or not data or not isinstance(data[0], Mapping):
        return None
    return {**data[0], "traded": data[0].get("state") != "test"}


OKX = Profile(
    venue="okx",
    finished=True,
    wire_amount="sz",
    wire_price="px",
    amounts={
        Kind.SPOT: Unit.COIN,
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
    lookups=("privateGetTradeOrder", "privateGetTradeOrdersPending", "privateGetTradeFills"),
    figures=Figures(
        call="privateGetAccountBalance",
        equity="eq",
        balance="mgnRatio",  # x mmr: the ratio is the other way round, 41 is safe
        maintenance="mmr",
        cash=("cashBal",),
        ratio="mgnRatio",
    ),
    currencies=(),  # one call tells them all
    currencies_in="details",
    ledger=(
        *("privateGetTradeFills", "privateGetAccountBills"),  # of three days, of a week
        *("privateGetTradeFillsHistory", "privateGetAccountBillsArchive"),  # of three months
    ),
    dead_man=DeadMan(
        DeadManKind.COUNTDOWN,
        arm="privatePostTradeCancelAllAfter",
        armed_by="triggerTime",
        within=("data", 0),
        timer="timeOut",
        unit=SECOND,
        window=60 * SECOND,
        text=True,
    ),
    rates={MATCHING: Rate(20, 40), LOG: Rate(2, 5), OTHER: Rate(10, 20)},
    deadline="expTime",
    deadline_in_header=True,
    multiplier="ctMult",
    streams_positions=True,
    refuses_duplicates=True,
    opening=Opening(
        call="publicGetSystemStatus",
        open=frozenset({"false"}),
        codes=frozenset({"50001", "51028", "51029", "51030"}),
        read=partial(_maintained, _PRODUCTION),
        least=6 * SECOND,  # documented: one question in five seconds
    ),
    listing=Listing(
        call="publicGetPublicInstruments",
        name="instId",
        active="traded",
        state="state",
        open=frozenset({"live"}),
        passing=frozenset({"suspend", "rebase", "preopen"}),
        grave={
            "contract value": "ctVal",
            "multiplier": "ctMult",
            "settle currency": "settleCcy",
            "underlying": "uly",
            "base currency": "baseCcy",
            "quote currency": "quoteCcy",
            "type": "ctType",
            "expiry": "expTime",
            "strike": "stk",
            "option type": "optType",
        },
        steps={"tick": "tickSz", "step": "lotSz", "minimum": "minSz"},
        size=("ctVal", "ctMult"),
        unknown=frozenset({"51001"}),
        denied=frozenset({"51001", "51021", "51022", "51027", "51087"}),
        asks=_named,
        read=_terms,
    ),
)

DEMO = replace(OKX, opening=replace(OKX.opening, read=partial(_maintained, _DEMO)))
