"""The skew watch: clocks that part are told, and beyond a second nothing leaves."""

import asyncio
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import pytest

from rebalancer.core.events import OrderRejected
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import MarketClock, WallClock, run_market, until
from rebalancer.venues.skew import AGAIN, CLOSE, EVERY, REFUSES, SkewWatch, surely
from tests.runtime.stage import Lines
from tests.venues.loopback import ACCOUNT, desk, order

MS = 1_000_000
START = 1_769_757_300 * SECOND


class Told:
    """A venue whose clock is as far from ours as it is told; an error: it does not answer."""

    venue = "deribit"

    def __init__(self, clock):
        self.clock, self.ahead, self.trip, self.asked = clock, 0, 20 * MS, []
        self.rests = 0
        self.exchange = SimpleNamespace(fetch_time=self._tell)

    async def _tell(self):
        self.asked.append(self.clock.now() - START)
        if isinstance(self.ahead, Exception):
            raise self.ahead
        await self.clock.sleep(self.trip // 2)
        told = (self.clock.now() + self.ahead) // MS
        await self.clock.sleep(self.trip // 2)
        return told


class Standing(MarketClock):
    """A clock whose process can stand still: what was due meanwhile comes right after."""

    stood, ahead = 0, 0  # ns

    def stands(self, duration):
        self._calls = [(max(ts - duration, self._now), *each) for ts, *each in sorted(self._calls)]
        self.stood += duration

    def now(self):
        return super().now() + self.stood

    def monotonic(self):
        return self.now()

    def wall(self):
        return self.now() + self.ahead

    def call_at(self, ts, callback):
        return super().call_at(ts - self.stood, callback)

    async def sleep(self, duration):
        await until(self, self.now() + duration)


def run(story, clock=None):
    """Run a story of a venue and a watch that runs; return them and the log."""
    clock, log = MarketClock(START) if clock is None else clock, Lines()
    venue = Told(clock)
    watch = SkewWatch(venue, clock, log, lambda: venue.rests)

    async def main():
        task = asyncio.ensure_future(watch.run(lambda event: None))
        await story(venue, watch, clock)
        task.cancel()

    run_market(clock, main())
    return venue, watch, log


@pytest.mark.parametrize(
    ("ahead", "said", "refused"),
    [
        (0, [], False),
        (250 * MS, [], False),
        (-300 * MS, ["warning"], False),
        (1_000 * MS, ["warning"], False),
        (1_050 * MS, ["error"], True),
        (-7_000 * MS, ["error"], True),
    ],
)
def test_apart(ahead, said, refused):
    """A quarter of a second is told, more than one is refused; what is uncertain counts for us."""

    async def story(venue, watch, clock):
        venue.ahead = ahead
        await clock.sleep(5 * EVERY)
        assert refused == (watch.refusal() is not None)

    _, _, log = run(story)

    assert [(level, "clock.skewed") for level in said] == [row[:2] for row in log.said]


@pytest.mark.parametrize(
    ("ahead", "trip", "refusal"),
    [
        (700, 1_000, ""),  # half of the trip more is within what clocks may be apart
        (800, 1_000, "nobody knows"),
        (1_200, 2_000, "nobody knows"),
        (1_200, 300, "1.05 s"),
    ],
)
def test_a_long_trip_proves_little(ahead, trip, refusal):
    """What it may hide is not held against the clock, nor for it."""

    async def story(venue, watch, clock):
        venue.ahead, venue.trip = ahead * MS, trip * MS
        await clock.sleep(2 * EVERY)
        assert refusal in (watch.refusal() or "none")
        assert bool(refusal) is (watch.refusal() is not None)

    run(story)


def test_what_was_told_before_a_failure_counts():
    """One quick answer is enough; that the next question fails takes nothing from it."""

    async def story(venue, watch, clock):
        venue.trip, told = 110 * MS, venue.exchange.fetch_time

        async def fails():
            if len(venue.asked) % 3 == 2:
                venue.asked.append(0)
                raise Unavailable("busy")
            return await told()

        venue.exchange.fetch_time = fails
        await clock.sleep(3 * EVERY)
        assert watch.refusal() is None

    run(story)


def test_a_doubt_is_told_once():
    """A venue that does not answer while all stands still again and again fills no log."""

    async def story(venue, watch, clock):
        await clock.sleep(SECOND)
        venue.ahead = Unavailable("down")
        for _ in range(60):
            clock.stands(4 * SECOND)
            await clock.sleep(1_500 * MS)
        assert "nobody watched" in watch.refusal()

    _, _, log = run(story, Standing(START))

    assert 1 == log.events().count("clock.doubted")


def test_it_is_measured_on():
    """Each ten seconds; oftener while the clocks are apart, until they agree again."""

    async def story(venue, watch, clock):
        await clock.sleep(2 * EVERY)
        venue.ahead = 3 * SECOND
        await clock.sleep(EVERY + SECOND)
        assert "3.0" in watch.refusal() or "2.9" in watch.refusal()
        venue.ahead = 0
        await clock.sleep(2 * CLOSE)
        assert watch.refusal() is None

    venue, _, log = run(story)

    assert ["clock.skewed", "clock.agreed"] == log.events()
    began = [venue.asked[0], *(b for a, b in pairwise(venue.asked) if b - a > SECOND)]
    waits = [round((b - a) / SECOND) for a, b in pairwise(began)]
    assert [10] * 2 + [2] * (len(waits) - 2) == waits


@pytest.mark.parametrize("trip", [20, 100, 400, 800, 1_400])
@pytest.mark.parametrize("start", [0, 240, 400, 900])
@pytest.mark.parametrize("gained", [-83, 83])
def test_a_clock_that_comes_round(gained, start, trip):
    """One that is slewed as fast as it goes parts by a quarter beyond the limit, and no more."""
    worst = []

    async def story(venue, watch, clock):
        venue.ahead, venue.trip = start * MS * (1 if gained > 0 else -1), trip * MS
        for _ in range(600):
            await clock.sleep(SECOND // 10)
            venue.ahead += gained * MS // 10
            if watch.refusal() is None:
                worst.append(abs(venue.ahead))

    run(story)

    assert max(worst, default=0) < 1.28 * REFUSES
    assert trip > 400 or max(worst) > 0.85 * REFUSES


def test_a_clock_that_had_parted_is_not_trusted_for_long():
    """Where the venue does not tell the time any more, what was measured holds for seconds."""

    async def story(venue, watch, clock):
        venue.ahead = 400 * MS
        await clock.sleep(EVERY)
        venue.ahead = Unavailable("down")
        await clock.sleep(EVERY // 2)
        assert watch.refusal() is None
        await clock.sleep(6 * SECOND)
        assert "may be 1.4" in watch.refusal()
        venue.ahead = 400 * MS
        await clock.sleep(2 * CLOSE)
        assert watch.refusal() is None

    run(story)


@pytest.mark.parametrize(("still", "doubted"), [(1.9, False), (3.5, True), (40, True)])
@pytest.mark.parametrize("amid", [False, True])
def test_who_stood_still_compares_first(still, amid, doubted):
    """After a while in which nothing ran nobody knows what the clock did: one look is enough."""

    async def story(venue, watch, clock):
        venue.trip = 600 * MS if amid else 20 * MS
        await clock.sleep(EVERY + (2_200 * MS if amid else 4 * SECOND))
        assert watch.refusal() is None
        assert amid is (len(venue.asked) == 5)  # three of the first look, the second under way
        clock.stands(int(still * SECOND))
        assert doubted is (watch.refusal() is not None)
        await clock.sleep(700 * MS if amid else 10 * MS)  # what was asked before is no answer
        assert doubted is (watch.refusal() is not None)
        venue.trip = 20 * MS
        await clock.sleep(2 * SECOND)
        assert watch.refusal() is None

    _, _, log = run(story, Standing(START))

    assert ["clock.doubted", "clock.agreed"] * doubted == log.events()


def test_nothing_leaves_until_somebody_tells_the_time():
    """After a standstill a venue that does not answer, or takes too long, lifts nothing."""

    async def story(venue, watch, clock):
        await clock.sleep(SECOND)
        venue.ahead = Unavailable("down")
        clock.stands(40 * SECOND)
        for _ in range(30):
            await clock.sleep(SECOND)
            assert "nobody watched" in watch.refusal()
        assert len(venue.asked) > 12  # every other second
        venue.ahead, venue.trip = 1_500 * MS, 4 * SECOND
        for _ in range(30):
            await clock.sleep(SECOND)
            assert watch.refusal() is not None
        venue.ahead, venue.trip = 0, 20 * MS
        await clock.sleep(15 * SECOND)
        assert watch.refusal() is None

    run(story, Standing(START))


@pytest.mark.parametrize(("moved", "doubted"), [(900 * MS, False), (3, True), (-3600, True)])
def test_a_machine_whose_clock_was_set_compares_first(moved, doubted):
    """It may have been frozen, and ours with it: whoever set it knew why."""

    async def story(venue, watch, clock):
        await clock.sleep(SECOND)
        clock.ahead = moved * SECOND if abs(moved) < MS else moved
        assert doubted is (watch.refusal() is not None)
        await clock.sleep(2 * SECOND)
        assert watch.refusal() is None

    run(story, Standing(START))


def test_a_machine_whose_clock_is_set_while_it_is_compared():
    """The answer is to a question of before; another look tells."""

    async def story(venue, watch, clock):
        await clock.sleep(EVERY + 30 * MS)  # amid the second look
        assert 2 == len(venue.asked)
        clock.ahead = 3 * SECOND
        await clock.sleep(15 * MS)
        assert "nobody watched" in watch.refusal()
        await clock.sleep(SECOND)
        assert (watch.refusal(), len(venue.asked)) == (None, 3)

    run(story, Standing(START))


def test_a_vague_answer_tells_the_least():
    """That the clocks are nine tenths apart is sure; more than a second they may be."""

    async def story(venue, watch, clock):
        await clock.sleep(SECOND)
        venue.ahead, venue.trip = 1_500 * MS, 1_200 * MS
        await clock.sleep(EVERY + 4 * SECOND)
        assert 899 * MS == watch.measured

    run(story)


def test_the_least_that_is_sure():
    """A venue tells whole milliseconds: one of them is not sure."""
    assert [MS, MS, 0] == [surely(3 * MS, MS), surely(-3 * MS, MS), surely(2 * MS, MS)]


def test_a_proof_is_not_taken_back_by_less():
    """Three seconds apart stay three, until an answer comes that can prove the contrary."""

    async def story(venue, watch, clock):
        venue.ahead = 3 * SECOND
        await clock.sleep(SECOND)
        assert "2.99 s" in watch.refusal()
        venue.trip = 5 * SECOND
        for _ in range(60):
            await clock.sleep(SECOND)
            assert "2.99 s" in watch.refusal()
        venue.ahead, venue.trip = 0, 20 * MS
        await clock.sleep(20 * SECOND)
        assert watch.refusal() is None

    run(story)


def test_what_is_told_in_an_episode():
    """Around a limit nothing is said again and again; who comes back from afar is told of anew."""

    async def story(venue, watch, clock):
        for ahead in (260, 240, 260, 1_200, 900, 1_200, 230, 1_200, 190, 0, 260):
            venue.ahead = ahead * MS + 20 * MS  # half a trip is uncertain, and a millisecond
            await clock.sleep(12 * SECOND)

    _, _, log = run(story)

    said = [row[:2] for row in log.said]
    skewed, agreed = "clock.skewed", "clock.agreed"
    error, warning = ("error", skewed), ("warning", skewed)
    assert [warning, error, error, ("info", agreed), warning] == said


@pytest.mark.parametrize(("trip", "refusal"), [(1, None), (1.4, None), (8, "may be")])
def test_a_slow_answer_is_no_standstill(trip, refusal):
    """While a venue takes its time, what was measured holds as long as it can be true."""
    said = set()

    async def story(venue, watch, clock):
        await clock.sleep(SECOND)
        venue.trip = int(trip * SECOND)
        for _ in range(200):
            await clock.sleep(SECOND // 4)
            said.add((watch.refusal() or "none").split(" s from")[0])

    run(story)

    assert "none" in said
    assert refusal is None or any(refusal in each for each in said)
    assert (refusal is None) is (1 == len(said))


def test_one_quick_sample_is_enough():
    """Three are asked for only where the first took long."""

    async def story(venue, watch, clock):
        await clock.sleep(EVERY // 2)
        assert 1 == len(venue.asked)
        venue.trip = 400 * MS
        await clock.sleep(EVERY)
        assert 4 == len(venue.asked)

    run(story)


def test_a_venue_that_wants_rest():
    """While it shuts us out its clock is not asked for either, which would make that longer."""

    async def story(venue, watch, clock):
        await clock.sleep(SECOND)
        venue.rests = 15 * SECOND
        await clock.sleep(24 * SECOND)
        assert [0] == venue.asked
        venue.rests = 0
        assert "nobody watched" in watch.refusal()
        await clock.sleep(SECOND)
        assert 2 == len(venue.asked)
        assert watch.refusal() is None

    run(story)


def test_a_venue_that_does_not_tell():
    """What was measured last holds, whatever silence follows; before that nothing leaves."""

    async def story(venue, watch, clock):
        venue.ahead = Unavailable("down")
        await clock.sleep(EVERY)
        assert "nobody knows" in watch.refusal()
        venue.ahead = 0
        await clock.sleep(AGAIN + SECOND)
        venue.ahead = Unavailable("down")
        await clock.sleep(EVERY)
        assert watch.refusal() is None
        venue.ahead = 2 * SECOND
        await clock.sleep(AGAIN + SECOND)
        venue.ahead = Unavailable("down")
        await clock.sleep(EVERY)
        assert watch.refusal() is not None

    run(story)


async def test_nothing_leaves_by_a_wrong_clock():
    """An order is held back here, and the exchange never hears of it."""
    async with desk() as opened:
        log = Lines()
        watch = SkewWatch(opened.line.connection, Behind(opened.clock), log)
        opened.venue._line = replace(opened.line, skew=watch)
        await watch.look()
        answer = await opened.venue.submit(order())

        assert (OrderRejected, False) == (type(answer), answer.sent)
        assert "the clock is 2.0" in answer.reason or "the clock is 1.9" in answer.reason
        assert [] == list(opened.loopback.place.orders(ACCOUNT))
        assert [("error", "clock.skewed")] == [row[:2] for row in log.said]


class Behind:
    """A clock that is two seconds behind."""

    def __init__(self, clock):
        self._clock = clock

    def now(self):
        return self._clock.now() - 2 * SECOND

    def monotonic(self):
        return self._clock.monotonic()

    def wall(self):
        return self.now()


class Machine:
    """A machine's clocks: the wall's may be set, and the steady one stands still in a pause."""

    def __init__(self, wrong=0):
        self.true, self.wrong, self.paused = START, wrong, 0

    def clock(self):
        return WallClock(lambda: self.true + self.wrong, lambda: self.true - self.paused)


async def look_at(machine, clock, log, trip=0, later=0):
    """Let a watch measure once against a venue that is right; `trip` ns there and back.

    It tells the time `later` ns than in the middle of that.
    """

    async def tell():
        machine.true += trip
        return (machine.true - trip // 2 + later) // MS

    venue = SimpleNamespace(venue="deribit", exchange=SimpleNamespace(fetch_time=tell))
    watch = SkewWatch(venue, clock, log)
    await watch.look()
    return watch


@pytest.mark.parametrize("story", ["paused", "wrong at the start"])
async def test_our_clock_follows_one_that_was_set_forwards(story):
    """After a pause of the machine, or a start with a late clock, ours follows."""
    machine, log = Machine(-40 * SECOND if story != "paused" else 0), Lines()
    clock = machine.clock()
    machine.true += 60 * SECOND
    machine.wrong, machine.paused = 0, 40 * SECOND if story == "paused" else 0
    assert machine.true - 40 * SECOND == clock.now()

    watch = await look_at(machine, clock, log)

    assert (machine.true, None) == (clock.now(), watch.refusal())
    assert ["clock.anchored"] == log.events()


@pytest.mark.parametrize(("late", "left"), [(200, 200), (400, 0), (990, 0), (1_040, 0)])
async def test_our_clock_follows_before_it_is_refused(late, left):
    """A second late, and words of now are from the future; it was measured as less than one."""
    machine, log = Machine(-late * MS), Lines()
    clock = machine.clock()
    machine.wrong = 0

    watch = await look_at(machine, clock, log, trip=100 * MS)

    assert (machine.true - left * MS, None) == (clock.now(), watch.refusal())


async def test_an_early_clock_that_may_be_is_let_be():
    """Less than a second ahead it stays as it is: it is never moved back, nor a reason to end."""
    machine, log = Machine(900 * MS), Lines()
    clock = machine.clock()
    machine.wrong = 0

    watch = await look_at(machine, clock, log)

    assert (machine.true + 900 * MS, None) == (clock.now(), watch.refusal())
    assert ["clock.skewed"] == log.events()


@pytest.mark.parametrize("wrong", [-3, 3])
async def test_an_answer_that_took_long_is_no_witness(wrong):
    """It would agree with a machine that is seconds off: ours stays, and goes on being refused."""
    machine, log = Machine(-40 * SECOND), Lines()
    clock = machine.clock()
    machine.wrong = wrong * SECOND

    watch = await look_at(machine, clock, log, trip=8 * SECOND, later=wrong * SECOND)

    assert watch.refusal() is not None
    assert machine.true - 40 * SECOND == clock.now()
    assert ["clock.skewed"] == log.events()


async def test_our_clock_is_never_moved_back():
    """A start with a clock that was ahead ends the process once that was set right."""
    machine, log = Machine(40 * SECOND), Lines()
    clock = machine.clock()
    machine.wrong = 0

    with pytest.raises(Unavailable, match="start again") as raised:
        await look_at(machine, clock, log)

    assert 75 == raised.value.exit_code
    assert machine.true + 40 * SECOND == clock.now()


async def test_a_machine_that_is_wrong_moves_nothing():
    """Where the machine's clock is as wrong as ours nothing is sent until somebody mends it."""
    machine, log = Machine(40 * SECOND), Lines()
    clock = machine.clock()

    watch = await look_at(machine, clock, log)

    assert "40.0" in watch.refusal()
    assert machine.true + 40 * SECOND == clock.now()


async def test_a_clock_that_is_set_wrong_moves_nothing():
    """One that was right at the start is right for ever, whatever the machine shows."""
    machine, log = Machine(), Lines()
    clock = machine.clock()
    machine.wrong = -40 * SECOND

    watch = await look_at(machine, clock, log)

    assert (machine.true, None, []) == (clock.now(), watch.refusal(), log.events())
