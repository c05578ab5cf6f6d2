"""Changes: where two settings mean different things."""

from collections.abc import Iterator
from typing import Any

from rebalancer.settings.fingerprint import plain
from rebalancer.settings.models import Settings


def changes(before: Settings, after: Settings) -> tuple[str, ...]:
    """Return the dotted keys whose values differ, in the order of their names.

    Venues that only stand in another order are told as `venues`.
    """
    told = (plain(each.model_dump()) for each in (before, after))
    apart, orders = tuple(_apart("", *told)), [list(each.venues) for each in (before, after)]
    moved = orders[0] != orders[1] and sorted(orders[0]) == sorted(orders[1])
    return tuple(sorted((*apart, "venues"))) if moved else apart


def _apart(path: str, before: Any, after: Any) -> Iterator[str]:
    if not (isinstance(before, dict) and isinstance(after, dict)):
        if before != after:
            yield path
        return
    for key in sorted({*before, *after}):
        yield from _apart(f"{path}.{key}" if path else key, before.get(key), after.get(key))
