"""Accounts: when each was last read and found as the ledger has it.

What happened while the stream of an account was lost, nobody heard. So a
reading counts only when it began after the stream was back.
"""

from dataclasses import dataclass, field

from rebalancer.core.events import AccountRead, FeedStatus


@dataclass(slots=True)
class Accounts:
    """What is known of the way to each account; written by the functions below only."""

    lost: dict[str, int] = field(default_factory=dict)  # whose stream is gone → since, ns
    resumed: dict[str, int] = field(default_factory=dict)  # whose stream came back → when, ns
    read: dict[str, int] = field(default_factory=dict)  # → when the newest good reading began


def hear(accounts: Accounts, event: FeedStatus) -> None:
    """Note that a stream was lost or is back; what was read before counts no longer."""
    accounts.read.pop(event.venue, None)
    if event.alive:
        accounts.lost.pop(event.venue, None)
        accounts.resumed[event.venue] = event.ts_local
    else:
        accounts.lost[event.venue] = event.ts_local


def take(accounts: Accounts, event: AccountRead) -> None:
    """Note a reading, unless the stream is gone or came back after it began."""
    whole = event.account not in accounts.lost
    if whole and event.asked >= accounts.resumed.get(event.account, event.asked):
        accounts.read[event.account] = event.asked


def age(accounts: Accounts, account: str, now: int) -> int | None:
    """Return ns since an account was read, None when no reading counts."""
    read = accounts.read.get(account)
    return None if read is None else now - read
