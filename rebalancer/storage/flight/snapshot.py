"""Snapshot: what a book knew at a moment, as bytes and back, whole and to the last bit.

A pickle, because it keeps what the state shares with its parts, and every
float and dictionary as they were. Reading one calls nothing but classes of the
core and the few plain ones below: bytes that name anything else are refused
before it is looked up, so that a file from elsewhere can run nothing here.
"""

import copy
import io
import pickle
from enum import Enum
from typing import Any

from rebalancer.core.state import State
from rebalancer.errors import DataError

PROTOCOL = 5
CORE = "rebalancer.core."
PLAIN = frozenset(
    {
        ("collections", "deque"),
        ("decimal", "Decimal"),
        ("numpy", "dtype"),
        ("numpy", "ndarray"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "scalar"),
        ("numpy._core.numeric", "_frombuffer"),
    }
)


class _Reader(pickle.Unpickler):
    """Looks up classes of the core and the plain ones, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in PLAIN:
            return super().find_class(module, name)
        found = None
        if module.startswith(CORE) and "." not in name:
            found = super().find_class(module, name)
        if not isinstance(found, type) or found.__module__ != module:
            raise pickle.UnpicklingError(f"must hold classes of the core only, has {module}.{name}")
        return found


class _Writer(pickle.Pickler):
    """Takes a member of an enumeration down by its value; Python before 3.11.4 calls `getattr`."""

    def reducer_override(self, told: Any) -> Any:
        return (type(told), (told.value,)) if isinstance(told, Enum) else NotImplemented


def freeze(state: State) -> bytes:
    """Return what a state knows."""
    found = io.BytesIO()
    _Writer(found, PROTOCOL).dump(state)
    return found.getvalue()


def sketch(state: State) -> State:
    """Return a copy to take a step on, as cheap in an old book as in a new one.

    It lacks the orders that are over, but for hedges whose effect is still to be
    looked at: no decision asks for others.
    """
    awaited = (each.client_order_id for each in state.behaviour.awaited.values())
    live = (order.submit.client_order_id for order in state.open_orders())
    kept = {name: state.orders[name] for name in (*awaited, *live) if name in state.orders}
    lean = copy.copy(state)
    lean.orders = kept
    return thaw(freeze(lean))


def thaw(told: bytes) -> State:
    """Return the state that `freeze` took down.

    Raises:
        DataError: It is none, or one of another release.
    """
    try:
        state = _Reader(io.BytesIO(told)).load()
    except Exception as e:
        raise DataError(f"snapshot: must be one of this release: {type(e).__name__}: {e}") from e
    if not isinstance(state, State):
        raise DataError(f"snapshot: must be a state, was {type(state).__name__}")
    return state
