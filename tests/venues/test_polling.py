"""Polling: an account is read again and again, and what is told twice is told twice."""

import asyncio
from decimal import Decimal

from rebalancer.core.events import CashMoved
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import MarketClock, run_market
from rebalancer.venues.accounts import OVERLAP, History
from rebalancer.venues.outcome import KeyRefused
from rebalancer.venues.polling import AccountPoll, Pace
from tests.runtime.stage import Lines

START = 1_769_757_300 * SECOND


class Told:
    """An account with bookings; it notes what it was asked."""

    account = "deribit"

    def __init__(self, clock, bookings=(), silent=(), refused=(), halves=()):
        self.clock, self.bookings, self.silent, self.asked = clock, bookings, silent, []
        self.refused, self.halves, self.wholes = refused, halves, []

    async def history(self, since, *, whole):
        self.asked.append((self.clock.now() - START, since - START))
        self.wholes.append(whole)
        if len(self.asked) in self.refused:
            raise KeyRefused("deribit refused our key")
        if len(self.asked) in self.silent:
            raise Unavailable("deribit does not answer")
        told = [each for each in self.bookings if each.ts_venue is None or each.ts_venue >= since]
        half = len(self.asked) in self.halves
        return History(told, Unavailable("one list is missing") if half else None)


def cash(name, ts):
    return CashMoved(START, START + ts, "deribit", name, "deposit", Decimal(1), "BTC")


def run(seconds, wakes=(), **told):
    """Poll for some market time; return the account, what was delivered and the log."""
    clock, heard, log = MarketClock(START), [], Lines()
    account = Told(clock, **told)

    async def main():
        poll = AccountPoll(account, clock, log, START, pace=Pace(5 * SECOND, SECOND))
        for second in wakes:
            clock.call_at(START + second * SECOND, poll.now)
        task = asyncio.ensure_future(poll.run(heard.append))
        await clock.sleep(seconds * SECOND)
        task.cancel()
        await asyncio.wait([task])
        return poll

    poll = run_market(clock, main())
    return account, heard, log, poll


def test_a_refused_key():
    """A key that is refused is told once, loudly, and the venue is asked seldom until then."""
    account, _, log, _ = run(200, refused=(2, 3))

    assert [0, 5, 65, 125, 130] == [at // SECOND for at, _ in account.asked[:5]]
    assert [("error", "key.refused")] == [(level, event) for level, event, _ in log.said]


def test_looks_overlap():
    """Each look begins a little before where the last one ended, and never before the start."""
    account, _, _, poll = run(21)

    assert [(0, 0), (5, 0), (10, 0), (15, 0), (20, 5)] == [
        (at // SECOND, since // SECOND) for at, since in account.asked
    ]
    assert 10 * SECOND == OVERLAP
    assert 5 == poll.looks


def test_what_was_before_is_not_told():
    """What the venue dates before the start is in what the book began with."""
    before, after = cash("c1", -1), cash("c2", 1)

    _, heard, _, _ = run(6, bookings=(before, after))

    assert {"c2"} == {event.cash_id for event in heard}


def test_silence_is_asked_again_soon():
    """It moves nothing, is told once an episode, and the look is made again a second later."""
    account, heard, log, _ = run(4, bookings=(cash("c1", 1),), silent=(1, 2))

    assert [0, 1, 2] == [at // SECOND for at, _ in account.asked]
    told = [row[:2] for row in log.said]
    assert [("warning", "reconcile.unanswered"), ("debug", "reconcile.unanswered")] == told
    assert 1 == len(heard)


def test_woken():
    """Whoever knows that something happened has it looked at once."""
    account, _, _, _ = run(4, wakes=(1, 2))

    assert [0, 1, 2] == [at // SECOND for at, _ in account.asked]


def looking_back(seconds, calls, **told):
    """Poll while somebody calls the poll at some seconds.

    Return the account, what was delivered, and each second whether all was told.
    """
    clock, heard, seen = MarketClock(START), [], []
    account = Told(clock, **told)

    async def main():
        poll = AccountPoll(account, clock, Lines(), START, pace=Pace(5 * SECOND, SECOND))
        for second, call in calls:
            clock.call_at(START + second * SECOND, lambda call=call: call(poll))
        task = asyncio.ensure_future(poll.run(heard.append))
        for _ in range(seconds):
            await clock.sleep(SECOND)
            seen.append(poll.told)
        task.cancel()
        await asyncio.wait([task])

    run_market(clock, main())
    return account, heard, seen


def test_a_look_back_begins_before_the_two_agreed():
    """What is dated since the ledger agreed is told again, however late it was written down."""
    late, bookings = cash("c1", 150 * SECOND), []
    calls = [
        (100, lambda poll: poll.agreed(START + 100 * SECOND)),
        (200, lambda _: bookings.append(late)),
        (202, AccountPoll.look_back),
    ]
    account, heard, seen = looking_back(210, calls, bookings=bookings)

    assert (202, 40) in [(at // SECOND, since // SECOND) for at, since in account.asked]
    assert [late] == heard
    assert all(seen[1:])


def test_a_look_back_that_is_not_answered_is_made_again():
    """Until then not all is told."""
    account, _, seen = looking_back(20, [(11, AccountPoll.look_back)], silent=(4, 5))

    asked = [(at // SECOND, since // SECOND) for at, since in account.asked]
    assert [(11, 0), (12, 0), (13, 0), (18, 3)] == asked[3:]
    assert seen[11] is False  # at the end of the twelfth second
    assert seen[9] is seen[14] is True


def test_what_fails_for_long_wakes_somebody():
    """A minute of looks in vain is an error, and later ever more rarely one."""
    _, _, log, _ = run(600, silent=range(1, 1_000))
    told = [place for place, (level, _, _) in enumerate(log.said) if level == "error"]

    assert [60, 300] == told


def test_half_a_history_is_told_and_asked_for_again():
    """What was read is delivered at once; the rest is asked for from the same time."""
    account, heard, log, poll = run(4, bookings=(cash("c1", 1),), halves=(1,))

    assert [(0, 0), (1, 0)] == [(at // SECOND, since // SECOND) for at, since in account.asked]
    assert (2, 1) == (len(heard), poll.looks)
    assert ["reconcile.unanswered"] == log.events()


def test_every_currency_is_asked_for_at_first_and_when_looking_back():
    """In between those suffice that matter."""
    account, _, _ = looking_back(18, [(11, AccountPoll.look_back)])

    assert [True, False, False, True, False] == account.wholes


def test_what_one_look_finds_is_one_word():
    """All but the last say that more follows; what the start cuts off is none of it."""
    told = [cash(name, ts * SECOND) for name, ts in (("a", 1), ("b", 2), ("old", -1), ("c", 2))]
    _, heard, *_ = run(4, bookings=told)

    assert [("a", True), ("b", True), ("c", False)] == [(e.cash_id, e.more) for e in heard]


def test_half_a_history_is_half_a_word():
    """Where a list did not answer, what the others told has no end."""
    told = [cash("a", SECOND), cash("b", 2 * SECOND)]
    _, heard, *_ = run(1, bookings=told, halves=(1,))

    assert [("a", True), ("b", True)] == [(each.cash_id, each.more) for each in heard]
