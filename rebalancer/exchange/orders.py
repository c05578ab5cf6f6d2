"""What an account asks of the exchange."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from rebalancer.exchange.records import CashKind


class TimeInForce(StrEnum):
    """How long an order may live."""

    IOC = "ioc"  # take what is there, the rest expires
    FOK = "fok"  # all at once or nothing
    GTC = "gtc"  # take what is there, the rest rests until canceled
    POST_ONLY = "post_only"  # rest or be rejected, never take


@dataclass(frozen=True, slots=True)
class Order:
    """One order as an account sends it.

    A market order never rests, whatever its time in force.
    """

    client_order_id: str
    account: str
    instrument: str
    quantity: Decimal  # contracts, signed: + buys
    price: Decimal | None  # worst acceptable, quote currency; None: a market order
    time_in_force: TimeInForce
    reduce_only: bool = False  # never opens or grows a position; what would is not filled

    @property
    def rests(self) -> bool:
        """Whether what is not filled at once stays on the book."""
        return self.price is not None and self.time_in_force in (
            TimeInForce.GTC,
            TimeInForce.POST_ONLY,
        )


@dataclass(frozen=True, slots=True)
class CashRequest:
    """Cash that shall move, into the account at + and out of it at -."""

    account: str
    kind: CashKind
    currency: str
    amount: Decimal
    other: str | None = None  # account on the other side of a transfer
    key: str = ""  # what was asked under the same key before is not done again; "": no key
