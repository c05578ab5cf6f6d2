"""A ticker kept from Bybit's messages: a snapshot, then what changed in it.

What a change leaves out is as it was. A change that comes before any snapshot
says nothing, and a whole that cannot be believed is no ticker until the next
snapshot. https://bybit-exchange.github.io/docs/v5/websocket/public/ticker
"""

from dataclasses import dataclass

import msgspec

from rebalancer.wire.bybit.market import Ticker, Type, ticker_fault
from rebalancer.wire.bybit.values import Category, Refused


@dataclass(slots=True)
class Kept:
    """The ticker of one symbol; only `take` writes it."""

    whole: Ticker | None = None


def take(kept: Kept, told: Ticker, kind: Type, category: Category) -> Ticker | Refused | None:
    """Write a message into the ticker; return it whole, None while there is no snapshot."""
    if kind == "snapshot":
        whole = told
    elif kept.whole is None or kept.whole.symbol != told.symbol:
        return None
    else:
        news = {
            name: each for name, each in msgspec.structs.asdict(told).items() if each is not None
        }
        whole = msgspec.structs.replace(kept.whole, **news)
    try:
        reason = ticker_fault(whole, category)
    except ValueError as error:
        reason = str(error)
    kept.whole = None if reason else whole
    return whole if reason is None else Refused(reason)
