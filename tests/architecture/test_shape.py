"""Modules, classes and functions keep to the size and the shape that the house agreed on."""

import pytest

from tests.architecture import shape
from tests.architecture.tree import ROOT, modules

PATH = "rebalancer/core/band/placing.py"
HEAD = '"""One thing."""\n'


def body(lines):
    """Return `lines` indented statements."""
    return "    x = 1\n" * lines


@pytest.mark.parametrize("path", modules(), ids=str)
def test_package(path):
    """Every module is named for what it knows, says so, and fits the agreed lengths."""
    source = (ROOT / path).read_text(encoding="utf-8")

    assert [] == shape.faults(source, path.as_posix())


@pytest.mark.parametrize(
    ("source", "path", "count"),
    [
        (HEAD + "def f():\n" + body(59), PATH, 0),
        (HEAD + "def f():\n" + body(60), PATH, 1),
        (HEAD + "async def f():\n" + body(60), PATH, 1),
        (HEAD + "def f():  # long: a table of cases\n" + body(60), PATH, 0),
        (HEAD + "def f(\n    a,\n):  # long: a table of cases\n" + body(60), PATH, 0),
        (HEAD + "def f():  # long:\n" + body(60), PATH, 1),  # an excuse without a reason
        (HEAD + "class A:\n" + body(199), PATH, 0),
        (HEAD + "class A:\n" + body(200), PATH, 1),
        (HEAD + "x = 1\n" * 399, PATH, 0),
        (HEAD + "x = 1\n" * 400, PATH, 1),
        ("x = 1\n", PATH, 1),  # no docstring
        ("", "rebalancer/core/__init__.py", 1),
        ("x = 1\n", "rebalancer/core/_tables.py", 0),  # private
        (HEAD, "rebalancer/core/utils.py", 1),
        (HEAD, "rebalancer/ops/helpers/text.py", 1),
        (HEAD, "rebalancer/ops/common.py", 1),
        (HEAD, "rebalancer/ops/misc.py", 1),
        (HEAD, "rebalancer/ops/manager.py", 1),
        (HEAD + "try:\n    f()\nexcept:\n    g()\n", PATH, 1),
        (HEAD + "try:\n    f()\nexcept Exception:\n    pass\n", PATH, 1),
        (HEAD + "try:\n    f()\nexcept (ValueError, Exception):\n    ...\n", PATH, 1),
        (HEAD + "while x:\n    try: f()\n    except BaseException: continue\n", PATH, 1),
        (HEAD + "try:\n    f()\nexcept ValueError:\n    pass\n", PATH, 0),
        (HEAD + "try:\n    f()\nexcept Exception as e:\n    raise X from e\n", PATH, 0),
    ],
)
def test_lint(source, path, count):
    """Each fault is found once, and what the house allows passes."""
    assert count == len(shape.faults(source, path))
