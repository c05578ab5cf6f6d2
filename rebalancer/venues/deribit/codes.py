"""Deribit's error codes: which of them prove something of an order."""

from collections.abc import Mapping
from typing import Any

from rebalancer.venues.outcome import Codes, Outcome, each


def said(answer: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return code and word of a JSON-RPC error."""
    error = answer.get("error")
    if not isinstance(error, dict):
        return None, ""
    data = error.get("data")
    detail = data.get("reason") if isinstance(data, dict) else None
    word = error.get("message", "")
    return error.get("code"), f"{word} {detail}" if detail else word


# docs.deribit.com, "RPC Error Codes", July 2026
PROOFS: Mapping[str, Outcome] = {
    **each(Outcome.REJECTED, "10002 10003"),  # quantity too low, own order opposite
    **each(Outcome.REJECTED, "10005 10006 10007 10008 10011 10023 10026 10043"),  # price
    **each(Outcome.REJECTED, "10009 10032"),  # funds, cost too low
    **each(Outcome.REJECTED, "10012 13019"),  # book closed
    **each(Outcome.REJECTED, "10013 10014 10015 10016 10017 10018 10019"),  # account's limits
    **each(Outcome.REJECTED, "10020 13020"),  # no such instrument
    **each(Outcome.REJECTED, "10021 10022 10024 10027 10031 10036"),  # amount, arguments
    **each(Outcome.REJECTED, "10041"),  # settlement: "that time trading is paused"
    **each(Outcome.REJECTED, "11029 11030 11037 11038 11039 11043 11046 11047 11048 11049"),
    **each(Outcome.REJECTED, "11050 11054"),  # not parsed; post-only would have crossed
    **each(Outcome.REJECTED, "9999 10000 11042 13002 13004 13009 13012 13021"),  # key
    **each(Outcome.REJECTED, "-32602 -32601 -32700 -32000"),  # JSON-RPC: not understood
    **each(Outcome.LIMITED, "10028 10047 10066"),
    # 10001 error, 10040 retry, 11031 other_error, 11051 maintenance ("system is under
    # maintenance", and no word of orders), 11094 internal, 13028 and 13888 (too
    # slow) prove nothing.
}
CODES = Codes(
    PROOFS, frozenset(["9999", "10000", "11042", "13002", "13004", "13009", "13012", "13021"]), said
)
