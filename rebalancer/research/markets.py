"""From settings and recorded files to one stream of market items, in time order.

Nothing is invented: where a series is missing a proxy must be named in
`[replay]`, and every proxy in use is told, so that a summary can say what it
rests on. A bar is known at its close; implied vols stand until the next
snapshot and are never interpolated, which would look ahead.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from pathlib import Path

from rebalancer.core import pricing
from rebalancer.core.events import Index, Mark, OptionMark, Quote, Trade
from rebalancer.core.exposure import YEAR
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.errors import ConfigError, Fault
from rebalancer.recordings import bars, chains, funding, merge, streams
from rebalancer.research.calendar import dated
from rebalancer.settings.listing import smile_points
from rebalancer.settings.models import Replay, Settings
from rebalancer.venues.feeds import Timed
from rebalancer.venues.paper import (
    Depth,
    Extreme,
    FundingStamp,
    MarketItem,
)
from rebalancer.wire import binance, books

ENDLESS = Decimal(10**9)  # contracts: depth where the configuration sets none
SECOND = 1_000_000_000  # ns
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
TENTH = SECOND // 10
LADDER = 20  # levels of a recorded book that orders can reach


Items = Iterator[MarketItem]


@dataclass(frozen=True, slots=True)
class Window:
    """From when (inclusive) to when (exclusive); ns, None is open."""

    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class RecordedMarket:
    """What a replay plays."""

    items: Iterator[Timed]
    start: int  # ns: time of the first item
    sources: tuple[str, ...]  # what was played and what stands for what, in words
    tallies: Mapping[str, streams.Tally]  # by file of raw messages
    sampled: str  # what a sample is taken at: chains, bars or seconds
    tick: int  # ns between two looks at the clock


@dataclass(frozen=True, slots=True)
class _Source:
    """Where things are and what they are about."""

    folder: Path
    replay: Replay
    instruments: Mapping[str, Instrument]
    held: tuple[Instrument, ...]
    settings: Settings

    def path(self, name: str) -> Path:
        return self.folder / name


def missing(settings: Settings, held: Sequence[Instrument]) -> tuple[Fault, ...]:
    """Return a fault for each series that a replay of this book needs and nobody named."""
    replay = settings.replay
    if replay is None:
        return (Fault("replay", "must name the recorded series of the book", "missing"),)
    told = {*replay.bars, *replay.streams}
    faults = [
        Fault(f"replay.bars.{name}", "must name a series of prices or a proxy for it", "missing")
        for name in priced(settings, held)
        if name not in told
    ]
    perpetuals = {each.id: None for each in held if each.kind is Kind.PERPETUAL}
    faults += [
        Fault(f"replay.funding.{name}", "must name funding or a proxy for it", "missing")
        for name in perpetuals | _hedges(settings)
        if name not in replay.funding and not replay.streams
    ]
    options = [each for each in held if each.kind is Kind.OPTION]
    faults += [
        Fault("replay.chains", f"must hold {each.id}, or replay.vols name its vol", "missing")
        for each in options
        if not replay.chains and each.id not in replay.vols
    ]
    return tuple(faults)


def _hedges(settings: Settings) -> dict[str, None]:
    return {
        name: None
        for own in settings.underlyings.values()
        for name in (*own.hedge.buy, *own.hedge.sell)
    }


def priced(settings: Settings, held: Sequence[Instrument]) -> tuple[str, ...]:
    """Return every instrument without curvature whose price is needed, in order of mention."""
    linear = {each.id: None for each in held if each.kind not in (Kind.CASH, Kind.OPTION)}
    return tuple(linear | _hedges(settings))


def open_market(
    settings: Settings,
    folder: Path,
    instruments: Mapping[str, Instrument],
    held: Sequence[Instrument],
    window: Window,
) -> RecordedMarket:
    """Open every series that a configuration names.

    Args:
        settings: With `[replay]`.
        folder: Where its files are.
        instruments: Every instrument of the book, by id.
        held: What the book holds at the start.
        window: What to play.

    Raises:
        ConfigError: A series is missing and no proxy is named.
        DataError: A file cannot be trusted.
    """
    faults = missing(settings, held)
    replay = settings.replay
    if faults or replay is None:
        raise ConfigError(settings.book.id, faults)
    source = _Source(folder, replay, instruments, tuple(held), settings)
    tallies: dict[str, streams.Tally] = {}
    indexes = _indexes(source).values()
    bars_by_rank = sorted(replay.bars.items(), key=lambda each: each[0] in indexes)
    read = {name: bars.read(source.path(file)) for name, file in bars_by_rank}
    marked = {name: bars.read(source.path(file)) for name, file in replay.marks.items()}
    series: list[Iterable[Timed]] = [
        *(_mark_items(name, each) for name, each in marked.items()),
        *(_bar_items(source, name, each) for name, each in read.items()),
        *(_funding_items(source, name, file) for name, file in replay.funding.items()),
    ]
    options = [each.id for each in held if each.kind is Kind.OPTION]
    if replay.chains:
        series.append(_chain_items(source, [*options, *smile_points(settings)]))
    for name, file in replay.streams.items():
        tallies[file] = streams.Tally()
        series.append(_stream_items(source, name, file, tallies[file]))
    playing = merge.between(merge.merge(*series), window.start, window.end)
    first = next(playing, None)
    if first is None:
        must = "must hold something between --from and --to"
        raise ConfigError(settings.book.id, (Fault("replay", must, "nothing"),))
    items = dated(_again(first, playing), instruments, held, priced(settings, held))
    tick = replay.tick or _fine(replay, read)
    sampled = "chains" if replay.chains else "seconds" if replay.streams else "bars"
    told = (*_named(source), *_holes(read | _named_marks(marked), Window(first[0], window.end)))
    return RecordedMarket(items, first[0], told, tallies, sampled, tick)


def _fine(replay: Replay, read: Mapping[str, bars.Bars]) -> int:
    """Return ns between two looks at the clock: as fine as the recordings deserve."""
    longest = max((each.length for each in read.values()), default=0)
    return SECOND if replay.streams else 5 * MINUTE if longest >= HOUR else MINUTE


def _named_marks(marked: Mapping[str, bars.Bars]) -> dict[str, bars.Bars]:
    return {f"the mark of {name}": series for name, series in marked.items()}


def _again(first: Timed, rest: Iterator[Timed]) -> Iterator[Timed]:
    yield first
    yield from rest


def _named(source: _Source) -> tuple[str, ...]:
    """Return one line for each series in use and each number that stands for one."""
    replay = source.replay
    lines = [f"prices of {name}: {file}" for name, file in replay.bars.items()]
    for name in replay.bars:
        file = replay.marks.get(name)
        told = f"{file}, liquidation tested at its highs and lows" if file else "close of its bars"
        lines.append(f"mark of {name}: {told}")
    lines += [f"order book of {name}: {file}" for name, file in replay.streams.items()]
    lines += [f"funding of {name}: {file}" for name, file in replay.funding.items()]
    lines += [f"option marks: {file}" for file in replay.chains]
    lines += [f"vol of {name}: fixed at {vol:g}" for name, vol in replay.vols.items()]
    lines += [f"index of {coin}: price of {name}" for coin, name in _indexes(source).items()]
    if replay.bars:
        depth = "without end" if replay.depth is None else f"{replay.depth} contracts a side"
        lines.append(f"spread of every bar: {replay.spread_bp:g} bp, depth {depth}")
    if any(each.expiry is not None for each in source.held):
        lines.append("settlement prices: the average index of the half hour before an expiry")
    return tuple(lines)


def _holes(read: Mapping[str, bars.Bars], window: Window) -> Iterator[str]:
    """Yield one line for each series that has holes inside the window; nothing is filled in."""
    for name, series in read.items():
        start, end = window.start or 0, window.end or int(series.ts[-1])
        inside = [hole for hole in series.holes if hole.start < end and hole.end > start]
        if inside:
            hours = sum(hole.end - hole.start for hole in inside) / 3.6e12
            yield f"holes in {name}: {len(inside)}, {hours:g} hours without a price"


def _indexes(source: _Source) -> dict[str, str]:
    """Return the instrument whose price is each coin's index: as named, else its first series."""
    named = dict(source.replay.index)
    for name in (*source.replay.bars, *source.replay.streams):
        named.setdefault(source.instruments[name].underlying, name)
    return named


def _index_items(source: _Source, instrument: Instrument, ts: int, price: Decimal) -> Items:
    """Yield the index that an instrument's price stands for, and the options of a fixed vol."""
    if _indexes(source).get(instrument.underlying) != instrument.id:
        return
    yield Index(ts, ts, instrument.venue, instrument.underlying, price)
    for option in source.held:
        vol = source.replay.vols.get(option.id)
        if vol is not None and option.underlying == instrument.underlying:
            yield _fixed_vol(option, ts, float(price), vol)


def _fixed_vol(option: Instrument, ts: int, forward: float, vol: float) -> OptionMark:
    """Return the mark of an option whose vol is held at a named number, forward = index."""
    strike, expiry = float(option.strike or 0), option.expiry or ts
    years = max(expiry - ts, 0) / YEAR
    model = pricing.inverse_price if option.inverse else pricing.price
    price = float(model(forward, strike, years, vol, option.sign))
    return OptionMark(ts, ts, option.id, Decimal(repr(price)), vol, forward)


def _on_tick(instrument: Instrument, price: Decimal, rounding: str) -> Decimal:
    return (price / instrument.tick).to_integral_value(rounding=rounding) * instrument.tick


# --- series -------------------------------------------------------------------


def _mark_items(name: str, series: bars.Bars) -> Iterator[Timed]:
    """Yield how high and how low a mark went, for the venue alone, and then where it closed.

    Nobody knows which came first, so each is a moment of its own.
    """
    for ts, bar in bars.known(series):
        yield ts - 2, Extreme(name, bar.high)
        yield ts - 1, Extreme(name, bar.low)
        yield ts, Mark(ts, ts, name, bar.close)


def _bar_items(source: _Source, name: str, series: bars.Bars) -> Iterator[Timed]:
    """Yield what a venue would show at each close: mark, depth and quote, then the index.

    Beside marks of their own, bars are made of last prices, and these are told as what they are.
    """
    instrument = source.instruments[name]
    half = Decimal(repr(source.replay.spread_bp)) / Decimal(20_000)
    size = source.replay.depth or ENDLESS
    for ts, bar in bars.known(series):
        bid = _on_tick(instrument, bar.close * (1 - half), ROUND_FLOOR)
        ask = max(
            _on_tick(instrument, bar.close * (1 + half), ROUND_CEILING), bid + instrument.tick
        )
        if name in source.replay.marks:
            for price in (bar.high, bar.low, bar.close):
                yield ts, Trade(ts, ts, name, price, instrument.lot)
        else:
            yield ts, Mark(ts, ts, name, bar.close)
        yield ts, Depth(name, ((bid, size),), ((ask, size),))
        yield ts, Quote(ts, ts, name, bid, size, ask, size)
        # Last: it moves the delta, and an order has to know the book of the same moment.
        for item in _index_items(source, instrument, ts, bar.close):
            yield ts, item


def _funding_items(source: _Source, name: str, file: str) -> Iterator[Timed]:
    """Yield each settlement: what is charged, and the last known rate for the next."""
    for ts, rate in funding.rates(funding.read(source.path(file)), name):
        yield ts, rate
        yield ts, FundingStamp(name, rate.rate)  # the one told is what was settled now


def _chain_items(source: _Source, options: Sequence[str]) -> Iterator[Timed]:
    """Yield the marks of the held options, snapshot by snapshot; the index comes from elsewhere."""
    files = [source.path(file) for file in source.replay.chains]
    for ts, snapshot in chains.snapshots(files, options):
        for mark in snapshot.marks:
            yield ts, mark


def _stream_items(source: _Source, name: str, file: str, tally: streams.Tally) -> Iterator[Timed]:
    """Yield a recorded order book message by message: depth, quote, prints, and a mark.

    The mid of the book stands for mark and index, at most ten times a second.
    """
    instrument = source.instruments[name]
    market = binance.Market.SPOT if instrument.kind is Kind.SPOT else binance.Market.FUTURES
    told = 0
    for ts, moment in streams.moments(source.path(file), market, tally):
        event = binance.translate(moment.message, name, ts)
        if isinstance(event, Trade):
            yield ts, event
        if moment.took is not books.Took.APPLIED:
            continue
        ladder = books.ladder(moment.book, LADDER)
        if ladder is None or not ladder.bids or not ladder.asks:
            continue
        yield ts, Depth(name, ladder.bids, ladder.asks)
        (bid, bid_size), (ask, ask_size) = ladder.bids[0], ladder.asks[0]
        yield ts, Quote(ts, None, name, bid, bid_size, ask, ask_size)
        if ts - told >= TENTH:
            told, mid = ts, (bid + ask) / 2
            yield ts, Mark(ts, ts, name, mid)
            for item in _index_items(source, instrument, ts, mid):
                yield ts, item
