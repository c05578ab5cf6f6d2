"""The vocabulary is closed, explained, all that the package ever says, and all said by it."""

import ast
import re
from pathlib import Path

import pytest

from rebalancer.core.commands import Severity
from rebalancer.errors import Defect
from rebalancer.ops import vocabulary
from rebalancer.ops.vocabulary.fields import FIELDS
from tests.vocabulary import Unreadable, derived, said, table

PACKAGE = Path(vocabulary.__file__).resolve().parents[2]
LEVELS = ("debug", "info", "warning", "error")


def names_in(source):
    """Yield (line, name) of every event name that a module writes down."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            yield from _said(node)


def _said(call):
    """Yield the names in one call: of a logger, or the making of an alert."""
    if isinstance(call.func, ast.Attribute):
        owner = ast.unparse(call.func.value)
        if call.func.attr in LEVELS and re.search(r"\blog(ger)?$|_log$", owner) and call.args:
            yield from _literals(call.args[0])
    elif isinstance(call.func, ast.Name) and call.func.id in ("Alert", "_alert"):
        yield from _literals(*call.args[1:2], *[k.value for k in call.keywords if k.arg == "event"])


def _literals(*nodes):
    for node in nodes:
        for part in ast.walk(node):
            if isinstance(part, ast.Constant) and isinstance(part.value, str) and "." in part.value:
                yield part.lineno, part.value


@pytest.mark.parametrize("event", vocabulary.EVENTS.values(), ids=lambda event: event.name)
def test_explained(event):
    """Every name is noun.verb, means something, and says what to do when it wakes a person."""
    assert re.fullmatch(r"[a-z]+\.[a-z_]+", event.name)
    assert event.meaning
    assert event.action
    assert event.severity is not Severity.ERROR or event.action != "none"


def test_enough():
    """No name stands twice, and there are names for what a desk must see."""
    assert sum(len(table.ROWS) for table in vocabulary._TABLES) == len(vocabulary.EVENTS)
    assert len(vocabulary.EVENTS) >= 60


def test_unknown_name():
    """A name that is not on the list is a defect."""
    assert "order.filled" == vocabulary.known("order.filled")
    with pytest.raises(Defect, match=r"order\.fulfilled"):
        vocabulary.known("order.fulfilled")


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem)
def test_package(path):
    """No module logs or alerts a name that is not on the list."""
    said = dict(names_in(path.read_text(encoding="utf-8")))

    assert [] == [(line, name) for line, name in said.items() if name not in vocabulary.EVENTS]


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("log.info('a.b', seq=1)", ["a.b"]),
        ("self._log.error('a.b')", ["a.b"]),
        ("log.info('a.b' if x else 'c.d')", ["a.b", "c.d"]),
        ("Alert(severity, 'a.b', scope, 'see. why')", ["a.b"]),
        ("Alert(Severity.ERROR, event='a.b', scope='', text='')", ["a.b"]),
        ("_alert(Severity.INFO, 'a.b', 'x', 'y')", ["a.b"]),
        ("catalog.info('a.b')", []),
        ("log.info(name)", []),
    ],
)
def test_search(source, names):
    """The search finds what is said, and only that."""
    assert names == [name for _, name in names_in(source)]


@pytest.fixture(scope="module")
def told():
    """Return event → fields, as the code says them."""
    return derived()


@pytest.mark.parametrize("name", vocabulary.EVENTS)
def test_said(told, name):
    """Every name on the list is said by some line of the code, or told by some alert."""
    assert name in told


def test_fields(told):
    """What `events` tells of the fields is what the code says; see tests.vocabulary."""
    assert {name: told[name] for name in told if name in vocabulary.EVENTS} == {
        name: tuple(fields.split()) for name, fields in FIELDS.items()
    }


def test_action_of_an_alert():
    """Only what wakes a person carries what he does."""
    assert "action" in vocabulary.EVENTS["delta.unhedged"].fields
    assert "action" not in vocabulary.EVENTS["delta.restored"].fields
    assert ("reason", "action") == vocabulary.EVENTS["kill.engaged"].fields


@pytest.mark.parametrize(
    ("lines", "fields"),
    [
        ("log.info('a.b', seq=1, why='x')", ["seq", "why"]),
        ("facts = {'a': 1}\n facts |= {'b': 2}\n facts['c'] = 3\n log.info('a.b', **facts)", "abc"),
        ("say = log.info\n say('a.b', **({'x': 1} if y else {}))", "x"),
        ("log.error('a.b', exc_info=True, **self._named())", ["exception", "venue"]),
        ("log.info('a.b', **{**{'x': 1}, 'y': 2})", "xy"),
        ("other.info('a.b', x=1)", []),
    ],
)
def test_fields_are_followed(lines, fields):
    """Fields are found as keywords and behind two stars."""
    source = f"def f(log, facts_of):\n {lines}\ndef _named(self):\n return {{'venue': 1}}\n"

    assert list(fields) == [each for _, found in said(ast.parse(source)) for each in found]


@pytest.mark.parametrize("spread", ["given", "given()", "[each for each in x]", "{key: 1}"])
def test_fields_that_nobody_can_follow(spread):
    """Fields that come from elsewhere are a fault: the list would not be true."""
    source = f"def f(log, given):\n log.info('a.b', **{spread})\n"

    with pytest.raises(Unreadable, match="x:2"):
        list(said(ast.parse(source), "x"))


def test_table_reads_back():
    """A written table is Python, and holds what it was made of."""
    fields = {"a.b": ("x", "y"), "c.d": tuple(f"field_{number}" for number in range(30))}
    found = {}
    exec(table(fields), found)

    assert fields == {name: tuple(told.split()) for name, told in found["FIELDS"].items()}
