"""Outcome: what can become of an order or a question, and the codes by which a venue proves it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from rebalancer.errors import Unavailable


class Outcome(StrEnum):
    """What became of an order."""

    REJECTED = "rejected"  # the venue proved that it holds no such order
    UNKNOWN = "unknown"  # nobody can say
    DUPLICATE = "duplicate"  # one with this id is there: look that up
    NOT_SENT = "not sent"  # it never left this machine
    LIMITED = "rate limited"  # refused before it was looked at: too many requests


@dataclass(frozen=True, slots=True)
class Codes:
    """What a venue's error codes prove, and where they stand in its answers."""

    proofs: Mapping[str, Outcome]  # code → outcome; what is not listed proves nothing
    key: frozenset[str]  # codes that speak of the key and not of the request
    said: Callable[[Mapping[str, Any]], tuple[Any, Any]]  # code and short word of an answer
    worded: re.Pattern[str] | None = None  # finds the code where ccxt tells it in its own words
    words: Mapping[str, str] = field(default_factory=dict)  # text, where ccxt keeps no code → code


def each(outcome: Outcome, codes: str) -> dict[str, Outcome]:
    """Return the same outcome for every code of a text."""
    return dict.fromkeys(codes.split(), outcome)


class Refused(Unavailable):
    """A venue answered with an error to something that is no order.

    Args:
        text: What was asked and what it said.
        code: The venue's own.
    """

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.code = code


class Malformed(Unavailable):
    """A venue's answer lacks what it must have; nothing is concluded from it."""


class KeyRefused(Unavailable):
    """A venue does not accept our key, or the key may not do this."""

    exit_code = 77


class ShutsOut(Unavailable):
    """A venue shuts this machine out for too many requests; asking on makes it longer.

    Args:
        text: Which venue, and by what it is known.
        after: ns until it ends at the earliest.
    """

    def __init__(self, text: str, after: int) -> None:
        super().__init__(text)
        self.after = after
