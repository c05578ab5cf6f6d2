"""Making: a profile of the table that says what differs at a venue."""

import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from rebalancer.core.commands import TimeInForce
from rebalancer.core.instruments import Kind
from rebalancer.settings.profiling import CodesTable, ProfileTable, plain
from rebalancer.venues.budget import Rate
from rebalancer.venues.generic.paths import found
from rebalancer.venues.labels import Spelling
from rebalancer.venues.outcome import Codes, Malformed, Outcome
from rebalancer.venues.profile import DeadMan, DeadManKind, Figures, Profile, Unit
from rebalancer.venues.wording import Banned


def made(venue: str, table: ProfileTable) -> Profile:
    """Return the profile of a venue without a package of its own.

    Nothing that may rest leaves through it: it has no dead-man switch.
    """
    flags = {TimeInForce(name): own for name, own in table.flags.items()}
    told = table.readings.get("figures")
    fields = {} if told is None else told.fields
    calls = (table.readings[name].call for name in table.lookups if name in table.readings)
    ledger = (table.readings[name].call for name in ("fills", "ledger") if name in table.readings)
    return Profile(
        venue=venue,
        finished=table.finished,
        amounts={Kind(kind): Unit(unit) for kind, unit in table.units.items()},
        client_id=table.client_id,
        client_id_length=table.client_id_length,
        order_flags={name: plain(own.given) for name, own in flags.items()},
        wire_flags={name: plain(own.wire) for name, own in flags.items() if own.wire},
        reduce_only=(table.reduce_only.name, table.reduce_only.value),
        lookups=tuple(calls),
        figures=Figures(
            call="" if told is None else told.call,
            equity=fields.get("equity", ""),
            balance=fields.get("balance", ""),
            maintenance=fields.get("maintenance", ""),
            cash=(),
        ),
        currencies=(),
        currencies_in="",
        ledger=tuple(ledger),
        dead_man=DeadMan(DeadManKind.NONE),
        rates={name: Rate(*rate) for name, rate in table.rates.items()},
        deadline=table.deadline,
        deadline_form=table.deadline_form,
        fill_or_kill=table.fill_or_kill,
        refuses_duplicates=table.refuses_duplicates,
        wire_id=table.wire_id,
        wire_amount=table.wire_amount,
        wire_price=table.wire_price,
        spelling=Spelling(table.client_id_form, table.client_id_prefix),
        banned=Banned(table.never, table.only),
        options=plain(table.options),
        credentials=table.credentials or ("apiKey", "secret", "password"),
        name=table.name,
        types=table.types,
        settles=table.settles,
        significant_digits=table.significant_digits,
        price_decimals=table.price_decimals,
        codes=codes_of(table.codes),
        table=table,
    )


def codes_of(table: CodesTable) -> Codes:
    """Return what a venue's codes prove; one that a pattern fits is told as that pattern."""
    proofs = {
        **dict.fromkeys(table.absent, Outcome.UNKNOWN),
        **dict.fromkeys(table.rejected, Outcome.REJECTED),
        **dict.fromkeys(table.limited, Outcome.LIMITED),
        **dict.fromkeys(table.duplicate, Outcome.DUPLICATE),
    }
    worded = re.compile(table.text) if table.text else None
    return Codes(proofs, frozenset(table.key), _said(table.code, tuple(proofs)), worded)


def _said(
    paths: tuple[str, ...], patterns: tuple[str, ...]
) -> Callable[[Mapping[str, Any]], tuple[Any, Any]]:
    """Return what reads code and word of an answer: the first text on one of the paths."""

    def said(answer: Mapping[str, Any]) -> tuple[Any, Any]:
        for path in paths:
            for told in _there(answer, path):
                if isinstance(told, str | int) and not isinstance(told, bool):
                    text = str(told)
                    fits = (each for each in patterns if fnmatchcase(text, each))
                    return next(fits, text), text
        return None, ""

    return said


def _there(answer: Mapping[str, Any], path: str) -> list[Any]:
    try:
        return found(answer, path, "an error")
    except Malformed:
        return []
