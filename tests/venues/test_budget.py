"""The budget: refilled while idle, its last tokens kept for what matters more."""

import pytest

from rebalancer.ports import SECOND
from rebalancer.runtime.clock import MarketClock, run_market
from rebalancer.venues.binance.profile import BINANCE_COINM, BINANCE_SPOT, BINANCE_USDM
from rebalancer.venues.binance.weights import WEIGHTS
from rebalancer.venues.budget import BAN, KEPT, PAUSE, Budget, Lane, Rate
from rebalancer.venues.profile import LOG, MATCHING, OTHER

MS = 1_000_000
RATES = {"matching": Rate(per_second=5, burst=10), "other": Rate(per_second=20, burst=20)}


def budget():
    """Return a budget and the clock that it goes by."""
    clock = MarketClock(0)
    return Budget(RATES, clock), clock


def take(own, lane, most=100):
    """Return how many requests of a lane may be sent right away."""
    return next(number for number in range(most) if own.take("matching", lane))


@pytest.mark.parametrize(("lane", "allowed"), [("cancel", 10), ("hedge", 8), ("poll", 5)])
@pytest.mark.trap("one-queue-for-all", "every")
def test_lanes(lane, allowed):
    """A lane leaves the share of the more urgent ones alone (C06)."""
    own, _ = budget()

    assert allowed == take(own, Lane(lane))


@pytest.mark.trap("one-queue-for-all", "every")
def test_reserve_for_cancels():
    """When polls and hedges have taken what they may, cancels still pass."""
    own, _ = budget()
    polls, hedges, cancels = (take(own, lane) for lane in (Lane.POLL, Lane.HEDGE, Lane.CANCEL))

    assert (5, 3, 2) == (polls, hedges, cancels)


def test_idle_refills():
    """An order after 5 s of idling waits for nothing, however much was sent before."""
    own, clock = budget()
    take(own, Lane.CANCEL)

    async def story():
        await clock.sleep(5 * SECOND)
        return own.take("matching", Lane.HEDGE)

    assert 0 == run_market(clock, story())


def test_wait_is_as_long_as_it_must():
    """An empty bucket lets the next cancel through when one token has grown, and no later."""
    own, clock = budget()
    take(own, Lane.CANCEL)

    async def story():
        await own.wait("matching", Lane.CANCEL)
        return clock.now()

    assert abs(run_market(clock, story()) - 200 * MS) <= MS


def test_nothing_is_taken_in_vain():
    """Being told to wait costs no token."""
    own, _ = budget()
    take(own, Lane.POLL)
    for _ in range(50):
        own.take("matching", Lane.POLL)

    assert 3 == take(own, Lane.HEDGE)


@pytest.mark.parametrize(
    ("said", "banned", "rests"),
    [
        (2 * SECOND, False, 2 * SECOND),
        (None, False, PAUSE),
        (None, True, BAN),
        (300 * SECOND, True, 300 * SECOND),
    ],
)
def test_complaint(said, banned, rests):
    """After a 429 or 418 everything but cancels rests for as long as the venue asks (F15)."""
    own, clock = budget()
    own.complained(said, banned=banned)

    async def story():
        await own.wait("other", Lane.HEDGE)
        return clock.now()

    assert 0 == own.take("other", Lane.CANCEL)
    assert rests == own.take("other", Lane.POLL)
    assert rests == run_market(clock, story())
    assert (1, banned) == (own.complaints, own.banned)


def test_complaints_do_not_shorten():
    """A later complaint never brings an end forward."""
    own, _ = budget()
    own.complained(10 * SECOND)
    own.complained(SECOND)

    assert 10 * SECOND == own.take("other", Lane.POLL)


def test_used():
    """How much is spent can be told."""
    own, _ = budget()
    for _ in range(5):
        own.take("matching", Lane.CANCEL)

    assert (0.5, 0.0) == (own.used("matching"), own.used("other"))


def test_a_storm_stays_within_the_rate():
    """Ten times as many orders as allowed: no more than burst and rate leave in 10 s."""
    own, clock = budget()

    async def story():
        sent = 0
        for _ in range(1_000):
            sent += not own.take("matching", Lane.HEDGE)
            await clock.sleep(10 * MS)
        return sent

    assert 56 <= run_market(clock, story()) <= 8 + 50


def test_what_weighs_more():
    """A request that the venue counts several times takes several tokens, or waits for them."""
    own, clock = budget()

    assert 0 == own.take("matching", Lane.POLL, 4)
    assert 600 * MS == own.take("matching", Lane.POLL, 4)  # of 5 that are left to polls, 1 is

    async def story():
        await own.wait("matching", Lane.HEDGE, 5)
        return clock.now()

    assert 200 * MS == run_market(clock, story())  # 6 are there, 2 are kept for cancels


@pytest.mark.parametrize(
    ("profile", "allowed"), [(BINANCE_USDM, 2_400), (BINANCE_COINM, 2_400), (BINANCE_SPOT, 6_000)]
)
def test_the_worst_minute_at_binance(profile, allowed):
    """Whoever takes all that there is after a silence stays below what the venue allows."""
    clock = MarketClock(0)
    own, sent = Budget(profile.rates, clock), {}
    heaviest = max(weight for call, weight in WEIGHTS.items() if _of(profile, call))

    async def story():
        while clock.now() < 60 * SECOND:
            for name in profile.rates:
                weight = 1 if name == MATCHING else heaviest
                while not own.take(name, Lane.CANCEL, weight):
                    sent[name] = sent.get(name, 0) + weight
            await clock.sleep(SECOND // 10)

    run_market(clock, story())
    assert allowed / 2 < sum(sent.values()) < 0.95 * allowed
    for rate in profile.rates.values():
        assert rate.burst >= 2


def _of(profile, call):
    return call.startswith(profile.lookups[0].partition("Get")[0])


def test_what_polls_may_take_is_enough_for_one():
    """No question weighs more than a poll may ever have."""
    for profile in (BINANCE_USDM, BINANCE_COINM, BINANCE_SPOT):
        burst = profile.rates[OTHER].burst
        income = profile.ledger[1]
        own = [each for call, each in WEIGHTS.items() if _of(profile, call) and call != income]
        assert max(own) <= burst * (1 - KEPT[Lane.POLL])
        assert WEIGHTS.get(income, 1) <= profile.rates[LOG].burst * (1 - KEPT[Lane.HEDGE])
