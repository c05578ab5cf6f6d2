"""Tuning: settings that may be changed while the book runs, judged as the file would be.

A new value passes the very checks of a file that holds it: what the key alone
may be, and what the other keys and the venue's lots demand of it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from rebalancer.core.instruments import Instrument
from rebalancer.core.knobs import Knob, setting
from rebalancer.errors import Fault, UsageError
from rebalancer.settings.context import Context
from rebalancer.settings.cross import contradictions
from rebalancer.settings.faults import Finding, Place, dotted, findings, near, render
from rebalancer.settings.listing import listing
from rebalancer.settings.models import Band, Settings, Underlying

SOURCE = "set"  # what a report of faults begins with
_PREFIX = "underlyings."


class Setting(NamedTuple):
    """One setting of one underlying."""

    underlying: str
    knob: Knob

    @property
    def name(self) -> str:
        """As its file spells it."""
        return setting(self.underlying, self.knob)

    @property
    def place(self) -> Place:
        """Where it stands."""
        return ("underlyings", self.underlying, *self.knob.split("."))


Values = Mapping[Setting, float]


@dataclass(frozen=True, slots=True)
class World:
    """What settings are judged by beside themselves."""

    instruments: Mapping[str, Instrument]  # of the mode, by id
    prices: Mapping[str, float]  # coin → USD, for lots that are counted in USD


def changed(settings: Settings, now: Values, asked: Mapping[str, str], world: World) -> Values:
    """Return what is asked for as numbers, if a file that said so would have no fault.

    Args:
        settings: Of the file.
        now: What was tuned before.
        asked: Setting, as its file spells it (`underlyings.` may be left out) → number.
        world: What lots are known by.

    Raises:
        UsageError: A setting cannot be changed while the book runs, or a value
            may not be; it names every fault, as `check` would.
    """
    faults: list[Fault] = []
    found: dict[Setting, float] = {}
    for name, text in asked.items():
        try:
            own = named(settings, name)
            value = _value(own, text)
        except _Faulty as fault:
            faults += fault.faults
            continue
        if own in found:
            faults.append(Fault(own.name, "must be given once", "twice"))
        found[own] = value
    if not faults:
        faults = list(_faults(settings, now, found, world))
    if faults:
        raise UsageError(render(SOURCE, faults))
    return found


def numbers(settings: Settings, told: Mapping[str, str]) -> dict[str, float | None]:
    """Return what numbers were told of settings; None: it is none."""
    found: dict[str, float | None] = {}
    for name, text in told.items():
        try:
            found[name] = _value(named(settings, name), text)
        except _Faulty:
            found[name] = None
    return found


def with_values(settings: Settings, values: Values) -> Settings:
    """Return settings with other values, which nobody judges here."""
    own = dict(settings.underlyings)
    for (name, knob), value in values.items():
        own[name] = _with(own[name], knob, value)
    return settings.model_copy(update={"underlyings": own})


def _with(own: Underlying, knob: Knob, value: float) -> Underlying:
    table, _, key = knob.rpartition(".")
    if not table:
        return own.model_copy(update={key: value})
    return own.model_copy(update={table: own.band.model_copy(update={key: value})})


class _Faulty(Exception):
    """A name or a value is wrong."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(faults)
        self.faults = faults


def named(settings: Settings, name: str) -> Setting:
    """Return the setting of a name.

    Raises:
        _Faulty: There is none that can be changed while the book runs.
    """
    coin, _, knob = name.removeprefix(_PREFIX).partition(".")
    if coin in settings.underlyings and knob in tuple(Knob):
        return Setting(coin, Knob(knob))
    every = [setting(each, knob) for each in settings.underlyings for knob in Knob]
    nearest = near(name, [*every, *(each.removeprefix(_PREFIX) for each in every)])
    if nearest is not None:
        raise _Faulty([Fault(name, f"unknown; did you mean {nearest}?", "")])
    coins, knobs = ", ".join(settings.underlyings), ", ".join(Knob)
    must = f"must be underlyings.COIN. ({coins}) and one of {knobs}; else change the file"
    raise _Faulty([Fault(name, must, "")])


def _value(own: Setting, text: str) -> float:
    """Return a number as its key takes it."""
    table, _, key = own.knob.rpartition(".")
    field = (Band if table else Underlying).model_fields[key]
    kind: Any = field.annotation
    for each in field.metadata:  # pydantic takes a validator out of the annotation
        kind = Annotated[kind, each]
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    try:
        given: object = Decimal(text)
    except InvalidOperation:
        given = text
    try:
        return float(adapter.validate_python(given))
    except ValidationError as error:
        told = findings(error)
        raise _Faulty([Fault(own.name, each.must, each.was) for each in told]) from error


def _faults(settings: Settings, now: Values, found: Values, world: World) -> Iterable[Fault]:
    """Yield what speaks against new values and did not before."""
    before = with_values(settings, now)
    known = _contradictions(before, world)
    for each in _contradictions(with_values(before, found), world):
        if each not in known:
            yield Fault(dotted(each.place), each.must, each.was)


def _contradictions(settings: Settings, world: World) -> list[Finding]:
    context = Context(settings, listing(settings, world.instruments), world.prices)
    return contradictions(context, ())
