"""Streams: what freezes is the word, never the market; what was missed is never told late."""

from functools import cache

import pytest

from rebalancer.core.events import (
    Fill,
    FundingPaid,
    FundingRate,
    Index,
    Mark,
    OptionMark,
    OrderEnded,
    Quote,
    Trade,
)
from rebalancer.ports import SECOND
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.venues.mischance import Mischance, Mishap
from rebalancer.venues.paper import Depth, FundingStamp
from rebalancer.venues.streams import FREEZE, MINUTE
from rebalancer.venues.unreliable import Unreliable
from tests.venues.contract import Subject, buy
from tests.venues.fair import ASK, BID, CALL, LATENCY, LINEAR, SIZE, START, D, visit

STEP = SECOND // 10
MINUTES = 30


def freezing(rate=1.0, seed=1):
    """Return the mischance of a venue whose stream freezes."""
    return Mischance({Mishap.STALE_STREAM: rate}, SeededRandomness(seed).generator)


@cache
def freezes(seed=1):
    """Return (begins, ends) of the freeze of each minute, ns, drawn apart from the venue."""
    stream, found = SeededRandomness(seed).generator("stale_stream"), []
    for minute in range(MINUTES):
        _, when, hard = stream.random(3)
        begins = START + minute * MINUTE + int(when * MINUTE)
        found.append((begins, begins + FREEZE[0] + int(hard * (FREEZE[1] - FREEZE[0]))))
    return tuple(found)


def frozen_at(ts, seed=1):
    """Whether a freeze holds at a time."""
    return any(begins <= ts < ends for begins, ends in freezes(seed))


def words(ts):
    """Return one word of each kind; a number in each says when it was said."""
    price = D(100_000) + D((ts - START) // STEP)
    return [
        Mark(ts, ts, LINEAR.id, price),
        Quote(ts, ts, LINEAR.id, price, SIZE, price + 1, SIZE),
        Index(ts, ts, "fair", "BTC", price),
        Index(ts, ts, "elsewhere", "BTC", price),
        OptionMark(ts, ts, CALL.id, D("0.05"), 0.5, float(price)),
        FundingRate(ts, ts, LINEAR.id, float(price) / 1e9, 3600 * SECOND, None),
        Trade(ts, ts, LINEAR.id, price, D(1)),
    ]


def heard(rate=1.0, seed=1, minutes=MINUTES):
    """Return what is heard of a market that says everything ten times a second, and the fair."""

    async def story(fair):
        for _ in range(minutes * MINUTE // STEP):
            for word in words(fair.clock.now()):
                fair.move(word)
            await fair.clock.sleep(STEP)

    mischance = freezing(rate, seed)
    fair = visit(story, mischance=mischance)
    return fair.delivered, mischance


@pytest.fixture(scope="module")
def half_an_hour():
    """Return half an hour with a freeze in each minute."""
    return heard()


def test_silence(half_an_hour):
    """During a freeze nothing of that venue is heard; outside of one, everything and at once."""
    told, _ = half_an_hour
    own = [word for word in told if getattr(word, "venue", "") != "elsewhere"]
    at_once = {(type(word), word.ts_venue) for word in own if word.ts_local == word.ts_venue}
    said = range(START, START + MINUTES * MINUTE, STEP)

    assert [] == [word for word in own if frozen_at(word.ts_local)]
    for ts in said:
        assert (0 if frozen_at(ts) else 6) == sum((type(w), ts) in at_once for w in words(ts)[:6])


def test_other_venues_go_on(half_an_hour):
    """A freeze is one venue's."""
    told, _ = half_an_hour

    assert MINUTES * MINUTE // STEP == sum(
        isinstance(word, Index) and word.venue == "elsewhere" for word in told
    )


def test_newest_words_at_the_thaw(half_an_hour):
    """When a freeze ends the newest word of each kind comes, in order, and no trade."""
    told, _ = half_an_hour
    late = [word for word in told if word.ts_local != word.ts_venue]
    windows = [each for each in freezes() if not frozen_at(each[1])]
    last_said = {ends: (ends - START) // STEP * STEP + START for _, ends in windows}

    assert windows
    for _, ends in windows:
        told_then = [word for word in late if word.ts_local == ends]
        assert [Mark, Quote, Index, OptionMark, FundingRate] == [type(w) for w in told_then]
        assert {last_said[ends]} == {word.ts_venue for word in told_then}
    assert 5 * len(windows) == len(late)


def test_nothing_old_after_something_new(half_an_hour):
    """No word comes after a newer one of its kind."""
    told, _ = half_an_hour
    for kind in (Mark, Quote, OptionMark, FundingRate, Trade):
        times = [word.ts_venue for word in told if isinstance(word, kind)]
        assert times == sorted(set(times))


def test_count_and_length(half_an_hour):
    """Each freeze is counted once; those that run into one another are one."""
    _, mischance = half_an_hour
    windows = freezes()
    merged = sum(not any(b < begins <= e for b, e in windows) for begins, _ in windows)

    assert {"stale_stream": merged} == mischance.struck
    assert all(FREEZE[0] <= ends - begins < FREEZE[1] for begins, ends in windows)


@pytest.mark.parametrize("rate", [0.0, 0.2])
def test_rate(rate):
    """The rate is a chance per minute of market time."""
    _, mischance = heard(rate, minutes=MINUTES)

    assert (0 if not rate else 6) == pytest.approx(sum(mischance.struck.values()), abs=6 * rate * 3)


def test_the_market_goes_on():
    """In a freeze an order meets the true book, and the account is told at once."""
    begins, ends = freezes()[0]
    assert ends - begins > SECOND

    async def story(fair):
        account = []
        mischance = Mischance({}, SeededRandomness(1).generator)
        venue = Unreliable(fair.open_venue, mischance, fair.clock, account.append)
        tested = Subject(*(venue, fair.clock, LINEAR, BID, ASK, SIZE, account, SECOND))
        await fair.clock.sleep(begins + 1 - START)
        moved = ((D(101_000), SIZE),)
        fair.move(Quote(0, 0, LINEAR.id, BID, SIZE, D(101_000), SIZE))
        fair.move(Mark(0, 0, LINEAR.id, D(101_000)))
        fair.move(Depth(LINEAR.id, (), moved))
        answer = await venue.submit(buy(tested, price=D(102_000)))
        await fair.clock.sleep(1)
        fair.move(FundingStamp(LINEAR.id, 0.0001))
        assert fair.clock.now() < ends
        assert [Fill, OrderEnded] == [type(each) for each in account]
        assert (D(101_000), begins + 1 + LATENCY) == (account[0].price, answer.ts_venue)
        assert [FundingPaid] == [type(each) for each in fair.delivered]

    visit(story, mischance=freezing())


def test_a_quiet_stream_says_nothing_at_the_thaw():
    """A freeze in which nothing was said is not felt, nor counted."""
    mischance = freezing()

    async def story(fair):
        await fair.clock.sleep(5 * MINUTE)
        while frozen_at(fair.clock.now()):
            await fair.clock.sleep(SECOND)
        fair.move(words(fair.clock.now())[0])

    assert 1 == len(visit(story, mischance=mischance).delivered)
    assert {"stale_stream": 0} == mischance.struck
