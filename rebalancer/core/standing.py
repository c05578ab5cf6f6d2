"""Where a book stands: how far its start has come, what the operator asked, what is latched.

Things that must not overwrite one another. A resume lifts a pause but does not
make up for a reconciliation that was never done, nor for room on a disk, and no
order of the operator's but `arm` lifts a halt. What holds is the strictest.
"""

from dataclasses import dataclass, field

from rebalancer.core.commands import Alert, Severity
from rebalancer.core.events import Operator, Verb
from rebalancer.core.guards.trading_state import TradingState, stricter
from rebalancer.core.journal import JournalDamaged, RoomTold

MIB = 1024 * 1024  # bytes
_ASKS = {
    Verb.PAUSE: TradingState.PAUSED,
    Verb.REDUCE: TradingState.REDUCING,
    Verb.RESUME: TradingState.ACTIVE,
}
_ASKED = (TradingState.PAUSED, TradingState.REDUCING)


@dataclass(slots=True)
class Standing:
    """The trading state of one book; written by the functions below only."""

    phase: TradingState = TradingState.STARTING  # set by the daemon and by reconciliations
    asked: TradingState = TradingState.ACTIVE  # set by the operator
    latched: bool = False
    killed: bool = False
    sealed: bool = False  # pause --all
    short: bool = False  # too little room on the disk of the journal
    reason: str = "starting"  # of the latest change
    limited: dict[str, str] = field(default_factory=dict)  # limit of the book reached → in words
    halted: dict[str, str] = field(default_factory=dict)  # underlying → why

    @property
    def mode(self) -> TradingState:
        """State of the whole book."""
        if self.latched:
            return TradingState.HALTED
        own = stricter(self.phase, self.asked)
        if self.short:
            return stricter(TradingState.PAUSED, own)
        return stricter(TradingState.REDUCING, own) if self.limited else own

    def mode_of(self, underlying: str) -> TradingState:
        """Return the stricter of the book's state and the underlying's."""
        return TradingState.HALTED if underlying in self.halted else self.mode


def move(standing: Standing, mode: TradingState, reason: str) -> None:
    """Move the book to another state; a latched halt is not undone here.

    Whoever arms a book that is stopping finds that it is.
    """
    if standing.latched:
        if mode is TradingState.DRAINING:
            standing.phase = mode
        return
    standing.reason = reason
    if mode is TradingState.HALTED:
        standing.latched = True
    elif mode in _ASKED:
        standing.asked = mode
    else:
        standing.phase = mode


def halt(standing: Standing, underlying: str, reason: str) -> None:
    """Halt one underlying; what halted it before stands beside the new reason."""
    before = standing.halted.get(underlying, "")
    if reason not in before:
        standing.halted[underlying] = f"{before}; {reason}" if before else reason


def limit(standing: Standing, name: str, reason: str) -> None:
    """Let only hedges that close pass, until a person arms: a limit of the book was reached."""
    standing.limited[name] = reason
    if not standing.latched:
        standing.reason = reason


def room(standing: Standing, event: RoomTold) -> Alert:
    """Let no hedge leave while the disk of the journal is nearly full; say so, and that it is over.

    What protects and what withdraws passes: a few kilobytes that may save an account.
    """
    standing.short = event.short
    free, least = event.free // MIB, event.least // MIB
    text = f"{free} MiB are free on the disk of the journal, {least} MiB must be"
    if not standing.latched:
        standing.reason = text if event.short else f"{free} MiB are free again"
    if event.short:
        return Alert(Severity.ERROR, "journal.cramped", "journal", f"{text}; no hedge leaves")
    return Alert(Severity.INFO, "journal.eased", "journal", f"{free} MiB are free again")


def damaged(standing: Standing, event: JournalDamaged) -> Alert:
    """Halt until an operator arms: the next start would begin with what was never written so.

    What the book knows in memory is right, so what only closes may still protect it.
    """
    text = why_damaged(event.what)
    move(standing, TradingState.HALTED, text)
    return Alert(Severity.ERROR, "journal.damaged", "journal", f"{text}; the book is halted")


def why_damaged(what: str) -> str:
    """Return why a book is halted whose journal is damaged."""
    return f"the journal is damaged: {what}"


def differed(standing: Standing, reason: str) -> None:
    """Halt until an operator arms; then only a reconciliation that agrees reactivates."""
    doubted(standing)
    move(standing, TradingState.HALTED, reason)


def doubted(standing: Standing) -> None:
    """Let nothing pass until a reconciliation agrees."""
    if standing.phase is TradingState.ACTIVE:
        standing.phase = TradingState.RECONCILING


def agreed(standing: Standing) -> None:
    """Take note that ledger and venues agree: a start is complete."""
    if standing.phase in (TradingState.STARTING, TradingState.RECONCILING):
        standing.phase = TradingState.ACTIVE
        if not standing.latched and not standing.short:
            standing.reason = "reconciled"


def operate(standing: Standing, event: Operator) -> None:
    """Do what an operator asks."""
    match event.verb:
        case Verb.KILL:
            standing.latched = standing.killed = True
            standing.reason = event.reason
        case Verb.ARM:
            standing.latched = standing.killed = False
            standing.halted.clear()
            standing.limited.clear()
            standing.reason = event.reason
        case Verb.PAUSE | Verb.REDUCE | Verb.RESUME:
            standing.asked = _ASKS[event.verb]
            pauses = event.verb is Verb.PAUSE  # which never takes a seal away
            standing.sealed = pauses and (event.everything or standing.sealed)
            if not standing.latched:
                standing.reason = event.reason
