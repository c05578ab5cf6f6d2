"""Liquidation prices found by trying: the first tick at which a pool would be taken down.

No formula is solved. The balance of a pool is worked out anew at one price
after another, as `liquidation` itself does it, going away from the mark both
ways. Balance less maintenance bends downwards only (every tier asks for more
than the one before, and a haircut takes only from what is owned), so the
prices at which a pool is sound are one stretch, and halving finds its ends.
"""

from collections.abc import Callable
from decimal import Decimal

from rebalancer.core.instruments import Instrument
from rebalancer.errors import DataError
from rebalancer.exchange.exact import floor_to
from rebalancer.exchange.pools import pool_of, prices_of, stand
from rebalancer.exchange.prices import moved
from rebalancer.exchange.state import State

FARTHEST = 1_000_000  # times the mark: what is sound there is never taken down


def liquidation_price(state: State, name: str, contract: Instrument) -> Decimal | None:
    """Return the tick nearest to the mark at which the pool of a position is taken down.

    Mark and index of the underlying move together, everything else stays.

    Args:
        state: Is read.
        name: Account; with margin terms.
        contract: A perpetual or future that it holds.

    Returns:
        USD per coin; the mark's tick when that is already so; None when no
        price on the way to 0 or up would do it, or a price is missing.

    Raises:
        DataError: Nothing is held, or nobody asks the account for margin.
    """
    account = state.account(name)
    if account.terms is None or not account.holding(contract.id).quantity or not contract.margined:
        raise DataError(f"{name}: must hold {contract.id} on margin, was not")
    mark, pool, here = state.marks.get(contract.id), pool_of(account, contract), prices_of(state)
    if mark is None:
        return None

    def sound(ticks: int) -> bool:
        at = moved(here, contract, contract.tick * ticks)
        standing = stand(state, account, pool, at)
        return standing is None or standing.sound

    start = int(floor_to(mark, contract.tick) / contract.tick)
    if stand(state, account, pool) is None:
        return None
    if not sound(start):
        return start * contract.tick
    ends = [_end(sound, start, -1), _end(sound, start, +1)]
    found = [end for end in ends if end is not None]
    nearest = min(found, key=lambda end: abs(end - start), default=None)
    return None if nearest is None else nearest * contract.tick


def _end(sound: Callable[[int], bool], start: int, way: int) -> int | None:
    """Return the first tick on one side of a sound one that is not; None when there is none."""
    inside, step = start, 1
    while True:
        outside = max(start + way * step, 1)
        if not sound(outside):
            break
        if outside == 1 or outside > start * FARTHEST:
            return None
        inside, step = outside, step * 2
    while abs(outside - inside) > 1:
        middle = (inside + outside) // 2
        inside, outside = (middle, outside) if sound(middle) else (inside, middle)
    return outside
