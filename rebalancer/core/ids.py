"""Client order ids: fixed width, never random, never reused.

`rb` + account (2) + epoch (4) + sequence (7) + check (2), base 36, lower case:
17 characters that every venue takes. The epoch grows with each start of the
daemon and the sequence with each order, so an id names one intention for ever
and an order left by an earlier start can be told on sight.
"""

from collections.abc import Sequence
from dataclasses import dataclass

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
PREFIX = "rb"
LENGTH = 17
_BEGAN, _STEP = 1_735_689_600_000_000_000, 600_000_000_000  # ns: 2025-01-01 UTC, ten minutes
MOST_EPOCH = 36**4 - 1
_KEPT = 100_000  # epochs that no clock takes away: starts after one whose clock was far ahead
_LONGEST = 20  # digits of a venue's number
_CHECK = 1291  # largest prime below 36²: catches one wrong digit and two swapped ones


@dataclass(frozen=True, slots=True)
class ClientOrderId:
    """The parts of a client order id."""

    account: int  # 0 … 1295: place of the account in the configuration
    epoch: int  # 0 … MOST_EPOCH
    sequence: int  # 0 … 36⁷ - 1


def least_epoch(ts: int) -> int:
    """Return the least epoch of a start at a time: the steps of ten minutes since 2025.

    A journal that was lost counts its starts anew. So its first ones still lie
    above those of the one before, whose labels the venues remember. A clock that
    is decades ahead leaves enough of them for the starts that follow.
    """
    return min(max((ts - _BEGAN) // _STEP, 1), MOST_EPOCH - _KEPT)


def _base36(number: int, width: int) -> str:
    digits = ""
    rest = number
    for _ in range(width):
        rest, digit = divmod(rest, 36)
        digits = DIGITS[digit] + digits
    if rest or number < 0:
        raise ValueError(f"must fit {width} base-36 digits, was {number}")
    return digits


def encode(parts: ClientOrderId) -> str:
    """Return the client order id of `parts`.

    Raises:
        ValueError: A part does not fit its field.

    >>> encode(ClientOrderId(account=1, epoch=2, sequence=18211))
    'rb0100020000e1v7v'
    """
    body = _base36(parts.account, 2) + _base36(parts.epoch, 4) + _base36(parts.sequence, 7)
    return PREFIX + body + _base36(int(body, 36) % _CHECK, 2)


def decode(text: str) -> ClientOrderId | None:
    """Return the parts of a client order id, or None when it is not one of ours."""
    if len(text) != LENGTH or not text.startswith(PREFIX) or not set(text) <= set(DIGITS):
        return None
    body, check = text[2:15], text[15:]
    if _base36(int(body, 36) % _CHECK, 2) != check:
        return None
    return ClientOrderId(int(body[:2], 36), int(body[2:6], 36), int(body[6:], 36))


def of_earlier(parts: ClientOrderId, accounts: Sequence[str], account: str, epoch: int) -> bool:
    """Return whether an id was made by a start of the same book before the one of `epoch`.

    Args:
        parts: Of the id.
        accounts: Of the book, in the order of its settings.
        account: Where the id was met.
        epoch: Of the start that asks.
    """
    place = accounts.index(account) if account in accounts else None
    return parts.account == place and parts.epoch < epoch


def counted(told: str) -> int | None:
    """Return the number that an id of a venue is; None for one that is none.

    >>> counted("48079573"), counted("-12"), counted("ETH-34066"), counted("9" * 40)
    (48079573, None, None, None)
    """
    return int(told) if told.isascii() and told.isdecimal() and len(told) <= _LONGEST else None
