"""Deribit rows: its raw orders, trades, positions, summaries and log lines as our records.

Shapes are those of docs.deribit.com (v2.1.1) and of the recorded payloads in
`raw/payloads_deribit.jsonl.gz`. An amount is USD for an inverse perpetual or
future and coins for everything else; it is never multiplied by `contract_size`.
A position's `size` carries its sign, an order's and a trade's `direction` gives it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from rebalancer.core.events import (
    AccountEvent,
    CashMoved,
    Delivered,
    Ending,
    Fill,
    Forced,
    FundingPaid,
    Settled,
)
from rebalancer.core.figures import TOGETHER, LegFigures, PoolFigures
from rebalancer.core.ids import counted
from rebalancer.venues.accounts import Placed, Resting, Standing
from rebalancer.venues.deribit.deliveries import delivered_at
from rebalancer.venues.outcome import Malformed
from rebalancer.venues.payloads import Row, decimal, missing, moment, optional, text

VENUE = "deribit"
AGREES = Decimal("0.000001")  # of a currency: figures that the venue rounds to 8 digits or 6
_SIGNS = {"buy": 1, "sell": -1}
_WAITING = ("untriggered", "triggered")  # stop orders; they fill nothing, and tell no such figure
_STATES = ("open", *_WAITING, "filled", "cancelled", "rejected")
_HASTY = ("immediate_or_cancel", "fill_or_kill")  # whose rest expires by itself
_LIQUIDATION = "liquidation"  # on no list of types, but a word to ask the log by
_FLOWS = ("deposit", "withdrawal", "transfer")  # log types by which somebody brings or takes coins
_BY_PERSON = "user_request"

_NEAR = Decimal("1e-7")  # of the settle currency: what the figures of a position are rounded by


@dataclass(frozen=True, slots=True)
class Reader:
    """What must be known to turn rows into events of an account."""

    account: str
    ours: Callable[[str], bool]  # whether a label is one of our client order ids

    def fill(self, row: Row, ts: int) -> Fill:
        """Return a trade of the account as it is learnt at `ts`; raises Malformed."""
        where = "deribit trade"
        label = row.get("label")
        mine = isinstance(label, str) and bool(label) and self.ours(label)
        return Fill(
            ts_local=ts,
            ts_venue=moment(row, "timestamp", where),
            account=self.account,
            instrument=_instrument(row, where),
            trade_id=text(row, "trade_id", where),
            client_order_id=label if mine else None,
            quantity=_signed(row, "amount", where),
            price=decimal(row, "price", where),
            fee=decimal(row, "fee", where),
            fee_currency=text(row, "fee_currency", where),
            forced=Forced.LIQUIDATION if _liquidated(row) else None,
            number=counted(str(row.get("trade_seq"))),
        )

    def bookings(self, row: Row, ts: int) -> Sequence[AccountEvent]:
        """Return what a line of the transaction log moved, as it is learnt at `ts`.

        Nothing for a trade: that is told by its fill, with the label that the
        log leaves out, and its funding by the settlement of the session. A kind
        that is new to us is cash that moved, and so is a delivery at a price that
        cannot be: the position stays, and differs.

        Raises:
            Malformed: A field is missing.
        """
        where = "deribit transaction log"
        kind = text(row, "type", where)
        if _is_trade(row, kind) or kind.endswith("_summary"):
            return ()
        if kind == "settlement":
            return self._settlement(row, ts, where)
        key, at = text(row, "id", where), moment(row, "timestamp", where)
        if kind == "delivery":
            name = _instrument(row, where)
            price = delivered_at(name.partition(":")[2], row)
            if price is not None:
                fee = optional(row, "commission") or Decimal(0)
                return (Delivered(ts, at, self.account, name, key, price, fee),)
        change = decimal(row, "change", where)
        if not change:
            return ()
        currency = text(row, "currency", where)
        flow = kind in _FLOWS
        return (CashMoved(ts, at, self.account, key, kind, change, currency, flow),)

    def _settlement(self, row: Row, ts: int, where: str) -> Sequence[AccountEvent]:
        """Return the funding of a session, then its settlement.

        `total_interest_pl` is the funding of the whole session; `interest_pl` only
        of what the position earned since its last trade, and stands in the lines
        of trades too. The balance moves by all of it here and not before.
        https://docs.deribit.com/api-reference/account-management/private-get_transaction_log
        """
        key, at = text(row, "id", where), moment(row, "timestamp", where)
        name = _instrument(row, where)
        events: list[AccountEvent] = []
        funding = optional(row, "total_interest_pl")
        funding = optional(row, "interest_pl") if funding is None else funding
        if funding:
            currency = text(row, "currency", where)
            events.append(FundingPaid(ts, at, self.account, name, key, funding, currency))
        if not _only_funding(row, funding):
            price, held = decimal(row, "price", where), optional(row, "position")
            size = None if held is None else abs(held)  # its sign is on no page of the documents
            events.append(Settled(ts, at, self.account, name, key, price, size))
        return events


def placed(row: Row) -> Placed:
    """Return an order as the venue shows it; raises Malformed."""
    where = "deribit order"
    state = text(row, "order_state", where)
    if state not in _STATES:
        raise missing(row, "order_state", where, f"one of {', '.join(_STATES)}")
    done = state in ("filled", "cancelled")
    return Placed(
        order_id=text(row, "order_id", where),
        label=str(row.get("label") or ""),
        instrument=_instrument(row, where),
        quantity=_signed(row, "amount", where),
        filled=_filled(row, state, where),
        ts=moment(row, "last_update_timestamp", where),
        ending=_ending(row, state) if done else None,
        rejected=str(row.get("reject_reason") or "rejected") if state == "rejected" else "",
    )


def label(row: Row) -> str:
    """Return an order's label, empty where it has none.

    Raises:
        Malformed: The field itself is missing, which the venue always tells: the
            order may be anybody's, ours too.
    """
    found = row.get("label")
    if not isinstance(found, str):
        raise missing(row, "label", "deribit order", "a text")
    return found


def resting(row: Row) -> Resting:
    """Return an open order as it lies there; raises Malformed where it cannot even be named.

    A person's stop order tells no filled amount, and one that closes a position none at all.
    """
    where = "deribit open order"
    try:
        left = _signed(row, "amount", where) - _filled(row, str(row.get("order_state")), where)
    except Malformed:
        left = None
    return Resting(
        order_id=text(row, "order_id", where),
        label=str(row.get("label") or ""),
        instrument=_instrument(row, where),
        left=left,
    )


def _filled(row: Row, state: str, where: str) -> Decimal:
    if state in _WAITING and "filled_amount" not in row:
        return Decimal(0)
    return _signed(row, "filled_amount", where)


def _ending(row: Row, state: str) -> Ending:
    if state == "filled":
        return Ending.FILLED
    hasty = row.get("time_in_force") in _HASTY and row.get("cancel_reason") != _BY_PERSON
    return Ending.EXPIRED if hasty else Ending.CANCELED


def position(row: Row) -> tuple[str, Decimal, Decimal | None]:
    """Return instrument id, signed contracts and entry price of a position; raises Malformed.

    `direction` must agree with the sign: a size without one would turn a short
    over. The entry is the price from which profit has not moved into cash: the
    average price where that explains the floating profit, else the price that does.
    """
    where = "deribit position"
    size, direction = decimal(row, "size", where), text(row, "direction", where)
    sign = {**_SIGNS, "zero": 0}.get(direction)
    if sign is None or (size and (size > 0) != (sign > 0)):
        raise missing(row, "direction", where, f"the sign of size {size}")
    name = _instrument(row, where)
    return name, size, _entry(row, name, size) if size else None


def _entry(row: Row, name: str, size: Decimal) -> Decimal | None:
    """Return the price that a position's floating profit counts from; None: not told."""
    average, mark = optional(row, "average_price"), optional(row, "mark_price")
    floating = optional(row, "floating_profit_loss")
    if row.get("kind") == "option" or floating is None or not mark:
        return average or None
    if "_" in name:  # linear: profit is size x (mark - entry)
        told = mark - floating / size
        explained = average and abs((mark - average) * size - floating) <= _NEAR * abs(size)
    else:
        told = 1 / (floating / size + 1 / mark)
        explained = average and abs(size / average - size / mark - floating) <= _NEAR
    return average if explained else told


def unsettled_funding(row: Row) -> Decimal:
    """Return the funding of a position that the session realised, its settle currency.

    The venue counts it as realised profit at once and books it at the settlement.
    """
    return optional(row, "realized_funding") or Decimal(0)


def standing(row: Row) -> Standing:
    """Return one currency's summary; raises Malformed.

    Raises:
        Malformed: A figure is missing, or they do not add up: then one of them
            does not mean what we take it for, and no cash may be told.
    """
    where = f"deribit summary of {row.get('currency')}"
    equity, balance = decimal(row, "equity", where), decimal(row, "balance", where)
    cash = balance + _realised(row, where)
    open_profit, options = optional(row, "futures_session_upl"), optional(row, "options_value")
    if open_profit is not None and options is not None:
        gap = equity - cash - open_profit - options
        if abs(gap) > AGREES:
            raise Malformed(f"{where}: equity must be the sum of its parts, was {gap} more")
    return Standing(
        currency=text(row, "currency", where),
        equity=equity,
        margin_balance=decimal(row, "margin_balance", where),
        maintenance=decimal(row, "maintenance_margin", where),
        initial=decimal(row, "initial_margin", where),
        cash=cash,
    )


def pools(summaries: Sequence[Row]) -> Sequence[PoolFigures]:
    """Return what stands together for losses: each currency, or all under cross collateral.

    Under cross collateral each currency is told the account's requirement in its own
    unit, and the totals in USD are what counts.
    """
    for row in summaries:
        cross = str(row.get("margin_model") or "").startswith("cross")
        if cross or row.get("cross_collateral_enabled") is True:
            return (_together(row),)
    return [_pool(standing(each)) for each in summaries]


def _together(row: Row) -> PoolFigures:
    where = "deribit account under cross collateral"
    return PoolFigures(
        currency=TOGETHER,
        equity=decimal(row, "total_equity_usd", where),
        balance=decimal(row, "total_margin_balance_usd", where),
        maintenance=decimal(row, "total_maintenance_margin_usd", where),
        initial=decimal(row, "total_initial_margin_usd", where),
        together=True,
    )


def _pool(told: Standing) -> PoolFigures:
    return PoolFigures(
        currency=told.currency,
        equity=told.equity,
        balance=told.margin_balance,
        maintenance=told.maintenance,
        initial=told.initial,
    )


def leg(row: Row) -> LegFigures:
    """Return what the venue reckons of a position; raises Malformed.

    No price takes down what has none, and for that the venue tells 0 or nothing.
    """
    name = _instrument(row, "deribit position")
    price = optional(row, "estimated_liquidation_price")
    return LegFigures(name, optional(row, "maintenance_margin"), price or None)


def used(row: Row) -> bool:
    """Whether a currency's summary shows that there is anything in it."""
    return any(optional(row, name) for name in ("balance", "equity"))


def _realised(row: Row, where: str) -> Decimal:
    """Return what futures realised in the session; summaries with a shared pool leave it out."""
    futures = optional(row, "futures_session_rpl")
    if futures is not None:
        return futures
    options = optional(row, "options_session_rpl") or Decimal(0)
    return decimal(row, "session_rpl", where) - options


def settle_currency(name: str, currencies: Iterable[str]) -> Sequence[str]:
    """Return the currencies under which an instrument's orders may be listed.

    Args:
        name: Native name, e.g. BTC-PERPETUAL or SOL_USDC-PERPETUAL.
        currencies: All that there are.

    >>> settle_currency("SOL_USDC-PERPETUAL", ("BTC", "USDC"))
    ('USDC',)
    """
    head = name.partition("-")[0]
    own = head.partition("_")[2] or head
    known = tuple(currencies)
    return (own,) if own in known else known


def in_order(events: Iterable[AccountEvent]) -> list[AccountEvent]:
    """Return bookings by venue time; of one instant fills come before what settles them."""
    return sorted(events, key=lambda each: (each.ts_venue or 0, not isinstance(each, Fill)))


def _instrument(row: Row, where: str) -> str:
    return f"{VENUE}:{text(row, 'instrument_name', where)}"


def _signed(row: Row, name: str, where: str) -> Decimal:
    sign = _SIGNS.get(text(row, "direction", where))
    if sign is None:
        raise missing(row, "direction", where, "buy or sell")
    return sign * decimal(row, name, where)


def _is_trade(row: Row, kind: str) -> bool:
    """Whether a fill tells what a log line does: that of a liquidation names its trade."""
    return kind == "trade" or (kind == _LIQUIDATION and bool(row.get("trade_id")))


def _only_funding(row: Row, funding: Decimal | None) -> bool:
    """Whether a settlement line moved funding and no profit: the session goes on."""
    profits = [optional(row, name) for name in ("session_rpl", "session_upl")]
    return bool(funding) and funding == optional(row, "change") and profits == [0, 0]


def _liquidated(row: Row) -> bool:
    """Whether our side of a trade was under liquidation, and not the other."""
    side, role = row.get("liquidation"), row.get("liquidity")
    return isinstance(side, str) and isinstance(role, str) and bool(role) and role in side
