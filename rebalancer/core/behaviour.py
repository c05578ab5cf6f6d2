"""Behaviour: what the book did of late, counted, and the signs that hedging does not work.

Turnover, fees and funding of a day, when orders left, what each hedge did to
net delta, and what was earned or lost. It outlives a restart: a limit that a
restart would forget is none.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from rebalancer.core import breaker as breakers
from rebalancer.core import counters, performance
from rebalancer.core.breaker import Breaker, Effect
from rebalancer.core.commands import Alert, Purpose, Severity, Submit
from rebalancer.core.counters import Counter
from rebalancer.core.events import Fill, FundingPaid, OrderAccepted, OrderRejected
from rebalancer.core.instruments import STABLE, Instrument
from rebalancer.core.params import BehaviourParams
from rebalancer.core.performance import Performance

DEAREST = Decimal("0.001")  # of what was traded: what spot asks of a taker at the venues named
MINUTE = 60_000_000_000  # ns
ASKED = 0.5  # of a gap: if somebody's trades of the hedge made it, no market asked for ours


@dataclass(frozen=True, slots=True)
class Awaited:
    """A hedge whose effect on net delta is still to be seen."""

    client_order_id: str
    ts: int  # ns, when it was decided
    price: float  # index then, USD per coin
    before: float  # delta then of everything but options, coins


@dataclass(slots=True)
class Behaviour:
    """What the book did; written by the functions below only."""

    turnover: Counter = field(default_factory=Counter)  # USD traded by orders of ours
    fees: Counter = field(default_factory=Counter)  # USD paid, − received
    funding: Counter = field(default_factory=Counter)  # USD paid, − received
    performance: Performance = field(default_factory=Performance)
    breakers: dict[str, Breaker] = field(default_factory=dict)  # by underlying
    ordered: dict[str, deque[int]] = field(default_factory=dict)  # hedges of the last minute, ns
    awaited: dict[str, Awaited] = field(default_factory=dict)  # by underlying
    fought: dict[str, float] = field(default_factory=dict)  # underlying → coins that somebody
    #   else traded of its hedge since our last order
    placed: dict[str, str] = field(default_factory=dict)  # underlying → where its leg was moved to
    flipped: dict[str, int] = field(default_factory=dict)  # underlying → ns of its leg's last move
    kept_at: int | None = None  # ns as of which an earlier start kept this; None: it is new
    unasked: dict[str, str] = field(default_factory=dict)  # underlying → id of its last hedge,
    #   if it only answers somebody who trades the hedge too

    def breaker(self, underlying: str) -> Breaker:
        """Return the breaker of an underlying."""
        return self.breakers.setdefault(underlying, Breaker())


def order(told: Behaviour, submit: Submit, price: float, deltas: tuple[float, float]) -> None:
    """Note an order that is about to leave.

    Args:
        told: Is written.
        submit: The order.
        price: Index, USD per coin.
        deltas: Before it, coins: net delta, and that of everything but options.
    """
    if submit.purpose is not Purpose.HEDGE:
        return
    net, straight = deltas
    fought = told.fought.pop(submit.underlying, 0.0)
    if abs(fought) >= ASKED * abs(net):
        told.unasked[submit.underlying] = submit.client_order_id
    else:
        told.unasked.pop(submit.underlying, None)
    times = told.ordered.setdefault(submit.underlying, deque())
    times.append(submit.decided_at)
    while times[0] <= submit.decided_at - MINUTE:
        times.popleft()
    told.awaited[submit.underlying] = Awaited(
        submit.client_order_id, submit.decided_at, price, straight
    )


def fill(
    told: Behaviour,
    event: Fill,
    instrument: Instrument,
    prices: tuple[float | None, float | None],
) -> None:
    """Count an execution of an order of ours.

    A fee in something that nobody prices, such as a venue's own coin, counts as the
    dearest that venues ask of a taker: a cap must not sleep by it.

    Args:
        told: Is written.
        event: The execution.
        instrument: Of it.
        prices: Of the coin, and of what the fee is paid in, USD; None: nobody told.
    """
    price, unit = prices
    size = abs(event.quantity) * instrument.size
    paid = size if instrument.inverse and instrument.margined else size * event.price
    rate = Decimal(1) if instrument.settle in STABLE else _decimal(price)
    if not (instrument.inverse and instrument.margined) and instrument.settle not in STABLE:
        paid *= rate
    counters.add(told.turnover, event.ts_local, paid)
    if event.fee_currency in STABLE:
        fee = event.fee
    elif unit is None:
        fee = paid * DEAREST if event.fee > 0 else Decimal(0)
    else:
        fee = event.fee * _decimal(unit)
    counters.add(told.fees, event.ts_local, fee)


def funding(told: Behaviour, event: FundingPaid, price: float | None) -> None:
    """Count funding; `price` of its currency, USD, None: nobody told."""
    rate = Decimal(1) if event.currency in STABLE else _decimal(price)
    counters.add(told.funding, event.ts_local, -event.amount * rate)


def _decimal(price: float | None) -> Decimal:
    return Decimal(0) if price is None else Decimal(repr(price))


def hedged(
    told: Behaviour, submit: Submit, ts: int, coins: float, params: BehaviourParams
) -> str | None:
    """Note what a fill added to net delta; return why hedging must end, or None.

    Hedges that a market asked for may go to and fro: near a strike they must.
    """
    underlying = submit.underlying
    if told.unasked.get(underlying) != submit.client_order_id:
        return None
    return breakers.hedged(told.breaker(underlying), ts, coins, params.breaker)


def foreign(told: Behaviour, underlying: str, coins: float, *, fights: bool) -> None:
    """Note what somebody else traded, coins of delta: it is no effect of the hedge before it.

    But trades of the hedge itself (`fights`) take back what we did.
    """
    if fights:
        told.fought[underlying] = told.fought.get(underlying, 0.0) + coins
        return
    awaited = told.awaited.get(underlying)
    if awaited is not None:
        told.awaited[underlying] = replace(awaited, before=awaited.before + coins)


def answered(
    told: Behaviour,
    event: OrderAccepted | OrderRejected,
    underlying: str,
    params: BehaviourParams,
) -> str | None:
    """Note a venue's answer to an order; return why hedging must end, or None."""
    own = told.breaker(underlying)
    if isinstance(event, OrderAccepted):
        breakers.accepted(own)
        return None
    return breakers.rejected(own, params.breaker) if event.sent else None


def effect(
    told: Behaviour, underlying: str, added: float, measured: float, params: BehaviourParams
) -> str | None:
    """Note what a hedge did, once what is held after it is known.

    Args:
        told: Is written: the hedge is awaited no more.
        underlying: Of it.
        added: What its fills must have added to net delta, coins.
        measured: Net delta of what is held now, at the price and time of its decision.
        params: How much to bear.

    Returns:
        Why hedging must end, or None.
    """
    awaited = told.awaited.pop(underlying)
    seen = Effect(awaited.before, awaited.before + added, measured)
    return breakers.settled(told.breaker(underlying), seen, params.breaker)


def forgive(told: Behaviour) -> None:
    """Begin anew: a person has looked."""
    for own in told.breakers.values():
        breakers.armed(own)
    performance.accept(told.performance)


def alarm(event: str, underlying: str, why: str) -> Iterable[Alert]:
    """Yield what a person must hear of an underlying that is halted by its own behaviour."""
    yield Alert(Severity.ERROR, event, underlying, f"{why}; hedging stops until a person arms")
