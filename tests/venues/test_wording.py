"""The wire check: a request that does not say what was meant does not leave, whoever spells it."""

import json
from dataclasses import replace
from decimal import Decimal

import aiohttp
import pytest
from ccxt import BaseError

from rebalancer.core.commands import TimeInForce
from rebalancer.core.events import OrderAccepted, OrderRejected
from rebalancer.settings.models import Mode, Venue
from rebalancer.venues import connection as connections
from rebalancer.venues import requests, wording
from rebalancer.venues.connection import connect
from rebalancer.venues.credentials import Credentials, Secret
from rebalancer.venues.leaving import sending
from rebalancer.venues.profiles import DERIBIT, PROFILES
from rebalancer.venues.requests import Market
from rebalancer.venues.wording import Banned, Misspelt, Wording
from tests.venues.loopback import INSTRUMENTS, PERP, answering, desk, json_of, order

D = Decimal
IOC = TimeInForce.IOC
MEANT = Wording({"limit.tif": "Ioc", "c": "0xab"}, {"p": "65000"}, ("orders.r",))
TOLD = {"p": "65000.0", "r": False, "c": "0xab", "t": {"limit": {"tif": "Ioc"}}}


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, None),
        ({"t": {"limit": {"tif": "Gtc"}}}, "limit.tif must be Ioc, was Gtc"),
        ({"t": {"limit": {}}}, "limit.tif must be Ioc, was missing"),
        ({"c": None}, "c must be 0xab, was null"),
        ({"r": True}, "orders.r must not be set, was true"),
        ({"p": "65001"}, "p must be 65000, was 65001"),
        ({"p": "much"}, "p must be 65000, was much"),
        ({"more": {"limit": {"tif": "Alo"}}}, "limit.tif must be Ioc, was Ioc and Alo"),
    ],
)
def test_words_of_a_request(changes, word):
    """Each flag stands there once or with one value; what was not asked for is not set."""
    told = wording.spoken(json.dumps({"action": {"orders": [TOLD | changes]}}))

    assert word == MEANT.fault(told)


def test_order_that_only_reduces():
    """Where it was asked for, the flag must stand there."""
    sent = requests.Request("s", "buy", "10", "5", {"label": "rb01"})
    meant = requests.wording(order(reduce_only=True), sent, DERIBIT)
    told = "time_in_force=immediate_or_cancel&label=rb01&amount=10.0&price=5"

    assert "reduce_only must be true, was missing" == meant.fault(wording.spoken(told))
    assert meant.fault(wording.spoken(told + "&reduce_only=true")) is None


@pytest.mark.parametrize(
    ("told", "word"),
    [
        ({"action": {"type": "order"}}, None),
        ({"action": {"type": "setReferrer"}}, "action.type must be order, was setReferrer"),
        ({"action": {"type": "order", "builder": {"b": "0x", "f": 0}}}, "builder must never"),
        ({"type": "builder"}, None),
    ],
)
def test_what_no_request_may_say(told, word):
    """A name that is banned is found wherever it stands, and a value that is not allowed."""
    found = Banned(("builder",), {"action.type": ("order",)}).fault(
        wording.spoken(json.dumps(told))
    )

    assert (found is None) if word is None else (word in found)


@pytest.mark.trap("deribit-lifetime-is-dropped", "deribit")
async def test_flag_that_ccxt_drops():
    """Deribit's class drops a GTD without a word, and the order would rest: it does not leave."""
    async with desk() as opened:
        dropped = {**DERIBIT.order_flags, IOC: {"timeInForce": "GTD"}}
        opened.venue._line = replace(opened.line, profile=replace(DERIBIT, order_flags=dropped))
        answer = await opened.venue.submit(order())

        assert isinstance(answer, OrderRejected)
        assert not answer.sent
        assert "time_in_force must be immediate_or_cancel, was missing" in answer.reason
        assert [] == opened.buys()


@pytest.mark.parametrize(
    ("changes", "lot", "word"),
    [
        ({"tick": D("0.1")}, D(1), "price must be 100000.3, was 100000.5"),
        ({"step": D(1), "minimum": D(1)}, D(1), "amount must be 25, was 20"),
    ],
)
@pytest.mark.trap("amount-is-cut", "deribit")
@pytest.mark.trap("price-is-rounded-to-the-nearest", "deribit")
async def test_number_that_ccxt_rounds(changes, lot, word):
    """A price would go through its limit, and a quantity be cut: neither leaves."""
    async with desk() as opened:
        name = PERP.partition(":")[2]
        opened.venue._markets[name] = replace(opened.venue._markets[name], **changes)
        told = replace(INSTRUMENTS[PERP], tick=D("0.1"), lot=lot)
        opened.venue._instruments = {PERP: told}
        size = D(100) if "tick" in changes else D(25)
        price = D("100000.3") if "tick" in changes else D(100_000)
        answer = await opened.venue.submit(order(price=price, quantity=size))

        assert word in answer.reason
        assert not answer.sent
        assert [] == opened.buys()


@pytest.mark.parametrize("reduce_only", [False, True])
async def test_order_that_says_it_leaves(reduce_only):
    """What says all that was meant is sent, once, as before."""
    async with desk() as opened:
        answer = await opened.venue.submit(order(reduce_only=reduce_only))

        refused = isinstance(answer, OrderRejected)  # by the venue: there is nothing to reduce
        assert refused if reduce_only else isinstance(answer, OrderAccepted)
        assert not refused or answer.sent


MARKETS = {
    "binanceusdm": ("BTC/USDT:USDT", {"id": "BTCUSDT", "info": {"orderTypes": ["LIMIT"]}}),
    "bybit": ("BTC/USDT:USDT", {"id": "BTCUSDT"}),
    "okx": ("BTC/USDT:USDT", {"id": "BTC-USDT-SWAP"}),
}


def listed(name):
    """Return a linear perpetual as ccxt lists it."""
    symbol, own = MARKETS[name]
    told = {
        "symbol": symbol,
        "base": "BTC",
        "quote": "USDT",
        "settle": "USDT",
        "baseId": "BTC",
        "quoteId": "USDT",
        "settleId": "USDT",
        "type": "swap",
        "contractSize": 1,
        "precision": {"amount": "0.001", "price": "0.1"},
        "limits": {},
        "info": {},
    }
    yes = dict.fromkeys(("swap", "contract", "linear", "active"), True)
    no = dict.fromkeys(("spot", "margin", "future", "option", "inverse"), False)
    return {**told, **yes, **no, "expiry": None, "strike": None, "optionType": None, **own}


@pytest.mark.parametrize("lifetime", TimeInForce)
@pytest.mark.parametrize("reduce_only", [False, True])
@pytest.mark.parametrize("name", MARKETS)
@pytest.mark.trap("flags-have-other-names", "binanceusdm", "bybit", "okx")
async def test_other_venues(name, lifetime, reduce_only):
    """What unmodified ccxt spells for each row is what the row says, form or JSON."""

    async def nothing(request):
        return json_of("{}", 500)

    async with answering(nothing) as (server, address):
        keys = Credentials(Secret("k"), Secret("s"), Secret("p"))
        opened = connect(name, Venue(loopback=address), Mode.LIVE, keys)
        exchange, profile = opened.exchange, PROFILES[name]
        exchange.options |= {"enableUnifiedAccount": True, "enableUnifiedMargin": False}
        exchange.set_markets([listed(name)])
        where = Market(MARKETS[name][0], "x", True, D("0.001"), D("0.001"), D("0.1"))
        told = order(time_in_force=lifetime, reduce_only=reduce_only, quantity=D("0.01"))
        sent = requests.request(told, where, profile, 0)
        named = (sent.symbol, "limit", sent.side, sent.amount, sent.price)
        with (
            sending(requests.wording(told, sent, profile)) as sends,
            pytest.raises(BaseError) as raised,
        ):
            await exchange.create_order(*named, dict(sent.params))
        await opened.close()

    assert not isinstance(raised.value.__cause__, Misspelt), raised.value.__cause__
    assert ["POST"] == sends, raised.value
    assert 1 == len(server.seen)


async def test_question_before_an_order():
    """What a library asks on the way to an order is no order: it is not sent, nor counted."""

    async def once(request):
        return json_of("{}")

    async with answering(once) as (server, address):
        guard = connections._once(None, goes=None)
        async with aiohttp.ClientSession(middlewares=(guard,)) as session:
            with sending(Wording({"type": "order"})) as sends:
                with pytest.raises(Misspelt, match="type must be order, was approve"):
                    await session.post(address, json={"type": "approve"})
                assert [] == sends
                await session.post(address, json={"type": "order"})
                assert ["POST"] == sends
                with pytest.raises(connections.SentTwice):
                    await session.post(address, json={"type": "order"})

    assert 1 == len(server.seen)
