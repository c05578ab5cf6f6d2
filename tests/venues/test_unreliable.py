"""The unreliable venue: what is said wrongly, late or never, and the way back to the truth."""

import asyncio
from decimal import Decimal

import pytest

from rebalancer.core.commands import TimeInForce
from rebalancer.core.events import Ending, Fill, OrderAccepted, OrderEnded, OrderRejected
from rebalancer.ports import SECOND
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.venues.mischance import Mischance, Mishap
from rebalancer.venues.paper import Depth
from rebalancer.venues.unreliable import LAG, LATE_FILL, SLOW, Unreliable
from tests.venues import contract
from tests.venues.contract import Subject, buy, cancel_of, query_of
from tests.venues.fair import ASK, BID, LATENCY, LINEAR, PERP, SIZE, START, visit

D = Decimal


def behind_faults(fair, seed=1, **rates):
    """Return a fair's venue with faults in front of it, as the contract wants to know it."""
    heard = []
    told = {Mishap(kind): rate for kind, rate in rates.items()}
    fair.mischance = Mischance(told, SeededRandomness(seed).generator)
    venue = Unreliable(fair.open_venue, fair.mischance, fair.clock, heard.append, fair.past)
    fair.accounts["fair"] = venue.hear
    return Subject(*(venue, fair.clock, LINEAR, BID, ASK, SIZE, heard, 10 * LATENCY))


async def send(tested, order):
    """Send an order in a task of its own, at once."""
    task = asyncio.get_running_loop().create_task(tested.venue.submit(order))
    await asyncio.sleep(0)
    return task


@pytest.mark.parametrize("story", contract.STORIES, ids=lambda story: story.__name__)
def test_contract(story):
    """Without faults it keeps the contract of every venue."""

    async def told(fair):
        await contract.check(story, behind_faults(fair))
        assert {} == fair.mischance.struck

    visit(told)


PATIENT = [s for s in contract.STORIES if s is not contract.accepts_and_fills]


@pytest.mark.parametrize("story", contract.STORIES, ids=lambda story: story.__name__)
def test_contract_of_a_slow_venue(story):
    """A venue that is slow keeps the contract all the same: nothing is lost or out of order."""

    async def told(fair):
        tested = behind_faults(fair, slow=1.0)
        tested.patience = 9 * SECOND
        await contract.check(story, tested)

    visit(told)


@pytest.mark.parametrize("story", PATIENT, ids=lambda story: story.__name__)
def test_contract_of_late_fills(story):
    """So does one whose fills are late, but for what comes first: the fills or the end."""

    async def told(fair):
        tested = behind_faults(fair, late_fill=1.0)
        tested.patience = 9 * SECOND
        await contract.check(story, tested)

    visit(told)


def test_reject():
    """A rejected order never reaches the exchange."""

    async def told(fair):
        tested = behind_faults(fair, reject=1.0)
        answer = await tested.venue.submit(buy(tested))
        await tested.settle()
        assert isinstance(answer, OrderRejected)
        assert ([], ()) == (tested.delivered, fair.exchange.fills("fair"))
        assert {"reject": 1} == fair.mischance.struck

    visit(told)


def test_lost_answer():
    """An order whose answer is lost fills once; nobody hears of it until somebody asks."""

    async def told(fair):
        tested = behind_faults(fair, lost_ack=1.0)
        order = buy(tested)
        waiting = await send(tested, order)
        await tested.settle()
        assert ([], False) == (tested.delivered, waiting.done())
        assert order.quantity == await tested.held()

        kinds = [type(event) for event in await tested.venue.query(query_of(order))]
        assert [OrderAccepted, Fill, OrderEnded] == kinds
        assert 1 == len(fair.exchange.fills("fair"))
        waiting.cancel()
        await asyncio.wait([waiting])

    visit(told)


@pytest.mark.parametrize("seed", range(8))
def test_slow_answer(seed):
    """A slow order trades in time; its answer, then its fills and its end, are 1 to 8 s late."""

    async def told(fair):
        tested = behind_faults(fair, seed, slow=1.0)
        order = buy(tested)
        waiting = await send(tested, order)
        await tested.clock.sleep(2 * LATENCY)
        assert ([], False) == (tested.delivered, waiting.done())
        assert [START + LATENCY] == [fill.ts for fill in fair.exchange.fills("fair")]
        assert Fill in [type(each) for each in await tested.venue.query(query_of(order))]

        answer = await waiting
        late = tested.clock.now() - START - 2 * LATENCY
        assert SLOW[0] <= late < SLOW[1]
        assert (tested.clock.now(), START + LATENCY) == (answer.ts_local, answer.ts_venue)
        assert [] == tested.delivered
        await tested.clock.sleep(1)
        assert [Fill, OrderEnded] == [type(each) for each in tested.delivered]
        assert {answer.ts_local} == {each.ts_local for each in tested.delivered}
        assert {START + LATENCY} == {each.ts_venue for each in tested.delivered}
        assert {"slow": 1} == fair.mischance.struck

    visit(told)


def test_some_answers_miss_the_deadline():
    """Of the slow answers some come within five seconds, and some do not."""
    waits = []

    async def told(fair):
        tested = behind_faults(fair, slow=1.0)
        for number in range(40):
            began = tested.clock.now()
            await tested.venue.submit(buy(tested, f"rb{number:02}", quantity=D("0.001")))
            waits.append(tested.clock.now() - began)

    visit(told)

    assert 10 <= sum(wait > 5 * SECOND for wait in waits) <= 25
    assert 40 == len(set(waits))


def test_slow_rejection():
    """A rejection of the venue's own can be slow, too, and leaves nothing behind."""

    async def told(fair):
        tested = behind_faults(fair, slow=1.0, late_fill=1.0)
        answer = await tested.venue.submit(buy(tested, quantity=D("0.0001")))
        assert isinstance(answer, OrderRejected)
        assert tested.clock.now() - START > SLOW[0]
        await tested.clock.sleep(10 * SECOND)
        assert [] == tested.delivered

    visit(told)


def test_others_do_not_wait():
    """Behind a slow answer waits what belongs to its order, and nothing else."""

    async def told(fair):
        tested = behind_faults(fair, seed=3, slow=0.5)
        waiting = [await send(tested, buy(tested, f"rb{n}", quantity=D("0.1"))) for n in range(6)]
        await tested.settle()
        done = [f"rb{n}" for n, task in enumerate(waiting) if task.done()]
        assert 0 < len(done) < 6
        assert done == [e.client_order_id for e in tested.delivered if isinstance(e, Fill)]
        await asyncio.wait(waiting)
        await tested.settle()
        assert 6 == sum(isinstance(each, Fill) for each in tested.delivered)

    visit(told)


@pytest.mark.parametrize("seed", range(8))
def test_late_fill(seed):
    """The end is told at once and says how much is to come; the fills come 0.2 to 3 s later."""

    async def told(fair):
        tested = behind_faults(fair, seed, late_fill=1.0)
        order = buy(tested, quantity=tested.size * 3)
        await tested.venue.submit(order)
        await tested.clock.sleep(1)
        (end,) = tested.delivered
        assert (OrderEnded, Ending.EXPIRED, tested.size) == (type(end), end.how, end.filled)
        assert START + 2 * LATENCY == end.ts_local

        await tested.clock.sleep(LATE_FILL[1])
        (_, *fills) = tested.delivered
        assert tested.size == sum(fill.quantity for fill in fills)
        late = fills[0].ts_local - end.ts_local
        assert LATE_FILL[0] <= late < LATE_FILL[1]
        assert {START + LATENCY} == {fill.ts_venue for fill in fills}
        assert {"late_fill": 1} == fair.mischance.struck

    visit(told)


def test_late_fill_after_a_cancel():
    """What a resting order filled before it was canceled comes after its end, too."""

    async def told(fair):
        tested = behind_faults(fair, late_fill=1.0)
        order = buy(tested, price=BID, time_in_force=TimeInForce.GTC)
        await tested.venue.submit(order)
        fair.move(Depth(LINEAR.id, (), ((BID, D("0.3")),)))
        await tested.venue.cancel(cancel_of(order))
        await tested.clock.sleep(1)
        assert [OrderEnded] == [type(each) for each in tested.delivered]
        await tested.clock.sleep(LATE_FILL[1])
        end, fill = tested.delivered
        assert (Ending.CANCELED, D("0.3"), D("0.3")) == (end.how, end.filled, fill.quantity)

    visit(told)


def test_late_fill_of_an_order_that_rests():
    """What a resting order fills comes late, but does not wait for its end."""

    async def told(fair):
        tested = behind_faults(fair, late_fill=1.0)
        await tested.venue.submit(buy(tested, price=BID, time_in_force=TimeInForce.GTC))
        fair.move(Depth(LINEAR.id, (), ((BID, D("0.3")),)))
        await tested.clock.sleep(LATE_FILL[0] - 1)
        assert [] == tested.delivered
        await tested.clock.sleep(LATE_FILL[1])
        assert [D("0.3")] == [each.quantity for each in tested.delivered]

    visit(told)


def test_lost_to_the_market():
    """Of an order whose answer was lost nothing is heard when the market fills it, either."""

    async def told(fair):
        tested = behind_faults(fair, lost_ack=1.0)
        waiting = await send(tested, buy(tested, price=BID, time_in_force=TimeInForce.GTC))
        await tested.settle()
        fair.move(Depth(LINEAR.id, (), ((BID, SIZE),)))
        await tested.settle()
        assert (1, []) == (len(fair.exchange.fills("fair")), tested.delivered)
        waiting.cancel()
        await asyncio.wait([waiting])

    visit(told)


def test_no_fill_is_not_late():
    """An order that ends with nothing has nothing that could be late."""

    async def told(fair):
        tested = behind_faults(fair, late_fill=1.0)
        await contract.price_is_a_limit(tested)
        assert {"late_fill": 0} == fair.mischance.struck

    visit(told)


def test_slow_and_late():
    """An order can be slow and its fills late: the answer, the end, and then the fills."""

    async def told(fair):
        tested = behind_faults(fair, slow=1.0, late_fill=1.0)
        await tested.venue.submit(buy(tested))
        assert [] == tested.delivered
        await tested.clock.sleep(LATE_FILL[1])
        assert [OrderEnded, Fill] == [type(each) for each in tested.delivered]
        assert {"slow": 1, "late_fill": 1} == fair.mischance.struck

    visit(told)


@pytest.mark.parametrize("seed", range(8))
def test_position_lag(seed):
    """A snapshot that lags shows the account of 0.5 to 5 s ago, and claims that it is new."""

    async def story(fair):
        tested = behind_faults(fair, seed, position_lag=1.0)
        lot = D("0.001")
        for number in range(70):  # one lot each 80 ms: what is held tells the time
            await fair.venue.submit(buy(tested, f"rb{number:02}", quantity=lot))
        asked = tested.clock.now() + LATENCY
        rows = {row.instrument: row for row in await tested.venue.positions()}
        told = rows[LINEAR.id]
        assert (asked, asked + LATENCY) == (told.ts_venue, told.ts_local)
        lag = (70 - int(told.quantity / lot)) * 2 * LATENCY
        assert LAG[0] - 2 * LATENCY <= lag <= LAG[1]
        assert "fair:USDT" in rows
        assert {"position_lag": 1} == fair.mischance.struck

    visit(story)


def test_position_lag_before_the_beginning():
    """No snapshot shows less than the account began with."""

    async def told(fair):
        tested = behind_faults(fair, position_lag=1.0)
        rows = {row.instrument: row.quantity for row in await tested.venue.positions()}
        assert (D(-500), D(1_000_000)) == (rows[PERP.id], rows["fair:USDT"])

    visit(told, [(PERP, "-500", "100000")])


def test_snapshots_that_do_not_lag():
    """At a rate between, some snapshots are behind and the others exact."""

    async def told(fair):
        tested = behind_faults(fair, position_lag=0.5)
        held = []
        for number in range(40):
            await tested.venue.submit(buy(tested, f"rb{number:02}", quantity=D("0.001")))
            held.append(await tested.held() == (number + 1) * D("0.001"))
        assert 40 - held.count(True) == fair.mischance.struck["position_lag"]
        assert 10 <= held.count(True) <= 30

    visit(told)


def test_rates():
    """Faults come as often as they were asked for, the same for the same stream."""

    async def told(fair):
        tested = behind_faults(fair, reject=0.25)
        answers = []
        for number in range(400):
            order = buy(tested, f"rb{number:02}", quantity=Decimal("0.001"))
            answers.append(type(await tested.venue.submit(order)))
        assert 70 <= answers.count(OrderRejected) <= 130
        assert 400 == answers.count(OrderRejected) + answers.count(OrderAccepted)
        assert {"reject": answers.count(OrderRejected)} == fair.mischance.struck

    visit(told)


@pytest.mark.parametrize("more", [{}, {"slow": 0.9}, {"late_fill": 0.9, "position_lag": 1.0}])
def test_other_faults_shift_nothing(more):
    """Which orders are rejected does not depend on what else goes wrong with them."""

    async def told(fair):
        tested = behind_faults(fair, reject=0.3, **more)
        rejected = []
        for number in range(40):
            answer = await tested.venue.submit(buy(tested, f"rb{number:02}", quantity=D("0.001")))
            await tested.venue.positions()
            if isinstance(answer, OrderRejected):
                rejected.append(number)
        fair.rejected = rejected

    assert [n for n, struck in enumerate(REJECTED) if struck] == visit(told).rejected


_CHANCE = SeededRandomness(1).generator("reject")
REJECTED = [_CHANCE.random(3)[0] < 0.3 for _ in range(40)]
