"""Ownership: which journal shows that a daemon of a book has been in a folder."""

import pytest

from rebalancer.storage import ownership
from rebalancer.storage.memory import MemoryJournal


@pytest.mark.parametrize(
    ("kept", "book", "money", "why"),
    [
        (("desk", "live"), "desk", "live", None),
        (("desk", "paper"), "desk", "paper", None),
        (("desk", "paper in a live market"), "desk", "paper", None),
        (("desk", "paper"), "desk", "live", "it is kept for desk, paper"),
        (("desk", "live"), "desk", "paper", "it is kept for desk, live"),
        (("desk", "testnet"), "desk", "live", "it is kept for desk, testnet"),
        (("other", "live"), "desk", "live", "it is kept for other, live"),
        (None, "desk", "live", "it names no book"),
    ],
)
def test_foreign(kept, book, money, why):
    """It shows so where it names both the book and its money, and not where it names nothing."""
    journal = MemoryJournal()
    if kept is not None:
        ownership.claim(journal, *kept)

    assert why == ownership.foreign(journal, book, money)


def test_foreign_of_old():
    """A journal that names a book and no money is one of paper."""
    journal = MemoryJournal()
    journal.put_meta(ownership.BOOK, "desk")

    assert ownership.foreign(journal, "desk", "paper") is None
    assert "it is kept for desk, paper" == ownership.foreign(journal, "desk", "live")
