"""Bybit's error codes: which of them prove something of an order."""

from collections.abc import Mapping
from typing import Any

from rebalancer.venues.outcome import Codes, Outcome, each


def said(answer: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return code and word of an error."""
    return answer.get("retCode"), answer.get("retMsg", "")


# bybit-exchange.github.io/docs/v5/error, July 2026
PROOFS: Mapping[str, Outcome] = {
    **each(Outcome.REJECTED, "10001 10002 10021 10029"),  # arguments, time window, symbol
    **each(Outcome.REJECTED, "10003 10004 10005 10007 10010 10024 10027 10028 33004"),  # key, user
    **each(Outcome.REJECTED, "110003 110004 110006 110007 110011 110012 110016"),  # price, funds
    **each(Outcome.REJECTED, "110017 110018 110020 110021 110022 110023 110032"),  # limits
    **each(Outcome.REJECTED, "110040 110042 110044 110045 110049 110051 110052"),
    **each(Outcome.REJECTED, "110066 110067 110068 110074 110094 110095 110097"),  # not traded
    **each(Outcome.REJECTED, "170115 170116 170117 170121 170124 170130 170131 170132 170133"),
    **each(Outcome.REJECTED, "170134 170135 170136 170137 170138 170140 170148 170151 170157"),
    **each(Outcome.REJECTED, "170193 170194 170197 170198 170210 170217 170218"),
    **each(Outcome.LIMITED, "10006 10018 10429"),
    **each(Outcome.DUPLICATE, "110072 170141"),
    # 10000 (timeout), 10014 (duplicate request, of which nobody says which), 10016 (server),
    # 10019 (restarting), 110079 (being processed), 170001, 170007 and 170146 (timeouts) prove
    # nothing.
}
CODES = Codes(PROOFS, frozenset(["10003", "10004", "10005", "10007", "10010", "33004"]), said)
