"""Orders, from the decision to the venue's last word."""

from rebalancer.ops.vocabulary.rows import ERROR, INFO, NONE, WARNING, Row

ROWS: tuple[Row, ...] = (
    ("order.accepted", INFO, "the venue holds an order", NONE),
    ("order.rejected", WARNING, "the venue proved that it never took an order", "read the reason"),
    ("order.unknown", WARNING, "nobody can say whether the venue holds an order", "wait: it asks"),
    ("order.resolved", INFO, "the venue proved what became of an unknown order", NONE),
    ("order.missing", INFO, "the venue says that it has no such order; it is asked again", NONE),
    ("order.unread", ERROR, "an open order at the venue could not be read", "see it there"),
    ("order.unproven", ERROR, "an unknown order stays unknown", "find it at the venue, then arm"),
    ("order.resurrected", ERROR, "an order filled after its end", "compare positions, then arm"),
    ("order.filled", INFO, "an order was executed, in part or whole", NONE),
    ("order.overfilled", ERROR, "more was filled than was ordered", "compare with the venue"),
    ("order.ended", INFO, "an order left the book: filled, cancelled or expired", NONE),
    ("order.cancelled", INFO, "an order was asked to be withdrawn", NONE),
    (
        "order.cancel_failed",
        WARNING,
        "a venue did not take a cancellation; it is asked again",
        NONE,
    ),
    (
        "order.query_failed",
        WARNING,
        "a venue did not say what became of an order",
        "wait: it asks",
    ),
    (
        "order.foreign",
        ERROR,
        "the venue told of an order that is not ours",
        "find who trades here",
    ),
    ("fill.foreign", WARNING, "a fill belongs to no order of ours", "find who trades here"),
    ("account.told", INFO, "a venue told of an account (debug)", NONE),
)
