"""JSON-RPC 2.0 as Deribit speaks it: frames and queries in, envelopes out.

Numbers leave as the exchange model has them, digit by digit, and arrive as
decimals: nothing is rounded on the way.
"""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from rebalancer.simulation.deribit.errors import Refusal, invalid
from rebalancer.simulation.host import Answer, Call, Request
from rebalancer.simulation.line import Line

PREFIX = "/api/v2"
_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def encode(value: Any) -> bytes:
    """Return JSON; decimals are numbers."""
    return _ENCODER.encode(value)


def read_request(request: Request, now: int) -> Call:
    """Return the call of an HTTP request: the method is its path, or stands in its body."""
    method = request.path.removeprefix(PREFIX).strip("/")
    if request.method != "POST":
        return Call(method, dict(request.query), request=request, received=now)
    try:
        told = _DECODER.decode(request.body or b"{}")
    except msgspec.DecodeError:
        return Call(method, {}, request=request, received=now, fault="parse")
    if not isinstance(told, dict):
        return Call(method, {}, request=request, received=now, fault="request")
    params = told.get("params", {} if "method" in told else told)
    named = str(told.get("method") or method)
    return Call(named, params or {}, told.get("id"), request=request, received=now)


def read_frame(line: Line, text: bytes, now: int) -> Call:
    """Return the call of a websocket frame."""
    try:
        told = _DECODER.decode(text)
    except msgspec.DecodeError:
        return Call("", {}, line=line, received=now, fault="parse")
    if not isinstance(told, dict) or not isinstance(told.get("method"), str):
        key = told.get("id") if isinstance(told, dict) else None
        return Call("", {}, key, line=line, received=now, fault="request")
    return Call(told["method"], told.get("params") or {}, told.get("id"), line, received=now)


def result(call: Call, value: Any, now: int) -> Answer:
    """Return the envelope of a result."""
    return Answer(200, encode({**_head(call), "result": value, **_tail(call, now)}))


def error(call: Call, refusal: Refusal, now: int) -> Answer:
    """Return the envelope of an error."""
    told: dict[str, Any] = {"message": refusal.message, "code": refusal.code}
    if refusal.data is not None:
        told["data"] = refusal.data
    body = encode({**_head(call), "error": told, **_tail(call, now)})
    return Answer(refusal.status, body)


def notification(channel: str, data: Any) -> bytes:
    """Return the message of a subscription."""
    params = {"channel": channel, "data": data}
    return encode({"jsonrpc": "2.0", "method": "subscription", "params": params})


def heartbeat(kind: str) -> bytes:
    """Return a heartbeat: `heartbeat`, or `test_request`, which must be answered."""
    return encode({"jsonrpc": "2.0", "method": "heartbeat", "params": {"type": kind}})


def _head(call: Call) -> dict[str, Any]:
    return {"jsonrpc": "2.0"} if call.key is None else {"jsonrpc": "2.0", "id": call.key}


def _tail(call: Call, now: int) -> dict[str, Any]:
    start, end = call.received // 1_000, now // 1_000
    return {"usIn": start, "usOut": end, "usDiff": end - start, "testnet": False}


# --- parameters ---------------------------------------------------------------


def text(params: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """Return a parameter that is a word.

    Raises:
        Refusal: It is missing, or no word.
    """
    value = params.get(name, default)
    if value is None or isinstance(value, dict | list):
        raise invalid(name, "value required")
    return str(value)


def flag(params: Mapping[str, Any], name: str, default: bool = False) -> bool:
    """Return a parameter that is true or false."""
    value = params.get(name, default)
    if isinstance(value, str):
        return value.lower() == "true"
    return bool(value)


def amount(params: Mapping[str, Any], name: str) -> Decimal | None:
    """Return a parameter that is a number, None where it is not given.

    Raises:
        Refusal: It is no number.
    """
    value = params.get(name)
    if value is None:
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise invalid(name, "invalid format") from None
    if not number.is_finite():
        raise invalid(name, "invalid format")
    return number


def whole(params: Mapping[str, Any], name: str, default: int) -> int:
    """Return a parameter that is a whole number."""
    number = amount(params, name)
    return default if number is None else int(number)


def words(params: Mapping[str, Any], name: str) -> Sequence[str]:
    """Return a parameter that is a list of words, as JSON where it came in a query."""
    value = params.get(name)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = value.split(",")
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise invalid(name, "value required")
    return value
