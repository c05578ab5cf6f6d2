"""Picture: what was told of a book, what of it is looked at, and what a key does to that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rebalancer.ops.top.tty import Key

SECTIONS = ("book", "positions", "orders", "guards", "decisions", "feeds")
VERBS = {"p": "pause", "k": "kill"}

Told = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A verb that waits until its name is typed."""

    verb: str
    typed: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """What is on the screen."""

    status: Told | None = None  # None: nothing was told yet
    guards: Sequence[Told] = ()
    age: float = 0.0  # s since that was told
    silence: str = ""  # why nobody tells any more; empty: somebody does
    section: int = 0
    place: int = 0  # of the row that is selected, from the top
    asked: Asked | None = None
    said: str = ""  # what came of the last order
    why: tuple[str, ...] | None = None  # lines of why; None: it is not shown
    why_place: int = 0  # first line of it on the screen


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be done beside drawing."""

    leave: bool = False
    verb: str = ""  # pause or kill, confirmed
    why: str = ""  # key of a decision


def decisions(picture: Picture) -> list[Told]:
    """Return the decisions, the youngest first."""
    told = (picture.status or {}).get("decisions") or ()
    return list(reversed(told))


def rows(picture: Picture) -> Sequence[Told]:
    """Return the rows of the section that is shown; in the book's the decisions are selected."""
    status = picture.status or {}
    match SECTIONS[picture.section]:
        case "positions":
            return status.get("positions") or ()
        case "orders":
            return status.get("open_orders") or ()
        case "guards":
            return nearest(picture.guards)
        case "feeds":
            return [{"name": name, "age": age} for name, age in (status.get("feeds") or {}).items()]
        case _:
            return decisions(picture)


def refuses(row: Told) -> bool:
    """Whether a guard keeps orders from leaving, and does not only say how things are."""
    return bool(row.get("reason")) and row.get("allows") is not None


def nearest(guards: Sequence[Told]) -> list[Told]:
    """Return the guards, what refuses first, then by the share of its limit that is left."""

    def key(row: Told) -> tuple[int, float]:
        headroom, limit = row.get("headroom"), row.get("limit")
        if refuses(row):
            return (0, 0.0)
        if headroom is None or not limit:
            return (2, 0.0)
        return (1, headroom / abs(limit))

    return sorted(guards, key=key)


def press(picture: Picture, key: Key) -> tuple[Picture, Wish]:
    """Return what a key makes of a picture, and what is to be done."""
    if picture.asked is not None:
        return _typed(picture, picture.asked, key)
    if picture.why is not None:
        return _scrolled(picture, picture.why, key), Wish()
    if key.name == "q":
        return picture, Wish(leave=True)
    if key.name == "w":
        return picture, Wish(why=_selected(picture))
    return _moved(picture, key), Wish()


def _moved(picture: Picture, key: Key) -> Picture:
    match key.name:
        case "tab" | "right":
            return _turned(picture, 1)
        case "back" | "left":
            return _turned(picture, -1)
        case "up" | "down":
            step = -1 if key.name == "up" else 1
            last = max(len(rows(picture)) - 1, 0)
            return replace(picture, place=min(max(picture.place + step, 0), last))
        case "p" | "k":
            return replace(picture, asked=Asked(VERBS[key.name]), said="")
        case _:
            return picture


def _turned(picture: Picture, step: int) -> Picture:
    return replace(picture, section=(picture.section + step) % len(SECTIONS), place=0, said="")


def _selected(picture: Picture) -> str:
    """Return the key of the decision that is selected; the youngest, where none can be."""
    told = decisions(picture)
    if not told:
        return ""
    chosen = picture.place if SECTIONS[picture.section] in ("book", "decisions") else 0
    own = told[min(chosen, len(told) - 1)]
    return str(own.get("client_order_id") or own["seq"])


def _typed(picture: Picture, asked: Asked, key: Key) -> tuple[Picture, Wish]:
    """Take a letter of the name of a verb that must be typed."""
    match key.name:
        case "escape":
            return replace(picture, asked=None, said=f"{asked.verb}: not done"), Wish()
        case "enter":
            whole = asked.typed == asked.verb
            said = "" if whole else f"{asked.verb}: not done, {asked.typed or 'nothing'} was typed"
            wish = Wish(verb=asked.verb) if whole else Wish()
            return replace(picture, asked=None, said=said), wish
        case "delete":
            return replace(picture, asked=replace(asked, typed=asked.typed[:-1])), Wish()
        case letter if len(letter) == 1 and len(asked.typed) < len("pause") * 2:
            return replace(picture, asked=replace(asked, typed=asked.typed + letter)), Wish()
        case _:
            return picture, Wish()


def _scrolled(picture: Picture, why: Sequence[str], key: Key) -> Picture:
    match key.name:
        case "up" | "down":
            step = -1 if key.name == "up" else 1
            place = min(max(picture.why_place + step, 0), max(len(why) - 1, 0))
            return replace(picture, why_place=place)
        case "page up" | "page down":
            step = -10 if key.name == "page up" else 10
            place = min(max(picture.why_place + step, 0), max(len(why) - 1, 0))
            return replace(picture, why_place=place)
        case _:
            return replace(picture, why=None, why_place=0)
