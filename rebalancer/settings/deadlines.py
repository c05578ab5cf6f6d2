"""Deadlines: how far the settings may bend what keeps an order from being sent twice.

An order is absent only after three answers over ten seconds, which is longer
than any venue hides a new one; what nobody can prove wakes a person within
minutes; and what was decided long ago is not sent at all.
"""

from collections.abc import Iterator

from rebalancer.core.orders import CLOCKS
from rebalancer.settings.context import Context
from rebalancer.settings.faults import Finding
from rebalancer.settings.models import Mode

SECOND = 1_000_000_000  # ns
BOUNDS: tuple[tuple[str, float, float], ...] = (  # of [orders], s
    ("timeout", 1, 30),
    ("max_decision_age", 0.05, 5),
    ("absent_after", 10, 120),
    ("unknown_halt", 20, 300),
)
ANSWERS = (3, 20)  # of orders.absent_answers
OLDEST: tuple[tuple[str, float], ...] = (  # of [guards.staleness] where money is traded, s
    ("quote", 30),
    ("index", 30),
    ("mark", 60),
    ("option", 120),
    ("positions", 300),
)


def deadlines(context: Context) -> Iterator[Finding]:
    """Yield what is wrong with the deadlines of orders, and with the ages that money rests on."""
    orders, staleness = context.settings.orders, context.settings.guards.staleness
    for name, least, most in BOUNDS:
        value = getattr(orders, name) / SECOND
        if not least <= value <= most:
            must = f"must be {least:g}s to {most:g}s"
            yield Finding(("orders", name), must, f"{value:g}s")
    if not ANSWERS[0] <= orders.absent_answers <= ANSWERS[1]:
        must = f"must be {ANSWERS[0]} to {ANSWERS[1]}"
        yield Finding(("orders", "absent_answers"), must, str(orders.absent_answers))
    least = orders.absent_after + CLOCKS + orders.timeout
    if orders.unknown_halt < least:
        must = f"must be at least {least / SECOND:g}s, by absent_after and timeout, for a proof"
        found = f"{orders.unknown_halt / SECOND:g}s"
        needs = (("orders", "absent_after"), ("orders", "unknown_halt"))
        yield Finding(("orders", "unknown_halt"), must, found, "", needs)
    for name, most in OLDEST if context.settings.book.mode is Mode.LIVE else ():
        value = getattr(staleness, name) / SECOND
        if value > most:
            must = f"must be at most {most:g}s in mode live"
            place = ("guards", "staleness", name)
            yield Finding(place, must, f"{value:g}s", "", (("book", "mode"),))
