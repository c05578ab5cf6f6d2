"""The spec of a sweep: a TOML file becomes its tables, or one report with every fault in it.

[sweep]       config, folder or flight, from, to, split, warm_up, search, draws, seed
[set]         dotted key = value: what every point has otherwise than the configuration
[values]      dotted key = list, or { low, high, log, whole, steps }: what is varied
[[policies]]  name, set, values: kinds of hedging that are held against one another
[objective]   risk_aversion | spend_at_most | risk_at_most: which point is recommended
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic_core import PydanticCustomError

from rebalancer.errors import ConfigError, Fault
from rebalancer.research.markets import Window
from rebalancer.research.sweep.axes import Axis, Place, axis, flat, places_of
from rebalancer.research.sweep.frontier import WISHES, Objective
from rebalancer.settings.reading import Raw, read
from rebalancer.settings.values import as_duration

SEARCHES = ("grid", "random")
TABLES = ("sweep", "set", "values", "policies", "objective")
KEYS = ("config", "folder", "flight", "from", "to", "split", "warm_up", "search", "draws", "seed")
POLICY = ("name", "set", "values")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Policy:
    """One kind of hedging."""

    name: str
    set: tuple[tuple[Place, Any], ...]
    axes: tuple[Axis, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """What is played."""

    folder: Path  # of recordings, or of a flight
    flight: bool
    window: Window


@dataclass(frozen=True, slots=True)
class Spec:
    """What a sweep is to do."""

    path: Path
    config: Path
    source: Source
    split: float  # share of the time on which a point is chosen
    warm_up: int  # ns from the first sample on that count nowhere
    search: str
    draws: int
    seed: int
    set: tuple[tuple[Place, Any], ...]
    axes: tuple[Axis, ...]
    policies: tuple[Policy, ...]
    objective: Objective | None


class _Faults:
    """Collects what is wrong."""

    def __init__(self) -> None:
        self.found: list[Fault] = []

    def add(self, path: str, must: str, was: object = "") -> None:
        """Keep a fault."""
        self.found.append(Fault(path, must, str(was)))

    def take(self, path: str, error: ValueError) -> None:
        """Keep a fault that was raised as (must, was)."""
        must, _, was = str(error).partition("\t")
        self.add(path, must, was)


def load(path: Path) -> Spec:
    """Return the spec that a file holds; its paths are as seen from where the command runs.

    Raises:
        ConfigError: Something in it is wrong; holds every fault.
    """
    raw = read(path)
    if isinstance(raw, Fault):
        raise ConfigError(str(path), (raw,))
    faults = _Faults()
    _unknown(faults, "", raw, TABLES)
    told = _table(faults, raw, "sweep")
    _unknown(faults, "sweep.", told, KEYS)
    search = told.get("search", "grid")
    if search not in SEARCHES:
        faults.add("sweep.search", "must be grid or random", search)
    spec = Spec(
        path=path,
        config=_config(faults, told),
        source=_source(faults, told),
        split=_split(faults, told),
        warm_up=_warm_up(faults, told),
        search=search,
        draws=_count(faults, told, "draws", search == "random"),
        seed=_count(faults, {"seed": 7, **told}, "seed", wanted=False),
        set=_set(faults, "set", _table(faults, raw, "set")),
        axes=_axes(faults, "values", _table(faults, raw, "values"), search),
        policies=tuple(_policies(faults, raw, search)),
        objective=_objective(faults, _table(faults, raw, "objective")),
    )
    if not raw.get("values") and not raw.get("policies"):
        faults.add("values", "must name something to vary, or [[policies]] something to compare")
    if faults.found:
        raise ConfigError(str(path), faults.found)
    return spec


def _table(faults: _Faults, raw: Mapping[str, Any], name: str) -> Raw:
    told = raw.get(name, {})
    if isinstance(told, dict):
        return told
    faults.add(name, "must be a table", told)
    return {}


def _unknown(faults: _Faults, head: str, table: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            faults.add(f"{head}{key}", f"unknown key; known are {', '.join(known)}")


def _path(faults: _Faults, told: Mapping[str, Any], name: str) -> Path | None:
    value = told.get(name)
    if value is None:
        return None
    if isinstance(value, str) and value:
        return Path(os.path.expandvars(value)).expanduser()
    faults.add(f"sweep.{name}", "must be a path", value)
    return None


def _config(faults: _Faults, told: Mapping[str, Any]) -> Path:
    path = _path(faults, told, "config")
    if path is None and "config" not in told:
        faults.add("sweep.config", "must name a configuration", "missing")
    elif path is not None and not path.is_file():
        faults.add("sweep.config", "must be a file", path)
    return path or Path()


def _source(faults: _Faults, told: Mapping[str, Any]) -> Source:
    folder, flight = _path(faults, told, "folder"), _path(faults, told, "flight")
    if (folder is None) == (flight is None) and not {"folder", "flight"} <= {
        each.path.removeprefix("sweep.") for each in faults.found
    }:
        was = "missing" if folder is None else "both"
        faults.add("sweep.folder", "must be named, or a flight instead", was)
    for name, place in (("folder", folder), ("flight", flight)):
        if place is not None and not place.is_dir():
            faults.add(f"sweep.{name}", "must be a folder", place)
    start, end = _moment(faults, told, "from"), _moment(faults, told, "to")
    if start is not None and end is not None and start >= end:
        faults.add("sweep.to", f"must be later than from ({told['from']})", told["to"])
    return Source(folder or flight or Path(), folder is None, Window(start, end))


def _moment(faults: _Faults, told: Mapping[str, Any], name: str) -> int | None:
    """Return a time of the spec in ns; without a zone it is UTC."""
    value = told.get(name)
    if value is None:
        return None
    moment = value
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
    elif isinstance(value, date) and not isinstance(value, datetime):
        moment = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if not isinstance(moment, datetime):
        faults.add(f"sweep.{name}", "must be an ISO 8601 time such as 2026-01-28", value)
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def _split(faults: _Faults, told: Mapping[str, Any]) -> float:
    value = told.get("split", Decimal("0.5"))
    if _number(value) and 0 < value < 1:
        return float(value)
    faults.add("sweep.split", "must be a number between 0 and 1", value)
    return 0.5


def _warm_up(faults: _Faults, told: Mapping[str, Any]) -> int:
    value = told.get("warm_up")
    if value is None:
        return 0
    try:
        return as_duration(value)
    except PydanticCustomError:
        faults.add("sweep.warm_up", "must be a duration such as 90s, 1h or 1d", value)
        return 0


def _count(faults: _Faults, told: Mapping[str, Any], name: str, wanted: bool) -> int:
    value = told.get(name)
    if value is None:
        if wanted:
            faults.add(f"sweep.{name}", "must be given where the search is random", "missing")
        return 0
    least = 0 if name == "seed" else 1
    if isinstance(value, int) and not isinstance(value, bool) and value >= least:
        return value
    faults.add(f"sweep.{name}", f"must be a whole number of at least {least}", value)
    return 0


def _set(faults: _Faults, head: str, table: Raw) -> tuple[tuple[Place, Any], ...]:
    found = []
    for name, value in table.items():
        try:
            places = places_of(name)
        except ValueError as error:
            faults.take(f"{head}.{name}", error)
            continue
        if isinstance(value, dict) and all(len(place) == 1 for place, _ in places):
            must = 'must be a key of its own, its path in quotes ("underlyings.BTC.coverage")'
            faults.add(f"{head}.{name}", must, "a table")
            continue
        for place, sign in places:
            found.append((place, value if sign > 0 else -value if _number(value) else value))
    return tuple(found)


def _axes(faults: _Faults, head: str, table: Raw, search: str) -> tuple[Axis, ...]:
    found = []
    for name, value in flat(table):
        try:
            told = axis(name, value)
        except ValueError as error:
            faults.take(f"{head}.{name}", error)
            continue
        if search == "grid" and told.span is not None and told.span.steps is None:
            faults.add(f"{head}.{name}", "must be a list, or have steps, in a grid", "a span")
        found.append(told)
    return tuple(found)


def _policies(faults: _Faults, raw: Raw, search: str) -> Iterator[Policy]:
    rows = raw.get("policies", [])
    if not isinstance(rows, list):
        faults.add("policies", "must be a list of tables, [[policies]]", rows)
        return
    names: list[str] = []
    for number, row in enumerate(rows):
        head = f"policies.{number}"
        if not isinstance(row, dict):
            faults.add(head, "must be a table", row)
            continue
        _unknown(faults, f"{head}.", row, POLICY)
        name = row.get("name")
        if not isinstance(name, str) or not name or name in names:
            faults.add(
                f"{head}.name", "must be a name of its own", "missing" if name is None else name
            )
            continue
        names.append(name)
        placed = _set(faults, f"{head}.set", _table(faults, row, "set"))
        axes = _axes(faults, f"{head}.values", _table(faults, row, "values"), search)
        yield Policy(name, placed, axes)


def _objective(faults: _Faults, told: Raw) -> Objective | None:
    _unknown(faults, "objective.", told, WISHES)
    named = [name for name in WISHES if name in told]
    if not named:
        return None
    if len(named) > 1:
        faults.add("objective", f"must name one of {', '.join(WISHES)}", ", ".join(named))
        return None
    value = told[named[0]]
    if _number(value) and value > 0:
        return Objective(named[0], float(value))
    faults.add(f"objective.{named[0]}", "must be a number above 0", value)
    return None


def _number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return False
    return not isinstance(value, Decimal) or value.is_finite()
