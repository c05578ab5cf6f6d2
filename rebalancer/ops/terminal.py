"""The live view of a running book: one screen that says whether it is hedged.

`render` turns a status into something that rich can draw; it knows no clock
and no book. `LiveView` draws it again and again, when told to.

The mapping is that of `ports.StatusSource.status` with more keys. A key that
is missing or None shows as a dash; numbers may be numbers or strings.

    key                 value
    book                id of the book
    mode                paper | testnet | live | demo | replay
    state               state of the book, e.g. ACTIVE
    state_reason        why; shown when the state is not ACTIVE
    ts                  market time, ns since 1970 UTC
    started             the same when the book was started
    duration            ns of market time that the run will last
    seed                of a demo
    speed               market seconds per wall second; 0: as fast as it goes
    latches             list of texts
    underlyings         {name: {
        price               index, USD per coin
        change              fraction since the start of the run, +0.01 is 1 % up
        net_delta           coins, without pending
        pending             coins, orders whose outcome is open
        aim, lower, upper   coins, absolute
        state               state of the underlying
        outside_seconds     since when outside the band; 0 or None: inside
        gamma               coins of delta per USD; shown per 1 % of price
        vega                USD per vol point
        theta               USD per day
        hedge               {quantity, funding_per_day} of the first hedge instrument:
                            contracts, signed; fraction of notional, +: longs pay shorts
    }}
    positions           [{instrument, quantity, entry, mark, delta, role}]; role is shown
                        unless it is book
    decisions           [{ts, underlying, action, reason, quantity, price}], oldest first;
                        action is hold | order | refuse
    counters            {events, hedges, refusals, fees, funding, pnl}; the last three in
                        USD or {currency: amount}; fees > 0 paid, funding > 0 received
"""

import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from rebalancer.core.instruments import STABLE
from rebalancer.ops.escaping import escaped
from rebalancer.ops.gauge import gauge

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DECISIONS = 8
_WIDE = 100  # columns
_LABEL, _VERDICT, _SHORTEST = 17, 22, 20  # columns left and right of the gauge, and its least
_DASH = "–"
_DIM, _GOOD, _BAD, _WARN = "dim", "green", "bold red", "yellow"
_STATES = {
    "ACTIVE": "bold black on green",
    "REDUCING": "bold black on yellow",
    "PAUSED": "bold black on yellow",
    "HALTED": "bold white on red",
}
_ACTIONS = {"order": "bold green", "refuse": _WARN, "hold": _DIM}
_FRAME = 8  # lines that are neither underlying, position nor decision


def render(status: Mapping[str, Any], width: int, height: int | None = None) -> RenderableType:
    """Return the screen for a status.

    Args:
        status: See the module's docstring.
        width: Columns to draw in; below 80 columns are cut off.
        height: Lines to draw in; long tables are shortened. None: as long as need be.
    """
    underlyings = status.get("underlyings") or {}
    positions = status.get("positions") or ()
    decisions = (status.get("decisions") or ())[-_DECISIONS:]
    room = None
    if height is not None:
        spare = height - _FRAME - 4 * len(underlyings)
        decisions = decisions[-max(2, min(_DECISIONS, spare // 2)) :]
        room = max(1, spare - len(decisions) - 2)
    parts: list[RenderableType] = [*header(status, width)]
    for name, told in underlyings.items():
        parts += [Rule(style=_DIM), *underlying(name, told, width)]
    parts += [_titled("positions"), _positions(positions, room, width)]
    parts += [_titled("decisions"), _decisions(decisions, width)]
    parts += [Rule(style=_DIM), _counters(status.get("counters") or {}, width)]
    return Group(*parts)


class LiveView(AbstractContextManager["LiveView"]):
    """Draws the screen in place, each time it is told to; it has no thread of its own.

    While it is open, what is printed to standard output scrolls by above it.

    Args:
        stream: A terminal.

    Raises:
        ValueError: The stream is no terminal: nobody would see a live view.
    """

    def __init__(self, stream: TextIO) -> None:
        if not stream.isatty():
            raise ValueError("stream: must be a terminal")
        self._console = Console(file=stream)
        self._live = Live(
            console=self._console, auto_refresh=False, transient=False, vertical_overflow="crop"
        )

    def __enter__(self) -> "LiveView":
        self._live.start()
        return self

    def __exit__(self, *_unused: object) -> None:
        self._live.stop()

    def refresh(self, status: Mapping[str, Any]) -> None:
        """Draw the screen anew."""
        width, height = self._console.size
        self._live.update(render(status, width, height - 1), refresh=True)


# --- parts of the screen ------------------------------------------------------


def header(status: Mapping[str, Any], width: int) -> list[Text]:
    """Return the line that names book, time and state, and one of what is wrong where it is."""
    state = word(status.get("state")).upper()
    left = Text.assemble(
        ("rebalancer ", "bold"),
        (word(status.get("book")), "bold cyan"),
        ("  " + word(status.get("mode")), _DIM),
        no_wrap=True,
    )
    if status.get("seed") is not None:
        left.append_text(_labelled("   seed", word(status["seed"])))
    if status.get("speed") is not None:
        speed = as_number(status["speed"])
        left.append_text(_labelled("   speed", "max" if not speed else f"×{speed:g}"))
    right = Text.assemble(
        (moment(status.get("ts"), "%Y-%m-%d %H:%M:%S"), "bold"),
        (" UTC ", _DIM),
        (_progress(status), _DIM),
        " ",
        (f" {state} ", _STATES.get(state, "bold white on blue")),
    )
    lines = [edges(left, right, width)]
    alarms = [word(latch) for latch in status.get("latches") or ()]
    if state != "ACTIVE" and status.get("state_reason"):
        alarms.insert(0, word(status["state_reason"]))
    if alarms:
        lines.append(Text(" · ".join(alarms), _BAD, no_wrap=True, overflow="ellipsis"))
    return lines


def _progress(status: Mapping[str, Any]) -> str:
    now, started, duration = (as_number(status.get(key)) for key in ("ts", "started", "duration"))
    if now is None or started is None or not duration:
        return ""
    return f" {min(1.0, (now - started) / duration):.0%}"


def underlying(name: str, told: Mapping[str, Any], width: int) -> list[Text]:
    """Return three lines: price and greeks, the gauge, what hangs about it."""
    return [
        edges(_price(name, told), _greeks(told, width), width),
        _net(told, width),
        edges(_facts(told, width), _badge(told), width),
    ]


def _price(name: str, told: Mapping[str, Any]) -> Text:
    price, change = number(told.get("price"), ",.2f"), as_number(told.get("change"))
    line = Text.assemble((f"{word(name):<5}", "bold cyan"), (price, "bold"))
    if change is not None:
        rose = change >= 0
        line.append(f"  {'▲' if rose else '▼'} {change:+.2%}", _GOOD if rose else "red")
    return line


def _greeks(told: Mapping[str, Any], width: int) -> Text:
    gamma, price = as_number(told.get("gamma")), as_number(told.get("price"))
    per_percent = None if gamma is None or price is None else gamma * price / 100
    parts = (
        _labelled("gamma/1%", number(per_percent, "+,.4f")),
        _labelled("vega", number(told.get("vega"), "+,.1f")),
        _labelled("theta", number(told.get("theta"), "+,.1f")),
    )
    return _joined(parts, width)


def _net(told: Mapping[str, Any], width: int) -> Text:
    """Return the net delta, its gauge and the verdict."""
    net, aim, lower, upper = (
        as_number(told.get(key)) for key in ("net_delta", "aim", "lower", "upper")
    )
    if net is None or lower is None or upper is None:
        style, verdict = _WARN, Text("unknown", _WARN)
    elif lower <= net <= upper:
        style, verdict = f"bold {_GOOD}", Text("● inside", _GOOD)
    else:
        seconds = as_number(told.get("outside_seconds"))
        since = "" if seconds is None else f" {seconds:,.0f} s"
        style, verdict = _BAD, Text(f"▲ outside{since}", _BAD)
    label = Text.assemble(("net  ", _DIM), (number(net, "+,.4f"), style))
    label.pad_right(max(1, _LABEL - label.cell_len))
    track = gauge(net, aim, lower, upper, max(_SHORTEST, width - _LABEL - _VERDICT))
    return edges(label + track, verdict, width)


def _facts(told: Mapping[str, Any], width: int) -> Text:
    hedge = told.get("hedge") or {}
    funding = as_number(hedge.get("funding_per_day"))
    ends = f"{number(told.get('lower'), '+,.3f')} … {number(told.get('upper'), '+,.3f')}"
    parts = (
        _labelled("     hedge", number(hedge.get("quantity"), "+,.8g")),
        _labelled("pending", number(told.get("pending"), "+,.4f")),
        _labelled("band", ends),
        _labelled("funding", _DASH if funding is None else f"{funding * 1e4:+.2f} bp/d"),
    )
    return _joined(parts, width)


def _badge(told: Mapping[str, Any]) -> Text:
    state = word(told.get("state"), "").upper()
    return Text() if state in ("", "ACTIVE") else Text(f" {state} ", _STATES.get(state, _DIM))


def _positions(rows: Sequence[Mapping[str, Any]], room: int | None, width: int) -> RenderableType:
    if not rows:
        return Text("  none", _DIM)
    table = _table(width)
    table.add_column("instrument", no_wrap=True, overflow="ellipsis", ratio=4)
    for title in ("quantity", "entry", "mark", "delta"):
        table.add_column(title, justify="right", no_wrap=True, ratio=2)
    shown = rows if room is None or len(rows) <= room else rows[: max(1, room - 1)]
    for row in shown:
        role = word(row.get("role"), "")
        name = Text(word(row.get("instrument")))
        if role and role != "book":
            name.append(f"  {role}", "magenta" if role == "hedge" else _DIM)
        delta = as_number(row.get("delta"))
        table.add_row(
            name,
            number(row.get("quantity"), "+,.8g"),
            number(row.get("entry"), ",.8g"),
            number(row.get("mark"), ",.8g"),
            Text(number(delta, "+.4f"), "" if delta else _DIM),
        )
    if len(shown) < len(rows):
        table.add_row(Text(f"… and {len(rows) - len(shown)} more", _DIM))
    return table


def _decisions(rows: Sequence[Mapping[str, Any]], width: int) -> RenderableType:
    if not rows:
        return Text("  none yet", _DIM)
    table = _table(width)
    table.add_column("time", no_wrap=True, style=_DIM)
    table.add_column("", no_wrap=True)
    table.add_column("action", no_wrap=True)
    table.add_column("reason", no_wrap=True, overflow="ellipsis", ratio=4)
    table.add_column("quantity", justify="right", no_wrap=True, ratio=2)
    table.add_column("price", justify="right", no_wrap=True, ratio=2)
    for row in reversed(rows):
        action = word(row.get("action"))
        table.add_row(
            moment(row.get("ts"), "%H:%M:%S"),
            Text(word(row.get("underlying")), "cyan"),
            Text(action, _ACTIONS.get(action, "")),
            word(row.get("reason")).replace("_", " "),
            _signed(row.get("quantity"), "+,.8g"),
            number(row.get("price"), ",.2f"),
        )
    return table


def _counters(told: Mapping[str, Any], width: int) -> RenderableType:
    counts = [
        _labelled(name, number(told.get(name), ",.0f")) for name in ("events", "hedges", "refusals")
    ]
    money = (
        _labelled("fees", _money(told.get("fees"), "")),
        _labelled("funding", _money(told.get("funding"), "+")),
        Text.assemble(("P&L ", _DIM), (_money(told.get("pnl"), "+"), _sign_style(told.get("pnl")))),
    )
    return edges(_joined(counts, width), _joined(money, width), width)


# --- words and numbers --------------------------------------------------------


def _titled(title: str) -> Rule:
    return Rule(Text(title, "bold"), style=_DIM, align="left")


def _table(width: int) -> Table:
    return Table(
        box=None, width=width, padding=(0, 1), header_style=_DIM, show_edge=False, pad_edge=False
    )


def edges(left: Text, right: Text, width: int) -> Text:
    """Return one line with its parts at both edges; the left one gives way."""
    left.truncate(max(0, width - right.cell_len - 1), overflow="ellipsis")
    gap = max(1, width - left.cell_len - right.cell_len)
    return Text.assemble(left, " " * gap, right, no_wrap=True, overflow="crop")


def _joined(parts: Sequence[Text], width: int) -> Text:
    """Return parts side by side, closer together on a narrow screen."""
    return Text("   " if width >= _WIDE else "  ").join(parts)


def word(value: Any, absent: str = _DASH) -> str:
    """Return a text of one harmless line; a dash for what is missing."""
    return escaped(str(value)) if value not in (None, "") else absent


def _labelled(label: str, value: str) -> Text:
    return Text.assemble((label + " ", _DIM), value)


def as_number(value: Any) -> float | None:
    """Return a finite number from a number or a string; None for anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def number(value: Any, form: str) -> str:
    """Return a number in a format; a dash for what is none."""
    found = as_number(value)
    return _DASH if found is None else format(found, form)


def _signed(value: Any, form: str) -> Text:
    return Text(number(value, form), _sign_style(value))


def _sign_style(value: Any) -> str:
    number = as_number(value)
    return _DIM if not number else _GOOD if number > 0 else "red"


def _money(value: Any, sign: str) -> str:
    """Return USD, or an amount of each currency: coins with more digits than dollars."""
    if not isinstance(value, Mapping):
        return number(value, f"{sign},.2f")
    told = [
        f"{number(amount, f'{sign},.2f' if name in STABLE else f'{sign},.6f')} {word(name)}"
        for name, amount in value.items()
        if as_number(amount)
    ]
    return " ".join(told) or "0"


def moment(ts: Any, form: str) -> str:
    """Return ns since 1970 as a time, UTC; a dash for what is none."""
    if not isinstance(ts, int):
        return _DASH
    return (_EPOCH + timedelta(microseconds=ts // 1000)).strftime(form)
