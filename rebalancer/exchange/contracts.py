"""What a contract is worth: the exchange's own value maths, from first principles.

A linear contract of `size` coins is worth size x price in USD. An inverse one
of `size` USD is worth size ÷ price in coins, so its holder gains coins when
the price rises because the same USD then costs fewer of them. Options quote
their premium per coin, in USD if linear and in coin if inverse, and pay
max(sign x (S - strike), 0) per coin, an inverse one divided by S.
"""

from decimal import Decimal

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.exchange.exact import ZERO, quotient


def reciprocal(instrument: Instrument) -> bool:
    """Whether contracts are USD whose worth in coin is size ÷ price (inverse, margined)."""
    return instrument.margined and instrument.inverse


def exposure(instrument: Instrument, quantity: Decimal, price: Decimal) -> tuple[Decimal, Decimal]:
    """Return the worth of `quantity` contracts at `price` as numerator and denominator.

    Args:
        instrument: The contract.
        quantity: Contracts, signed.
        price: Quote currency, > 0; coin per coin for an inverse option.

    Returns:
        Two exact numbers whose quotient is the worth in settle currency,
        signed like the quantity; the denominator is 1 but for an inverse
        perpetual or future.
    """
    if reciprocal(instrument):
        return quantity * instrument.size, price
    return quantity * instrument.size * price, Decimal(1)


def cost(instrument: Instrument, quantity: Decimal, price: Decimal) -> Decimal:
    """Return what `quantity` contracts traded at `price` add to a basis.

    Settle currency, signed like the quantity: exact, but rounded to 1e-12 coin
    where the contract is reciprocal.
    """
    amount = quantity * instrument.size
    return quotient(amount, price) if reciprocal(instrument) else amount * price


def profit(instrument: Instrument, basis: Decimal, now: Decimal) -> Decimal:
    """Return what a position gained between its basis and its worth now.

    Both in settle currency, signed like the position; + is a gain.
    """
    return basis - now if reciprocal(instrument) else now - basis


def entry_price(instrument: Instrument, quantity: Decimal, basis: Decimal) -> Decimal | None:
    """Return the price that a basis stands for, to 1e-12; None where nothing is held."""
    amount = quantity * instrument.size
    numerator, denominator = (amount, basis) if reciprocal(instrument) else (basis, amount)
    return quotient(numerator, denominator) if denominator else None


def payoff(instrument: Instrument, price: Decimal) -> Decimal:
    """Return what one contract of an option pays when it is delivered at `price`.

    Args:
        instrument: An option with its strike and sign.
        price: Delivery price of the underlying, USD per coin, > 0.

    Returns:
        Settle currency, >= 0: coins, rounded to 1e-12, if inverse, else USD.
    """
    strike = ZERO if instrument.strike is None else instrument.strike
    inside = max(instrument.sign * (price - strike), ZERO) * instrument.size
    return quotient(inside, price) if instrument.inverse else inside


def terminal_worth(instrument: Instrument, quantity: Decimal, price: Decimal) -> Decimal:
    """Return the worth of a position at a settlement or delivery price.

    Settle currency, signed: the payoff of options, else as `cost`.
    """
    if instrument.kind is Kind.OPTION:
        return quantity * payoff(instrument, price)
    return cost(instrument, quantity, price)
