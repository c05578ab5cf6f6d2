"""The hold: a venue that takes no orders is left alone, and what it says about itself is read."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import ccxt
import pytest

from rebalancer.core.events import OrderRejected, OrderUnknown, VenueHeld
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import MarketClock, run_market
from rebalancer.simulation.deribit.desk import Shut
from rebalancer.venues.hold import EVERY, FIRST, LONGEST, VenueHold
from rebalancer.venues.profile import Opening
from rebalancer.venues.profiles import DERIBIT, OKX
from tests.venues.loopback import ACCOUNT, INSTRUMENTS, PERP, desk, order

LINEAR = replace(INSTRUMENTS[PERP], id="deribit:BTC_USDC-PERPETUAL", settle="USDC")

START = 1_769_757_300 * SECOND


class Told:
    """A venue that says of itself what it is told to say; an error: it does not answer."""

    venue = "deribit"

    def __init__(self):
        self.says, self.asked = {"locked": "false"}, 0
        self.exchange = SimpleNamespace(public_get_status=self._tell)

    async def _tell(self, _params):
        self.asked += 1
        if isinstance(self.says, Exception):
            raise self.says
        return {"result": self.says}


def run(story, profile=DERIBIT):
    """Run a story of a venue and a hold that runs; return what was told, as (s, reason)."""
    clock, venue, told = MarketClock(START), Told(), []
    hold = VenueHold(venue, profile, [INSTRUMENTS[PERP], LINEAR], clock, told.append)

    async def main():
        task = asyncio.ensure_future(hold.run(lambda event: None))
        await story(venue, hold, clock)
        task.cancel()

    run_market(clock, main())
    assert {VenueHeld} >= {type(each) for each in told}
    return [((each.ts_local - START) // SECOND, each.reason) for each in told]


@pytest.mark.parametrize(
    ("says", "held"),
    [
        ({"locked": "false", "locked_indices": []}, None),
        ({"locked": False}, None),
        ({"locked": "true"}, "it is locked"),
        ({"locked": True, "locked_currencies": ["BTC", "ETH"]}, "it is locked"),
        ({"locked": "partial"}, "a part of it is locked, and it does not say which"),
        ({"locked": "perhaps"}, "it is locked"),
    ],
)
def test_what_it_says(says, held):
    """Shut, open, or shut for coins that this book does not trade."""

    async def story(venue, hold, clock):
        venue.says = says
        await clock.sleep(SECOND)

    assert ([] if held is None else [(0, held)]) == run(story)


@pytest.mark.parametrize(
    ("says", "barred"),
    [
        ({"locked_indices": ["btc_usd"]}, {PERP: "btc_usd locked"}),
        ({"locked_indices": ["btc_usdc"]}, {LINEAR.id: "btc_usdc locked"}),
        ({"locked_currencies": ["ETH", "BTC"]}, {PERP: "BTC locked", LINEAR.id: "BTC locked"}),
        ({"locked_currencies": ["USDC"]}, {LINEAR.id: "USDC locked"}),  # it settles there
        ({"locked_indices": ["eth_usd", "sol_usdc"]}, {}),  # not ours
    ],
)
def test_a_part_that_is_locked(says, barred):
    """It bars what it touches, says so once, and the rest of the venue goes on."""
    clock, venue, told = MarketClock(START), Told(), []
    hold = VenueHold(venue, DERIBIT, [INSTRUMENTS[PERP], LINEAR], clock, told.append)

    async def main():
        venue.says = {"locked": "partial", **says}
        for _ in range(3):
            await hold.look()
        found = {each.instrument: each.reason for each in told}
        assert (barred, len(barred)) == (found, len(told))
        for name in (PERP, LINEAR.id):
            assert (name in barred) is (hold.refusal(name) is not None)
        venue.says = {"locked": "false"}
        await hold.look()
        assert dict.fromkeys(barred) == {e.instrument: e.reason for e in told[len(barred) :]}
        assert hold.refusal(PERP) is hold.refusal(LINEAR.id) is hold.refusal() is None

    run_market(clock, main())


def test_two_who_bar_one_instrument():
    """It is free again when both are done."""
    clock, told = MarketClock(START), []
    hold = VenueHold(Told(), DERIBIT, [LINEAR], clock, told.append)
    hold.bar(LINEAR.id, "one", "its book is halted")
    hold.bar(LINEAR.id, "other", "USDC locked")
    hold.bar(LINEAR.id, "one", None)
    assert "USDC locked" in hold.refusal(LINEAR.id)
    hold.bar(LINEAR.id, "other", None)

    assert ["its book is halted", "USDC locked", None] == [each.reason for each in told]


def test_it_lasts_as_long_as_it_lasts():
    """It is asked every other second, told once, and opens when it says so."""

    async def story(venue, hold, clock):
        venue.says = {"locked": "true"}
        await clock.sleep(3600 * SECOND)
        assert "takes no orders: it is locked" in hold.refusal()
        venue.says = {"locked": "false"}
        await clock.sleep(10 * SECOND)
        assert hold.refusal() is None

    told = run(story)

    assert [(0, "it is locked"), (3604, None)] == told


@pytest.mark.parametrize(
    ("code", "shuts"), [("10041", True), ("11051", True), ("10028", False), (None, False)]
)
def test_an_answer_that_says_not_now(code, shuts):
    """It counts at once, and ends a span after the last one though nothing is locked."""

    async def story(venue, hold, clock):
        await clock.sleep(SECOND)
        hold.heard(code)
        assert shuts == (hold.refusal() is not None)
        await clock.sleep(4 * SECOND)
        hold.heard(code)
        await clock.sleep(FIRST - SECOND)
        assert shuts == (hold.refusal() is not None)
        await clock.sleep(3 * SECOND)
        assert hold.refusal() is None

    assert ([(1, f"it answered {code}"), (11, None)] if shuts else []) == run(story)


def test_flapping():
    """Each time that it shuts again soon, twice as long passes until it opens, up to a minute."""
    seconds = []

    async def story(venue, hold, clock):
        for _ in range(8):
            hold.heard("10041")
            began = clock.now()
            while hold.reason is not None:
                await clock.sleep(SECOND)
            seconds.append((clock.now() - began) // SECOND)
        await clock.sleep(700 * SECOND)
        hold.heard("10041")
        await clock.sleep(FIRST + 3 * SECOND)
        assert hold.reason is None  # it was steady for long

    run(story)

    assert sorted(seconds) == seconds
    assert seconds[0] <= 8
    assert 2 * seconds[0] < seconds[2]
    assert LONGEST // SECOND <= seconds[-1] <= LONGEST // SECOND + 4


@pytest.mark.parametrize("silent", [ccxt.ExchangeNotAvailable("503"), ccxt.RequestTimeout("-")])
def test_silence(silent):
    """One question without an answer is nothing, three in a row are a no."""

    async def story(venue, hold, clock):
        await clock.sleep(SECOND)
        venue.says = silent
        await clock.sleep(EVERY)
        assert hold.refusal() is None
        await clock.sleep(5 * SECOND)
        assert "does not answer" in hold.refusal()
        venue.says = {"locked": "false"}
        await clock.sleep(10 * SECOND)
        assert hold.refusal() is None

    run(story)


def test_silence_that_is_explained():
    """A venue that was silent and then says why is told once more, as its own word."""
    said = []

    async def story(venue, hold, clock):
        hold._deliver = said.append
        venue.says = ccxt.ExchangeNotAvailable("503")
        await clock.sleep(10 * SECOND)
        venue.says = {"locked": "true"}
        await clock.sleep(10 * SECOND)
        venue.says = ccxt.ExchangeNotAvailable("503")
        await clock.sleep(30 * SECOND)

    run(story)

    assert [False, True] == [each.said for each in said]


def test_an_order_without_an_answer():
    """It is no word of the venue's, and a reason to ask for one at once."""

    async def story(venue, hold, clock):
        await clock.sleep(SECOND)
        venue.says = {"locked": "true"}
        hold.heard(None)
        await clock.sleep(SECOND)

    assert [(1, "it is locked")] == run(story)


def test_an_answer_without_meaning():
    """One that does not say whether it is locked is none."""

    async def story(venue, hold, clock):
        venue.says = {}
        await clock.sleep(5 * SECOND)
        assert "does not answer" in hold.refusal()

    run(story)


def test_maintenance_in_answer_to_the_question():
    """The question itself may be answered with it."""

    async def story(venue, hold, clock):
        body = '{"error":{"code":11051,"message":"system_maintenance"}}'
        venue.says = ccxt.OnMaintenance(f"deribit {body}")
        await clock.sleep(SECOND)

    assert [(0, "it answered 11051")] == run(story)


def test_a_venue_that_does_not_tell():
    """Without a question to ask only its answers shut it, and a span without one opens it."""
    profile = replace(OKX, opening=Opening(codes=frozenset({"50001"})))

    async def story(venue, hold, clock):
        await clock.sleep(SECOND)
        hold.heard("50001")
        await clock.sleep(10 * SECOND)
        assert 0 == venue.asked

    assert [(1, "it answered 50001"), (7, None)] == run(story, profile)


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        (10041, OrderRejected),  # "that time trading is paused"
        (11051, OrderUnknown),  # nothing is said of orders
    ],
)
async def test_an_order_into_it(code, answer):
    """The first one is answered by the venue, what follows does not leave this machine."""
    async with desk() as opened:
        place, said = opened.loopback.host.desk, []
        hold = VenueHold(
            opened.line.connection, DERIBIT, [INSTRUMENTS[PERP]], opened.clock, said.append
        )
        opened.venue._line = replace(opened.line, hold=hold)
        place.shut = Shut(code, opened.clock.now() + 60 * SECOND)
        first = await opened.venue.submit(order("rb01"))
        sent = len(opened.loopback.server.calls)
        second = await opened.venue.submit(order("rb02"))

        assert answer is type(first)
        assert (OrderRejected, False) == (type(second), second.sent)
        assert f"takes no orders: it answered {code}" in second.reason
        assert sent == len(opened.loopback.server.calls)
        assert [VenueHeld(said[0].ts_local, ACCOUNT, f"it answered {code}")] == said

        place.shut = None
        hold._until = 0
        await hold.look()
        assert [ACCOUNT, None] == [said[-1].account, said[-1].reason]
        third = await opened.venue.submit(order("rb03"))
        assert "OrderAccepted" == type(third).__name__
        assert ["rb03"] == [each.asked.label for each in opened.buys()]


@pytest.mark.parametrize(("locked", "held"), [("true", True), ("false", False)])
@pytest.mark.proves("deribit", "hold", "loopback")
async def test_status_over_the_wire(locked, held):
    """What unmodified ccxt brings of public/status is read as it is meant."""
    async with desk() as opened:
        hold = VenueHold(
            opened.line.connection, DERIBIT, [INSTRUMENTS[PERP]], opened.clock, lambda _: None
        )
        until = opened.clock.now() + 60 * SECOND
        opened.loopback.host.desk.shut = Shut(11051, until, locked)
        await hold.look()

        assert held == (hold.reason is not None)
