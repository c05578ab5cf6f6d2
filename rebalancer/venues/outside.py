"""Outside: a file that tells what is held where no venue of ours sees it, read again and again.

    {"as_of": "2026-01-30T07:15:00Z",
     "holdings": {"deribit:BTC": "12.5", "deribit:BTC-27MAR26-100000-C": -10}}

`as_of` is when it was so; whoever writes the file says so anew even if nothing
changed, because what is too old stops the hedge that rests on it. A file that
cannot be read changes nothing: its last word grows old. What it tells about an
underlying of the book and no row of the configuration takes from it is an
error, because it would be held and not hedged; other coins are not ours.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic_core import PydanticCustomError

from rebalancer.core.events import Event, OutsideHolding, OutsideTold
from rebalancer.errors import DataError
from rebalancer.ports import SECOND, Clock, Log
from rebalancer.settings.catalogue import known
from rebalancer.settings.models import Settings
from rebalancer.settings.values import as_time

EVERY = 5 * SECOND  # ns between two readings
AHEAD = 60 * SECOND  # ns that a file may be dated after now
LARGEST = 1024 * 1024  # bytes
LARGEST_QUANTITY = Decimal("1e15")
KEYS = ("as_of", "holdings")


@dataclass(frozen=True, slots=True)
class Taken:
    """What a book takes from one file."""

    file: str
    instruments: tuple[str, ...]  # ids that it must tell, and no others of these …
    underlyings: frozenset[str]  # … coins


def taken(settings: Settings) -> tuple[Taken, ...]:
    """Return what a book takes from each file that its holdings name."""
    files = dict.fromkeys(each.file for each in settings.holdings if each.file is not None)
    coins = frozenset(settings.underlyings)
    return tuple(
        Taken(file, tuple(e.instrument for e in settings.holdings if e.file == file), coins)
        for file in files
    )


class OutsideFile:
    """A `ports.Feed` of one file.

    Args:
        wanted: Which file, and what of it.
        clock: Of the readings.
        log: Says what is wrong with the file, once for each state of it.
    """

    def __init__(self, wanted: Taken, clock: Clock, log: Log) -> None:
        self._wanted, self._clock, self._log = wanted, clock, log
        self._content: bytes | None = None  # that was told last
        self._wrong: str | None = None  # what the log heard last
        self._doubt: str | None = None  # a fault that was found once: it may be half written

    async def run(self, deliver: Callable[[Event], None]) -> None:
        """Deliver what the file tells each time that it changed, until canceled."""
        while True:
            self.look(deliver)
            await self._clock.sleep(EVERY)

    def look(self, deliver: Callable[[Event], None]) -> None:
        """Read once."""
        try:
            content = _content(Path(self._wanted.file))
            if content != self._content:
                deliver(parse(content, self._wanted, self._clock.now()))
                self._content = content
            self._doubt = self._wrong = None
        except DataError as error:
            found = str(error)
            if found == self._doubt and found != self._wrong:
                self._wrong = found
                self._log.error("holdings.malformed", source=self._wanted.file, error=found)
            self._doubt = found


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise DataError(f"{path}: must be a readable file, was {error.strerror}") from None
    if len(content) > LARGEST:
        raise DataError(f"{path}: must be at most 1 MiB, was larger")
    return content


def parse(content: bytes, wanted: Taken, now: int) -> OutsideTold:
    """Return what a file tells.

    Raises:
        DataError: It is not as this module says; its place and what was found are named.
    """
    where = wanted.file
    told = _table(_json(content, where), where)
    for key in KEYS:
        if key not in told:
            raise DataError(f"{where}: {key}: must be there, was missing")
    for key in told:
        if key not in KEYS:
            raise DataError(f"{where}: {key}: must be one of {', '.join(KEYS)}")
    try:
        as_of = as_time(told["as_of"])
    except PydanticCustomError as error:
        raise DataError(f"{where}: as_of: {error.message()}") from None
    if as_of > now + AHEAD:
        raise DataError(f"{where}: as_of: must not lie in the future, was {told['as_of']}")
    rows = _table(told["holdings"], f"{where}: holdings")
    for name in rows:
        if name not in wanted.instruments and _ours(name, wanted.underlyings):
            must = "must be taken by a row of [[holdings]], else it would be held and not hedged"
            raise DataError(f"{where}: {name}: {must}")
    return OutsideTold(now, as_of, where, tuple(_rows(rows, wanted.instruments, where)))


def _rows(rows: Mapping[str, Any], wanted: Iterable[str], where: str) -> Iterable[OutsideHolding]:
    for name in wanted:
        if name not in rows:
            must = "must be told, if only as 0: a row that is missing says nothing"
            raise DataError(f"{where}: {name}: {must}")
        yield OutsideHolding(name, _quantity(rows[name], f"{where}: {name}"))


def _ours(name: str, underlyings: frozenset[str]) -> bool:
    """Whether something that nobody takes may move a delta of the book."""
    found = known(name)
    return found is None or found.underlying in underlyings


def _json(content: bytes, where: str) -> Any:
    try:
        return json.loads(
            content, parse_float=Decimal, object_pairs_hook=_once, parse_constant=_refused
        )
    except RecursionError:
        raise DataError(f"{where}: must not nest that deep") from None
    except ValueError as error:  # no JSON, no UTF-8, a name twice, or a number that is none
        raise DataError(f"{where}: must be JSON, {error}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name} must be named once, was named twice")
        found[name] = value
    return found


def _refused(word: str) -> Any:
    raise ValueError(f"{word} is no number")


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise DataError(f"{where}: must be an object, was {type(value).__name__}")
    return value


def _quantity(value: Any, where: str) -> Decimal:
    """Return a quantity: a number, or its text."""
    number = None
    if isinstance(value, str | Decimal) or (isinstance(value, int) and not isinstance(value, bool)):
        try:
            number = Decimal(value)
        except ArithmeticError:
            number = None
    if number is None or not number.is_finite() or abs(number) > LARGEST_QUANTITY:
        raise DataError(f"{where}: must be a number up to 1e15, was {value!r}")
    return number
