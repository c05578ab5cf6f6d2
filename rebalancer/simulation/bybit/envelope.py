"""Requests and answers: HTTP and frames read into calls, results wrapped, parameters read."""

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from rebalancer.simulation.bybit.errors import Refusal, invalid
from rebalancer.simulation.host import Answer, Call, Request
from rebalancer.simulation.line import Line

MILLISECOND = 1_000_000  # ns
PUBLIC, READS, WRITES = "public/", "private/get/", "private/post/"
_OPEN = ("market/", "system/")  # what anybody may ask


def read_request(request: Request, received: int) -> Call:
    """Return the call that an HTTP request is."""
    path = request.path.strip("/").removeprefix("v5/")
    if request.method == "POST":
        params, fault = _body(request.body)
        return Call(f"{WRITES}{path}", params, request=request, received=received, fault=fault)
    family = PUBLIC if path.startswith(_OPEN) else READS
    return Call(f"{family}{path}", dict(request.query), request=request, received=received)


def _body(body: bytes) -> tuple[Mapping[str, Any], str]:
    try:
        told = json.loads(body or b"{}")
    except ValueError:
        return {}, "no JSON"
    return (told, "") if isinstance(told, dict) else ({}, "no object")


def read_frame(line: Line, frame: bytes, received: int) -> Call:
    """Return the call that a frame is."""
    params, fault = _body(frame)
    op = str(params.get("op", ""))
    return Call(f"ws/{op}", params, params.get("req_id"), line, received=received, fault=fault)


def result(value: Any, now: int) -> Answer:
    """Return an answer that something was done or told."""
    told = {"retCode": 0, "retMsg": "OK", "result": value, "retExtInfo": {}}
    return Answer(200, encode({**told, "time": now // MILLISECOND}))


def error(refusal: Refusal, now: int) -> Answer:
    """Return an answer that nothing was done; Bybit says so with status 200."""
    told = {"retCode": refusal.code, "retMsg": refusal.message, "result": {}, "retExtInfo": {}}
    return Answer(200, encode({**told, "time": now // MILLISECOND}))


def encode(value: Any) -> bytes:
    """Return JSON in which every decimal is a plain text."""
    return json.dumps(value, default=plain, separators=(",", ":")).encode()


def plain(number: Any) -> str:
    """Return a decimal as text without an exponent."""
    if not isinstance(number, Decimal):
        raise TypeError(f"must be a decimal, was {type(number).__name__}")
    text = format(number, "f")
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


# --- parameters ---------------------------------------------------------------


def text(params: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """Return a parameter that is a word.

    Raises:
        Refusal: It is missing, or no word.
    """
    value = params.get(name, default)
    if value is None or isinstance(value, dict | list):
        raise invalid(name, "is required")
    return str(value)


def amount(params: Mapping[str, Any], name: str) -> Decimal | None:
    """Return a parameter that is a number, None where it is not given.

    Raises:
        Refusal: It is no number.
    """
    value = params.get(name)
    if value is None or value == "":
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise invalid(name, "is no number") from None
    if not number.is_finite():
        raise invalid(name, "is no number")
    return number


def whole(params: Mapping[str, Any], name: str, default: int) -> int:
    """Return a parameter that is a whole number."""
    number = amount(params, name)
    return default if number is None else int(number)


def page(params: Mapping[str, Any], found: list[Any], limits: tuple[int, int]) -> dict[str, Any]:
    """Return one page of rows and the cursor of the next one; "" where there is none.

    Args:
        params: `limit` and `cursor` of it.
        found: All rows.
        limits: Of a page where none is asked for, and the most.
    """
    least, most = limits
    count = whole(params, "limit", least)
    if not 1 <= count <= most:
        raise invalid("limit", f"must be 1 to {most}")
    cursor = text(params, "cursor", "")
    word, _, number = cursor.partition(":")
    if cursor and (word != "page" or not number.isdigit()):
        raise invalid("cursor", "is none")
    first = int(number or 0)
    after = first + count
    more = f"page%3A{after}" if len(found) > after else ""
    return {"list": found[first:after], "nextPageCursor": more}
