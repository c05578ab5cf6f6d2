"""Binance's error codes: which of them prove something of an order.

A code is one for all that spot refuses at the matching engine (-2010), so that there
the text tells a duplicate from the rest. ccxt keeps of some answers the text alone.
"""

from collections.abc import Mapping
from typing import Any

from rebalancer.venues.outcome import Codes, Outcome, each

TWICE, CLOSED = "Duplicate order sent.", "Market is closed."


def said(answer: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return code and word of an error; some of spot, which share theirs, have codes of ours."""
    code, word = answer.get("code"), answer.get("msg", "")
    if str(code) == "-2010" and word == TWICE:
        return "duplicate", word
    return ("closed" if str(code) in ("-1013", "-2010") and word == CLOSED else code), word


# developers.binance.com, "Error Code" of spot, USD-M and COIN-M, July 2026
PROOFS: Mapping[str, Outcome] = {
    **each(Outcome.REJECTED, "-1002 -1011 -1013 -1014 -1020"),  # not allowed, filter, order type
    **each(Outcome.REJECTED, "-1021 -1022 -5028"),  # outside the recvWindow; signature
    **each(Outcome.REJECTED, "-1100 -1101 -1102 -1103 -1104 -1105 -1106 -1108 -1109"),  # arguments
    **each(Outcome.REJECTED, "-1111 -1112 -1114 -1115 -1116 -1117 -1118 -1121 -1128 -1130"),
    **each(Outcome.REJECTED, "-2010 -2014 -2015 -2018 -2019 -2020 -2021 -2022 -2023"),
    **each(Outcome.REJECTED, "-2024 -2025 -2026 -2027 -2028"),  # margin, leverage, reduce-only
    **each(Outcome.REJECTED, "-4000 -4001 -4002 -4003 -4004 -4005 -4006 -4007 -4013 -4014"),
    **each(Outcome.REJECTED, "-4015 -4016 -4023 -4024 -4029 -4030 -4055 -4061 -4062"),
    **each(Outcome.REJECTED, "-4082 -4087 -4088 -4109 -4118 -4131 -4140 -4141 -4164"),
    **each(Outcome.REJECTED, "-4183 -4184 -4192 -4400 -4401 -5021 -5022 -5026 -5037"),
    **each(Outcome.REJECTED, "closed"),
    **each(Outcome.LIMITED, "-1003 -1015"),
    **each(Outcome.DUPLICATE, "-4116 duplicate"),
    # -1000 unknown, -1001 disconnected, -1006 unexpected response ("execution status unknown"),
    # -1007 timeout, -1008 overloaded, -1016 shutting down and -4188 prove nothing.
}
WORDS: Mapping[str, str] = {
    "Account has insufficient balance for requested action.": "-2010",
    "Order would immediately match and take.": "-2010",
    "Order would trigger immediately.": "-2021",
    CLOSED: "closed",
    "This symbol is not permitted for this account.": "-2010",
    "Rest API trading is not enabled.": "-2010",
    "System is under maintenance.": "maintenance",
    "API key does not exist": "-2014",
}
CODES = Codes(PROOFS, frozenset(["-2014", "-2015", "-1022", "-1002"]), said, words=WORDS)
