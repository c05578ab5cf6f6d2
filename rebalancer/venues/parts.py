"""Parts: the venues that have a package of their own. The one place that names them all.

Whoever opens an account (`live`), examines it (`examination`) or follows a market
asks here by the venue's name and knows nothing of what is spoken there.
"""

from collections.abc import Mapping

from rebalancer.venues.bybit import build as bybit
from rebalancer.venues.deribit import build as deribit
from rebalancer.venues.okx import build as okx
from rebalancer.venues.seats import VenueParts

PARTS: Mapping[str, VenueParts] = {
    "deribit": deribit.PARTS,
    "bybit": bybit.PARTS,
    "okx": okx.PARTS,
}
