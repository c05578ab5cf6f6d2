"""What a PromQL expression names: metrics, and the labels that it selects or keeps of each."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

GROUPING = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
KEYWORDS = GROUPING | {"and", "or", "unless", "offset", "bool", "inf", "nan"}

_TOKEN = re.compile(
    r"""
      (?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
    | (?P<range>\[[^\]]*\])
    | (?P<span>(?:\d+(?:ms|[smhdwy]))+)
    | (?P<number>(?:0x[0-9a-fA-F]+|\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+))
    | (?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)
    | (?P<sign>=~|!~|!=|==|<=|>=|[-+*/%^<>=(){},@])
    | (?P<space>\s+)
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Selector:
    """One metric as an expression selects it."""

    metric: str
    labels: tuple[str, ...]


def tokens(expression: str) -> list[tuple[str, str]]:
    """Return kind and text of each token; what is none is a fault of the expression."""
    found, place = [], 0
    while place < len(expression):
        match = _TOKEN.match(expression, place)
        if match is None:
            raise ValueError(f"no PromQL from here on: {expression[place : place + 30]!r}")
        place = match.end()
        if match.lastgroup != "space":
            found.append((match.lastgroup or "", match.group()))
    return found


def selectors(expression: str) -> list[Selector]:
    """Return every metric that an expression names, with the labels in its braces."""
    return list(_selectors(tokens(expression)))


def _selectors(told: list[tuple[str, str]]) -> Iterator[Selector]:
    place = 0
    while place < len(told):
        kind, text = told[place]
        after = told[place + 1][1] if place + 1 < len(told) else ""
        place += 1
        if kind != "name":
            continue
        if text in GROUPING and after == "(":
            place = _closed(told, place, ")")
        elif text not in KEYWORDS and after not in ("(", "by", "without"):
            labels: tuple[str, ...] = ()
            if after == "{":
                end = _closed(told, place, "}")
                labels = tuple(name for sort, name in told[place:end] if sort == "name")
                place = end
            yield Selector(text, labels)


def _closed(told: list[tuple[str, str]], place: int, sign: str) -> int:
    while told[place][1] != sign:
        place += 1
    return place + 1


def grouped(expression: str) -> set[str]:
    """Return the labels that aggregations and matchings name."""
    told, found = tokens(expression), set[str]()
    for place, (kind, text) in enumerate(told):
        if kind == "name" and text in GROUPING and told[place + 1 : place + 2] == [("sign", "(")]:
            end = _closed(told, place, ")")
            found |= {name for sort, name in told[place + 1 : end] if sort == "name"}
    return found
