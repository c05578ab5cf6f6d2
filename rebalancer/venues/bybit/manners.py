"""Manners: what an unmodified ccxt Bybit must be told before it is asked for anything.

Left alone it asks about key and account inside the first order, twice, so that
an order is three requests; it lets a request be taken up to five seconds late;
and it reads one page of options where the venue lists several.
"""

from rebalancer.venues.bybit.profile import BYBIT
from rebalancer.venues.connection import Connection


def mannered(connection: Connection) -> None:
    """Set ccxt's options on a connection; harmless when done again.

    The examination refuses what is no unified account, so that nothing hangs on
    ccxt finding that out by itself.
    """
    options = connection.exchange.options
    options["enableUnifiedMargin"], options["enableUnifiedAccount"] = False, True
    options["unifiedMarginStatus"] = 6
    options["recvWindow"] = BYBIT.window
    options["fetchMarkets"] = {**options["fetchMarkets"], "loadAllOptions": True}
