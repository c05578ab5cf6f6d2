"""The picture: a book in sections, each with the number of the look that last changed it.

However many look on, it is made once. What moves with each tick is looked at more
often than what is dear to work out.
"""

from collections.abc import Callable, Mapping
from typing import Any

from rebalancer.ops.web.saying import Saying, plain, rounded
from rebalancer.ports import StatusSource

LIGHT = 0.5  # s of real time between two looks …
HEAVY = 2.0  # … and between two at what takes longer
ORDERS = 40  # that are shown, and every one that is open

_Told = Mapping[str, Any]


class Picture:
    """Looks at one book.

    Args:
        source: The book.
        saying: Turns sections into JSON.
        now: s of real time, which never jump.
    """

    def __init__(self, source: StatusSource, saying: Saying, now: Callable[[], float]) -> None:
        self._source, self._saying, self._now = source, saying, now
        self._sections: dict[str, tuple[int, bytes]] = {}  # by name: look that changed it, JSON
        self._raw: dict[str, bytes] = {}  # by name: as it was found, never shown
        self._look = 0
        self._light, self._heavy = -LIGHT, -HEAVY  # when it was last looked

    def attend(self, source: StatusSource) -> None:
        """Look at another from now on."""
        self._source = source

    @property
    def number(self) -> int:
        """The number of the last look."""
        return self._look

    def refresh(self) -> None:
        """Look again, if it is time."""
        now = self._now()
        if now - self._light < LIGHT * 0.9:  # whoever comes a moment early sees the same
            return
        self._light = now
        self._look += 1
        status = dict(self._source.status())
        underlyings = {
            name: {key: value for key, value in told.items() if key != "smile"}
            for name, told in status.pop("underlyings").items()
        }
        heavy = {name: status.pop(name, None) for name in ("positions", "counters")}
        self._put("decisions", status.pop("decisions"))
        self._put("underlyings", underlyings)
        self._put("head", status)
        if status.get("awaited"):  # of a book that has not begun nobody knows more
            return
        self._put("orders", self._source.orders(ORDERS))
        if now - self._heavy >= HEAVY * 0.9:
            self._heavy = now
            for name, value in heavy.items():
                self._put(name, value)
            self._put("accounts", self._source.accounts())
            self._put("guards", self._source.guards())

    def since(self, look: int) -> bytes | None:
        """Return a frame with what changed after a look; None: nothing did."""
        parts = [
            b'"' + name.encode() + b'":' + told
            for name, (changed, told) in self._sections.items()
            if changed > look
        ]
        return b"{" + b",".join(parts) + b"}" if parts else None

    def _put(self, name: str, value: Any) -> None:
        raw = plain(value)
        if self._raw.get(name) == raw:
            return  # looking for secrets costs far more than looking whether it is the same
        self._raw[name] = raw
        told = self._saying.encode(rounded(value))
        known = self._sections.get(name)
        if known is None or known[1] != told:
            self._sections[name] = (self._look, told)
