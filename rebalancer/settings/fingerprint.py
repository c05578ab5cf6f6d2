"""Fingerprint: the short name of one set of settings, and what of it is not enforced yet.

An operator confirms a live book by its fingerprint. It stands for what the
settings mean: comments, order of keys, and a default written out do not change
it, while any value does.
"""

import hashlib
import json
from collections.abc import Iterator
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

from rebalancer.settings.faults import Place, dotted
from rebalancer.settings.models import Settings, Table

LENGTH = 16  # hexadecimal digits, 64 bits
NOT_ENFORCED = (
    "guards.funding.*",
    "guards.margin.*",
    "limits.*",
)  # parsed and checked; no guard reads them in this release


def fingerprint(settings: Settings) -> str:
    """Return 16 hexadecimal digits that stand for the meaning of the settings."""
    canonical = json.dumps(
        _plain(settings.model_dump()), sort_keys=True, separators=(",", ":"), allow_nan=False
    )
    return hashlib.sha256(canonical.encode()).hexdigest()[:LENGTH]


def _plain(value: Any) -> Any:
    """Return a value in JSON's types; equal decimals and floats become equal texts."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, Decimal):
        return f"{value.normalize() + 0:f}"  # + 0: no minus before a zero
    if isinstance(value, float):
        return repr(value + 0.0)
    return value if value is None or isinstance(value, bool | int) else str(value)


def not_enforced(settings: Settings) -> tuple[str, ...]:
    """Return the dotted keys that are set but that no guard of this release reads."""
    return tuple(
        key
        for key in (dotted(place) for place in _present(settings, ()))
        if any(fnmatchcase(key, pattern) and _depth(key, pattern) for pattern in NOT_ENFORCED)
    )


def _depth(key: str, pattern: str) -> bool:
    """Whether a key lies exactly as deep as a pattern: a table is named once, not by its keys."""
    return key.count(".") == pattern.count(".")


def _present(value: Any, place: Place) -> Iterator[Place]:
    """Yield the place of each key that the file sets, tables before what they hold."""
    if isinstance(value, Table):
        inner = {key: getattr(value, key) for key in type(value).model_fields}
        keys = [key for key in inner if key in value.model_fields_set]
    elif isinstance(value, dict):
        inner, keys = value, list(value)
    else:
        return
    for key in keys:
        yield (*place, key)
        yield from _present(inner[key], (*place, key))
