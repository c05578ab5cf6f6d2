"""Telling: what the log hears of events and decisions, one line each."""

from typing import Any

from rebalancer.core.decision import Action, Decision, Reason
from rebalancer.core.events import (
    CashMoved,
    Delivered,
    Described,
    Event,
    Fill,
    FundingPaid,
    Operator,
    OrderAccepted,
    OrderEnded,
    OrderEvent,
    OrderNotFound,
    OrderRejected,
    OrderUnknown,
    OutsideTold,
    Reconciled,
    Settled,
)
from rebalancer.core.knobs import Tuned
from rebalancer.core.standing import Standing
from rebalancer.ports import Log

TUNED = Tuned.__name__  # journal key of what an operator changed of the settings
_PROTECTS = (Reason.MARGIN_RATIO, Reason.LIQUIDATION_NEAR, Reason.LIQUIDATION_LIKELY)


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
        protects = decision.reason in _PROTECTS
        say = log.warning if protects else log.info
        say(
            "protect.submitted" if protects else "hedge.submitted",
            **facts,
            instrument=decision.instrument,
            quantity=decision.allowed,
            limit_price=decision.limit_price,
            client_order_id=decision.client_order_id,
            style=decision.style,
            hurried=decision.hurried,
        )
        _tell_capped(log, decision)
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
    bound = (
        {}
        if binding is None
        else {"guard": binding.guard, "measured": binding.measured, "limit": binding.limit}
    )
    log.warning("hedge.refused", **facts, **bound, instrument=decision.instrument)


def _tell_capped(log: Log, decision: Decision) -> None:
    """Log which guard let only a part of a hedge pass, where one did."""
    allowed, wanted = decision.allowed, decision.wanted
    caps = [each for each in decision.verdicts if each.reason is not None]
    if allowed is None or wanted is None or abs(allowed) >= abs(wanted) or not caps:
        return
    binding = min(caps, key=lambda each: each.allows)
    log.info(
        "hedge.capped",
        seq=decision.sequence,
        underlying=decision.underlying,
        guard=binding.guard,
        reason=binding.reason,
        measured=binding.measured,
        limit=binding.limit,
        wanted=wanted,
        allowed=allowed,
        client_order_id=decision.client_order_id,
    )


def tell_latch(log: Log, standing: Standing, *, killed: bool) -> None:
    """Log that the trading state changed; `killed`: whether everything was stopped before."""
    log.warning("state.changed", state=standing.mode, reason=standing.reason)
    if standing.killed and not killed:
        log.error("kill.engaged", reason=standing.reason, action="arm --reason when it is safe")
    elif killed and not standing.killed:
        log.warning("kill.cleared", reason=standing.reason)


def tell(log: Log, event: Event) -> None:
    """Log what the account was told."""
    match event:
        case OrderAccepted() | OrderEnded() | OrderNotFound() | OrderRejected() | OrderUnknown():
            _tell_order(log, event)
        case Fill():
            log.info(
                "order.filled",
                instrument=event.instrument,
                quantity=event.quantity,
                price=event.price,
                fee=event.fee,
                client_order_id=event.client_order_id,
            )
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
        case Reconciled() if not event.differences:
            log.debug("reconcile.agreed")
        case Operator():
            log.info("operator.commanded", verb=event.verb, reason=event.reason, who=event.who)
        case Tuned():
            changes = [f"{each.name}: {each.before:g} to {each.after:g}" for each in event.changes]
            log.warning("config.changed", changes=changes, reason=event.reason, who=event.who)
        case _:
            log.debug("account.told", type=type(event).__name__, key=key_of(event))


def _tell_order(log: Log, event: OrderEvent) -> None:
    """Log what became of an order."""
    name = event.client_order_id
    match event:
        case OrderAccepted():
            log.info("order.accepted", client_order_id=name, venue_order_id=event.venue_order_id)
        case OrderEnded():
            log.info("order.ended", client_order_id=name, how=event.how, filled=event.filled)
        case OrderNotFound():
            log.info("order.missing", client_order_id=name)
        case OrderUnknown():
            log.warning("order.unknown", client_order_id=name, reason=event.reason)
        case OrderRejected():
            said = "order.rejected" if event.sent else "hedge.discarded"
            log.warning(said, client_order_id=name, reason=event.reason)
