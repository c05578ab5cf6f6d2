"""Room for the journal: looked at from the start on, told when it changes, with a gap between."""

import pytest

from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.journal import RoomTold
from rebalancer.ports import SECOND, Errand, LeastRoom, Outcome, Room
from rebalancer.runtime.clock import MarketClock
from rebalancer.runtime.room import RoomWatch
from rebalancer.runtime.status import BookStatus
from rebalancer.runtime.upkeep import Care
from tests.runtime.stage import Lines, market, play

MIB = 2**20
LEAST = LeastRoom(256 * MIB, 0.05, 1024 * MIB)


class Premises:
    """A caretaker of a disk that has so much room, and perhaps none for a reserve."""

    def __init__(self, free, total=4096, *, reserves=True):
        self.free, self.total, self.reserves = free, total, reserves
        self.asked = self.ended = 0
        self.word, self.marks = None, True

    def room(self):
        return Room(self.free * MIB, self.total * MIB)

    def reserve(self):
        self.asked += 1
        return self.reserves

    def copied(self, day):
        return True

    async def check(self):
        return Errand(Outcome.DONE, "whole")

    def mark(self, what):
        self.word = what if self.marks else self.word
        return self.marks

    def marked(self):
        return self.word

    def unmark(self):
        self.word = None

    def give_up(self):
        self.ended += 1


@pytest.mark.parametrize(
    ("total", "least"),
    [
        (100, 256),  # a small disk still has to have room
        (5_120, 256),
        (10_240, 512),  # a twentieth …
        (20_480, 1_024),
        (2_097_152, 1_024),  # … of 2 TiB would be 100 GiB
    ],
)
def test_least(total, least):
    """The larger of a floor and a share of the disk, and the share has a ceiling."""
    assert least * MIB == LEAST.of(total * MIB)


def test_the_gap():
    """It is told once when it begins and once when it is over, a quarter above the least."""
    premises, told = Premises(300), []
    watch = RoomWatch(premises, LEAST, told.append, MarketClock(7), Lines())
    watch.begin()
    for free in (256, 255, 200, 256, 319, 320, 256, 300):
        premises.free = free
        watch.look()

    assert [
        RoomTold(7, 255 * MIB, 256 * MIB, True),
        RoomTold(7, 320 * MIB, 256 * MIB, False),
    ] == told


def test_a_copy_on_its_way():
    """It is given up where it would take the room that a hedge needs, once for each time."""
    premises, ended = Premises(300), []
    watch = RoomWatch(premises, LEAST, [].append, MarketClock(7), Lines())
    watch.begin()
    for free in (256, 255, 200, 400, 255):
        premises.free = free
        watch.look()
        ended.append(premises.ended)

    assert [0, 1, 1, 1, 2] == ended


@pytest.mark.parametrize(("free", "asked"), [(300, 1), (200, 0)])
def test_the_reserve(free, asked):
    """It is set aside at the start if there is room, else once there is; a failure is said."""
    premises, log = Premises(free, reserves=False), Lines()
    watch = RoomWatch(premises, LEAST, [].append, MarketClock(0), log)
    watch.begin()
    assert asked == premises.asked
    for later in (200, 400, 400):
        premises.free = later
        watch.look()

    assert asked + 1 == premises.asked
    assert ["journal.unreserved"] * (asked + 1) == log.events()


def cared(stage, premises):
    """Let somebody look after the journal of a stage."""
    parts = stage.daemon._parts
    told = {name: getattr(parts, name) for name in parts.__slots__}
    stage.daemon._parts = type(parts)(**told | {"care": Care(premises, LEAST)})


def test_from_the_start_on():
    """A book that starts where there is no room hedges nothing until there is."""
    premises, orders, held = Premises(200), [], []

    async def story(stage):
        cared(stage, premises)
        stage.tasks.spawn("daemon", stage.daemon.run())
        await stage.settle(10 * SECOND)
        orders.append(len(stage.venue.submitted))
        orders.append(stage.state.mode)
        told = (stage.engine, stage.inbox, stage.clock, stage.journal, "paper", {})
        status = BookStatus(*told)
        held.append(status.status()["held"])
        premises.free = 400
        await stage.settle(10 * SECOND)
        held.append(status.status()["held"])
        orders.append(len(stage.venue.submitted))
        stage.stop.ask()
        await stage.settle(60 * SECOND)

    stage = play(story, [(SECOND // 2, market())] * 60)

    assert [0, TradingState.PAUSED, 1] == orders
    assert [{"journal": "too little room on its disk"}, {}] == held
    told = [each.payload["short"] for each in stage.journal.read("event", "RoomTold")]
    assert [True, False] == told
    assert ["journal.cramped", "journal.eased"] == [
        each.event for each in stage.alerts.sent if each.event.startswith("journal.")
    ]
