"""Settings: a TOML file becomes validated settings, or one report with every fault in it.

    reading    file → table: size, depth, UTF-8, TOML
    credentials  the name of a credential → its fields, which no text shows
    values     one value: a number, a duration, a time, a choice; what it must be, in words
    guarding   the tables of the guards and their keys
    alerting   the table of how alerts leave the program
    shipped    profiles of venues that come with the program
    profiling  the table of what differs at a venue without a package of its own
    models     all other tables and keys, unknown keys forbidden
    faults     pydantic's errors → our faults: where, what must hold, what was found
    catalogue  instruments that everybody knows, by their id
    listing    the instruments of one book: its own, and those of the mode
    ratios     which hedge ratios may be hedged by
    cross      what one key demands of another
    notes      what is no fault but worth saying
    parameters settings → what the core decides by
    fingerprint  the short name of one set of settings, and what of it is not enforced yet
    changes    where two settings mean different things
    report     all of it together: `check` and `load`
    tuning     what may be changed while the book runs, judged as the file would be

The modules import one another in that order, upwards only, and nothing of the
rest of the program but `core`'s value types and `errors`. Whoever runs a book
calls `load`; whoever only looks calls `check`.
"""

from rebalancer.settings.catalogue import known
from rebalancer.settings.changes import changes
from rebalancer.settings.fingerprint import fingerprint, not_enforced
from rebalancer.settings.listing import resolve
from rebalancer.settings.models import Settings
from rebalancer.settings.parameters import to_params
from rebalancer.settings.report import InvalidSettings, Report, check, load, salvage

__all__ = [
    "InvalidSettings",
    "Report",
    "Settings",
    "changes",
    "check",
    "fingerprint",
    "known",
    "load",
    "not_enforced",
    "resolve",
    "salvage",
    "to_params",
]
