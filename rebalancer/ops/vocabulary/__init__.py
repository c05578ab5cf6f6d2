"""The closed list of log events, by what they are about.

A name is `noun.verb_in_past`. Nothing else is ever logged: a monitor that
knows this list knows all that the daemon can say.

    daemon         the process, its configuration and clock, the book's state
    decisions      hedges, protection, the band
    orders         orders
    venues         feeds, venues, instruments, keys
    money          bookings, margin, reconciliation
    service        people, storage, alerts
    demonstration  seeded worlds
"""

from collections.abc import Mapping
from dataclasses import dataclass

from rebalancer.core.commands import Severity
from rebalancer.errors import Defect
from rebalancer.ops.vocabulary import (
    daemon,
    decisions,
    demonstration,
    money,
    orders,
    service,
    venues,
)
from rebalancer.ops.vocabulary.fields import FIELDS


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One name of the vocabulary."""

    name: str
    severity: Severity  # as a rule; one line may be milder
    meaning: str
    action: str  # what the operator does; "none" for history

    @property
    def fields(self) -> tuple[str, ...]:
        """What its lines carry beside time, level, name, book and epoch; some only at times."""
        told = FIELDS.get(self.name, "").split()
        return tuple(each for each in told if each != "action" or self.severity is Severity.ERROR)


_TABLES = (daemon, decisions, orders, venues, money, service, demonstration)

EVENTS: Mapping[str, LogEvent] = {row[0]: LogEvent(*row) for table in _TABLES for row in table.ROWS}


def known(name: str) -> str:
    """Return the name when it is on the list.

    Raises:
        Defect: It is not; whoever logs it adds it here first.
    """
    if name not in EVENTS:
        raise Defect(f"log event: must be on the closed list in ops.vocabulary, was {name}")
    return name
