"""Binance's error codes: which of them prove something of an order."""

from collections.abc import Mapping
from typing import Any

from rebalancer.venues.outcome import Codes, Outcome, each


def said(answer: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return code and word of an error."""
    return answer.get("code"), answer.get("msg", "")


# developers.binance.com, USD-M "Error Code"; -1000 … -1007 and -1008 prove nothing
PROOFS: Mapping[str, Outcome] = {
    **each(Outcome.REJECTED, "-1013 -1021 -1022 -1102 -1106 -1111 -1116 -1117 -1121"),
    **each(Outcome.REJECTED, "-2010 -2014 -2015 -2018 -2019 -2021 -2022 -2027"),
    **each(Outcome.REJECTED, "-4003 -4004 -4005 -4014 -4023 -4061 -4131 -4164 -5021 -5022"),
    **each(Outcome.LIMITED, "-1003 -1015"),
    **each(Outcome.DUPLICATE, "-4116"),
}
CODES = Codes(PROOFS, frozenset(["-2014", "-2015", "-1022"]), said)
