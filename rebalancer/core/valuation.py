"""What held options and futures are valued by: vol and carry, and the books compiled with them.

Carry is forward (or mark) ÷ index at the moment that the venue told it; from
then on the forward moves in proportion to the index. What was told before any
index waits for the first one. Settlements that are being averaged are followed
for whatever may be held: where too much of one was not heard, an option of it
counts as known from its first believed mark on that agrees.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from rebalancer.core import exposure, pricing, settling
from rebalancer.core import fixings as fixing
from rebalancer.core.events import Index, Mark, OptionMark
from rebalancer.core.exposure import YEAR, Book, Exposure, Holding, OptionInput, compile_book
from rebalancer.core.fixings import AVERAGING, NEVER, STANDS, Fixing
from rebalancer.core.instruments import STABLE, Instrument, Kind
from rebalancer.core.params import UnderlyingParams
from rebalancer.core.quotes import true_since

BESIDE, CARRIED = 0.05, 0.6  # of ln(forward ÷ index), and more of it per year to the expiry:
#   beyond, one of the two is false
AVERAGED = 0.3  # more of it by the end of a settlement's average, which may be in the forward
NEAR = 0.1  # of the index that is believed: one that was doubted and lies there was true
JUMP = 1.5  # times that one word may raise a vol, or lower it
ROUGHLY, LITTLE = 0.5, 0.005  # how far a first vol's price may lie from the told: of the larger
#   of the two, or of the forward
TOGETHER = 1_000_000_000  # ns that a forward and the index beside it may lie apart in venue time …
LASTS = 60_000_000_000  # … unless the carry that is known is older
LEAP = 0.005  # of a carry, by which it changes only where mark and index are of one time
MEETS = 3_000_000_000  # ns that a mark may lie apart from the index beside it, to tell a mean
CONFIRMED = 1_000_000_000  # ns of the venue between two words, of which one confirms the other
CONFIRMS = 1.1  # times that the next word may differ from one that jumped, to confirm it

Holdings = Callable[[str], Iterable[Holding]]  # those of an underlying


@dataclass(slots=True)
class _Compiled:
    book: Book
    version: int  # of the ledger
    rows: Mapping[str, tuple[int, ...]]  # option id → lines
    vol: float | None  # mean of its options; None: there are none
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
    made: int = 0  # books compiled so far
    suspects: dict[str, tuple[float, int]] = field(default_factory=dict)  # option → vol that
    #   nobody confirmed, and ns of the venue at which it was told first
    alone: set[str] = field(default_factory=set)  # options whose vol rests on one word
    paired: dict[str, tuple[int, int]] = field(default_factory=dict)  # option → ns of its last
    #   carry, and how far its forward and the index beside it lay apart in venue time
    fixings: dict[str, dict[int, Fixing]] = field(default_factory=dict)  # by underlying, expiry
    agreed: dict[str, int] = field(default_factory=dict)  # option → ns when its mark last agreed
    #   with a mean of which too much was unheard
    ends: dict[str, fixing.Ends] = field(default_factory=dict)  # by underlying


def possible(event: OptionMark | Mark, instrument: Instrument, index: Index) -> bool:
    """Whether a forward can be one at all beside an index: the nearer its expiry, the nearer."""
    if isinstance(event, Mark) and instrument.kind is not Kind.FUTURE:
        return True
    forward = event.forward if isinstance(event, OptionMark) else float(event.price)
    years = max((instrument.expiry or event.ts_local) - event.ts_local, 0) / YEAR
    averaged = AVERAGED * _over(instrument, event.ts_local)
    return abs(math.log(forward / float(index.price))) <= BESIDE + CARRIED * years + averaged


def _over(instrument: Instrument, ts: int) -> float:
    """Return the share of a settlement's average that is over, 0 before it began."""
    left = NEVER if instrument.expiry is None else instrument.expiry - ts
    return min(max(1.0 - left / AVERAGING, 0.0), 1.0)


def believed(valuation: Valuation, event: OptionMark, instrument: Instrument) -> bool:
    """Whether a vol is near the one before, or a second word confirms that it jumped.

    One false vol makes a false delta and a real order; a false print comes alone.
    A first word has no past, and what confirms a jump is one of a new past: they
    have to agree with the price that they come with. A first one by no other forward
    than its own: what a mean may excuse a second has to say, of a later time.
    Where the first two words contradict one another, nobody knows the vol.
    """
    known, name = _last_vol(valuation, instrument), event.instrument
    told = event.vol, event.ts_local if event.ts_venue is None else event.ts_venue
    suspect = valuation.suspects.pop(name, None)
    if known is None and suspect is None:
        if not _agrees(event, instrument, 0.0):
            valuation.suspects[name] = told
            return False
        valuation.alone.add(name)
        return True
    if known is not None and (known <= 0 or _apart(event.vol, known) <= JUMP):
        valuation.alone.discard(name)
        return True
    if suspect is not None and _apart(event.vol, suspect[0]) <= CONFIRMS:
        moved = AVERAGED * _over(instrument, event.ts_local)
        if told[1] - suspect[1] >= CONFIRMED and _agrees(event, instrument, moved):
            valuation.alone.discard(name)
            return True
        told = suspect
    valuation.suspects[name] = told
    if name in valuation.alone:
        valuation.alone.discard(name)
        valuation.options.pop(name, None)
        valuation.waiting.get(instrument.underlying, {}).pop(name, None)
        for coin in [c for c, each in valuation.compiled.items() if name in each.rows]:
            del valuation.compiled[coin]
    return False


def _last_vol(valuation: Valuation, instrument: Instrument) -> float | None:
    """Return the vol by which an option is valued, or will be when an index is told."""
    known = valuation.options.get(instrument.id)
    waiting, _ = valuation.waiting.get(instrument.underlying, {}).get(instrument.id, (None, None))
    if known is None and isinstance(waiting, OptionMark):
        return waiting.vol
    return None if known is None else known.vol


def _agrees(event: OptionMark, instrument: Instrument, moved: float) -> bool:
    """Whether a vol and the price beside it are of one option, roughly.

    Args:
        event: The mark.
        instrument: The option.
        moved: How far off the forward may be, its logarithm: while a settlement is
            averaged it may be the index, or have the mean in it.
    """
    if instrument.strike is None or instrument.expiry is None:
        return True
    years = max(instrument.expiry - event.ts_local, 0) / YEAR
    inverse = instrument.settle not in STABLE
    worths = []
    for way in (-moved, moved):
        forward = event.forward * math.exp(way)
        terms = (float(instrument.strike), years, event.vol, instrument.sign)
        worth = float(pricing.price(forward, *terms))
        worths.append(worth / forward * event.forward if inverse else worth)
    told = float(event.price) * (event.forward if inverse else 1.0)
    worth = min(max(told, min(worths)), max(worths))
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
    outlived = index is not None and beside is not None and _outlived(valuation, event, index)
    if index is None or outlived:
        waiting = valuation.waiting.setdefault(instrument.underlying, {})
        waiting[event.instrument] = (event, None if outlived else beside)
    elif isinstance(event, Mark):
        valuation.carries[event.instrument] = float(event.price) / float(index.price)
        if instrument.id in _users(valuation, instrument):
            del valuation.compiled[instrument.underlying]
    else:
        carry = _carry(valuation, event, index)
        if carry is None:
            return
        known = valuation.options.get(event.instrument)
        told = OptionInput(event.vol, carry, 0.0 if known is None else known.turn)
        valuation.options[event.instrument] = told
        _hold_against(valuation, event, instrument, index)
        _refresh(valuation, instrument, told)


def _hold_against(
    valuation: Valuation, event: OptionMark, instrument: Instrument, index: Index
) -> None:
    """Let an option's mark tell the mean that it settles on, where too much of it is unheard."""
    mean = _mean(valuation, instrument)
    if mean is None or mean.known or event.ts_local < mean.since or _between(event, index) > MEETS:
        return
    before = _sure(valuation, instrument)
    if settling.agrees(mean, event, instrument, float(index.price)):
        valuation.agreed[instrument.id] = max(event.ts_local, mean.ts)
        _write_means(valuation, instrument.underlying)
    else:
        valuation.agreed.pop(instrument.id, None)
    if _sure(valuation, instrument) is not before:
        valuation.compiled.pop(instrument.underlying, None)


def _mean(valuation: Valuation, instrument: Instrument) -> Fixing | None:
    return valuation.fixings.get(instrument.underlying, {}).get(instrument.expiry or 0)


def _sure(valuation: Valuation, instrument: Instrument) -> bool:
    """Whether the mean is known that an option settles on: heard, or told by its own mark since."""
    mean = _mean(valuation, instrument)
    return mean is None or mean.known or valuation.agreed.get(instrument.id, -1) >= mean.until


def _carry(valuation: Valuation, event: OptionMark, index: Index) -> float | None:
    """Return forward ÷ index of an option: by words of one time, where there are any.

    One that was on its way for seconds tells the forward of then; held against
    the index of now it is off by all that the price did in between; so it is in a
    leap, where the index is of a moment before. Then what is known stays, unless
    that is old itself; None: nothing is, and this is not it.
    """
    name, known = event.instrument, valuation.options.get(event.instrument)
    since, nearer = valuation.paired.setdefault(name, (event.ts_local, 0))
    apart, carry = _between(event, index), event.forward / float(index.price)
    leaps = known is not None and apart > nearer and abs(carry / known.carry - 1.0) > LEAP
    if (leaps or apart > max(TOGETHER, nearer)) and event.ts_local - since <= LASTS:
        return None if known is None else known.carry
    valuation.paired[name] = event.ts_local, apart
    return carry


def _outlived(valuation: Valuation, event: OptionMark | Mark, index: Index) -> bool:
    """Whether an index is of so much earlier that a mark waits for the next one.

    After a silence the first word may be a mark; held against the index of before
    it would tell a carry that has all of what happened meanwhile in it.
    """
    since, _ = valuation.paired.get(event.instrument, (event.ts_local, 0))
    stays = isinstance(event, OptionMark) and event.ts_local - since <= LASTS
    return not stays and _after(event, index) > MEETS


def _between(event: OptionMark, index: Index) -> int:
    """Return how far a mark and an index lie apart in venue time, ns."""
    return abs(_after(event, index))


def _after(event: OptionMark | Mark, index: Index) -> int:
    told = event.ts_local if event.ts_venue is None else event.ts_venue
    return told - (index.ts_local if index.ts_venue is None else index.ts_venue)


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
        compiled.book.options.turn[row] = told.turn
    compiled.vol, compiled.measured = _mean_vol(compiled.book), None
    if instrument.id in compiled.book.missing:
        del valuation.compiled[instrument.underlying]


def turn(valuation: Valuation, instrument: Instrument, turned: float) -> None:
    """Write down how an option's vol is taken to move with the price, by a fit of its smile."""
    known = valuation.options.get(instrument.id)
    if known is not None and known.turn != turned:
        valuation.options[instrument.id] = told = replace(known, turn=turned)
        _refresh(valuation, instrument, told)


def option_input(valuation: Valuation, option: Instrument) -> tuple[float, float, float] | None:
    """Return (vol, forward ÷ index, mean of its settlement so far or 0); None: one is unknown."""
    told = valuation.options.get(option.id)
    if told is None or not _sure(valuation, option):
        return None
    mean = _mean(valuation, option)
    return told.vol, told.carry, 0.0 if mean is None else mean.mean()


def take_index(valuation: Valuation, event: Index, instruments: Mapping[str, Instrument]) -> None:
    """Let what was told while no index was believed take effect, by the index of then.

    Where that was false, what was known before is nearer than what was told beside it.
    """
    _fix(valuation, event, instruments)
    for name, (waited, beside) in valuation.waiting.pop(event.underlying, {}).items():
        near = beside is not None and abs(float(beside.price / event.price) - 1.0) <= NEAR
        known = name in valuation.options or name in valuation.carries
        if beside is not None and not near and known:
            continue
        index = beside if beside is not None and near else event
        if possible(waited, instruments[name], index):
            take(valuation, waited, instruments[name], index)


def _fix(valuation: Valuation, index: Index, instruments: Mapping[str, Instrument]) -> None:
    """Count an index into the settlements that are averaged, in place, from when it is true."""
    coin, ts = index.underlying, true_since(index)
    if index.ts_local - ts > STANDS:  # so late that the price is not taken to have stood
        ts = index.ts_local
    ends = valuation.ends[coin] = fixing.ends(valuation.ends.get(coin), coin, instruments, ts)
    if ts < ends.since:
        return
    fixings = valuation.fixings.setdefault(coin, {})
    before = {expiry: each.until for expiry, each in fixings.items()}
    if not fixing.take(fixings, ends.expiries, ts, float(index.price)):
        return
    _write_means(valuation, coin)
    gone = [e for e, each in fixings.items() if not each.known and each.until != before.get(e)]
    if gone:  # something was not heard: what rests on it is missing until it is told
        valuation.compiled.pop(coin, None)


def _write_means(valuation: Valuation, coin: str, ts: int | None = None) -> None:
    """Bring a compiled book up to date with the means that move, so far or up to `ts`, in place."""
    compiled = valuation.compiled.get(coin)
    if compiled is None:
        return
    lines, told = compiled.book.options, valuation.fixings.get(coin, {})
    fixings = {end: each for end, each in told.items() if ts is None or ts < end + STANDS}
    for row, expiry in enumerate(lines.expiry.tolist() if fixings else ()):
        if expiry in fixings:
            lines.fixed[row] = fixings[expiry].mean(ts)
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
        held = list(holdings(params.name))
        fixings = valuation.fixings.get(params.name, {})
        doubtful = [e.instrument.id for e in held if not _sure(valuation, e.instrument)]
        told = {name: own for name, own in valuation.options.items() if name not in doubtful}
        made = compile_book(params, held, told, valuation.carries, fixings)
        rows: dict[str, tuple[int, ...]] = {}
        for row, name in enumerate(made.options.ids):
            rows[name] = (*rows.get(name, ()), row)
        known = _Compiled(made, version, rows, _mean_vol(made))
        valuation.compiled[params.name] = known
        valuation.made += 1
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
        _write_means(valuation, book.underlying, ts)
        known = compiled.measured = ts, exposure.measure(book, price, ts)
    return known[1]
