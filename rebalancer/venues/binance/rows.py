"""Binance rows: raw orders, trades and bookings of any of its accounts as our records.

Shapes are those of developers.binance.com and of `raw/payloads_binance.jsonl.gz`. A
quantity has no sign on an order and a trade, its `side` gives it; a position's
carries its own. Numbers of orders and trades count within a symbol. A trade does
not tell our id: that stands on its order.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from rebalancer.core.events import AccountEvent, CashMoved, Delivered, Ending, Fill, FundingPaid
from rebalancer.core.ids import counted
from rebalancer.venues.accounts import Placed, Resting
from rebalancer.venues.outcome import Malformed
from rebalancer.venues.payloads import Row, decimal, missing, moment, optional, text
from rebalancer.wire.binance import account as wire
from rebalancer.wire.binance.values import order_id

_SIGNS = {"BUY": 1, "SELL": -1}
_FORCED = ("NEW_ADL", "NEW_INSURANCE")  # of an order that the venue made, filled or not
_OPEN = ("NEW", "PARTIALLY_FILLED", "PENDING_NEW", "PENDING_CANCEL", *_FORCED)
_ENDS = {
    "FILLED": Ending.FILLED,
    "CANCELED": Ending.CANCELED,
    "EXPIRED": Ending.EXPIRED,
    "EXPIRED_IN_MATCH": Ending.EXPIRED,
}
_STATES = (*_OPEN, *_ENDS, "REJECTED")
_TIMES = ("updateTime", "transactTime", "time")  # of an order, the newest first
FUNDING, DELIVERED, COMMISSION = "FUNDING_FEE", "DELIVERED_SETTELMENT", "COMMISSION"  # its spelling
_BY_TRADES = ("REALIZED_PNL",)  # told by fills
_FLOWS = ("TRANSFER", "INTERNAL_TRANSFER", "CROSS_COLLATERAL_TRANSFER", "COIN_SWAP_DEPOSIT",
          "COIN_SWAP_WITHDRAW", "STRATEGY_UMFUTURES_TRANSFER")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Owner:
    """Who made a trade, as far as it is known."""

    label: str  # of its order; empty: it has none, or the venue forgot it
    ours: bool  # whether that is one of our client order ids


def placed(row: Row, account: str) -> Placed:
    """Return an order as the venue shows it; raises Malformed."""
    where = f"{account} order"
    state = text(row, "status", where)
    if state not in _STATES:
        raise missing(row, "status", where, f"one of {', '.join(_STATES)}")
    symbol = text(row, "symbol", where)
    return Placed(
        order_id=order_id(symbol, int(decimal(row, "orderId", where))),
        label=text(row, "clientOrderId", where),
        instrument=f"{account}:{symbol}",
        quantity=_signed(row, "origQty", where),
        filled=_signed(row, "executedQty", where),
        ts=_changed(row, where),
        ending=_ENDS.get(state),
        rejected="rejected" if state == "REJECTED" else "",
    )


def _changed(row: Row, where: str) -> int:
    name = next((each for each in _TIMES if row.get(each)), _TIMES[0])
    return moment(row, name, where)


def number_of(known: str) -> tuple[str, str]:
    """Return symbol and number in an order's id.

    >>> number_of("BTCUSD_PERP-8389765")
    ('BTCUSD_PERP', '8389765')
    """
    symbol, _, number = known.rpartition("-")
    return symbol, number


def resting(row: Row, account: str) -> Resting:
    """Return an open order as it lies there; raises Malformed where it cannot even be named."""
    where = f"{account} open order"
    try:
        left = _signed(row, "origQty", where) - _signed(row, "executedQty", where)
    except Malformed:
        left = None
    symbol = text(row, "symbol", where)
    return Resting(
        order_id=order_id(symbol, int(decimal(row, "orderId", where))),
        label=str(row.get("clientOrderId") or ""),
        instrument=f"{account}:{symbol}",
        left=left,
    )


def waiting(row: Row, account: str) -> Resting:
    """Return an order that waits for its price; raises Malformed where it cannot even be named.

    One that closes whatever is held tells no amount.
    """
    where = f"{account} order that waits"
    try:
        left = None if row.get("closePosition") is True else _signed(row, "quantity", where)
    except Malformed:
        left = None
    return Resting(
        order_id=f"algo-{text(row, 'algoId', where)}",
        label=str(row.get("clientAlgoId") or ""),
        instrument=f"{account}:{text(row, 'symbol', where)}",
        left=left,
    )


def fill(row: Row, account: str, owner: Owner, ts: int) -> Fill:
    """Return a trade of a futures or spot account as it is learnt at `ts`; raises Malformed."""
    where = f"{account} trade"
    size, trade = decimal(row, "qty", where), text(row, "id", where)
    return Fill(
        ts_local=ts,
        ts_venue=moment(row, "time", where),
        account=account,
        instrument=f"{account}:{text(row, 'symbol', where)}",
        trade_id=trade,
        client_order_id=owner.label if owner.ours else None,
        quantity=size if _buys(row, where) else -size,
        price=decimal(row, "price", where),
        fee=decimal(row, "commission", where),
        fee_currency=text(row, "commissionAsset", where),
        forced=wire.forced(owner.label),
        number=counted(trade),
    )


def _buys(row: Row, where: str) -> bool:
    """Whether a trade bought: spot says so by itself, futures tell the side."""
    if "side" in row:
        return _sign(row, where) > 0
    for name in ("buyer", "isBuyer"):
        if isinstance(row.get(name), bool):
            return bool(row[name])
    raise missing(row, "isBuyer", where, "true or false")


def booking(
    row: Row, account: str, prices: Iterable[tuple[int, Decimal]], ts: int
) -> AccountEvent | None:
    """Return what a line of a futures account's income moved, as it is learnt at `ts`.

    None for what a trade moved: its fill tells profit and fee. A kind that is new to us
    is cash that moved.

    Args:
        row: The line.
        account: Whose.
        prices: Deliveries of its pair: ns, and the price of each.
        ts: ns.

    Raises:
        Malformed: A field is missing, or nobody tells what a contract was delivered at.
    """
    where = f"{account} income"
    kind, at = text(row, "incomeType", where), moment(row, "time", where)
    if kind in _BY_TRADES or (kind == COMMISSION and row.get("tradeId")):
        return None
    amount, currency = decimal(row, "income", where), text(row, "asset", where)
    key = text(row, "tranId", where)
    if kind == FUNDING:
        name = f"{account}:{text(row, 'symbol', where)}"
        return FundingPaid(ts, at, account, name, key, amount, currency)
    if kind == DELIVERED:
        name = f"{account}:{text(row, 'symbol', where)}"
        price = _nearest(prices, at)
        if price is None:
            raise Malformed(f"{where}: {name} was delivered, and no price is told")
        return Delivered(ts, at, account, name, key, price)
    if not amount:
        return None
    flow = kind in _FLOWS
    return CashMoved(ts, at, account, f"{kind} {key}", kind.lower(), amount, currency, flow)


def _nearest(prices: Iterable[tuple[int, Decimal]], at: int) -> Decimal | None:
    """Return the price of the delivery nearest to a time, within a day of it."""
    day = 86_400_000_000_000
    near = [(abs(when - at), price) for when, price in prices if abs(when - at) < day]
    return min(near)[1] if near else None


def in_order(events: Iterable[AccountEvent]) -> list[AccountEvent]:
    """Return bookings by venue time; of one instant fills come first, in the order of trading."""
    return sorted(events, key=_place)


def _place(event: AccountEvent) -> tuple[int, int, int]:
    if isinstance(event, Fill):
        number = event.trade_id.partition(" ")[0]
        return event.ts_venue or 0, 0, int(number) if number.isdigit() else 0
    return event.ts_venue or 0, 1, 0


def _sign(row: Row, where: str) -> int:
    sign = _SIGNS.get(text(row, "side", where))
    if sign is None:
        raise missing(row, "side", where, "BUY or SELL")
    return sign


def _signed(row: Row, name: str, where: str) -> Decimal:
    return _sign(row, where) * decimal(row, name, where)


def entry_of(row: Row) -> Decimal | None:
    """Return the price that a position was entered at; the venue writes 0 for none."""
    return optional(row, "entryPrice") or None
