"""Which Bybit topics a book needs on each socket, and which of them can speak against which.

Of a hedge instrument: 50 levels, whose top is the quote, the ticker (mark, index,
funding) and trades; of a held option the ticker (mark, vol, forward). The index of
a coin is told by one ticker. Nothing else is asked for.
"""

from collections.abc import Iterable, Mapping

from rebalancer.venues.freezing import Fact
from rebalancer.venues.wanted import Wanted
from rebalancer.wire.bybit.values import Category, category_of, coin, in_dollars, symbol_of

DEPTH = 50  # levels a side
PRIVATE = ("execution", "order")


def ticker(name: str) -> str:
    """Return the ticker topic of an instrument."""
    return f"tickers.{symbol_of(name)}"


def book(name: str) -> str:
    """Return the order book topic of an instrument."""
    return f"orderbook.{DEPTH}.{symbol_of(name)}"


def trades(name: str) -> str:
    """Return the topic of an instrument's public trades."""
    return f"publicTrade.{symbol_of(name)}"


def here(wanted: Wanted, category: Category) -> Wanted:
    """Return what of it is told on the socket of a category."""
    return Wanted(
        tuple(each for each in wanted.hedge if category_of(each) == category),
        tuple(each for each in wanted.options if category_of(each) == category),
    )


def public(own: Wanted) -> tuple[str, ...]:
    """Return the topics of one socket, those that all else hangs on first."""
    hedge = own.hedge
    options = (ticker(name) for name in own.options)
    tops = (*map(ticker, hedge), *map(book, hedge), *map(trades, hedge), *options)
    return tuple(dict.fromkeys(tops))


def index_tickers(wanted: Wanted) -> dict[str, str]:
    """Return coin → name of the instrument whose ticker tells its index.

    >>> index_tickers(Wanted(("BTC/USDT", "BTCUSDT"), ("BTC-27FEB26-9000-P", "ETH-27FEB26-900-P")))
    {'BTC': 'BTCUSDT', 'ETH': 'ETH-27FEB26-900-P'}
    """
    found: dict[str, str] = {}
    rank = ("linear", "inverse", "option", "spot")
    names = (*wanted.hedge, *wanted.options)
    for name in sorted(names, key=lambda each: rank.index(category_of(each))):
        if in_dollars(category_of(name), symbol_of(name)):
            found.setdefault(coin(name), name)
    return found


def witnesses(own: Wanted) -> Mapping[str, Iterable[tuple[Fact, str]]]:
    """Return topic → who tells the same facts on this socket; trades have no witness."""
    found: dict[str, list[tuple[Fact, str]]] = {}
    names = tuple(dict.fromkeys((*own.hedge, *own.options)))
    for name in names:
        alike = [each for each in names if coin(each) == coin(name) and each != name]
        same = [each for each in alike if _index(each) == _index(name)]
        found[ticker(name)] = [("index", ticker(each)) for each in same[:1]]
    for name in own.hedge:
        if category_of(name) != "spot":  # whose ticker tells no best prices
            found[ticker(name)].append(("touch", book(name)))
        found[book(name)] = [("touch", ticker(name))]
    return found


def _index(name: str) -> str:
    """Return what tells the index of an instrument from others of its coin."""
    return "USDT" if "USDT" in name and category_of(name) == "linear" else category_of(name)
