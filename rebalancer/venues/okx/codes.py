"""OKX's error codes: which of them prove something of an order."""

from collections.abc import Mapping
from typing import Any

from rebalancer.venues.outcome import Codes, Outcome, each


def said(answer: Mapping[str, Any]) -> tuple[Any, Any]:
    """Read an order's own code: the outer one only says that some failed."""
    data = answer.get("data")
    first = data[0] if isinstance(data, list) and data and isinstance(data[0], dict) else {}
    if first.get("sCode"):
        return first["sCode"], first.get("sMsg", "")
    return answer.get("code"), answer.get("msg", "")


# okx.com/docs-v5, "Error Code"; 50004 and 51149 prove nothing
PROOFS: Mapping[str, Outcome] = {
    **each(Outcome.REJECTED, "50101 50102 50103 50105 50111 50113 51000 51001 51008"),
    **each(Outcome.REJECTED, "51020 51119 51121 51131 51169"),
    **each(Outcome.LIMITED, "50011 50013 50061"),
    **each(Outcome.DUPLICATE, "51016"),
}
CODES = Codes(PROOFS, frozenset(["50105", "50111", "50113"]), said)
