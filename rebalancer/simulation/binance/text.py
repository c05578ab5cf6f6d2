"""JSON as Binance writes it: prices and quantities are texts, numbers are whole."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from rebalancer.simulation.binance.errors import Refusal
from rebalancer.simulation.host import Answer

MILLISECOND = 1_000_000  # ns
EIGHT = Decimal("1e-8")
_ENCODER = msgspec.json.Encoder()


def encode(value: Any) -> bytes:
    """Return JSON; decimals must be texts by now."""
    return _ENCODER.encode(value)


def answer(value: Any, status: int = 200) -> Answer:
    """Return a value as the answer to a request."""
    return Answer(status, encode(value))


def milliseconds(ts: int) -> int:
    """Return a time as Binance tells it."""
    return ts // MILLISECOND


def number(value: Decimal) -> str:
    """Return a number digit by digit, without an exponent.

    >>> number(Decimal("1E+3")), number(Decimal("-0.0510"))
    ('1000', '-0.0510')
    """
    return format(value, "f")


def rounded(value: Decimal) -> str:
    """Return a figure with as many digits as the venue tells; its books have more."""
    return format(value.quantize(EIGHT), "f")


def parameters(text: str) -> dict[str, str]:
    """Return the parameters of a query or a form."""
    return dict(parse_qsl(text, keep_blank_values=True))


def word(params: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """Return a parameter; raises `Refusal` where it is missing or empty."""
    value = params.get(name, default)
    if value is None or value == "":
        what = "was not sent, was empty/null, or malformed."
        raise Refusal(-1102, f"Mandatory parameter '{name}' {what}")
    return str(value)


def amount(params: Mapping[str, Any], name: str) -> Decimal | None:
    """Return a parameter that is a number, None where it is not given; raises `Refusal`."""
    value = params.get(name)
    if value is None:
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise Refusal(-1100, f"Illegal characters found in parameter '{name}'.")
    return found


def whole(params: Mapping[str, Any], name: str, default: int) -> int:
    """Return a parameter that is a whole number."""
    found = amount(params, name)
    return default if found is None else int(found)


def flag(params: Mapping[str, Any], name: str) -> bool:
    """Return a parameter that is true or false."""
    return str(params.get(name, "false")).lower() == "true"
