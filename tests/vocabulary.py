"""What each log event carries, read from the code that says it.

    python -m tests.vocabulary          prints the table
    python -m tests.vocabulary --write  writes it to where `rebalancer events` reads it

A call of a logger names its event first and its fields as keywords; `**facts` is
followed to the dictionaries that it is made of. What is told as an alert carries
what the sink of alerts says.
"""

import ast
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.markers import ROOT

PACKAGE = ROOT / "rebalancer"
WRITTEN = PACKAGE / "ops" / "vocabulary" / "fields.py"
ASIDE = ("ops/vocabulary", "simulation", "research", "settings")  # they ask for names, or have own
LEVELS = ("debug", "info", "warning", "error")
ALERT = ("scope", "text", "held_back", "action")  # as ops/alerts.py passes them on
NAME = re.compile(r"[a-z]+\.[a-z_]+")
HEAD = '''"""What each log event carries; written by `python -m tests.vocabulary --write`."""

from collections.abc import Mapping

FIELDS: Mapping[str, str] = {
'''
Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Module


class Unreadable(Exception):
    """Fields of a line come from where nobody can follow them."""


def modules(package: Path = PACKAGE) -> Iterator[tuple[str, ast.Module]]:
    """Yield path and tree of every module that says something of its own accord."""
    for path in sorted(package.rglob("*.py")):
        place = path.relative_to(package).as_posix()
        if not place.startswith(ASIDE):
            yield place, ast.parse(path.read_text(encoding="utf-8"))


def derived(package: Path = PACKAGE) -> dict[str, tuple[str, ...]]:
    """Return event → the fields that any of its lines carries, by name of the event."""
    found: dict[str, dict[str, None]] = {}
    alerted: set[str] = set()
    for place, tree in modules(package):
        direct = {}
        for names, fields in said(tree, place):
            for name in names:
                direct[name] = None
                found.setdefault(name, {}).update(dict.fromkeys(fields))
        alerted |= {each for each in mentioned(tree) if each not in direct}
    for name in sorted(alerted):
        found.setdefault(name, {}).update(dict.fromkeys(ALERT))
    return {name: tuple(found[name]) for name in sorted(found)}


def mentioned(tree: ast.Module) -> set[str]:
    """Return every event name that stands in a module as a text of its own."""
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and NAME.fullmatch(node.value)
    }


def said(tree: ast.Module, place: str = "") -> Iterator[tuple[list[str], list[str]]]:
    """Yield the events and the fields of each call of a logger.

    Raises:
        Unreadable: Fields that cannot be followed.
    """
    scopes = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    for scope in scopes:
        for node in ast.walk(scope):
            if isinstance(node, ast.Call) and node.args and _says(node):
                names = _names(node.args[0], scope)
                if names:
                    yield names, list(_fields(node, scope, tree, place))


def _says(call: ast.Call) -> bool:
    """Whether a call is one of a logger, or of a method of one that a name stands for."""
    if isinstance(call.func, ast.Name):
        return call.func.id in ("say", "write")
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in LEVELS:
        return False
    return re.search(r"\blog(ger)?$|_log$", ast.unparse(call.func.value)) is not None


def _names(node: ast.expr, scope: Function) -> list[str]:
    """Return the names that the first argument may be."""
    if isinstance(node, ast.Name):
        return [each for value in _assigned(node.id, scope) for each in _names(value, scope)]
    parts = (each for each in ast.walk(node) if isinstance(each, ast.Constant))
    return [p.value for p in parts if isinstance(p.value, str) and NAME.fullmatch(p.value)]


def _assigned(name: str, scope: Function) -> Iterator[ast.expr]:
    """Yield every value that a name of a function is given or made larger by."""
    for node in ast.walk(scope):
        match node:
            case ast.Assign(targets=[ast.Name(id=told)], value=value) if told == name:
                yield value
            case ast.AnnAssign(target=ast.Name(id=told), value=ast.expr() as value):
                if told == name:
                    yield value
            case ast.AugAssign(target=ast.Name(id=told), value=value) if told == name:
                yield value
            case ast.Assign(targets=[ast.Subscript(value=ast.Name(id=told), slice=key)]):
                if told == name:
                    yield ast.Dict(keys=[key], values=[ast.Constant(None)])


def _fields(call: ast.Call, scope: Function, tree: ast.Module, place: str) -> Iterator[str]:
    for keyword in call.keywords:
        if keyword.arg == "exc_info":
            yield "exception"
        elif keyword.arg is not None:
            yield keyword.arg
        else:
            yield from _spread(keyword.value, scope, tree, f"{place}:{call.lineno}")


def _spread(value: ast.expr, scope: Function, tree: ast.Module, where: str) -> Iterator[str]:
    """Yield the keys of what stands behind `**`."""
    match value:
        case ast.Dict():
            yield from _keys(value, scope, tree, where)
        case ast.IfExp():
            yield from _spread(value.body, scope, tree, where)
            yield from _spread(value.orelse, scope, tree, where)
        case ast.Name():
            told = list(_assigned(value.id, scope))
            if not told:
                raise Unreadable(f"{where}: **{value.id} must be made in the same function")
            for each in told:
                yield from _spread(each, scope, tree, where)
        case ast.Call():
            yield from _returned(ast.unparse(value.func).rpartition(".")[2], tree, where)
        case _:
            raise Unreadable(f"{where}: **{ast.unparse(value)} cannot be followed")


def _keys(value: ast.Dict, scope: Function, tree: ast.Module, where: str) -> Iterator[str]:
    for key, inner in zip(value.keys, value.values, strict=True):
        if key is None:
            yield from _spread(inner, scope, tree, where)
        elif isinstance(key, ast.Constant):
            yield str(key.value)
        else:
            raise Unreadable(f"{where}: a field must be named by a text")


def _returned(name: str, tree: ast.Module, where: str) -> Iterator[str]:
    """Yield the keys of what a function of the module returns."""
    made = [each for each in ast.walk(tree) if isinstance(each, Function) and _is(each, name)]
    if not made:
        raise Unreadable(f"{where}: **{name}() must be made in the same module")
    for node in ast.walk(made[0]):
        if isinstance(node, ast.Return) and node.value is not None:
            yield from _spread(node.value, made[0], tree, where)


def _is(node: Function, name: str) -> bool:
    return not isinstance(node, ast.Module) and node.name == name


def table(fields: Mapping[str, tuple[str, ...]]) -> str:
    """Return the module that `rebalancer events` reads."""
    lines = []
    for name, told in fields.items():
        text = " ".join(told)
        line = f'    "{name}": "{text}",'
        if len(line) <= 100:
            lines.append(line)
            continue
        parts = textwrap.wrap(text, 84)
        lines.append(f'    "{name}": (')
        lines += [f'        "{part} "' for part in parts[:-1]]
        lines += [f'        "{parts[-1]}"', "    ),"]
    return HEAD + "\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    if "--write" in sys.argv:
        from rebalancer.ops.vocabulary import EVENTS

        WRITTEN.write_text(table({n: told for n, told in derived().items() if n in EVENTS}))
    else:
        print(table(derived()))
