"""The live venue through unmodified ccxt against the loopback OKX: sent once, then proved."""

import json
from dataclasses import dataclass, replace
from decimal import Decimal

import ccxt
import pytest

from rebalancer.core.commands import Cancel, TimeInForce
from rebalancer.core.events import (
    Ending,
    Fill,
    OrderAccepted,
    OrderEnded,
    OrderNotFound,
    OrderRejected,
    OrderUnknown,
)
from rebalancer.errors import Unavailable
from rebalancer.simulation.faults import Deed, Kind, Plan
from rebalancer.simulation.okx import protocol, trading
from rebalancer.venues.okx.account import POSITIONS
from rebalancer.venues.okx.calls import OkxCalls
from rebalancer.venues.okx.codes import said
from rebalancer.venues.okx.profile import OKX
from rebalancer.venues.outcome import KeyRefused, Outcome
from rebalancer.venues.outcomes import judge
from rebalancer.venues.requests import VALIDITY
from tests.simulation.okx_fair import (
    ACCOUNT,
    CALL,
    FUTURE,
    INSTRUMENTS,
    INVERSE,
    KEY,
    LINEAR,
    POOR,
    make,
    step_of,
)
from tests.venues import contract
from tests.venues.contract import Subject
from tests.venues.okx_loopback import ASK, BID, KNOWN, SIZE, at, desk, order, query

D = Decimal
ORDERS, ORDER = "POST trade/batch-orders", "GET trade/order"
PENDING, FILLS = "GET trade/orders-pending", "GET trade/fills"
RICH = {"BTC": D(10), "USDT": D(5_000_000)}


@dataclass
class Asking(Subject):
    """A subject whose orders are asked after: the answer to one tells nothing of its fills."""

    desk: object = None

    async def settle(self):
        await self.desk.told()


class Noting:
    """A venue that notes what was sent."""

    def __init__(self, opened):
        self._opened = opened

    def __getattr__(self, name):
        return getattr(self._opened.venue, name)

    async def submit(self, sent):
        answer = await self._opened.venue.submit(sent)
        if isinstance(answer, OrderAccepted):
            self._opened.sent.append(query(sent.client_order_id, sent.instrument))
        return answer


@pytest.mark.parametrize("story", contract.STORIES, ids=lambda story: story.__name__)
async def test_contract(story):
    """The live venue keeps the contract of every venue."""
    async with desk(resting=True, levels=1, cash=RICH) as opened:
        tested = Asking(
            *(Noting(opened), opened.clock, INSTRUMENTS[LINEAR], BID, ASK, SIZE),
            *(opened.delivered, 0, opened),
        )
        await contract.check(story, tested)


@pytest.mark.parametrize(
    "kind", [Kind.DROP_AFTER, Kind.TRUNCATE, Kind.HTML, Kind.ERROR_AFTER], ids=str
)
@pytest.mark.proves("okx", "once", "loopback")
@pytest.mark.trap("no-answer-proves-nothing", "okx")
@pytest.mark.trap("cut-answer-looks-final", "okx")
@pytest.mark.trap("page-with-status-200", "okx")
@pytest.mark.trap("status-without-a-code", "okx")
async def test_one_drop_is_one_order(kind):
    """Whatever becomes of the answer: one order, unknown, then a query proves it."""
    async with desk() as opened:
        opened.loopback.script.add(Plan(kind, ORDERS, times=None))
        answer = await opened.venue.submit(order())
        told = await opened.venue.query(query())

        assert isinstance(answer, OrderUnknown)
        assert 1 == len(opened.placed("rb01"))
        assert 1 == len(opened.loopback.script.struck(kind))
        assert [OrderAccepted, Fill, OrderEnded] == [type(event) for event in told]
        assert (Ending.FILLED, D(10)) == (told[-1].how, told[-1].filled)


@pytest.mark.trap("X02", "okx")
async def test_x02_retries_send_once():
    """X02: ccxt's own retries would repeat an order; the second never leaves."""
    async with desk() as opened:
        opened.loopback.script.add(Plan(Kind.DROP_AFTER, ORDERS, times=None))
        answer = await opened.venue.submit(order())
        sent = [method for method, _ in opened.loopback.server.calls if method == ORDERS]
        opened.line.connection.exchange.options["maxRetriesOnFailure"] = 3

        assert isinstance(answer, OrderUnknown)
        assert [ORDERS] == sent
        with pytest.raises(Exception, match="maxRetriesOnFailure must be 0"):
            await opened.venue.submit(order("rb02"))


@pytest.mark.parametrize("kind", [Kind.DROP_BEFORE, Kind.ERROR_BEFORE], ids=str)
async def test_lost_before_acceptance(kind):
    """What never reached the books is unknown as well, and the query finds nothing, and why."""
    async with desk() as opened:
        opened.loopback.script.add(Plan(kind, ORDERS, times=None))
        answer = await opened.venue.submit(order())
        (told,) = await opened.venue.query(query())

        assert isinstance(answer, OrderUnknown)
        assert [] == opened.placed()
        assert isinstance(told, OrderNotFound)
        assert D(0) == told.position


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (51008, OrderRejected),  # in the order's own row
        (51029, OrderRejected),
        (50011, OrderRejected),  # too many requests: not looked at
        (50001, OrderUnknown),  # ccxt: not available
        (50004, OrderUnknown),  # "does not mean that the request was successful or failed"
        (50013, OrderUnknown),  # busy, with a status of 429: what was done nobody says
        (50026, OrderUnknown),
        (51149, OrderUnknown),  # ccxt knows no class for it (X01)
        (51054, OrderUnknown),
        (51016, OrderUnknown),  # one with this id is there: it is looked up
    ],
)
@pytest.mark.proves("okx", "codes", "loopback")
@pytest.mark.trap("X01", "okx")
@pytest.mark.trap("okx-orders-travel-in-batches", "okx")
async def test_x01_codes_and_not_classes(code, kind):
    """X01: a code that proves non-acceptance rejects; one that does not leaves it unknown."""
    async with desk() as opened:
        opened.loopback.script.add(Plan(Kind.CODE, ORDERS, code=code))
        answer = await opened.venue.submit(order())

        assert isinstance(answer, kind)
        assert str(code) in answer.reason


@pytest.mark.trap("okx-orders-travel-in-batches", "okx")
def test_the_outer_code_says_nothing():
    """The code of an order stands in its row; the outer one only says that some failed."""
    answer = {
        "code": "1",
        "msg": "All operations failed",
        "data": [{"sCode": "51008", "sMsg": "x"}],
    }

    assert ("51008", "x") == said(answer)
    assert ("50113", "Invalid Sign") == said({"code": "50113", "msg": "Invalid Sign", "data": []})


@pytest.mark.parametrize("code", ["1", "2", "51149", "50026", "59999"])
@pytest.mark.trap("X01", "okx")
def test_nothing_unlisted_proves_anything(code):
    """An error of a venue's own body whose code is not listed leaves an order unknown."""
    body = json.dumps({"code": "1", "data": [{"sCode": code, "sMsg": ""}], "msg": ""})
    judged = judge("okx", ccxt.ExchangeError(f"okx {body}"), ["POST"])

    assert Outcome.UNKNOWN is judged.outcome


@pytest.mark.trap("duplicate-id-is-no-refusal", "okx")
async def test_a_client_id_seen_twice():
    """A second order with the id of an open one is no new order: the first is looked up."""
    async with desk(resting=True) as opened:
        resting = order(price=BID, time_in_force=TimeInForce.GTC)
        first = await opened.venue.submit(resting)
        second = await opened.venue.submit(resting)
        told = await opened.venue.query(query())

        assert isinstance(first, OrderAccepted)
        assert isinstance(second, OrderUnknown)
        assert "51016" in second.reason
        assert 1 == len(opened.placed())
        assert [OrderAccepted] == [type(event) for event in told]
        assert first.venue_order_id == told[0].venue_order_id


class Bodies:
    """What reached the venue, as it stood on the wire."""

    def __init__(self, monkeypatch):
        self.rows, self.headers = [], []
        before = trading.place

        def noted(asking):
            self.rows += asking.params["each"]
            self.headers.append({k.lower(): v for k, v in asking.call.request.headers.items()})
            return before(asking)

        monkeypatch.setitem(protocol.TRADING, ORDERS, noted)


@pytest.fixture
def bodies(monkeypatch):
    return Bodies(monkeypatch)


@pytest.mark.parametrize(
    ("lifetime", "price"),
    [(TimeInForce.IOC, ASK), (TimeInForce.GTC, BID), (TimeInForce.POST_ONLY, BID)],
)
@pytest.mark.proves("okx", "flags", "loopback")
@pytest.mark.trap("flags-have-other-names", "okx")
@pytest.mark.trap("okx-margin-mode-is-chosen", "okx")
async def test_flags_on_the_wire(bodies, lifetime, price):
    """A time in force goes out as OKX's own order type, whatever ccxt calls it."""
    async with desk(resting=True) as opened:
        answer = await opened.venue.submit(order(price=price, time_in_force=lifetime))

        assert isinstance(answer, OrderAccepted)
        assert OKX.wire_flags[lifetime].items() <= bodies.rows[0].items()
        assert ("cross", "buy") == (bodies.rows[0]["tdMode"], bodies.rows[0]["side"])
        assert "posSide" not in bodies.rows[0]


@pytest.mark.trap("X06", "okx")
@pytest.mark.trap("client-id-has-its-own-name", "okx")
async def test_x06_the_client_id_is_ours(bodies):
    """X06: ccxt puts a broker's prefix and tag where an order has no id; ours always has one."""
    async with desk() as opened:
        await opened.venue.submit(order("rb0100020000e1v7v"))

        assert "rb0100020000e1v7v" == bodies.rows[0]["clOrdId"]
        assert "tag" not in bodies.rows[0]


async def test_an_order_has_a_deadline(bodies):
    """What is late must not be taken: the time after which it is worthless is in a header."""
    async with desk() as opened:
        before = opened.clock.now()
        await opened.venue.submit(order())
        after = opened.clock.now()
        until = int(bodies.headers[0]["exptime"]) * 1_000_000

        assert before + VALIDITY - 1_000_000 <= until <= after + VALIDITY
        await opened.line.connection.exchange.privateGetTradeFills({})
        assert 1 == len(bodies.headers)


async def test_after_its_deadline(monkeypatch):
    """An order that names a time that is over is refused, and is in no book."""
    monkeypatch.setattr("rebalancer.venues.requests.VALIDITY", -1_000_000_000)
    async with desk() as opened:
        answer = await opened.venue.submit(order())

        assert isinstance(answer, OrderRejected)
        assert "50036" in answer.reason
        assert [] == opened.placed()


@pytest.mark.trap("flags-have-other-names", "okx")
async def test_reduce_only(bodies):
    """A reduce-only order says so, and takes nothing where there is nothing to reduce."""
    async with desk() as opened:
        refused = await opened.venue.submit(order(reduce_only=True))
        await opened.venue.submit(order("rb02"))
        closing = order("rb03", quantity=D(-25), price=BID, reduce_only=True)
        taken = await opened.venue.submit(closing)
        told = await opened.venue.query(query("rb03"))

        assert "51169" in refused.reason
        assert isinstance(taken, OrderAccepted)
        assert [True, True] == [each["reduceOnly"] for each in bodies.rows if "reduceOnly" in each]
        assert D(-10) == told[-1].filled


@pytest.mark.parametrize(
    ("name", "price", "told"),
    [
        (LINEAR, ASK, "10"),
        (INVERSE, D("100000.1"), "10"),
        (FUTURE, D("101000.1"), "10"),
        (CALL, D("0.3501"), "10"),
    ],
)
@pytest.mark.proves("okx", "amounts", "loopback")
@pytest.mark.trap("amount-has-its-own-unit", "okx")
async def test_amounts_are_contracts(bodies, name, price, told):
    """Every quantity of ours is contracts, and goes out as such; a coin is a multiple of it."""
    async with desk() as opened:
        await opened.venue.submit(order(instrument=name, price=price))
        held = {row.instrument: row.quantity for row in await opened.venue.positions()}

        assert told == bodies.rows[0]["sz"]
        assert format(price, "f") == bodies.rows[0]["px"]
        assert D(10) == held[name]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"instrument": "okx:DOGE-USDT-SWAP"}, "not traded"),
        ({"quantity": D("0.005")}, "multiple of 0.01"),
        ({"quantity": D("NaN")}, "numbers"),
        ({"price": D("100000.05")}, "multiple of 0.1"),
        ({"time_in_force": TimeInForce.GTC}, "dead-man"),
    ],
)
@pytest.mark.trap("X04", "okx")
async def test_refused_here(changes, word):
    """What must not go does not: it is named, and nothing reaches the venue."""
    async with desk() as opened:
        answer = await opened.venue.submit(order(**changes))

        assert isinstance(answer, OrderRejected)
        assert not answer.sent
        assert word in answer.reason
        assert [] == opened.placed()


def blind(*calls):
    """Return plans by which calls are answered from before anything happened."""
    return [Plan(Kind.LAG, call, times=None, seconds=60) for call in calls]


@pytest.mark.parametrize(
    ("rests", "lost", "without", "told"),
    [
        (False, True, (PENDING, FILLS), [OrderAccepted, OrderEnded]),  # by its client id
        (True, True, (ORDER, FILLS), [OrderAccepted]),  # among the open ones
        (False, True, (ORDER, PENDING), [Fill]),  # by its fills
        (False, True, (ORDER, PENDING, FILLS), [OrderNotFound]),  # nowhere
    ],
)
@pytest.mark.proves("okx", "lookup", "loopback")
@pytest.mark.trap("found-by-our-id", "okx")
async def test_each_question_finds_it(rests, lost, without, told):
    """After a lost answer one question that sees is enough, whichever it is."""
    changes = {"price": BID, "time_in_force": TimeInForce.GTC} if rests else {}
    async with desk(resting=True) as opened:
        opened.loopback.script.add(Plan(Kind.ERROR_AFTER, ORDERS))
        answer = await opened.venue.submit(order(**changes))
        opened.loopback.script.add(*blind(*without))
        found = await opened.venue.query(query())

        assert isinstance(answer, OrderUnknown) is lost
        assert told == [type(each) for each in found]


async def test_an_instrument_that_is_gone(monkeypatch):
    """An instrument that has just expired proves no order absent, whatever its position is."""
    before = OkxCalls.ask

    async def ask(self, call, params, *more):
        return [] if call == POSITIONS else await before(self, call, params, *more)

    monkeypatch.setattr(OkxCalls, "ask", ask)
    async with desk() as opened:
        opened.loopback.script.add(Plan(Kind.DROP_AFTER, ORDERS))
        answer = await opened.venue.submit(order())
        opened.loopback.host.desk.delisted[LINEAR] = None
        (gone,) = await opened.venue.query(query())
        del opened.loopback.host.desk.delisted[LINEAR]
        (back,) = await opened.venue.query(query("rb02"))

    assert isinstance(answer, OrderUnknown)
    assert [OrderNotFound, None] == [type(gone), gone.position]
    assert [OrderNotFound, D(0)] == [type(back), back.position]


@pytest.mark.trap("absence-is-no-proof", "okx")
async def test_lag_is_no_absence():
    """An order that was accepted and does not show yet is not called absent."""
    async with desk() as opened:
        await opened.venue.submit(order())
        opened.loopback.script.add(*blind("GET *"))

        with pytest.raises(Unavailable, match="may be behind"):
            await opened.venue.query(query())


@pytest.mark.trap("absence-is-no-proof", "okx")
async def test_unknown_then_found():
    """Where nobody saw an acceptance a lagging venue says not found: evidence, not proof."""
    async with desk() as opened:
        opened.loopback.script.add(
            Plan(Kind.DROP_AFTER, ORDERS),
            Plan(Kind.LAG, "GET *", times=None, seconds=60, lasts=0.3),
        )
        await opened.venue.submit(order())
        (early,) = await opened.venue.query(query())
        await opened.clock.sleep(400_000_000)
        late = await opened.venue.query(query())

        assert isinstance(early, OrderNotFound)
        assert isinstance(late[-1], OrderEnded)


async def test_cancel_without_answer_raises():
    """Nobody may think that an order is gone when the cancel was not answered."""
    async with desk() as opened:
        opened.loopback.script.add(Plan(Kind.DROP_BEFORE, "POST trade/cancel-order"))

        with pytest.raises(Unavailable, match="CancelOrder"):
            await opened.venue.cancel(Cancel("rb01", ACCOUNT, LINEAR))


async def test_wrong_key():
    """A key that the venue does not know rejects orders and is named where it reads."""
    async with desk() as opened:
        opened.line.connection.exchange.secret = "wrong"
        answer = await opened.venue.submit(order())

        assert isinstance(answer, OrderRejected)
        assert "50113" in answer.reason
        with pytest.raises(KeyRefused) as raised:
            await opened.venue.positions()
        assert 77 == raised.value.exit_code
        assert "wrong" not in str(raised.value)


async def test_markets_need_the_key():
    """Ccxt asks for currencies with the key before any market: a wrong one is named there."""
    async with make() as served:
        with pytest.raises(KeyRefused, match="50105"):
            await at(served, replace(KEY, passphrase="wrong")).__aenter__()


@pytest.mark.trap("X08", "okx")
async def test_x08_no_text_shows_a_secret():
    """X08: what is said of a failure names class and code, and no address or signature."""
    async with desk() as opened:
        opened.line.connection.exchange.password = "hidden-word"
        with pytest.raises(KeyRefused) as raised:
            await opened.venue.positions()

        assert not opened.line.connection.exchange.verbose
        for secret in ("hidden-word", KEY.secret, KEY.client_id, "127.0.0.1"):
            assert secret not in str(raised.value)


async def test_reading_key_trades_nothing():
    """A key without the right to trade gets its orders rejected."""
    async with desk(POOR) as opened:
        answer = await opened.venue.submit(order())

        assert isinstance(answer, OrderRejected)
        assert "50120" in answer.reason
        assert [] == opened.placed()


@pytest.mark.trap("too-many-requests", "okx")
async def test_rate_limit_pauses_polling_and_orders():
    """After a 429 polls and orders rest, and cancels pass."""
    async with desk() as opened:
        opened.loopback.script.add(Plan(Kind.LIMIT, ORDERS))
        first = await opened.venue.submit(order())
        second = await opened.venue.submit(order("rb02"))
        await opened.venue.cancel(Cancel("rb01", ACCOUNT, LINEAR))

        assert opened.line.budget.complaints >= 1
        assert not isinstance(first, OrderAccepted)
        assert "rate budget" in second.reason
        assert [] == opened.placed()


async def test_foreign_trades_are_facts():
    """What somebody else traded on the account is told, and is nobody's order of ours."""
    async with desk() as opened:
        opened.loopback.script.add(
            Plan(Kind.MANUAL, "*", deed=Deed(ACCOUNT, LINEAR, D(-50), label="bot"))
        )
        await opened.venue.positions()
        told = (await opened.venue.history(0)).events

        assert [(D(-50), None)] == [(each.quantity, each.client_order_id) for each in told]


@pytest.mark.parametrize("kind", [Kind.HTML, Kind.DROP_BEFORE, Kind.ERROR_BEFORE], ids=str)
async def test_markets_unanswered(kind):
    """Without the venue's markets nothing starts: the error is named."""
    async with make() as served:
        served.script.add(Plan(kind, "GET public/instruments", times=None))
        opening = at(served)
        with pytest.raises(Unavailable, match="load_markets"):
            await opening.__aenter__()


async def test_mix_of_faults():
    """Whatever goes wrong with whichever order: it is in the books once or not at all, and told."""
    kinds = (Kind.DROP_BEFORE, Kind.DROP_AFTER, Kind.TRUNCATE, Kind.HTML, Kind.ERROR_BEFORE)
    kinds = (*kinds, Kind.ERROR_AFTER, Kind.CODE)
    async with desk() as opened:
        for number, kind in enumerate(kinds * 2):
            name = f"rb{number:02}"
            opened.loopback.script.clear()
            opened.loopback.script.add(
                Plan(kind, ORDERS, code=50026 if kind is Kind.CODE else None),
                Plan(kinds[number % 4], "GET *", times=number % 3),
            )
            answer = await opened.venue.submit(order(name))
            told = await _proved(opened.venue, name)
            placed = opened.placed(name)

            assert len(placed) == len([each for each in told if isinstance(each, OrderEnded)]) <= 1
            assert isinstance(answer, OrderUnknown)
        held = {row.instrument: row.quantity for row in await opened.venue.positions()}

        assert sum(each.filled for each in opened.placed()) == held[LINEAR] == D(10) * 4 * 2


async def _proved(venue, name):
    """Return what a venue says of an order, asked until it is answered."""
    while True:
        try:
            return await venue.query(query(name))
        except Unavailable:
            continue


@pytest.mark.trap("limiter-holds-a-lone-order", "okx")
async def test_idle_order_waits_for_nobody():
    """An order after an idle time is sent at once; ccxt's own limiter would hold it back."""
    async with desk() as opened:
        began = opened.clock.monotonic()
        for number in range(5):
            await opened.venue.submit(order(f"rb0{number}", quantity=D(1)))
        opened.loopback.place.tell(step_of(opened.loopback.place.now()))

        assert 5 == len(opened.placed())
        assert opened.clock.monotonic() - began < 500_000_000
        assert set(KNOWN) == {INVERSE, LINEAR, FUTURE, CALL}
