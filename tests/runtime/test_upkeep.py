"""Upkeep: a copy a day, a look a week, one at a time; a journal that is damaged halts the book."""

import asyncio

import pytest

from rebalancer.core.commands import Severity
from rebalancer.core.events import AccountRead
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.errors import DataError
from rebalancer.ports import SECOND, Errand, Outcome
from rebalancer.runtime.upkeep import CHECKED, Care, Upkeep
from tests.runtime.stage import VENUE, market, play
from tests.runtime.test_room import LEAST, MIB, Premises

HOUR = 3_600 * SECOND
DAY = 24 * HOUR
DONE = Errand(Outcome.DONE, "9 entries")
FAILED = Errand(Outcome.FAILED, "no room")
DAMAGED = Errand(Outcome.DAMAGED, "entry 4: was altered")


class Errands(Premises):
    """A caretaker whose errands end as a test says, at once or never."""

    def __init__(self, copies=(), checks=(), *, hangs=False):
        super().__init__(10_000, 40_960)
        self.copies, self.checks, self.hangs = list(copies), list(checks), hangs
        self.made, self.log, self.given_up = [], [], asyncio.Event()

    def copied(self, day):
        return day in self.made

    async def copy(self, day, keep, spare):
        self.log.append(("copy", day, keep, spare // MIB))
        if self.hangs:
            await self.given_up.wait()
            return FAILED
        told = self.copies.pop(0) if self.copies else DONE
        if told is DONE:
            self.made.append(day)
        return told

    async def check(self):
        self.log.append(("check",))
        return self.checks.pop(0) if self.checks else DONE

    def give_up(self):
        self.given_up.set()


def live(errands, length, *, copies=7, checks=True, before=None):
    """Let a daemon run so long; return its stage."""

    async def story(stage):
        parts = stage.daemon._parts
        told = {name: getattr(parts, name) for name in parts.__slots__}
        care = Care(errands, LEAST, copies, checks)
        stage.daemon._parts = type(parts)(**told | {"care": care, "tick": 600 * SECOND})
        if before is not None:
            before(stage)
        stage.daemon._keep_up()
        stage.tasks.spawn("engine", stage.engine.run())
        stage.activate()
        await stage.settle(length)
        stage.scheduler.close()

    return play(story)


def verbs(errands):
    """Return what was done, in order."""
    return [told[0] for told in errands.log]


def alerts(stage):
    """Return what was told of the journal, in order."""
    return [each.event for each in stage.alerts.sent if each.event.startswith("journal.")]


def test_a_week():
    """Each day has its copy, and the journal is looked at on the first day and after a week."""
    errands = Errands()
    stage = live(errands, 8 * DAY)

    days = [f"2026-{day}" for day in ("01-30", "01-31", *(f"02-0{n}" for n in range(1, 8)))]
    assert days == errands.made
    assert [("copy", day, 7, 1_024) for day in days] == [
        each for each in errands.log if each[0] == "copy"
    ]
    assert ["copy", "check", *["copy"] * 7, "check"] == verbs(errands)[:10]
    assert int(stage.journal.get_meta(CHECKED)) > stage.clock.now() - 2 * DAY
    assert ["journal.copied", "journal.checked"] == alerts(stage)[:2]


@pytest.mark.parametrize(
    ("copies", "checks", "done"),
    [(0, True, ["check"]), (7, False, ["copy", "copy"]), (0, False, [])],
)
def test_off(copies, checks, done):
    """What the settings do not want is not done."""
    errands = Errands()
    live(errands, DAY, copies=copies, checks=checks)

    assert done == verbs(errands)


def test_a_restart():
    """A start knows what was done before it."""
    errands = Errands()
    errands.made.append("2026-01-30")

    def before(stage):
        stage.journal.put_meta(CHECKED, str(stage.clock.now()))

    live(errands, HOUR, before=before)

    assert [] == errands.log


@pytest.mark.parametrize(("ahead", "done"), [(0, []), (366 * DAY, ["check"] * 2)])
def test_found_whole_at_a_time_to_come(ahead, done):
    """A clock that was wrong does not put the next look off: that counts as never."""
    errands = Errands(checks=[FAILED])

    def before(stage):
        stage.journal.put_meta(CHECKED, str(stage.clock.now() + ahead))

    live(errands, 2 * HOUR, copies=0, before=before)

    assert done == verbs(errands)


def test_a_copy_that_fails():
    """It is tried each hour and told once a day; nothing is halted."""
    errands = Errands([FAILED] * 30)
    stage = live(errands, 20 * HOUR, checks=False)
    told = [each for each in stage.alerts.sent if each.event == "journal.uncopied"]

    assert 20 == len(errands.log)
    assert [(Severity.ERROR, "no room")] * 2 == [(each.severity, each.text) for each in told]
    assert TradingState.ACTIVE is stage.state.mode


def test_a_check_that_fails():
    """What could not be looked at proves nothing; it is looked at again."""
    errands = Errands(checks=[FAILED])
    stage = live(errands, 3 * HOUR, copies=0)

    assert ["check", "check"] == verbs(errands)
    assert ["journal.unchecked", "journal.checked"] == alerts(stage)
    assert TradingState.ACTIVE is stage.state.mode


def test_what_nobody_may_look_at():
    """A disk that refuses to be looked at is told, and ends nothing."""
    errands = Errands()

    async def refuse(*_asked):
        raise PermissionError(13, "Permission denied")

    errands.copy = errands.check = refuse
    stage = live(errands, 2 * HOUR)

    assert ["journal.uncopied", "journal.unchecked"] == alerts(stage)
    assert TradingState.ACTIVE is stage.state.mode
    assert stage.stop.cause is None


@pytest.mark.parametrize("told", ["soon", DataError("page 7")])
def test_nobody_can_tell_when(told):
    """A journal that cannot say when it was found whole is looked at, not trusted."""
    errands = Errands()

    def before(stage):
        def get_meta(key):
            if isinstance(told, str):
                return told
            raise told

        stage.journal.get_meta = get_meta

    stage = live(errands, HOUR, copies=0, before=before)

    assert ["check"] == verbs(errands)
    assert stage.stop.cause is None


def test_damage():
    """A journal that is damaged halts the book for good, and says so until somebody has seen it."""
    errands = Errands(checks=[DAMAGED] * 9)
    stage = live(errands, 2 * HOUR, copies=0)
    *_, latch = stage.journal.read("latch", "desk")

    assert TradingState.HALTED is stage.state.mode
    assert "the journal is damaged: entry 4: was altered" == stage.state.mode_reason
    assert TradingState.HALTED == latch.payload["mode"]  # the next start begins with it
    assert ["journal.damaged"] * 2 == alerts(stage)
    assert stage.journal.get_meta(CHECKED) is None
    assert "entry 4: was altered" == errands.word


def test_damage_where_the_halt_cannot_be_written():
    """The mark is there before the halt is tried: that may meet the bad page."""
    errands = Errands(checks=[DAMAGED])

    def before(stage):
        append = stage.journal.append

        def refuse(entry):
            if entry.key == "JournalDamaged":
                raise DataError("page 7")
            append(entry)

        stage.journal.append = refuse

    stage = live(errands, HOUR, copies=0, before=before)

    assert isinstance(stage.stop.cause, DataError)
    assert "entry 4: was altered" == errands.word


def test_no_mark_could_be_left():
    """A person hears, once a day, that the next start would not know."""
    errands = Errands(checks=[DAMAGED] * 9)
    errands.marks = False
    stage = live(errands, 3 * HOUR, copies=0)

    assert 1 == alerts(stage).count("journal.unmarked")
    assert TradingState.HALTED is stage.state.mode


@pytest.mark.parametrize("checks", [True, False])
def test_what_is_marked(checks):
    """It is looked at each hour, whatever the settings say, until it is found whole."""
    errands = Errands(checks=[FAILED, DAMAGED])
    errands.word = "entry 3"
    stage = live(errands, 6 * HOUR, copies=0, checks=checks)

    assert ["check"] * 3 == verbs(errands)
    assert errands.word is None
    assert TradingState.HALTED is stage.state.mode  # who has not armed has not seen it


def test_a_copy_that_is_damaged():
    """It may be the copy alone: the journal is looked at, and the book goes on if that is whole."""
    errands = Errands([DAMAGED])
    stage = live(errands, HOUR, checks=False)

    assert ["copy", "check"] == verbs(errands)
    assert ["journal.uncopied", "journal.checked"] == alerts(stage)
    assert TradingState.ACTIVE is stage.state.mode


def test_one_that_never_ends():
    """It is given up before the next hour, which tries again; meanwhile the book hedges."""
    errands = Errands(hangs=True)

    def before(stage):
        def gap():
            now = stage.clock.now()
            for event in (AccountRead(now, now, VENUE), *market()(now)):
                stage.inbox.put(event)

        stage.clock.call_at(stage.clock.now() + HOUR, gap)

    stage = live(errands, 2 * HOUR, checks=False, before=before)

    assert ["copy", "copy"] == verbs(errands)
    assert ["journal.uncopied"] == alerts(stage)
    assert 1 == len(stage.venue.submitted)


def test_a_disk_that_fails_meanwhile():
    """That it was whole is written down like all else: a disk that refuses ends the daemon."""

    def before(stage):
        def refuse(key, value):
            raise DataError("disk")

        stage.journal.put_meta = refuse

    stage = live(Errands(), HOUR, before=before)

    assert isinstance(stage.stop.cause, DataError)


def test_one_at_a_time():
    """While an errand is on its way no second one is begun."""
    errands = Errands(hangs=True)

    async def story(stage):
        care = Care(errands, LEAST, 7)
        told = (stage.journal, stage.inbox.put, stage.clock, stage.tasks, stage.alerts)
        upkeep = Upkeep(care, *told)
        for _ in range(3):
            upkeep.look()
            await stage.settle()

    play(story)

    assert ["copy"] == verbs(errands)
