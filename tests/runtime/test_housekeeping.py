"""Housekeeping: once a day, at a quiet hour, while nothing is on its way."""

import pytest

from rebalancer.errors import DataError
from rebalancer.ports import SECOND, Entry, Retention
from rebalancer.runtime.clock import MarketClock
from rebalancer.runtime.housekeeping import FORGOTTEN, MOST, Housekeeping
from rebalancer.storage.audit import audit
from rebalancer.storage.memory import MemoryJournal
from rebalancer.storage.sqlite import open_journal
from rebalancer.wiring.recovered import recover
from tests.runtime.stage import Lines, Stage, market, play
from tests.runtime.test_recovered import ACCOUNTS

HOUR = 3_600 * SECOND
DAY = 24 * HOUR
RETENTION = Retention(FORGOTTEN, 30 * DAY, 10**9)


class Counted(MemoryJournal):
    """A journal that has so many entries to let go."""

    def __init__(self, left, *, full=False):
        super().__init__()
        self.left, self.full, self.looks = left, full, []

    def prune(self, retention, now, most):
        self.looks.append(now)
        gone = min(self.left, most)
        self.left -= gone
        return gone

    def crowded(self, retention):
        return self.full


def house(journal, clock, busy=lambda: False):
    """Return the housekeeping of a journal, and what it said."""
    log = Lines()
    return Housekeeping(journal, RETENTION, busy, clock, log), log


def test_some_at_a_time_until_nothing_is_left():
    """Each look lets some go; once nothing is left the day is over."""
    journal, clock = Counted(500), MarketClock(0)
    keeps, log = house(journal, clock)
    for _ in range(10):
        keeps.look()

    assert 0 == journal.left
    assert 4 == len(journal.looks)
    assert [{"entries": MOST}, {"entries": MOST}, {"entries": 100}] == [
        facts for _, event, facts in log.said if event == "journal.pruned"
    ]


def test_not_while_an_order_is_open():
    """While an order is on its way nothing is pruned."""
    journal, busy = Counted(10), [True]
    keeps, _ = house(journal, MarketClock(0), lambda: busy[0])
    keeps.look()
    assert [] == journal.looks
    busy[0] = False
    keeps.look()
    assert 0 == journal.left


def test_outgrown():
    """A journal above its size of which nothing may go is said to be, once a day."""
    journal = Counted(0, full=True)
    keeps, log = house(journal, MarketClock(0))
    for _ in range(3):
        keeps.look()

    assert ["journal.outgrown"] == log.events()


def test_the_hours():
    """A daemon looks at three o'clock; where nothing is to go it looks no more that day."""
    journal = Counted(0)

    async def story(stage):
        stage.journal = journal
        parts = stage.daemon._parts
        parts = type(parts)(
            **{name: getattr(parts, name) for name in parts.__slots__}
            | {"journal": journal, "retention": RETENTION}
        )
        stage.daemon._parts = parts
        stage.daemon._keep_house()
        await stage.settle(3 * DAY)
        parts.scheduler.close()

    play(story)

    assert 3 == len(journal.looks)
    assert {3} == {ts // HOUR % 24 for ts in journal.looks}


def test_a_journal_that_fails_stops_the_daemon():
    """A disk that refuses to prune is a disk that refuses."""

    class Broken(Counted):
        def prune(self, retention, now, most):
            raise DataError("disk")

    keeps, _ = house(Broken(0), MarketClock(0))
    with pytest.raises(DataError):
        keeps.look()


async def hedge(stage: Stage) -> None:
    """Let a book hedge a few times."""
    stage.tasks.spawn("engine", stage.engine.run())
    for event in market()(stage.clock.now()):
        stage.inbox.put(event)
    stage.activate()
    for price in range(5):
        for event in market(100_000 + 100 * price)(stage.clock.now()):
            stage.inbox.put(event)
        await stage.settle(10 * SECOND)


def test_a_start_after_it_knows_the_same(tmp_path):
    """What a restart is made of is the same when all that may go is gone."""
    stage = play(hedge)
    journal = open_journal(tmp_path / "state" / "journal.sqlite")
    for each in stage.journal.read():
        journal.append(each)
    journal.append(Entry(0, stage.clock.now(), "latch", "desk", {"mode": "active"}))
    before = recover(journal, ACCOUNTS)
    kinds = {each.kind for each in journal.read()}
    gone = journal.prune(RETENTION, stage.clock.now() + 40 * DAY, 10**6)
    after = recover(journal, ACCOUNTS)
    left = {each.kind for each in journal.read()}
    journal.close()

    assert gone >= 2
    assert before == after
    assert before.bookings
    assert before.submits
    assert left == (kinds - set(FORGOTTEN)) | {"pruned"}
    assert gone == audit(tmp_path / "state" / "journal.sqlite").pruned
