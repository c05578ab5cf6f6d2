"""Parts: the venues that have a package of their own. The one place that names them all.

Whoever opens an account (`live`), examines it (`examination`) or follows a market
asks here by the venue's name and knows nothing of what is spoken there.
"""

from collections.abc import Mapping

from rebalancer.venues.binance import build as binance
from rebalancer.venues.deribit import build as deribit
from rebalancer.venues.seats import VenueParts

PARTS: Mapping[str, VenueParts] = {
    "deribit": deribit.PARTS,
    "binanceusdm": binance.PARTS,
    "binancecoinm": binance.COINM_PARTS,
    "binance": binance.SPOT_PARTS,
}
