"""Decimal arithmetic that refuses to lose a digit, and the one division that rounds.

Sums and products of venue numbers are finite; inside `exactly` one that does
not fit raises `decimal.Inexact` instead of rounding in silence. Division is
not finite, so it happens in `quotient` only, to a stated quantum.
"""

from collections.abc import Callable
from decimal import (
    ROUND_CEILING,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
    getcontext,
    localcontext,
    setcontext,
)
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

ZERO = Decimal(0)
QUANTUM = Decimal("1e-12")  # finest amount of a currency that a division may leave
FINE = Decimal("1e-24")  # finest amount that is owed but not yet booked

EXACT = Context(prec=120, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
_WIDE = Context(prec=240, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero])


def exactly(call: Callable[P, T]) -> Callable[P, T]:
    """Make `call` compute without rounding, whatever the caller's decimal context."""

    @wraps(call)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        outer = getcontext()
        if outer is EXACT:
            return call(*args, **kwargs)
        setcontext(EXACT)
        try:
            return call(*args, **kwargs)
        finally:
            setcontext(outer)

    return run


def quotient(numerator: Decimal, denominator: Decimal, quantum: Decimal = QUANTUM) -> Decimal:
    """Return numerator ÷ denominator to a multiple of `quantum`, ties to even.

    Opposite numerators give opposite quotients: no side of a trade gains by it.

    >>> quotient(Decimal(1), Decimal(3))
    Decimal('0.333333333333')
    """
    return _WIDE.quantize(_WIDE.divide(numerator, denominator), quantum)


def ceiling(amount: float) -> Decimal:
    """Return what a model guessed as an amount of money, rounded up to a multiple of 1e-12.

    >>> ceiling(0.1 + 0.2)
    Decimal('0.300000000001')
    """
    with localcontext(_WIDE) as context:
        context.rounding = ROUND_CEILING
        return Decimal(repr(float(amount))).quantize(QUANTUM)


def floor_to(amount: Decimal, step: Decimal) -> Decimal:
    """Return the largest multiple of `step` that is not above `amount`, both >= 0."""
    return amount // step * step


def positive(number: Decimal) -> bool:
    """Whether a number is finite and above zero."""
    return number.is_finite() and number > ZERO
