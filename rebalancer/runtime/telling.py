"""Telling: what the log hears of events and decisions, one line each."""

from typing import Any

from rebalancer.core.decision import Action, Decision
from rebalancer.core.events import (
    CashMoved,
    Delivered,
    Described,
    Event,
    Fill,
    FundingPaid,
    Operator,
    OrderRejected,
    OrderUnknown,
    OutsideTold,
    Settled,
)
from rebalancer.core.knobs import Tuned
from rebalancer.ports import Log

TUNED = Tuned.__name__  # journal key of what an operator changed of the settings


def key_of(event: Event) -> str:
    """Return what an event is found by in the journal."""
    if isinstance(event, Tuned):
        return TUNED
    for name in ("client_order_id", "instrument", "who", "source"):
        if value := getattr(event, name, None):
            return str(value)
    return type(event).__name__


def tell_decision(log: Log, decision: Decision) -> None:
    """Log an order, its withdrawal or a refusal with what it rests on."""
    facts: dict[str, Any] = {
        "seq": decision.sequence,
        "underlying": decision.underlying,
        "net_delta": round(decision.net_delta, 6),
        "lower": round(decision.lower, 6),
        "upper": round(decision.upper, 6),
        "reason": decision.reason,
    }
    if decision.action is Action.ORDER:
        log.info(
            "hedge.submitted",
            **facts,
            instrument=decision.instrument,
            quantity=decision.allowed,
            limit_price=decision.limit_price,
            client_order_id=decision.client_order_id,
            style=decision.style,
            hurried=decision.hurried,
        )
        return
    if decision.action is Action.WITHDRAW:
        log.info(
            "order.cancelled",
            **facts,
            instrument=decision.instrument,
            rest=decision.wanted,
            client_order_id=decision.client_order_id,
        )
        return
    binding = next((v for v in decision.verdicts if v.reason is decision.reason), None)
    if binding is not None:
        facts |= {"guard": binding.guard, "measured": binding.measured, "limit": binding.limit}
    log.warning("hedge.refused", **facts, instrument=decision.instrument)


def tell(log: Log, event: Event) -> None:
    """Log what the account was told."""
    match event:
        case Fill():
            log.info(
                "order.filled",
                instrument=event.instrument,
                quantity=event.quantity,
                price=event.price,
                fee=event.fee,
                client_order_id=event.client_order_id,
            )
        case OrderRejected() | OrderUnknown():
            said = "order.rejected" if isinstance(event, OrderRejected) else "order.unknown"
            log.warning(said, client_order_id=event.client_order_id, reason=event.reason)
        case FundingPaid():
            log.info("funding.paid", instrument=event.instrument, amount=event.amount)
        case Settled():
            log.info("position.settled", instrument=event.instrument, price=event.price)
        case Delivered():
            log.info("position.delivered", instrument=event.instrument, price=event.price)
        case CashMoved():
            log.info(
                "cash.moved",
                account=event.account,
                kind=event.kind,
                amount=event.amount,
                currency=event.currency,
            )
        case Described():
            log.info("instrument.met", instrument=event.described.id)
        case OutsideTold():
            log.info("holdings.told", source=event.source, count=len(event.held))
        case Operator():
            log.info("operator.commanded", verb=event.verb, reason=event.reason, who=event.who)
        case Tuned():
            changes = [f"{each.name}: {each.before:g} to {each.after:g}" for each in event.changes]
            log.warning("config.changed", changes=changes, reason=event.reason, who=event.who)
        case _:
            log.debug("account.told", type=type(event).__name__, key=key_of(event))
