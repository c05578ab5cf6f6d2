"""Axes: one thing that a sweep varies, where it stands in a configuration and what it may be.

A place is a dotted key. Its last part may name several keys in braces, which
take the same value, or its negative after a minus: `band.{-lower, upper}`.
"""

import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

Place = tuple[str | int, ...]  # keys and list positions, from the top

SPAN = ("low", "high", "log", "steps", "whole")
DIGITS = 4  # of a number that was worked out
_BRACES = re.compile(r"(?P<head>.+)\.\{(?P<names>[^{}]+)\}")


@dataclass(frozen=True, slots=True)
class Span:
    """All numbers from `low` to `high`."""

    low: float
    high: float
    log: bool = False  # even steps of the logarithm
    whole: bool = False
    steps: int | None = None  # of a grid

    def at(self, share: float) -> int | Decimal:
        """Return the number at a share (0 … 1) of the way."""
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        told = low + share * (high - low)
        told = math.exp(told) if self.log else told
        told = min(max(told, self.low), self.high)
        return round(told) if self.whole else Decimal(f"{told:.{DIGITS}g}")


@dataclass(frozen=True, slots=True)
class Axis:
    """One thing that is varied."""

    name: str  # as the spec writes it
    places: tuple[tuple[Place, int], ...]  # where its value goes, and with which sign
    choices: tuple[Any, ...] = ()
    span: Span | None = None

    @property
    def grid(self) -> tuple[Any, ...]:
        """The values of a grid; none where a span has no steps."""
        if self.span is None:
            return self.choices
        steps = self.span.steps or 0
        return tuple(self.span.at(share) for share in np.linspace(0, 1, steps).tolist())

    def draw(self, chance: np.random.Generator) -> Any:
        """Return a value drawn by chance."""
        if self.span is None:
            return self.choices[int(chance.integers(len(self.choices)))]
        return self.span.at(float(chance.random()))


def flat(table: Mapping[str, Any], head: str = "") -> Iterator[tuple[str, Any]]:
    """Yield names and values of a table of axes, however its keys were dotted."""
    for key, value in table.items():
        name = f"{head}.{key}" if head else key
        if isinstance(value, dict) and not set(value) & set(SPAN):
            yield from flat(value, name)
        else:
            yield name, value


def axis(name: str, value: Any) -> Axis:
    """Return what a line of the spec says.

    Raises:
        ValueError: It says nothing that can be varied; its text is (must, was), parted by a tab.
    """
    places = places_of(name)
    if isinstance(value, list):
        if not value:
            raise _wrong("must be a list with a value in it", "an empty list")
        odd = next(
            (each for each in value if any(s < 0 for _, s in places) and not _number(each)), 0
        )
        if odd:
            raise _wrong("must be numbers where one key takes the negative", str(odd))
        return Axis(name, places, tuple(value))
    if isinstance(value, dict):
        return Axis(name, places, span=_span(value))
    must = "must be a list of values, or a table of low and high"
    raise _wrong(must, str(value))


def places_of(name: str) -> tuple[tuple[Place, int], ...]:
    """Return the places that a dotted key names, with the sign that each takes.

    >>> places_of("underlyings.BTC.band.{-lower, upper}")[0]
    (('underlyings', 'BTC', 'band', 'lower'), -1)

    Raises:
        ValueError: It is none.
    """
    found = _BRACES.fullmatch(name)
    if found is None:
        return ((_place(name), 1),)
    head = _place(found["head"])
    names = [each.strip() for each in found["names"].split(",")]
    if not all(each.removeprefix("-") for each in names):
        raise _wrong("must name a key between two commas", name)
    return tuple(((*head, each.removeprefix("-")), -1 if each[0] == "-" else 1) for each in names)


def _place(name: str) -> Place:
    try:
        table = tomllib.loads(f"{name} = 0")
    except ValueError as error:
        raise _wrong("must be a dotted key, such as underlyings.BTC.band.upper", name) from error
    place: list[str | int] = []
    inner: Any = table
    while isinstance(inner, dict):
        key, inner = next(iter(inner.items()))
        place.append(int(key) if key.isdecimal() and place else key)
    return tuple(place)


def _span(told: Mapping[str, Any]) -> Span:
    unknown = next((key for key in told if key not in SPAN), None)
    if unknown is not None:
        raise _wrong(f"unknown key {unknown}; known are {', '.join(SPAN)}", "")
    low: Any = told.get("low")
    high: Any = told.get("high")
    if not _number(low) or not _number(high) or not low < high:
        raise _wrong("must have a number low below a number high", f"{low} and {high}")
    log, whole = told.get("log", False), told.get("whole", False)
    steps: Any = told.get("steps")
    if not isinstance(log, bool) or not isinstance(whole, bool):
        raise _wrong("must have true or false as log and whole", f"{log} and {whole}")
    if log and low <= 0:
        raise _wrong("must have a low above 0 where log is true", str(low))
    if steps is not None and (not _whole(steps) or steps < 2):
        raise _wrong("must have at least 2 whole steps", str(steps))
    return Span(float(low), float(high), log, whole, steps)


def _number(value: Any) -> bool:
    told = isinstance(value, int | Decimal) and not isinstance(value, bool)
    return told and math.isfinite(value)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _wrong(must: str, was: str) -> ValueError:
    return ValueError(f"{must}\t{was}")


def put(table: dict[str, Any], place: Place, value: Any) -> None:
    """Write a value at a place of a raw configuration; tables that are not there are made.

    Raises:
        ValueError: The way leads through something that is no table.
    """
    inner: Any = table
    for number, part in enumerate(place[:-1]):
        if isinstance(inner, dict):
            inner = inner.setdefault(str(part), {})
        elif _within(inner, part):
            inner = inner[part]
        else:
            raise _wrong(f"must lead through tables, does not at {place[number]}", "")
    last = place[-1]
    if isinstance(inner, dict):
        inner[str(last)] = value
    elif _within(inner, last):
        inner[last] = value
    else:
        raise _wrong(f"must lead through tables, does not at {last}", "")


def _within(value: object, part: str | int) -> bool:
    return isinstance(value, list) and isinstance(part, int) and part < len(value)
