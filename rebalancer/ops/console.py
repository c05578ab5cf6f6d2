"""How a log line looks to a person: time, level, event, then facts, on one line.

    2026-01-05
    07:42:18.500  info   hedge.submitted     seq=18211 underlying=BTC net_delta=1.84

The date has a line of its own, once a day, and with it the book and its epoch,
where they are told. A value that could be mistaken for
more than one is quoted; what could move the cursor is escaped before it gets
here. A traceback follows line by line behind a bar, so that no text in it can
pass for a log line.
"""

import json
from collections.abc import Mapping
from typing import Any

_EVENT_WIDTH = 20
_RESET, _DIM, _BOLD = "\x1b[0m", "\x1b[2m", "\x1b[1m"
_LEVELS = {  # level → (word, colour)
    "debug": ("debug", "\x1b[2m"),
    "info": ("info ", "\x1b[36m"),
    "warning": ("warn ", "\x1b[33m"),
    "error": ("error", "\x1b[1;31m"),
}
_EVENT = {"warning": "\x1b[1;33m", "error": "\x1b[1;31m"}
_SAFE = frozenset("_-.:/+*@%#<>≤≥×–…−")
_HEAD = ("ts", "level", "event", "exception")
_ABOUT = ("book", "epoch")  # the same on every line


def sentence(facts: Mapping[str, Any]) -> str:
    """Return an event without its time and level, for whoever adds these."""
    told = (f"  {key}={_value(value)}" for key, value in facts.items() if _shown(key))
    trace = (f"\n  │ {line}" for line in str(facts.get("exception", "")).splitlines())
    return "".join((str(facts["event"]), *told, *trace))


def _shown(key: str) -> bool:
    return key not in _HEAD and key not in _ABOUT


class ConsoleLines:
    """Turns facts into lines for a person; remembers the date and book that it showed last.

    Args:
        colour: Whether to colour them.
    """

    def __init__(self, colour: bool) -> None:
        self._colour = colour
        self._date = ""
        self._about = ""

    def __call__(self, facts: Mapping[str, Any]) -> str:
        """Return one event as text, without the last line's end.

        Args:
            facts: `ts` (ISO 8601), `level`, `event`, perhaps `exception`, and the rest.
        """
        date, _, time = str(facts["ts"]).partition("T")
        word, colour = _LEVELS[str(facts["level"])]
        told = [key for key in facts if _shown(key)]
        name = f"{facts['event']:<{_EVENT_WIDTH if told else 0}}"
        parts = [
            self._paint(time[:12], _DIM),
            self._paint(word, colour),
            self._paint(name, _EVENT.get(str(facts["level"]), _BOLD)),
        ]
        line = "  ".join(parts[:2]) + "  " + parts[2]
        line += "".join(f"  {self._paint(key + '=', _DIM)}{_value(facts[key])}" for key in told)
        about = "  ".join(f"{key} {_value(facts[key])}" for key in _ABOUT if key in facts)
        about = about or self._about  # a line without keeps what was
        known = (date, about) == (self._date, self._about)
        lines = [] if known else [self._paint("  ".join(filter(None, (date, about))), _DIM)]
        self._date, self._about = date, about
        lines.append(line)
        bar = self._paint("  │ ", "\x1b[31m")
        lines += [bar + text for text in str(facts.get("exception", "")).splitlines()]
        return "\n".join(lines)

    def _paint(self, text: str, colour: str) -> str:
        return f"{colour}{text}{_RESET}" if self._colour else text


def _value(value: Any) -> str:
    """Return a value as one word: quoted where it would look like more."""
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    plain = value and all(letter.isalnum() or letter in _SAFE for letter in value)
    return value if plain else '"' + value.replace('"', '\\"') + '"'
