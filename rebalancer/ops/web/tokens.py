"""Tokens: who asks. Only their digests are kept, and those are compared in constant time."""

import hashlib
import hmac
from enum import IntEnum

from rebalancer.errors import ConfigError, Fault

LEAST = 32  # bytes of a token
_SCHEME = "bearer"


class Right(IntEnum):
    """What somebody may do; each may also do what the ones before it may."""

    NOTHING = 0
    LOOK = 1
    ACT = 2


class Tokens:
    """The tokens of one page.

    Args:
        reader: Lets somebody look; None: anybody may who reaches the page.
        operator: Lets somebody look and act; None: nobody acts here.

    Raises:
        ConfigError: One is shorter than 32 bytes, is none that a header can say,
            or both are the same.
    """

    __slots__ = ("_operator", "_reader")

    def __init__(self, reader: str | None = None, operator: str | None = None) -> None:
        given = {"web.reader": reader, "web.operator": operator}
        faults = [
            Fault(name, must, was) for name, token in given.items() for must, was in _wrong(token)
        ]
        if not faults and reader is not None and reader == operator:
            faults = [Fault("web.operator", "must be another token than reader's", "the same")]
        if faults:
            raise ConfigError("credentials", faults)
        self._reader = None if reader is None else _digest(reader)
        self._operator = None if operator is None else _digest(operator)

    @property
    def open(self) -> bool:
        """Whether anybody may look."""
        return self._reader is None

    @property
    def acts(self) -> bool:
        """Whether there is a token that lets somebody act."""
        return self._operator is not None

    def right(self, token: str | None) -> Right:
        """Return what a token lets somebody do; a wrong one nothing at all, none what is open."""
        if token is None:
            return Right.LOOK if self.open else Right.NOTHING
        told = _digest(token)
        acts, looks = _same(told, self._operator), _same(told, self._reader)
        return Right.ACT if acts else Right.LOOK if looks else Right.NOTHING

    def right_of(self, header: str | None) -> Right:
        """Return the same of an `Authorization` header, as it came."""
        if header is None:
            return self.right(None)
        scheme, _, token = header.partition(" ")
        return self.right(token.strip()) if scheme.lower() == _SCHEME else Right.NOTHING


def _wrong(token: str | None) -> list[tuple[str, str]]:
    """Return (what must hold, what was found) of a token that is none; never the token."""
    if token is None:
        return []
    if not token.isascii() or not token.isprintable() or " " in token:
        return [("must be a token of printable ASCII without spaces", "another text")]
    if len(token) < LEAST:
        must = f"must be a token of at least {LEAST} bytes (openssl rand -hex 32)"
        return [(must, f"{len(token)} bytes")]
    return []


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _same(told: bytes, known: bytes | None) -> bool:
    return hmac.compare_digest(told, known if known is not None else bytes(len(told)))
