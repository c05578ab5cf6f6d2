"""Points: a spec becomes settings with a name, each checked before any is played."""

import copy
import hashlib
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from rebalancer import __version__
from rebalancer.errors import ConfigError, Fault
from rebalancer.research.sweep import axes, flights
from rebalancer.research.sweep.axes import Axis
from rebalancer.research.sweep.spec import Policy, Source, Spec
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.settings import Settings, fingerprint
from rebalancer.settings.models import Replay
from rebalancer.settings.reading import Raw, read
from rebalancer.settings.report import judge

AS_IT_IS = "as configured"
MOST = 100_000  # points
SHOWN = 10  # faults that are told of points
PLAIN = Policy("", (), ())

Stamp = tuple[str, int, int]  # of a file: name, bytes, ns of change


@dataclass(frozen=True, slots=True)
class Point:
    """One set of settings."""

    number: int
    policy: str  # empty where the spec names none
    values: tuple[tuple[str, Any], ...]  # what was varied: as the spec names it, and its value

    @property
    def label(self) -> str:
        """What tells it apart, in one line."""
        told = [f"{short(name)} {shown(value)}" for name, value in self.values]
        return " ".join([*([self.policy] if self.policy else []), *told])


@dataclass(frozen=True, slots=True)
class Job:
    """A point, ready to be played anywhere."""

    key: str  # hex: of everything that its outcome rests on
    point: Point
    settings: Settings
    source: Source
    stamps: tuple[Stamp, ...]  # of the files that it plays
    split: float
    warm_up: int  # ns


def short(name: str) -> str:
    """Return the end of a dotted key, by which a person knows it.

    >>> short("underlyings.BTC.band.{-lower, upper}")
    'band.{-lower, upper}'
    """
    head, brace, rest = name.partition(".{")
    parts = head.split(".")
    return ".".join(parts[-1:] if brace else parts[-2:]) + brace + rest


def shown(value: Any) -> str:
    """Return a value as TOML would have it, nearly."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {shown(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(shown, value)) + "]"
    return f"{value:g}" if isinstance(value, Decimal) else str(value)


def jobs(spec: Spec) -> list[Job]:
    """Return the points of a spec in order, the configuration as it is first; none twice.

    Raises:
        ConfigError: The configuration is not fit to run, a point is not, or there are too many.
    """
    raw = read(spec.config)
    if isinstance(raw, Fault):
        raise ConfigError(str(spec.config), (raw,))
    if spec.source.flight and not raw.get("holdings"):
        if spec.source.window.start is not None:
            must = "must be absent, or the configuration must name [[holdings]]: what the book held"
            fault = Fault(
                "sweep.from", f"{must} then is not told, only where its flight begins", ""
            )
            raise ConfigError(str(spec.path), (fault,))
        raw["holdings"] = flights.holdings(spec.source.folder)
    faults: list[Fault] = []
    found: dict[str, Job] = {}
    made = [(Point(0, AS_IT_IS, ()), PLAIN), *_points(spec)]
    stamped: dict[Path, Stamp | None] = {}
    for point, policy in made:
        told = _settings(spec, raw, point, policy)
        if isinstance(told, Settings):
            stamps = _stamps(spec.source, told, stamped)
            key = _key(spec, told, stamps)
            found.setdefault(
                key, Job(key, point, told, spec.source, stamps, spec.split, spec.warm_up)
            )
        else:
            faults += told
        if len(faults) >= SHOWN:
            break
    if faults:
        raise ConfigError(str(spec.path), faults[:SHOWN])
    return list(found.values())


def _points(spec: Spec) -> Iterator[tuple[Point, Policy]]:
    policies = spec.policies or (PLAIN,)
    every = ((policy, (*spec.axes, *policy.axes)) for policy in policies)
    told = _drawn(spec, list(every)) if spec.search == "random" else _grid(every)
    for number, (policy, values) in enumerate(told, start=1):
        if number > MOST:
            raise ConfigError(
                str(spec.path), (Fault("values", f"must make at most {MOST}", "more"),)
            )
        yield Point(number, policy.name, values), policy


Values = tuple[tuple[str, Any], ...]


def _grid(every: Iterator[tuple[Policy, tuple[Axis, ...]]]) -> Iterator[tuple[Policy, Values]]:
    for policy, varied in every:
        for values in itertools.product(*(each.grid for each in varied)):
            yield policy, tuple((each.name, v) for each, v in zip(varied, values, strict=True))


def _drawn(
    spec: Spec, every: Sequence[tuple[Policy, tuple[Axis, ...]]]
) -> Iterator[tuple[Policy, Values]]:
    """Yield as many draws as asked, policy by policy in turn; each draw has a stream of its own."""
    for number in range(spec.draws):
        policy, varied = every[number % len(every)]
        chance = SeededRandomness(spec.seed).generator(f"sweep.{number}")
        yield policy, tuple((each.name, each.draw(chance)) for each in varied)


def _settings(spec: Spec, raw: Raw, point: Point, policy: Policy) -> Settings | list[Fault]:
    """Return the settings of a point, or what is wrong with them."""
    table = copy.deepcopy(raw)
    named = {each.name: each.places for each in (*spec.axes, *policy.axes)}
    placed = [(place, value) for place, value in (*spec.set, *policy.set)]
    for name, value in point.values:
        placed += [(place, -value if sign < 0 else value) for place, sign in named[name]]
    where = point.label
    try:
        for place, value in placed:
            axes.put(table, place, copy.deepcopy(value))
    except ValueError as error:
        return [Fault(where, str(error).partition("\t")[0], "")]
    report = judge(table, str(spec.config))
    if report.settings is None:
        return [replace(each, path=f"{where}: {each.path}") for each in report.faults]
    return report.settings


def _stamps(
    source: Source, settings: Settings, known: dict[Path, Stamp | None]
) -> tuple[Stamp, ...]:
    """Return by what the files that a point plays can be known again; each is looked at once."""
    if source.flight:
        found = list(known) or sorted(source.folder.iterdir())
    else:
        found = [source.folder / name for name in _files(settings.replay)]
    for path in found:
        if path not in known:
            known[path] = _stamp(path)
    return tuple(stamp for path in found if (stamp := known[path]) is not None)


def _stamp(path: Path) -> Stamp | None:
    if not path.is_file():
        return None
    stat = path.stat()
    return str(path), stat.st_size, stat.st_mtime_ns


def _files(replay: Replay | None) -> list[Path]:
    if replay is None:
        return []
    named = (*replay.bars.values(), *replay.marks.values(), *replay.funding.values())
    whole = (*named, *replay.chains, *replay.streams.values())
    return [Path(each.partition("?")[0]) for each in dict.fromkeys(whole)]


def _key(spec: Spec, settings: Settings, stamps: Sequence[Stamp]) -> str:
    """Return a name for everything that a point's outcome rests on."""
    window = spec.source.window
    told = (
        __version__,
        fingerprint(settings),
        window.start,
        window.end,
        spec.split,
        spec.warm_up,
        stamps,
    )
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:24]
