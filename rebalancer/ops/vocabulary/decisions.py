"""Hedges, protection and the band: what was decided, refused or missed."""

from rebalancer.ops.vocabulary.rows import ERROR, INFO, NONE, WARNING, Row

ROWS: tuple[Row, ...] = (
    ("hedge.submitted", INFO, "a decision sent an order", NONE),
    ("hedge.refused", WARNING, "a guard refused a hedge", "see why; raise the limit or wait"),
    ("hedge.capped", INFO, "a guard let only a part of a hedge pass", NONE),
    (
        "hedge.discarded",
        WARNING,
        "our own last check kept an order back: the book is stopped, or the decision too old",
        "read the reason; if it is age, look for load on the machine",
    ),
    (
        "hedge.missed",
        ERROR,
        "hedges did not change the delta as expected",
        "see positions; then arm",
    ),
    (
        "hedge.alternated",
        ERROR,
        "hedges went to and fro and to nothing; the underlying is halted",
        "see orders; who else trades here? then arm",
    ),
    (
        "order.rejected_often",
        ERROR,
        "a venue rejected one order after the other; the underlying is halted",
        "read the reasons; see the venue; then arm",
    ),
    (
        "greeks.exceeded",
        WARNING,
        "gamma or vega is beyond its limit, which no perpetual brings back",
        "trade what it proposes, or raise the limit",
    ),
    (
        "protect.refused",
        ERROR,
        "a hedge must be cut to stay clear of liquidation, and a guard refuses it",
        "see why; add collateral, or close by hand",
    ),
    ("protect.submitted", WARNING, "an order was sent to stay clear of liquidation", "add margin"),
    ("quote.refused", WARNING, "a price was not believed: crossed, empty or no number", NONE),
    ("delta.restored", INFO, "net delta is inside the tolerance band again", NONE),
    ("delta.unhedged", ERROR, "net delta stays outside or unknown", "see why; hedge by hand"),
)
