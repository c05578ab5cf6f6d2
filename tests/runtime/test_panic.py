"""Panic: withdrawn is what is ours, proved is what nobody can see any more, and time is bounded."""

from dataclasses import dataclass, field

import pytest

from rebalancer.core.ids import ClientOrderId, encode
from rebalancer.errors import ConfigError, Unavailable
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import MarketClock, run_market
from rebalancer.runtime.panic import LATEST, PATIENCE, sweep
from rebalancer.runtime.tasks import TaskRegistry

INSTRUMENT = "deribit:BTC-PERPETUAL"


def own(place=0, sequence=1):
    """Return an id of the account at a place."""
    return encode(ClientOrderId(place, 3, sequence))


@dataclass(frozen=True)
class Order:
    label: str
    instrument: str = INSTRUMENT


@dataclass(frozen=True)
class Shelf:
    orders: tuple[Order, ...]
    unread: tuple[str, ...] = ()


@dataclass
class Account:
    """An account that does as a test says."""

    clock: MarketClock
    labels: list[str] = field(default_factory=list)
    name: str = "deribit"
    place: int = 0
    unread: tuple[str, ...] = ()
    errors: int = 0  # first looks that are not answered
    hangs: bool = False
    deaf: bool = False  # withdraws nothing
    whose: str | None = None
    later: dict[int, str] = field(default_factory=dict)  # s → label of what arrives then
    asked: list[str] = field(default_factory=list)
    closed: int = 0

    def __post_init__(self):
        self.began = self.clock.now()

    async def resting(self):
        if self.hangs:
            await self.clock.sleep(3_600 * SECOND)
        if self.errors:
            self.errors -= 1
            raise Unavailable("not now")
        for second in [s for s in self.later if self.clock.now() - self.began >= s * SECOND]:
            self.labels.append(self.later.pop(second))
        return Shelf(tuple(Order(each) for each in self.labels), self.unread)

    async def withdraw(self, label, instrument):
        assert instrument == INSTRUMENT
        self.asked.append(label)
        if not self.deaf:
            self.labels.remove(label)
        return 1

    async def mistaken(self):
        return self.whose

    async def close(self):
        self.closed += 1


def swept(*accounts, opens=None, **one):
    """Sweep accounts; return them, what came of each, and how long it took, s."""
    clock = MarketClock(1_000 * SECOND)
    found = [Account(clock, **each) for each in accounts] or [Account(clock, **one)]

    async def main():
        tasks = TaskRegistry(lambda error: None)

        def opening(account):
            async def open_():
                if opens is not None:
                    opens()
                return account

            return open_

        told = await sweep({each.name: opening(each) for each in found}, clock, tasks)
        took = (clock.now() - 1_000 * SECOND) / SECOND
        await tasks.close()
        return told, took

    return found, *run_market(clock, main())


def test_ours_alone():
    """What bears an id of this account is withdrawn, nothing else; both are told."""
    kept = [own(1), "hand", "", own()[:-1] + "z", own().upper()]
    (account,), (told,), took = swept(labels=[own(), *kept, own(sequence=2)])

    assert kept == account.labels
    assert [own(), own(sequence=2)] == account.asked == list(told.withdrawn)
    assert (True, (), len(kept)) == (told.proved, told.left, told.others)
    assert LATEST / SECOND <= took < LATEST / SECOND + 2
    assert 1 == account.closed


@pytest.mark.parametrize("second", [1, 5])
def test_late_arrival(second):
    """An order that was on its way is withdrawn when it arrives, before anything is proved."""
    (account,), (told,), _ = swept(later={second: own()})

    assert ([], [own()], True) == (account.labels, account.asked, told.proved)


@pytest.mark.parametrize(
    ("facts", "fault"),
    [
        ({"deaf": True, "labels": [own()]}, None),
        ({"unread": ("row 3",)}, "cannot all be read: row 3"),
        ({"hangs": True}, "not proved within 30 s"),
        ({"errors": 1_000}, "not now"),
        ({"whose": "account must be uid 1, was 2"}, "was 2"),
    ],
)
def test_unproved(facts, fault):
    """What stays, what cannot be read, and who does not answer prove nothing, in bounded time."""
    (account,), (told,), took = swept(**facts)

    assert not told.proved
    assert (fault or "") in (told.fault or "")
    assert took <= PATIENCE / SECOND
    assert 1 == account.closed


def test_silence_that_ends():
    """A venue that answers at last is proved."""
    _, (told,), took = swept(errors=10, labels=[own()])

    assert told.proved
    assert 10 <= took <= PATIENCE / SECOND


def test_side_by_side():
    """An account that hangs keeps no other waiting, and is told last where it stands."""
    facts = ({"name": "okx", "hangs": True}, {"name": "bybit", "labels": [own()]})
    (_, second), told, _ = swept(*facts)

    assert [("okx", False), ("bybit", True)] == [(each.name, each.proved) for each in told]
    assert [] == second.labels


@pytest.mark.parametrize("error", [ConfigError("x", []), ValueError("secret")])
def test_cannot_be_opened(error):
    """An account that nobody can open is told as such; a bug says no more than its kind."""

    def opens():
        raise error

    _, (told,), took = swept(opens=opens)

    assert (False, 0) == (told.proved, took)
    assert "secret" not in (told.fault or "")


def test_nothing():
    """A book without accounts has nothing to prove."""
    clock = MarketClock(0)

    async def main():
        return await sweep({}, clock, TaskRegistry(lambda error: None))

    assert [] == run_market(clock, main())
