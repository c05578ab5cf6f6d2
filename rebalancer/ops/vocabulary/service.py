"""People, storage, alerts: what keeps the daemon trusted while nobody looks."""

from rebalancer.ops.vocabulary.rows import ERROR, INFO, NONE, WARNING, Row

ROWS: tuple[Row, ...] = (
    ("operator.commanded", WARNING, "an operator gave an order to the daemon", NONE),
    ("operator.refused", WARNING, "a verb on the socket was refused", "check who tried"),
    (
        "kill.engaged",
        ERROR,
        "everything is stopped and own orders cancelled",
        "arm when it is safe",
    ),
    ("kill.cleared", WARNING, "an operator armed the book again", NONE),
    ("control.opened", INFO, "the control socket answers", NONE),
    ("control.failed", ERROR, "an answer on the control socket could not be made", "report it"),
    ("journal.opened", INFO, "the journal is open for writing", NONE),
    ("journal.replayed", INFO, "what the journal knew was read back", NONE),
    ("journal.pruned", INFO, "old decisions were taken out of the journal", NONE),
    (
        "journal.outgrown",
        WARNING,
        "the journal is above its size, and nothing more of it may go",
        "raise journal.max_mib, or see what fills it",
    ),
    (
        "journal.cramped",
        ERROR,
        "the disk of the journal is nearly full; no hedge leaves until it has room",
        "make room; it goes on by itself",
    ),
    ("journal.eased", INFO, "the disk of the journal has room again; hedges leave", NONE),
    (
        "journal.unreserved",
        WARNING,
        "no reserve could be set aside on the disk of the journal",
        "make room: once it is full, a start may find none",
    ),
    ("journal.copied", INFO, "the day's copy of the journal was made, and is whole", NONE),
    (
        "journal.uncopied",
        ERROR,
        "the day's copy of the journal could not be made; hedging goes on, it is tried each hour",
        "read why; make one elsewhere: journal backup FILE",
    ),
    ("journal.checked", INFO, "every page and entry of the journal is as it was written", NONE),
    (
        "journal.unchecked",
        ERROR,
        "the journal could not be looked at; hedging goes on, it is tried each hour",
        "read why; see journal check",
    ),
    (
        "journal.damaged",
        ERROR,
        "the journal is not what was written, and no start may be made of it; book and starts halt",
        "journal check; stop, restore the youngest copy that is whole, compare, then arm",
    ),
    (
        "journal.unmarked",
        ERROR,
        "the journal is damaged, and no mark could be left that halts the next start",
        "do not start again before a copy that is whole was restored",
    ),
    ("journal.failed", ERROR, "the journal cannot be written; trading stops", "mend the disk"),
    (
        "flight.failed",
        ERROR,
        "the flight recorder stopped; trading goes on, but its events cannot be verified later",
        "mend the disk; a restart records again",
    ),
    ("lease.acquired", INFO, "this host leads the pair", NONE),
    ("lease.lost", ERROR, "this host no longer leads; it sends nothing", "see the other host"),
    ("alert.sent", INFO, "an alert left the program", NONE),
    ("alert.failed", ERROR, "an alert could not be passed on", "mend the channel"),
    ("alert.unlisted", ERROR, "an alert carried a name that this list lacks", "report it"),
)
