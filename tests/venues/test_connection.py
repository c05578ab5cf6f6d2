"""The connection: unmodified ccxt on a loopback server, one request on the wire for each order."""

import asyncio
import contextlib
import logging
import zlib
from dataclasses import dataclass
from decimal import Decimal

import ccxt
import pytest
from aiohttp import web

from rebalancer.errors import ConfigError, Defect
from rebalancer.ports import SECOND
from rebalancer.settings.models import Mode, Venue
from rebalancer.venues import answers, requests
from rebalancer.venues.budget import BAN
from rebalancer.venues.connection import (
    CONNECTIONS,
    TIMEOUT,
    Redirected,
    SentTwice,
    Strayed,
    connect,
    redirected,
)
from rebalancer.venues.credentials import Credentials, Secret
from rebalancer.venues.leaving import sending
from rebalancer.venues.orders_ccxt import load
from rebalancer.venues.outcome import Outcome
from rebalancer.venues.outcomes import judge
from rebalancer.venues.profiles import DERIBIT, PROFILES
from tests.venues.loopback import answering, cut, json_of, order

D = Decimal
SECRETS = Credentials(Secret("key-abcdef"), Secret("secret-abcdef"))
PERPETUAL = """{"kind": "future", "instrument_name": "BTC-PERPETUAL", "base_currency": "BTC",
 "quote_currency": "USD", "counter_currency": "USD", "settlement_currency": "BTC",
 "settlement_period": "perpetual", "expiration_timestamp": 32503708800000, "is_active": true,
 "tick_size": 0.5, "tick_size_steps": [], "min_trade_amount": 10.0, "contract_size": 10.0,
 "maker_commission": 0.0, "taker_commission": 0.0005, "creation_timestamp": 1534167754000}"""
OPTION = """{"kind": "option", "instrument_name": "BTC-25DEC37-100000-C", "base_currency": "BTC",
 "quote_currency": "BTC", "counter_currency": "USD", "settlement_currency": "BTC",
 "settlement_period": "month", "expiration_timestamp": 2145168000000, "is_active": true,
 "option_type": "call", "strike": 100000.0, "tick_size": 0.0001, "min_trade_amount": 0.1,
 "tick_size_steps": [{"above_price": 0.005, "tick_size": 0.0005}], "contract_size": 1.0,
 "maker_commission": 0.0003, "taker_commission": 0.0003, "creation_timestamp": 1534167754000}"""
MARKETS = f'{{"result": [{PERPETUAL}, {OPTION}]}}'  # shape: http_get_instrument(_option).json
SYMBOL = "BTC/USD:BTC"


@dataclass
class Opened:
    connection: object
    server: object

    async def buy(self, **params):
        """Send an order under the guard; return the error and the attempts."""
        with sending() as sends:
            try:
                await self.connection.exchange.create_order(
                    *(SYMBOL, "limit", "buy", "20", "60000.5"), {"label": "rb01", **params}
                )
            except Exception as error:  # noqa: BLE001 - whatever it is, it is looked at
                return error, sends
        return None, sends

    def sent(self):
        """Return the orders that reached the wire."""
        return self.server.asked("/private/buy")


class opened:  # noqa: N801 - reads like the context managers beside it
    """A connection at a server that answers orders as `act` says."""

    def __init__(self, act):
        self._act = act

    async def _answer(self, request):
        if "get_instruments" in request.path:
            return json_of(MARKETS)
        if "get_currencies" in request.path:
            return json_of('{"result": [{"currency": "BTC", "currency_long": "Bitcoin"}]}')
        return await self._act(request)

    async def __aenter__(self):
        self._server = answering(self._answer)
        server, address = await self._server.__aenter__()
        self.connection = connect("deribit", Venue(loopback=address), Mode.LIVE, SECRETS)
        self.markets = await load(self.connection)
        return Opened(self.connection, server)

    async def __aexit__(self, *error):
        await self.connection.close()
        await self._server.__aexit__(*error)


async def dropping(request):
    return cut(request)


@pytest.mark.trap("get-is-sent-twice", "deribit")
async def test_get_drop_is_one_send():
    """Aiohttp repeats a GET whose connection dropped; here it is one, and counts as no answer."""
    async with opened(dropping) as venue:
        error, sends = await venue.buy()

        assert isinstance(error, ccxt.RequestTimeout)
        assert ["GET"] == sends
        assert 1 == len(venue.sent())


@pytest.mark.trap("get-is-sent-twice", "deribit")
async def test_get_drop_on_a_warm_connection():
    """A connection that worked before and drops then is not tried again either."""
    answers = iter([json_of('{"result": 1}')])

    async def once_then_drop(request):
        return next(answers, None) or cut(request)

    async with opened(once_then_drop) as venue:
        await venue.connection.exchange.public_get_get_time()
        await venue.buy()

        assert 1 == len(venue.sent())


@pytest.mark.secures("message-limits")
@pytest.mark.parametrize("packed", [False, True])
async def test_an_answer_without_end(monkeypatch, packed):
    """A venue that goes on and on is no longer listened to; its order may have done its work."""
    monkeypatch.setattr(answers, "LARGEST", 2**20)
    said = b" " * 2**21
    body = zlib.compress(said) if packed else said

    async def going_on(_request):
        told = {"Content-Encoding": "deflate"} if packed else {}
        return web.Response(body=body, headers=told, content_type="application/json")

    async with opened(going_on) as venue:
        error, sends = await venue.buy()

        assert isinstance(error, ccxt.RequestTimeout)
        assert Outcome.UNKNOWN is judge("deribit", error, sends).outcome
        assert "went on" in str(error.__cause__)


@pytest.mark.secures("message-limits")
@pytest.mark.parametrize(("size", "whole"), [(2**20, True), (2**20 + 1, False)])
async def test_how_long_an_answer_may_be(monkeypatch, size, whole):
    """An answer of just that length is read, and one that is longer is not."""
    monkeypatch.setattr(answers, "LARGEST", 2**20)

    async def long(_request):
        return json_of('{"result": "' + "x" * (size - 14) + '"}')

    async with opened(long) as venue:
        asked = venue.connection.exchange.public_get_get_time()
        if whole:
            assert size - 14 == len((await asked)["result"])
        else:
            with pytest.raises(ccxt.RequestTimeout):
                await asked


async def test_queries_are_not_repeated_either():
    """What is asked outside of an order is sent once as well."""
    async with opened(dropping) as venue:
        with pytest.raises(ccxt.RequestTimeout):
            await venue.connection.exchange.private_get_get_positions({})

        assert 1 == len(venue.server.asked("get_positions"))


async def test_redirect_is_refused():
    """A redirect would carry the order to another place: it is not followed."""

    async def elsewhere(request):
        raise web.HTTPTemporaryRedirect(str(request.url.with_path("/private/buy/again")))

    async with opened(elsewhere) as venue:
        error, _ = await venue.buy()

        assert isinstance(error.__cause__, Redirected)
        assert 1 == len(venue.sent())


@pytest.mark.trap("X02", "deribit")
async def test_x02_retries_send_once():
    """X02: ccxt's own retries would repeat an order; the second never leaves."""
    async with opened(dropping) as venue:
        venue.connection.exchange.options["maxRetriesOnFailure"] = 3
        error, _ = await venue.buy()

        assert isinstance(error.__cause__, SentTwice)
        assert 1 == len(venue.sent())
        with pytest.raises(Defect, match="maxRetriesOnFailure must be 0, was 3"):
            venue.connection.check()


@pytest.mark.parametrize("venue", PROFILES)
@pytest.mark.trap("X05", "deribit", "binanceusdm", "binancecoinm", "binance", "bybit", "okx")
@pytest.mark.trap("X08", "deribit", "binanceusdm", "binancecoinm", "binance", "bybit", "okx")
@pytest.mark.trap(
    "limiter-holds-a-lone-order",
    "deribit",
    "binanceusdm",
    "binancecoinm",
    "binance",
    "bybit",
    "okx",
)
async def test_x02_x05_x08_as_made(venue):
    """X02, X05, X08: no retries anywhere in the options, 5 s, quiet, no limiter."""
    connection = connect(venue, Venue(loopback="http://127.0.0.1:1"), Mode.LIVE)
    exchange = connection.exchange
    connection.check()
    exchange.options["createOrder"] = {"maxRetriesOnFailure": 1}
    with pytest.raises(Defect, match="maxRetriesOnFailure must be 0"):
        connection.check()
    del exchange.options["createOrder"]
    for name in ("verbose", "enableRateLimit"):
        setattr(exchange, name, True)
        with pytest.raises(Defect, match="quiet"):
            connection.check()
        setattr(exchange, name, False)
    connection.check()
    await connection.close()

    assert 5_000 == exchange.timeout == TIMEOUT
    assert (False, False) == (exchange.verbose, exchange.enableRateLimit)
    assert str is exchange.number


@pytest.mark.trap("X08", "deribit")
async def test_x08_verbose_is_a_defect():
    """X08: verbose prints signed requests, so nothing is sent while it is on."""
    connection = connect("deribit", Venue(loopback="http://127.0.0.1:1"), Mode.LIVE)
    connection.exchange.verbose = True
    with pytest.raises(Defect, match="quiet"):
        connection.check()
    await connection.close()


@pytest.mark.trap("X08", "deribit")
async def test_x08_nothing_is_logged(caplog):
    """X08: ccxt logs headers with signatures at debug level; not here."""
    with caplog.at_level(logging.DEBUG):
        async with opened(dropping) as venue:
            await venue.buy()

    ours = [line for line in caplog.records if line.name != "aiohttp.access"]  # the server's own
    assert not [line for line in ours if "private/buy" in line.getMessage()]


@pytest.mark.trap("flags-have-other-names", "deribit")
@pytest.mark.trap("client-id-has-its-own-name", "deribit")
async def test_wire_flags():
    """Each flag that is asked for stands in the request, in Deribit's words."""

    async def accept(request):
        return json_of('{"error": {"code": 10009, "message": "not_enough_funds"}}', 400)

    async with opened(accept) as venue:
        where = requests.market(venue.connection.exchange.market(SYMBOL))
        for lifetime, flags in DERIBIT.wire_flags.items():
            told = order(time_in_force=lifetime, reduce_only=True, quantity=D(-100))
            sent = requests.request(told, where, DERIBIT, 7_000_000)
            with pytest.raises(ccxt.InsufficientFunds):
                await venue.connection.exchange.create_order(
                    sent.symbol, "limit", sent.side, sent.amount, sent.price, dict(sent.params)
                )
            query = venue.server.asked("/private/sell")[-1].query
            for name, value in {**flags, "label": "rb01", "reduce_only": "true"}.items():
                assert value == query[name]
            assert ("100", "100000.5", "5007") == (
                *(query["amount"], query["price"]),
                query["valid_until"],
            )
            assert "clientOrderId" not in query


@pytest.mark.trap("numbers-become-floats", "deribit")
async def test_numbers_are_exact():
    """A fraction that a float would round arrives as it was written."""

    async def told(request):
        return json_of('{"result": [{"size": 1234567.123456789012, "n": 3}]}')

    async with opened(told) as venue:
        (row,) = (await venue.connection.exchange.private_get_get_positions({}))["result"]

        assert {"size": "1234567.123456789012", "n": 3} == row


async def test_timeout_is_one_send():
    """No answer within the timeout: one send (X05)."""
    gate = asyncio.Event()

    async def silent(request):
        await gate.wait()
        return json_of("{}")

    async with opened(silent) as venue:
        venue.connection.exchange.timeout = 100
        error, _ = await venue.buy()
        gate.set()

        assert isinstance(error, ccxt.RequestTimeout)
        assert 1 == len(venue.sent())


@pytest.mark.parametrize(
    ("name", "status", "header", "told"),
    [
        ("deribit", 429, "2", [(2 * SECOND, False)]),
        ("deribit", 429, None, [(None, False)]),
        ("deribit", 429, "soon", [(None, False)]),
        ("deribit", 418, "120", [(120 * SECOND, True)]),
        ("deribit", 418, None, [(BAN, True)]),
        ("deribit", 418, "0", [(BAN, True)]),
        ("deribit", 418, "259200", [(259_200 * SECOND, True)]),
        ("deribit", 418, "1764523200", [(BAN, True)]),
        ("deribit", 429, "1764523200", [(None, False)]),
        ("deribit", 429, "0", [(0, False)]),
        ("deribit", 403, None, []),
        ("bybit", 403, None, [(600 * SECOND, True)]),
        ("bybit", 403, "900", [(900 * SECOND, True)]),
        ("bybit", 418, None, [(BAN, True)]),
    ],
)
@pytest.mark.trap("too-many-requests", "deribit")
async def test_retry_after(name, status, header, told):
    """What the venue asks to wait is heard, also when it is nothing that can be read."""
    heard = []

    async def limit(request):
        answer = json_of("{}", status)
        if header is not None:
            answer.headers["Retry-After"] = header
        return answer

    async with answering(limit) as (_, address):
        settings = Venue(loopback=address)
        heeding = connect(name, settings, Mode.LIVE, None, lambda *said: heard.append(said))
        with contextlib.suppress(ccxt.BaseError):
            await heeding.exchange.fetch_time()
        await heeding.close()

    assert told == heard


async def test_loopback_stays_on_this_machine():
    """A loopback venue whose addresses were turned back reaches nobody."""
    async with opened(dropping) as venue:
        venue.connection.exchange.urls["api"]["rest"] = "https://www.deribit.com"
        error, sends = await venue.buy()

        assert isinstance(error.__cause__, Strayed)
        assert [] == sends


@pytest.mark.parametrize("venue", PROFILES)
async def test_every_address_is_rewritten(venue):
    """No address of any is left as it was, and its host is the first part of the path."""
    connection = connect(venue, Venue(loopback="http://127.0.0.1:8700"), Mode.LIVE)
    found = []

    def walk(urls):
        for each in urls.values():
            walk(each) if isinstance(each, dict) else found.append(each)

    walk(connection.exchange.urls["api"])
    await connection.close()

    assert found
    for url in found:
        assert url.split("://")[1].startswith("127.0.0.1:8700/")
        assert url.split("://")[0] in ("http", "ws")
        assert "{hostname}" not in url


async def test_testnet_before_loopback():
    """A testnet's hosts are the ones that stand in the path."""
    connection = connect("deribit", Venue(loopback="http://127.0.0.1:8700"), Mode.TESTNET)
    rest = connection.exchange.urls["api"]["rest"]
    await connection.close()

    assert "http://127.0.0.1:8700/test.deribit.com" == rest


@pytest.mark.parametrize(
    ("name", "mode", "word"),
    [("nowhere", Mode.LIVE, "ccxt.pro"), ("kucoinfutures", Mode.TESTNET, "testnet")],
)
async def test_bad_venue(name, mode, word):
    """A venue that ccxt does not know, or that has no testnet, is named."""
    with pytest.raises(ConfigError, match=word):
        connect(name, Venue(), mode)


def test_redirected_leaves_what_is_no_text():
    """Whatever else stands in ccxt's tables stays."""
    assert {"x": None} == redirected({"x": None}, "127.0.0.1:1", "")


async def test_close_twice():
    """Closing is harmless when it happened already; warnings are errors here."""
    connection = connect("deribit", Venue(), Mode.LIVE)
    await connection.close()
    await connection.close()

    assert connection.session.closed


# --- what waits for a connection ----------------------------------------------


async def test_an_order_that_waits_for_a_connection_may_be_forbidden():
    """With every connection in use an order waits; what was said meanwhile keeps it."""
    said, held = [], asyncio.Event()

    async def slow(request):
        if "get_time" in request.path:
            await held.wait()
        return json_of('{"result": 1}')

    async with opened(slow) as venue:
        exchange = venue.connection.exchange
        busy = [asyncio.create_task(exchange.public_get_get_time()) for _ in range(CONNECTIONS)]
        await asyncio.sleep(0.1)
        assert CONNECTIONS == len(venue.server.asked("get_time"))

        async def buy():
            with sending(barred=lambda: said[0] if said else None) as sends:
                with pytest.raises(ccxt.BaseError) as raised:
                    await exchange.create_order(SYMBOL, "limit", "buy", "20", "60000.5")
                return judge("deribit", raised.value, sends)

        waiting = asyncio.create_task(buy())
        await asyncio.sleep(0.05)
        said.append("killed")
        held.set()
        judged = await waiting
        await asyncio.gather(*busy)

        assert (Outcome.NOT_SENT, "killed") == (judged.outcome, judged.reason)
        assert [] == venue.sent()


async def test_an_order_that_may_leave_leaves_once_there_is_a_connection():
    """The last look keeps nothing that may go."""
    asked = []

    async def filled(request):
        return json_of('{"result": {"order": {}}}')

    async with opened(filled) as venue:
        with sending(barred=lambda: asked.append(1)) as sends, contextlib.suppress(Exception):
            await venue.connection.exchange.create_order(SYMBOL, "limit", "buy", "20", "60000.5")

        assert ([1], ["GET"]) == (asked, sends)
        assert 1 == len(venue.sent())
