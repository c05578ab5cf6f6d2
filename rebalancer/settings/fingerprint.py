"""Fingerprint: the short name of one set of settings, and which guards it leaves out.

An operator confirms a live book by its fingerprint. It stands for what the
settings mean: comments, order of keys, and a default written out do not change
it, while any value does. So does the order of the venues, which is in every id of
an order: moved about, they would make a book take its own orders for another's.
"""

import hashlib
import json
from decimal import Decimal
from typing import Any

from rebalancer.settings.models import Settings

LENGTH = 16  # hexadecimal digits, 64 bits


def fingerprint(settings: Settings) -> str:
    """Return 16 hexadecimal digits that stand for the meaning of the settings."""
    meant = [plain(settings.model_dump()), list(settings.venues)]
    canonical = json.dumps(meant, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:LENGTH]


def plain(value: Any) -> Any:
    """Return a value in JSON's types; equal decimals and floats become equal texts."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, Decimal):
        return f"{value.normalize() + 0:f}"  # + 0: no minus before a zero
    if isinstance(value, float):
        return repr(value + 0.0)
    return value if value is None or isinstance(value, bool | int) else str(value)


def not_enforced(settings: Settings) -> tuple[str, ...]:
    """Return the guards that the settings say nothing of, so that nobody watches there."""
    told = {"guards.margin": settings.guards.margin, "guards.funding": settings.guards.funding}
    return tuple(name for name, table in told.items() if table is None)
