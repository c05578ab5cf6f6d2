"""Session: asks a book again and again, draws what it hears, and does what keys say."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from rich.color import ColorSystem
from rich.console import Console
from rich.text import Text

from rebalancer.errors import PermissionRefused, RebalancerError
from rebalancer.ops.top import screen
from rebalancer.ops.top.picture import Picture, Wish, press
from rebalancer.ops.top.tty import Key

REASON = "top"  # what is journaled for an order that was given here


class Asks(Protocol):
    """A client of a control socket."""

    def call(self, verb: str, **args: str | bool | Mapping[str, str]) -> Any:
        """Return what the book answers."""


class Screen(Protocol):
    """What is drawn on, and typed at."""

    def size(self) -> tuple[int, int]:
        """Return columns and lines."""

    def draw(self, lines: Sequence[str]) -> None:
        """Show lines."""

    def pressed(self, seconds: float) -> list[Key] | None:
        """Return the keys that come within some time; None: nobody is there any more."""


@dataclass(frozen=True, slots=True)
class Around:
    """What a session works with."""

    asks: Asks
    screen: Screen
    monotonic: Callable[[], float]  # s
    explained: Callable[[Any, int], Sequence[str]]  # what `why` answers, width → lines
    plain: bool = False  # whether no colour is wanted


class Session:
    """One person at one terminal.

    Args:
        around: Client, terminal, time, words.
        every: s between two questions.
    """

    def __init__(self, around: Around, every: float) -> None:
        self._around, self._every = around, every
        self._picture = Picture()
        self._heard = self._due = around.monotonic()
        self._console = Console(width=200, force_terminal=True, color_system="standard")

    def run(self) -> None:
        """Go on until the person leaves, or the terminal is gone.

        Raises:
            PermissionRefused: He may not read this book.
        """
        around = self._around
        while True:
            if around.monotonic() >= self._due:
                self._ask()
            self._draw()
            pressed = around.screen.pressed(self._due - around.monotonic())
            if pressed is None:
                return
            for key in pressed:
                self._picture, wish = press(self._picture, key)
                if wish.leave:
                    return
                self._do(wish)

    def _ask(self) -> None:
        """Ask how the book stands; one that does not answer is asked again in its turn."""
        asks, now = self._around.asks, self._around.monotonic()
        try:
            status = asks.call("status")
            guards = () if status.get("awaited") else asks.call("guards")
        except PermissionRefused:
            raise
        except RebalancerError as error:
            age = now - self._heard
            self._picture = replace(self._picture, silence=str(error), age=age)
        else:
            told = {"status": status, "guards": guards, "silence": "", "age": 0.0}
            self._picture, self._heard = replace(self._picture, **told), now
        self._due = self._around.monotonic() + self._every

    def _do(self, wish: Wish) -> None:
        if wish.verb:
            self._picture = replace(self._picture, said=self._order(wish.verb))
            self._due = self._around.monotonic()
        if wish.why:
            self._picture = self._explain(wish.why)

    def _order(self, verb: str) -> str:
        """Give an order; return what came of it."""
        try:
            told = self._around.asks.call(verb, reason=REASON)
        except RebalancerError as error:
            return f"{verb}: NOT DONE: {error}"
        return f"{verb}: done; the book was {told['before']}, it is {told['state']}"

    def _explain(self, key: str) -> Picture:
        try:
            told = self._around.asks.call("why", key=key)
        except RebalancerError as error:
            return replace(self._picture, said=f"why: {error}")
        if told is None:
            return replace(self._picture, said=f"why: nothing is known of {key}")
        width, _ = self._around.screen.size()
        return replace(self._picture, why=tuple(self._around.explained(told, width)), why_place=0)

    def _draw(self) -> None:
        width, height = self._around.screen.size()
        told = screen.lines(self._picture, width, height)
        self._around.screen.draw([self._painted(each) for each in told])

    def _painted(self, line: Text) -> str:
        """Return a line as a terminal is told it."""
        parts, base = [], self._console.get_style(line.style)
        for text, style, _ in line.render(self._console):
            own = base if style is None else base + style
            own = own.without_color if self._around.plain else own
            parts.append(own.render(text, color_system=ColorSystem.STANDARD) if own else text)
        return "".join(parts)
