"""Notices: what venues say of themselves, and what people set there past the daemon.

A venue takes no orders for a while, or none for one contract; it answers this
machine no more; a contract is closed; somebody sets another leverage. A process
that begins is told again what it would find out by asking.
"""

from collections.abc import Mapping
from decimal import Decimal

from rebalancer.core.events import Event, InstrumentUnfit, ShutOut, Unfit, VenueHeld
from rebalancer.exchange.exchange import Exchange
from rebalancer.simulation.virtual import goals
from rebalancer.simulation.virtual.faults import Around

LEVERAGE = Decimal(10)  # that the settings of the book have too


class Notices:
    """What holds of the venues of a run, beside what their books say.

    Args:
        around: Clock, faults, oracle, and who listens.
        exchanges: By account.
    """

    def __init__(self, around: Around, exchanges: Mapping[str, Exchange]) -> None:
        self._around, self._exchanges = around, exchanges
        self._held: dict[str, VenueHeld] = {}  # by account or contract
        self._gone: dict[str, InstrumentUnfit] = {}  # by contract
        self._banned: dict[str, int] = {}  # account → ns until when it answers nothing
        self.met: dict[str, None] = {}  # accounts whose ban a start met that came to nothing

    def hold(self, account: str, duration: int, contract: str = "") -> None:
        """Let a venue say that it takes no orders, or none for a contract, for a while, ns."""
        now, subject = self._around.clock.now(), contract or account
        told = VenueHeld(now, account, "a maintenance", instrument=contract)
        self._held[subject] = told
        self._around.faults.held.add(subject)
        self._tell(goals.HELD, f"{subject} takes no orders", told)
        self._around.clock.call_at(now + duration, lambda: self._release(subject, told))

    def _release(self, subject: str, told: VenueHeld) -> None:
        if self._held.get(subject) is not told:
            return  # it was healed, or is held anew
        del self._held[subject]
        self._around.faults.held.discard(subject)
        now = self._around.clock.now()
        self._around.oracle.note(now, f"{subject} takes orders again")
        released = VenueHeld(now, told.account, None, instrument=told.instrument)
        self._around.hear(told.account, released)

    def ban(self, account: str, duration: int) -> None:
        """Let a venue answer this machine no more for a while, ns; who asks will notice."""
        now, banned = self._around.clock.now(), self._around.faults.banned
        banned.setdefault(account, False)
        self._banned[account] = max(self._banned.get(account, 0), now + duration)

        def end() -> None:
            if self._around.clock.now() >= self._banned[account]:
                banned.pop(account, None)

        self._around.oracle.goals[goals.BANNED] += 1
        self._around.oracle.note(now, f"{account} answers us no more")
        self._around.clock.call_at(now + duration, end)

    def close(self, account: str, contract: str, duration: int) -> None:
        """Let a venue close a contract, for a while (ns) that it does not tell."""
        now = self._around.clock.now()
        told = InstrumentUnfit(now, contract, Unfit.CLOSED, "it is not traded")
        self._gone[contract] = told

        def reopen() -> None:
            if self._gone.get(contract) is told:
                del self._gone[contract]
                self._around.faults.closed.discard(contract)

        self._around.clock.call_at(now + duration, reopen)
        self._around.faults.closed.add(contract)
        self._tell(goals.CLOSED, f"{contract} is closed", told, account)

    def lever(self, account: str, leverage: Decimal) -> None:
        """Let somebody set what an account may open at most."""
        self._exchanges[account].set_leverage(account, leverage)
        self._around.oracle.goals[goals.LEVERED] += 1
        self._around.oracle.note(
            self._around.clock.now(), f"somebody sets the leverage of {account} to {leverage}"
        )

    def _tell(self, goal: str, text: str, event: Event, account: str = "") -> None:
        self._around.oracle.goals[goal] += 1
        self._around.oracle.note(self._around.clock.now(), text)
        self._around.hear(account, event)

    # --- whoever begins, and the end ---

    def begin(self) -> None:
        """Note that a process begins: it has noticed no ban yet."""
        banned = self._around.faults.banned
        for account in banned:
            banned[account] = False

    def again(self) -> None:
        """Tell a process that began what it found out at its start, or tries at one."""
        for account in self.met:
            now = self._around.clock.now()
            self._around.hear(account, ShutOut(now, account, "it was met at a start"))
        self.met.clear()
        for told in self._held.values():
            self._around.hear(told.account, told)
        for gone in self._gone.values():
            self._around.hear("", gone)

    def clear(self) -> None:
        """Let all be as it was before."""
        self._gone.clear()
        self.met.clear()
        for subject, told in list(self._held.items()):
            self._release(subject, told)
        for account in self._exchanges:
            self._exchanges[account].set_leverage(account, LEVERAGE)
