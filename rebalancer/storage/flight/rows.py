"""Rows: one line of a flight, `[STEP,RECORD,"SUM"]`, and how it is known to be as written.

The sum is a CRC-32 over the line and the sum of the line before: a digit that
was changed, a line that was dropped or moved shows at its place. It finds
accidents and clumsy hands; whoever wants to deceive can work it out again, and
then the decisions tell.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FORMAT = 1
HEADER, MOVED, END = "Flight", "Moved", "End"  # types of the lines that are no events
TYPE = "type"
_TAIL = len(',"00000000"]')

_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Row:
    """One line, read."""

    step: int  # of the start; a header's and a move's: those taken before
    record: Mapping[str, Any]
    sum: int
    intact: bool  # whether it is what was written there

    @property
    def type(self) -> str:
        """The name of what it records."""
        return str(self.record.get(TYPE))


def spell(step: int, record: Mapping[str, Any], before: int) -> tuple[bytes, int]:
    """Return a line with its end, and its sum.

    Args:
        step: Number of the step.
        record: JSON values, with a type.
        before: Sum of the line before; 0 for the first of a file.
    """
    body = f"[{step},{_json(record)}".encode()
    total = zlib.crc32(body, before)
    return b'%b,"%08x"]\n' % (body, total), total


def read(line: bytes, before: int) -> Row | None:
    """Return what a line says, None where it is no such line.

    Args:
        line: Without its end.
        before: Sum that stands in the line before; 0 for the first of a file.
    """
    try:
        step, record, told = json.loads(line)
        total = int(told, 16)
    except (ValueError, TypeError, RecursionError):
        return None
    if type(step) is not int or not isinstance(record, dict):
        return None
    return Row(step, record, total, zlib.crc32(line[:-_TAIL], before) == total)
