"""OKX's error codes, and which of them says what the exchange model refused.

Source:
    https://www.okx.com/docs-v5/en/#error-code
"""

from collections.abc import Mapping

from rebalancer.exchange.records import RejectReason

MESSAGES: Mapping[str, str] = {
    "50000": "Body can not be empty",
    "50001": "Service temporarily unavailable, please try again later",
    "50004": "Endpoint request timeout",
    "50011": "Too Many Requests",
    "50013": "Systems are busy. Please try again later.",
    "50014": "Parameter can not be empty",
    "50026": "System error, please try again later",
    "50036": "The expTime can't be earlier than the current system time",
    "50061": "You've reached the maximum order rate limit for this account",
    "50102": "Timestamp request expired",
    "50103": "Request header OK-ACCESS-KEY can not be empty",
    "50105": "Request header OK-ACCESS-PASSPHRASE incorrect",
    "50107": "Request header OK-ACCESS-TIMESTAMP can not be empty",
    "50111": "Invalid OK-ACCESS-KEY",
    "50113": "Invalid Sign",
    "50120": "This API key doesn't have permission to use this function",
    "51000": "Parameter error",
    "51001": "Instrument ID does not exist",
    "51006": "Order price is not within the price limit",
    "51008": "Order failed. Insufficient margin in account",
    "51010": "Request unsupported under current account mode",
    "51016": "Client order ID already exists",
    "51020": "Your order should meet or exceed the minimum order amount",
    "51022": "Contract suspended",
    "51027": "Contract expired",
    "51029": "Contract is being settled",
    "51121": "Order quantity must be a multiple of the lot size",
    "51169": "Order failed because you have no position in this direction to reduce",
    "51400": "Cancellation failed as the order has been filled, canceled or does not exist",
    "51603": "Order does not exist",
    "60004": "Invalid timestamp",
    "60005": "Invalid apiKey",
    "60006": "Timestamp request expired",
    "60007": "Invalid sign",
    "60011": "Please log in",
    "60012": "Illegal request",
    "60018": "Wrong URL or channel",
    "60024": "Wrong passphrase",
}
STATUS: Mapping[str, int] = {
    **dict.fromkeys(("50102", "50103", "50105", "50107", "50111", "50113"), 401),
    "50000": 400,
    "50001": 503,
    "50004": 400,
    "50011": 429,
    "50013": 429,
    "50014": 400,
    "50026": 500,
    "51000": 400,
}
ELSEWHERE = {"11094": "50026"}  # what the chassis calls an error of the server itself


class Refusal(Exception):
    """The venue refuses a request: nothing was done.

    Args:
        code: OKX's.
        message: Where OKX says more than its usual words.
    """

    def __init__(self, code: str, message: str = "") -> None:
        self.code = code
        self.message = message or MESSAGES.get(code, "Operation failed.")
        super().__init__(f"{code} {self.message}")

    @property
    def status(self) -> int:
        """HTTP status that goes with it."""
        return STATUS.get(self.code, 200)


def parameter(name: str) -> Refusal:
    """Return the refusal of a parameter that makes no sense."""
    return Refusal("51000", f"Parameter {name} error")


_REJECTS: Mapping[RejectReason, str] = {
    RejectReason.UNKNOWN_INSTRUMENT: "51001",
    RejectReason.EXPIRED_INSTRUMENT: "51027",
    RejectReason.BELOW_MINIMUM: "51020",
    RejectReason.BELOW_NOTIONAL: "51020",
    RejectReason.BAD_LOT: "51121",
    RejectReason.INSUFFICIENT_MARGIN: "51008",
    RejectReason.INSUFFICIENT_BALANCE: "51008",
    RejectReason.OUTSIDE_PRICE_BAND: "51006",
    RejectReason.REDUCE_ONLY_WOULD_INCREASE: "51169",
}


def of_reject(reason: RejectReason) -> Refusal:
    """Return how OKX says what the exchange model refused.

    It takes a post-only order that would cross and cancels it; here it is refused.
    """
    if reason in (RejectReason.BAD_TICK, RejectReason.POST_ONLY_WOULD_CROSS):
        return parameter("px")
    return Refusal(_REJECTS.get(reason, "50026"))
