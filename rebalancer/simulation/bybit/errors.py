"""Bybit's error codes, and which of them says what the exchange model refused.

Source:
    https://bybit-exchange.github.io/docs/v5/error
"""

from collections.abc import Mapping

from rebalancer.exchange.records import RejectReason

MESSAGES: Mapping[int, str] = {
    10001: "params error",
    10002: "invalid request, please check your server timestamp or recv_window param",
    10003: "API key is invalid.",
    10004: "error sign! please check your signature generation algorithm.",
    10005: "Permission denied, please check your API key permissions.",
    10006: "Too many visits. Exceeded the API Rate Limit.",
    10016: "Server error.",
    10017: "Route not found.",
    110001: "order not exists or too late to cancel",
    110003: "Order price exceeds the allowable range.",
    110007: "ab not enough for new order",
    110017: "current position is zero, cannot fix reduce-only order qty",
    110066: "Trading is currently not allowed.",
    110072: "OrderLinkedID is duplicate",
    110074: "This contract is not live",
    110094: "Order notional value below the lower limit.",
    170121: "Invalid symbol.",
    170131: "Insufficient balance.",
    170141: "Duplicate clientOrderId.",
    170213: "Order does not exist.",
}


class Refusal(Exception):
    """The venue refuses a request: nothing was done.

    Args:
        code: Bybit's.
        message: Where Bybit says more than the name of the code.
    """

    def __init__(self, code: int, message: str | None = None) -> None:
        self.code = code
        self.message = MESSAGES.get(code, "error") if message is None else message
        super().__init__(f"{code} {self.message}")


def invalid(parameter: str, reason: str) -> Refusal:
    """Return the refusal of a parameter that makes no sense."""
    return Refusal(10001, f"params error: {parameter} {reason}")


_REJECTS: Mapping[RejectReason, int] = {
    RejectReason.EXPIRED_INSTRUMENT: 110074,
    RejectReason.BELOW_NOTIONAL: 110094,
    RejectReason.OUTSIDE_PRICE_BAND: 110003,
    RejectReason.INSUFFICIENT_MARGIN: 110007,
    RejectReason.INSUFFICIENT_BALANCE: 110007,
    RejectReason.REDUCE_ONLY_WOULD_INCREASE: 110017,
}
_PAIRS: Mapping[int, int] = {110007: 170131, 110072: 170141, 110001: 170213, 10001: 170121}


def of_category(code: int, category: str) -> int:
    """Return the code of a pair where Bybit has another for it."""
    return _PAIRS.get(code, code) if category == "spot" else code


def of_reject(reason: RejectReason, category: str) -> Refusal:
    """Return how Bybit says what the exchange model refused."""
    code = _REJECTS.get(reason)
    if code is None:
        return Refusal(10001, f"params error: {reason.value}")
    return Refusal(of_category(code, category))
