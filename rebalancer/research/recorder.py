"""The recorder: sits beside a replay, takes samples of worth and writes its steps.

It hears three things: each market item just after the exchange model took it,
each record when the model books it, and each decision. It never touches what
it watches.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from rebalancer.core.attribution import Parts
from rebalancer.core.band import Band
from rebalancer.core.decision import Decision
from rebalancer.core.events import Event, Index, Mark, OptionMark
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.exchange.records import (
    AutoDeleveraged,
    CashMoved,
    ContractDelivered,
    Filled,
    FundingBooked,
    Liquidated,
    LiquidationCalled,
    Record,
)
from rebalancer.research import worth as books
from rebalancer.research.steps import Steps
from rebalancer.research.trail import Trail
from rebalancer.research.worth import Worth
from rebalancer.venues.feeds import Timed

SECOND = 1_000_000_000  # ns
MOVES = (Filled, Liquidated, AutoDeleveraged, FundingBooked, ContractDelivered, CashMoved)


@dataclass(frozen=True, slots=True)
class _Stand:
    """The books at a sample."""

    worth: float
    families: books.Families
    sums: books.Sums
    parts: Parts  # of the options since the first sample


@dataclass(slots=True)
class Samples:
    """The series that effectiveness is measured on."""

    ts: list[int] = field(default_factory=list)
    hedged: list[float] = field(default_factory=list)  # USD
    unhedged: list[float] = field(default_factory=list)
    sums: list[books.Sums] = field(default_factory=list)  # since the start
    outside: list[float] = field(default_factory=list)  # seconds outside the band since the start


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
        steps: Where rows go; None: nowhere.
        attributes: Whether profit is told apart by its source, which costs as much as a decision.
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        worth: Worth,
        sampled: str,
        steps: Steps | None = None,
        *,
        attributes: bool = True,
    ) -> None:
        self.worth = worth
        self.samples = Samples()
        self.extremes = Extremes()
        self._trail = Trail(worth, attributes=attributes)
        self._attributes = attributes
        self.residual = 0.0  # USD: model's books less these, where they were furthest apart
        self._begun: _Stand | None = None
        self._latest: _Stand | None = None
        self._model: Callable[[], float] | None = None
        self._ratio: Callable[[], float] = lambda: 0.0
        self._instruments = instruments
        self._sampled = sampled
        self._steps = steps
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
        books.book(self.worth, record, self._instruments)
        self._note(record)
        row = _row(record)
        if row is not None:
            self._write(record.ts, *row)

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
                _stretch(self.extremes, decision)

    def attribution(self) -> dict[str, float]:
        """Return where the change of worth from first to last sample came from, USD.

        The option parts are Taylor terms with what they leave as `residual`;
        `hedge` is the profit of perpetuals and futures, `collateral` what cash
        coins gained. All parts together are the change of worth.
        """
        if self._begun is None or self._latest is None or not self._attributes:
            return {}
        then, now = self._begun, self._latest
        return {
            **asdict(now.parts),
            "spot": now.families.spot - then.families.spot,
            "hedge": now.families.margined - then.families.margined,
            "collateral": now.sums.collateral - then.sums.collateral,
            "funding": now.sums.funding - then.sums.funding,
            "fees": then.sums.fees - now.sums.fees,
            "cash": now.sums.cash - then.sums.cash,
        }

    def change(self) -> float | None:
        """Return the change of worth from the first sample to the last, USD."""
        if self._begun is None or self._latest is None:
            return None
        return self._latest.worth - self._begun.worth

    def compare_with(
        self, model: Callable[[], float], ratio: Callable[[], float] = lambda: 0.0
    ) -> None:
        """Look at the exchange models at each sample: their own books (USD), their margin ratio."""
        self._model, self._ratio = model, ratio

    # --- writing --------------------------------------------------------------

    def open(self, ts: int, held: Iterable[tuple[str, float, float, bool]]) -> None:
        """Write what is held at the start: (id, quantity, entry, whether as a hedge) each."""
        for name, quantity, entry, hedge in held:
            reason = "open_hedge" if hedge else "open"
            self._write(ts, reason, name, {"quantity": quantity, "price": entry})

    def close(self, ts: int) -> None:
        """Take a last sample of what moved since the one before, if prices are fresh."""
        if self._unmeasured and not (self._sampled == "chains" and _optioned(self.worth)):
            self.sample(ts)

    def sample(self, ts: int) -> None:
        """Take a sample if every price is known."""
        worth, bare = books.equity(self.worth), books.unhedged(self.worth)
        if worth is None or bare is None:
            return
        if self._begun is None:
            self._trail.parts = Parts()
        self._unmeasured = False
        stand = _Stand(
            worth, books.families(self.worth), replace(self.worth.sums), self._trail.parts
        )
        self._begun = self._begun or stand
        self._latest = stand
        if self._model is not None:
            apart = self._model() - worth
            self.residual = max(self.residual, apart, key=abs)
        self.extremes.max_margin_ratio = max(self.extremes.max_margin_ratio, self._ratio())
        self.samples.ts.append(ts)
        self.samples.hedged.append(worth)
        self.samples.unhedged.append(bare)
        self.samples.sums.append(stand.sums)
        self.samples.outside.append(self.extremes.seconds_outside_band)
        if self._steps is not None:
            self._write_sample(ts, worth, bare)

    def _write_sample(self, ts: int, worth: float, bare: float) -> None:
        for coin, price in self.worth.indexes.items():
            self._write(ts, "index", coin, {"price": price})
        for name, line in self.worth.lines.items():
            if line.mark is not None and (line.quantity or line.own):
                self._write(ts, "mark", name, {"price": line.mark})
        for decision in self._standing.values() or (None,):
            band = {} if decision is None else _band(decision)
            self._write(ts, "sample", "", {**band, "equity": worth, "unhedged_equity": bare})

    def _write(self, ts: int, reason: str, instrument: str, facts: Mapping[str, object]) -> None:
        if self._steps is None:
            return
        known = self._instruments.get(instrument)
        underlying = {} if known is None else {"underlying": known.underlying}
        self._steps.write(ts, reason, {**underlying, "instrument": instrument, **facts})


def _row(record: Record) -> tuple[str, str, dict[str, object]] | None:
    """Return reason, instrument and facts of a record's row; None where it moves no money."""
    match record:
        case Filled() | Liquidated() | AutoDeleveraged():
            fee = 0 if isinstance(record, AutoDeleveraged) else record.fee
            facts: dict[str, object] = {"quantity": record.quantity, "price": record.price}
            return "fill", record.instrument, {**facts, "fee": fee}
        case FundingBooked():
            return "funding", record.instrument, {"funding": record.amount}
        case ContractDelivered():
            return "delivered", record.instrument, {"price": record.price, "fee": record.fee}
        case CashMoved():
            return "cash", f"{record.account}:{record.currency}", {"quantity": record.amount}
        case _:
            return None


def _stretch(seen: Extremes, decision: Decision) -> None:
    seen.max_abs_net_delta = max(seen.max_abs_net_delta, abs(decision.net_delta))
    band = Band(decision.aim, decision.lower, decision.upper)
    last = seen.since.pop(decision.underlying, None)
    if last is not None:
        seconds = (decision.ts - last[0]) / SECOND
        seen.seconds_outside_band += seconds
        seen.coin_hours_outside += last[1] * seconds / 3600
    if not band.contains(decision.net_delta):
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


def _band(decision: Decision) -> dict[str, object]:
    return {
        "underlying": decision.underlying,
        "net_delta": decision.net_delta,
        "lower": decision.lower,
        "upper": decision.upper,
    }
