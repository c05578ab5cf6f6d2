"""What the daemon learns of something that the exchange model booked: its records as events."""

from decimal import Decimal

from rebalancer.core.events import (
    AccountEvent,
    CashMoved,
    Delivered,
    Ending,
    Fill,
    Forced,
    FundingPaid,
    OrderAccepted,
    OrderEnded,
    OrderRejected,
    Settled,
)
from rebalancer.core.ids import counted
from rebalancer.exchange import records
from rebalancer.exchange.records import Record

Traded = records.Filled | records.Liquidated | records.AutoDeleveraged

_FLOWS = (records.CashKind.DEPOSIT, records.CashKind.WITHDRAWAL, records.CashKind.TRANSFER)


def translate(record: Record, ts: int) -> AccountEvent | None:
    """Return what the daemon learns at `ts` of something that the model booked.

    None for what no venue would report by itself, or what it reports in other
    words: a liquidation is told by the fills that it makes.
    """
    match record:
        case records.Accepted():
            return OrderAccepted(ts, record.ts, record.client_order_id, record.order_id)
        case records.Rejected():
            return OrderRejected(ts, record.ts, record.client_order_id, record.reason.value)
        case records.Ended():
            how = Ending(record.how.value)
            return OrderEnded(ts, record.ts, record.client_order_id, how, record.filled)
        case records.Filled() | records.Liquidated() | records.AutoDeleveraged():
            return _fill(record, ts)
        case _:
            return _booking(record, ts)


def _fill(record: Traded, ts: int) -> Fill:
    """Return an execution as a venue tells it: one of an order of ours, or a forced one."""
    own = isinstance(record, records.Filled)
    cut = isinstance(record, records.AutoDeleveraged)
    return Fill(
        ts_local=ts,
        ts_venue=record.ts,
        account=record.account,
        instrument=record.instrument,
        trade_id=record.trade_id,
        client_order_id=record.client_order_id if isinstance(record, records.Filled) else None,
        quantity=record.quantity,
        price=record.price,
        fee=Decimal(0) if isinstance(record, records.AutoDeleveraged) else record.fee,
        fee_currency=(
            record.currency if isinstance(record, records.AutoDeleveraged) else record.fee_currency
        ),
        forced=None if own else Forced.DELEVERAGING if cut else Forced.LIQUIDATION,
        number=counted(record.trade_id.rpartition("-")[2]),
    )


def _booking(record: Record, ts: int) -> AccountEvent | None:
    """Return what moved money without a trade; None for everything else."""
    match record:
        case records.FundingBooked():
            return FundingPaid(
                ts,
                record.ts,
                record.account,
                record.instrument,
                record.payment_id,
                record.amount,
                record.currency,
            )
        case records.SessionSettled():
            return Settled(
                ts,
                record.ts,
                record.account,
                record.instrument,
                record.settlement_id,
                record.price,
                abs(record.quantity),
            )
        case records.ContractDelivered():
            return Delivered(
                ts,
                record.ts,
                record.account,
                record.instrument,
                record.delivery_id,
                record.price,
                record.fee,
            )
        case records.CashMoved():
            return CashMoved(
                ts,
                record.ts,
                record.account,
                record.cash_id,
                record.kind.value,
                record.amount,
                record.currency,
                record.kind in _FLOWS,
            )
        case _:
            return None
