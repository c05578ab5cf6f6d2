"""No input makes the settings raise anything but a report of faults."""

import tomllib
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.errors import ConfigError, Fault
from rebalancer.settings import InvalidSettings, Report
from rebalancer.settings.models import Settings, Table, allowed
from rebalancer.settings.reading import parse
from rebalancer.settings.report import judge

DEMO = Path(__file__).resolve().parents[2] / "config" / "demo.toml"
GOOD = tomllib.loads(DEMO.read_text(), parse_float=Decimal)
KEYS = sorted(
    {key for model in (Settings, *Table.__subclasses__()) for key in allowed(model)}
    | {"deribit", "BTC", "deribit:BTC-PERPETUAL", "api_key", "[key]", "", "a.b", 'q"', "é"}
)
WORDS = [
    "usd",
    "coin",
    "paper",
    "live",
    "fixed",
    "percent",
    "inventory",
    "book",
    "1h",
    "0s",
    "option",
]
WORDS += [
    "deribit:BTC-PERPETUAL",
    "deribit:BTC",
    "binanceusdm:USDT",
    "BTC",
    "2026-01-30T07:15Z",
    "call",
]
leaves = st.one_of(
    st.booleans(),
    st.integers(),
    st.sampled_from(WORDS),
    st.text(max_size=8),
    st.decimals(),
    st.sampled_from([10**400, Decimal("1e999999"), Decimal("1e-999999"), Decimal("-0.0")]),
    st.datetimes(),
    st.sampled_from(
        [date(2026, 1, 30), time(7, 15), datetime.fromisoformat("0001-01-01T00:00:00+14:00")]
    ),
)
toml = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    ),
    max_leaves=40,
)
tables = st.dictionaries(st.sampled_from(KEYS), toml, max_size=12)


def agreed(report: Report) -> None:
    """Check that a report is either settings or printable faults, never both or neither."""
    assert (report.settings is None) == bool(report.faults)
    assert (report.fingerprint is None) == bool(report.faults)
    text = str(InvalidSettings(report.source, report.faults))
    assert 1 + len(report.faults) == len(text.splitlines())


def places(value, place=()):
    """Return the place of everything in a table."""
    children = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, child in children:
        found.append((*place, key))
        if isinstance(child, dict | list):
            found += places(child, (*place, key))
    return found


def changed(value, place, new):
    """Return a table with another value at one place, or without it where `new` is None."""
    if not place:
        return new
    inner = changed(value[place[0]], place[1:], new)
    if isinstance(value, list):
        before, after = value[: place[0]], value[place[0] + 1 :]
        return [*before, *([] if inner is None else [inner]), *after]
    copied = {**value, place[0]: inner}
    return {key: each for key, each in copied.items() if each is not None}


@given(tables)
def test_any_table(table):
    """Whatever a table holds, the outcome is a report."""
    agreed(judge(table, "book.toml"))


@given(st.lists(st.tuples(st.sampled_from(places(GOOD)), st.none() | toml), min_size=1, max_size=3))
def test_any_change_of_a_good_book(changes):
    """Whatever is put into or taken out of a good configuration, the outcome is a report."""
    table = GOOD
    for place, new in changes:
        try:
            table = changed(table, place, new)
        except (KeyError, IndexError, TypeError):  # an earlier change took the place away
            continue

    agreed(judge(table, "book.toml"))


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
def test_any_text(text):
    """Any text is a table or one fault."""
    outcome = parse(text, "book.toml")

    assert isinstance(outcome, dict | Fault)


@given(st.sampled_from(places(GOOD)))
def test_missing_key_is_only_a_report(place):
    """Without any one of its keys a good book is still good or a `ConfigError`."""
    report = judge(changed(GOOD, place, None), "book.toml")

    if report.faults:
        with pytest.raises(ConfigError):
            raise InvalidSettings(report.source, report.faults)
    agreed(report)
