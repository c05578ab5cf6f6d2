"""Wording: what an order's request must say before it may leave, and what no request may.

ccxt drops a flag that it does not know and rounds what it is given: an
"IOC" that a venue's class spells otherwise goes out as an order that rests.
So whatever is about to leave is read once more, field by field, whether it is
spelt in the address, as a form or as JSON, and held against what was meant.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl

import aiohttp

from rebalancer.errors import brief

Fields = tuple[tuple[str, Any], ...]  # (dotted path, value); places in a list are left out
WORDS = 64 * 1024  # characters of an answer that may be an error and is looked through


class Barred(aiohttp.ClientError):
    """An order that waited for a connection may not leave any more; it did not."""


class Misspelt(aiohttp.ClientError):
    """A request does not say what was meant; it did not leave. Its text holds no secret."""


@dataclass(frozen=True, slots=True)
class Wording:
    """What one order's request must say; names are the ends of dotted paths."""

    flags: Mapping[str, object]  # must be there, with this value and no other
    numbers: Mapping[str, str] = field(default_factory=dict)  # the same, however it is written
    untrue: tuple[str, ...] = ()  # must not be there, or be false

    def fault(self, told: Fields) -> str | None:
        """Return what a request does not say as it was meant; None where it says all of it."""
        for name, meant in self.flags.items():
            found = valued(told, name)
            if not found or any(_spelt(each) != _spelt(meant) for each in found):
                return f"{name} must be {_spelt(meant)}, was {_shown(found)}"
        for name, number in self.numbers.items():
            found = valued(told, name)
            if not found or any(_number(each) != Decimal(number) for each in found):
                return f"{name} must be {number}, was {_shown(found)}"
        for name in self.untrue:
            found = valued(told, name)
            if any(_spelt(each) not in ("false", "null") for each in found):
                return f"{name} must not be set, was {_shown(found)}"
        return None


@dataclass(frozen=True, slots=True)
class Banned:
    """What no request of a connection may say, whoever sends it."""

    never: tuple[str, ...] = ()  # names that must not be there at all
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # name → what it may be

    def fault(self, told: Fields) -> str | None:
        """Return what a request says that it must not; None where it may leave."""
        for name in self.never:
            if any(f".{name}." in f".{path}." for path, _ in told):
                return f"{name} must never be sent"
        for name, allowed in self.only.items():
            for each in valued(told, name):
                if _spelt(each) not in allowed:
                    return f"{name} must be {' or '.join(allowed)}, was {brief(_spelt(each))}"
        return None


NOTHING = Banned()


def fields(request: aiohttp.ClientRequest) -> Fields:
    """Return everything that a request says in its address and its body."""
    address = tuple(request.url.query.items())
    body = request.body
    if not body:
        return address
    text = body.decode() if isinstance(body, bytes) else body.decode("utf-8")
    return (*address, *spoken(text))


def spoken(text: str) -> Fields:
    """Return the fields of a body: JSON, else a form.

    >>> spoken('{"t": {"limit": {"tif": "Ioc"}}, "orders": [{"r": false}]}')
    (('t.limit.tif', 'Ioc'), ('orders.r', False))
    >>> spoken("timeInForce=IOC&quantity=1")
    (('timeInForce', 'IOC'), ('quantity', '1'))
    """
    try:
        told = json.loads(text, parse_float=str)
    except ValueError:
        return tuple(parse_qsl(text, keep_blank_values=True))
    return tuple(_leaves(told, ""))


def valued(told: Fields, name: str) -> list[Any]:
    """Return the values that stand under a name, or under a path that ends with it."""
    return [value for path, value in told if path == name or path.endswith(f".{name}")]


def _leaves(told: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(told, dict):
        for name, each in told.items():
            yield from _leaves(each, f"{path}.{name}" if path else str(name))
    elif isinstance(told, list):
        for each in told:
            yield from _leaves(each, path)
    else:
        yield path, told


def _spelt(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    return str(value)


def _number(value: object) -> Decimal | None:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


def _shown(found: list[Any]) -> str:
    return " and ".join(brief(_spelt(each)) for each in found) or "missing"
