"""Paths: where in an answer something stands, and what a sum of such places is.

A path goes by dots; `*` is each of a list or of a table's values; a name that ends
with `?` may be missing, and then the whole is. `=text` is that text. What is not
there and may not be missing is `Malformed`, and never 0.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from rebalancer.venues.outcome import Malformed
from rebalancer.venues.payloads import MILLISECOND, Row, iso, optional

KEY = "@key"  # stands for the name under which a row stood
_TERMS = re.compile(r" ([+-]) ")


def found(told: Any, path: str, where: str) -> list[Any]:
    """Return everything that stands at a path; nothing where an optional part is missing.

    Raises:
        Malformed: A part is missing that must be there.

    >>> found({"a": [{"b": 1}, {"b": 2}]}, "a.*.b", "x"), found({}, "a?.b", "x")
    ([1, 2], [])
    """
    if path.startswith("="):
        return [path[1:]]
    return list(_walk(told, path.split(".") if path else [], where, path))


def value(told: Any, path: str, where: str) -> Any:
    """Return the one thing that stands at a path; None where an optional part is missing."""
    told_there = found(told, path, where)
    if len(told_there) > 1:
        raise Malformed(f"{where}: {path} must stand there once, stood {len(told_there)} times")
    return told_there[0] if told_there else None


def word(told: Any, path: str, where: str) -> str:
    """Return the text at a path, or those of several paths, joined; empty where it may be.

    Raises:
        Malformed: One is missing that must be there, or is no text.
    """
    parts = path.split(",")
    texts = [_text(value(told, each, where), each, where) for each in parts]
    return "/".join(texts)


def amount(told: Any, expression: str, where: str) -> Decimal | None:
    """Return a signed sum of numbers; None where all that it is made of may be, and is, missing.

    Raises:
        Malformed: One is missing that must be there, or is no number.

    >>> amount({"a": "3", "b": [{"c": "1"}, {"c": "0.5"}]}, "a - b.*.c", "x")
    Decimal('1.5')
    """
    negative, rest = expression.startswith("- "), expression.removeprefix("- ")
    parts = _TERMS.split(rest)
    signs = [-1 if negative else 1, *(-1 if each == "-" else 1 for each in parts[1::2])]
    total, missing = Decimal(0), True
    for sign, path in zip(signs, parts[::2], strict=True):
        numbers = found(told, path, where)
        if numbers or "*" in path:
            missing = False
        for each in numbers:
            number = optional({path: each}, path)
            if number is None:
                raise Malformed(f"{where}: {path} must be a number, was {each!r:.40}")
            total += sign * number
    return None if missing else total


def number(told: Any, expression: str, where: str) -> Decimal:
    """Return a sum that must be there; raises Malformed."""
    total = amount(told, expression, where)
    if total is None:
        raise Malformed(f"{where}: {expression} must be a number, was missing")
    return total


def moment(told: Any, path: str, where: str) -> int:
    """Return a time in ns: whole ms since 1970, or ISO 8601 with its zone; raises Malformed."""
    stamp = value(told, path, where)
    if isinstance(stamp, str) and stamp.isdigit():
        stamp = int(stamp)
    if isinstance(stamp, int) and not isinstance(stamp, bool):
        return stamp * MILLISECOND
    ts = iso(stamp) if isinstance(stamp, str) else None
    if ts is None:
        raise Malformed(f"{where}: {path} must be a time, was {stamp!r:.40}")
    return ts


def _walk(told: Any, parts: list[str], where: str, path: str) -> Iterator[Any]:
    if not parts:
        yield told
        return
    part, rest = parts[0].removesuffix("?"), parts[1:]
    may_lack = parts[0].endswith("?")
    if part == "*":
        if not isinstance(told, list | Mapping):
            raise Malformed(f"{where}: {path} must go through a list, was {type(told).__name__}")
        for each in told.values() if isinstance(told, Mapping) else told:
            if may_lack and isinstance(each, Mapping) and rest and rest[0] not in each:
                continue
            yield from _walk(each, rest, where, path)
        return
    below = told.get(part) if isinstance(told, Mapping) else None
    if below is None or (below == "" and may_lack):
        if may_lack:
            return
        raise Malformed(f"{where}: {path} must be there, was missing")
    yield from _walk(below, rest, where, path)


def _text(found_there: Any, path: str, where: str) -> str:
    if found_there is None and "?" in path:
        return ""
    if isinstance(found_there, bool):
        return "true" if found_there else "false"
    if not isinstance(found_there, str | int) or found_there == "":
        raise Malformed(f"{where}: {path} must be a text, was {found_there!r:.40}")
    return str(found_there)


def rows_at(told: Any, path: str, where: str) -> list[Row]:
    """Return the rows at a path; one of a table bears its name as `@key`.

    Raises:
        Malformed: There is no list, or something in it is no object.
    """
    head, star, tail = path.rpartition("*")
    if star and not tail:
        holder = value(told, head.removesuffix("."), where)
        if isinstance(holder, Mapping):
            return [{**_object(each, where), KEY: name} for name, each in holder.items()]
    rows = found(told, path, where)
    if not path and isinstance(told, list):
        rows = told
    return [_object(each, where) for each in rows]


def _object(each: Any, where: str) -> Row:
    if not isinstance(each, Mapping):
        raise Malformed(f"{where}: must be an object, was {type(each).__name__}")
    return each
