"""Execution: how a hedge reaches its venue, and when an order that rests must come back.

    ioc        takes all of it at once, within the collar
    post_only  joins the best price of its own side, and is taken when patience is over
    chase      the same, and follows the best price where that leaves it behind
    twap       takes a slice now and then

Patience saves fees and half a spread, and is paid for in delta that stays open:
what hurries ends it. Nothing here sends anything. An order is never changed: it
is withdrawn, and only once its end is proved is the next one decided, anew.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from rebalancer.core.band import SLACK, Band
from rebalancer.core.commands import Style, TimeInForce
from rebalancer.core.decision import Reason
from rebalancer.core.events import Quote
from rebalancer.core.instruments import Instrument
from rebalancer.core.memory import Attempt
from rebalancer.core.params import ExecutionParams
from rebalancer.core.sizing import lots

FAILED = 2  # orders that should rest and come to nothing in a row, until one takes
JUMP = 3.0  # deviations of a minute's return
STAMP = 30_000_000_000  # ns before a funding stamp in which nobody waits to close what pays
BACK = 0.1  # of a half-width: so far inside again a need is gone, not only flickering
LEAST = 2_000_000_000  # ns between two prices of one hedge


@dataclass(frozen=True, slots=True)
class Plan:
    """How the next order is executed."""

    style: Style
    hurried: Reason | None = None  # why it is not as patient as the settings are


@dataclass(frozen=True, slots=True)
class Pressure:
    """What may hurry a hedge."""

    widths: float  # net delta less the aim, half-widths of that side of the band
    exceeds: bool  # whether it is beyond the limit of net delta
    strained: bool  # whether the margin of a hedge account is thin
    deviations: float  # last minute's move of the index ÷ what it usually is; 0: unknown
    curved: bool  # whether options near their expiry turn delta fast
    stamp: int | None  # ns to a funding stamp that the hedge would spare; None: no such


@dataclass(frozen=True, slots=True)
class Terms:
    """What an order says of how it is executed."""

    lifetime: TimeInForce
    price: Decimal  # quote currency
    quantity: Decimal  # contracts, signed
    hurried: Reason | None


def hurry(own: ExecutionParams, now: Pressure) -> Reason | None:
    """Return why a hedge must not wait, or None."""
    found = (
        (now.exceeds, Reason.LIMIT_EXCEEDED),
        (now.strained, Reason.MARGIN_STRAINED),
        (now.widths >= own.urgent, Reason.FAR_OUTSIDE),
        (abs(now.deviations) > JUMP, Reason.PRICE_JUMPED),
        (now.curved, Reason.EXPIRY_NEAR),
        (now.stamp is not None and now.stamp <= STAMP, Reason.FUNDING_NEAR),
    )
    return next((reason for holds, reason in found if holds), None)


def plan(
    own: ExecutionParams, attempt: Attempt | None, unrested: int, hurries: Reason | None, ts: int
) -> Plan:
    """Return how the next order of a hedge is executed.

    Args:
        own: Settings of the underlying.
        attempt: Since when it is tried; None: it begins.
        unrested: Orders in a row that should rest and came to nothing, of this hedge or before.
        hurries: From `hurry`.
        ts: ns.
    """
    if own.style is Style.IOC:
        return Plan(Style.IOC)
    why = hurries
    if why is None and attempt is not None:
        why = over(own, attempt, ts)
    if why is None and own.style is not Style.TWAP and unrested >= FAILED:
        why = Reason.NOTHING_RESTS
    return Plan(own.style) if why is None else Plan(Style.IOC, why)


def over(own: ExecutionParams, attempt: Attempt, ts: int) -> Reason | None:
    """Return that the patience with a hedge is over at `ts` (ns), or None."""
    return Reason.PATIENCE_OVER if ts - attempt.since >= own.patience else None


def waits(own: ExecutionParams, told: Plan, attempt: Attempt | None, ts: int) -> bool:
    """Whether the next slice has to wait for its time, `ts` in ns."""
    if told.style is not Style.TWAP or attempt is None or attempt.sliced_at is None:
        return False
    return ts - attempt.sliced_at < own.every


def terms(
    own: ExecutionParams, told: Plan, quote: Quote | None, instrument: Instrument, most: Terms
) -> Terms:
    """Return what the next order says.

    Args:
        own: Settings of the underlying.
        told: From `plan`.
        quote: Top of the instrument's book; None: nobody told.
        instrument: Tick, lot and smallest order.
        most: All of it, taken at the collar's worst price.

    Returns:
        The order that takes, whole or a slice, or the one that rests: at the best
        price of its own side, `offset_ticks` behind it, never across, and never
        beyond the worst price. A book with one side lets nothing rest.
    """
    if told.style is Style.TWAP:
        return _sliced(own, quote, instrument, most)
    if told.style is Style.IOC or quote is None:
        return most
    if quote.bid is None or quote.ask is None:
        return Terms(most.lifetime, most.price, most.quantity, Reason.NOTHING_RESTS)
    price = resting_price(own, quote, instrument, most.price, buys=most.quantity > 0)
    return Terms(TimeInForce.POST_ONLY, price, most.quantity, told.hurried)


def resting_price(
    own: ExecutionParams, quote: Quote, instrument: Instrument, worst: Decimal, *, buys: bool
) -> Decimal:
    """Return where an order would rest now, on a tick; a side that is empty leaves `worst`."""
    side, tick = quote.bid if buys else quote.ask, instrument.tick
    if side is None:
        return worst
    away = own.offset_ticks * tick
    if buys:
        price = (min(side - away, worst) / tick).to_integral_value(ROUND_FLOOR) * tick
        return price if price > 0 else tick
    return (max(side + away, worst) / tick).to_integral_value(ROUND_CEILING) * tick


def _sliced(
    own: ExecutionParams, quote: Quote | None, instrument: Instrument, most: Terms
) -> Terms:
    """Return one slice of an order that takes: at least the smallest that the venue takes."""
    sizes = [abs(most.quantity)]
    if own.slice is not None:
        sizes.append(Decimal(repr(own.slice / coins_of(instrument, most.price))))
    shown = None if quote is None else quote.ask_size if most.quantity > 0 else quote.bid_size
    if shown is not None:
        sizes.append(shown * Decimal(repr(own.participation)))
    size = max(lots(instrument, min(sizes)), min(instrument.minimum, sizes[0]))
    return Terms(most.lifetime, most.price, size.copy_sign(most.quantity), most.hurried)


def coins_of(instrument: Instrument, price: Decimal) -> float:
    """Return the coins of one contract at a price in USD, > 0."""
    size = float(instrument.size)
    return size / float(price) if instrument.inverse else size


@dataclass(frozen=True, slots=True)
class Resting:
    """An order that rests, and the delta it would leave."""

    price: Decimal  # its own
    buys: bool
    since: int  # ns
    net: float  # net delta now, coins
    filled: float  # coins of delta that its fills added
    rest: float  # coins of delta that its rest would add
    lot: float = 0.0  # coins of delta of one lot: an end is not told more exactly


def unneeded(band: Band, order: Resting, *, outside: bool) -> bool:
    """Whether what an order was sent for is gone, so that its rest would do no good.

    Net delta came back into its band by itself and a little further, whatever the
    order has filled; or all that is left of the order would not bring it nearer
    to its aim, or would carry it out of the band at the far edge.

    Args:
        band: As it stands now.
        order: What rests.
        outside: Whether it was sent because net delta was outside its band.
    """
    aim, after = band.aim, order.net + order.rest
    if abs(after - aim) >= abs(order.net - aim) - SLACK:
        return True
    past = after - band.upper if order.rest > 0 else band.lower - after
    if past > (SLACK if band.contains(order.net) else order.lot + SLACK):
        return True
    if not outside:
        return False
    alone = order.net - order.filled
    inner = Band(aim, aim + (band.lower - aim) * (1 - BACK), aim + (band.upper - aim) * (1 - BACK))
    return inner.contains(alone)


def behind(own: ExecutionParams, order: Resting, target: Decimal, tick: Decimal, ts: int) -> bool:
    """Whether an order that follows the best price fell behind it.

    Args:
        own: Settings of the underlying.
        order: What rests.
        target: Where it would rest now, from `resting_price`.
        tick: Of the instrument.
        ts: ns.

    Returns:
        False for one that is alone at its price or nearer: it goes first.
    """
    age = ts - order.since
    if own.style is not Style.CHASE or age < LEAST:
        return False
    gap = (target - order.price if order.buys else order.price - target) / tick
    return gap > 0 and (age >= own.reprice or gap > own.drift_ticks)
