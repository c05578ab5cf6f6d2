"""What the public sees of each instrument: prices told, trades printed, the day's figures."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.exchange.contracts import reciprocal
from rebalancer.exchange.exact import quotient

EIGHT = Decimal("1e-8")
KEPT = 1_000  # public trades of an instrument


@dataclass(frozen=True, slots=True)
class Print:
    """One public trade."""

    number: int  # of all trades of the venue
    sequence: int  # of the instrument
    ts: int  # ns
    price: Decimal
    quantity: Decimal  # contracts, + when the taker bought
    mark: Decimal | None
    index: Decimal | None
    vol: float | None
    direction: int  # 0 up, 1 still after up, 2 down, 3 still after down


@dataclass(slots=True)
class Seen:
    """What is known of one instrument."""

    instrument: Instrument
    ts: int = 0  # ns, of the last change
    mark: Decimal | None = None
    vol: float | None = None
    forward: float | None = None
    rate: float = 0.0  # funding, fraction per interval, + longs pay
    interval: int = 1  # ns
    change: int = 0  # id of the last change of its book
    settlement: Decimal | None = None  # price of the last one
    first: Decimal | None = None  # price that the day's change is counted from
    high: Decimal | None = None
    low: Decimal | None = None
    volume: Decimal = Decimal(0)  # coins
    volume_usd: Decimal = Decimal(0)
    traded: int = 0
    prints: deque[Print] = field(default_factory=lambda: deque(maxlen=KEPT))

    @property
    def last(self) -> Decimal | None:
        """Price of the last public trade."""
        return self.prints[-1].price if self.prints else None


class Tape:
    """The public side of one venue.

    Args:
        instruments: All that is traded.
    """

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self.seen = {each.id: Seen(each) for each in instruments if each.kind is not Kind.CASH}
        self.indexes: dict[str, Decimal] = {}  # underlying → USD per coin
        self._changes = 1_000_000
        self._numbers = 5_000_000

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """All that is traded, by id."""
        return {name: each.instrument for name, each in self.seen.items()}

    def index_of(self, instrument: Instrument) -> Decimal | None:
        """Return the index that an instrument stands on."""
        return self.indexes.get(instrument.underlying)

    def book_changed(self, instrument: str, ts: int) -> None:
        """Count a change of the displayed book."""
        self._changes += 1
        self.seen[instrument].change = self._changes
        self.seen[instrument].ts = ts

    def next_number(self) -> int:
        """Return the number of the next trade of the venue."""
        self._numbers += 1
        return self._numbers

    def print(self, instrument: str, ts: int, price: Decimal, quantity: Decimal) -> Print:
        """Write down a public trade and count it into the day."""
        seen, number = self.seen[instrument], self.next_number()
        seen.traded += 1
        seen.ts = ts
        told = Print(
            number=number,
            sequence=seen.traded,
            ts=ts,
            price=price,
            quantity=quantity,
            mark=seen.mark,
            index=self.index_of(seen.instrument),
            vol=seen.vol,
            direction=_direction(seen, price),
        )
        seen.prints.append(told)
        seen.first = price if seen.first is None else seen.first
        seen.high = price if seen.high is None else max(seen.high, price)
        seen.low = price if seen.low is None else min(seen.low, price)
        size = abs(quantity) * seen.instrument.size
        if reciprocal(seen.instrument):
            seen.volume += quotient(size, price, EIGHT)
            seen.volume_usd += size
        else:
            seen.volume += size
            seen.volume_usd += size * price * (told.index or 1 if seen.instrument.inverse else 1)
        return told


def _direction(seen: Seen, price: Decimal) -> int:
    if not seen.prints or price > seen.prints[-1].price:
        return 0
    if price < seen.prints[-1].price:
        return 2
    return 1 if seen.prints[-1].direction in (0, 1) else 3
