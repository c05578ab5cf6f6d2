"""Where a book stands when its start, its operator and its halts disagree."""

import pytest

from rebalancer.core import standing
from rebalancer.core.events import Operator, Verb
from rebalancer.core.guards.trading_state import TradingState as T
from rebalancer.core.standing import Standing


def told(*news):
    """Return where a book stands after states, verbs and reconciliations ("agreed" or not)."""
    book = Standing()
    for each in news:
        match each:
            case T():
                standing.move(book, each, "moved")
            case Verb():
                standing.operate(book, Operator(1, each, "asked", "1000"))
            case "agreed":
                standing.agreed(book)
            case _:
                standing.differed(book, each)
    return book


@pytest.mark.parametrize(
    ("news", "mode", "reason"),
    [
        ([], T.STARTING, "starting"),
        ([T.RECONCILING], T.RECONCILING, "moved"),
        ([T.RECONCILING, "agreed"], T.ACTIVE, "reconciled"),
        (["agreed"], T.ACTIVE, "reconciled"),
        (["agreed", T.STANDBY, "agreed"], T.STANDBY, "moved"),  # agreeing ends only a start
        (["agreed", Verb.PAUSE], T.PAUSED, "asked"),
        (["agreed", Verb.PAUSE, Verb.RESUME], T.ACTIVE, "asked"),
        (["agreed", Verb.REDUCE], T.REDUCING, "asked"),
        (["agreed", Verb.PAUSE, Verb.REDUCE], T.REDUCING, "asked"),
        (["agreed", T.PAUSED], T.PAUSED, "moved"),  # restored
        (["agreed", T.PAUSED, "agreed"], T.PAUSED, "moved"),
        ([Verb.PAUSE, Verb.RESUME], T.STARTING, "asked"),
        ([Verb.PAUSE, "agreed"], T.PAUSED, "reconciled"),
        ([Verb.REDUCE, T.RECONCILING], T.RECONCILING, "moved"),
        (["agreed", Verb.KILL], T.HALTED, "asked"),
        (["agreed", Verb.KILL, Verb.RESUME], T.HALTED, "asked"),
        (["agreed", Verb.KILL, Verb.ARM], T.ACTIVE, "asked"),
        (["agreed", Verb.KILL, Verb.PAUSE], T.HALTED, "asked"),
        (["agreed", Verb.KILL, Verb.PAUSE, Verb.ARM], T.PAUSED, "asked"),  # heard while halted
        (["agreed", Verb.PAUSE, Verb.KILL, Verb.ARM], T.PAUSED, "asked"),  # arm lifts no pause
        (["agreed", Verb.PAUSE, Verb.KILL, Verb.ARM, Verb.RESUME], T.ACTIVE, "asked"),
        (["agreed", Verb.REDUCE, Verb.KILL, Verb.ARM], T.REDUCING, "asked"),
        (["agreed", "one lot", Verb.PAUSE], T.HALTED, "one lot"),
        ([Verb.KILL, Verb.ARM], T.STARTING, "asked"),
        ([Verb.KILL, "agreed"], T.HALTED, "asked"),
        (["agreed", T.HALTED, T.ACTIVE], T.HALTED, "moved"),
        (["agreed", T.HALTED, T.DRAINING], T.HALTED, "moved"),
        (["agreed", "one lot"], T.HALTED, "one lot"),
        (["agreed", "one lot", "agreed"], T.HALTED, "one lot"),
        (["agreed", "one lot", Verb.ARM], T.RECONCILING, "asked"),
        (["agreed", "one lot", Verb.ARM, "agreed"], T.ACTIVE, "reconciled"),
        (["one lot", Verb.ARM], T.STARTING, "asked"),
        (["agreed", T.DRAINING], T.DRAINING, "moved"),
    ],
)
def test_mode(news, mode, reason):
    """The strictest of start, operator and latch holds, and says why."""
    book = told(*news)

    assert (mode, reason) == (book.mode, book.reason)


@pytest.mark.parametrize(
    ("verbs", "killed", "sealed"),
    [
        ([], False, False),
        ([(Verb.PAUSE, False)], False, False),
        ([(Verb.PAUSE, True)], False, True),
        ([(Verb.PAUSE, True), (Verb.PAUSE, False)], False, True),  # what stops more stays
        ([(Verb.PAUSE, True), (Verb.RESUME, False)], False, False),
        ([(Verb.PAUSE, True), (Verb.REDUCE, False)], False, False),
        ([(Verb.PAUSE, True), (Verb.ARM, False)], False, True),
        ([(Verb.PAUSE, True), (Verb.ARM, False), (Verb.RESUME, False)], False, False),
        ([(Verb.KILL, False)], True, False),
        ([(Verb.KILL, False), (Verb.PAUSE, True)], True, True),
        ([(Verb.KILL, False), (Verb.RESUME, False)], True, False),
        ([(Verb.KILL, False), (Verb.ARM, False)], False, False),
        ([(Verb.KILL, False), (Verb.PAUSE, True), (Verb.ARM, False)], False, True),
    ],
)
def test_kill_and_seal(verbs, killed, sealed):
    """Only arming takes back a kill; what lets a book go on breaks a seal, a pause does not."""
    book = Standing()
    for verb, everything in verbs:
        standing.operate(book, Operator(1, verb, "asked", "1000", everything))

    assert (killed, sealed) == (book.killed, book.sealed)


@pytest.mark.parametrize(
    ("news", "mode"),
    [
        (["agreed"], T.RECONCILING),
        ([], T.STARTING),  # nothing passes as it is
        (["agreed", T.STANDBY], T.STANDBY),
        (["agreed", Verb.KILL], T.HALTED),
    ],
)
def test_doubted(news, mode):
    """A doubt lets nothing pass until a reconciliation agrees, and lifts nothing."""
    book = told(*news)
    standing.doubted(book)

    assert mode is book.mode


def test_halted_underlying():
    """A halt of one underlying is its own until it is armed."""
    book = told("agreed")
    book.halted["BTC"] = "unproven"

    assert (T.HALTED, T.ACTIVE) == (book.mode_of("BTC"), book.mode_of("ETH"))
    standing.operate(book, Operator(1, Verb.RESUME, "asked", "1000"))
    assert T.HALTED is book.mode_of("BTC")
    standing.operate(book, Operator(1, Verb.ARM, "asked", "1000"))
    assert T.ACTIVE is book.mode_of("BTC")
