"""The brake: what stops a book from outside its process, however things stand inside it."""

from typing import Protocol


class Brake(Protocol):
    """Looked at before each order that leaves; never waits, never raises."""

    def pulled(self) -> str | None:
        """Return why nothing may leave; None: nobody has pulled it."""


class _Unpulled:
    """A brake that nobody can reach."""

    def pulled(self) -> str | None:
        """Return None."""
        return None


UNPULLED: Brake = _Unpulled()
