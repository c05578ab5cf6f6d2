"""Deribit's error codes, and which of them says what the exchange model refused.

Source:
    https://docs.deribit.com/#rpc-error-codes
"""

from collections.abc import Mapping
from typing import Any

from rebalancer.exchange.records import RejectReason

MESSAGES: Mapping[int, str] = {
    10001: "error",
    10002: "qty_too_low",
    10004: "order_not_found",
    10005: "price_too_low",
    10007: "price_too_high",
    10009: "not_enough_funds",
    10012: "book_closed",
    10020: "invalid_or_unsupported_instrument",
    10021: "invalid_amount",
    10023: "invalid_price",
    10028: "too_many_requests",
    10030: "must_be_websocket_request",
    10033: "not_implemented",
    10040: "retry",
    10041: "settlement_in_progress",
    10043: "price_wrong_tick",
    10044: "stop_price_wrong_tick",
    10047: "matching_engine_queue_full",
    11029: "invalid_arguments",
    11030: "other_reject",
    11044: "not_open_order",
    11050: "bad_request",
    11051: "system_maintenance",
    11054: "post_only_reject",
    11094: "internal_server_error",
    13004: "invalid_credentials",
    13009: "unauthorized",
    13020: "not_found",
    13021: "forbidden",
    13778: "raw_subscriptions_not_available_for_unauthorized",
    13888: "timed_out",
    -32600: "Invalid Request",
    -32601: "Method not found",
    -32602: "Invalid params",
    -32700: "Parse error",
}
STATUS: Mapping[int, int] = {10028: 429, 13009: 401, 13021: 403, 11094: 500, 11051: 503}


class Refusal(Exception):
    """The venue refuses a request: nothing was done.

    Args:
        code: Deribit's.
        data: More of it, as Deribit adds it.
        message: Where Deribit says more than the name of the code.
    """

    def __init__(
        self, code: int, data: Mapping[str, Any] | None = None, message: str | None = None
    ) -> None:
        self.code, self.data = code, data
        self.message = MESSAGES.get(code, "error") if message is None else message
        super().__init__(f"{code} {self.message}")

    @property
    def status(self) -> int:
        """HTTP status that goes with it."""
        return STATUS.get(self.code, 400)


def invalid(parameter: str, reason: str) -> Refusal:
    """Return the refusal of a parameter that makes no sense."""
    return Refusal(-32602, {"param": parameter, "reason": reason})


_REJECTS: Mapping[RejectReason, int] = {
    RejectReason.UNKNOWN_INSTRUMENT: 10020,
    RejectReason.EXPIRED_INSTRUMENT: 10012,
    RejectReason.BELOW_MINIMUM: 10002,
    RejectReason.BELOW_NOTIONAL: 10002,
    RejectReason.ABOVE_MAXIMUM: 10021,
    RejectReason.BAD_TICK: 10043,
    RejectReason.INSUFFICIENT_MARGIN: 10009,
    RejectReason.INSUFFICIENT_BALANCE: 10009,
    RejectReason.POST_ONLY_WOULD_CROSS: 11054,
}


def of_reject(reason: RejectReason, *, buys: bool) -> Refusal:
    """Return how Deribit says what the exchange model refused."""
    match reason:
        case RejectReason.BAD_LOT:
            return invalid("amount", "must be a multiple of contract size")
        case RejectReason.OUTSIDE_PRICE_BAND:
            return Refusal(10007 if buys else 10005)
        case RejectReason.REDUCE_ONLY_WOULD_INCREASE:
            return Refusal(11030, message="other_reject reduce_only")
        case _:  # 10040: the market is not there yet
            return Refusal(_REJECTS.get(reason, 10040))
