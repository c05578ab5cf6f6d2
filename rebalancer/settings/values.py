"""Values: what a single setting may be; every type here says in words what must hold.

Each type is an annotation with a validator that either returns the value or
raises with `must` and `was`, ready to be printed.
"""

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
}
_DURATION = re.compile(r"([0-9]{1,12})(ns|us|ms|s|m|h|d)")
_LONGEST = 36_500 * _UNITS["d"]
_EXACT = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?")
_LARGEST = Decimal("1e15")
_FINEST = -18  # decimal places; no venue counts finer
_SHOWN = 60  # characters of a text that a message repeats


def shown(value: object) -> str:
    """Return a value as a message shows it: text in quotes, tables and lists by name.

    >>> shown("abc"), shown(True), shown({"a": 1}), shown(12)
    ("'abc'", 'true', 'a table', '12')
    """
    if isinstance(value, str):
        return repr(str(value) if len(value) <= _SHOWN else value[:_SHOWN] + "…")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list | tuple):
        return "a table" if isinstance(value, dict) else ("a list" if value else "an empty list")
    if isinstance(value, int) and abs(value) > _LARGEST:
        return "a number beyond 1e15"
    if isinstance(value, date | time):
        return value.isoformat()
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def wrong(must: str, was: str, at: str = "") -> PydanticCustomError:
    """Return the error of a value that does not hold.

    Args:
        must: What must hold, from "must" on.
        was: What was found.
        at: Key below the value's own path, where the value is a table.
    """
    return PydanticCustomError("fault", "{must}", {"must": must, "was": was, "at": at})


def as_float(value: object) -> float:
    """Return a finite number as a float.

    Raises:
        PydanticCustomError: It is no number, or not finite.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise wrong("must be a number", shown(value))
    try:
        result = float(value)
    except OverflowError:
        result = math.inf
    if not math.isfinite(result):
        raise wrong("must be a finite number", shown(value))
    return result


def number(must: str = "", holds: Callable[[float], bool] | None = None) -> BeforeValidator:
    """Return the validator of a number of which something must hold, `must` in words."""

    def validate(value: object) -> float:
        result = as_float(value)
        if holds is not None and not holds(result):
            raise wrong(f"must be {must}", shown(value))
        return result

    return BeforeValidator(validate)


def as_coefficients(value: object) -> tuple[float, float, float] | None:
    """Return three finite numbers, or raise; None stays."""
    if value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) != len("abc"):
        raise wrong("must be a list of three numbers: a, b and c", shown(value))
    a, b, c = (as_float(each) for each in value)
    return a, b, c


def as_whole(value: object) -> int:
    """Return a whole number from 0 to 2^63 - 1, or raise."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise wrong("must be a whole number of at least 0", shown(value))
    return value


def as_recorder_cap(value: object) -> int:
    """Return whole MiB that a recorder may fill, at least 8, or raise."""
    if isinstance(value, bool) or not isinstance(value, int) or not 8 <= value < 2**31:
        raise wrong("must be a whole number of at least 8", shown(value))
    return value


def as_exact(value: object) -> Decimal:
    """Return a decimal from a number or from text, without the noise of a float.

    Raises:
        PydanticCustomError: It is no number, beyond 1e15, or finer than 18 decimals.
    """
    if isinstance(value, str) and _EXACT.fullmatch(value):
        value = Decimal(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise wrong("must be a number", shown(value))
    result = Decimal(value)
    if not result.is_finite():
        raise wrong("must be a finite number", shown(value))
    exponent = result.as_tuple().exponent
    if abs(result) > _LARGEST or (isinstance(exponent, int) and exponent < _FINEST):
        raise wrong("must be at most 1e15 and have at most 18 decimals", shown(value))
    return result


def as_positive_exact(value: object) -> Decimal:
    """Return a decimal above 0, or raise."""
    result = as_exact(value)
    if result <= 0:
        raise wrong("must be above 0", shown(value))
    return result


def as_duration(value: object) -> int:
    """Return a duration in ns.

    Raises:
        PydanticCustomError: It is not a count with a unit, nothing, or beyond 100 years.

    >>> as_duration("250ms"), as_duration("2d")
    (250000000, 172800000000000)
    """
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise wrong('must be a duration such as "30s" (ns, us, ms, s, m, h, d)', shown(value))
    result = int(found[1]) * _UNITS[found[2]]
    if not 0 < result <= _LONGEST:
        raise wrong("must be above 0 and at most 36500d", shown(value))
    return result


def as_time(value: object) -> int:
    """Return an ISO 8601 time with its zone in ns since 1970 UTC.

    Raises:
        PydanticCustomError: It is no such time, has no zone or lies before 1970.

    >>> as_time("2024-09-07T08:00Z")
    1725696000000000000
    """
    must = "must be a time with its zone, such as 2026-01-30T07:15:00Z"
    moment = value
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise wrong(must, shown(value)) from None
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise wrong(must, shown(value))
    if moment < _EPOCH:
        raise wrong("must not lie before 1970", shown(value))
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1_000


def words(choices: type[StrEnum] | tuple[str, ...]) -> str:
    """Return the choices as a message lists them.

    >>> words(("a", "b", "c"))
    'a, b or c'
    """
    names = [str(choice) for choice in choices]
    return " or ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def choice(choices: type[StrEnum] | tuple[str, ...]) -> BeforeValidator:
    """Return the validator of one of a few words; an enumeration gives its member."""

    def validate(value: object) -> str:
        for candidate in choices:
            if isinstance(value, str) and value == str(candidate):
                return candidate
        raise wrong(f"must be {words(choices)}", shown(value))

    return BeforeValidator(validate)


def text(pattern: str, must: str) -> BeforeValidator:
    """Return the validator of a text that a pattern matches whole, `must` in words."""
    compiled = re.compile(pattern)

    def validate(value: object) -> str:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise wrong(f"must be {must}", shown(value))
        return value

    return BeforeValidator(validate)


def as_names(value: object) -> tuple[str, ...]:
    """Return a list of texts without repetition as a tuple, or raise."""
    if not isinstance(value, list | tuple):
        raise wrong("must be a list of texts", shown(value))
    seen = set()
    for name in value:
        if not isinstance(name, str) or not name:
            raise wrong("must be a list of texts", f"{shown(name)} in it")
        if name in seen:
            raise wrong("must name each only once", f"{shown(name)} twice")
        seen.add(name)
    return tuple(value)


def as_filled_names(value: object) -> tuple[str, ...]:
    """Return a list of at least one text as a tuple, or raise."""
    if value in ([], ()):
        raise wrong("must name at least one", "an empty list")
    return as_names(value)


def as_prices(value: object) -> tuple[float, ...]:
    """Return a list of prices as a tuple, or raise."""
    if not isinstance(value, list | tuple):
        raise wrong("must be a list of prices", shown(value))
    prices = tuple(as_float(each) for each in value)
    for price in prices:
        if price <= 0:
            raise wrong("must be a list of prices above 0", f"{shown(price)} in it")
    return prices


def as_rows(value: object) -> tuple[Any, ...]:
    """Return a list of tables as a tuple, or raise; the rows are validated by their own model."""
    if not isinstance(value, list | tuple):
        raise wrong("must be a list of tables", shown(value))
    return tuple(value)


def as_tiers(value: object) -> tuple[tuple[float, float], ...]:
    """Return maintenance tiers as (notional floor, rate) pairs.

    Raises:
        PydanticCustomError: They are no pairs, do not start at 0, do not rise, or a rate is not
            between 0 and 1.
    """
    if not isinstance(value, list | tuple) or not value:
        raise wrong("must be a list of [notional floor, maintenance rate]", shown(value))
    tiers = []
    for row in value:
        if not isinstance(row, list | tuple) or len(row) != 2:
            raise wrong(
                "must be a list of [notional floor, maintenance rate]", f"{shown(row)} in it"
            )
        tiers.append((as_float(row[0]), as_float(row[1])))
    if tiers[0][0] != 0:
        raise wrong("must start at a floor of 0", shown(tiers[0][0]))
    for before, after in pairwise(tiers):
        if after[0] <= before[0] or after[1] < before[1]:
            raise wrong("must rise from tier to tier", f"{before} before {after}")
    for _, rate in tiers:
        if not 0 < rate < 1:
            raise wrong("must have rates between 0 and 1", shown(rate))
    return tuple(tiers)


def as_fee_tiers(value: object) -> tuple[tuple[float, float, float], ...]:
    """Return fee tiers as (USD volume, maker, taker) triples, or raise; volumes must rise."""
    must = "must be a list of [USD traded in 30 days, maker, taker]"
    if not isinstance(value, list | tuple):
        raise wrong(must, shown(value))
    tiers = []
    for row in value:
        if not isinstance(row, list | tuple) or len(row) != 3:
            raise wrong(must, f"{shown(row)} in it")
        volume, maker, taker = (as_float(each) for each in row)
        if volume <= 0 or max(abs(maker), abs(taker)) >= 0.1:  # noqa: PLR2004
            raise wrong(f"{must}: volume above 0, fees below 0.1", f"{[volume, maker, taker]}")
        tiers.append((volume, maker, taker))
    for before, after in pairwise(tiers):
        if after[0] <= before[0]:
            raise wrong("must rise from tier to tier", f"{before} before {after}")
    return tuple(tiers)


Number = Annotated[float, number()]
Positive = Annotated[float, number("above 0", lambda x: x > 0)]
NotNegative = Annotated[float, number("at least 0", lambda x: x >= 0)]
Share = Annotated[float, number("from 0 to 1", lambda x: 0 <= x <= 1)]
OpenShare = Annotated[float, number("between 0 and 1", lambda x: 0 < x < 1)]
AtLeastOne = Annotated[float, number("at least 1", lambda x: x >= 1)]
Correlation = Annotated[float, number("from -1 to 1", lambda x: -1 <= x <= 1)]
Coverage = Annotated[float, number("from 0 to 1.5", lambda x: 0 <= x <= 1.5)]  # noqa: PLR2004
Fee = Annotated[float, number("between -0.1 and 0.1", lambda x: abs(x) < 0.1)]  # noqa: PLR2004
Whole = Annotated[int, BeforeValidator(as_whole)]
AtLeastOneWhole = Annotated[int, BeforeValidator(lambda value: _at_least_one(as_whole(value)))]
Exact = Annotated[Decimal, BeforeValidator(as_exact)]
PositiveExact = Annotated[Decimal, BeforeValidator(as_positive_exact)]
Duration = Annotated[int, BeforeValidator(as_duration)]  # ns
Time = Annotated[int, BeforeValidator(as_time)]  # ns since 1970 UTC
Names = Annotated[tuple[str, ...], BeforeValidator(as_names)]
FilledNames = Annotated[tuple[str, ...], BeforeValidator(as_filled_names)]
FeeTiers = Annotated[tuple[tuple[float, float, float], ...], BeforeValidator(as_fee_tiers)]
Tiers = Annotated[tuple[tuple[float, float], ...], BeforeValidator(as_tiers)]
Text = Annotated[str, text(r"[^\x00-\x1f\x7f]{1,128}", "text of 1 to 128 characters")]
Coin = Annotated[str, text(r"[A-Z0-9]{1,16}", "a coin in capitals, such as BTC")]
InstrumentId = Annotated[
    str, text(r"[a-z][a-z0-9]*:[A-Za-z0-9_./-]{1,64}", "VENUE:NAME, such as deribit:BTC-PERPETUAL")
]
File = Annotated[
    str,
    text(
        r"(?!/)(?!(?:.*/)?\.\.(?:/|$))[^\x00-\x1f\x7f\\]{1,256}",
        "a file below the data folder, such as timeseries/bars.parquet",
    ),
]

AbsoluteFile = Annotated[
    str,
    text(r"/[^\x00-\x1f\x7f\\]{1,256}", "a whole path, such as /var/lib/treasury/holdings.json"),
]


def _at_least_one(value: int) -> int:
    if value < 1:
        raise wrong("must be at least 1", shown(value))
    return value
