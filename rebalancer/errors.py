"""The errors that the program raises on purpose, and the exit code of each.

RebalancerError
├── ConfigError        78  a setting is missing, unknown or contradicts another
├── DataError          65  recorded data or a journal cannot be trusted
│   └── Damaged            what was written there is not what is there
├── UsageError         64  a command was called with arguments that make no sense
├── PermissionRefused  77  a verb or a file is not for this user
├── Unavailable        75  nobody answers just now; trying again may help
└── Defect             70  an invariant of the program itself is broken
"""

from collections.abc import Sequence
from dataclasses import dataclass


class RebalancerError(Exception):
    """Root of every deliberate error; `exit_code` is what the process ends with."""

    exit_code = 70


class UsageError(RebalancerError):
    """A command was called with arguments that make no sense."""

    exit_code = 64


class DataError(RebalancerError):
    """Recorded data or a journal cannot be trusted."""

    exit_code = 65


class Damaged(DataError):
    """What is there is not what was written: nothing may be made of it."""


class Defect(RebalancerError):
    """An invariant of the program itself is broken; nothing more is traded."""

    exit_code = 70


class Unavailable(RebalancerError):
    """Nobody answers just now; trying again may help."""

    exit_code = 75
    after = 0  # ns before which it does not, where somebody told


class PermissionRefused(RebalancerError):
    """A verb or a file is not for this user."""

    exit_code = 77


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a configuration or a data file."""

    path: str  # where: dotted key or file:line
    must: str  # what must hold
    was: str  # what was found; empty where saying it adds nothing


class ConfigError(RebalancerError):
    """A configuration is not fit to run; carries every fault at once.

    Args:
        source: File that was read.
        faults: All that is wrong with it, in the order of the file's keys.
    """

    exit_code = 78

    def __init__(self, source: str, faults: Sequence[Fault]) -> None:
        self.source = source
        self.faults = tuple(faults)
        count = "1 fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
        lines = [f"{source}: {count}"]
        for fault in self.faults:
            found = f", was {fault.was}" if fault.was else ""
            lines.append(f"  {fault.path}: {fault.must}{found}")
        super().__init__("\n".join(lines))


def brief(text: str, most: int = 40) -> str:
    """Return what somebody sent as an error tells it: whole, or by its length where it is long.

    Of a secret that was cut a part would be left, which nobody finds.

    >>> brief("0.001 BTC"), brief("x" * 41)
    ('0.001 BTC', '41 characters')
    """
    return text if len(text) <= most else f"{len(text)} characters"
