"""Accounts: when each was last read and found as the ledger has it, and which take no orders.

What happened while the stream of an account was lost, nobody heard, and what a
venue books in a settlement or a maintenance it tells late. So a reading counts
only when it began after the stream was back and the venue open again.
"""

from dataclasses import dataclass, field

from rebalancer.core.commands import Alert, Severity
from rebalancer.core.events import AccountRead, FeedStatus, VenueHeld


@dataclass(slots=True)
class Accounts:
    """What is known of the way to each account; written by the functions below only."""

    lost: dict[str, int] = field(default_factory=dict)  # whose stream is gone → since, ns
    resumed: dict[str, int] = field(default_factory=dict)  # whose stream came back → when, ns
    read: dict[str, int] = field(default_factory=dict)  # → when the newest good reading began
    held: dict[str, str] = field(default_factory=dict)  # whose venue takes no orders → why
    barred: dict[str, str] = field(default_factory=dict)  # instrument that takes none → why
    declared: dict[str, None] = field(default_factory=dict)  # of them those whose venue says so
    reopened: dict[str, int] = field(default_factory=dict)  # whose venue said so, and is open → ns


def hear(accounts: Accounts, event: FeedStatus) -> None:
    """Note that a stream was lost or is back; what was read before counts no longer."""
    accounts.read.pop(event.venue, None)
    if event.alive:
        accounts.lost.pop(event.venue, None)
        accounts.resumed[event.venue] = event.ts_local
    else:
        accounts.lost[event.venue] = event.ts_local


def hold(accounts: Accounts, event: VenueHeld) -> tuple[Alert, ...]:
    """Note that a venue takes no orders, or does again; say it once, however often it is told."""
    if event.instrument:
        return _bar(accounts, event)
    name, before = event.account, accounts.held.pop(event.account, None)
    if event.reason is not None:
        accounts.held[name] = event.reason
        if event.said:
            accounts.declared[name] = None
        accounts.read.pop(name, None)
        if before is not None:
            return ()
        text = f"{name} takes no orders: {event.reason}; what is to be hedged waits"
        return (Alert(Severity.WARNING, "venue.held", name, text),)
    if before is None:
        return ()
    accounts.resumed[name] = event.ts_local
    if name in accounts.declared:
        del accounts.declared[name]
        accounts.reopened[name] = event.ts_local
    text = f"{name} takes orders again; the account is read before any leaves"
    return (Alert(Severity.INFO, "venue.released", name, text),)


def _bar(accounts: Accounts, event: VenueHeld) -> tuple[Alert, ...]:
    """Note that one instrument takes no orders, or does again; its account goes on."""
    name, before = event.instrument, accounts.barred.pop(event.instrument, None)
    if event.reason is not None:
        accounts.barred[name] = event.reason
        text = f"{name} takes no orders: {event.reason}; what is to be hedged with it waits"
        return () if before is not None else (Alert(Severity.WARNING, "venue.held", name, text),)
    if before is None:
        return ()
    return (Alert(Severity.INFO, "venue.released", name, f"{name} takes orders again"),)


def shut(accounts: Accounts, account: str, instrument: str) -> str | None:
    """Return what takes no orders, the account or the instrument; None where both do."""
    if account in accounts.held:
        return account
    return instrument if instrument in accounts.barred else None


def take(accounts: Accounts, event: AccountRead) -> None:
    """Note a reading, unless the way is shut or was opened again after it began."""
    whole = event.account not in accounts.lost and event.account not in accounts.held
    if whole and event.asked >= accounts.resumed.get(event.account, event.asked):
        accounts.read[event.account] = event.asked


def closed_within(accounts: Accounts, account: str, now: int, span: int) -> bool:
    """Whether a venue says that it is shut, or was a moment (ns) ago: it could prove little."""
    reopened = accounts.reopened.get(account)
    return account in accounts.declared or (reopened is not None and now - reopened < span)


def age(accounts: Accounts, account: str, now: int) -> int | None:
    """Return ns since an account was read, None when no reading counts."""
    read = accounts.read.get(account)
    return None if read is None else now - read
