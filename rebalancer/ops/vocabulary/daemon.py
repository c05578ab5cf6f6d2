"""The process itself: its start and end, configuration, clock, and the book's state."""

from rebalancer.ops.vocabulary.rows import ERROR, INFO, NONE, WARNING, Row

ROWS: tuple[Row, ...] = (
    ("daemon.started", INFO, "the process began", NONE),
    (
        "daemon.recovered",
        ERROR,
        "the start before was killed, or left orders of which it did not hear the end",
        "read in the system's journal how it ended; compare orders and positions with the venues",
    ),
    ("daemon.stopping", INFO, "asked to end; own orders are being cancelled", NONE),
    ("daemon.stopped", INFO, "the process ends in order", NONE),
    ("daemon.failed", ERROR, "the process ends by a defect", "read the error, report it, restart"),
    (
        "daemon.vanished",
        ERROR,
        "the process went without a word; nobody hedges",
        "see its log and its unit; start it, or panic",
    ),
    ("unit.failed", ERROR, "the unit of the daemon failed; nobody hedges", "see journalctl -u"),
    (
        "engine.silent",
        ERROR,
        "the engine takes no step; nobody hedges",
        "panic, then restart the unit",
    ),
    ("engine.recovered", INFO, "the engine takes steps again", NONE),
    ("config.loaded", INFO, "a book begins with this configuration", NONE),
    ("config.rejected", ERROR, "a configuration is not fit to run", "mend it; run check"),
    ("config.unchanged", INFO, "read again, the configuration is what the book runs with", NONE),
    (
        "config.differed",
        WARNING,
        "read again, the configuration is not what the book runs with; nothing was taken over",
        "restart to take it over; a live book asks for its fingerprint",
    ),
    (
        "config.changed",
        WARNING,
        "a setting was changed on a running book",
        "check that it was you",
    ),
    (
        "config.retuned",
        WARNING,
        "what was changed before this start holds again; the file is the same",
        "see status; write it into the file, or set it back",
    ),
    (
        "config.dropped",
        ERROR,
        "what was changed on the running book holds no more: the file has changed since",
        "set it again if it is still wanted",
    ),
    ("limits.not_enforced", WARNING, "a guard is not set, and nobody watches there", "set it"),
    ("state.changed", INFO, "the book or an underlying entered another state", NONE),
    ("state.latched", ERROR, "a halt outlives a restart", "find the cause, then arm --reason"),
    ("clock.agreed", INFO, "this machine's clock and a venue's are together again", NONE),
    ("clock.anchored", WARNING, "this machine's clock was set; ours follows it", "see time sync"),
    (
        "clock.doubted",
        WARNING,
        "time passed unseen: nothing is sent until clocks are compared",
        NONE,
    ),
    ("clock.unmeasured", INFO, "a venue did not tell its time", NONE),
    ("clock.skewed", ERROR, "this machine's clock disagrees with a venue's", "mend time sync"),
)
