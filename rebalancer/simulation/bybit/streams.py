"""Streams: what happens at a place becomes messages of the topics that it concerns."""

from collections.abc import Mapping, Sequence

from rebalancer.simulation.accounts import Booked
from rebalancer.simulation.bybit import shapes, wallet
from rebalancer.simulation.bybit.desk import Asking, Desk
from rebalancer.simulation.bybit.session import Session
from rebalancer.simulation.host import Call

NOBODY = Call("", {})


class Streams:
    """Listens at a place, speaks to every session.

    Args:
        desk: The venue.
        sessions: By number of their line; they come and go.
    """

    def __init__(self, desk: Desk, sessions: Mapping[int, Session]) -> None:
        self._desk, self._sessions = desk, sessions

    def moved(self, instruments: Sequence[str], _indexes: Sequence[str]) -> None:
        """Tell the topics of what changed."""
        moved = dict.fromkeys(instruments)
        for session in list(self._sessions.values()):
            for name, heard in list(session.topics.items()):
                if heard.instrument in moved:
                    session.tell(name)

    def booked(self, booked: Booked) -> None:
        """Tell an account's own topics, fill by fill and then what became of each order."""
        for session in list(self._sessions.values()):
            if session.key is not None and session.key.account == booked.account:
                for topic in list(session.account):
                    self._tell(session, topic, booked)

    def _tell(self, session: Session, topic: str, booked: Booked) -> None:
        if session.key is None:
            return
        asking = Asking(self._desk, NOBODY, session.key)
        match topic:
            case "order":
                for order in booked.orders:
                    session.tell_account(topic, [shapes.order(order)])
            case "execution":
                for execution in booked.executions:
                    session.tell_account(topic, [shapes.execution(execution)])
            case "position":
                for name in booked.instruments:
                    held = asking.statement.position(name)
                    row = wallet.shown(asking, held)
                    row["entryPrice"] = row.pop("avgPrice")  # its other name on the stream
                    session.tell_account(topic, [row])
            case _:
                if booked.currencies:
                    session.tell_account(topic, [wallet.wallet(asking)])
