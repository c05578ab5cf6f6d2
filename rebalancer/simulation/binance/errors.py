"""Binance's error codes, and which of them says what the exchange model refused.

Source:
    https://developers.binance.com/docs/derivatives/usds-margined-futures/error-code
    https://developers.binance.com/docs/binance-spot-api-docs/errors
"""

from collections.abc import Mapping

from rebalancer.exchange.records import RejectReason

TOO_MANY, BUSY, GONE = -1003, -1008, -1016
WORDS: Mapping[int, str] = {
    -1000: "An unknown error occurred while processing the request.",
    -1001: "Internal error; unable to process your request. Please try again.",
    TOO_MANY: "Too many requests; current limit is 2400 requests per minute.",
    -1006: "An unexpected response was received from the message bus. Execution status unknown.",
    -1007: "Timeout waiting for response from backend server. Send status unknown; "
    "execution status unknown.",
    BUSY: "Server is currently overloaded with other requests. Please try again in a few minutes.",
    GONE: "This service is no longer available.",
    -1021: "Timestamp for this request is outside of the recvWindow.",
    -1022: "Signature for this request is not valid.",
    -1111: "Precision is over the maximum defined for this asset.",
    -1115: "Invalid timeInForce.",
    -1116: "Invalid orderType.",
    -1117: "Invalid side.",
    -1121: "Invalid symbol.",
    -1130: "Data sent for a parameter is not valid.",
    -1125: "This listenKey does not exist.",
    -2011: "Unknown order sent.",
    -2013: "Order does not exist.",
    -2014: "API-key format invalid.",
    -2015: "Invalid API-key, IP, or permissions for action.",
    -2019: "Margin is insufficient.",
    -2022: "ReduceOnly Order is rejected.",
    -4003: "Quantity less than or equal to zero.",
    -4005: "Quantity greater than max quantity.",
    -4014: "Price not increased by tick size.",
    -4015: "Client order id is not valid.",
    -4016: "Limit price can't be beyond the price band.",
    -4061: "Order's position side does not match user's setting.",
    -4116: "ClientOrderId is duplicated.",
    -4141: "Symbol is closed.",
    -4164: "Order's notional must be no smaller than the minimum (unless you choose reduce only).",
    -5022: "Due to the order could not be executed as maker, the Post Only order will be rejected.",
}
STATUS: Mapping[int, int] = {TOO_MANY: 429, -2014: 401, -2015: 401, GONE: 503, BUSY: 503}


class Refusal(Exception):
    """The venue refuses a request: nothing was done.

    Args:
        code: Binance's.
        word: Where it says more than the usual.
    """

    def __init__(self, code: int, word: str = "") -> None:
        self.code, self.word = code, word or WORDS.get(code, "Unknown error.")
        super().__init__(f"{code} {self.word}")

    @property
    def status(self) -> int:
        """HTTP status that goes with it."""
        return STATUS.get(self.code, 400)


_FUTURES: Mapping[RejectReason, int] = {
    RejectReason.UNKNOWN_INSTRUMENT: -1121,
    RejectReason.EXPIRED_INSTRUMENT: -1121,
    RejectReason.BELOW_MINIMUM: -4003,
    RejectReason.BAD_LOT: -1111,
    RejectReason.BAD_TICK: -4014,
    RejectReason.BELOW_NOTIONAL: -4164,
    RejectReason.ABOVE_MAXIMUM: -4005,
    RejectReason.OUTSIDE_PRICE_BAND: -4016,
    RejectReason.INSUFFICIENT_MARGIN: -2019,
    RejectReason.INSUFFICIENT_BALANCE: -2019,
    RejectReason.REDUCE_ONLY_WOULD_INCREASE: -2022,
    RejectReason.POST_ONLY_WOULD_CROSS: -5022,
}
_SPOT: Mapping[RejectReason, tuple[int, str]] = {
    RejectReason.UNKNOWN_INSTRUMENT: (-1121, ""),
    RejectReason.EXPIRED_INSTRUMENT: (-1121, ""),
    RejectReason.BELOW_MINIMUM: (-1013, "Filter failure: LOT_SIZE"),
    RejectReason.BAD_LOT: (-1013, "Filter failure: LOT_SIZE"),
    RejectReason.BAD_TICK: (-1013, "Filter failure: PRICE_FILTER"),
    RejectReason.BELOW_NOTIONAL: (-1013, "Filter failure: NOTIONAL"),
    RejectReason.ABOVE_MAXIMUM: (-1013, "Filter failure: LOT_SIZE"),
    RejectReason.OUTSIDE_PRICE_BAND: (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    RejectReason.INSUFFICIENT_MARGIN: (
        -2010,
        "Account has insufficient balance for requested action.",
    ),
    RejectReason.INSUFFICIENT_BALANCE: (
        -2010,
        "Account has insufficient balance for requested action.",
    ),
    RejectReason.POST_ONLY_WOULD_CROSS: (-2010, "Order would immediately match and take."),
}


def of_reject(reason: RejectReason, *, spot: bool) -> Refusal:
    """Return how Binance says what the exchange model refused."""
    if spot:
        return Refusal(*_SPOT.get(reason, (-1001, "")))
    return Refusal(_FUTURES.get(reason, -1001))
