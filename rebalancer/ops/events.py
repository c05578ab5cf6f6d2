"""The closed list of log events: what each name means and what its operator does.

A name is `noun.verb_in_past`. Nothing else is ever logged: a monitor that
knows this list knows all that the daemon can say.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from rebalancer.core.commands import Severity
from rebalancer.errors import Defect


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One name of the vocabulary."""

    name: str
    severity: Severity  # as a rule; one line may be milder
    meaning: str
    action: str  # what the operator does; "none" for history


_INFO, _WARNING, _ERROR = Severity.INFO, Severity.WARNING, Severity.ERROR
_NONE = "none"

_ROWS: tuple[tuple[str, Severity, str, str], ...] = (
    # the daemon
    ("daemon.started", _INFO, "the process began", _NONE),
    ("daemon.ready", _INFO, "reconciled and ready to hedge", _NONE),
    ("daemon.stopping", _INFO, "asked to end; own orders are being cancelled", _NONE),
    ("daemon.stopped", _INFO, "the process ends in order", _NONE),
    ("daemon.failed", _ERROR, "the process ends by a defect", "read the error, report it, restart"),
    ("task.failed", _ERROR, "a part of the daemon ended by an error", "read the error; see doctor"),
    ("config.loaded", _INFO, "a configuration was read and is valid", _NONE),
    ("config.rejected", _ERROR, "a configuration is not fit to run", "mend it; run check"),
    (
        "config.changed",
        _WARNING,
        "a setting was changed on a running book",
        "check that it was you",
    ),
    ("limits.not_enforced", _WARNING, "a guard is not set, and nobody watches there", "set it"),
    ("state.changed", _INFO, "the book or an underlying entered another state", _NONE),
    ("state.latched", _ERROR, "a halt outlives a restart", "find the cause, then arm --reason"),
    ("clock.agreed", _INFO, "this machine's clock and a venue's are together again", _NONE),
    ("clock.anchored", _WARNING, "this machine's clock was set; ours follows it", "see time sync"),
    ("clock.unmeasured", _INFO, "a venue did not tell its time", _NONE),
    ("clock.skewed", _ERROR, "this machine's clock disagrees with a venue's", "mend time sync"),
    ("loop.lagged", _WARNING, "the event loop was blocked", "look for load on the machine"),
    # decisions
    ("hedge.submitted", _INFO, "a decision sent an order", _NONE),
    ("hedge.refused", _WARNING, "a guard refused a hedge", "see why; raise the limit or wait"),
    ("hedge.capped", _INFO, "a guard let only a part of a hedge pass", _NONE),
    ("hedge.discarded", _WARNING, "a decision was too old to send", "look for load on the machine"),
    (
        "hedge.missed",
        _ERROR,
        "hedges did not change the delta as expected",
        "see positions; then arm",
    ),
    (
        "hedge.alternated",
        _ERROR,
        "hedges went to and fro and to nothing; the underlying is halted",
        "see orders; who else trades here? then arm",
    ),
    (
        "order.rejected_often",
        _ERROR,
        "a venue rejected one order after the other; the underlying is halted",
        "read the reasons; see the venue; then arm",
    ),
    (
        "greeks.exceeded",
        _WARNING,
        "gamma or vega is beyond its limit, which no perpetual brings back",
        "trade what it proposes, or raise the limit",
    ),
    (
        "protect.refused",
        _ERROR,
        "a hedge must be cut to stay clear of liquidation, and a guard refuses it",
        "see why; add collateral, or close by hand",
    ),
    ("protect.submitted", _WARNING, "an order was sent to stay clear of liquidation", "add margin"),
    ("quote.refused", _WARNING, "a price was not believed: crossed, empty or no number", _NONE),
    ("delta.breached", _WARNING, "net delta left the tolerance band", _NONE),
    ("delta.restored", _INFO, "net delta is inside the tolerance band again", _NONE),
    ("delta.unhedged", _ERROR, "net delta stays outside or unknown", "see why; hedge by hand"),
    # orders
    ("order.sent", _INFO, "an order left for its venue", _NONE),
    ("order.accepted", _INFO, "the venue holds an order", _NONE),
    ("order.rejected", _WARNING, "the venue proved that it never took an order", "read the reason"),
    ("order.unknown", _WARNING, "nobody can say whether the venue holds an order", "wait: it asks"),
    ("order.resolved", _INFO, "the venue proved what became of an unknown order", _NONE),
    ("order.absent", _WARNING, "an unknown order was proved never to have existed", _NONE),
    ("order.unread", _ERROR, "an open order at the venue could not be read", "see it there"),
    ("order.unproven", _ERROR, "an unknown order stays unknown", "find it at the venue, then arm"),
    ("order.resurrected", _ERROR, "an order filled after its end", "compare positions, then arm"),
    ("order.filled", _INFO, "an order was executed, in part or whole", _NONE),
    ("order.overfilled", _ERROR, "more was filled than was ordered", "compare with the venue"),
    ("order.ended", _INFO, "an order left the book: filled, cancelled or expired", _NONE),
    ("order.cancelled", _INFO, "an order was asked to be withdrawn", _NONE),
    (
        "order.cancel_failed",
        _WARNING,
        "a venue did not take a cancellation; it is asked again",
        _NONE,
    ),
    (
        "order.query_failed",
        _WARNING,
        "a venue did not say what became of an order",
        "wait: it asks",
    ),
    (
        "order.foreign",
        _ERROR,
        "the venue told of an order that is not ours",
        "find who trades here",
    ),
    ("fill.foreign", _WARNING, "a fill belongs to no order of ours", "find who trades here"),
    ("account.told", _INFO, "a venue told of an account (debug)", _NONE),
    # feeds and venues
    ("feed.connected", _INFO, "a stream is open", _NONE),
    ("feed.lost", _WARNING, "a stream is gone; it is opened again", "see the venue's status page"),
    ("feed.recovered", _INFO, "a stream is back", _NONE),
    ("feed.stale", _WARNING, "an input is older than a decision may rest on", "see status feeds"),
    ("feed.malformed", _WARNING, "a message could not be read and was dropped", "report it"),
    ("venue.down", _ERROR, "a venue does not answer", "see its status page"),
    ("venue.recovered", _INFO, "a venue answers again", _NONE),
    (
        "venue.held",
        _WARNING,
        "a venue takes no orders: maintenance, a lock, a settlement, or no answer; hedges wait",
        "see its status page; it goes on by itself",
    ),
    (
        "venue.released",
        _INFO,
        "a venue takes orders again; its account is read before any leaves",
        _NONE,
    ),
    (
        "instrument.closed",
        _ERROR,
        "a venue does not trade any more what the book hedges with or holds; it is halted",
        "see the venue's announcements and positions; then arm",
    ),
    (
        "instrument.changed",
        _ERROR,
        "a venue changed the terms of what the book hedges with or holds; it is halted",
        "compare the terms; arm takes a new step or minimum, anything else needs a restart",
    ),
    (
        "instrument.unread",
        _WARNING,
        "a venue did not say whether an instrument is still traded",
        "wait: it is asked again",
    ),
    (
        "key.refused",
        _ERROR,
        "a venue does not take our key: nothing is known of the account, and nothing leaves",
        "see at the venue whether it was revoked or the address changed; then restart",
    ),
    ("switch.armed", _INFO, "the venue takes our resting orders away if we vanish", _NONE),
    (
        "switch.lost",
        _WARNING,
        "the dead-man switch is not armed; nothing may rest until it is",
        "wait: it is armed again; see doctor",
    ),
    (
        "switch.missing",
        _ERROR,
        "the dead-man switch could not be armed for a minute; nothing may rest there",
        "see at the venue what is still open; see doctor",
    ),
    (
        "switch.left",
        _WARNING,
        "the daemon ended and could not disarm: the venue takes away all that rests there",
        "see at the venue what is still open",
    ),
    ("rate.limited", _WARNING, "a venue asks for fewer requests", _NONE),
    (
        "rate.banned",
        _ERROR,
        "a venue shuts this machine out for too many requests; the book is halted",
        "find what asks so often; wait until the ban ends, reconcile, then arm",
    ),
    (
        "smile.lost",
        _WARNING,
        "an expiry has no curve through its marks; its options are hedged as by sticky strike",
        "watch more options of it (smile.points); see its marks",
    ),
    (
        "delta.disagreed",
        _WARNING,
        "a venue's own delta of held options is not Black's by its vol and forward, or stands",
        "compare with the venue's page; what is hedged is ours",
    ),
    ("delta.agreed", _INFO, "a venue's own deltas are ours again", _NONE),
    ("smile.found", _INFO, "an expiry has a curve through its marks again", _NONE),
    # money
    ("funding.paid", _INFO, "funding was booked to an account", _NONE),
    ("position.settled", _INFO, "a session's profit moved into cash", _NONE),
    ("position.delivered", _INFO, "a dated contract ended; its value moved into cash", _NONE),
    ("position.adopted", _WARNING, "an operator declared a position to be the book's", _NONE),
    (
        "position.liquidated",
        _ERROR,
        "a venue closed a position of ours for lack of margin; the underlying halts",
        "see positions and margin, add collateral, then arm",
    ),
    (
        "position.deleveraged",
        _WARNING,
        "a venue cut a position of ours to close a bankrupt one",
        "see positions; hedge elsewhere if it goes on",
    ),
    ("instrument.met", _INFO, "something was booked of an instrument that no setting names", _NONE),
    ("holdings.told", _INFO, "a file told what is held outside the venues", _NONE),
    (
        "holdings.malformed",
        _ERROR,
        "a file of holdings cannot be read; its last word counts until it is too old",
        "mend the file",
    ),
    ("cash.moved", _INFO, "cash of an account moved without a trade", _NONE),
    (
        "margin.warned",
        _WARNING,
        "an account passed a rung of the margin ladder",
        "add the collateral that it names",
    ),
    (
        "margin.critical",
        _ERROR,
        "an account is near its liquidation; its hedge is being bought back",
        "add the collateral that it names at once; then arm",
    ),
    ("margin.recovered", _INFO, "an account is clear of every rung of the ladder", _NONE),
    (
        "margin.disagreed",
        _ERROR,
        "our liquidation price of a position and the venue's lie apart",
        "compare the tiers of the settings with the venue's",
    ),
    (
        "margin.refused",
        _ERROR,
        "what a venue told of an account's margin cannot be true; growth and protection wait",
        "compare with the venue's page",
    ),
    (
        "margin.queued",
        _WARNING,
        "a hedge is near the front of its venue's deleveraging queue",
        "lower its leverage or its profit: close and open anew, or move it",
    ),
    ("margin.unread", _WARNING, "a venue did not say how an account stands", "wait: it asks again"),
    ("limit.reached", _ERROR, "a limit of the whole book was reached", "see guards; then arm"),
    # reconciliation
    ("reconcile.agreed", _INFO, "ledger and venues agree", _NONE),
    ("reconcile.differed", _ERROR, "ledger and venues do not agree", "compare, adopt, then arm"),
    ("adoption.waits", _WARNING, "what is held cannot be adopted yet", "see its reason"),
    (
        "reconcile.unanswered",
        _WARNING,
        "a venue did not say what it holds",
        "wait: it asks again",
    ),
    # people
    ("operator.commanded", _WARNING, "an operator gave an order to the daemon", _NONE),
    ("operator.refused", _WARNING, "a verb on the socket was refused", "check who tried"),
    (
        "kill.engaged",
        _ERROR,
        "everything is stopped and own orders cancelled",
        "arm when it is safe",
    ),
    ("kill.cleared", _WARNING, "an operator armed the book again", _NONE),
    ("control.opened", _INFO, "the control socket answers", _NONE),
    ("control.failed", _ERROR, "an answer on the control socket could not be made", "report it"),
    # storage and alerts
    ("journal.opened", _INFO, "the journal is open for writing", _NONE),
    ("journal.replayed", _INFO, "what the journal knew was read back", _NONE),
    ("journal.pruned", _INFO, "old decisions were taken out of the journal", _NONE),
    (
        "journal.outgrown",
        _WARNING,
        "the journal is above its size, and nothing more of it may go",
        "raise journal.max_mib, or see what fills it",
    ),
    (
        "journal.cramped",
        _ERROR,
        "the disk of the journal is nearly full; no hedge leaves until it has room",
        "make room; it goes on by itself",
    ),
    ("journal.eased", _INFO, "the disk of the journal has room again; hedges leave", _NONE),
    (
        "journal.unreserved",
        _WARNING,
        "no reserve could be set aside on the disk of the journal",
        "make room: once it is full, a start may find none",
    ),
    ("journal.copied", _INFO, "the day's copy of the journal was made, and is whole", _NONE),
    (
        "journal.uncopied",
        _ERROR,
        "the day's copy of the journal could not be made; hedging goes on, it is tried each hour",
        "read why; make one elsewhere: journal backup FILE",
    ),
    ("journal.checked", _INFO, "every page and entry of the journal is as it was written", _NONE),
    (
        "journal.unchecked",
        _ERROR,
        "the journal could not be looked at; hedging goes on, it is tried each hour",
        "read why; see journal check",
    ),
    (
        "journal.damaged",
        _ERROR,
        "the journal is not what was written, and no start may be made of it; book and starts halt",
        "journal check; stop, restore the youngest copy that is whole, compare, then arm",
    ),
    (
        "journal.unmarked",
        _ERROR,
        "the journal is damaged, and no mark could be left that halts the next start",
        "do not start again before a copy that is whole was restored",
    ),
    ("journal.failed", _ERROR, "the journal cannot be written; trading stops", "mend the disk"),
    (
        "flight.failed",
        _ERROR,
        "the flight recorder stopped; trading goes on, but its events cannot be verified later",
        "mend the disk; a restart records again",
    ),
    ("lease.acquired", _INFO, "this host leads the pair", _NONE),
    ("lease.lost", _ERROR, "this host no longer leads; it sends nothing", "see the other host"),
    ("alert.sent", _INFO, "an alert left the program", _NONE),
    ("alert.failed", _ERROR, "an alert could not be passed on", "mend the channel"),
    ("alert.unlisted", _ERROR, "an alert carried a name that this list lacks", "report it"),
    # demo and replay
    ("demo.started", _INFO, "a seeded world began", _NONE),
    ("demo.finished", _INFO, "a seeded world ended", _NONE),
    ("replay.started", _INFO, "recorded markets are being replayed", _NONE),
    (
        "replay.proxied",
        _WARNING,
        "a missing series is replaced by a named other",
        "judge the proxy",
    ),
    ("replay.finished", _INFO, "a replay ended", _NONE),
)

EVENTS: Mapping[str, LogEvent] = {row[0]: LogEvent(*row) for row in _ROWS}


def known(name: str) -> str:
    """Return the name when it is on the list.

    Raises:
        Defect: It is not; whoever logs it adds it here first.
    """
    if name not in EVENTS:
        raise Defect(f"log event: must be on the closed list in rebalancer.ops.events, was {name}")
    return name
