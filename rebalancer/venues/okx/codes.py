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


# okx.com/docs-v5, "Error Code", 2025
KEY = (
    "50100 50101 50103 50104 50105 50106 50107 50110 50111 50112 50113 50114 50119 50120"
    " 50030 50035"
)
PROOFS: Mapping[str, Outcome] = {
    **each(Outcome.REJECTED, KEY),
    **each(Outcome.REJECTED, "50102"),  # signed too early or too late: not looked at
    **each(Outcome.REJECTED, "50000 50002 50006 50014 50015 50016 50024 50025"),  # not understood
    **each(Outcome.REJECTED, "50036 50037"),  # after the time that it names
    **each(Outcome.REJECTED, "50007 50008 50009 50010 50012 50027 50028 50029 50032 50033"),
    **each(Outcome.REJECTED, "50017 50018 50019 50020 50021 50022 50023"),  # frozen for a while
    **each(Outcome.REJECTED, "50038 50041 50051 50052 50059 50060 51155"),  # not for this account
    **each(Outcome.REJECTED, "51000 51002 51003 51010 51012 51014 51015 51024 51026 51150"),
    **each(Outcome.REJECTED, "51001 51021 51022 51027 51028 51029 51030 51087"),  # its book
    **each(Outcome.REJECTED, "51004 51005 51007 51020 51025 51033 51101 51102 51103 51104"),
    **each(Outcome.REJECTED, "51105 51106 51107 51120 51121 51174 51185 51186 51187 51203"),
    **each(Outcome.REJECTED, "51006 51031 51116 51122 51135 51136 51137 51138 51204"),  # price
    **each(Outcome.REJECTED, "51008 51009 51017 51018 51019 51127 51129 51131 51147"),  # funds
    **each(Outcome.REJECTED, "51037 51038 51111 51112 51119 51124 51128 51130"),
    **each(Outcome.REJECTED, "51133 51134 51139 51148 51169 51170 51205 51206"),  # reduce-only
    **each(Outcome.LIMITED, "50011 50040 50061"),
    **each(Outcome.DUPLICATE, "51016"),
    # 50001 unavailable, 50004 timeout ("does not mean that the request was successful or
    # failed"), 50005, 50013 busy (HTTP 429, but no word that nothing was done), 50026 system
    # error, 50042 repeated request, 51011 order id exists, 51054 and 51149 timed out prove nothing.
}
CODES = Codes(PROOFS, frozenset(KEY.split()), said)
