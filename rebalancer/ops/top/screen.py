"""Screen: a picture becomes lines of text, as wide and as many as the terminal has.

What is wrong stands first and in words, so that it is seen without colour too.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from rich.text import Text

from rebalancer.ops.terminal import as_number, header, moment, number, underlying, word
from rebalancer.ops.top.picture import SECTIONS, Picture, Told, nearest, refuses, rows

_DIM, _GOOD, _BAD, _WARN = "dim", "green", "bold red", "yellow"
_LOUD = "bold white on red"
_ACTIONS = {"order": "bold green", "withdraw": "bold cyan", "refuse": "bold yellow", "hold": _DIM}
_STOPPED = ("halted", "paused", "reducing", "draining")
LATE = 5.0  # s without a word from which a feed is loud
GUARDS = 4  # that the book's section shows


def lines(picture: Picture, width: int, height: int) -> list[Text]:
    """Return the lines of a screen, at most `height`, each at most `width` wide."""
    if picture.why is not None:
        return _why(picture, picture.why, width, height)
    if picture.status is None:
        silence = picture.silence or "asking …"
        return [Text(f" {silence} ", _LOUD if picture.silence else _DIM), *_foot(picture, width)]
    top = [*header(picture.status, width)[:1], *_alarms(picture, picture.status, width)]
    top.append(_tabs(picture, width))
    foot = _foot(picture, width)
    room = max(height - len(top) - len(foot), 1)
    body = list(islice(_BODIES[SECTIONS[picture.section]](picture, width, room), room))
    body += [Text("")] * (room - len(body))
    return [*top, *body, *foot][:height]


def _alarms(picture: Picture, status: Told, width: int) -> list[Text]:
    """Return what must not be overlooked, one thing a line."""
    found = []
    if picture.silence:
        why = picture.silence.partition(": ")[2] or picture.silence
        found.append(f"NOT CONNECTED for {picture.age:,.0f} s: {word(why)}")
    for name, told in (status.get("awaited") or {}).items():
        text = f"NOT BEGUN for {told['seconds']:,} s, nobody hedges: waits for {word(name)}"
        found.append(f"{text}: {word(told['why'])}" if told["why"] else text)
    state = word(status.get("state"))
    if state in _STOPPED:
        latches = status.get("latches") or ()
        own = [word(each) for each in latches if str(each).startswith("book:")]
        found.append(f"{state.upper()}{': ' + own[0][6:] if own else ''}")
    found += [
        f"LATCHED {word(each)}"
        for each in status.get("latches") or ()
        if not str(each).startswith("book:")
    ]
    unknown = [each for each in status.get("open_orders") or () if each.get("state") == "unknown"]
    if unknown:
        names = ", ".join(word(each.get("client_order_id")) for each in unknown)
        found.append(f"UNKNOWN {len(unknown)}: {names}")
    for name, own in (status.get("underlyings") or {}).items():
        if own.get("outside_seconds"):
            found.append(f"OUTSIDE {word(name)} for {own['outside_seconds']:,} s")
    told = [_cut(Text(f" !! {each} ", _LOUD), width) for each in found]
    held = status.get("held") or {}
    if held:
        texts = (f"{word(name)}: {word(why)}" for name, why in held.items())
        told.append(_cut(Text("waits for " + ", ".join(texts), _WARN), width))
    tuned = status.get("tuned") or ()
    if tuned:
        texts = (f"{word(each['setting'])} {each['now']:g}" for each in tuned)
        told.append(_cut(Text("changed: " + ", ".join(texts), _WARN), width))
    return told


def _tabs(picture: Picture, width: int) -> Text:
    line = Text()
    for number_, name in enumerate(SECTIONS):
        chosen = number_ == picture.section
        line.append(f"[{name}]" if chosen else f" {name} ", "bold reverse" if chosen else _DIM)
        line.append(" ")
    return _cut(line, width)


def _foot(picture: Picture, width: int) -> list[Text]:
    if picture.asked is not None:
        verb, typed = picture.asked.verb, picture.asked.typed
        ask = f" {verb.upper()}: type {verb} and Enter, or Esc: {typed}_ "
        return [_cut(Text(ask, _LOUD), width)]
    help_ = Text("tab section  ↑↓ select  w why  p pause  k kill  q quit", _DIM)
    if picture.said:
        return [_cut(Text(picture.said, "bold"), width), _cut(help_, width)]
    return [_cut(help_, width)]


# --- sections -----------------------------------------------------------------


def _book(picture: Picture, width: int, room: int) -> Iterable[Text]:
    """Yield how the book stands: underlyings, margin, guards, feeds, decisions."""
    status = picture.status or {}
    own = status.get("underlyings") or {}
    terse = room < 4 * len(own) + 9  # lines that the rest needs
    for name, told in own.items():
        shown = underlying(name, told, width)
        yield from shown[:2] if terse else shown
    yield from _margin(picture, width)
    yield from _tight(picture, width)
    yield _feeds_line(status, width)
    yield from _decisions(picture, width, room)


def _margin(picture: Picture, width: int) -> Iterable[Text]:
    """Yield a line for each pool: its margin ratio and how far liquidation is."""
    pools: dict[str, dict[str, Told]] = {}
    for row in picture.guards:
        if str(row.get("name")).startswith("margin_"):
            pools.setdefault(str(row.get("scope")), {})[str(row["name"])] = row
    for name, told in pools.items():
        ratio, distance = told.get("margin_ratio", {}), told.get("margin_distance", {})
        near = any(each.get("reason") not in (None, "", "calm") for each in told.values())
        line = Text.assemble(("margin  ", _DIM), (f"{word(name):<18} ", ""))
        line.append(f"ratio {_share(ratio.get('measured'))} of 1", _WARN if near else "")
        line.append(f"   liquidation {_far(distance.get('measured'))}", _WARN if near else "")
        yield _cut(line, width)


def _share(value: Any) -> str:
    return number(value, ".3f")


def _far(value: Any) -> str:
    found = as_number(value)
    return "out of reach" if found is None else f"{found:.1%} away"


def _tight(picture: Picture, width: int) -> Iterable[Text]:
    """Yield the guards that are nearest to their limit."""
    told = [each for each in nearest(picture.guards) if not str(each["name"]).startswith("margin_")]
    known = [each for each in told if refuses(each) or each.get("headroom") is not None]
    for row in known[:GUARDS]:
        yield _cut(_guard(row), width)


def _guard(row: Told) -> Text:
    reason = row.get("reason")
    scope = word(row.get("scope"), "")
    line = Text.assemble(("guard   ", _DIM), f"{word(row.get('name')):<15} {scope:<24} ")
    line.append(f"{number(row.get('measured'), ',.4g'):>10} of {number(row.get('limit'), ',.4g')}")
    if refuses(row):
        line.append(f"  REFUSES {word(reason).replace('_', ' ')}", _BAD)
    elif reason:
        line.append(f"  {word(reason).replace('_', ' ')}", _DIM)
    return line


def _feeds_line(status: Told, width: int) -> Text:
    line = Text.assemble(("feeds   ", _DIM))
    for name, age in (status.get("feeds") or {}).items():
        late = age > LATE
        line.append(f"{word(name)} {age:.1f} s{' LATE' if late else ''}   ", _BAD if late else "")
    return _cut(line, width)


def _decisions(picture: Picture, width: int, room: int) -> Iterable[Text]:
    return _listed(picture, _decision, width, room)


def _decision(row: Told) -> Text:
    action = word(row.get("action"))
    line = Text.assemble(
        (moment(row.get("ts"), "%H:%M:%S") + " ", _DIM),
        (f"{word(row.get('underlying')):<5}", "cyan"),
        (f"{action:<9}", _ACTIONS.get(action, "")),
        f"{word(row.get('reason')).replace('_', ' '):<18} ",
    )
    if row.get("quantity") is not None:
        line.append(f"{number(row['quantity'], '+,.8g')} ")
        line.append(word(row.get("instrument"), ""), _DIM)
        if row.get("price") is not None:
            line.append(f" at {number(row['price'], ',.2f')}")
    return line


def _position(row: Told) -> Text:
    profit = as_number(row.get("open_profit"))
    line = Text(f"{word(row.get('instrument')):<29} {number(row.get('quantity'), '+,.8g'):>13} ")
    line.append(f"{number(row.get('mark'), ',.8g'):>11} {number(row.get('delta'), '+.4f'):>10} ")
    if profit is not None:
        line.append(f"{profit:+,.4f}", _GOOD if profit >= 0 else "red")
    return line


def _order(row: Told) -> Text:
    state = word(row.get("state"))
    line = Text(f"{word(row.get('client_order_id')):<20} {word(row.get('instrument')):<28} ")
    line.append(f"{number(row.get('quantity'), '+,.8g'):>12} {number(row.get('filled'), ',.8g')} ")
    loud = state == "unknown"
    line.append(state.upper() if loud else state, _LOUD if loud else "")
    return line


def _feed(row: Told) -> Text:
    late = row["age"] > LATE
    line = Text(f"{word(row['name']):<24} {row['age']:>10,.1f} s")
    return line.append("  LATE", _BAD) if late else line


def _listed(
    picture: Picture, shown: Callable[[Told], Text], width: int, room: int
) -> Iterable[Text]:
    """Yield rows, with the one that is selected on the screen and marked."""
    told = rows(picture)
    if not told:
        yield Text("none", _DIM)
        return
    place = min(picture.place, len(told) - 1)
    first = max(0, place - max(room - 2, 0)) if SECTIONS[picture.section] != "book" else place
    for number_ in range(first, len(told)):
        line = Text("> " if number_ == place else "  ", "bold").append_text(shown(told[number_]))
        yield _cut(line, width)


def _section(shown: Callable[[Told], Text], title: str) -> "Body":
    def body(picture: Picture, width: int, room: int) -> Iterable[Text]:
        yield _cut(Text("  " + title, _DIM), width)
        yield from _listed(picture, shown, width, room - 1)

    return body


def _why(picture: Picture, told: Sequence[str], width: int, height: int) -> list[Text]:
    room = max(height - 2, 1)
    shown = [Text(each[:width]) for each in told[picture.why_place :][:room]]
    shown += [Text("")] * (room - len(shown))
    place = f"lines {picture.why_place + 1} to {min(picture.why_place + room, len(told))}"
    foot = Text(f"{place} of {len(told)}   ↑↓ scroll   any other key goes back", _DIM)
    return [_cut(Text("why", "bold reverse"), width), *shown, _cut(foot, width)]


Body = Callable[[Picture, int, int], Iterable[Text]]
_BODIES: Mapping[str, Body] = {
    "book": _book,
    "positions": _section(
        _position, f"{'instrument':<29} {'quantity':>13} {'mark':>11} {'delta':>10} profit"
    ),
    "orders": _section(_order, f"{'order':<20} {'instrument':<28} {'quantity':>12} filled state"),
    "guards": _section(_guard, f"{'':<8}{'guard':<15} {'scope':<24} {'measured':>10} of limit"),
    "decisions": _section(_decision, "time     what     why                quantity"),
    "feeds": _section(_feed, f"{'venue':<24} {'age':>12}"),
}


def _cut(line: Text, width: int) -> Text:
    line.truncate(width, overflow="ellipsis")
    return line
