"""Streams: what happens at a place becomes messages of the sockets that it concerns."""

from collections.abc import Mapping, Sequence

from rebalancer.ports import SECOND
from rebalancer.simulation.accounts import Booked
from rebalancer.simulation.binance import told
from rebalancer.simulation.binance.desk import Asking, Desk
from rebalancer.simulation.binance.session import Session
from rebalancer.simulation.binance.text import milliseconds
from rebalancer.simulation.host import Call

DEPTH = SECOND // 10  # ns between two words of depth
NOBODY = Call("", {})
EXPIRED = "listenKeyExpired"


class Streams:
    """Listens at a place, speaks to every session.

    Args:
        desk: The venue.
        sessions: By number of their line; they come and go.
    """

    def __init__(self, desk: Desk, sessions: Mapping[int, Session]) -> None:
        self._desk, self._sessions = desk, sessions
        self._waits = self._beats = False

    def moved(self, instruments: Sequence[str], indexes: Sequence[str]) -> None:
        """Tell best prices and trades at once; depth waits for its time."""
        del indexes
        symbols = {name.partition(":")[2].lower() for name in instruments}
        for session in list(self._sessions.values()):
            for channel in list(session.channels):
                symbol, _, what = channel.partition("@")
                if symbol in symbols and what in ("bookTicker", "aggTrade"):
                    session.tell(channel)
        self.wake()

    def wake(self) -> None:
        """See that depth and marks are told on their time, while anybody hears."""
        clock = self._desk.place.clock
        if self._sessions and not self._waits:
            self._waits = True
            clock.call_at(clock.now() + DEPTH, self._flush)
        if self._sessions and not self._beats:
            self._beats = True
            clock.call_at(clock.now() + SECOND, self._beat)

    def _flush(self) -> None:
        self._waits = False
        for session in list(self._sessions.values()):
            for channel in [each for each in session.channels if "@depth" in each]:
                session.tell(channel)

    def _beat(self) -> None:
        """Tell marks and indexes, and end what hears by a key that ran out."""
        self._beats = False
        for session in list(self._sessions.values()):
            for channel in [each for each in session.channels if "Price" in each]:
                session.tell(channel)
            if (
                session.listen
                and self._desk.keyring.of_stream(session.listen, self._desk.now) is None
            ):
                now = milliseconds(self._desk.now)
                session.tell_account(EXPIRED, {"e": EXPIRED, "E": now, "listenKey": session.listen})
                session.listen = ""
        self.wake()

    def booked(self, booked: Booked) -> None:
        """Tell an account's own sockets, fill by fill and then what became of each order."""
        for session in list(self._sessions.values()):
            if session.key is not None and session.key.account == booked.account:
                asking = Asking(self._desk, NOBODY, session.key)
                for kind, event in told.events(asking, booked):
                    session.tell_account(kind, event)
