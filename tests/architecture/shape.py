"""The lint for size and shape: what fits on a screen can be read.

A function or class that needs to be longer says why on its first line:
`def step(...):  # long: the whole story, one screen`.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

LONGEST_FUNCTION = 60
LONGEST_CLASS = 200
LONGEST_MODULE = 400
NAMELESS = frozenset({"utils", "util", "helpers", "helper", "common", "misc", "manager"})
EXCUSE = re.compile(r"#\s*long:\s*\S+")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def faults(source: str, path: str) -> list[str]:
    """Return what is wrong with the shape of a module, one line a fault.

    Args:
        source: A Python module.
        path: Its path from the project's root, with forward slashes.
    """
    tree = ast.parse(source)
    lines = source.splitlines()
    return [*_module(tree, lines, path), *_blocks(tree, lines), *_excepts(tree)]


def _module(tree: ast.Module, lines: list[str], path: str) -> Iterator[str]:
    """Yield faults of the module as a whole: name, length, docstring."""
    place = PurePosixPath(path)
    for name in (*place.parts[:-1], place.stem):
        if name in NAMELESS:
            yield f"{path}: a module must be named for what it knows, was {name}"
    if len(lines) > LONGEST_MODULE:
        yield f"{path}: must be at most {LONGEST_MODULE} lines, was {len(lines)}"
    private = place.stem.startswith("_") and place.stem not in ("__init__", "__main__")
    if not private and not ast.get_docstring(tree):
        yield f"{path}: must say in a docstring what it knows"


def _blocks(tree: ast.Module, lines: list[str]) -> Iterator[str]:
    """Yield functions and classes that are too long and do not say why."""
    for node in ast.walk(tree):
        if isinstance(node, Function | ast.ClassDef):
            longest = LONGEST_CLASS if isinstance(node, ast.ClassDef) else LONGEST_FUNCTION
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            head = lines[node.lineno - 1 : node.body[0].lineno]
            excused = any(EXCUSE.search(line) for line in head)
            if length > longest and not excused:
                place = f"line {node.lineno}: {node.name}"
                yield f"{place} must be at most {longest} lines, was {length}"


def _excepts(tree: ast.Module) -> Iterator[str]:
    """Yield handlers that catch everything unnamed, or everything in order to drop it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            if node.type is None:
                yield f"line {node.lineno}: an except must name what it can answer"
            elif _is_everything(node.type) and all(_is_nothing(part) for part in node.body):
                yield f"line {node.lineno}: {ast.unparse(node.type)} must not be swallowed"


def _is_everything(caught: ast.expr) -> bool:
    """Tell whether a handler's type takes in every error, or a cancellation."""
    if isinstance(caught, ast.Tuple):
        return any(_is_everything(part) for part in caught.elts)
    name = caught.attr if isinstance(caught, ast.Attribute) else None
    name = caught.id if isinstance(caught, ast.Name) else name
    return name in ("Exception", "BaseException")


def _is_nothing(statement: ast.stmt) -> bool:
    """Tell whether a statement leaves no trace: pass, continue or a bare constant."""
    constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return constant or isinstance(statement, ast.Pass | ast.Continue)
