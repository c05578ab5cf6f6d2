"""Feeds, venues, instruments and keys: how the world outside answers."""

from rebalancer.ops.vocabulary.rows import ERROR, INFO, NONE, WARNING, Row

ROWS: tuple[Row, ...] = (
    ("feed.connected", INFO, "a stream is open", NONE),
    ("feed.lost", WARNING, "a stream is gone; it is opened again", "see the venue's status page"),
    ("feed.recovered", INFO, "a stream is back", NONE),
    ("feed.stale", WARNING, "an input is older than a decision may rest on", "see status feeds"),
    ("feed.malformed", WARNING, "a message could not be read and was dropped", "report it"),
    (
        "venue.held",
        WARNING,
        "a venue takes no orders: maintenance, a lock, a settlement, or no answer; hedges wait",
        "see its status page; it goes on by itself",
    ),
    (
        "venue.released",
        INFO,
        "a venue takes orders again; its account is read before any leaves",
        NONE,
    ),
    (
        "venue.unreached",
        ERROR,
        "a venue does not answer as a book begins; until it does nobody hedges",
        "see its status page; the book begins by itself when it answers; hedge by hand until then",
    ),
    ("venue.reached", INFO, "a venue answers, for which a book that begins has waited", NONE),
    (
        "venue.retried",
        WARNING,
        "a venue did not answer as a book begins; it is asked again",
        "see venue.unreached, which comes when it lasts",
    ),
    (
        "instrument.closed",
        ERROR,
        "a venue does not trade any more what the book hedges with or holds; it is halted",
        "see the venue's announcements and positions; then arm",
    ),
    (
        "instrument.changed",
        ERROR,
        "a venue changed the terms of what the book hedges with or holds; it is halted",
        "compare the terms; arm takes a new step or minimum, anything else needs a restart",
    ),
    (
        "instrument.unread",
        WARNING,
        "a venue did not say whether an instrument is still traded",
        "wait: it is asked again",
    ),
    (
        "key.refused",
        ERROR,
        "a venue does not take our key: nothing is known of the account, and nothing leaves",
        "see at the venue whether it was revoked or the address changed; then restart",
    ),
    ("switch.armed", INFO, "the venue takes our resting orders away if we vanish", NONE),
    (
        "switch.lost",
        WARNING,
        "the dead-man switch is not armed; nothing may rest until it is",
        "wait: it is armed again; see doctor",
    ),
    (
        "switch.missing",
        ERROR,
        "the dead-man switch could not be armed for a minute; nothing may rest there",
        "see at the venue what is still open; see doctor",
    ),
    (
        "switch.left",
        WARNING,
        "the daemon ended and could not disarm: the venue takes away all that rests there",
        "see at the venue what is still open",
    ),
    ("rate.limited", WARNING, "a venue asks for fewer requests", NONE),
    (
        "rate.banned",
        ERROR,
        "a venue shuts this machine out for too many requests; the book is halted",
        "find what asks so often; wait until the ban ends, reconcile, then arm",
    ),
    (
        "smile.lost",
        WARNING,
        "an expiry has no curve through its marks; its options are hedged as by sticky strike",
        "watch more options of it (smile.points); see its marks",
    ),
    (
        "delta.disagreed",
        WARNING,
        "a venue's own delta of held options is not Black's by its vol and forward, or stands",
        "compare with the venue's page; what is hedged is ours",
    ),
    ("delta.agreed", INFO, "a venue's own deltas are ours again", NONE),
    ("smile.found", INFO, "an expiry has a curve through its marks again", NONE),
)
