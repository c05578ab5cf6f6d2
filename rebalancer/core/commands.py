"""What `hedger.step` asks of the world: the only ways out of the core."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class TimeInForce(StrEnum):
    """How long an order may stay on the book."""

    IOC = "ioc"  # fill what is there, cancel the rest
    GTC = "gtc"  # rest until canceled
    POST_ONLY = "post_only"  # rest or be rejected, never take


class Style(StrEnum):
    """How a hedge is executed, while nothing hurries."""

    IOC = "ioc"  # takes all of it at once
    POST_ONLY = "post_only"  # rests at the best price of its own side
    TWAP = "twap"  # takes it in slices
    CHASE = "chase"  # rests, and follows the best price


class Purpose(StrEnum):
    """Why an order is sent; protect comes before hedge."""

    PROTECT = "protect"
    HEDGE = "hedge"


@dataclass(frozen=True, slots=True)
class Submit:
    """Send one order. It is on disk before it leaves."""

    client_order_id: str
    account: str
    instrument: str
    quantity: Decimal  # contracts, signed
    price: Decimal  # worst acceptable, quote currency
    time_in_force: TimeInForce
    reduce_only: bool
    purpose: Purpose
    underlying: str
    decided_at: int  # ns; an order older than 500 ms is not sent


@dataclass(frozen=True, slots=True)
class Cancel:
    """Withdraw an order of ours."""

    client_order_id: str
    account: str
    instrument: str
    reason: str = ""  # empty: everything is withdrawn


@dataclass(frozen=True, slots=True)
class Query:
    """Ask the venue what became of an order whose outcome is unknown."""

    client_order_id: str
    account: str
    instrument: str


class Severity(StrEnum):
    """How loud an alert is; `error` wakes a person."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Alert:
    """Tell a person."""

    severity: Severity
    event: str  # name from the closed list of log events
    scope: str  # underlying, instrument or client order id
    text: str


Command = Submit | Cancel | Query | Alert
