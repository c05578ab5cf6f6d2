"""Panic: withdrawn is what is ours, proved is what nobody can see any more, and time is bounded."""

from dataclasses import dataclass, field

import pytest

from rebalancer.core.ids import ClientOrderId, encode
from rebalancer.errors import ConfigError, DataError, Unavailable
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
    untold: Exception | None = None  # what asking whose it is ends with, each time
    mute: int = 0  # s that this takes
    refused: dict[str, Exception] = field(default_factory=dict)  # label → why it stays
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
        if label in self.refused:
            raise self.refused[label]
        if not self.deaf:
            self.labels.remove(label)
        return 1

    async def mistaken(self):
        await self.clock.sleep(self.mute * SECOND)
        if self.untold is not None:
            raise self.untold
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
    kept = ["hand", "", own()[:-1] + "z", own().upper()]
    (account,), (told,), took = swept(labels=[own(), *kept, own(sequence=2)])

    assert kept == account.labels
    assert [own(), own(sequence=2)] == account.asked == list(told.withdrawn)
    assert (True, (), len(kept)) == (told.proved, told.left, told.others)
    assert LATEST / SECOND <= took < LATEST / SECOND + 2
    assert 1 == account.closed


@pytest.mark.parametrize("labels", [[own(1)], [own(1), own(7), own(), "hand"]])
def test_another_place(labels):
    """An id of ours for another place stays and proves nothing: the file may be reordered."""
    (account,), (told,), took = swept(labels=list(labels))

    strays = [each for each in labels if each in (own(1), own(7))]
    assert [each for each in labels if each != own()] == account.labels
    assert (False, ()) == (told.proved, told.left)
    assert f"{len(strays)} bear an id of ours for another place" in told.fault
    assert took < LATEST / SECOND + 2


def test_another_place_beside_what_is_unread():
    """What keeps a list from being read does not hide that an id is for another place."""
    _, (told,), _ = swept(labels=[own(1)], unread=("row 3",))

    assert "row 3; 1 bear an id" in told.fault


@pytest.mark.parametrize("place", range(3))
def test_one_refusal(place):
    """One order whose cancel is refused keeps no other on the book, wherever it stands."""
    labels = [own(sequence=each) for each in range(3)]
    stays = labels[place]
    refused = {stays: Unavailable("settlement in progress")}
    (account,), (told,), _ = swept(labels=list(labels), refused=refused)

    assert [stays] == account.labels
    assert ((stays,), False) == (told.left, told.proved)
    assert "1 of 1 not withdrawn: settlement in progress" in told.fault


def test_one_bug():
    """A bug at one order ends its account, after all others were withdrawn; it says no more."""
    labels = [own(sequence=each) for each in range(3)]
    facts = {"refused": {labels[0]: ValueError("secret")}}
    (account,), (told,), took = swept(labels=list(labels), **facts)

    assert ([labels[0]], 0) == (account.labels, took)
    assert "ValueError: see its venue's own page" == told.fault


@pytest.mark.parametrize("mute", [0, 4])
def test_another_account(mute):
    """From another account than the settings pin nothing is withdrawn; it is told soon."""
    whose = "account must be uid 1, was 2"
    labels = [own(), own(1), "hand"]
    (account,), (told,), took = swept(labels=list(labels), whose=whose, mute=mute)

    assert (labels, [], {}) == (account.labels, account.asked, told.withdrawn)
    assert (whose, (), 3) == (told.fault, told.left, told.others)
    assert mute == took


def test_another_account_told_late():
    """Once it is known that the account is another's nothing more is withdrawn from it."""
    facts = {"whose": "was 2", "mute": 10, "later": {12: own(sequence=2)}}
    (account,), (told,), _ = swept(labels=[own(), own(1)], **facts)

    assert ([own()], [own()], (), "was 2") == (
        account.asked,
        list(told.withdrawn),
        told.left,
        told.fault,
    )


@pytest.mark.parametrize(
    ("facts", "fault", "most"),
    [
        ({"untold": Unavailable("not now")}, "not now", 30),
        ({"untold": DataError("venues.x.account: must be pinned")}, "must be pinned", 8),
        ({"untold": ValueError("secret")}, "whose account it is: ValueError", 8),
        ({"mute": 3_600}, "nobody knows yet", 30),
    ],
)
def test_account_untold(facts, fault, most):
    """Where nobody tells whose account it is ours is withdrawn all the same, and nothing proved."""
    (account,), (told,), took = swept(labels=[own()], **facts)

    assert ([], [own()], False) == (account.labels, account.asked, told.proved)
    assert fault in told.fault
    assert "secret" not in told.fault
    assert took <= most


def test_account_told_at_last():
    """A venue that tells whose account it is after some silence is proved."""
    _, (told,), took = swept(labels=[own()], mute=9)

    assert (True, True) == (told.proved, 9 <= took < 12)


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
