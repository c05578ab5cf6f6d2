"""REST as OKX speaks it: a method is a verb and a path; every number in an answer is a text."""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from rebalancer.simulation.host import Answer, Call, Request
from rebalancer.simulation.okx.codes import Refusal, parameter

PREFIX = "/api/v5/"
_ENCODER = msgspec.json.Encoder()


def encode(value: Any) -> bytes:
    """Return JSON."""
    return _ENCODER.encode(value)


def told(number: Decimal | float | int | None) -> str:
    """Return a number as a text without an exponent; None is an empty one.

    >>> told(Decimal("1E-8")), told(None), told(0.65)
    ('0.00000001', '', '0.65')
    """
    if number is None:
        return ""
    exact = number if isinstance(number, Decimal) else Decimal(repr(number))
    text = format(exact, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def read(request: Request, now: int) -> Call:
    """Return the call of an HTTP request, its parameters from the query or from the body."""
    method = f"{request.method} {request.path.removeprefix(PREFIX).strip('/')}"
    if request.method != "POST":
        return Call(method, dict(request.query), request=request, received=now)
    try:
        body = msgspec.json.decode(request.body or b"{}")
    except msgspec.DecodeError:
        return Call(method, {}, request=request, received=now, fault="body")
    listed = body if isinstance(body, list) else [body]
    if not all(isinstance(each, dict) for each in listed):
        return Call(method, {}, request=request, received=now, fault="body")
    return Call(method, {"each": listed}, request=request, received=now)


def answer(data: Sequence[Any], code: str = "0", message: str = "") -> Answer:
    """Return the envelope of an answer."""
    return Answer(200, encode({"code": code, "data": list(data), "msg": message}))


def refused(refusal: Refusal) -> Answer:
    """Return the envelope of a refusal."""
    told = {"code": refusal.code, "data": [], "msg": refusal.message}
    return Answer(refusal.status, encode(told))


# --- parameters ---------------------------------------------------------------


def text(params: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """Return a parameter that is a word.

    Raises:
        Refusal: It is missing, or no word.
    """
    value = params.get(name, default)
    if value is None or isinstance(value, dict | list) or (value == "" and default is None):
        raise Refusal("50014", f"Parameter {name} can not be empty")
    return str(value)


def flag(params: Mapping[str, Any], name: str) -> bool:
    """Return a parameter that is true or false."""
    return str(params.get(name, "false")).lower() == "true"


def amount(params: Mapping[str, Any], name: str) -> Decimal | None:
    """Return a parameter that is a number, None where it is not given.

    Raises:
        Refusal: It is no number.
    """
    value = params.get(name)
    if value in (None, ""):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise parameter(name) from None
    if not number.is_finite():
        raise parameter(name)
    return number


def whole(params: Mapping[str, Any], name: str, default: int) -> int:
    """Return a parameter that is a whole number."""
    number = amount(params, name)
    return default if number is None else int(number)
