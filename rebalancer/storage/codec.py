"""How a record is spelled in JSON values: exactly, so that decoding gives the record back.

A record becomes an object with its class name under `type`. Decimals become
strings with every digit they had, floats become JSON numbers (those that JSON
cannot say become the strings inf, -inf, nan), enums their value, tuples lists;
None stays. The spelling is read off the annotations of the record classes, so
a new field needs no line here.
"""

import math
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum
from types import NoneType, UnionType
from typing import Any

from rebalancer.core import commands, decision, events, inputs
from rebalancer.errors import DataError, Defect

TYPE = "type"


@dataclass(frozen=True, slots=True)
class _Spelling:
    """How values of one annotation are written and read."""

    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]  # raises ValueError with what must hold
    plain: bool = False  # a value is its own spelling


@dataclass(frozen=True, slots=True)
class _Shape:
    """The spelling of one record class."""

    record: type[Any]
    parts: Mapping[str, _Spelling]  # field → spelling
    converted: tuple[tuple[str, Callable[[Any], Any]], ...]  # fields that are not plain
    required: tuple[str, ...]


def encode(record: Any) -> dict[str, Any]:
    """Return a record as JSON values.

    Args:
        record: An event, a command, a decision, or a part of one.

    Raises:
        Defect: Its class is none of those.

    >>> encode(commands.Cancel("rb1", "deribit", "deribit:BTC-PERPETUAL"))["type"]
    'Cancel'
    """
    shape = _SHAPES.get(type(record).__name__)
    if shape is None or shape.record is not type(record):
        raise Defect(f"a journal record must be an event, command or decision, was {record!r}")
    return {TYPE: shape.record.__name__, **_spelled(shape, record)}


def decode(told: Mapping[str, Any]) -> Any:
    """Return the record that JSON values stand for.

    A field that was added to the record later takes its default.

    Args:
        told: What `encode` returned, perhaps by way of a file.

    Raises:
        DataError: The type or a field is unknown, missing or malformed; it is named.
    """
    if not isinstance(told, Mapping):
        raise DataError(f"a record must be an object, was {told!r}")
    name = told.get(TYPE)
    shape = _SHAPES.get(name) if isinstance(name, str) else None
    if shape is None:
        raise DataError(f"type: must be the name of a known record, was {name!r}")
    try:
        return _built(shape, {key: value for key, value in told.items() if key != TYPE})
    except ValueError as e:
        raise DataError(str(e)) from e


def _spelled(shape: _Shape, record: Any) -> dict[str, Any]:
    """Return the fields of a record as JSON values."""
    told = {name: getattr(record, name) for name in shape.parts}
    for name, spell in shape.converted:
        told[name] = spell(told[name])
    return told


def _built(shape: _Shape, told: Mapping[str, Any]) -> Any:
    """Return a record from its fields as JSON values."""
    found: dict[str, Any] = {}
    owner = shape.record.__name__
    for name, value in told.items():
        part = shape.parts.get(name)
        if part is None:
            raise ValueError(f"{owner}.{name}: unknown field, was {value!r}")
        try:
            found[name] = part.decode(value)
        except ValueError as e:
            raise ValueError(f"{owner}.{name}: {e}") from e
    for name in shape.required:
        if name not in found:
            raise ValueError(f"{owner}.{name}: must be there, was missing")
    return shape.record(**found)


# --- spellings by annotation --------------------------------------------------


def _spelling(hint: Any) -> _Spelling:
    """Return how values of an annotation are spelled."""
    arguments = typing.get_args(hint)
    if isinstance(hint, UnionType):
        (inner,) = (part for part in arguments if part is not NoneType)
        return _optional(_spelling(inner))
    if typing.get_origin(hint) is tuple:
        return _tuple(_spelling(arguments[0]))
    if is_dataclass(hint) or hasattr(hint, "_fields"):
        return _nested(typing.cast(type[Any], hint))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _enum(hint)
    return _SCALARS[hint]


def _exactly(kind: type) -> _Spelling:
    """Spell a type that JSON has itself."""

    def decode_one(value: Any) -> Any:
        if type(value) is not kind:
            raise ValueError(f"must be {kind.__name__}, was {value!r}")
        return value

    return _Spelling(lambda value: value, decode_one, plain=True)


def _float_out(value: float) -> float | str:
    number = float(value)  # numpy's own float is not a JSON number to every writer
    return number if math.isfinite(number) else str(number)


def _float_in(value: Any) -> float:
    if type(value) in (int, float) or value in ("inf", "-inf", "nan"):
        try:
            return float(value)
        except OverflowError:
            pass
    raise ValueError(f"must be a number, was {value!r}")


def _decimal_in(value: Any) -> Decimal:
    if isinstance(value, str):
        try:
            return Decimal(value)
        except InvalidOperation:
            pass
    raise ValueError(f"must be a decimal as a string, was {value!r}")


def _optional(inner: _Spelling) -> _Spelling:
    if inner.plain:
        return _Spelling(
            inner.encode, lambda value: None if value is None else inner.decode(value), plain=True
        )
    return _Spelling(
        lambda value: None if value is None else inner.encode(value),
        lambda value: None if value is None else inner.decode(value),
    )


def _tuple(inner: _Spelling) -> _Spelling:
    def decode_all(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise ValueError(f"must be a list, was {value!r}")
        return tuple(inner.decode(part) for part in value)

    return _Spelling(lambda value: [inner.encode(part) for part in value], decode_all)


def _enum(hint: type[Enum]) -> _Spelling:
    def decode_one(value: Any) -> Enum:
        try:
            return hint(value)
        except ValueError:
            known = ", ".join(member.value for member in hint)
            raise ValueError(f"must be one of {known}, was {value!r}") from None

    return _Spelling(lambda member: member.value, decode_one)


def _nested(record: type[Any]) -> _Spelling:
    shape = _shape(record)

    def decode_one(value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise ValueError(f"must be an object, was {value!r}")
        return _built(shape, value)

    return _Spelling(lambda value: _spelled(shape, value), decode_one)


_SCALARS: Mapping[Any, _Spelling] = {
    int: _exactly(int),
    str: _exactly(str),
    bool: _exactly(bool),
    float: _Spelling(_float_out, _float_in),
    Decimal: _Spelling(str, _decimal_in),
}


def _shape(record: type[Any]) -> _Shape:
    """Return the spelling of a record class, from its annotations."""
    hints, defaults = typing.get_type_hints(record), _defaults(record)
    parts = {name: _spelling(hints[name]) for name in defaults}
    return _Shape(
        record,
        parts,
        tuple((name, part.encode) for name, part in parts.items() if not part.plain),
        tuple(name for name, has in defaults.items() if not has),
    )


def _defaults(record: type[Any]) -> dict[str, bool]:
    """Return the fields of a dataclass or a named tuple, and whether each has a default."""
    if not is_dataclass(record):
        own: Any = record
        return {name: name in own._field_defaults for name in own._fields}
    return {
        part.name: not (part.default is MISSING and part.default_factory is MISSING)
        for part in fields(record)
    }


RECORDS: tuple[type[Any], ...] = (
    *typing.get_args(events.Event),
    *typing.get_args(commands.Command),
    decision.Decision,
    decision.Verdict,
    decision.HedgeIntent,
    inputs.Inputs,
)
_SHAPES: Mapping[str, _Shape] = {record.__name__: _shape(record) for record in RECORDS}
