"""Differing: what is said of the first place where a flight and its journal part."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rebalancer.core.instruments import Instrument
from rebalancer.core.state import State
from rebalancer.ports import Entry
from rebalancer.research.comparison import Differs, rounded
from rebalancer.storage import codec

ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a flight."""

    epoch: int  # start of the daemon
    step: int
    ts: int  # ns
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Altered:
    """A line of a flight that is not what was written there."""

    place: Place
    record: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """The first entry that a step made otherwise than the journal holds it."""

    place: Place
    came: Mapping[str, Any]  # the event whose step it was
    what: str  # in words: kind and subject of the entry
    stored: Mapping[str, Any] | None  # None: there is none
    computed: Mapping[str, Any] | None
    fields: tuple[tuple[str, str, str], ...]  # name, stored, computed; those that differ
    inputs: tuple[Mapping[str, Any], ...]  # the markets' latest words that it rested on


def difference(place: Place, came: Mapping[str, Any], told: Differs, state: State) -> Difference:
    """Return what is to be said of an entry that differs."""
    stored, computed = _facts(told.stored), _facts(told.computed)
    entry = told.computed or told.stored
    what = "an entry" if entry is None else f"{entry.kind} {entry.key}"
    return Difference(
        place=place,
        came=came,
        what=what,
        stored=stored,
        computed=computed,
        fields=tuple(_differing(stored or {}, computed or {})),
        inputs=tuple(_words(state, _underlying(entry, state))),
    )


def failure(place: Place, came: Mapping[str, Any], error: Exception, state: State) -> Difference:
    """Return what is to be said of a step that ended in an error."""
    text = f"{type(error).__name__}: {error}"
    inputs = tuple(_words(state, _subject(came, state)))
    fields = (("error", ABSENT, text),)
    return Difference(place, came, "the step fails", None, {"error": text}, fields, inputs)


def _facts(entry: Entry | None) -> dict[str, Any] | None:
    """Return an entry as one table."""
    if entry is None:
        return None
    head = {"step": entry.sequence, "time": entry.ts, "kind": entry.kind, "key": entry.key}
    return {**head, **entry.payload}


def _differing(
    stored: Mapping[str, Any], computed: Mapping[str, Any]
) -> Iterator[tuple[str, str, str]]:
    """Yield what differs, a verdict by its guard and field."""
    first, second = dict(_flat(stored)), dict(_flat(computed))
    for name in dict.fromkeys((*first, *second)):
        told = (first.get(name, ABSENT), second.get(name, ABSENT))
        if rounded(told[0]) != rounded(told[1]):
            yield name, str(told[0]), str(told[1])


def _flat(told: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(told, dict):
        for key, value in told.items():
            yield from _flat(value, f"{name}.{key}" if name else str(key))
    elif isinstance(told, list):
        for place, value in enumerate(told):
            own = value.get("guard", place) if isinstance(value, dict) else place
            yield from _flat(value, f"{name}.{own}")
    else:
        yield name, told


def _underlying(entry: Entry | None, state: State) -> str:
    return "" if entry is None else _subject(entry.payload, state)


def _subject(told: Mapping[str, Any], state: State) -> str:
    """Return the underlying that a record is about; empty where it is about none."""
    if told.get("underlying"):
        return str(told["underlying"])
    order = state.orders.get(str(told.get("client_order_id")))
    if order is not None:
        return order.submit.underlying
    instrument = state.instruments.get(str(told.get("instrument")))
    return "" if instrument is None else instrument.underlying


def _words(state: State, underlying: str) -> Iterator[dict[str, Any]]:
    """Yield the latest words of the markets on an underlying: indexes, then by instrument."""
    own, markets = state.params.underlyings.get(underlying), state.markets
    if own is None:
        return
    for (_, coin), index in markets.indexes.items():
        if coin == underlying:
            yield codec.encode(index)
    held = [name for (_, name), each in state.ledger.positions.items() if each.quantity]
    for name in dict.fromkeys((*own.hedge_buy, *own.hedge_sell, *held)):
        instrument: Instrument | None = state.instruments.get(name)
        if instrument is None or instrument.underlying != underlying:
            continue
        for shelf in (markets.marks, markets.options, markets.quotes, markets.funding):
            word = shelf.get(name)
            if word is not None:
                yield codec.encode(word)
