"""Listed options as hedges: those of one expiry, at what a recording says they trade for.

Puts are bought at the ask and calls sold at the bid. A coin-settled option pays
in coin what a dollar-settled one pays in USD, so at its expiry both hedge
alike; its premium in coin is counted at the index.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rebalancer.errors import DataError
from rebalancer.recordings.listed_quotes import Listed, ListedQuote
from rebalancer.research.sizing import Holding, Quote

DAY = 86_400 * 1_000_000_000  # ns
NEAREST, FARTHEST = 0.4, 2.5  # strikes of a mix, multiples of the price


@dataclass(frozen=True, slots=True)
class Expiry:
    """The options of one expiry, as quotes of a holding that is held until then."""

    holding: Holding
    puts: tuple[Quote, ...]  # by strike, rising
    calls: tuple[Quote, ...]
    vol: float  # of the mark at the strike nearest to the forward, per year


def nearest(listed: Listed, coin: str, quantity: float, days: float) -> Expiry:
    """Return the options of the expiry that is nearest to a horizon; it becomes the horizon.

    Args:
        listed: What was quoted.
        coin: Whose options they are.
        quantity: Of the holding, coins.
        days: The horizon asked for.

    Raises:
        DataError: Nothing is listed that ends later.
    """
    ends = [each.instrument.expiry or 0 for each in listed.quotes]
    later = [end for end in ends if end > listed.ts]
    if not later:
        raise DataError(f"{coin}: must have an option that ends after {listed.ts} ns")
    expiry = min(later, key=lambda end: (abs(end - listed.ts - days * DAY), end))
    own = [each for each, end in zip(listed.quotes, ends, strict=True) if end == expiry]
    own.sort(key=lambda each: each.instrument.strike or 0)
    middle = min(own, key=lambda each: abs(float(each.instrument.strike or 0) - each.forward))
    holding = Holding(coin, quantity, listed.index, (expiry - listed.ts) / DAY)
    quotes = [_quote(each, listed.index) for each in own]
    puts = tuple(each for each in quotes if each.sign < 0)
    return Expiry(holding, puts, tuple(each for each in quotes if each.sign > 0), middle.vol)


def _quote(listed: ListedQuote, index: float) -> Quote:
    option = listed.instrument
    return Quote(
        option.name,
        float(option.strike or 0),
        option.sign,
        None if listed.bid is None else listed.bid * index,
        None if listed.ask is None else listed.ask * index,
        listed.vol,
    )


def picked(quotes: Sequence[Quote], multiples: Sequence[float], price: float) -> tuple[Quote, ...]:
    """Return for each multiple of the price the quote that a hedge can trade nearest to it.

    Raises:
        DataError: None can be traded on its side.
    """
    able = [each for each in quotes if (each.bid if each.sign > 0 else each.ask) is not None]
    if multiples and not able:
        raise DataError("options: must be offered (puts) or bid for (calls), none was")
    found = [min(able, key=lambda each: abs(each.strike - goal * price)) for goal in multiples]
    return tuple(dict.fromkeys(found))


def within(quotes: Sequence[Quote], price: float) -> tuple[Quote, ...]:
    """Return the quotes whose strike is near enough to be of use in a mix."""
    return tuple(each for each in quotes if NEAREST <= each.strike / price <= FARTHEST)
