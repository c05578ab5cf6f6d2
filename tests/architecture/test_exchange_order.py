"""The exchange's page of architecture is true: its modules are listed, and imports run down it."""

import ast
import re

import pytest

from tests.architecture.tree import ROOT

PACKAGE = ROOT / "rebalancer" / "exchange"
PAGE = ast.get_docstring(ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8")), False)
LISTED = re.findall(r"^    ([a-z_]+)  +\S", PAGE or "", re.MULTILINE)


def imported(module):
    """Return the modules of the package that one of them imports."""
    names = []
    for node in ast.walk(ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "rebalancer.exchange":
            names += [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
            "rebalancer.exchange."
        ):
            names.append(node.module.split(".")[2])
    return names


def test_all_are_listed():
    """Every module has its line on the page, and every line a module."""
    assert {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"} == set(LISTED)


@pytest.mark.parametrize("module", LISTED)
def test_imports_run_down(module):
    """A module imports only from those below it on the page."""
    assert [] == [each for each in imported(module) if LISTED.index(each) <= LISTED.index(module)]
