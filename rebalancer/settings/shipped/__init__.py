"""Shipped: profile tables that come with the program, in the words of `[venues.NAME.profile]`.

`unified` is what ccxt's own records say at any venue, and the ground of every
other table. A venue's table says what is not so there, and reads the venue's
raw fields where ccxt's are filled in by ccxt.
"""

from collections.abc import Mapping
from typing import Any

from rebalancer.settings.shipped import hyperliquid, krakenfutures, unified

UNIFIED: Mapping[str, Any] = unified.TABLE
SHIPPED: Mapping[str, Mapping[str, Any]] = {
    "hyperliquid": hyperliquid.TABLE,
    "krakenfutures": krakenfutures.TABLE,
}
