"""The recorder: sits beside a replay, takes samples of worth and writes its steps.

It hears three things: each market item just after the exchange model took it,
each record when the model books it, and each decision. It never touches what
it watches.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rebalancer.core.attribution import Parts
from rebalancer.core.band import Band
from rebalancer.core.decision import Decision
from rebalancer.core.events import Event, FundingRate, Index, Mark, OptionMark, Quote
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.exchange.records import (
    AutoDeleveraged,
    CashMoved,
    ContractDelivered,
    Ended,
    Filled,
    FundingBooked,
    Liquidated,
    LiquidationCalled,
    Record,
    Rejected,
)
from rebalancer.research import worth as books
from rebalancer.research.days import Days, Stand, between
from rebalancer.research.drawing import Drawing
from rebalancer.research.hedges import Hedges
from rebalancer.research.legs import Legs, LegSums
from rebalancer.research.rows import Rows
from rebalancer.research.stays import Stays
from rebalancer.research.trail import Trail
from rebalancer.research.worth import Worth
from rebalancer.venues.feeds import Timed

SECOND = 1_000_000_000  # ns
MOVES = (Filled, Liquidated, AutoDeleveraged, FundingBooked, ContractDelivered, CashMoved)


@dataclass(slots=True)
class Samples:
    """The series that effectiveness is measured on."""

    ts: list[int] = field(default_factory=list)
    hedged: list[float] = field(default_factory=list)  # USD; what was brought or taken left out
    unhedged: list[float] = field(default_factory=list)
    sums: list[books.Sums] = field(default_factory=list)  # since the start
    outside: list[float] = field(default_factory=list)  # seconds outside the band since the start
    costs: list[float] = field(default_factory=list)  # of hedging until then, USD
    slippage: list[float] = field(default_factory=list)  # since the first, of legs, USD


@dataclass(slots=True)
class Extremes:
    """What the decisions showed on the way."""

    max_abs_net_delta: float = 0.0  # coins, the largest of any underlying
    seconds_outside_band: float = 0.0  # all underlyings together
    liquidations: int = 0  # times that an account was called
    max_margin_ratio: float = 0.0  # maintenance ÷ balance of any pool at a sample; 1 is liquidation
    coin_hours_outside: float = 0.0  # how far outside, times how long; all underlyings together
    since: dict[str, tuple[int, float]] = field(default_factory=dict)
    #   underlying → ns of the last look at which it was outside, and by how many coins


class Recorder:
    """Watches one replay.

    Args:
        instruments: By id.
        worth: Books at the start; followed from here.
        sampled: When to sample: chains, bars or seconds (see `markets`).
        rows: Writes what happens; None: nobody does.
        attributes: Whether profit is told apart by its source, which costs as much as a decision.
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        worth: Worth,
        sampled: str,
        rows: Rows | None = None,
        *,
        attributes: bool = True,
    ) -> None:
        self.worth = worth
        self.samples = Samples()
        self.extremes = Extremes()
        self.days = Days()
        self.hedges = Hedges(worth, instruments)
        self.stays: dict[str, Stays] = {}  # by underlying
        self.drawing: Drawing | None = None
        self._trail = Trail(worth, attributes=attributes)
        self._attributes = attributes
        self._legs = Legs(worth)
        self.residual = 0.0  # USD: model's books less these, where they were furthest apart
        self._begun: Stand | None = None
        self._latest: Stand | None = None
        self._model: Callable[[], float] | None = None
        self._ratio: Callable[[], float] = lambda: 0.0
        self._instruments = instruments
        self._sampled = sampled
        self.rows = rows
        self._standing: dict[str, Decision] = {}
        self._due = False
        self._told: dict[str, int] = {}  # instrument or coin → when its price was last told, ns
        self._unmeasured = False  # whether money moved since the last sample
        self._second = 0

    # --- hearing --------------------------------------------------------------

    def watch(self, items: Iterator[Timed]) -> Iterator[Timed]:
        """Pass items through; a sample falls when time leaves a moment that asks for one."""
        last = None
        for ts, item in items:
            if last is not None and ts > last:
                self._leave(last)
            yield ts, item
            last = ts
            self._saw(ts, item)
        if last is not None:
            self._leave(last)

    def _leave(self, ts: int) -> None:
        """Take the sample that a moment asked for, unless some of its prices are older."""
        stale = self._sampled == "bars" and _stale(self.worth, self._told, ts)
        if self._due and not stale:
            self.sample(ts)
        self._due = False

    def _saw(self, ts: int, item: object) -> None:
        match item:
            case Index():
                self._told[item.underlying] = ts
                self._trail.age(ts, item.underlying, float(item.price))
                books.price_index(self.worth, item.underlying, float(item.price))
                if self.drawing is not None:
                    self.drawing.index(ts, item)
            case Quote():
                self.hedges.quote(item)
            case FundingRate() if self.drawing is not None:
                self.drawing.rate(ts, item)
            case Mark():
                self._mark(ts, item)
            case OptionMark():
                marked = self._trail.mark(ts, item)
                self._due = self._due or (marked and self._sampled == "chains")
            case _:
                return

    def _mark(self, ts: int, item: Mark) -> None:
        line = self.worth.lines.get(item.instrument)
        if line is None:
            instrument = self._instruments[item.instrument]
            line = books.Line(instrument, 0.0, 0.0, 0.0, 0.0)
            self.worth.lines[item.instrument] = line
        line.mark = float(item.price)
        self._told[item.instrument] = ts
        if self._sampled == "bars":
            self._due = True
        if self._sampled == "seconds" and ts // SECOND > self._second:
            self._second, self._due = ts // SECOND, True

    def witness(self, record: Record) -> None:
        """Follow a record when it is booked."""
        if isinstance(record, ContractDelivered):
            self._trail.end(record)
        _book(self.worth, record, self._instruments, (self._legs, self.hedges, self._trail))
        self._note(record)
        if self.rows is not None:
            self.rows.record(record)

    def _note(self, record: Record) -> None:
        if isinstance(record, MOVES):
            self._unmeasured = True
        if isinstance(record, LiquidationCalled):
            self.extremes.liquidations += 1
        if isinstance(record, ContractDelivered) and not _optioned(self.worth):
            self._due = True

    def observe(self, _event: Event, decisions: Sequence[Decision]) -> None:
        """Note what a step decided: how far net delta went, and how long outside."""
        for decision in decisions:
            self._standing[decision.underlying] = decision
            if decision.price is not None:
                stays = self.stays.get(decision.underlying)
                if stays is None:
                    stays = self.stays[decision.underlying] = Stays()
                _stretch(self.extremes, stays, decision)
                if self.drawing is not None:
                    self.drawing.decided(decision)
            self.hedges.decided(decision)

    def attribution(self) -> dict[str, float]:
        """Return where the change of worth from first to last sample came from, USD.

        See `days.between`; all parts together are `change`.
        """
        if self._begun is None or self._latest is None or not self._attributes:
            return {}
        return between(self._begun, self._latest)

    def change(self) -> float | None:
        """Return what was earned from the first sample to the last, deposits left out, USD."""
        if self._begun is None or self._latest is None:
            return None
        return self._latest.earned - self._begun.earned

    def draw_on(self, drawing: Drawing) -> None:
        """Keep what a report draws, from here on."""
        self.drawing = drawing

    def compare_with(
        self, model: Callable[[], float], ratio: Callable[[], float] = lambda: 0.0
    ) -> None:
        """Look at the exchange models at each sample: their own books (USD), their margin ratio."""
        self._model, self._ratio = model, ratio

    # --- sampling -------------------------------------------------------------

    def close(self, ts: int) -> None:
        """Take a last sample of what moved since the one before, if prices are fresh."""
        if self._unmeasured and not (self._sampled == "chains" and _optioned(self.worth)):
            self.sample(ts)
        self.hedges.close(ts)

    def sample(self, ts: int) -> None:
        """Take a sample if every price is known."""
        worth, bare = books.equity(self.worth), books.unhedged(self.worth)
        if worth is None or bare is None:
            return
        self._legs.look()
        if self._begun is None:
            self._trail.parts, self._legs.sums = Parts(), LegSums()
        self._unmeasured = False
        model = None if self._model is None else self._model()
        sums = replace(self.worth.sums), replace(self._legs.sums)
        stand = Stand(ts, worth, bare, *sums, self._trail.parts, model)
        self._begun = self._begun or stand
        self._latest = stand
        self.days.take(stand)
        if model is not None:
            self.residual = max(self.residual, model - worth, key=abs)
        ratio = self._ratio()
        self.extremes.max_margin_ratio = max(self.extremes.max_margin_ratio, ratio)
        self.samples.ts.append(ts)
        self.samples.hedged.append(stand.earned)
        self.samples.unhedged.append(bare)
        self.samples.sums.append(stand.sums)
        self.samples.outside.append(self.extremes.seconds_outside_band)
        self.samples.costs.append(stand.costs)
        self.samples.slippage.append(stand.legs.slippage)
        if self.drawing is not None:
            self.drawing.sampled(self._begun, stand)
        if self.rows is not None:
            self.rows.sample(ts, self.worth, self._standing.values(), (worth, bare))


def _book(
    worth: Worth,
    record: Record,
    instruments: Mapping[str, Instrument],
    beside: tuple[Legs, Hedges, Trail],
) -> None:
    """Book a record; what a leg earned until then is accounted for first."""
    legs, hedges, trail = beside
    if isinstance(record, Ended | Rejected):
        hedges.ended(record)
    if not isinstance(record, books.Traded | ContractDelivered):
        books.book(worth, record, instruments)
        return
    line = worth.lines.get(record.instrument)
    if line is not None:
        legs.look_at(line)
    closed = worth.sums.closed
    books.book(worth, record, instruments)
    line = worth.lines[record.instrument]
    if not isinstance(record, ContractDelivered):
        legs.traded(line, hedges.filled(record, trail.value(record.instrument)))
    elif line.instrument.margined:
        legs.ended(line, worth.sums.closed - closed)


def _stretch(seen: Extremes, stays: Stays, decision: Decision) -> None:
    seen.max_abs_net_delta = max(seen.max_abs_net_delta, abs(decision.net_delta))
    band = Band(decision.aim, decision.lower, decision.upper)
    last = seen.since.pop(decision.underlying, None)
    if last is not None:
        seconds = (decision.ts - last[0]) / SECOND
        seen.seconds_outside_band += seconds
        seen.coin_hours_outside += last[1] * seconds / 3600
    outside = not band.contains(decision.net_delta)
    stays.note(decision.ts, abs(decision.net_delta - decision.aim), outside=outside)
    if outside:
        gap = max(band.lower - decision.net_delta, decision.net_delta - band.upper)
        seen.since[decision.underlying] = (decision.ts, gap)


def _held(worth: Worth) -> list[books.Line]:
    return [each for each in worth.lines.values() if each.quantity or each.own]


def _optioned(worth: Worth) -> bool:
    return any(each.instrument.kind is Kind.OPTION for each in _held(worth))


def _stale(worth: Worth, told: Mapping[str, int], ts: int) -> bool:
    """Whether bars of one thing held are missing where another's are there.

    Worth at prices of different hours shows a variance that nobody had.
    """
    linear = [each.instrument for each in _held(worth)]
    names = [each.id for each in linear if each.kind is not Kind.OPTION]
    coins = [coin for coin, amount in worth.coins.items() if amount]
    return any(told.get(name) != ts for name in (*names, *coins))
