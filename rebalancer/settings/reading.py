"""Reading: a file becomes a table of TOML values, or the fault that kept it from being one.

Decimals stay decimals, so that a quantity of 0.1 is not 0.1000000000000000055.
A file that is too large or too deep is refused before anything looks into it.
"""

import re
import tomllib
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from rebalancer.errors import Fault

LARGEST = 1024 * 1024  # bytes
DEEPEST = 16  # tables and lists within one another
MOST = 20_000  # tables, lists and values: a book of thousands of holdings, and no more
LONGEST_LINE = 4096  # characters
MOST_DOTS = 64  # in a key: tomllib takes quadratic time over one long dotted key
_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")

Raw = dict[str, Any]


def read(path: Path) -> Raw | Fault:
    """Return the table that the file holds, or the one fault of the file as a whole."""
    source = str(path)
    try:
        if not path.is_file():
            found = "a folder" if path.is_dir() else "missing"
            return Fault(source, "must be a readable file", found)
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        return Fault(
            source, "must be a readable file", getattr(error, "strerror", "") or "unusable"
        )
    if len(content) > LARGEST:
        return Fault(source, "must be at most 1 MiB", "larger")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return Fault(f"{source}:{line}", "must be UTF-8 text", "other bytes")
    return parse(text, source)


def parse(text: str, source: str) -> Raw | Fault:
    """Return the table that a TOML text holds, or its first syntax fault."""
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line) > LONGEST_LINE:
            return Fault(f"{source}:{number}", f"must be at most {LONGEST_LINE} characters", "more")
        if line.partition("=")[0].count(".") > MOST_DOTS:
            return _too_deep(f"{source}:{number}")
    try:
        raw = tomllib.loads(text, parse_float=_exact)
    except RecursionError:
        return _too_deep(source)
    except ValueError as error:  # a TOMLDecodeError, or an integer of thousands of digits
        return _syntax(source, text, str(error))
    if _deeper(raw, DEEPEST):
        return _too_deep(source)
    if _count(raw) > MOST:
        return Fault(source, f"must hold at most {MOST} values", "more")
    return raw


def _exact(text: str) -> Decimal:
    """Return a TOML float; an exponent beyond any decimal is an infinity of that sign."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal("-Infinity" if text.startswith("-") else "Infinity")


def _syntax(source: str, text: str, message: str) -> Fault:
    place = _PLACE.search(message)
    line = (place and place[1]) or str(text.count("\n") + 1)
    said = _PLACE.sub("", message)
    return Fault(f"{source}:{line}", "must be valid TOML", said[:1].lower() + said[1:])


def _too_deep(source: str) -> Fault:
    return Fault(source, f"must nest at most {DEEPEST} deep", "deeper")


def _deeper(value: Any, levels: int) -> bool:
    """Whether tables and lists lie more than `levels` within one another; recursion ends there."""
    if not isinstance(value, dict | list) or levels == 0:
        return isinstance(value, dict | list)
    return any(_deeper(child, levels - 1) for child in _children(value))


def _count(value: Any) -> int:
    """Return the number of tables, lists and values of a table that is not too deep."""
    return 1 + sum(_count(child) for child in _children(value))


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
