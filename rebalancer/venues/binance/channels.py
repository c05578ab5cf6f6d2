"""Which of Binance's channels a book needs, on which socket, and which speak against which.

Of a hedge instrument: best prices, depth and trades; of a contract its mark, with index
and funding, and on COIN-M the index of its pair. Spot has no index of its own; that of the
perpetual of the same name is made of spot prices, and is heard where USD-M tells it.
Nothing else is asked for.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rebalancer.venues.binance.family import COINM, SPOT, USDM, Venue
from rebalancer.venues.freezing import Fact
from rebalancer.venues.wanted import Wanted


@dataclass(frozen=True, slots=True)
class Socket:
    """What one socket is for."""

    path: str
    prices: bool  # best prices and depth
    marks: bool  # mark, index, trades
    borrowed: bool = False  # another venue's, heard for its index alone, and no part of this one


def sockets(venue: Venue) -> tuple[Socket, ...]:
    """Return the sockets that a venue's market needs: one, or one a path."""
    if venue.prices == venue.marks:
        own = Socket(venue.prices, prices=True, marks=True)
        borrowed = Socket(USDM.marks, prices=False, marks=False, borrowed=True)
        return (own, borrowed) if venue is SPOT else (own,)
    prices = Socket(venue.prices, prices=True, marks=False)
    return prices, Socket(venue.marks, prices=False, marks=True)


def coin(symbol: str) -> str:
    """Return the underlying in a symbol.

    >>> coin("BTCUSDT"), coin("ETHUSD_PERP"), coin("BTCUSDT_260925")
    ('BTC', 'ETH', 'BTC')
    """
    return symbol.partition("USD")[0]


def settled(venue: Venue, symbol: str) -> str:
    """Return the currency that a contract or pair settles in.

    >>> settled(COINM, "BTCUSD_PERP")
    'BTC'
    """
    if venue is COINM:
        return coin(symbol)
    return symbol.removeprefix(coin(symbol)).partition("_")[0]


def touch(symbol: str) -> str:
    """Return the channel of best prices."""
    return f"{symbol.lower()}@bookTicker"


def depth(symbol: str) -> str:
    """Return the channel of changes in depth."""
    return f"{symbol.lower()}@depth@100ms"


def mark(symbol: str) -> str:
    """Return the channel of mark and funding."""
    return f"{symbol.lower()}@markPrice@1s"


def index(pair: str) -> str:
    """Return the channel of a pair's index."""
    return f"{pair.lower()}@indexPrice@1s"


def trades(symbol: str) -> str:
    """Return the channel of trades."""
    return f"{symbol.lower()}@aggTrade"


def pair_of(symbol: str) -> str:
    """Return the pair that a contract is of, e.g. BTCUSD."""
    return symbol.partition("_")[0]


def public(venue: Venue, socket: Socket, wanted: Wanted) -> tuple[str, ...]:
    """Return the channels of a socket, those that all else hangs on first."""
    names = (*dict.fromkeys((*wanted.hedge, *wanted.options)),)
    found: list[str] = []
    if socket.borrowed or (socket.marks and venue.margined):
        found += [mark(name) for name in names]
    if socket.marks and venue is COINM:
        found += [index(pair_of(name)) for name in names]
    if socket.prices:
        found += [*(touch(name) for name in names), *(depth(name) for name in names)]
    if socket.marks:
        found += [trades(name) for name in names]
    return tuple(dict.fromkeys(found))


def steady(channel: str) -> bool:
    """Whether a channel speaks once a second, whatever the market does."""
    return channel.endswith("@1s")


def witnesses(
    venue: Venue, socket: Socket, wanted: Wanted
) -> Mapping[str, Iterable[tuple[Fact, str]]]:
    """Return channel → who tells the same facts; a steady one is its own witness."""
    found: dict[str, list[tuple[Fact, str]]] = {}
    for each in public(venue, socket, wanted):
        if steady(each):
            found[each] = []
    for name in wanted.hedge if socket.prices else ():
        found[touch(name)] = [("touch", depth(name))]
        found[depth(name)] = [("touch", touch(name))]
    return found
