"""Private payloads: orders, fills, bills and positions as OKX writes them."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from rebalancer.core.instruments import Kind
from rebalancer.exchange.contracts import cost, entry_price, profit
from rebalancer.exchange.orders import TimeInForce
from rebalancer.simulation.accounts import (
    Execution,
    Held,
    OrderState,
    PlacedOrder,
    Posting,
    PostingKind,
)
from rebalancer.simulation.countdowns import COUNTED_DOWN
from rebalancer.simulation.okx.desk import Desk, Stop, kind, ms, number
from rebalancer.simulation.okx.rest import told

ZERO = Decimal(0)
TYPES: Mapping[TimeInForce, str] = {
    TimeInForce.IOC: "ioc",
    TimeInForce.FOK: "fok",
    TimeInForce.GTC: "limit",
    TimeInForce.POST_ONLY: "post_only",
}
BY_PERSON, UNFILLED, BY_SYSTEM, BY_TIMER = "1", "14", "0", "20"  # sources of a cancel
TAKEN_DOWN = "autoliquidation"  # reason of an order that nobody placed
NOT_SPOT = (  # what an order's row says of options, stops and algorithms: nothing
    *("algoClOrdId", "algoId", "attachAlgoClOrdId", "pxType", "pxUsd", "pxVol", "quickMgnType"),
    *("slOrdPx", "slTriggerPx", "slTriggerPxType", "source", "stpId", "tgtCcy", "tpOrdPx"),
    *("tpTriggerPx", "tpTriggerPxType", "tag"),
)


def order(placed: PlacedOrder, filled: Execution | None = None) -> dict[str, Any]:
    """Return an order, with what it filled last or just now."""
    asked, contract = placed.asked, placed.instrument
    forced = placed.reason == TAKEN_DOWN
    row: dict[str, Any] = {
        **dict.fromkeys(NOT_SPOT, ""),
        "accFillSz": told(abs(placed.filled)),
        "attachAlgoOrds": [],
        "avgPx": told(placed.average) if placed.filled else "",
        "cTime": ms(placed.created),
        "cancelSource": _source(placed),
        "cancelSourceReason": "",
        "category": "full_liquidation" if forced else "normal",
        "ccy": "" if contract.kind is Kind.SPOT else contract.settle,
        "clOrdId": asked.label,
        "fee": told(-placed.fee),
        "feeCcy": placed.fee_currency or contract.settle,
        "instId": contract.name,
        "instType": kind(contract),
        "isTpLimit": "false",
        "lever": "",
        "linkedAlgoOrd": {"algoId": ""},
        "ordId": number(placed.order_id),
        "ordType": "market" if asked.price is None else TYPES[asked.time_in_force],
        "pnl": "0",
        "posSide": "net",
        "px": told(asked.price),
        "rebate": "0",
        "rebateCcy": contract.settle,
        "reduceOnly": str(asked.reduce_only).lower(),
        "side": "buy" if asked.quantity > 0 else "sell",
        "state": _state(placed),
        "stpMode": "cancel_maker",
        "sz": told(abs(asked.quantity)),
        "tdMode": "cash" if contract.kind is Kind.SPOT else "cross",
        "uTime": ms(placed.updated),
    }
    return row | _filled(filled)


def _filled(execution: Execution | None) -> dict[str, Any]:
    if execution is None:
        return {
            "execType": "",
            "fillPx": "",
            "fillSz": "0",
            "fillTime": "",
            "tradeId": "",
        }
    return {
        "execType": "" if execution.forced else "M" if execution.maker else "T",
        "fillPx": told(execution.price),
        "fillSz": told(abs(execution.quantity)),
        "fillTime": ms(execution.ts),
        "tradeId": str(execution.number),
    }


def pushed(placed: PlacedOrder, filled: Execution | None = None) -> dict[str, Any]:
    """Return an order as its channel tells it: what it filled just now with the fee of that."""
    own = {
        "amendResult": "",
        "amendSource": "",
        "code": "0",
        "fillFee": "0" if filled is None else told(-filled.fee),
        "fillFeeCcy": "" if filled is None else filled.fee_currency,
        "fillFwdPx": "",
        "fillIdxPx": "" if filled is None else told(filled.index),
        "fillMarkPx": "" if filled is None else told(filled.mark),
        "fillMarkVol": "",
        "fillNotionalUsd": "",
        "fillPnl": "0" if filled is None else told(filled.gain),
        "fillPxUsd": "",
        "fillPxVol": "",
        "lastPx": "",
        "msg": "",
        "notionalUsd": "",
        "reqId": "",
        "tradeQuoteCcy": "",
    }
    return order(placed, filled) | own


def _state(placed: PlacedOrder) -> str:
    if placed.state is OrderState.CANCELLED:
        return "canceled"
    if placed.state is OrderState.FILLED or placed.filled == placed.asked.quantity:
        return "filled"
    return "partially_filled" if placed.filled else "live"


def _source(placed: PlacedOrder) -> str:
    if placed.state is not OrderState.CANCELLED:
        return ""
    if placed.reason == "user_request":
        return BY_PERSON
    if placed.reason == COUNTED_DOWN:
        return BY_TIMER
    hasty = placed.asked.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)
    return UNFILLED if hasty else BY_SYSTEM


def stop(waiting: Stop) -> dict[str, Any]:
    """Return a stop order that waits for its price."""
    return {
        "algoId": waiting.order_id,
        "algoClOrdId": "",
        "clOrdId": "",
        "ordId": "",
        "instId": waiting.instrument.name,
        "instType": kind(waiting.instrument),
        "ordType": waiting.kind,
        "state": "live",
        "side": "buy" if waiting.quantity > 0 else "sell",
        "posSide": "net",
        "sz": told(abs(waiting.quantity)),
        "slTriggerPx": told(waiting.trigger),
        "slOrdPx": "-1",
        "slTriggerPxType": "mark",
        "tdMode": "cross",
        "reduceOnly": "true",
        "actualSz": "0",
        "actualPx": "",
        "triggerTime": "",
        "cTime": ms(waiting.created),
        "uTime": ms(waiting.created),
        "tag": "",
    }


def trade_id(execution: Execution) -> str:
    """Return the id of a fill in the lists; what was taken by force has a negative one there."""
    return f"-{execution.number}" if execution.forced else str(execution.number)


def _sub_type(execution: Execution) -> str:
    if execution.forced:
        return "106" if execution.quantity > 0 else "107"
    return _action(execution.quantity)


def fill(execution: Execution, bill: int) -> dict[str, Any]:
    """Return one fill of an account, under the number of its bill."""
    placed = execution.order
    return {
        "billId": str(bill),
        "clOrdId": placed.asked.label,
        "execType": "" if execution.forced else "M" if execution.maker else "T",
        "fee": told(-execution.fee),
        "feeCcy": execution.fee_currency,
        "feeRate": "",
        "fillFwdPx": "",
        "fillIdxPx": told(execution.index),
        "fillMarkPx": told(execution.mark),
        "fillMarkVol": "",
        "fillPnl": told(execution.gain),
        "fillPx": told(execution.price),
        "fillPxUsd": "",
        "fillPxVol": "",
        "fillSz": told(abs(execution.quantity)),
        "fillTime": ms(execution.ts),
        "instId": placed.instrument.name,
        "instType": kind(placed.instrument),
        "ordId": number(placed.order_id),
        "posSide": "net",
        "side": "buy" if execution.quantity > 0 else "sell",
        "subType": _sub_type(execution),
        "tag": "",
        "tradeId": trade_id(execution),
        "tradeQuoteCcy": "",
        "ts": ms(execution.ts),
    }


def bills(line: Posting) -> list[dict[str, Any]]:
    """Return what a posting is in an account's bills: a trade of a pair is one a currency."""
    told_, execution = _bill(line), line.execution
    if execution is None or execution.order.instrument.kind is not Kind.SPOT:
        return [told_]
    brought = execution.quantity * execution.order.instrument.size
    kept = execution.fee if execution.fee_currency != line.currency else ZERO
    coins = {
        "bal": "",
        "balChg": told(brought - kept),
        "billId": str(second(line)),
        "ccy": execution.order.instrument.underlying,
        "fee": told(-kept),
        "subType": _action(brought),
        "sz": told(abs(brought)),
    }
    money = {"subType": _action(-brought), "sz": told(abs(line.change + line.fee))}
    return [told_ | money, told_ | coins]


def first(line: Posting) -> int:
    """Return the number of a posting's bill."""
    return 2 * line.number


def second(line: Posting) -> int:
    """Return the number of its other bill, where there are two."""
    return 2 * line.number + 1


def _action(brought: Decimal) -> str:
    return "1" if brought > 0 else "2"


def _bill(line: Posting) -> dict[str, Any]:
    contract, execution = line.instrument, line.execution
    row = {
        **dict.fromkeys(("fillFwdPx", "fillIdxPx", "fillMarkPx", "fillMarkVol"), ""),
        **dict.fromkeys(("fillPxUsd", "fillPxVol", "fillTime", "from", "to", "tag"), ""),
        **dict.fromkeys(("clOrdId", "execType", "ordId", "tradeId"), ""),
        "bal": told(line.balance),
        "balChg": told(line.change),
        "billId": str(first(line)),
        "ccy": line.currency,
        "earnAmt": "",
        "earnApr": "",
        "fee": told(-line.fee),
        "instId": "" if contract is None else contract.name,
        "instType": "" if contract is None else kind(contract),
        "interest": "0",
        "mgnMode": "" if contract is None else "cross",
        "notes": line.note,
        "pnl": told(line.profit),
        "posBal": told(line.position),
        "posBalChg": "0",
        "px": told(line.price),
        "subType": _bill_type(line)[1],
        "sz": told(abs(line.change)),
        "ts": ms(line.ts),
        "type": _bill_type(line)[0],
    }
    match line.kind:
        case PostingKind.FUNDING:
            row |= {"pnl": told(line.funding), "sz": told(abs(line.position))}
        case PostingKind.DELIVERY:
            row["sz"] = told(abs(line.delivered))
        case PostingKind.TRADE if execution is not None:
            row |= {
                "clOrdId": execution.order.asked.label,
                "execType": "M" if execution.maker else "T",
                "ordId": number(execution.order.order_id),
                "sz": told(abs(execution.quantity)),
                "tradeId": trade_id(execution),
            }
    return row


def _bill_type(line: Posting) -> tuple[str, str]:
    """Return type and subtype of a bill."""
    match line.kind:
        case PostingKind.TRADE if line.execution is not None:
            return "5" if line.execution.forced else "2", _sub_type(line.execution)
        case PostingKind.FUNDING:
            return "8", "174" if line.change > 0 else "173"
        case PostingKind.DELIVERY:
            return "3", _delivery(line)
        case PostingKind.CORRECTION:
            return "10", "108"
        case _:
            return "1", "11" if line.change > 0 else "12"


def _delivery(line: Posting) -> str:
    long = line.delivered > 0
    if line.instrument is None or line.instrument.kind is not Kind.OPTION:
        return "112" if long else "113"
    if not line.profit:
        return "172"
    return "170" if long else "171"


def position(desk: Desk, held: Held, margin: Decimal, leverage: str) -> dict[str, Any]:
    """Return a position seen at the mark; `margin` is its share of what is always needed."""
    contract, quantity = held.instrument, held.quantity
    seen = desk.place.tape.seen[contract.id]
    option = contract.kind is Kind.OPTION
    gain = floating(desk, held)
    return {
        **dict.fromkeys(("baseBal", "baseBorrowed", "baseInterest", "quoteBal", "margin"), ""),
        **dict.fromkeys(("quoteBorrowed", "quoteInterest", "liab", "liabCcy", "posCcy"), ""),
        **dict.fromkeys(("spotInUseAmt", "spotInUseCcy", "bizRefId", "bizRefType"), ""),
        **dict.fromkeys(("deltaBS", "deltaPA", "gammaBS", "gammaPA"), ""),
        **dict.fromkeys(("thetaBS", "thetaPA", "vegaBS", "vegaPA"), ""),
        "adl": "1",
        "availPos": told(abs(quantity)) if option else "",
        "avgPx": told(entry_price(contract, quantity, held.basis)),
        "bePx": "",
        "cTime": ms(desk.place.opened),
        "ccy": contract.settle,
        "closeOrderAlgo": [],
        "fee": "0",
        "fundingFee": "0",
        "idxPx": told(desk.place.tape.index_of(contract)),
        "imr": told(2 * margin),
        "instId": contract.name,
        "instType": kind(contract),
        "interest": "0",
        "last": told(seen.last),
        "lever": "" if option else leverage,
        "liqPenalty": "0",
        "liqPx": "",
        "markPx": told(seen.mark),
        "mgnMode": "cross",
        "mgnRatio": "",
        "mmr": told(margin),
        "nonSettleAvgPx": "",
        "notionalUsd": "",
        "optVal": told(worth(desk, held)) if option else "",
        "pendingCloseOrdLiabVal": "",
        "pnl": "0",
        "pos": told(quantity),
        "posId": str(list(desk.place.tape.seen).index(contract.id) + 1),
        "posSide": "net",
        "realizedPnl": "0",
        "settledPnl": "",
        "tradeId": "",
        "uTime": ms(seen.ts),
        "upl": told(gain),
        "uplLastPx": told(gain),
        "uplRatio": "0",
        "uplRatioLastPx": "0",
        "usdPx": told(desk.place.tape.index_of(contract)),
    }


def worth(desk: Desk, held: Held) -> Decimal:
    """Return what a position is worth at the mark, settle currency."""
    mark = desk.place.tape.seen[held.instrument.id].mark
    return cost(held.instrument, held.quantity, mark) if mark else ZERO


def floating(desk: Desk, held: Held) -> Decimal:
    """Return the open profit of a position at the mark, settle currency."""
    mark = desk.place.tape.seen[held.instrument.id].mark
    return profit(held.instrument, held.basis, worth(desk, held)) if mark else ZERO
