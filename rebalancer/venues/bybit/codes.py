"""Bybit's error codes: which of them prove something of an order."""

from collections.abc import Mapping
from typing import Any

from rebalancer.venues.outcome import Codes, Outcome, each


def said(answer: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return code and word of an error."""
    return answer.get("retCode"), answer.get("retMsg", "")


# bybit-exchange.github.io, v5 "Error Codes"; 10016 "system error" proves nothing
PROOFS: Mapping[str, Outcome] = {
    **each(Outcome.REJECTED, "10001 10002 10003 10004 10005 110003 110004 110007 110012"),
    **each(Outcome.REJECTED, "110017 110094 170131 170136 170140"),
    **each(Outcome.LIMITED, "10006 10018"),
    **each(Outcome.DUPLICATE, "110072 170141"),
}
CODES = Codes(PROOFS, frozenset(["10003", "10004", "10005"]), said)
