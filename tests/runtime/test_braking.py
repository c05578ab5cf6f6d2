"""The brake: who pulls it outside kills the book within a second, and keeps it so."""

import pytest

from rebalancer.core.events import Verb
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.state import State
from rebalancer.errors import PermissionRefused
from rebalancer.ports import SECOND
from rebalancer.runtime.status import BookStatus
from rebalancer.settings import load, resolve, to_params
from rebalancer.storage.memory import MemoryJournal
from rebalancer.wiring import Surrounding
from rebalancer.wiring.beginning import begin
from tests.conftest import ROOT
from tests.runtime.stage import Lever, Lines, market, play
from tests.scenarios.desk import START

WHY = "kill file: wrong account"


def run(story):
    """Play a story beside a daemon that hedges; end it in order."""

    async def wrapped(stage):
        stage.status = BookStatus(
            stage.engine, stage.inbox, stage.clock, stage.journal, "paper", {}
        )
        stage.tasks.spawn("daemon", stage.daemon.run())
        for event in market()(stage.clock.now()):
            stage.inbox.put(event)
        await stage.settle(3 * SECOND)
        await story(stage)
        stage.stop.ask()
        await stage.settle(SECOND)

    return play(wrapped)


def test_kills_and_stays():
    """A pulled brake kills once; let go again it leaves the book killed; arming ends that."""

    async def story(stage):
        stage.brake.why = WHY
        await stage.settle(5 * SECOND)
        stage.seen = [(stage.state.killed, stage.state.mode_reason)]
        stage.brake.why = None
        await stage.settle(5 * SECOND)
        stage.seen += [(stage.state.killed, stage.state.mode_reason)]
        stage.status.operate(Verb.ARM, "looked", "1000", everything=False)
        await stage.settle(5 * SECOND)
        stage.seen += [(stage.state.killed, stage.state.mode_reason)]

    stage = run(story)
    told = [e.payload for e in stage.journal.read("event") if e.payload.get("verb") == "kill"]

    assert [(True, WHY), (True, WHY), (False, "looked")] == stage.seen
    assert [("kill file", WHY)] == [(each["who"], each["reason"]) for each in told]


@pytest.mark.parametrize("verb", [Verb.ARM, Verb.ADOPT])
def test_nobody_arms_under_it(verb):
    """While it is pulled nobody arms, whatever the way; what is asked otherwise passes."""

    async def story(stage):
        stage.brake.why = WHY
        await stage.settle(2 * SECOND)
        with pytest.raises(PermissionRefused, match="wrong account"):
            stage.status.operate(verb, "looked", "1000", everything=False)
        stage.status.operate(Verb.RECONCILE, "", "1000", everything=False)
        await stage.settle(2 * SECOND)

    assert run(story).state.killed


def test_begins_halted():
    """A start under a pulled brake is killed, and so is the next one, when it is let go."""
    settings = load(ROOT / "config" / "demo.toml")
    instruments, journal, brake = resolve(settings), MemoryJournal(), Lever()
    seen = []
    for why in (None, WHY, None):
        brake.why = why
        params = to_params(settings, 1, instruments, SECOND)
        state = State(instruments, params, START)
        around = Surrounding(Fixed(), journal, Lines(), lambda *_: None, "paper", brake=brake)
        begin(state, settings, dict.fromkeys(instruments, 1), around)
        seen.append((state.killed, state.mode is TradingState.HALTED, state.mode_reason))

    assert [(False, False, "starting"), (True, True, WHY), (True, True, WHY)] == seen


class Fixed:
    """A clock that stands still."""

    def now(self):
        return START
