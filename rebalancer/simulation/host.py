"""Hosts: what a protocol must know and do to be served by the chassis."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from rebalancer.exchange.orders import TimeInForce
from rebalancer.simulation.accounts import Asked
from rebalancer.simulation.faults import Deed, Plan
from rebalancer.simulation.line import Line


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, as it stood on the wire."""

    method: str  # GET or POST
    path: str  # without the host segment
    target: str  # path and query, exactly as they came
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """One request of a protocol, read but not judged."""

    method: str  # what faults know it by
    params: Mapping[str, Any]
    key: Any = None  # the caller's id of it
    line: Line | None = None  # websocket that it came by
    request: Request | None = None  # HTTP request that it came by
    received: int = 0  # ns
    fault: str = ""  # why it cannot be read
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    status: int  # of HTTP
    body: bytes


class Host(Protocol):
    """One protocol of one venue. Everything in it happens at once: it never waits."""

    def read(self, request: Request) -> Call:
        """Return the call that an HTTP request is."""

    def hear(self, line: Line, text: bytes) -> Call:
        """Return the call that a frame is."""

    def perform(self, call: Call, at: int | None = None) -> Answer | None:
        """Do what is asked, reading the state of `at` ns, None the present; None: no answer."""

    def refuse(self, call: Call, code: int | None) -> Answer:
        """Answer that nothing was done; None: for too many requests."""

    def opened(self, line: Line) -> None:
        """Take note of a new websocket."""

    def closed(self, line: Line) -> None:
        """Take note of the end of a websocket."""

    def interfere(self, deed: Deed, *, by_hand: bool) -> None:
        """Let somebody else trade for an account."""

    def happen(self, plan: Plan) -> None:
        """Let the venue itself shut, or close an instrument."""


def order_of(deed: Deed, *, by_hand: bool) -> Asked:
    """Return the order by which somebody else trades; by hand: typed into the venue's pages."""
    return Asked(
        account=deed.account,
        instrument=deed.instrument,
        quantity=deed.quantity,
        price=deed.price,
        time_in_force=TimeInForce.GTC,
        label=deed.label,
        by_hand=by_hand,
    )
