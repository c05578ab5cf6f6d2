"""The shape audit: our messages have the fields and kinds of value of the real ones."""

import gzip
import json

import ccxt
import pytest

from tests.simulation.shapes.collect import collect
from tests.simulation.shapes.table import DOCUMENTED, PARSED, RECORDED


@pytest.fixture(scope="module")
def ours():
    """Return one of each message that the loopback sends."""
    return collect()


def kind(value):
    """Return what JSON calls a value."""
    if isinstance(value, bool):
        return "boolean"
    names = {dict: "object", list: "array", str: "string", int: "number", float: "number"}
    return names.get(type(value), "null")


def differences(ours, theirs, path=""):
    """Yield where two messages are not of one shape; null is of any kind, a map has any names."""
    if "null" in (kind(ours), kind(theirs)) or path.endswith("_map"):
        return
    if kind(ours) != kind(theirs):
        yield f"~{path}"
    elif isinstance(ours, dict):
        dot = f"{path}." if path else ""
        yield from (f"+{dot}{name}" for name in ours if name not in theirs)
        yield from (f"-{dot}{name}" for name in theirs if name not in ours)
        for name in ours:
            if name in theirs:
                yield from differences(ours[name], theirs[name], dot + name)
    elif isinstance(ours, list) and ours and theirs:
        yield from differences(ours[0], theirs[0], f"{path}[]")


@pytest.mark.parametrize("row", RECORDED, ids=lambda row: f"{row.name} of {row.file}")
def test_recorded(ours, recordings, row):
    """A message has the shape of a recorded one, but for what the table says."""
    file = recordings / row.file
    if not file.is_file():
        pytest.skip("recordings absent")
    with gzip.open(file, "rt") as lines:
        line = next(each for each in map(json.loads, lines) if row.chosen(each))

    assert set(row.differs) == set(differences(row.ours(ours[row.name]), row.theirs(line)))


@pytest.mark.parametrize("name", DOCUMENTED)
def test_documented(ours, name):
    """A message has every field that Deribit's reference names."""
    told, names = DOCUMENTED[name]

    assert set() == set(names.split()) - set(told(ours[name]))


class Asked(dict):
    """A message that notes which of its fields are asked for."""

    def __init__(self, told):
        super().__init__(told)
        self.names = set()

    def __getitem__(self, name):
        self.names.add(name)
        return super().__getitem__(name)

    def __contains__(self, name):
        self.names.add(name)
        return super().__contains__(name)

    def get(self, name, default=None):
        self.names.add(name)
        return super().get(name, default)


@pytest.mark.parametrize("name", PARSED)
def test_parsed(ours, name):
    """Ccxt's parser finds what it asks for."""
    parser, told, absent = PARSED[name]
    message = Asked(told(ours[name]))
    getattr(ccxt.deribit(), parser)(message)

    assert set(absent.split()) == message.names - set(message)
    assert len(message.names) > 5


def test_every_message_is_listed(ours):
    """Each kind of message stands in the table with where its shape comes from."""
    listed = {row.name for row in RECORDED} | set(DOCUMENTED) | set(PARSED)

    assert set(ours) - {"summary"} == listed
    assert set(ours["summary"]["result"]) == set(ours["summaries"]["result"]["summaries"][0])
