"""The desk: what every method of the protocol works with, and how it finds its way."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.ports import SECOND
from rebalancer.simulation import asking, shut
from rebalancer.simulation.accounts import OrderState, PlacedOrder
from rebalancer.simulation.countdowns import Countdowns
from rebalancer.simulation.okx.codes import Refusal, parameter
from rebalancer.simulation.okx.keys import Keyring
from rebalancer.simulation.okx.rest import text
from rebalancer.simulation.tape import Seen

MILLISECOND = 1_000_000  # ns
TYPES: Mapping[Kind, str] = {
    Kind.SPOT: "SPOT",
    Kind.PERPETUAL: "SWAP",
    Kind.FUTURE: "FUTURES",
    Kind.OPTION: "OPTION",
}


@dataclass(frozen=True, slots=True)
class Stop:
    """An order that a person left at the venue and that never triggers."""

    order_id: str
    account: str
    instrument: Instrument
    quantity: Decimal  # contracts, signed
    trigger: Decimal  # price
    created: int  # ns
    kind: str = "conditional"  # or oco, trigger, move_order_stop, iceberg, twap, chase


@dataclass(slots=True)
class Desk(shut.Desk[shut.Shut[str]]):
    """One venue's protocol and all that it stands on."""

    keyring: Keyring
    stops: list[Stop] = field(default_factory=list)
    remembers: int = 2 * 3_600 * SECOND  # ns that an order that filled nothing is shown
    page: int = 100  # rows of one answer at most
    retold: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # id → terms by field
    leverage: dict[str, str] = field(default_factory=dict)  # id → what was set; else the terms'
    hedged: bool = False  # whether long and short are held apart
    mode: str = ""  # account level; empty: as the exchange model margins it
    hurdle: dict[str, str] = field(default_factory=dict)  # channel → code that it is refused by
    events: list[Mapping[str, str]] = field(default_factory=list)  # in its list beside its own
    timers: Countdowns = field(init=False)  # of orders, by account

    def __post_init__(self) -> None:
        """Let it have its timers."""
        self.timers = Countdowns(self.place)

    def find(self, name: str) -> Seen | None:
        """Return what is known of an instrument by its native name."""
        known = f"{self.place.setup.venue}:{name}"
        return None if known in self.delisted else self.place.tape.seen.get(known)

    def seen(self, params: Mapping[str, Any]) -> Seen:
        """Return what is known of the instrument that is asked for.

        Raises:
            Refusal: There is none of this name.
        """
        found = self.find(text(params, "instId"))
        if found is None:
            raise Refusal("51001")
        return found

    def listed(self, wanted: Mapping[str, Any]) -> Iterator[Seen]:
        """Yield the instruments of a type, a family and a name, where these are asked for."""
        for name, seen in self.place.tape.seen.items():
            told = {
                "instType": kind(seen.instrument),
                "instFamily": family(seen.instrument),
                "uly": family(seen.instrument),
                "instId": seen.instrument.name,
            }
            here = all(wanted.get(each) in (None, "", value) for each, value in told.items())
            if here and name not in self.delisted:
                yield seen


@dataclass(frozen=True, slots=True)
class Asking(asking.Asking[Desk]):
    """One private request: who asks, and how late the answer may be."""


def ms(ts: int) -> str:
    """Return a time as OKX tells it."""
    return str(ts // MILLISECOND)


def kind(instrument: Instrument) -> str:
    """Return OKX's type of an instrument."""
    return TYPES[instrument.kind]


def family(instrument: Instrument) -> str:
    """Return the family of an instrument, which is its index: BTC-USD, BTC-USDT."""
    return "-".join(instrument.name.split("-")[:2])


def number(order_id: str) -> str:
    """Return an order's id as OKX writes it: digits only.

    >>> number("BTC-10007")
    '10007'
    """
    return order_id.rpartition("-")[2].lstrip("L")


def visible(asking: Asking, order: PlacedOrder) -> bool:
    """Whether the venue still shows an order: one that ended with nothing it soon forgets."""
    ended = order.state is not OrderState.OPEN and not order.filled
    return not ended or asking.desk.now - order.updated <= asking.desk.remembers


def own_order(asking: Asking, params: Mapping[str, Any], at: int | None = None) -> PlacedOrder:
    """Return the order of this account that is asked for by either id, the latest where several.

    Raises:
        Refusal: It has none of this id.
    """
    contract = asking.desk.seen(params).instrument
    order_id, label = str(params.get("ordId") or ""), str(params.get("clOrdId") or "")
    if not order_id and not label:
        raise parameter("ordId")
    for each in reversed(asking.statement.listed(at)):
        mine = number(each.order_id) == order_id if order_id else each.asked.label == label
        if mine and each.instrument.id == contract.id and visible(asking, each):
            return each
    raise Refusal("51603")
