"""Bybit rows: its raw orders, executions, positions, wallet and log lines as our records.

Shapes are those of bybit-exchange.github.io/docs/v5 and of the recorded payloads in
`raw/payloads_bybit.jsonl.gz`. An amount is USD for an inverse contract and coins
for everything else. Neither a position nor an order has a sign: `side` gives it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TypeVar

from rebalancer.core.events import (
    AccountEvent,
    CashMoved,
    Delivered,
    Fill,
    FundingPaid,
    Settled,
)
from rebalancer.core.figures import TOGETHER, LegFigures, PoolFigures
from rebalancer.venues.accounts import Placed, Resting, Standing
from rebalancer.venues.outcome import Malformed
from rebalancer.venues.payloads import MILLISECOND, Row, decimal, missing, optional, text
from rebalancer.wire.bybit import account as told
from rebalancer.wire.bybit.account import Execution, Order, Position, Wallet
from rebalancer.wire.bybit.frames import read
from rebalancer.wire.bybit.values import CATEGORIES, Category, Refused, instrument_id, ns, signed

TRADED = ("TRADE", "LIQUIDATION", "ADL", "BLOCKTRADE", "MOVEPOSITION", "PREMIUM")  # log types
FLOWS = ("TRANSFER_IN", "TRANSFER_OUT")  # by which somebody brings or takes coins
LONGEST_QUEUE = 5  # lights of the venue's queue for deleveraging: all are lit
Shape = TypeVar("Shape", Execution, Order, Position, Wallet)


@dataclass(frozen=True, slots=True)
class Reader:
    """What must be known to turn rows into events of an account."""

    account: str
    ours: Callable[[str], bool]  # whether a label is one of our client order ids
    pairs: Mapping[str, str]  # coin → id of the pair that its balance is told as

    def executed(self, row: Row, category: Category, ts: int) -> Sequence[Fill]:
        """Return the fill that an execution is, as it is learnt at `ts`; raises Malformed.

        Nothing for what is no trade, and for a pair that the book does not name:
        the log tells how its coins moved.
        """
        found = told.fill(record(row, Execution), category, self.account, ts)
        kind = row.get("execType")
        if found is None:
            if kind in told.TRADES or kind in told.FORCED:
                raise missing(row, "feeCurrency", "bybit execution", "a currency")
            if kind not in told.BOOKED:
                raise missing(row, "execType", "bybit execution", "a kind that is known")
            return ()
        label = found.client_order_id
        mine = label if label is not None and self.ours(label) else None
        found = replace(found, client_order_id=mine)
        if category == "spot" and found.instrument not in self.pairs.values():
            return ()
        return (found,)

    def booked(self, row: Row, ts: int) -> Sequence[AccountEvent]:
        """Return what a line of the transaction log moved, as it is learnt at `ts`.

        Nothing for a trade, which is told by its fill, and for a delivery, whose
        price another list tells. A kind that is new to us is cash that moved.

        Raises:
            Malformed: A field is missing.
        """
        where = "bybit transaction log"
        kind = text(row, "type", where)
        if kind == "DELIVERY" or (kind in TRADED and not self._unnamed(row)):
            return ()
        if kind == "SETTLEMENT" and row.get("symbol"):
            return self._settlement(row, ts, where)
        change = decimal(row, "change", where)
        if not change:
            return ()
        key, at = text(row, "id", where), stamp(row, "transactionTime", where)
        currency = text(row, "currency", where)
        return (CashMoved(ts, at, self.account, key, kind, change, currency, kind in FLOWS),)

    def _unnamed(self, row: Row) -> bool:
        """Whether a line is of a pair that the book does not name, or is no trade at all."""
        if row.get("category") == "spot":
            name = instrument_id("spot", str(row.get("symbol")))
            return name not in self.pairs.values()
        return not row.get("tradeId")

    def _settlement(self, row: Row, ts: int, where: str) -> Sequence[AccountEvent]:
        """Return the funding of a stamp, and the settlement of a USDC contract's session.

        A session's profit is `cashFlow`: it moves into the balance at the mark.
        """
        key, at = text(row, "id", where), stamp(row, "transactionTime", where)
        name = instrument_id(category_in(row, where), text(row, "symbol", where))
        events: list[AccountEvent] = []
        funding, moved = optional(row, "funding"), decimal(row, "cashFlow", where)
        if funding:
            currency = text(row, "currency", where)
            events.append(FundingPaid(ts, at, self.account, name, key, funding, currency))
        if moved:
            price = decimal(row, "tradePrice", where)
            events.append(Settled(ts, at, self.account, name, key, price))
        return events

    def delivered(self, line: Row, row: Row, ts: int) -> Delivered:
        """Return the end of a contract: the log's line, at the price of the record of it."""
        where = "bybit delivery"
        key, at = text(line, "id", where), stamp(line, "transactionTime", where)
        name = instrument_id(category_in(line, where), text(line, "symbol", where))
        price = decimal(row, "deliveryPrice", where)
        fee = optional(line, "fee")
        fee = decimal(row, "fee", where) if fee is None else fee
        return Delivered(ts, at, self.account, name, key, price, fee)


def record(row: Row, shape: type[Shape]) -> Shape:
    """Return a row as a record; raises Malformed."""
    found = read(row, shape)
    if isinstance(found, Refused):
        raise Malformed(f"bybit {shape.__name__.lower()}: {found.reason}")
    return found


def stamp(row: Row, name: str, where: str) -> int:
    """Return a time in ns from one in ms, which Bybit writes as text; raises Malformed."""
    value = str(row.get(name))
    if not value.isdecimal():
        raise missing(row, name, where, "a time in ms")
    return int(value) * MILLISECOND


def sequence(row: Row) -> tuple[Decimal, Decimal, Decimal]:
    """Return what puts executions in the order in which they were made; what is not told is 0.

    Of one millisecond the venue's list has no order. `seq` grows with each match of
    an instrument, and all fills of one match have the same: what their order still
    lacked after each tells those apart. Which was first decides what is realised
    where a position crosses 0.
    https://bybit-exchange.github.io/docs/v5/order/execution
    """
    time, number, left = (optional(row, each) for each in ("execTime", "seq", "leavesQty"))
    return time or Decimal(0), number or Decimal(0), -(left or Decimal(0))


def category_in(row: Row, where: str) -> Category:
    """Return the category that a row names; raises Malformed."""
    found = next((each for each in CATEGORIES if row.get("category") == each), None)
    if found is None:
        raise missing(row, "category", where, f"one of {', '.join(CATEGORIES)}")
    return found


def placed(row: Row, category: Category) -> Placed:
    """Return an order as the venue shows it; raises Malformed."""
    order = record(row, Order)
    rejected = order.order_status == "Rejected"
    return Placed(
        order_id=order.order_id,
        label=order.order_link_id,
        instrument=instrument_id(category, order.symbol),
        quantity=signed(order.qty, order.side),
        filled=signed(order.cum_exec_qty, order.side),
        ts=ns(order.updated_time),
        ending=told.ending(order),
        rejected=(order.reject_reason or "rejected") if rejected else "",
    )


def resting(row: Row, category: Category) -> Resting:
    """Return an open order as it lies there; raises Malformed where it cannot even be named."""
    where = "bybit open order"
    try:
        order = record(row, Order)
        left = signed(order.qty - order.cum_exec_qty, order.side)
    except Malformed:
        left = None
    return Resting(
        order_id=text(row, "orderId", where),
        label=str(row.get("orderLinkId") or ""),
        instrument=instrument_id(category, text(row, "symbol", where)),
        left=left,
    )


def position(row: Row, category: Category) -> tuple[str, Decimal, Decimal | None]:
    """Return instrument id, signed contracts and entry price of a position; raises Malformed."""
    found = record(row, Position)
    held = told.held(found)
    return instrument_id(category, found.symbol), held, told.entry(found) if held else None


def leg(row: Row, category: Category) -> LegFigures:
    """Return what the venue reckons of a position; raises Malformed.

    No price takes down what has none, and for that the venue tells 0 or nothing.
    """
    found = record(row, Position)
    place = found.adl_rank_indicator
    return LegFigures(
        instrument_id(category, found.symbol),
        optional(row, "positionMM"),
        optional(row, "liqPrice") or None,
        place / LONGEST_QUEUE if place else None,
    )


def wallet(result: Row) -> Row:
    """Return the one unified account of an answer; raises Malformed."""
    listed = result.get("list")
    if not isinstance(listed, list) or len(listed) != 1 or not isinstance(listed[0], Mapping):
        raise Malformed("bybit wallet: must be one unified account")
    return listed[0]


def coins(row: Row) -> Mapping[str, Decimal]:
    """Return currency → balance without open profit and what is owed; raises Malformed."""
    return {each.coin: told.owned(each) for each in record(row, Wallet).coin}


def borrowed(row: Row) -> Mapping[str, Decimal]:
    """Return currency → what is owed of it, for spot and for contracts, > 0; raises Malformed."""
    owed = {each.coin: each.spot_borrow for each in record(row, Wallet).coin}
    for each in row["coin"]:
        name = each["coin"]
        owed[name] = max(owed[name], optional(each, "borrowAmount") or Decimal(0))
    return {name: amount for name, amount in owed.items() if amount}


def pool(row: Row) -> PoolFigures:
    """Return how the account stands: all of its currencies stand together, in USD.

    Raises:
        Malformed: A total is missing; it is empty where each position has margin
            of its own, and then no pool may be told.
    """
    where = "bybit unified account"
    return PoolFigures(
        currency=TOGETHER,
        equity=decimal(row, "totalEquity", where),
        balance=decimal(row, "totalMarginBalance", where),
        maintenance=decimal(row, "totalMaintenanceMargin", where),
        initial=decimal(row, "totalInitialMargin", where),
        together=True,
    )


def standing(row: Row) -> Standing:
    """Return the account as a whole, USD; raises Malformed."""
    own, where = pool(row), "bybit unified account"
    cash = decimal(row, "totalWalletBalance", where)
    return Standing(own.currency, own.equity, own.balance, own.maintenance, own.initial, cash)


def in_order(events: Iterable[AccountEvent]) -> list[AccountEvent]:
    """Return bookings by venue time; of one instant fills come before what settles them."""
    return sorted(events, key=lambda each: (each.ts_venue or 0, not isinstance(each, Fill)))
