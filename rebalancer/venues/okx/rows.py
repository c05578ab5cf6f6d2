"""OKX rows: its raw orders, fills, bills, positions and balances as our records.

Shapes are those of okx.com/docs-v5 and of the payloads in `raw/payloads_okx.jsonl.gz`.
Every number and every time is a text; an empty one is never 0. A position's `pos`
carries its sign in net mode, an order's and a fill's `side` gives it. A fee is
negative where it is paid.
"""

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from rebalancer.core.events import AccountEvent, CashMoved, Ending, Fill, Forced, FundingPaid
from rebalancer.core.figures import TOGETHER, LegFigures, PoolFigures
from rebalancer.core.ids import counted
from rebalancer.venues.accounts import Placed, Resting, Standing
from rebalancer.venues.outcome import Malformed
from rebalancer.venues.payloads import MILLISECOND, Row, decimal, missing, optional, text
from rebalancer.wire.okx.values import instrument_id, is_pair

VENUE = "okx"
TRANSFER, DELIVERY, LIQUIDATION, FUNDING, DELEVERAGING, SETTLEMENT = "1", "3", "5", "8", "9", "34"
ENDS = ("112", "113", "170", "171", "172")  # subtypes of a delivery that end a contract
SETTLED = "355"
MARGINED = ("SWAP", "FUTURES")
MOST_QUEUED = 5  # lights of `adl`
Booked = TypeVar("Booked", bound=AccountEvent)
_SIGNS = {"buy": 1, "sell": -1}
_OPEN, _OVER = ("live", "partially_filled"), ("filled", "canceled", "mmp_canceled")
_HASTY = ("ioc", "fok", "optimal_limit_ioc", "market")  # whose rest expires by itself
_BY_PERSON = "1"


def _between(first: int, last: int) -> list[str]:
    return [str(each) for each in range(first, last + 1)]


# Subtypes of bills and fills by which contracts or coins changed hands, by force or not: buys and
# sales, liquidations, deleveraging, hedges of the venue's bot, block and spread trades, positions
# moved between accounts. Forced repayments (114, 115) have bills alone, one a currency.
LIQUIDATED, DELEVERAGED = frozenset(_between(100, 107)), frozenset(_between(125, 128))
TRADED = frozenset(
    (*_between(1, 6), *LIQUIDATED, *DELEVERAGED, *_between(131, 132), *_between(204, 209))
) | frozenset((*_between(270, 275), *_between(324, 329)))


@dataclass(frozen=True, slots=True)
class Reader:
    """What must be known to turn rows into events of an account."""

    account: str
    ours: Callable[[str], bool]  # whether a label is one of our client order ids
    pairs: frozenset[str] = frozenset()  # ids of pairs whose coin is a position

    def fills(self, row: Row) -> bool:
        """Whether a row of fills or bills is of a trade that its fill tells.

        That of a pair which the book does not name is none: there are two bills
        of it, one a currency, and they tell what moved.

        Raises:
            Malformed: It does not say what it is of.
        """
        name = str(row.get("instId") or "")
        told_by_bills = is_pair(name) and instrument_id(name) not in self.pairs
        return is_trade(row) and not told_by_bills

    def fill(self, row: Row, ts: int) -> Fill:
        """Return a fill of the account as it is learnt at `ts`; raises Malformed."""
        where = "okx fill"
        label = row.get("clOrdId")
        mine = isinstance(label, str) and bool(label) and self.ours(label)
        kind = str(row.get("subType") or "")
        forced = Forced.LIQUIDATION if kind in LIQUIDATED else None
        trade = text(row, "tradeId", where)
        return Fill(
            ts_local=ts,
            ts_venue=moment(row, "fillTime" if row.get("fillTime") else "ts", where),
            account=self.account,
            instrument=instrument(row, where),
            trade_id=trade,
            client_order_id=label if mine else None,
            quantity=_signed(row, "fillSz", where),
            price=decimal(row, "fillPx", where),
            fee=-decimal(row, "fee", where),
            fee_currency=text(row, "feeCcy", where),
            forced=Forced.DELEVERAGING if kind in DELEVERAGED else forced,
            number=counted(trade),
        )

    def booking(self, row: Row, ts: int) -> AccountEvent | None:
        """Return what a bill moved, as it is learnt at `ts`; None where it is told elsewhere.

        A trade is told by its fill, see `fills`; but what a liquidation took
        beyond profit and fee is cash that moved. Deliveries and settlements need a
        price: see `history`. A kind that is new to us is cash that moved.

        Raises:
            Malformed: A field is missing.
        """
        where = "okx bill"
        kind, change = text(row, "type", where), decimal(row, "balChg", where)
        if self.fills(row):
            change = _penalty(row, kind, change)
        if not change:
            return None
        key, at = text(row, "billId", where), moment(row, "ts", where)
        currency = text(row, "ccy", where)
        if kind == FUNDING:
            name = instrument(row, where)
            return FundingPaid(ts, at, self.account, name, key, change, currency)
        word = f"{kind}.{row.get('subType') or ''}"
        flow = kind == TRANSFER
        return CashMoved(ts, at, self.account, key, word, change, currency, flow)


def is_trade(row: Row) -> bool:
    """Whether a row of fills or bills is of a trade, and no delivery or conversion.

    Raises:
        Malformed: It does not say; to pass it over could lose a fill.
    """
    return text(row, "subType", "okx bill") in TRADED


def _penalty(row: Row, kind: str, change: Decimal) -> Decimal:
    """Return what a bill of a trade moved beyond profit and fee; only force does that."""
    forced = kind in (LIQUIDATION, DELEVERAGING) and row.get("instType") in MARGINED
    gained, fee = optional(row, "pnl"), optional(row, "fee")
    if not forced or gained is None or fee is None:
        return Decimal(0)
    return change - gained - fee


# --- orders -------------------------------------------------------------------


def placed(row: Row) -> Placed:
    """Return an order as the venue shows it; raises Malformed."""
    where = "okx order"
    state = text(row, "state", where)
    if state not in (*_OPEN, *_OVER):
        raise missing(row, "state", where, f"one of {', '.join((*_OPEN, *_OVER))}")
    return Placed(
        order_id=text(row, "ordId", where),
        label=str(row.get("clOrdId") or ""),
        instrument=instrument(row, where),
        quantity=_signed(row, "sz", where),
        filled=_signed(row, "accFillSz", where),
        ts=moment(row, "uTime", where),
        ending=_ending(row, state) if state in _OVER else None,
    )


def _ending(row: Row, state: str) -> Ending:
    if state == "filled":
        return Ending.FILLED
    hasty = row.get("ordType") in _HASTY and row.get("cancelSource") != _BY_PERSON
    return Ending.EXPIRED if hasty else Ending.CANCELED


def label(row: Row) -> str:
    """Return an order's label, empty where it has none.

    Raises:
        Malformed: The field itself is missing, which the venue always tells: the
            order may be anybody's, ours too.
    """
    found = row.get("clOrdId")
    if not isinstance(found, str):
        raise missing(row, "clOrdId", "okx order", "a text")
    return found


def resting(row: Row) -> Resting:
    """Return an open order as it lies there; raises Malformed where it cannot even be named."""
    where = "okx open order"
    try:
        left = _signed(row, "sz", where) - _signed(row, "accFillSz", where)
    except Malformed:
        left = None
    return Resting(text(row, "ordId", where), label(row), instrument(row, where), left)


def waiting(row: Row) -> Resting:
    """Return a stop order; one that closes a part of a position tells no amount."""
    where = "okx stop order"
    try:
        left = _signed(row, "sz", where)
    except Malformed:
        left = None
    name = str(row.get("algoClOrdId") or "")
    return Resting(text(row, "algoId", where), name, instrument(row, where), left)


# --- what is held -------------------------------------------------------------


def position(row: Row) -> tuple[str, Decimal, Decimal | None]:
    """Return instrument id, signed contracts and entry price of a position.

    The average price is the one from which profit has not moved into cash: a
    future that settles daily has it moved to the last settlement.

    Raises:
        Malformed: A field is missing, long and short are held apart, or it is a
            pair that was bought on loan: that has no sign of its own.
    """
    where = "okx position"
    if row.get("instType") == "MARGIN":
        raise Malformed(f"{where}: {row.get('instId')} must not be held on loan")
    if row.get("posSide") != "net":
        raise missing(row, "posSide", where, "net: long and short are netted")
    size = decimal(row, "pos", where)
    return instrument(row, where), size, (optional(row, "avgPx") or None) if size else None


def standing(row: Row, crossed: Container[str]) -> Standing:
    """Return one currency of the account.

    What it requires is documented as told "when there is cross position": where
    there is none and the fields are empty, nothing is required.

    Args:
        row: Of the balance.
        crossed: Currencies that margin a position, see `margins`.

    Raises:
        Malformed: A field is missing.
    """
    currency = text(row, "ccy", "okx balance")
    where = f"okx balance of {currency}"
    equity = decimal(row, "eq", where)
    empty = all(row.get(name) == "" for name in ("mmr", "imr", "mgnRatio"))
    idle = empty and currency not in crossed
    maintenance = Decimal(0) if idle else decimal(row, "mmr", where)
    return Standing(
        currency=currency,
        equity=equity,
        margin_balance=_balance(maintenance, optional(row, "mgnRatio"), equity),
        maintenance=maintenance,
        initial=Decimal(0) if idle else decimal(row, "imr", where),
        cash=cash(row),
    )


def margins(held: Sequence[Row]) -> dict[str, None]:
    """Return the currencies in which positions are margined; raises Malformed."""
    where = "okx position"
    return {text(each, "ccy", where): None for each in held if position(each)[1]}


def cash(row: Row) -> Decimal:
    """Return the balance of a currency without open profit and option value; raises Malformed."""
    return decimal(row, "cashBal", "okx balance")


def _balance(maintenance: Decimal, ratio: Decimal | None, else_: Decimal) -> Decimal:
    """Return what counts against the requirement: the venue tells how often that covers it."""
    return maintenance * ratio if ratio is not None and maintenance else else_


def together(account: Row) -> bool:
    """Whether the currencies of an account stand together for losses."""
    return bool(account.get("adjEq"))


def pools(account: Row, details: Sequence[Row], crossed: Container[str]) -> Sequence[PoolFigures]:
    """Return what stands together for losses: each currency, or all of them in USD.

    Args:
        account: The row of the whole account.
        details: Those of its currencies.
        crossed: Currencies that margin a position.

    Raises:
        Malformed: A field is missing.
    """
    if not together(account):
        return [_pool(standing(each, crossed)) for each in details]
    where = "okx account"
    adjusted, maintenance = decimal(account, "adjEq", where), decimal(account, "mmr", where)
    return (
        PoolFigures(
            currency=TOGETHER,
            equity=decimal(account, "totalEq", where),
            balance=_balance(maintenance, optional(account, "mgnRatio"), adjusted),
            maintenance=maintenance,
            initial=decimal(account, "imr", where),
            together=True,
        ),
    )


def _pool(told: Standing) -> PoolFigures:
    return PoolFigures(
        currency=told.currency,
        equity=told.equity,
        balance=told.margin_balance,
        maintenance=told.maintenance,
        initial=told.initial,
    )


def leg(row: Row, *, alone: bool) -> LegFigures:
    """Return what the venue reckons of a position; `alone`: in its own settle currency."""
    lights = optional(row, "adl")
    return LegFigures(
        instrument(row, "okx position"),
        optional(row, "mmr") if alone else None,
        optional(row, "liqPx") or None,
        None if lights is None else float(lights) / MOST_QUEUED,
    )


# --- fields -------------------------------------------------------------------


def in_order(numbered: Iterable[tuple[int, Booked]]) -> list[Booked]:
    """Return bookings by venue time, and of one millisecond by the numbers of their bills.

    What a trade realises depends on those before it, and many share a millisecond.
    """
    told = sorted(numbered, key=lambda each: (each[1].ts_venue or 0, each[0]))
    return [event for _, event in told]


def number(row: Row) -> int:
    """Return the number of a row's bill, which grows with time; raises Malformed."""
    told = text(row, "billId", "okx bill")
    if not (told.isascii() and told.isdigit()):
        raise missing(row, "billId", "okx bill", "a number")
    return int(told)


def instrument(row: Row, where: str) -> str:
    """Return the id of a row's instrument; raises Malformed."""
    return f"{VENUE}:{text(row, 'instId', where)}"


def moment(row: Row, name: str, where: str) -> int:
    """Return a time in ns from a text of ms; raises Malformed."""
    value = row.get(name)
    told = value if isinstance(value, str) else str(value) if type(value) is int else ""
    if not (told.isascii() and told.isdigit()):
        raise missing(row, name, where, "a time in ms")
    return int(told) * MILLISECOND


def _signed(row: Row, name: str, where: str) -> Decimal:
    sign = _SIGNS.get(text(row, "side", where))
    if sign is None:
        raise missing(row, "side", where, "buy or sell")
    return sign * decimal(row, name, where)
