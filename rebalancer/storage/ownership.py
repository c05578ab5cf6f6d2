"""Whose journal it is: one book's, and for one kind of money.

Another book's journal would explain the wrong decisions; what was booked on
paper, brought back into a live book, would be hedged with real money.
"""

from typing import Protocol

from rebalancer.errors import ConfigError, Fault
from rebalancer.ports import Journal

BOOK, MONEY, LIVE = "book", "money", "live"
PAPER = "paper"  # what a journal is for that names a book and no money


class Meta(Protocol):
    """What is asked of a journal that is only read."""

    def get_meta(self, key: str) -> str | None:
        """Return what was put under a name, or None."""


def check(journal: Journal, book: str, money: str) -> None:
    """Let a book pass that may go on with a journal.

    Args:
        journal: Open.
        book: Its id.
        money: What it trades, in a word: paper, live, testnet, loopback.

    Raises:
        ConfigError: The journal is another book's, of other money, or nobody knows whose.
    """
    owner = journal.get_meta(BOOK)
    kind = journal.get_meta(MONEY) or (None if owner is None else PAPER)
    faults = []
    if owner not in (None, book):
        must = f"must be {owner}, whose journal this is; name another --state"
        faults.append(Fault("book.id", must, book))
    if owner is None and any(True for _ in journal.read("event")):
        must = "must be in an empty journal or its own; name another --state"
        faults.append(Fault("book.id", must, f"{book} in one that names no book"))
    if kind not in (None, money):
        must = f"must be {kind}, which this journal was kept for; name another --state"
        faults.append(Fault("book.mode", must, money))
    if faults:
        raise ConfigError(book, faults)


def foreign(journal: Meta, book: str, money: str) -> str | None:
    """Return why a journal is not that of a book for this money; None: it names both.

    Unlike `check` this lets no empty one pass: who asks wants to know that a daemon
    of the book has been here.

    Args:
        journal: Open, to read at least.
        book: Its id.
        money: What it trades, in a word: live, testnet, loopback; paper is any paper.
    """
    owner, kind = journal.get_meta(BOOK), journal.get_meta(MONEY) or PAPER
    if owner is None:
        return "it names no book"
    same = kind.startswith(PAPER) if money == PAPER else kind == money
    return None if owner == book and same else f"it is kept for {owner}, {kind}"


def claim(journal: Journal, book: str, money: str) -> None:
    """Write down whose journal it is: the money first, an owner without it would be of paper."""
    journal.put_meta(MONEY, money)
    journal.put_meta(BOOK, book)


def permitted(journal: Journal) -> str | None:
    """Return the fingerprint that a person confirmed to trade for money with; None: none yet."""
    return journal.get_meta(LIVE)


def permit(journal: Journal, fingerprint: str) -> None:
    """Write down that a book may trade for money, until its settings mean something else."""
    journal.put_meta(LIVE, fingerprint)
