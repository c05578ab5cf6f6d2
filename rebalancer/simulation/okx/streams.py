"""Streams: what happens at a place becomes pushes of the channels that it concerns."""

from collections.abc import Mapping, Sequence

from rebalancer.simulation.accounts import Booked, OrderState
from rebalancer.simulation.host import Call
from rebalancer.simulation.okx import shapes, wallet
from rebalancer.simulation.okx.channels import ANY, AT_ONCE, Channel
from rebalancer.simulation.okx.desk import Asking, Desk, kind
from rebalancer.simulation.okx.session import Session

PACE = 100_000_000  # ns: how often most channels speak
NOBODY = Call("", {})


class Streams:
    """Listens at a place, speaks to every session.

    Args:
        desk: The venue.
        sessions: By number of their line; they come and go.
    """

    def __init__(self, desk: Desk, sessions: Mapping[int, Session]) -> None:
        self._desk, self._sessions = desk, sessions
        self._due: dict[str, None] = {}  # instruments, and coins of indexes, that changed
        self._waiting = False

    def moved(self, instruments: Sequence[str], indexes: Sequence[str]) -> None:
        """Tell some channels at once; let the others wait for their time."""
        if not self._sessions:
            return
        changed = dict.fromkeys((*instruments, *indexes))
        self._tell(changed, at_once=True)
        self._due |= changed
        if not self._waiting:
            self._waiting = True
            clock = self._desk.place.clock
            clock.call_at(clock.now() + PACE, self._flush)

    def _flush(self) -> None:
        self._waiting, due = False, self._due
        self._due = {}
        self._tell(due, at_once=False)

    def _tell(self, changed: Mapping[str, None], *, at_once: bool) -> None:
        for session in list(self._sessions.values()):
            for channel in list(session.channels.values()):
                if (channel.kind in AT_ONCE) is at_once and self._concerns(channel, changed):
                    session.tell(channel)

    def _concerns(self, channel: Channel, changed: Mapping[str, None]) -> bool:
        if channel.private:
            return False
        if channel.kind == "index-tickers":
            return channel.subject.partition("-")[0] in changed
        if channel.kind != "opt-summary":
            return channel.subject in changed
        seen = self._desk.place.tape.seen
        return any(channel.concerns(seen[name]) for name in changed if name in seen)

    # --- accounts -------------------------------------------------------------

    def booked(self, booked: Booked) -> None:
        """Tell an account's own channels: each fill with its order, then what else became of it."""
        for session in list(self._sessions.values()):
            if session.key is None or session.key.account != booked.account:
                continue
            for channel in list(session.channels.values()):
                match channel.kind:
                    case "orders":
                        self._orders(session, channel, booked)
                    case "account":
                        asking = Asking(self._desk, NOBODY, session.key)
                        session.push(channel, wallet.balance(asking), booked.account)
                    case "positions":
                        self._positions(session, channel, booked)

    def _orders(self, session: Session, channel: Channel, booked: Booked) -> None:
        rows = [shapes.pushed(each.order, each) for each in booked.executions]
        filled = {each.order.order_id: None for each in booked.executions}
        for placed in booked.orders:
            told = placed.state is OrderState.FILLED or (
                placed.state is OrderState.OPEN and placed.order_id in filled
            )
            if not told:
                rows.append(shapes.pushed(placed))
        for row in rows:
            if channel.subject in (ANY, row["instType"]):
                session.push(channel, [row], booked.account)

    def _positions(self, session: Session, channel: Channel, booked: Booked) -> None:
        if session.key is None:
            return
        asking = Asking(self._desk, NOBODY, session.key)
        held = [
            each
            for each in wallet.contracts(asking)
            if each.instrument.id in booked.instruments
            and channel.subject in (ANY, kind(each.instrument))
        ]
        if held:
            session.push(channel, wallet.shown(asking, held), booked.account)
