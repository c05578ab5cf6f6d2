"""Listings and maintenance at the three Binances: closed, gone or changed, and back again."""

import gzip
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core.events import InstrumentUnfit, OrderAccepted, OrderRejected, Unfit, VenueHeld
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import WallClock
from rebalancer.settings.catalogue import known
from rebalancer.settings.models import Mode, Venue
from rebalancer.simulation.faults import Kind, Plan
from rebalancer.simulation.shut import Shut
from rebalancer.venues.connection import connect
from rebalancer.venues.hold import VenueHold
from rebalancer.venues.listings import AGAIN, ListingWatch, Seat
from rebalancer.venues.profiles import BINANCE_SPOT, PROFILES
from tests.runtime.stage import Lines
from tests.venues.binance_desk import COINM, FIRST, LISTED, SPOT, USDM, desk, order

D = Decimal
VENUES = (USDM, COINM, SPOT)
INFO = {
    USDM: "GET /fapi/v1/exchangeInfo",
    COINM: "GET /dapi/v1/exchangeInfo",
    SPOT: "GET /api/v3/exchangeInfo",
}
every_venue = pytest.mark.parametrize("venue", VENUES)


@asynccontextmanager
async def watched(venue):
    """Yield a desk whose orders are watched, the watch, and what it told."""
    async with desk(venue) as opened:
        line, told = opened.line, []
        listed = {name: known(name) for name in LISTED[venue]}
        hold = VenueHold(
            line.connection, line.profile, [listed[FIRST[venue]]], line.clock, told.append
        )
        seat = Seat(line.connection, line.profile, line.budget, line.clock, Lines(), hold)
        watch = ListingWatch(seat, [FIRST[venue]], listed, opened.venue._markets)
        watch.hold(LISTED[venue], listed)
        opened.venue._line = replace(line, hold=hold, listings=watch)
        assert await look(watch, told) > AGAIN
        assert [] == told
        yield opened, watch, told


async def look(watch, told):
    """Look at everything now; return ns until the next time."""
    watch.now()
    return await watch.look(told.append)


def asked(opened):
    """Return how often the venue was asked what it lists."""
    return [method for method, _ in opened.loopback.server.calls].count(INFO[opened.name])


async def sent(opened, name="rb01"):
    """Return whether an order is taken."""
    return isinstance(await opened.venue.submit(order(opened.name, name)), OrderAccepted)


def steps(opened, **changes):
    """Return the filters of the first instrument, some of their fields changed."""
    name = FIRST[opened.name]
    first = known(name)
    told = {"tickSize": str(first.tick), "stepSize": str(first.lot), "minQty": str(first.minimum)}
    told |= changes
    return {
        "filters": [
            {"filterType": "PRICE_FILTER", "tickSize": told["tickSize"]},
            {"filterType": "LOT_SIZE", "stepSize": told["stepSize"], "minQty": told["minQty"]},
            {"filterType": "MARKET_LOT_SIZE", "stepSize": "9", "minQty": "9"},
        ]
    }


CASES = {
    "gone": (lambda opened, at, name: at.delist(name), Unfit.GONE, "none of this name"),
    "tick": (
        lambda opened, at, name: at.retold.update({name: steps(opened, tickSize="7")}),
        Unfit.CHANGED,
        "is 7",
    ),
    "step": (
        lambda opened, at, name: at.retold.update({name: steps(opened, stepSize="8")}),
        Unfit.CHANGED,
        "step was",
    ),
    "quote": (
        lambda opened, at, name: at.retold.update({name: {"quoteAsset": "EUR"}}),
        Unfit.CHANGED,
        "is EUR",
    ),
}


@pytest.mark.parametrize("case", CASES)
@every_venue
@pytest.mark.proves("binanceusdm", "listing", "loopback")
@pytest.mark.proves("binancecoinm", "listing", "loopback")
@pytest.mark.proves("binance", "listing", "loopback")
async def test_unfit(case, venue):
    """It is told, and no order leaves for it; the venue never hears of one."""
    change, how, what = CASES[case]
    async with watched(venue) as (opened, watch, told):
        change(opened, opened.host, FIRST[venue])
        await look(watch, told)
        (event,) = told

        assert (InstrumentUnfit, FIRST[venue], how) == (type(event), event.instrument, event.how)
        assert what in event.what
        assert not await sent(opened)
        assert [] == opened.held()


@pytest.mark.parametrize("venue", [USDM, COINM])
@pytest.mark.parametrize("word", ["SETTLING", "CLOSE", "DELIVERING"])
async def test_a_contract_that_is_closed(venue, word):
    """What is settled for good is closed, and no pause."""
    async with watched(venue) as (opened, watch, told):
        opened.host.halted[FIRST[venue]] = word
        await look(watch, told)

        assert [(Unfit.CLOSED, f"not traded ({word})")] == [(e.how, e.what) for e in told]
        assert not await sent(opened)


@pytest.mark.parametrize("venue", [USDM, COINM])
async def test_a_perpetual_that_will_be_delisted(venue):
    """A perpetual that is given an end is not what the book takes it for."""
    async with watched(venue) as (opened, watch, told):
        opened.host.retold[FIRST[venue]] = {"deliveryDate": 1_900_000_000_000}
        await look(watch, told)

        assert "expiry was 4133404800000, is 1900000000000" == told[0].what


async def test_another_contract_size():
    """A contract of another size is another contract."""
    async with watched(COINM) as (opened, watch, told):
        opened.host.retold[FIRST[COINM]] = {"contractSize": 10}
        await look(watch, told)

        assert "contract size was 100, is 10" == told[0].what


PAUSES = [
    (SPOT, "BREAK"),
    (SPOT, "HALT"),
    (SPOT, "AUCTION_MATCH"),
    (USDM, "PRE_SETTLE"),
    (USDM, "PENDING_TRADING"),
    (COINM, "PRE_DELIVERING"),
]


@pytest.mark.parametrize(("venue", "word"), PAUSES)
async def test_a_book_that_is_closed_for_now(venue, word):
    """It is no delisting: no order goes to it, it is asked again soon, and opens by itself."""
    async with watched(venue) as (opened, watch, told):
        opened.host.halted[FIRST[venue]] = word
        assert AGAIN == await look(watch, told)
        assert [f"its book is {word}"] == [each.reason for each in told]
        assert not await sent(opened)
        assert AGAIN == await watch.look(told.append)

        del opened.host.halted[FIRST[venue]]
        assert not await sent(opened, "rb02")  # not before a look found it open
        assert await watch.look(told.append) > AGAIN
        assert await sent(opened, "rb03")
        assert (VenueHeld, None) == (type(told[-1]), told[-1].reason)


@every_venue
async def test_an_order_that_is_denied(venue):
    """After "invalid symbol" nothing leaves until a look has found it traded; then it does."""
    async with watched(venue) as (opened, watch, told):
        plan = Plan(Kind.CODE, f"*POST*{'/api' if venue == SPOT else ''}*/order", code=-1121)
        opened.loopback.script.add(plan)
        answer = await opened.venue.submit(order(venue))
        assert isinstance(answer, OrderRejected)
        assert "-1121" in answer.reason
        again = await opened.venue.submit(order(venue, "rb02"))
        assert not again.sent
        before = asked(opened)
        assert await watch.look(told.append) > AGAIN  # at once, and of it alone
        assert before + 1 == asked(opened)
        assert [] == told
        assert await sent(opened, "rb03")


@pytest.mark.parametrize(
    ("venue", "word"), [(SPOT, "BREAK"), (USDM, "PRE_SETTLE"), (COINM, "PRE_DELIVERING")]
)
async def test_an_order_to_a_closed_book(venue, word):
    """The venue's own word for it bars the leg until the book is open again, no restart needed."""
    async with watched(venue) as (opened, watch, told):
        opened.host.halted[FIRST[venue]] = word
        answer = await opened.venue.submit(order(venue))
        assert answer.sent
        assert not (await opened.venue.submit(order(venue, "rb02"))).sent
        assert AGAIN == await watch.look(told.append)
        assert [f"its book is {word}"] == [each.reason for each in told]

        opened.host.halted.clear()
        await watch.look(told.append)
        assert await sent(opened, "rb03")


@every_venue
async def test_gone_and_listed_again(venue):
    """What comes back is found at a look, which arming brings at once."""
    async with watched(venue) as (opened, watch, told):
        name = FIRST[venue]
        opened.host.delist(name)
        assert not await sent(opened)
        await watch.look(told.append)
        assert [Unfit.GONE] == [each.how for each in told]

        opened.host.delisted.clear()
        opened.host.place.active[name] = None
        assert not await sent(opened, "rb02")
        watch.armed()
        await watch.look(told.append)
        assert await sent(opened, "rb03")


@every_venue
async def test_one_answer_for_all(venue):
    """Where the venue tells all at once, it is asked once for all; of spot, pair by pair."""
    async with watched(venue) as (opened, watch, told):
        before = asked(opened)
        await look(watch, told)

        assert (2 if venue == SPOT else 1) == asked(opened) - before


async def test_new_steps():
    """What an operator has seen is what orders are made by: tick, step and minimum."""
    async with watched(USDM) as (opened, watch, told):
        new = steps(opened, tickSize="0.5", stepSize="0.005", minQty="0.01")
        opened.host.retold[FIRST[USDM]] = new
        await look(watch, told)
        watch.armed()
        where = opened.venue._markets["BTCUSDT"]

        assert ("0.005", "0.01", "0.5") == (str(where.step), str(where.minimum), str(where.tick))


async def test_nothing_is_learned_from_a_bad_answer():
    """A list that is none, or empty, closes nothing."""
    listing = PROFILES[USDM].listing

    assert listing.read({"symbols": None}) is None
    assert listing.read({"symbols": []}) is None
    assert PROFILES[SPOT].listing.read({}) is None


@pytest.mark.proves("binanceusdm", "listing", "recorded")
@pytest.mark.proves("binance", "listing", "recorded")
def test_what_others_recorded(recordings):
    """What Binance listed in July 2026: a thousand symbols, some settled for good."""
    path = recordings / "raw" / "binance_rest_2026-07-04.jsonl.gz"
    if not path.is_file():
        pytest.skip("recordings absent")
    told = {}
    with gzip.open(path, "rt") as lines:
        for line in lines:
            row = json.loads(line)
            told[row["endpoint"].partition("?")[0]] = row["msg"]
    futures, pairs = PROFILES[USDM].listing, PROFILES[SPOT].listing
    rows = futures.read(told["/fapi/v1/exchangeInfo"])
    perp, omg = futures.row(rows["BTCUSDT"]), futures.row(rows["OMGUSDT"])
    pair = pairs.row(pairs.read(told["/api/v3/exchangeInfo"]))

    steps = ("tickSize", "stepSize", "minQty")
    assert ("TRADING", "0.10", "0.001", "0.001") == tuple(perp[x] for x in ("status", *steps))
    assert "SETTLING" == omg["status"]
    assert omg["status"] not in futures.open | futures.passing
    assert ("BTCUSDT", "0.01000000", "0.00001000") == tuple(pair[x] for x in ("symbol", *steps[:2]))
    assert set(futures.grave.values()) | set(futures.steps.values()) <= set(perp)
    assert set(pairs.grave.values()) | set(pairs.steps.values()) <= set(pair)


# --- maintenance --------------------------------------------------------------------


@pytest.mark.proves("binance", "hold", "loopback")
async def test_a_maintenance_is_told():
    """Spot's system status holds everything back while it says maintenance."""
    async with watched(SPOT) as (opened, watch, told):
        hold = watch._seat.hold
        await hold.look()
        assert hold.refusal() is None
        opened.host.shut = Shut(-1016, opened.clock.now() + 60 * SECOND)
        await hold.look()
        assert "it is locked" in hold.refusal()
        assert not (await opened.venue.submit(order(SPOT))).sent
        opened.host.shut = None
        hold._until = 0  # its calm is over
        await hold.look()
        assert hold.refusal() is None
        assert [True, True] == [isinstance(each, VenueHeld) for each in told]
        assert await sent(opened, "rb02")


@pytest.mark.parametrize(("venue", "asks"), [(SPOT, 1), (USDM, 0), (COINM, 0)])
async def test_whose_status_it_is(venue, asks):
    """The status is spot's; the futures are not shut by it, and say themselves that they are."""
    async with watched(venue) as (opened, watch, _told):
        await watch._seat.hold.look()
        methods = [method for method, _ in opened.loopback.server.calls]

        assert asks == methods.count("GET /sapi/v1/system/status")


async def test_a_testnet_has_no_status():
    """Where nobody tells it, its absence is no lock."""
    connection = connect(SPOT, Venue(account="1"), Mode.TESTNET)
    try:
        hold = VenueHold(connection, BINANCE_SPOT, [], WallClock(), None)
        await hold.look()
        assert hold.refusal() is None
    finally:
        await connection.close()
