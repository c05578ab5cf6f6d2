"""The inquest: what a daemon that was killed left, by the venue's books and its journal alone.

Nothing is asked of the daemon. Each order is judged at the moment at which the
venue takes it: its intent must be on disk, and so must every fill of the orders
before it, or it was decided blindly and hedges twice. When all is quiet the two
must agree: every order has one intent, every fill one entry, the ledger that
the journal makes is the account, and the account's net delta is in the band.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from rebalancer.core import recovery
from rebalancer.core.events import Booking, Event, Fill
from rebalancer.core.ids import decode
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.ledger import Ledger
from rebalancer.core.params import Params
from rebalancer.errors import Unavailable
from rebalancer.settings import Settings, resolve, to_params
from rebalancer.simulation.accounts import Booked, Execution, OrderState, PlacedOrder
from rebalancer.simulation.deribit.greeks import greeks, terms_of
from rebalancer.simulation.deribit.market import trade_id
from rebalancer.simulation.dress import apart
from rebalancer.simulation.place import Place
from rebalancer.storage import codec
from rebalancer.storage.sqlite import open_reader

NEAR = 0.0005  # coins that the net delta may be beside the band: the market never stands still

Trade = tuple[str, str]  # instrument and the venue's id of an execution


@dataclass(frozen=True, slots=True)
class Kept:
    """What a journal holds on disk."""

    intents: Mapping[str, int]  # client order id → entries
    fills: Mapping[Trade, int]  # execution → entries
    bookings: Sequence[Booking] = ()
    latched: Sequence[str] = ()  # why it stopped by itself


@dataclass(frozen=True, slots=True)
class Findings:
    """What does not hold."""

    lost: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()
    other: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        """Whether something does not hold."""
        return bool(self.lost or self.doubled or self.other)


@dataclass(frozen=True, slots=True)
class Case:
    """Whose death is looked into."""

    place: Place
    venue: str  # the account's name, and what stands before the colon of its instruments
    settings: Settings
    path: Path  # of the journal


@dataclass(slots=True)
class _Seen:
    """What was seen at the venue's door since it was last asked for."""

    orders: dict[str, None] = field(default_factory=dict)  # venue's ids of ours, since ever
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)


class Inquest:
    """Watches the venue's door, and compares when all is quiet.

    Args:
        case: Whose.
    """

    def __init__(self, case: Case) -> None:
        self.arrived: Callable[[], None] | None = None  # is called when the venue takes an order
        self._case = case
        self._instruments = resolve(case.settings)
        self._params: Params = to_params(case.settings, 1, self._instruments)
        self._seen = _Seen()
        case.place.listen(self)

    def moved(self, instruments: Sequence[str], indexes: Sequence[str]) -> None:
        """Prices changed: nothing to judge."""

    def booked(self, booked: Booked) -> None:
        """Judge the orders that are new, before anybody is told what became of them."""
        for order in booked.orders:
            if not _ours(order) or order.order_id in self._seen.orders:
                continue
            self._seen.orders[order.order_id] = None
            self._judge(order)
            if self.arrived is not None:
                self.arrived()

    def _judge(self, order: PlacedOrder) -> None:
        """Hold one order, at the moment at which it is taken, against the journal's file."""
        label, kept, place = order.asked.label, kept_in(self._case.path), self._case.place
        if label not in kept.intents:
            self._seen.lost.append(f"{label} was sent before its intent was on disk")
        if len(place.orders(self._case.venue, label)) > 1:
            self._seen.doubled.append(f"{label} was sent twice")
        for each in self._executions():
            own = _ours(each.order) and each.order.asked.label != label
            if own and _trade(each) not in kept.fills:
                before = each.order.asked.label
                self._seen.doubled.append(f"{label} was sent without knowing a fill of {before}")
        resting = [
            each.asked.label
            for each in place.orders(self._case.venue)
            if each.state is OrderState.OPEN and each.order_id != order.order_id
        ]
        if resting:
            self._seen.doubled.append(f"{label} was sent while {', '.join(resting)} was open")

    def _executions(self) -> list[Execution]:
        return self._case.place.statements[self._case.venue].executions

    def seen(self) -> Findings:
        """Return what was found at the door since the last call."""
        found = Findings(tuple(self._seen.lost), tuple(self._seen.doubled))
        self._seen.lost, self._seen.doubled = [], []
        return found

    def compare(self) -> Findings:
        """Hold the journal's file against the venue's books as they are now."""
        case, kept = self._case, kept_in(self._case.path)
        lost, doubled = [], []
        labels = Counter(each.asked.label for each in case.place.orders(case.venue))
        for label, times in labels.items():
            if decode(label) is None:
                continue  # somebody traded by hand
            if label not in kept.intents:
                lost.append(f"order {label} has no intent in the journal")
            if times > 1:
                doubled.append(f"label {label} stands {times} times in the venue's books")
        lost += [
            f"fill {'/'.join(_trade(each))} is not in the journal" for each in self._untold(kept)
        ]
        doubled += [
            f"intent {name} is written {n} times" for name, n in kept.intents.items() if n > 1
        ]
        doubled += [f"fill {name} is written {n} times" for name, n in kept.fills.items() if n > 1]
        ledger = apart(self._ledger(kept), case.place, case.venue)
        lost += [f"{what}: ledger less venue is {gap}" for what, gap in ledger.items()]
        outside = [f"{each} is outside its band" for each in self._outside()]
        return Findings(tuple(lost), tuple(doubled), (*kept.latched, *outside))

    def _untold(self, kept: Kept) -> list[Execution]:
        return [each for each in self._executions() if _trade(each) not in kept.fills]

    def _ledger(self, kept: Kept) -> Ledger:
        """Return the ledger that the next start would begin with."""
        ledger = Ledger()
        lines = self._params.underlyings
        recovery.rebook(ledger, kept.bookings, self._instruments, lines, kept.intents)
        return ledger

    def _outside(self) -> list[str]:
        """Return the net deltas that are outside their bands, by the venue's books and prices."""
        found = []
        for coin, own in self._case.settings.underlyings.items():
            net = net_delta(self._case.place, self._case.venue, coin)
            lower, upper = (own.band.lower or 0.0) - NEAR, (own.band.upper or 0.0) + NEAR
            if not lower <= net - own.target <= upper:
                found.append(f"net delta of {coin}, {net:+.5f},")
        return found


def kept_in(path: Path) -> Kept:
    """Return what is on disk; nothing where there is no journal yet."""
    intents, fills = Counter[str](), Counter[Trade]()
    bookings: list[Booking] = []
    latched: list[str] = []
    try:
        reader = open_reader(path)
    except Unavailable:
        return Kept(intents, fills)
    try:
        for entry in reader.read("order"):
            if entry.payload[codec.TYPE] == "Submit":
                intents[entry.key] += 1
        for entry in reader.read("event"):
            event: Event = codec.decode(entry.payload)
            if isinstance(event, Fill):
                fills[event.instrument, event.trade_id] += 1
            if isinstance(event, Booking):
                bookings.append(event)
        for entry in reader.read("latch"):
            latched = _latched(entry.payload)
    finally:
        reader.close()
    return Kept(intents, fills, bookings, latched)


def _latched(told: Mapping[str, Any]) -> list[str]:
    """Return why a book stopped by itself, as its last latch tells it."""
    whole = [f"it halted: {told['reason']}"] if told["mode"] == "halted" else []
    return whole + [f"{name} is halted: {why}" for name, why in told["halted"].items()]


def net_delta(place: Place, account: str, coin: str) -> float:
    """Return an account's net delta by the venue's books and prices alone, coins.

    Equity, the coins that inverse perpetuals stand for, and options less their
    premium: the sum that the venue itself shows.
    """
    net = float(place.exchange.equity(account, coin) or Decimal(0))
    for name, quantity in place.positions(account).items():
        seen = place.tape.seen.get(name)
        if seen is None or seen.mark is None or seen.instrument.underlying != coin:
            continue
        size = float(quantity * seen.instrument.size)
        net += size * _slope(seen.instrument, float(seen.mark), (seen.vol, seen.forward), place)
    return net


def _slope(
    instrument: Instrument, mark: float, told: tuple[float | None, float | None], place: Place
) -> float:
    """Return the delta of one unit of an inverse contract beside what equity has of it."""
    vol, forward = told
    if instrument.kind is not Kind.OPTION or vol is None or forward is None:
        return 1 / mark
    return greeks(terms_of(instrument, forward, place.now()), vol)["delta"] - mark


def _ours(order: PlacedOrder) -> bool:
    return decode(order.asked.label) is not None


def _trade(execution: Execution) -> Trade:
    contract = execution.order.instrument
    return contract.id, trade_id(contract, execution.number)
