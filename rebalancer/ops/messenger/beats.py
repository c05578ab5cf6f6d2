"""Beats: how the book stands, about once a second, driven by the steps of the engine.

An engine that hangs gives none, however alive the process around it is.
"""

from collections.abc import Callable
from typing import Any

from rebalancer.ops.messenger.outbox import Outbox
from rebalancer.ports import SECOND, Clock, Log, StatusSource

BEAT, SUMMARY = SECOND, 60 * SECOND  # ns between two
_TOLD = ("hedges", "refusals", "reasons", "fees", "funding", "pnl")  # counters for the digest
_REASONS = 12  # most that are told


class Beats:
    """Says how a book stands.

    Args:
        outbox: Takes beats.
        source: Of the book.
        clock: The machine's own, whatever the market's does.
        log: Hears when a beat cannot be made.
        look: Is called before each beat.
    """

    def __init__(
        self,
        outbox: Outbox,
        source: StatusSource,
        clock: Clock,
        log: Log,
        look: Callable[[], None],
    ) -> None:
        self._outbox, self._source, self._clock, self._log, self._look = (
            *(outbox, source, clock, log, look),
        )
        self._beaten, self._summed = clock.monotonic() - BEAT, clock.monotonic() - SUMMARY
        self._broken = False

    def step(self, *_unused: object) -> None:
        """Take note of a step; never raises: silence says that beats cannot be made."""
        now = self._clock.monotonic()
        if now - self._beaten < BEAT:
            return
        self._beaten = now
        try:
            self._look()
            self._outbox.say("beat", self._source.beat())
            if now - self._summed >= SUMMARY:
                self._summed = now
                self._outbox.say("summary", summary(self._source))
        except Exception as error:  # noqa: BLE001 - the book hedges on; the silence wakes a person
            if not self._broken:
                self._broken = True
                told = f"{type(error).__name__}: {error}"
                self._log.error("alert.failed", channel="all", why=f"no beat can be made: {told}")


def summary(source: StatusSource) -> dict[str, Any]:
    """Return the counters of a book that a digest tells of."""
    counters = source.status()["counters"]
    told = {name: counters[name] for name in _TOLD if name in counters}
    most = sorted(told.get("reasons", {}).items(), key=lambda each: (-each[1], each[0]))
    return told | {"reasons": {str(reason): count for reason, count in most[:_REASONS]}}
