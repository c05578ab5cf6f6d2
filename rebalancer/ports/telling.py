"""What the program tells people: alerts, log lines, and how a running book stands."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from rebalancer.core.commands import Alert
from rebalancer.core.events import Verb
from rebalancer.ports.measuring import Condition, Measure


class AlertSink(Protocol):
    """Where alerts leave the program."""

    def send(self, alert: Alert) -> None:
        """Pass an alert on; never blocks, never raises."""


class Log(Protocol):
    """A structured log: an event name from the closed list, then facts."""

    def debug(self, event: str, **facts: Any) -> None:
        """Say what may be deleted."""

    def info(self, event: str, **facts: Any) -> None:
        """Say what is history."""

    def warning(self, event: str, **facts: Any) -> None:
        """Say that a limit worked."""

    def error(self, event: str, **facts: Any) -> None:
        """Wake a person, and say what to do."""


class StatusSource(Protocol):
    """What a running book tells about itself; JSON values, decimals as strings."""

    def status(self) -> Mapping[str, Any]:
        """Return book, mode, state, and per underlying net delta against its band."""

    def beat(self) -> Mapping[str, Any]:
        """Return state, why, outside, blind, halted and unknown: what is said each second."""

    def positions(self) -> Sequence[Mapping[str, Any]]:
        """Return instrument, quantity, entry, mark, delta and greeks of each holding."""

    def accounts(self) -> Sequence[Mapping[str, Any]]:
        """Return balance, maintenance, ratio and distance to liquidation of each account."""

    def history(self, underlying: str, since: int = 0) -> Mapping[str, Any] | None:
        """Return how net delta stood in its band since a moment, ns; None: no such underlying."""

    def orders(self, last: int | None = None) -> Sequence[Mapping[str, Any]]:
        """Return client order id, instrument, quantity, filled and state of each order.

        Args:
            last: So many of the youngest, and all that are open; None: every one.
        """

    def guards(self) -> Sequence[Mapping[str, Any]]:
        """Return name, scope, limit, measured, headroom and allows of each guard."""

    def bands(self) -> Sequence[Mapping[str, Any]]:
        """Return the band of each underlying, and term by term why it is so wide."""

    def stress(self) -> Sequence[Mapping[str, Any]]:
        """Return the revaluation grid of each underlying."""

    def why(self, key: str) -> Mapping[str, Any] | None:
        """Return the decision behind an order id, a sequence number or a time."""

    def measures(self) -> Sequence[Measure]:
        """Return what was measured, by the names of the table of metrics."""

    def health(self) -> Condition:
        """Return how well the book is; asks nobody outside."""

    def operate(self, verb: Verb, reason: str, who: str, everything: bool) -> Mapping[str, Any]:
        """Carry an operator's order out; it holds, in memory and on disk, when this returns."""


class Tunable(Protocol):
    """What of a running book an operator may change, and what that would do."""

    def preview(self, asked: Mapping[str, str]) -> Mapping[str, Any]:
        """Return what a change (setting → number) would do, and the token that makes it."""

    def tune(
        self, asked: Mapping[str, str], again: Mapping[str, str], expect: str, said: tuple[str, str]
    ) -> Mapping[str, Any]:
        """Make a change that was shown; `said` is user id and reason."""
