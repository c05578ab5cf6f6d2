"""The live venue through unmodified ccxt against the loopback Deribit: sent once, then proved."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core.commands import Cancel, Query, TimeInForce
from rebalancer.core.events import (
    Ending,
    Fill,
    OrderAccepted,
    OrderEnded,
    OrderNotFound,
    OrderRejected,
    OrderUnknown,
)
from rebalancer.core.orders import Order, OrderState
from rebalancer.errors import Unavailable
from rebalancer.simulation.faults import Deed, Kind, Plan
from rebalancer.venues.orders_ccxt import Sent
from rebalancer.venues.outcome import KeyRefused
from tests.venues import contract, loopback
from tests.venues.contract import Subject
from tests.venues.loopback import ACCOUNT, ASK, BID, INSTRUMENTS, PERP, SIZE, desk, order, pause

D = Decimal
NAME = "rb01"
QUERY = Query(NAME, ACCOUNT, PERP)


@pytest.mark.parametrize("story", contract.STORIES, ids=lambda story: story.__name__)
@pytest.mark.proves("deribit", "amounts", "loopback")
async def test_contract(story):
    """The live venue keeps the contract of every venue."""
    async with desk(resting=True) as opened:
        tested = Subject(
            *(opened.venue, opened.clock, INSTRUMENTS[PERP], BID, ASK, SIZE, opened.delivered),
            50_000_000,
        )
        await contract.check(story, tested)


@pytest.mark.parametrize(
    "kind", [Kind.DROP_AFTER, Kind.TRUNCATE, Kind.HTML, Kind.ERROR_AFTER], ids=str
)
@pytest.mark.proves("deribit", "once", "loopback")
@pytest.mark.trap("get-is-sent-twice", "deribit")
@pytest.mark.trap("no-answer-proves-nothing", "deribit")
@pytest.mark.trap("cut-answer-looks-final", "deribit")
@pytest.mark.trap("page-with-status-200", "deribit")
@pytest.mark.trap("status-without-a-code", "deribit")
async def test_lost_answer_buys_once(kind):
    """The GET drop, and every answer that is none: one buy, unknown, then a query proves it."""
    async with desk() as opened:
        opened.loopback.script.add(Plan(kind, "private/buy", times=None))
        answer = await opened.venue.submit(order())
        buys = opened.buys(NAME)
        told = await opened.venue.query(QUERY)

        assert isinstance(answer, OrderUnknown)
        assert 1 == len(buys)
        assert 1 == len(opened.loopback.script.struck(kind))
        assert [OrderAccepted, Fill, OrderEnded] == [type(event) for event in told]
        assert (Ending.FILLED, D(100)) == (told[-1].how, told[-1].filled)
        assert D(100) == told[1].quantity


@pytest.mark.parametrize("kind", [Kind.DROP_BEFORE, Kind.ERROR_BEFORE], ids=str)
async def test_lost_before_acceptance(kind):
    """What never reached the books is unknown as well, and the query finds nothing."""
    async with desk() as opened:
        opened.loopback.script.add(Plan(kind, "private/buy", times=None))
        answer = await opened.venue.submit(order())
        (told,) = await opened.venue.query(QUERY)

        assert isinstance(answer, OrderUnknown)
        assert [] == opened.buys()
        assert 1 == len(opened.loopback.script.struck(kind))
        assert isinstance(told, OrderNotFound)


@pytest.mark.trap("refused-connection-is-not-sent", "deribit")
async def test_nobody_there_is_not_sent():
    """A refused connection proves that nothing left: it is rejected, and may be decided anew."""
    async with desk() as opened:
        await opened.loopback.server.stop()
        await pause()  # the end of an idle connection arrives
        answer = await opened.venue.submit(order())

        assert isinstance(answer, OrderRejected)
        assert not answer.sent


@pytest.mark.parametrize(
    ("code", "kind", "sent"),
    [
        (10009, OrderRejected, True),
        (11094, OrderUnknown, None),
        (10040, OrderUnknown, None),
        (10041, OrderRejected, True),
        (10028, OrderRejected, True),
    ],
)
@pytest.mark.proves("deribit", "codes", "loopback")
@pytest.mark.trap("X01", "deribit")
async def test_codes(code, kind, sent):
    """A code that proves non-acceptance rejects; one that does not leaves it unknown."""
    async with desk() as opened:
        opened.loopback.script.add(Plan(Kind.CODE, "private/buy", code=code))
        answer = await opened.venue.submit(order())

        assert isinstance(answer, kind)
        assert str(code) in answer.reason
        assert sent is None or sent is answer.sent


@pytest.mark.proves("deribit", "fills", "loopback")
async def test_five_fills_in_a_burst():
    """Five fills of one account are five, by answers and by history alike."""
    async with desk() as opened:
        for number in range(5):
            await opened.venue.submit(order(f"rb0{number}", quantity=D(10)))
        await pause()
        hints = [event for event in opened.delivered if isinstance(event, Fill)]
        told = (await opened.venue.history(0)).events
        fills = [event for event in told if isinstance(event, Fill)]

        assert 5 == len(hints) == len({fill.trade_id for fill in hints})
        assert [fill.trade_id for fill in hints] == [fill.trade_id for fill in fills]
        assert [f"rb0{number}" for number in range(5)] == [each.client_order_id for each in fills]


async def test_foreign_trades_are_facts():
    """What somebody else traded on the account is told, and is nobody's order of ours."""
    async with desk() as opened:
        deed = Deed(ACCOUNT, PERP, D(-50), label="another-bot")
        opened.loopback.script.add(Plan(Kind.MANUAL, "*", deed=deed))
        await opened.venue.positions()
        await pause()
        told = (await opened.venue.history(0)).events

        assert [(D(-50), None)] == [(each.quantity, each.client_order_id) for each in told]
        held = {row.instrument: row.quantity for row in await opened.venue.positions()}
        assert D(-50) == held[PERP]


@pytest.mark.trap("absence-is-no-proof", "deribit")
async def test_lag_is_no_absence():
    """An order that was accepted and does not show yet is not called absent."""
    async with desk() as opened:
        await opened.venue.submit(order())
        opened.loopback.script.add(Plan(Kind.LAG, "private/*", times=None, seconds=60))

        with pytest.raises(Unavailable, match="may be behind"):
            await opened.venue.query(QUERY)


@pytest.mark.trap("absence-is-no-proof", "deribit")
async def test_lag_after_a_lost_answer():
    """Where nobody saw an acceptance, a lagging venue says not found: evidence, not proof."""
    async with desk() as opened:
        opened.loopback.script.add(
            Plan(Kind.DROP_AFTER, "private/buy"),
            Plan(Kind.LAG, "private/get_*", times=None, seconds=60, lasts=0.3),
        )
        await opened.venue.submit(order())
        (early,) = await opened.venue.query(QUERY)
        await opened.clock.sleep(400_000_000)
        late = await opened.venue.query(QUERY)

        assert isinstance(early, OrderNotFound)
        assert isinstance(late[-1], OrderEnded)


@pytest.mark.trap("deribit-label-twice", "deribit")
async def test_duplicate_label():
    """Deribit takes a label twice: both are found, and nothing of either is left out."""
    async with desk() as opened:
        for _ in range(2):
            await opened.venue.submit(order())
        told = await opened.venue.query(QUERY)

        assert 2 == len(opened.buys(NAME))
        assert 2 == len({event.trade_id for event in told if isinstance(event, Fill)})


async def test_wrong_key():
    """A key that the venue does not know rejects orders and is named where it reads."""
    stranger = replace(loopback.KEY, client_id="nobody-knows-me")
    async with desk(stranger) as opened:
        answer = await opened.venue.submit(order())

        assert isinstance(answer, OrderRejected)
        assert "13004" in answer.reason
        with pytest.raises(KeyRefused) as raised:
            await opened.venue.positions()
        assert 77 == raised.value.exit_code
        assert "secret-of-desk" not in str(raised.value)
        assert [] == opened.buys()


async def test_reading_key_trades_nothing():
    """A key without the right to trade gets its orders rejected."""
    async with desk(loopback.READER) as opened:
        answer = await opened.venue.submit(order())

        assert isinstance(answer, OrderRejected)
        assert [] == opened.buys()


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"instrument": "deribit:DOGE-PERPETUAL"}, "not traded"),
        ({"instrument": "bybit:BTC-PERPETUAL"}, "not traded"),
        ({"quantity": D(5)}, "multiple of 10"),
        ({"quantity": D("NaN")}, "numbers"),
        ({"price": D(0)}, "above 0"),
        ({"price": D("100000.3")}, "multiple of 0.5"),
        ({"time_in_force": TimeInForce.GTC}, "dead-man"),
        ({"time_in_force": TimeInForce.POST_ONLY}, "dead-man"),
    ],
)
@pytest.mark.trap("X04", "deribit")
async def test_refused_here(changes, word):
    """What must not go does not: it is named, and nothing reaches the venue."""
    async with desk() as opened:
        answer = await opened.venue.submit(order(**changes))

        assert isinstance(answer, OrderRejected)
        assert not answer.sent
        assert word in answer.reason
        assert [] == opened.buys()


@pytest.mark.trap("deribit-contract-size-is-decoration", "deribit")
async def test_declared_size_is_not_guessed():
    """An instrument whose contract is not what the venue counts is refused by name."""
    odd = {PERP: replace(INSTRUMENTS[PERP], size=D(10))}
    async with desk(instruments=odd) as opened:
        answer = await opened.venue.submit(order())

        assert "size must be 1" in answer.reason
        assert [] == opened.buys()


async def test_cancel_without_answer_raises():
    """Nobody may think that an order is gone when the cancel was not answered."""
    async with desk() as opened:
        opened.loopback.script.add(Plan(Kind.DROP_BEFORE, "private/cancel_by_label"))

        with pytest.raises(Unavailable, match="cancel_by_label"):
            await opened.venue.cancel(Cancel(NAME, ACCOUNT, PERP))


@pytest.mark.trap("too-many-requests", "deribit")
async def test_rate_limit_pauses_polling_and_orders():
    """After a 429 polls and orders rest, and cancels pass."""
    async with desk() as opened:
        opened.loopback.script.add(Plan(Kind.LIMIT, "private/buy"))
        first = await opened.venue.submit(order())
        second = await opened.venue.submit(order("rb02"))
        await opened.venue.cancel(Cancel(NAME, ACCOUNT, PERP))

        assert opened.line.budget.complaints >= 1
        assert not isinstance(first, OrderAccepted)
        assert "rate budget" in second.reason
        assert not second.sent
        assert [] == opened.buys()


async def test_socket_lost_disarms():
    """When the trading socket ends the venue takes what rested, and nothing rests any more."""
    async with desk(resting=True) as opened:
        resting = order(price=BID, time_in_force=TimeInForce.POST_ONLY)
        accepted = await opened.venue.submit(resting)
        await opened.line.dead_man.socket.close()
        await pause()
        refused = await opened.venue.submit(replace(resting, client_order_id="rb02"))
        told = await opened.venue.query(QUERY)

        assert isinstance(accepted, OrderAccepted)
        assert not opened.line.dead_man.armed
        assert "dead-man" in refused.reason
        assert Ending.CANCELED is told[-1].how


async def test_socket_answer_lost():
    """A resting order whose socket ends before the answer is unknown."""
    async with desk(resting=True) as opened:
        opened.loopback.script.add(Plan(Kind.DROP_AFTER, "private/buy"))
        resting = order(price=BID, time_in_force=TimeInForce.GTC)
        answer = await opened.venue.submit(resting)

        assert isinstance(answer, OrderUnknown)
        assert 1 == len(opened.buys(NAME))


@pytest.mark.trap("limiter-holds-a-lone-order", "deribit")
async def test_idle_order_waits_for_nobody():
    """An order after an idle time is sent at once, and so are those right behind it."""
    async with desk() as opened:
        began = opened.clock.monotonic()
        for number in range(5):
            await opened.venue.submit(order(f"rb0{number}", quantity=D(10)))
        took = opened.clock.monotonic() - began

        assert 5 == len(opened.buys())
        assert took < 500_000_000  # ccxt's own limiter would take 800 ms and more


async def test_mix_of_faults():
    """Whatever goes wrong with whichever order: it is in the books once or not at all, and said so.

    Each order is looked up until the venue proves it; none is ever sent again.
    """
    kinds = (Kind.DROP_BEFORE, Kind.DROP_AFTER, Kind.TRUNCATE, Kind.HTML, Kind.ERROR_BEFORE)
    kinds = (*kinds, Kind.ERROR_AFTER, Kind.CODE)
    async with desk() as opened:
        for number, kind in enumerate(kinds * 2):
            name, place = f"rb{number:02}", opened.loopback.place
            opened.loopback.script.clear()
            opened.loopback.script.add(
                Plan(kind, "private/buy", code=11094 if kind is Kind.CODE else None),
                Plan(kinds[number % 4], "private/get_*", times=number % 3),
            )
            answer = await opened.venue.submit(order(name, quantity=D(10)))
            told = await _proved(opened.venue, name)
            placed = place.orders(ACCOUNT, name)

            assert len(placed) == len([each for each in told if isinstance(each, OrderEnded)]) <= 1
            assert isinstance(answer, OrderUnknown)
        held = {row.instrument: row.quantity for row in await opened.venue.positions()}

        assert sum(each.filled for each in opened.buys()) == held[PERP] == D(10) * 4 * 2


async def _proved(venue, name):
    """Return what a venue says of an order, asked until it is answered."""
    while True:
        try:
            return await venue.query(Query(name, ACCOUNT, PERP))
        except Unavailable:
            continue


@pytest.mark.parametrize("kind", [Kind.HTML, Kind.DROP_BEFORE, Kind.ERROR_BEFORE], ids=str)
async def test_markets_unanswered(kind):
    """Without the venue's markets nothing starts: the error is named."""
    async with loopback.make() as served:
        served.script.add(Plan(kind, "public/get_instruments", times=None))
        opening = loopback.at(served)
        with pytest.raises(Unavailable, match="load_markets"):
            await opening.__aenter__()


def test_an_order_of_an_earlier_start_keeps_its_number():
    """What the venue called an order is asked for after a restart too."""
    told = Order(order("rb07"), OrderState.UNKNOWN, 5, 1.0, venue_order_id="USD-7")
    sent = Sent()
    sent.remember(told)
    sent.remember(replace(told, submit=order("rb08"), venue_order_id=None))

    assert {"rb07": "USD-7"} == sent.order_ids
    assert (True, True, False) == tuple(sent.made(each) for each in ("rb07", "rb08", "rb09"))
