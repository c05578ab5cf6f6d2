"""Faults: pydantic's errors in our words, and a table in which they are put right.

A fault names where, what must hold and what was found. The value of an unknown
key is never repeated: it may be a secret under a misspelt name.
"""

import copy
import difflib
import types
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from rebalancer.errors import Fault
from rebalancer.settings.guarding import Table
from rebalancer.settings.models import Settings, allowed, example
from rebalancer.settings.reading import Raw
from rebalancer.settings.values import shown

Place = tuple[str | int, ...]  # keys and list positions, from the top

HINTS = 100  # faults that get a nearest word: finding it costs a millisecond each
MISSING = "missing"  # what was found where a key is absent
SECRETS = ("apikey", "secret", "password", "passphrase", "token", "privatekey", "mnemonic")
_BARE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
_TYPES = {
    "string_type": "must be text",
    "model_type": "must be a table",
    "dict_type": "must be a table",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault before its place is written as text."""

    place: Place
    must: str
    was: str = ""  # empty: `must` says it all, or nobody may see it
    kind: str = "value"  # value | missing | unknown
    rests_on: tuple[Place, ...] = ()  # values that must be sound for this to be true


def dotted(place: Place) -> str:
    """Return a place as TOML writes a dotted key; list positions count from 0.

    >>> dotted(("replay", "bars", "deribit:BTC-PERPETUAL"))
    'replay.bars."deribit:BTC-PERPETUAL"'
    """
    return ".".join(_key(part) for part in place)


def _key(part: str | int) -> str:
    if isinstance(part, int) or (part and set(part) <= _BARE):
        return str(part)
    return '"' + part.encode("unicode_escape").decode().replace('"', '\\"') + '"'


def near(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is nearest to a misspelt one, None when none is near."""
    return next(iter(difflib.get_close_matches(word, list(known), n=1)), None)


def render(source: str, faults: Sequence[Fault]) -> str:
    """Return the report of a refused configuration, one fault a line."""
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    lines = [f"{source}: {count}"]
    for fault in faults:
        was = f", was {fault.was}" if fault.was else ""
        lines.append(f"  {fault.path}: {fault.must}{was}")
    return "\n".join(lines)


def ordered(findings: Iterable[Finding], raw: Raw) -> tuple[Fault, ...]:
    """Return the faults in the order of the file's keys; a missing key ends its table."""
    ranks: dict[int, dict[str | int, int]] = {}
    found = sorted(findings, key=lambda finding: _position(finding.place, raw, ranks))
    faults = [Fault(dotted(each.place), each.must, each.was) for each in found]
    return tuple(dict.fromkeys(faults))


def _position(place: Place, raw: Raw, ranks: dict[int, dict[str | int, int]]) -> tuple[int, ...]:
    """Return where a place stands in the file; `ranks` remembers the keys of each table."""
    position: list[int] = []
    table: Any = raw
    for part in place:
        if id(table) not in ranks:
            keys = table if isinstance(table, dict) else range(_length(table))
            ranks[id(table)] = {key: rank for rank, key in enumerate(keys)}
        rank = ranks[id(table)].get(part)
        position.append(len(ranks[id(table)]) if rank is None else rank)
        table = None if rank is None else table[part]
    return tuple(position)


def _length(value: object) -> int:
    return len(value) if isinstance(value, list) else 0


# --- pydantic's errors ------------------------------------------------------


def findings(error: ValidationError) -> list[Finding]:
    """Return what pydantic found, in our words."""
    details = error.errors(include_url=False, include_input=True)
    return [_finding(detail, hint=index < HINTS) for index, detail in enumerate(details)]


def _finding(detail: ErrorDetails, *, hint: bool) -> Finding:
    place, was = detail["loc"], shown(detail["input"])
    match detail["type"]:
        case "fault":
            context = detail["ctx"]
            at = (context["at"],) if context["at"] else ()
            return Finding((*place, *at), context["must"], context["was"])
        case "missing":
            return Finding(place, _demand(place), MISSING, "missing")
        case "extra_forbidden":
            return Finding(place, _unknown(place, hint=hint), kind="unknown")
        case kind:
            return Finding(place, _TYPES.get(kind, f"must hold: {detail['msg']}"), was)


def _demand(place: Place) -> str:
    """Return what a missing key must be, as far as its field says so."""
    parent, own = _annotation(place[:-1]), _annotation(place)
    if _is_table(own):
        return f"must be given, with {', '.join(example(own))}"
    description = parent.model_fields[str(place[-1])].description if _is_table(parent) else None
    return f"must be {description}" if description else "must be given"


def _unknown(place: Place, *, hint: bool) -> str:
    parent = _annotation(place[:-1])
    keys = allowed(parent) if _is_table(parent) else ()
    nearest = near(str(place[-1]), keys) if hint else None
    return f"unknown key; did you mean {nearest}?" if nearest else _known(keys)


def _known(keys: Sequence[str]) -> str:
    return f"unknown key; known are {', '.join(keys)}"


def _annotation(place: Place) -> Any:
    """Return the type that the models give to a place."""
    annotation: Any = Settings
    for part in place:
        if _is_table(annotation):
            field = annotation.model_fields.get(str(part))
            annotation = field.annotation if field else None
        else:
            arguments = get_args(annotation)
            position = 1 if get_origin(annotation) is dict else 0
            annotation = arguments[position] if len(arguments) > position else None
        annotation = _bare(annotation)
    return annotation


def _bare(annotation: Any) -> Any:
    """Return an annotation without its validators and without `| None`."""
    while get_origin(annotation) in (Annotated, Union, types.UnionType):
        annotation = get_args(annotation)[0]
    return annotation


# --- secrets ----------------------------------------------------------------


def secrets(raw: Raw) -> Iterator[Finding]:
    """Yield a fault for each key whose name is a secret's; its value is never shown."""
    pending: list[tuple[Place, Any]] = [((), raw)]
    while pending:
        place, value = pending.pop()
        if isinstance(value, dict):
            pending += [((*place, key), inner) for key, inner in value.items()]
        elif isinstance(value, list):
            pending += [((*place, index), inner) for index, inner in enumerate(value)]
        elif place and _secret(place[-1]):
            yield Finding(place, "a key never stands in a configuration", kind="unknown")


def _secret(key: str | int) -> bool:
    plain = str(key).lower().replace("_", "").replace("-", "")
    return ":" not in plain and any(word in plain for word in SECRETS)


# --- putting right ----------------------------------------------------------


def mend(raw: Raw, found: Iterable[Finding]) -> Raw:
    """Return the table with a stand-in for each wrong value and without unknown keys.

    What the stand-ins say is never reported: it only lets the sound values
    beside them be judged.
    """
    mended = copy.deepcopy(raw)
    for finding in found:
        _mend(mended, finding.place)
    return mended


def _mend(table: Raw, place: Place) -> None:
    parent: Any = table
    for part in place[:-1]:
        inside = part in parent if isinstance(parent, dict) else _within(parent, part)
        if not inside:
            return  # put right with what holds it
        parent = parent[part]
    last = place[-1]
    model = _annotation(place[:-1])
    if isinstance(parent, list) and isinstance(last, int):
        kind = _annotation(place)
        parent[last] = example(kind) if _is_table(kind) else "none"
    elif isinstance(parent, dict):
        parent.pop(last, None)
        if _is_table(model):
            stand_ins = example(model)
            if last in stand_ins:
                parent[last] = stand_ins[str(last)]


def _within(value: object, part: str | int) -> bool:
    return isinstance(value, list) and isinstance(part, int) and part < len(value)


def _is_table(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Table)
