"""Markers: what tests say of themselves, read from their files without running them."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def marked(path: Path, marker: str, root: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each marker of that name in a file below `root`: its test, and what it says."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for each in node.decorator_list:
            if isinstance(each, ast.Call) and ast.unparse(each.func) == f"pytest.mark.{marker}":
                told = tuple(ast.literal_eval(argument) for argument in each.args)
                yield f"{path.relative_to(root)}::{node.name}", told
