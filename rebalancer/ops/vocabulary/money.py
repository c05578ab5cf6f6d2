"""What moved on an account, and how near it is to its liquidation."""

from rebalancer.ops.vocabulary.rows import ERROR, INFO, NONE, WARNING, Row

ROWS: tuple[Row, ...] = (
    ("funding.paid", INFO, "funding was booked to an account", NONE),
    ("position.settled", INFO, "a session's profit moved into cash", NONE),
    ("position.delivered", INFO, "a dated contract ended; its value moved into cash", NONE),
    ("position.adopted", WARNING, "an operator declared a position to be the book's", NONE),
    (
        "position.liquidated",
        ERROR,
        "a venue closed a position of ours for lack of margin; the underlying halts",
        "see positions and margin, add collateral, then arm",
    ),
    (
        "position.deleveraged",
        WARNING,
        "a venue cut a position of ours to close a bankrupt one",
        "see positions; hedge elsewhere if it goes on",
    ),
    ("instrument.met", INFO, "something was booked of an instrument that no setting names", NONE),
    ("holdings.told", INFO, "a file told what is held outside the venues", NONE),
    (
        "holdings.malformed",
        ERROR,
        "a file of holdings cannot be read; its last word counts until it is too old",
        "mend the file",
    ),
    ("cash.moved", INFO, "cash of an account moved without a trade", NONE),
    (
        "margin.warned",
        WARNING,
        "an account passed a rung of the margin ladder",
        "add the collateral that it names",
    ),
    (
        "margin.critical",
        ERROR,
        "an account is near its liquidation; its hedge is being bought back",
        "add the collateral that it names at once; then arm",
    ),
    ("margin.recovered", INFO, "an account is clear of every rung of the ladder", NONE),
    (
        "margin.disagreed",
        ERROR,
        "our liquidation price of a position and the venue's lie apart",
        "compare the tiers of the settings with the venue's",
    ),
    (
        "margin.refused",
        ERROR,
        "what a venue told of an account's margin cannot be true; growth and protection wait",
        "compare with the venue's page",
    ),
    (
        "margin.queued",
        WARNING,
        "a hedge is near the front of its venue's deleveraging queue",
        "lower its leverage or its profit: close and open anew, or move it",
    ),
    ("margin.unread", WARNING, "a venue did not say how an account stands", "wait: it asks again"),
    ("limit.reached", ERROR, "a limit of the whole book was reached", "see guards; then arm"),
    ("reconcile.agreed", INFO, "ledger and venues agree", NONE),
    ("reconcile.differed", ERROR, "ledger and venues do not agree", "compare, adopt, then arm"),
    ("adoption.waits", WARNING, "what is held cannot be adopted yet", "see its reason"),
    (
        "reconcile.unanswered",
        WARNING,
        "a venue did not say what it holds",
        "wait: it asks again",
    ),
)
