"""One replay: a configuration and a folder of recordings become a run and its summary."""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

from rebalancer.core.events import Mark, OptionMark
from rebalancer.core.instruments import STABLE, Instrument, Kind
from rebalancer.errors import ConfigError, Fault
from rebalancer.exchange.exchange import Exchange
from rebalancer.ports import Clock, Journal, Log, Tasks
from rebalancer.research import effectiveness, measures
from rebalancer.research import worth as books
from rebalancer.research.drawing import Drawing, Margin
from rebalancer.research.markets import RecordedMarket, Window, open_market
from rebalancer.research.recorder import Recorder
from rebalancer.research.rows import Rows
from rebalancer.research.steps import Steps
from rebalancer.runtime.clock import MarketClock, run_market
from rebalancer.settings import Settings, resolve
from rebalancer.settings.models import Holding, Role
from rebalancer.storage.memory import MemoryJournal
from rebalancer.venues.feeds import ReplayFeed, Timed
from rebalancer.venues.paper import PaperMarket
from rebalancer.wiring import Running, Surrounding, paper

LOOKED_THROUGH = 200_000  # items, for the first prices of what is held
RECENT = 10_000  # journal entries that a replay keeps; nobody asks it why afterwards


Open = Callable[
    [Settings, Path, Mapping[str, Instrument], Sequence[Instrument], Window], RecordedMarket
]


@dataclass(frozen=True, slots=True)
class Request:
    """What to replay."""

    settings: Settings
    folder: Path
    window: Window
    log: Callable[[Clock], Log]  # on market time
    steps: TextIO | None = None  # where rows go
    progress: Callable[[int, int, int | None], None] | None = None  # now, start, end: ns
    attributes: bool = True  # whether profit is told apart by its source
    market: Open = open_market  # who opens the recordings
    drawn: bool = False  # whether curves are gathered for a report


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of a replay."""

    result: Mapping[str, Any]  # as `replay --json` prints it, decimals as strings
    sources: tuple[str, ...]  # what was played, and what stood for what
    tallies: Mapping[str, Mapping[str, Any]]  # lines decoded, unknown and refused by file
    recorder: Recorder
    running: Running


def replay(request: Request) -> Summary:
    """Run one replay to its end.

    Raises:
        ConfigError: A series is missing, or a holding has no price.
        DataError: A recording cannot be trusted.
    """
    settings = request.settings
    _told_by_no_file(settings)
    instruments = resolve(settings)
    held = [instruments[each.instrument] for each in settings.holdings]
    market = request.market(settings, request.folder, instruments, held, request.window)
    entries, items = _first_prices(held, market.items)
    prices = {name: float(price) for name, price in entries.items()}
    prices |= {
        each.instrument: float(each.entry) for each in settings.holdings if each.entry is not None
    }
    follower = books.begin(_held(settings.holdings, instruments), prices)
    rows = None if request.steps is None else Rows(Steps(request.steps), instruments)
    recorder = Recorder(instruments, follower, market.sampled, rows, attributes=request.attributes)
    if request.drawn:
        recorder.draw_on(Drawing())
    if rows is not None:
        rows.open(
            market.start,
            [
                (
                    each.instrument,
                    float(each.quantity),
                    prices.get(each.instrument, 1.0),
                    each.role is Role.HEDGE,
                )
                for each in settings.holdings
            ],
        )
    elsewhere = [each for each in settings.holdings if each.role is Role.OUTSIDE]
    outside = books.begin(_held(elsewhere, instruments), prices)
    running = _run(request, market, recorder, (instruments, entries, items, outside))
    return Summary(
        _result(running, recorder, follower),
        market.sources,
        {name: asdict(tally) for name, tally in market.tallies.items()},
        recorder,
        running,
    )


def _told_by_no_file(settings: Settings) -> None:
    """Raise where a file tells a holding: what it told then, nobody knows now."""
    must = "must be absent in a replay: what a file told then is not recorded"
    faults = [
        Fault(f"holdings.{row}.file", must, each.file)
        for row, each in enumerate(settings.holdings)
        if each.file is not None
    ]
    if faults:
        raise ConfigError(settings.book.id, faults)


def _run(
    request: Request,
    market: RecordedMarket,
    recorder: Recorder,
    book: tuple[Mapping[str, Instrument], Mapping[str, Decimal], Iterator[Timed], books.Worth],
) -> Running:
    """Put the book into paper dress around the recorded market and run it through."""
    instruments, entries, items, outside = book
    clock = MarketClock(market.start)
    journal: Journal = MemoryJournal(limit=RECENT)

    def progress(ts: int) -> None:
        if request.progress is not None:
            request.progress(ts, market.start, request.window.end)

    def feed(model: PaperMarket, clock: Clock, _tasks: Tasks) -> ReplayFeed:
        return ReplayFeed(recorder.watch(items), model, clock, progress)

    async def main() -> Running:
        around = Surrounding(
            clock,
            journal,
            request.log(clock),
            feed,
            "replay",
            recorder.witness,
            market.tick,
            lasting=False,
        )
        running = paper(request.settings, instruments, entries, around)
        running.engine.observe(recorder.observe)
        if recorder.drawing is not None:
            recorder.drawing.look_at(lambda: margin(running.exchanges, recorder.worth))
        recorder.compare_with(
            lambda: model_equity(running.exchanges, recorder.worth, instruments, outside),
            lambda: margin_ratio(running.exchanges),
        )
        await running.daemon.run()
        recorder.close(clock.now())
        return running

    return run_market(clock, main())


def _held(
    holdings: Sequence[Holding], instruments: Mapping[str, Instrument]
) -> list[tuple[Instrument, float, bool]]:
    return [
        (instruments[each.instrument], float(each.quantity), each.role is Role.HEDGE)
        for each in holdings
    ]


def _first_prices(
    held: Sequence[Instrument], items: Iterator[Timed]
) -> tuple[dict[str, Decimal], Iterator[Timed]]:
    """Return the first mark of everything held, and the items as if nobody had looked."""
    wanted = {each.id: None for each in held if each.kind is not Kind.CASH}
    found: dict[str, Decimal] = {}
    seen: list[Timed] = []
    for ts, item in itertools.islice(items, LOOKED_THROUGH):
        seen.append((ts, item))
        if isinstance(item, Mark | OptionMark) and item.instrument in wanted:
            found.setdefault(item.instrument, item.price)
        if len(found) == len(wanted):
            break
    return found, itertools.chain(seen, items)


def margin_ratio(exchanges: Mapping[str, Exchange]) -> float:
    """Return the highest margin ratio of any pool: maintenance ÷ balance, inf with none left."""
    highest = 0.0
    for venue, exchange in exchanges.items():
        for standing in exchange.standings(venue).values():
            if standing is not None and standing.maintenance:
                left = float(standing.balance)
                ratio = float(standing.maintenance) / left if left > 0 else math.inf
                highest = max(highest, ratio)
    return highest


def margin(exchanges: Mapping[str, Exchange], follower: books.Worth) -> Margin:
    """Return how the accounts stand: the margin ratio, and how far each leg's liquidation is."""
    distances: dict[str, float] = {}
    for venue, exchange in exchanges.items():
        for name in exchange.holdings(venue):
            line = follower.lines.get(name)
            if line is None or line.mark is None or not line.instrument.margined:
                continue
            price = exchange.liquidation_price(venue, name)
            if price is not None:
                distances[name] = abs(float(price) / line.mark - 1.0)
    return Margin(margin_ratio(exchanges), distances)


def model_equity(
    exchanges: Mapping[str, Exchange],
    follower: books.Worth,
    instruments: Mapping[str, Instrument],
    outside: books.Worth,
) -> float:
    """Return what the exchange models' own books come to, USD.

    Cash and the open profit of margined contracts are theirs, coins at the
    index; options and spot pairs stand at their recorded marks. What lies
    outside is in no model and is added as it is.
    """
    outside.indexes = follower.indexes
    for name, line in outside.lines.items():
        line.mark = follower.lines[name].mark
    total = books.equity(outside) or 0.0
    for venue, exchange in exchanges.items():
        sums: dict[str, Decimal] = dict(exchange.balances(venue))
        for position in exchange.positions(venue):
            instrument = instruments[position.instrument]
            if instrument.margined:
                told = position.unrealised or Decimal(0)
                sums[instrument.settle] = sums.get(instrument.settle, Decimal(0)) + told
                continue
            mark = follower.lines[position.instrument].mark or 0.0
            total += float(position.quantity * instrument.size) * mark
        for currency, amount in sums.items():
            price = 1.0 if currency in STABLE else follower.indexes.get(currency, 0.0)
            total += float(amount) * price
    return total


def _result(running: Running, recorder: Recorder, follower: books.Worth) -> dict[str, Any]:
    """Return the summary in the words of `replay --json`."""
    engine, samples, sums = running.engine, recorder.samples, follower.sums
    sampled = effectiveness.measure(samples.ts, samples.hedged, samples.unhedged)
    attribution = recorder.attribution()
    days = recorder.days.rows() if attribution else ()  # by source, or not at all
    series = (samples.ts, samples.hedged, samples.unhedged, samples.costs)
    return {
        **asdict(sampled),
        "samples": len(samples.ts),
        "accounting_residual": recorder.residual if samples.ts else None,
        "attribution": attribution,
        "fees": sums.fees,
        "funding": sums.funding,
        "turnover": sums.turnover,
        "orders": engine.tally.orders,
        "hedges": engine.tally.hedges,
        "refusals": engine.tally.refusals,
        "max_abs_net_delta": recorder.extremes.max_abs_net_delta,
        "seconds_outside_band": recorder.extremes.seconds_outside_band,
        "coin_hours_outside": recorder.extremes.coin_hours_outside,
        "liquidations": recorder.extremes.liquidations,
        "max_margin_ratio": recorder.extremes.max_margin_ratio,
        "earned": recorder.change(),
        "unattributed": measures.unattributed(recorder.change(), attribution),
        **measures.told(series, days, attribution),
        "distance_from_aim": measures.stayed(recorder.stays),
        "by_day": [each.told() for each in days],
        "by_hedge": [each.told() for each in recorder.hedges.rows()],
        "by_hedge_left_out": recorder.hedges.left_out,
        "digest": engine.digest,
    }
