"""Which Deribit channels a book needs, and which of them can speak against which.

Of a hedge instrument: quotes, 20 levels, trades and the ticker (mark, funding);
of a held option the ticker (mark, vol, forward); of each underlying its index;
of an account its fills, orders and balances. Nothing else is asked for.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rebalancer.venues import wanted as anywhere
from rebalancer.venues.freezing import Fact
from rebalancer.wire.deribit.values import coin

DEPTH = 20  # levels a side
PROBE = "public/ticker"  # a question, not a channel; its answers are witnesses all the same
PRIVATE = ("user.trades.any.any.raw", "user.orders.any.any.raw", "user.portfolio.any")


@dataclass(frozen=True, slots=True)
class Wanted(anywhere.Wanted):
    """What a book follows on Deribit, by native names, and how closely."""

    interval: str = "100ms"  # of tickers and trades; raw needs an account
    book: str = f"none.{DEPTH}.100ms"  # whole levels; 100ms or raw: chained changes


def index_names(wanted: Wanted) -> dict[str, str]:
    """Return coin → name of its index: one a coin, in US dollars where anything is.

    >>> index_names(Wanted(("BTC-PERPETUAL", "SOL_USDC-PERPETUAL"), ("BTC_USDC-27FEB26-9-C",)))
    {'BTC': 'btc_usd', 'SOL': 'sol_usdc'}
    """
    found: dict[str, str] = {}
    for name in (*wanted.hedge, *wanted.options):
        family = name.partition("-")[0]
        own = family.lower() if "_" in family else f"{family.lower()}_usd"
        if coin(name) not in found or "_" not in family:
            found[coin(name)] = own
    return found


def ticker(name: str, wanted: Wanted) -> str:
    """Return the ticker channel of an instrument."""
    return f"ticker.{name}.{wanted.interval}"


def index(name: str) -> str:
    """Return the channel of an index."""
    return f"deribit_price_index.{name}"


def public(wanted: Wanted) -> tuple[str, ...]:
    """Return the market's channels, those that all else hangs on first."""
    return tuple(
        dict.fromkeys(
            (
                *(index(name) for name in index_names(wanted).values()),
                *(f"quote.{name}" for name in wanted.hedge),
                *(ticker(name, wanted) for name in wanted.hedge),
                *(f"book.{name}.{wanted.book}" for name in wanted.hedge),
                *(f"trades.{name}.{wanted.interval}" for name in wanted.hedge),
                *(ticker(name, wanted) for name in wanted.options),
            )
        )
    )


def witnesses(wanted: Wanted) -> Mapping[str, Iterable[tuple[Fact, str]]]:
    """Return channel → who tells the same facts; trades have no witness, silence is theirs."""
    indexes = index_names(wanted)
    found: dict[str, list[tuple[Fact, str]]] = {PROBE: []}
    for name in dict.fromkeys((*wanted.hedge, *wanted.options)):
        own = ticker(name, wanted)
        found[own] = [("index", index(indexes[coin(name)]))] if _same_index(name, indexes) else []
        if name == probed(wanted):
            found[own] += [("index", PROBE), ("touch", PROBE)]
    for each, named in indexes.items():
        own = index(named)
        hedges = (n for n in wanted.hedge if coin(n) == each and _same_index(n, indexes))
        found[own] = [("index", ticker(name, wanted)) for name in hedges]
        told = probed(wanted)
        if told is not None and coin(told) == each and _same_index(told, indexes):
            found[own].append(("index", PROBE))
    for name in wanted.hedge:
        for own in (f"quote.{name}", f"book.{name}.{wanted.book}"):
            found[own] = [("touch", ticker(name, wanted))]
    return found


def _same_index(name: str, indexes: Mapping[str, str]) -> bool:
    """Tell whether an instrument is about the index that is followed for its coin."""
    family = name.partition("-")[0].lower()
    return indexes[coin(name)] == (family if "_" in family else f"{family}_usd")


def probed(wanted: Wanted) -> str | None:
    """Return the instrument that is asked about when nobody speaks."""
    return next(iter((*wanted.hedge, *wanted.options)), None)
