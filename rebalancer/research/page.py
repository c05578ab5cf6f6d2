"""The frame of a page that a person reads: one file, no network, dark and light, phone and desk.

    text = document("A title", [Section("Price", chart("price", traces, layout))])

Charts are told as plotly tells them: traces and a layout, as plain mappings.
Where a colour is due they name it, "@blue" or "@blue 0.2" (a thin coat), and
the page paints it in the colours of the reader's theme; `COLOURS` are told
apart by colour-blind eyes too. Charts whose axis is time move together.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from rebalancer.errors import UsageError

COLOURS = ("@blue", "@orange", "@green", "@red", "@purple", "@sky", "@brown", "@grey")
NOWHERE = (  # what the page may load: nothing but what it holds
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
)
FEW = 3  # columns that look lost on the whole width of a page
_HERE = Path(__file__).parent

Told = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Section:
    """One heading and what stands below it."""

    title: str
    body: str  # HTML, as this module's functions return it
    note: str = ""  # a sentence or two of plain text


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure that matters."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    title: str
    text: bool = False  # words, not a number: stands left
    wide: bool = False  # may wrap
    hint: str = ""  # shown where the pointer rests


@dataclass(frozen=True, slots=True)
class Cell:
    """One entry of a table that is more than its text."""

    shown: str
    mark: str = ""  # less: below zero; flag: somebody should look


def plotly() -> str:
    """Return the drawing library, whole.

    Raises:
        UsageError: The extra is not installed.
    """
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise UsageError("Reports need plotly: pip install rebalancer[report]") from error
    return str(get_plotlyjs())


def document(title: str, sections: Iterable[Section], lead: str = "", below: str = "") -> str:
    """Return one HTML document that needs no network.

    Args:
        title: Of the page, plain text.
        sections: What it shows, in order.
        lead: The sentence that says it all, plain text.
        below: What stands between it and the first section, HTML.

    Raises:
        UsageError: plotly is not installed.
    """
    style = (_HERE / "page.css").read_text(encoding="utf-8")
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    said = f'<p class="lead">{escape(lead)}</p>' if lead else ""
    return "\n".join(
        (
            '<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{NOWHERE}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<link rel="icon" href="data:,"><title>{escape(title)}</title>',
            f"<style>{style}</style></head><body>",
            f'<header><h1>{escape(title)}</h1><button id="theme" type="button">Dark</button>',
            f"{said}{below}</header><main>",
            *map(_section, sections),
            "</main><footer><p class=note>Times are UTC. This page needs no network.</p></footer>",
            f"<script>{plotly()}</script><script>{script}</script></body></html>",
        )
    )


def _section(told: Section) -> str:
    note = f'<p class="note">{escape(told.note)}</p>' if told.note else ""
    return f"<section><h2>{escape(told.title)}</h2>{note}{told.body}</section>"


@dataclass(frozen=True, slots=True)
class Look:
    """How a chart stands on the page."""

    caption: str = ""
    unit: str = ""  # what the vertical axis counts, beside the caption
    size: str = ""  # short, tall or nothing between
    timed: bool = True  # whether its axis is time, ms since 1970 UTC, and moves with the others


def chart(name: str, traces: Sequence[Told], layout: Told, look: Look) -> str:
    """Return a chart.

    Args:
        name: Its id, unique on the page.
        traces: As plotly takes them; arrays are plain sequences.
        layout: As plotly takes it, over what the page sets for all.
        look: Caption, unit, size, axis.
    """
    told = json.dumps(
        {"traces": traces, "layout": layout}, separators=(",", ":"), allow_nan=False
    ).replace("</", "<\\/")
    unit = f" <small>{escape(look.unit)}</small>" if look.unit else ""
    caption = f"<figcaption>{escape(look.caption)}{unit}</figcaption>" if look.caption else ""
    axis = ' data-axis="time"' if look.timed else ""
    return (
        f'<figure>{caption}<div class="chart {escape(look.size)}" id="{escape(name)}"{axis}'
        f' role="img" aria-label="{escape(look.caption or name)}"></div>'
        f'<script type="application/json">{told}</script></figure>'
    )


def tiles(told: Iterable[Tile]) -> str:
    """Return the key figures side by side."""
    drawn = (
        f'<div class="tile"><dt>{escape(each.label)}</dt><dd><span class="value">'
        f"{escape(each.value)}</span>{f'<small>{escape(each.note)}</small>' if each.note else ''}"
        "</dd></div>"
        for each in told
    )
    return f'<dl class="tiles">{"".join(drawn)}</dl>'


def table(
    columns: Sequence[Column],
    rows: Iterable[Sequence[str | Cell]],
    total: Sequence[str | Cell] = (),
    *,
    high: bool = False,
) -> str:
    """Return a table that scrolls by itself where it is wider than the page.

    Args:
        columns: Its head.
        rows: Plain text each, or a `Cell`.
        total: The last row, set apart; empty: none.
        high: Whether it may be so long that it scrolls down by itself, too.
    """
    head = "".join(
        f'<th{_classes(each)} title="{escape(each.hint)}">{escape(each.title)}</th>'
        for each in columns
    )
    body = "".join(f"<tr>{_cells(columns, row)}</tr>" for row in rows)
    foot = f"<tfoot><tr>{_cells(columns, total)}</tr></tfoot>" if total else ""
    size = f"{' high' if high else ''}{' few' if len(columns) <= FEW else ''}"
    return (
        f'<div class="scroll{size}" tabindex="0"><table><thead><tr>{head}</tr>'
        f"</thead><tbody>{body}</tbody>{foot}</table></div>"
    )


def _cells(columns: Sequence[Column], row: Sequence[str | Cell]) -> str:
    told = (each if isinstance(each, Cell) else Cell(each) for each in row)
    return "".join(
        f"<td{_classes(column, each.mark)}>{escape(each.shown)}</td>"
        for column, each in zip(columns, told, strict=True)
    )


def _classes(column: Column, mark: str = "") -> str:
    named = [*(["text"] if column.text else []), *(["wide"] if column.wide else [])]
    classes = " ".join([*named, *([mark] if mark else [])])
    return f' class="{classes}"' if classes else ""


def listed(lines: Iterable[str]) -> str:
    """Return plain lines as a list."""
    return f'<ul class="sources">{"".join(f"<li>{escape(each)}</li>" for each in lines)}</ul>'


def paragraph(text: str, kind: str = "") -> str:
    """Return one paragraph of plain text; `kind` is "" or "note"."""
    return f'<p class="{escape(kind)}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def money(amount: float, digits: int = 0) -> str:
    """Return USD as a person writes it.

    >>> money(-1234.6), money(0.004, 2), money(-0.4)
    ('−1,235', '0.00', '0')
    """
    shown = f"{abs(amount):,.{digits}f}"
    nothing = not any(each in "123456789" for each in shown)
    return shown if amount >= 0 or nothing else f"−{shown}"


def amount(told: float, digits: int = 0) -> Cell:
    """Return a cell of USD, marked where it is a loss."""
    shown = money(told, digits)
    return Cell(shown, "less" if shown.startswith("−") else "")


def rounded(numbers: Iterable[float], digits: int = 6) -> list[float | None]:
    """Return numbers to so many significant digits; what is no number is None.

    >>> rounded([1234567.89, 0.00012345678, float("nan")])
    [1234570.0, 0.000123457, None]
    """
    return [float(f"{each:.{digits}g}") if math.isfinite(each) else None for each in numbers]
