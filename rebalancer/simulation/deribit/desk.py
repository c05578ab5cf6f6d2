"""The desk: what every method of the protocol works with, and how it finds its way."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.simulation import asking, shut
from rebalancer.simulation.accounts import OrderState, PlacedOrder
from rebalancer.simulation.deribit.budgets import Budgets
from rebalancer.simulation.deribit.errors import Refusal, invalid
from rebalancer.simulation.deribit.jsonrpc import text
from rebalancer.simulation.deribit.keys import Keyring
from rebalancer.simulation.tape import Seen

MILLISECOND = 1_000_000  # ns


@dataclass(frozen=True, slots=True)
class Shut(shut.Shut[int]):
    """A span in which the venue takes no orders."""

    locked: str = "true"  # what public/status says of it
    indices: tuple[str, ...] = ()  # that are locked, where not all are


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop order that a person left at the venue and that never triggers."""

    order_id: str
    account: str
    instrument: Instrument
    quantity: Decimal  # contracts, signed
    trigger: Decimal  # price
    created: int  # ns
    label: str = ""


@dataclass(slots=True)
class Desk(shut.Desk[Shut]):
    """One venue's protocol and all that it stands on."""

    keyring: Keyring
    cancels: dict[str, bool] = field(default_factory=dict)  # account → new lines cancel on loss
    heartbeat_least: int = 10  # seconds
    budgets: Budgets | None = None  # None: as many requests as anybody likes
    patience: int = 600  # seconds of silence after which a connection counts as lost
    stops: list[Stop] = field(default_factory=list)
    remembers: int = 1_800 * 1_000 * MILLISECOND  # ns that an order is shown after its end
    retold: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # id → terms by field

    def seen(self, params: Mapping[str, Any]) -> Seen:
        """Return what is known of the instrument that is asked for.

        Raises:
            Refusal: There is none of this name.
        """
        name = f"{self.place.setup.venue}:{text(params, 'instrument_name')}"
        if name not in self.place.tape.seen or name in self.delisted:
            raise Refusal(13020, {"param": "instrument_name", "reason": "instrument not found"})
        return self.place.tape.seen[name]


@dataclass(frozen=True, slots=True)
class Asking(asking.Asking[Desk]):
    """One private request: who asks, and how late the answer may be."""


def milliseconds(ts: int) -> int:
    """Return a time as Deribit tells it."""
    return ts // MILLISECOND


def size(instrument: Instrument, quantity: Decimal) -> Decimal:
    """Return contracts as Deribit counts them: USD of an inverse future, else coins."""
    return quantity * instrument.size


def unit(instrument: Instrument) -> Decimal:
    """Return Deribit's `contract_size`: what one of its contracts is, in its `amount`."""
    return Decimal(1) if instrument.kind is Kind.OPTION else size(instrument, instrument.lot)


def index_name(instrument: Instrument) -> str:
    """Return the index of an instrument: btc_usd, or btc_usdc where it settles in a stable."""
    quote = "usd" if instrument.inverse else instrument.settle.lower()
    return f"{instrument.underlying.lower()}_{quote}"


def kind(instrument: Instrument) -> str:
    """Return Deribit's kind: a perpetual is a future to it."""
    return {Kind.OPTION: "option", Kind.SPOT: "spot"}.get(instrument.kind, "future")


def matches(instrument: Instrument, currency: str, wanted: str) -> bool:
    """Whether an instrument is of a currency and a kind, `any` being every one."""
    here = currency in ("any", instrument.settle) or currency.upper() == instrument.settle
    return here and wanted in ("any", kind(instrument))


def wanted(params: Mapping[str, Any]) -> tuple[str, str]:
    """Return currency and kind that are asked for."""
    return text(params, "currency", "any"), text(params, "kind", "any")


def remembered(asking: Asking, order: PlacedOrder) -> bool:
    """Whether the venue still shows an order among the recent ones; open ones it always does."""
    ended = order.state is not OrderState.OPEN
    return not ended or asking.desk.now - order.updated <= asking.desk.remembers


def own_order(asking: Asking, at: int | None = None) -> PlacedOrder:
    """Return the order of this account that is asked for, as it stood.

    Raises:
        Refusal: It has none of this id.
    """
    name = text(asking.params, "order_id")
    if not name:
        raise invalid("order_id", "value required")
    line = asking.statement.orders.get(name)
    order = line.at(at) if line else None
    if order is None or not remembered(asking, order):
        raise Refusal(10004)
    return order
