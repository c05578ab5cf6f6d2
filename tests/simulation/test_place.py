"""A place by itself: a seeded world goes through it, and its books stay right."""

import asyncio
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from rebalancer.core.events import FundingRate
from rebalancer.exchange.exchange import OpeningAccount
from rebalancer.exchange.orders import CashRequest, TimeInForce
from rebalancer.exchange.records import CashKind
from rebalancer.exchange.terms import AccountTerms
from rebalancer.market.params import standard_params
from rebalancer.market.records import SettlementDue
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import WallClock
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.settings import load, resolve
from rebalancer.simulation.accounts import Asked, PostingKind
from rebalancer.simulation.driver import Driver
from rebalancer.simulation.faults import AFTER, BEFORE, Kind, Plan
from rebalancer.simulation.key import Key
from rebalancer.simulation.loopback import open_setup, seeded_loopback, seeded_world
from rebalancer.simulation.place import Place
from rebalancer.simulation.shifted import ShiftedClock
from tests.simulation.fair import ACCOUNT, INSTRUMENTS, PERP, fair, make, step_of, wire

D = Decimal
DEMO = Path(__file__).resolve().parents[2] / "config" / "demo.toml"


class Hand:
    """A clock that is set by hand."""

    def __init__(self, start):
        self.ts = start

    def now(self):
        return self.ts


def test_an_hour_of_the_demo():
    """Settlement, delivery and trades of a seeded hour: the statement is the model's to the end."""
    settings = load(DEMO)
    instruments = [each for each in resolve(settings).values() if each.venue == "deribit"]
    market = settings.market
    params = standard_params(market.start, market.prices, market.vols, market.step)
    advance, first = seeded_world(instruments, params, 7)
    traded = [each for each in instruments if each.kind != "cash"]
    clock = Hand(market.start)
    setup = open_setup("deribit", instruments, [OpeningAccount("a", {"BTC": D(10), "ETH": D(99)})])
    place, draw = Place(setup, clock), SeededRandomness(1).generator("orders")
    place.tell(first)
    for _ in range(360):
        clock.ts += 10 * SECOND
        place.tell(advance(clock.ts))
        contract = traded[int(draw.integers(len(traded)))]
        quantity = contract.lot * int(draw.integers(-50, 50) or 1)
        place.submit(Asked("a", contract.id, quantity, None, TimeInForce.IOC))
        assert {} == place.differences("a")

    statement = place.statements["a"]
    kinds = {each.kind for each in statement.postings}
    paid = [each for each in statement.postings if each.kind is PostingKind.SETTLEMENT]
    assert {PostingKind.TRADE, PostingKind.SETTLEMENT, PostingKind.DELIVERY} == kinds
    assert any(each.funding for each in paid)
    assert D(0) == place.exchange.imbalance("BTC") == place.exchange.imbalance("ETH")
    assert abs(statement.realised("BTC", paid[-1].ts)) < D("1e-12")  # finer than what is booked


def test_differences():
    """What the model booked behind the statement's back is found."""
    place = make().place
    place.exchange.deposit(place.now(), ACCOUNT, "BTC", D(1))

    assert {"BTC": D(-1)} == place.differences(ACCOUNT)


def test_funding_that_the_model_books_early():
    """A liquidation does so; the balance that is told moves no sooner for it than at the end."""
    loopback = make()
    place, statement = loopback.place, loopback.place.statements[ACCOUNT]
    place.submit(Asked(ACCOUNT, PERP, D(1_000), None, TimeInForce.IOC))
    place.tell(replace(step_of(place.clock.now()), funding_rates=(fast(place),)))
    before, cash = statement.balance("BTC"), place.balances(ACCOUNT)["BTC"]
    time.sleep(0.02)
    place._take(place.exchange.accrue_funding(place.now()))
    paid = statement.booked_funding("BTC")

    assert paid < D("-0.00001")
    assert (before, cash) == (statement.balance("BTC"), place.balances(ACCOUNT)["BTC"])
    assert cash + paid == place.exchange.balances(ACCOUNT)["BTC"]
    assert {} == place.differences(ACCOUNT)

    time.sleep(0.02)
    due = (SettlementDue(PERP, D(100_000)),)
    place.tell(replace(step_of(place.clock.now()), funding_rates=(), settlements=due))

    (line,) = [each for each in statement.postings if each.kind is PostingKind.SETTLEMENT]
    assert line.funding < paid
    assert 0 == statement.booked_funding("BTC")
    assert place.balances(ACCOUNT) == place.exchange.balances(ACCOUNT)
    assert {} == place.differences(ACCOUNT)


def fast(place):
    """Return a rate at which longs pay a tenth a second."""
    ts = place.clock.now()
    return FundingRate(ts, ts, PERP, 0.1, SECOND, None)


def test_taken_down():
    """A liquidation is a trade of the account that it never asked for, and is marked as one."""
    loopback = make()
    place = loopback.place
    asked = Asked(ACCOUNT, PERP, D(50_000), None, TimeInForce.IOC)
    for _ in range(100):
        place.submit(asked)
        place.tell(step_of(place.clock.now()))
    place.move_cash(CashRequest(ACCOUNT, CashKind.WITHDRAWAL, "BTC", D("-4")))
    for each in range(1, 60):
        step = step_of(place.clock.now(), -each * 1_000)
        place.tell(replace(step, books=step.books[:2], option_marks=()))

    forced = [each for each in place.statements[ACCOUNT].executions if each.forced]
    assert forced
    assert all(each.quantity < 0 for each in forced)
    assert {} == place.differences(ACCOUNT)


def test_silent_instruments():
    """What the world keeps silent moves in the books and is told to nobody."""
    loopback = make()
    told = []

    class Ear:
        def moved(self, instruments, indexes):
            told.append((list(instruments), list(indexes)))

        def booked(self, booked):
            raise AssertionError(booked)

    loopback.place.listen(Ear())
    loopback.place.tell(step_of(loopback.place.clock.now(), 5, silent=(PERP,)))

    assert [(["deribit:ETH-PERPETUAL"], ["BTC", "ETH"])] == [
        ([each for each in names if "PERP" in each], indexes) for names, indexes in told
    ]
    assert D("100002.5") == loopback.place.tape.seen[PERP].mark


async def test_seeded():
    """The demo's Deribit answers in its seeded world, which goes on by itself from its date."""
    settings = load(DEMO)
    clock = ShiftedClock(WallClock(), settings.market.start)
    keys = [Key("id", "secret", "deribit", 4_711)]
    loopback = seeded_loopback(settings, resolve(settings), keys, clock, 7)
    async with loopback, wire(loopback) as line:
        await line.log_in(keys[0])
        held = (await line.ask("private/get_positions", currency="any"))["result"]
        first = (await line.ask("public/get_time"))["result"]
        before = loopback.place.tape.seen["deribit:BTC-PERPETUAL"].change
        await asyncio.sleep(1.3)
        after = loopback.place.tape.seen["deribit:BTC-PERPETUAL"].change

    inside = [each for each in settings.holdings if each.instrument.startswith("deribit:")]
    coins = {"deribit:BTC", "deribit:ETH"}
    wanted = {e.instrument: float(e.quantity) for e in inside if e.instrument not in coins}
    assert wanted == {f"deribit:{each['instrument_name']}": each["size"] for each in held}
    assert 0 <= first - settings.market.start // 10**6 < 2_000
    assert after > before


async def test_driver_tells_every_place():
    """A step is told at the present, never twice at one time."""
    clock = Hand(10**18)
    setup = open_setup("deribit", INSTRUMENTS, [OpeningAccount("a", terms=AccountTerms())])
    places = [Place(setup, clock)]
    times = []

    def advance(ts):
        times.append(ts)
        return step_of(ts)

    driver = Driver(advance, places, clock, SECOND)
    driver.step()
    driver.step()
    clock.ts += SECOND
    driver.step()

    assert [10**18, 10**18 + 1, 10**18 + SECOND] == times
    assert D(100_000) == places[0].tape.seen[PERP].mark


async def test_shifted_clock():
    """It shows another date and goes at the same pace."""
    clock = ShiftedClock(WallClock(), 10**18)
    began, called = clock.now(), []
    clock.call_at(began + SECOND // 20, lambda: called.append(clock.now() - began))
    await clock.sleep(SECOND // 10)

    assert 0 <= began - 10**18 < SECOND
    assert pytest.approx(0.05, abs=0.04) == called[0] / SECOND
    assert clock.monotonic() > 0


def test_shifted_clock_that_is_set():
    """It follows the other, which follows its machine, from its own date."""
    machine = [5 * SECOND, SECOND]
    clock = ShiftedClock(WallClock(lambda: machine[0], lambda: machine[1]), 10**18)
    machine[0] += 3 * SECOND

    assert 3 * SECOND == clock.wall() - clock.now()
    clock.anchor()
    assert 10**18 + 3 * SECOND == clock.now() == clock.wall()


@pytest.mark.parametrize("seed", range(3))
async def test_a_mix_of_faults(seed):
    """Whatever goes wrong on the way, an order that was accepted is in the books, and no other."""
    kinds = [each for each in (*BEFORE, *AFTER) if each not in (Kind.DROP_BEFORE, Kind.DROP_AFTER)]
    bought = {"instrument_name": "BTC-PERPETUAL", "amount": 10, "type": "market"}
    async with fair() as loopback, wire(loopback) as line:
        loopback.script._generator = SeededRandomness(seed).generator("mix")
        loopback.script.add(
            *(
                Plan(kind, "private/buy", times=None, chance=0.08, seconds=0.01, code=10047)
                for kind in kinds
            )
        )
        await line.log_in()
        for number in range(1_000, 1_120):
            await line.send("private/buy", number, **bought, label=f"rb{number}")
        await asyncio.sleep(0.3)
        done, place = loopback.script.done, loopback.place

    never = [each for each in done if each.plan.kind in BEFORE and each.plan.kind is not Kind.LATE]
    assert {each.plan.kind for each in done} == set(kinds)
    assert 120 - len(never) == len(place.orders(ACCOUNT))
    assert D(10) * (120 - len(never)) == place.positions(ACCOUNT)[PERP]
    assert {} == place.differences(ACCOUNT)
