"""Which OKX channels a book needs, and which of them can speak against which.

Of a hedge instrument: best prices, book, ticker, trades, mark, funding and open
interest; of an option its mark and the summary of its family (vol, forward); of
each underlying its index; of an account its orders. Nothing else is asked for.
"""

from collections.abc import Iterable, Mapping

from rebalancer.venues.freezing import Fact
from rebalancer.venues.wanted import Wanted
from rebalancer.wire.okx.frames import channel_of
from rebalancer.wire.okx.values import coin, family, is_option, is_perpetual

DEPTH = 20  # levels a side that are told on
ORDERS = "orders"
INVERSE = "USD"  # the quote currency of indexes that coin-settled contracts stand on
_TOUCHES = ("bbo-tbt", "books", "tickers")  # channels that tell best prices


def indexes(wanted: Wanted) -> dict[str, str]:
    """Return coin → name of its index: one a coin, in US dollars where anything is.

    >>> indexes(Wanted(("BTC-USDT-SWAP", "ETH-USDT-SWAP"), ("BTC-USD-261225-100000-C",)))
    {'BTC': 'BTC-USD', 'ETH': 'ETH-USDT'}
    """
    found: dict[str, str] = {}
    for name in (*wanted.hedge, *wanted.options):
        own = family(name)
        if coin(name) not in found or own.endswith(f"-{INVERSE}"):
            found[coin(name)] = own
    return found


def options(wanted: Wanted) -> tuple[str, ...]:
    """Return every option that is followed, as a hedge or as what is held."""
    return tuple(dict.fromkeys((*filter(is_option, wanted.hedge), *wanted.options)))


def public(wanted: Wanted) -> tuple[str, ...]:
    """Return the market's channels, those that all else hangs on first."""
    hedge, held = wanted.hedge, options(wanted)
    swaps = tuple(filter(is_perpetual, hedge))
    return tuple(
        dict.fromkeys(
            (
                *(channel_of("index-tickers", name) for name in indexes(wanted).values()),
                *(channel_of(kind, name) for kind in _TOUCHES for name in hedge),
                *(channel_of("mark-price", name) for name in (*hedge, *held)),
                *(channel_of("funding-rate", name) for name in swaps),
                *(channel_of("open-interest", name) for name in hedge if not is_option(name)),
                *(channel_of("trades", name) for name in hedge),
                *(channel_of("opt-summary", each) for each in dict.fromkeys(map(family, held))),
            )
        )
    )


def witnesses(wanted: Wanted) -> Mapping[str, Iterable[tuple[Fact, str]]]:
    """Return channel → who tells the same facts; of an index and a mark nobody else does."""
    found: dict[str, list[tuple[Fact, str]]] = {}
    for name in indexes(wanted).values():
        found[channel_of("index-tickers", name)] = []
    for name in dict.fromkeys((*wanted.hedge, *options(wanted))):
        found[channel_of("mark-price", name)] = []
    for name in wanted.hedge:
        own = [channel_of(kind, name) for kind in _TOUCHES]
        for each in own:
            found[each] = [("touch", other) for other in own if other != each]
    return found


def argument(name: str) -> dict[str, str]:
    """Return the words that a channel is asked for with.

    >>> argument("opt-summary:BTC-USD"), argument("orders")
    ({'channel': 'opt-summary', 'instFamily': 'BTC-USD'}, {'channel': 'orders', 'instType': 'ANY'})
    """
    channel, colon, subject = name.partition(":")
    if not colon:
        return {"channel": channel, "instType": "ANY"}
    key = "instFamily" if channel == "opt-summary" else "instId"
    return {"channel": channel, key: subject}
