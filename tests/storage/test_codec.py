"""Every record survives the journal's spelling, and a misspelled one is named."""

import json
import typing
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.core.commands import Alert, Severity
from rebalancer.core.decision import Verdict
from rebalancer.core.events import Quote, Tick
from rebalancer.errors import DataError, Defect
from rebalancer.storage import codec

SCALARS = {
    int: st.integers(-(2**63), 2**63 - 1),
    str: st.text(max_size=20),
    bool: st.booleans(),
    float: st.floats(allow_nan=False),
    Decimal: st.decimals(allow_nan=False),
    type(None): st.none(),
}


def values(hint):
    """Return a strategy for the values of an annotation."""
    if typing.get_origin(hint) is tuple:
        return st.lists(values(typing.get_args(hint)[0]), max_size=3).map(tuple)
    if arguments := typing.get_args(hint):
        return st.one_of([values(part) for part in arguments])
    if is_dataclass(hint) or hasattr(hint, "_fields"):
        return records(hint)
    if issubclass(hint, Enum):
        return st.sampled_from(hint)
    return SCALARS[hint]


def records(record):
    """Return a strategy for whole records of a class."""
    hints = typing.get_type_hints(record)
    names = [part.name for part in fields(record)] if is_dataclass(record) else record._fields
    return st.builds(record, **{name: values(hints[name]) for name in names})


@pytest.mark.parametrize("record", codec.RECORDS, ids=lambda record: record.__name__)
def test_round_trip(record):
    """Decoding what went through JSON gives the very record back, to the last digit."""

    @given(records(record))
    def holds(told):
        line = json.dumps(codec.encode(told), allow_nan=False)
        back = codec.decode(json.loads(line))

        assert told == back
        assert repr(told) == repr(back)  # 1.0 is not 1.00, 0.0 is not -0.0

    holds()


def test_every_record_is_spelled():
    """Nothing that the core can say is missing."""
    names = {record.__name__ for record in codec.RECORDS}

    assert {"Quote", "Fill", "Operator", "Submit", "Alert", "Decision", "Verdict"} <= names
    assert len(names) == len(codec.RECORDS)


@pytest.mark.parametrize(
    ("number", "spelled"),
    [(float("inf"), "inf"), (float("-inf"), "-inf"), (float("nan"), "nan"), (np.float64(0.1), 0.1)],
)
def test_odd_floats(number, spelled):
    """What JSON cannot say as a number is said as a word; numpy's floats are plain ones."""
    told = codec.encode(Verdict("funding", Decimal(1), measured=number))

    assert spelled == told["measured"]
    assert type(spelled) is type(told["measured"])
    assert repr(float(number)) == repr(codec.decode(told).measured)


def test_field_with_a_default():
    """A record written before a field was added takes the field's default."""
    assert Verdict("funding", Decimal(1)) == codec.decode(
        {"type": "Verdict", "guard": "funding", "allows": "1"}
    )


QUOTE = codec.encode(Quote(1, None, "deribit:BTC-PERPETUAL", Decimal(1), Decimal(2), None, None))
ALERT = codec.encode(Alert(Severity.ERROR, "feed.lost", "deribit", ""))
DECISION = {"guard": "funding", "allows": "1", "reson": None}


@pytest.mark.parametrize(
    ("told", "names"),
    [
        ({}, "type"),
        ([], "object"),
        ({"type": "Rumour"}, "Rumour"),
        ({"type": ["Quote"]}, "type"),
        ({**QUOTE, "bit": "1"}, "Quote.bit"),
        ({**QUOTE, "bid": 1}, "Quote.bid"),
        ({**QUOTE, "bid": "one"}, "Quote.bid"),
        ({**QUOTE, "instrument": None}, "Quote.instrument"),
        ({**QUOTE, "ts_local": 1.0}, "Quote.ts_local"),
        ({**QUOTE, "ts_local": True}, "Quote.ts_local"),
        ({key: value for key, value in QUOTE.items() if key != "ask"}, "Quote.ask"),
        ({**ALERT, "severity": "loud"}, "Alert.severity"),
        ({**ALERT, "severity": []}, "Alert.severity"),
        ({"type": "FeedStatus", "ts_local": 1, "venue": "x", "alive": 1}, "FeedStatus.alive"),
        ({"type": "Reconciled", "ts_local": 1, "differences": "a"}, "Reconciled.differences"),
        ({"type": "Reconciled", "ts_local": 1, "differences": [1]}, "Reconciled.differences"),
        ({"type": "Verdict", "guard": "g", "allows": "1", "limit": "2"}, "Verdict.limit"),
        ({"type": "Verdict", "guard": "g", "allows": "1", "limit": 10**400}, "Verdict.limit"),
        ({"type": "Decision", "verdicts": [DECISION]}, "Verdict.reson"),
        ({"type": "Decision", "verdicts": [1]}, "Decision.verdicts"),
    ],
)
def test_misspelled(told, names):
    """A type, a field or a value that is not right is refused by name."""
    with pytest.raises(DataError, match=names.replace(".", r"\.")):
        codec.decode(told)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(st.sampled_from(codec.RECORDS), st.dictionaries(st.sampled_from(list(QUOTE)), JSON))
def test_rubbish(record, told):
    """Whatever the file says, the answer is a record or a DataError."""
    try:
        found = codec.decode({**told, "type": record.__name__})
    except DataError:
        return
    assert type(found) is record


@pytest.mark.parametrize("thing", [object(), type("Quote", (), {})(), {"type": "Tick"}, Tick])
def test_foreign(thing):
    """What is no record of the core is a defect of whoever passes it."""
    with pytest.raises(Defect):
        codec.encode(thing)
