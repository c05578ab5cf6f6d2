"""Saying: what leaves, in JSON, redacted like a line of the log.

The finished text is looked at, as the log does. Where something was found in it the
value is made anew, part by part, so that what is left is still JSON.
"""

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from rebalancer.ops.redaction import HIDDEN, Redactor, names_secret

_DEPTH = 12
_DIGITS = 9  # of a number that a person looks at


class Saying:
    """Says values.

    Args:
        redactor: Knows the secrets.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def encode(self, value: Any) -> bytes:
        """Return a value as JSON without secrets; what JSON cannot say is null or a text."""
        line = plain(value)
        text = line.decode()
        if self._redactor.text(text) == text:
            return line
        return msgspec.json.encode(self._hidden(msgspec.json.decode(line), _DEPTH))

    def text(self, text: bytes) -> bytes:
        """Return a text that is no JSON without secrets."""
        return self._redactor.text(text.decode()).encode()

    def _hidden(self, value: Any, depth: int) -> Any:
        if isinstance(value, dict):
            return {
                self._redactor.text(key): HIDDEN
                if names_secret(key) or not depth
                else self._hidden(part, depth - 1)
                for key, part in value.items()
            }
        if isinstance(value, list):
            return [self._hidden(part, depth - 1) if depth else HIDDEN for part in value]
        if value is None or isinstance(value, bool):
            return value
        told = str(value)
        found = self._redactor.text(told)
        return value if found == told else found


def plain(value: Any) -> bytes:
    """Return a value as JSON as it is, secrets and all."""
    return msgspec.json.encode(value, enc_hook=_plain)


def _plain(value: Any) -> Any:
    """Return what stands for a value of a type that JSON does not have."""
    return float(value) if isinstance(value, float) else str(value)


def rounded(value: Any) -> Any:
    """Return a value with numbers no longer than a person reads, nine digits.

    >>> rounded({"a": [1.23456789012, float("nan"), 7], "b": "x"})
    {'a': [1.23456789, None, 7], 'b': 'x'}
    """
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(part) for part in value]
    return str(value) if isinstance(value, Decimal) else value
