"""Streams: what happens at a place becomes messages of the channels that it concerns."""

from collections.abc import Mapping, Sequence
from typing import Any

from rebalancer.simulation.accounts import Booked
from rebalancer.simulation.deribit import shapes, wallet
from rebalancer.simulation.deribit.channels import Channel, Family
from rebalancer.simulation.deribit.desk import Asking, Desk, index_name, milliseconds
from rebalancer.simulation.deribit.session import Session
from rebalancer.simulation.host import Call

PACE = 100_000_000  # ns: how often a 100ms channel speaks, however late it was before
NOBODY = Call("", {})


class Streams:
    """Listens at a place, speaks to every session.

    Args:
        desk: The venue.
        sessions: By number of their line; they come and go.
    """

    def __init__(self, desk: Desk, sessions: Mapping[int, Session]) -> None:
        self._desk, self._sessions = desk, sessions
        self._due: dict[str, None] = {}  # subjects of slower channels that changed
        self._waiting = False
        self._active = dict(desk.place.active)

    def moved(self, instruments: Sequence[str], indexes: Sequence[str]) -> None:
        """Tell raw channels at once; let the others wait for their time."""
        self._ended()
        if not self._sessions:
            return
        subjects = dict.fromkeys((*instruments, *self._index_names(indexes)))
        for session in list(self._sessions.values()):
            for channel in list(session.channels.values()):
                if channel.cadence == "raw" and self._concerns(channel, subjects):
                    session.tell(channel)
        self._due |= subjects
        if not self._waiting:
            self._waiting = True
            clock = self._desk.place.clock
            clock.call_at(clock.now() // PACE * PACE + PACE, self._flush)

    def booked(self, booked: Booked) -> None:
        """Tell an account's own channels, fill by fill and then what became of each order."""
        for session in list(self._sessions.values()):
            if session.key is not None and session.key.account == booked.account:
                for channel in list(session.channels.values()):
                    if channel.private:
                        self._tell(session, channel, booked)

    def _flush(self) -> None:
        self._waiting, due = False, self._due
        self._due = {}
        for session in list(self._sessions.values()):
            for channel in list(session.channels.values()):
                if channel.cadence != "raw" and self._concerns(channel, due):
                    session.tell(channel)

    def _index_names(self, coins: Sequence[str]) -> list[str]:
        if not coins:
            return []
        listed = (each.instrument for each in self._desk.place.tape.seen.values())
        return list(dict.fromkeys(index_name(each) for each in listed if each.underlying in coins))

    def _concerns(self, channel: Channel, subjects: Mapping[str, None]) -> bool:
        if channel.private or channel.family is Family.STATE:
            return False
        return not channel.subject or channel.subject in subjects

    def _ended(self) -> None:
        """Tell which contracts are not traded any more."""
        active = self._desk.place.active
        if len(active) == len(self._active):
            return
        gone, self._active = [each for each in self._active if each not in active], dict(active)
        for name in gone:
            seen = self._desk.place.tape.seen[name]
            data = {
                "timestamp": milliseconds(self._desk.now),
                "state": "closed",
                "instrument_name": seen.instrument.name,
            }
            for session in self._sessions.values():
                for channel in session.channels.values():
                    if channel.family is Family.STATE and channel.takes(seen):
                        session.tell_account(channel, data)

    # --- accounts -------------------------------------------------------------

    def _tell(self, session: Session, channel: Channel, booked: Booked) -> None:
        match channel.family:
            case Family.FILLS:
                for each in self._fills(channel, booked):
                    session.tell_account(channel, [each])
            case Family.ORDERS:
                for each in self._orders(session, channel, booked):
                    session.tell_account(channel, each if channel.cadence == "raw" else [each])
            case Family.PORTFOLIO:
                self._portfolio(session, channel, booked)
            case Family.CHANGES:
                self._changes(session, channel, booked)

    def _fills(self, channel: Channel, booked: Booked) -> list[dict[str, Any]]:
        seen = self._desk.place.tape.seen
        return [
            shapes.trade(each)
            for each in booked.executions
            if channel.takes(seen[each.order.instrument.id])
        ]

    def _orders(self, session: Session, channel: Channel, booked: Booked) -> list[dict[str, Any]]:
        seen, uid = self._desk.place.tape.seen, 0 if session.key is None else session.key.uid
        taken = [each for each in booked.orders if channel.takes(seen[each.instrument.id])]
        return [shapes.order(each, uid) for each in taken]

    def _portfolio(self, session: Session, channel: Channel, booked: Booked) -> None:
        if session.key is None:
            return
        asking = Asking(self._desk, NOBODY, session.key)
        for currency in booked.currencies:
            if channel.currency in ("any", currency.lower()):
                told = wallet.of_currency(asking, currency)
                del told["limits"], told["fees"]
                session.tell_account(channel, told)

    def _changes(self, session: Session, channel: Channel, booked: Booked) -> None:
        """Tell orders, fills and position of each instrument that something happened to."""
        if session.key is None:
            return
        asking = Asking(self._desk, NOBODY, session.key)
        touched = (*(each.instrument.id for each in booked.orders), *booked.instruments)
        for name in dict.fromkeys(touched):
            if not channel.takes(self._desk.place.tape.seen[name]):
                continue
            held = asking.statement.position(name)
            orders = self._orders(session, channel, booked)
            trades = self._fills(channel, booked)
            native = held.instrument.name
            data = {
                "instrument_name": native,
                "orders": [each for each in orders if each["instrument_name"] == native],
                "trades": [each for each in trades if each["instrument_name"] == native],
                "positions": wallet.shown(asking, [held]) if name in booked.instruments else [],
            }
            session.tell_account(channel, data)
