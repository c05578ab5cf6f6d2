"""Positions: what an account holds of one instrument, and what that is worth.

Profit that has not yet moved into cash is kept as a *basis* instead of an entry
price: a linear contract's basis is what its coins cost in USD, an inverse
contract's is the coins that its USD bought. A basis adds up exactly where an
average price would round, and it is the very number that the delta needs (an
inverse position's dollar delta *is* its basis).
"""

from dataclasses import dataclass, replace
from decimal import Context, Decimal, localcontext

from rebalancer.core.instruments import Instrument

QUANTUM = Decimal("1e-12")  # finest amount of any currency that a division may leave
EXACT = Context(prec=60)  # wide enough that products of venue numbers never round
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Position:
    """What an account holds of one instrument."""

    quantity: Decimal = _ZERO  # contracts, signed
    basis: Decimal = _ZERO  # settle currency, signed like the quantity; see the module
    hedge: Decimal = _ZERO  # part of the quantity that our own orders put there, contracts


def worth(instrument: Instrument, quantity: Decimal, price: Decimal) -> Decimal:
    """Return the basis that `quantity` contracts have when traded at `price`.

    Args:
        instrument: The contract.
        quantity: Contracts, signed.
        price: Quote currency, > 0; for an inverse option coin per coin.

    Returns:
        Settle currency, signed like the quantity: coins for an inverse
        perpetual or future (rounded to 1e-12), otherwise size x price exactly.
    """
    with localcontext(EXACT):
        if instrument.inverse and instrument.margined:
            return (quantity * instrument.size / price).quantize(QUANTUM)
        return quantity * instrument.size * price


def open_profit(instrument: Instrument, position: Position, price: Decimal) -> Decimal:
    """Return the profit of a perpetual or future that is not yet cash.

    Args:
        instrument: The contract; 0 for one that is paid in full.
        position: Quantity and basis held.
        price: Mark, USD per coin, > 0.

    Returns:
        Settle currency, + is a gain.
    """
    if not instrument.margined:
        return _ZERO
    now = worth(instrument, position.quantity, price)
    with localcontext(EXACT):
        return position.basis - now if instrument.inverse else now - position.basis


def entry_price(instrument: Instrument, position: Position) -> Decimal | None:
    """Return the price at which the basis was made; None where nothing is held.

    Quote currency per coin; for an inverse option coin per coin.
    """
    if not position.quantity or not position.basis:
        return None
    size = position.quantity * instrument.size
    inverse = instrument.inverse and instrument.margined
    return size / position.basis if inverse else position.basis / size


def payoff(instrument: Instrument, price: Decimal) -> Decimal:
    """Return what one contract of an option pays at its settlement price.

    Settle currency, >= 0: coins (rounded to 1e-12) if inverse, else USD.
    """
    strike = instrument.strike if instrument.strike is not None else _ZERO
    with localcontext(EXACT):
        inside = max(instrument.sign * (price - strike), _ZERO) * instrument.size
        return (inside / price).quantize(QUANTUM) if instrument.inverse else inside


def release(position: Position, closed: Decimal) -> Decimal:
    """Return the part of the basis that belongs to `closed` contracts (sign of the position)."""
    if closed == position.quantity:
        return position.basis
    with localcontext(EXACT):
        return (position.basis * closed / position.quantity).quantize(QUANTUM)


def joined(held: Position, coins: Decimal) -> Position:
    """Return a pair's position after coins came or went without a trade.

    They are worth what each of those beside them cost, or nothing where there are
    none: nothing was earned or lost by it. Both as they are told again at a start,
    when nobody knows the price of then.
    """
    if not held.quantity:
        return replace(held, quantity=coins)
    with localcontext(EXACT):
        share = (held.basis * coins / held.quantity).quantize(QUANTUM)
        return replace(held, quantity=held.quantity + coins, basis=held.basis + share)


def traded(
    before: Position, instrument: Instrument, quantity: Decimal, price: Decimal, hedge: Decimal
) -> tuple[Position, Decimal]:
    """Return a position after an execution, and the profit that it realised.

    Args:
        before: The position.
        instrument: Its contract.
        quantity: Contracts, signed.
        price: Quote currency, > 0.
        hedge: Part of the quantity that counts as put there, or taken away, by hedging.
    """
    turned = before.quantity * quantity < 0
    closing = min(abs(quantity), abs(before.quantity)) if turned else _ZERO
    closed = closing.copy_sign(before.quantity)  # contracts that leave, sign of the position
    released = release(before, closed) if closing else _ZERO
    proceeds, opened = worth(instrument, closed, price), worth(instrument, quantity, price)
    with localcontext(EXACT):
        profit = proceeds - released
        after = Position(
            quantity=before.quantity + quantity,
            # What opened is the trade without what closed: rounding the two by
            # themselves would lose a unit where a fill turns a position over.
            basis=before.basis - released + opened + proceeds,
            hedge=before.hedge + hedge,
        )
    return after, -profit if instrument.inverse and instrument.margined else profit
