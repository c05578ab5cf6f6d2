"""A book that waits for its venues: what stops it is kept, what only a book knows is refused."""

import pytest

from rebalancer.core.events import Verb
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.standing import agreed
from rebalancer.core.state import State
from rebalancer.errors import DataError, PermissionRefused, Unavailable
from rebalancer.ops.health import livez, readyz
from rebalancer.ops.metrics import exposition
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import MarketClock, run_market
from rebalancer.runtime.latching import LATCH, restore
from rebalancer.runtime.unbegun import HEARD, Awaited, Place, Unbegun
from rebalancer.storage.memory import MemoryJournal
from tests.runtime.stage import Lines
from tests.scenarios import desk as desks

OUT = Awaited("deribit", "deribit did not answer its markets: NotAnswered", 32, 4.0)


class Start:
    """A start that waits."""

    def __init__(self, journal=None, hide=str):
        self.clock, self.log, self.failed = MarketClock(desks.START), Lines(), []
        self.journal = MemoryJournal() if journal is None else journal
        place = ("desk", "live", ("BTC",), self.clock, self.journal, self.log)
        self.own = Unbegun(Place(*place, hide, self.failed.append), lambda: [OUT], tuple)

    def ask(self, *verbs):
        """Give orders."""
        for verb in verbs:
            self.own.operate(Verb(verb), f"{verb} it", "1000", False)

    def begun(self):
        """Return the state of the book that begins with this journal, once it is reconciled."""
        state = State(desks.INSTRUMENTS, desks.PARAMS, desks.START)
        restore(state.standing, self.journal)
        agreed(state.standing)
        return state


@pytest.mark.parametrize(
    ("verbs", "mode", "killed"),
    [
        (["kill"], TradingState.HALTED, True),
        (["kill", "pause"], TradingState.HALTED, True),
        (["pause"], TradingState.PAUSED, False),
        (["reduce", "pause"], TradingState.PAUSED, False),
        (["pause", "resume"], TradingState.ACTIVE, False),
    ],
    ids=["kill", "kill, pause", "pause", "reduce, pause", "pause, resume"],
)
def test_heard(verbs, mode, killed):
    """What stops the book holds when it begins, for its own reason, and is told while it waits."""
    start = Start()
    start.ask(*verbs)

    assert (mode, killed) == (start.begun().mode, start.begun().killed)
    told = "starting" if mode is TradingState.ACTIVE else str(mode)
    assert told == start.own.status()["state"]
    assert {"1000"} == {each.payload["who"] for each in start.journal.read(LATCH)}
    assert ("kill.engaged" in start.log.events()) is killed


def test_what_a_kill_leaves():
    """Whoever kills it is told that nothing at the venues was withdrawn, and how to do that."""
    start = Start()
    assert "panic CONFIG" in start.own.operate(Verb.KILL, "x", "1000", False)["left"]
    assert "left" not in start.own.operate(Verb.PAUSE, "x", "1000", False)


def test_a_secret_in_a_reason():
    """A secret that somebody pastes is neither kept nor told."""
    start = Start(hide=lambda words: words.replace("canary", "***"))
    start.own.operate(Verb.KILL, "pasted canary by mistake", "1000", False)
    everything = (*start.journal.read(), start.own.status(), *start.log.said)

    assert "pasted *** by mistake" == start.begun().mode_reason
    assert "canary" not in str(everything)


class Full(MemoryJournal):
    """A journal whose disk is full."""

    def append(self, entry):
        raise DataError("disk is full")


def test_nothing_can_be_kept():
    """What stops a book and cannot be kept ends the start: it would not hold."""
    start = Start(Full())
    with pytest.raises(DataError, match="disk is full"):
        start.ask("kill")
    assert ["disk is full"] == [str(each) for each in start.failed]


def test_pause_all():
    """A pause of everything holds protecting orders of the book that begins, too."""
    start = Start()
    start.own.operate(Verb.PAUSE, "x", "1000", True)
    assert start.begun().sealed


def test_halted_stays():
    """A halt is not lifted by waiting: neither an order nor another halt takes its place."""
    start = Start()
    start.own.halt("banned")
    start.own.halt("banned again")
    for verb in ("resume", "reduce"):
        with pytest.raises(PermissionRefused, match=r"halted \(banned\); arm it once it has begun"):
            start.ask(verb)
    assert "banned" == start.begun().mode_reason
    assert ["book: banned"] == start.own.status()["latches"]
    assert 1 == len(list(start.journal.read(LATCH)))


@pytest.mark.parametrize("verb", [each for each in Verb if each not in HEARD])
def test_needs_a_book(verb):
    """An order that needs a book is refused, with what is waited for, and leaves no trace."""
    start = Start()
    must = f"{verb}: the book has not begun, it waits for deribit, 32 s: deribit did not answer"
    with pytest.raises(Unavailable, match=must):
        start.ask(verb)
    assert not list(start.journal.read(LATCH))


@pytest.mark.parametrize(
    "ask",
    [
        lambda own: own.positions(),
        lambda own: own.orders(),
        lambda own: own.accounts(),
        lambda own: own.guards(),
        lambda own: own.bands(),
        lambda own: own.stress(),
        lambda own: own.history("BTC"),
        lambda own: own.preview({"BTC.target": "1"}),
        lambda own: own.tune({"BTC.target": "1"}, {}, "x", ("1000", "y")),
    ],
)
def test_nobody_knows(ask):
    """What only a book knows is refused, and no empty list passes for a flat book."""
    with pytest.raises(Unavailable, match="the book has not begun"):
        ask(Start().own)


def test_told():
    """Status, probes and metrics say that it waits, for whom and why."""
    start = Start()
    told = start.own.status()
    assert {"deribit": {"why": OUT.why, "seconds": 32, "again_in": 4.0}} == told["awaited"]
    assert f"waits for deribit, 32 s: {OUT.why}" == told["state_reason"] == start.own.beat()["why"]
    assert livez(start.own).ok
    must = "state_not_ready state=starting must=active|standby"
    reasons = (must, "venue_unreached venue=deribit age_seconds=32.0", "never_reconciled")
    assert reasons == readyz(start.own).reasons
    assert b'rebalancer_state{state="starting"} 1.0' in exposition(start.own)


def test_stuck():
    """A start whose loop no longer turns does not count as alive."""
    start = Start()

    async def main():
        await start.clock.sleep(6 * SECOND)

    run_market(start.clock, main())
    assert not livez(start.own).ok
    start.own.turn()
    assert livez(start.own).ok
