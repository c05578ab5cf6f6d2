"""Several sockets of one venue: lost with the first that is, back with the last."""

import pytest

from rebalancer.core.events import FeedStatus
from rebalancer.venues.chorus import Chorus, beside, together

VENUE = "okx"


class Told:
    """A feed that tells what a test has it tell."""

    def __init__(self, *alive):
        self.alive = alive

    async def run(self, deliver):
        """Say whether it is alive, word by word."""
        for ts, alive in self.alive:
            deliver(FeedStatus(ts, VENUE, alive=alive))


class Tasks:
    """Runs what is spawned later, in order."""

    def __init__(self):
        self.waiting = []

    def spawn(self, _name, work):
        """Keep work."""
        self.waiting.append(work)


async def heard(*feeds):
    """Return what a chorus says; the first feed speaks first."""
    tasks, said = Tasks(), []
    await together(VENUE, feeds, tasks).run(said.append)
    for work in tasks.waiting:
        await work
    return [(each.ts_local, each.alive) for each in said]


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ([(1, False), (2, True)], [], [(1, False), (2, True)]),
        ([(1, False)], [(2, False), (3, True)], [(1, False)]),
        ([(1, False), (4, False)], [(5, False)], [(1, False)]),
        ([(1, True)], [(2, True)], []),
        ([], [(3, False), (4, True)], [(3, False), (4, True)]),
    ],
)
async def test_lost_with_the_first(first, second, told):
    """The venue is told lost once, and back when no socket is lost any more."""
    assert told == await heard(Told(*first), Told(*second))


async def test_back_with_the_last():
    """One that comes back before the other is back says nothing."""
    said, one = [], Chorus(VENUE, [Told(), Told()], Tasks())
    for number, alive in ((0, False), (1, False), (0, True), (1, True)):
        one._hear(number, said.append, FeedStatus(number, VENUE, alive=alive))

    assert [False, True] == [each.alive for each in said]


def test_one_is_itself():
    """A venue with one socket needs no chorus."""
    feed = Told()
    assert feed is together(VENUE, [feed], Tasks())


async def test_beside():
    """Venues beside one another speak for themselves: one that is lost is not hidden by another."""
    tasks, said = Tasks(), []
    await beside([Told((1, False)), Told((2, False), (3, True))], tasks).run(said.append)
    for work in tasks.waiting:
        await work

    assert [(1, False), (2, False), (3, True)] == [(each.ts_local, each.alive) for each in said]
