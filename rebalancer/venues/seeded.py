"""The seeded world as a feed: depth, words, and what is due, for the paper venues of a demo."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal

from rebalancer.core.instruments import Instrument
from rebalancer.market.params import WorldParams, standard_params
from rebalancer.market.records import WorldStep, market_events
from rebalancer.market.world import World
from rebalancer.ports import SECOND, Clock, Feed, Randomness, Tasks
from rebalancer.settings.models import Settings
from rebalancer.venues.feeds import StepFeed
from rebalancer.venues.paper import (
    Delivery,
    Depth,
    FundingAccrual,
    FundingStamp,
    MarketItem,
    PaperMarket,
    SessionEnd,
)

HOUR = 3_600 * SECOND

FeedOf = Callable[[PaperMarket, Clock, Tasks], Feed]


def seeded(
    settings: Settings, instruments: Mapping[str, Instrument], randomness: Randomness
) -> tuple[FeedOf, Mapping[str, Decimal], int]:
    """Return the seeded world of a configuration: its feed, its first prices, its beginning.

    Args:
        settings: `[market]` says where and when the world begins.
        instruments: What the world quotes, by id.
        randomness: Same streams, same world.
    """
    market = settings.market
    params = standard_params(market.start, market.prices, market.vols, market.step)
    world = World(params, tuple(instruments.values()), randomness.generator)
    first = world.step(market.start)
    prices = {told.instrument: told.price for told in first.marks}
    prices |= {told.instrument: told.price for told in first.option_marks}
    venues = tuple(name for name in settings.venues if _continuous(params, name))

    def advance(ts: int) -> Iterable[MarketItem]:
        return _items(first if ts == market.start else world.step(ts), venues)

    def feed(model: PaperMarket, clock: Clock, _tasks: Tasks) -> Feed:
        return StepFeed(advance, market.step, model, clock)

    return feed, prices, market.start


def _continuous(params: WorldParams, venue: str) -> bool:
    return any(told.name == venue and told.funding_interval is None for told in params.venues)


def _items(step: WorldStep, continuous: Sequence[str]) -> Iterable[MarketItem]:
    """Yield a step of the world as a venue would show it: depth, words, then what is due."""
    for book in step.books:
        yield Depth(book.instrument, book.bids, book.asks)
    yield from market_events(step)
    for due in step.funding_due:
        yield FundingStamp(due.instrument, due.rate)
    if step.ts % HOUR == 0:
        for venue in continuous:
            yield FundingAccrual(venue)
    for ended in step.settlements:
        yield SessionEnd(ended.instrument, ended.price)
    for ended_for_good in step.deliveries:
        yield Delivery(ended_for_good.instrument, ended_for_good.price)
