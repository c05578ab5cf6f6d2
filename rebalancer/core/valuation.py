"""What held options and futures are valued by: vol and carry, and the books compiled with them.

Carry is forward (or mark) ÷ index at the moment that the venue told it; from
then on the forward moves in proportion to the index. What was told before any
index waits for the first one.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from rebalancer.core import exposure, pricing
from rebalancer.core import fixings as fixing
from rebalancer.core.events import Index, Mark, OptionMark
from rebalancer.core.exposure import YEAR, Book, Exposure, Holding, OptionInput, compile_book
from rebalancer.core.fixings import AVERAGING, Fixing
from rebalancer.core.instruments import STABLE, Instrument, Kind
from rebalancer.core.params import UnderlyingParams

NEVER = 1 << 63  # ns
BESIDE, CARRIED = 0.05, 0.6  # of ln(forward ÷ index), and more of it per year to the expiry:
#   beyond, one of the two is false
NEAR = 0.1  # of the index that is believed: one that was doubted and lies there was true
JUMP = 1.5  # times that one word may raise a vol, or lower it
ROUGHLY, LITTLE = 0.5, 0.005  # how far a first vol's price may lie from the told: of the larger
#   of the two, or of the forward
TOGETHER = 1_000_000_000  # ns that a forward and the index beside it may lie apart in venue time …
LASTS = 60_000_000_000  # … unless the carry that is known is older
CONFIRMS = 1.1  # times that the next word may differ from one that jumped, to confirm it

Holdings = Callable[[str], Iterable[Holding]]  # those of an underlying


@dataclass(slots=True)
class _Compiled:
    book: Book
    version: int  # of the ledger
    rows: Mapping[str, tuple[int, ...]]  # option id → lines
    vol: float | None  # mean of its options; None: there are none
    averaged: int  # ns since when the first settlement of its options is
    measured: tuple[int, Exposure] | None = None  # ns, the deltas last asked for


@dataclass(slots=True)
class Valuation:
    """Inputs by instrument and books by underlying; written by the functions below only."""

    options: dict[str, OptionInput] = field(default_factory=dict)
    carries: dict[str, float] = field(default_factory=dict)  # mark ÷ index of dated futures
    waiting: dict[str, dict[str, tuple[OptionMark | Mark, Index | None]]] = field(
        default_factory=dict
    )  # what was told while no index was believed, and which was told then
    compiled: dict[str, _Compiled] = field(default_factory=dict)
    suspects: dict[str, float] = field(default_factory=dict)  # option → vol that nobody confirmed
    alone: set[str] = field(default_factory=set)  # options whose vol rests on one word
    paired: dict[str, tuple[int, int]] = field(default_factory=dict)  # option → ns of its last
    #   carry, and how far its forward and the index beside it lay apart in venue time
    fixings: dict[str, dict[int, Fixing]] = field(default_factory=dict)  # by underlying, expiry


def possible(event: OptionMark | Mark, instrument: Instrument, index: Index) -> bool:
    """Whether a forward can be one at all beside an index: the nearer its expiry, the nearer."""
    if isinstance(event, Mark) and instrument.kind is not Kind.FUTURE:
        return True
    forward = event.forward if isinstance(event, OptionMark) else float(event.price)
    years = max((instrument.expiry or event.ts_local) - event.ts_local, 0) / YEAR
    return abs(math.log(forward / float(index.price))) <= BESIDE + CARRIED * years


def believed(valuation: Valuation, event: OptionMark, instrument: Instrument) -> bool:
    """Whether a vol is near the one before, or a second word confirms that it jumped.

    One false vol makes a false delta and a real order; a false print comes alone.
    A first word has no past, and what confirms a jump is one of a new past: they
    have to agree with the price that they come with.
    Where the first two words contradict one another, nobody knows the vol.
    """
    known, name = valuation.options.get(event.instrument), event.instrument
    suspect = valuation.suspects.pop(name, None)
    if known is None and suspect is None:
        if not _agrees(event, instrument):
            valuation.suspects[name] = event.vol
            return False
        valuation.alone.add(name)
        return True
    if known is not None and (known.vol <= 0 or _apart(event.vol, known.vol) <= JUMP):
        valuation.alone.discard(name)
        return True
    twice = suspect is not None and _apart(event.vol, suspect) <= CONFIRMS
    if twice and _agrees(event, instrument):
        valuation.alone.discard(name)
        return True
    valuation.suspects[name] = event.vol
    if name in valuation.alone:
        valuation.alone.discard(name)
        del valuation.options[name]
        for coin in [c for c, each in valuation.compiled.items() if name in each.rows]:
            del valuation.compiled[coin]
    return False


def _agrees(event: OptionMark, instrument: Instrument) -> bool:
    """Whether a vol and the price beside it are of one option, roughly."""
    if instrument.strike is None or instrument.expiry is None:
        return True
    years = max(instrument.expiry - event.ts_local, 0) / YEAR
    terms = (float(instrument.strike), years, event.vol, instrument.sign)
    worth = float(pricing.price(event.forward, *terms))
    told = float(event.price) * (1.0 if instrument.settle in STABLE else event.forward)
    return abs(worth - told) <= max(ROUGHLY * max(worth, told), LITTLE * event.forward)


def _apart(one: float, other: float) -> float:
    """Return how many times the larger of two numbers, both > 0, is the smaller."""
    return max(one / other, other / one)


def take(
    valuation: Valuation,
    event: OptionMark | Mark,
    instrument: Instrument,
    index: Index | None,
    beside: Index | None = None,
) -> None:
    """Write down what an option or a dated future is valued by.

    Args:
        valuation: Is written.
        event: The venue's mark.
        instrument: What it is of.
        index: Of its underlying, believed; None: there is none.
        beside: The one that is told now, believed or not.
    """
    if isinstance(event, Mark) and instrument.kind is not Kind.FUTURE:
        return
    if index is None:
        waiting = valuation.waiting.setdefault(instrument.underlying, {})
        waiting[event.instrument] = (event, beside)
    elif isinstance(event, Mark):
        valuation.carries[event.instrument] = float(event.price) / float(index.price)
        if instrument.id in _users(valuation, instrument):
            del valuation.compiled[instrument.underlying]
    else:
        told = OptionInput(event.vol, _carry(valuation, event, index))
        valuation.options[event.instrument] = told
        _refresh(valuation, instrument, told)


def _carry(valuation: Valuation, event: OptionMark, index: Index) -> float:
    """Return forward ÷ index of an option: by words of one time, where there are any.

    One that was on its way for seconds tells the forward of then; held against
    the index of now it is off by all that the price did in between. Then what is
    known stays, unless that is old itself.
    """
    name, known = event.instrument, valuation.options.get(event.instrument)
    forward = event.ts_local if event.ts_venue is None else event.ts_venue
    beside = index.ts_local if index.ts_venue is None else index.ts_venue
    apart, before = abs(forward - beside), valuation.paired.get(name)
    if known is not None and before is not None:
        since, nearer = before
        if apart > max(TOGETHER, nearer) and event.ts_local - since <= LASTS:
            return known.carry
    valuation.paired[name] = event.ts_local, apart
    return event.forward / float(index.price)


def _users(valuation: Valuation, instrument: Instrument) -> tuple[str, ...]:
    """Return what a compiled book holds without curvature, or misses."""
    compiled = valuation.compiled.get(instrument.underlying)
    return () if compiled is None else (*compiled.book.linear.ids, *compiled.book.missing)


def _refresh(valuation: Valuation, instrument: Instrument, told: OptionInput) -> None:
    """Bring a compiled book up to date with one option's input, in place where it can be."""
    compiled = valuation.compiled.get(instrument.underlying)
    if compiled is None:
        return
    for row in compiled.rows.get(instrument.id, ()):
        compiled.book.options.vol[row] = told.vol
        compiled.book.options.carry[row] = told.carry
    compiled.vol, compiled.measured = _mean_vol(compiled.book), None
    if instrument.id in compiled.book.missing:
        del valuation.compiled[instrument.underlying]


def take_index(valuation: Valuation, event: Index, instruments: Mapping[str, Instrument]) -> None:
    """Let what was told while no index was believed take effect, by the index of then.

    Where that was false, what was known before is nearer than what was told beside it.
    """
    for name, (waited, beside) in valuation.waiting.pop(event.underlying, {}).items():
        near = beside is not None and abs(float(beside.price / event.price) - 1.0) <= NEAR
        known = name in valuation.options or name in valuation.carries
        if beside is not None and not near and known:
            continue
        index = beside if beside is not None and near else event
        if possible(waited, instruments[name], index):
            take(valuation, waited, instruments[name], index)
    _fix(valuation, event)


def _fix(valuation: Valuation, index: Index) -> None:
    """Count an index into the settlements that are being averaged, in place."""
    compiled = valuation.compiled.get(index.underlying)
    if compiled is None or index.ts_local < compiled.averaged:
        return
    fixings = valuation.fixings.setdefault(index.underlying, {})
    lines = compiled.book.options
    expiries: list[int] = lines.expiry.tolist()
    if not fixing.take(fixings, dict.fromkeys(expiries), index.ts_local, float(index.price)):
        return
    for row, expiry in enumerate(expiries):
        if expiry in fixings:
            lines.fixed[row] = fixings[expiry].mean()
    compiled.measured = None


def book(valuation: Valuation, params: UnderlyingParams, version: int, holdings: Holdings) -> Book:
    """Return the compiled holdings of an underlying.

    Args:
        valuation: Keeps the book until a booking or an input changes it.
        params: The underlying.
        version: Of the ledger that the holdings are read from.
        holdings: Asked only when the book has to be compiled anew.
    """
    known = valuation.compiled.get(params.name)
    if known is None or known.version != version:
        held = holdings(params.name)
        fixings = valuation.fixings.get(params.name, {})
        made = compile_book(params, held, valuation.options, valuation.carries, fixings)
        rows: dict[str, tuple[int, ...]] = {}
        for row, name in enumerate(made.options.ids):
            rows[name] = (*rows.get(name, ()), row)
        first = min(made.options.expiry.tolist(), default=NEVER)
        known = _Compiled(made, version, rows, _mean_vol(made), first - AVERAGING)
        valuation.compiled[params.name] = known
    return known.book


def _mean_vol(book: Book) -> float | None:
    lines = book.options
    return float(lines.vol.sum()) / len(lines.ids) if lines.ids else None


def measure(valuation: Valuation, book: Book, price: float, ts: int) -> Exposure:
    """Return the deltas of a book; what is told at one moment finds them worked out.

    They follow from the book, the index and the time. A booking makes another
    book, and an option's input, which changes one in place, forgets them.

    Args:
        valuation: Keeps the last deltas of each underlying.
        book: Of `book`.
        price: As for `exposure.measure`.
        ts: ns.
    """
    compiled = valuation.compiled.get(book.underlying)
    if compiled is None or compiled.book is not book:
        return exposure.measure(book, price, ts)
    known = compiled.measured
    if known is None or known[0] != ts or known[1].price != price:
        known = compiled.measured = ts, exposure.measure(book, price, ts)
    return known[1]
