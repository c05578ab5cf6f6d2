"""Changes: where two settings mean different things."""

from collections.abc import Iterator
from typing import Any

from rebalancer.settings.fingerprint import plain
from rebalancer.settings.models import Settings


def changes(before: Settings, after: Settings) -> tuple[str, ...]:
    """Return the dotted keys whose values differ, in the order of their names."""
    told = (plain(each.model_dump()) for each in (before, after))
    return tuple(_apart("", *told))


def _apart(path: str, before: Any, after: Any) -> Iterator[str]:
    if not (isinstance(before, dict) and isinstance(after, dict)):
        if before != after:
            yield path
        return
    for key in sorted({*before, *after}):
        yield from _apart(f"{path}.{key}" if path else key, before.get(key), after.get(key))
