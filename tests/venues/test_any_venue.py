"""What must hold at each venue alike, through unmodified ccxt: what an order says and proves.

One question, asked of every venue: those with a package, and those that are a
shipped profile. None of the answers is one of the venue's own unless it is said so.
"""

import asyncio
import re
import socket
import time
from dataclasses import replace
from decimal import Decimal

import pytest
from aiohttp import web

from rebalancer.core.commands import TimeInForce
from rebalancer.core.events import OrderRejected, OrderUnknown
from rebalancer.core.ids import MOST_EPOCH, ClientOrderId, encode
from rebalancer.core.instruments import Kind
from rebalancer.errors import Defect
from rebalancer.settings.models import Venue
from rebalancer.venues import requests, skew
from rebalancer.venues.connection import SentTwice
from rebalancer.venues.examination import examine
from rebalancer.venues.findings import Subject
from rebalancer.venues.leaving import sending
from tests.venues.any_venue import ACCOUNT, OWN, VENUES, desk, spelt
from tests.venues.deribit_frames import Lines
from tests.venues.loopback import cut, json_of

D = Decimal
HTML = "<html>we will be right back</html>"
every = pytest.mark.parametrize("venue", VENUES)


class Wire:
    """Takes what is sent, and answers that the server is ill."""

    def __init__(self):
        self.told = []

    async def __call__(self, request):
        self.told.append(spelt(request.query, await request.text()))
        return json_of("{}", 500)


async def half(request):
    """Answer with less than was announced."""
    headers = {"Content-Type": "application/json", "Content-Length": "500"}
    answer = web.StreamResponse(headers=headers)
    await answer.prepare(request)
    await answer.write(b'{"result": {"order": {"order_id": "1"')
    request.transport.close()
    return answer


def says(text, status=200, kind="application/json"):
    """Return an act that answers always the same."""

    async def act(_request):
        return web.Response(text=text, status=status, content_type=kind)

    return act


async def hangs_up(request):
    return cut(request)


# --- what a lost answer proves ---------------------------------------------------------


async def lost(venue, act, **changes):
    """Send an order whose answer proves nothing; return what is said of it."""
    async with desk(venue, act) as opened:
        vars(opened.exchange).update(changes)
        answer = await opened.venue.submit(opened.order())

        assert isinstance(answer, OrderUnknown), answer
        assert 1 == len(opened.server.seen)
        for word in ("http", "127.0.0.1", *OWN[venue].keys):
            assert word not in answer.reason
    return answer.reason


@every
@pytest.mark.trap(
    "no-answer-proves-nothing",
    "deribit",
    "binanceusdm",
    "binancecoinm",
    "binance",
    "bybit",
    "okx",
    "hyperliquid",
    "krakenfutures",
)
@pytest.mark.trap(
    "X08",
    "deribit",
    "binanceusdm",
    "binancecoinm",
    "binance",
    "bybit",
    "okx",
    "hyperliquid",
    "krakenfutures",
)
async def test_no_answer(venue):
    """The peer hangs up without an answer: the order left once, and nobody knows."""
    assert "NotAnswered" in await lost(venue, hangs_up)


@every
@pytest.mark.trap(
    "cut-answer-looks-final",
    "deribit",
    "binanceusdm",
    "binancecoinm",
    "binance",
    "bybit",
    "okx",
    "hyperliquid",
    "krakenfutures",
)
async def test_half_an_answer(venue):
    """Half of an answer is none, though its class sounds final."""
    await lost(venue, half)


@every
@pytest.mark.parametrize("text", [HTML, "", "{}", "[]", "null", "5"])
@pytest.mark.trap(
    "page-with-status-200",
    "deribit",
    "binanceusdm",
    "binancecoinm",
    "binance",
    "bybit",
    "okx",
    "hyperliquid",
    "krakenfutures",
)
async def test_page_with_status_200(venue, text):
    """A page for people, nothing at all, or JSON without an order is no acceptance."""
    await lost(venue, says(text, kind="text/html" if text == HTML else "application/json"))


@every
@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 409, 500, 502, 503, 504])
@pytest.mark.trap(
    "status-without-a-code",
    "deribit",
    "binanceusdm",
    "binancecoinm",
    "binance",
    "bybit",
    "okx",
    "hyperliquid",
    "krakenfutures",
)
async def test_status_without_a_code(venue, status):
    """An HTTP error that bears no code of the venue's proves nothing."""
    await lost(venue, says(HTML, status, "text/html"))


@every
@pytest.mark.trap(
    "silence-is-no-answer",
    "deribit",
    "binanceusdm",
    "binancecoinm",
    "binance",
    "bybit",
    "okx",
    "hyperliquid",
    "krakenfutures",
)
async def test_silence(venue):
    """No answer in time is no answer."""
    gate = asyncio.Event()

    async def silent(_request):
        await gate.wait()
        return json_of("{}")

    reason = await lost(venue, silent, timeout=100)
    gate.set()

    assert "RequestTimeout" in reason


@every
@pytest.mark.parametrize("status", [429, 418])
@pytest.mark.trap(
    "too-many-requests",
    "deribit",
    "binanceusdm",
    "binancecoinm",
    "binance",
    "bybit",
    "okx",
    "hyperliquid",
    "krakenfutures",
)
async def test_too_many_requests(venue, status):
    """Where the venue says so by HTTP nobody asks on: the next order does not leave."""
    async with desk(venue, says("{}", status)) as opened:
        await opened.venue.submit(opened.order(1))
        second = await opened.venue.submit(opened.order(2))

        assert isinstance(second, OrderRejected)
        assert (False, 1) == (second.sent, len(opened.server.seen))
        assert "rate budget" in second.reason


@every
@pytest.mark.trap(
    "refused-connection-is-not-sent",
    "deribit",
    "binanceusdm",
    "binancecoinm",
    "binance",
    "bybit",
    "okx",
    "hyperliquid",
    "krakenfutures",
)
async def test_refused_connection(venue):
    """A connection that was never made took no order along."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    async with desk(venue, hangs_up, nobody) as opened:
        answer = await opened.venue.submit(opened.order())

    assert isinstance(answer, OrderRejected)
    assert not answer.sent


# --- what the venue's own answer proves --------------------------------------------------


def binance(code):
    return f'{{"code": {code}, "msg": "words"}}'


def okx(code):
    row = f'{{"sCode": "{code}", "sMsg": "words", "clOrdId": "x", "ordId": ""}}'
    return f'{{"code": "1", "data": [{row}], "msg": "All operations failed"}}'


def bybit(code):
    return f'{{"retCode": {code}, "retMsg": "words", "result": {{}}, "time": 1}}'


def deribit(code):
    return f'{{"jsonrpc": "2.0", "error": {{"code": {code}, "message": "words"}}}}'


def hyperliquid(word):
    told = f'{{"type": "order", "data": {{"statuses": [{{"error": "{word}"}}]}}}}'
    return f'{{"status": "ok", "response": {told}}}'


def kraken(word):
    return f'{{"result": "success", "sendStatus": {{"status": "{word}"}}, "serverTime": "x"}}'


@pytest.mark.parametrize(
    ("venue", "text", "status", "proves"),
    [
        ("deribit", deribit(11094), 400, False),
        ("deribit", deribit(77_777), 400, False),
        ("deribit", deribit(10009), 400, True),
        *((each, binance(-1006), 400, False) for each in VENUES[1:4]),
        *((each, binance(-1007), 400, False) for each in VENUES[1:4]),
        *((each, binance(-7777), 400, False) for each in VENUES[1:4]),
        *((each, binance(-1111), 400, True) for each in VENUES[1:4]),
        ("bybit", bybit(10016), 200, False),
        ("bybit", bybit(77_777), 200, False),
        ("bybit", bybit(110007), 200, True),
        ("okx", okx(51149), 200, False),
        ("okx", okx(77_777), 200, False),
        ("okx", okx(51008), 200, True),
        ("hyperliquid", hyperliquid("Something new"), 200, False),
        ("hyperliquid", hyperliquid("Order has zero size."), 200, True),
        ("krakenfutures", kraken("somethingNew"), 200, False),
        ("krakenfutures", kraken("insufficientAvailableFunds"), 200, True),
    ],
)
@pytest.mark.trap(
    "X01",
    "deribit",
    "binanceusdm",
    "binancecoinm",
    "binance",
    "bybit",
    "okx",
    "hyperliquid",
    "krakenfutures",
)
async def test_x01_codes(venue, text, status, proves):
    """X01: a listed code rejects an order, any other leaves it unknown, whatever its class."""
    async with desk(venue, says(text, status)) as opened:
        answer = await opened.venue.submit(opened.order())

    assert (OrderRejected if proves else OrderUnknown) is type(answer), answer
    assert not proves or answer.sent


@pytest.mark.parametrize(
    ("venue", "text", "status"),
    [
        ("deribit", deribit(10032), 400),
        ("binanceusdm", binance(-4164), 400),
        ("binancecoinm", binance(-4164), 400),
        ("binance", binance(-1013), 400),
        ("bybit", bybit(110094), 200),
        ("okx", okx(51020), 200),
        ("hyperliquid", hyperliquid("Order must have minimum value of $10."), 200),
        ("krakenfutures", kraken("invalidSize"), 200),
    ],
)
@pytest.mark.trap(
    "minimum-is-not-checked",
    "deribit",
    "binanceusdm",
    "binancecoinm",
    "binance",
    "bybit",
    "okx",
    "hyperliquid",
    "krakenfutures",
)
async def test_too_little(venue, text, status):
    """An order that is worth too little is refused by the venue, and that proves that it is gone.

    Less than its least amount does not even leave: ccxt checks neither.
    """
    async with desk(venue, says(text, status), minimum="0.01") as opened:
        answer = await opened.venue.submit(opened.order(1))
        less = await opened.venue.submit(opened.order(2, quantity=D("0.005")))

        assert (OrderRejected, True) == (type(answer), answer.sent)
        assert (OrderRejected, False) == (type(less), less.sent)
        assert "at least 0.01" in less.reason
        assert 1 == len(opened.server.seen)


# --- what stands in a request ------------------------------------------------------------


@every
@pytest.mark.trap(
    "amount-is-cut",
    "deribit",
    "binanceusdm",
    "binancecoinm",
    "binance",
    "bybit",
    "okx",
    "hyperliquid",
    "krakenfutures",
)
async def test_amounts_are_not_cut(venue):
    """What is no multiple of the venue's lot does not leave; ccxt would send another amount."""
    wire = Wire()
    async with desk(venue, wire, lot="0.0001") as opened:
        answer = await opened.venue.submit(opened.order(quantity=D("0.0047")))
        cut_by_ccxt = opened.exchange.amount_to_precision(OWN[venue].symbol, "0.0047")

    assert (OrderRejected, False, []) == (type(answer), answer.sent, wire.told)
    assert "multiple of 0.001" in answer.reason
    assert cut_by_ccxt in ("0.004", "0.005")


def _where(opened):
    """Return market and profile of a desk, and a time."""
    (where,) = opened.venue._markets.values()
    return where, opened.line.profile, 0


@every
@pytest.mark.parametrize(("quantity", "price"), [("0.01", "60000.4"), ("-0.01", "60000.1")])
@pytest.mark.trap(
    "price-is-rounded-to-the-nearest",
    "deribit",
    "binanceusdm",
    "binancecoinm",
    "binance",
    "bybit",
    "okx",
    "hyperliquid",
    "krakenfutures",
)
async def test_prices_keep_the_limit(venue, quantity, price):
    """A price goes to the step that is no looser: a buy down, a sale up, never to the nearest."""
    wire = Wire()
    async with desk(venue, wire, finest="0.1") as opened:
        asked = opened.order(quantity=D(quantity), price=D(price))
        answer = await opened.venue.submit(asked)

    (told,) = wire.told
    sent, sign = D(str(told[OWN[venue].price])), 1 if asked.quantity > 0 else -1
    assert isinstance(answer, OrderUnknown)
    assert sent * sign <= asked.price * sign
    assert abs(sent - asked.price) <= 1


@every
@pytest.mark.trap(
    "numbers-become-floats",
    "deribit",
    "binanceusdm",
    "binancecoinm",
    "binance",
    "bybit",
    "okx",
    "hyperliquid",
    "krakenfutures",
)
async def test_numbers_are_sent_as_text(venue):
    """Digits that a float would lose stand in the request."""
    wire = Wire()
    changes = {"step": "0.00000001", "tick": "1"}
    async with desk(venue, wire, lot="0.00000001", finest="1", **changes) as opened:
        await opened.venue.submit(opened.order(quantity=D("9876543219.12345678")))

    (told,) = wire.told
    assert "9876543219.12345678" == str(told[OWN[venue].amount])
    assert D(60_000) == D(str(told[OWN[venue].price]))


FORMS = {
    "deribit": r"[ -~]{1,64}",
    "binanceusdm": r"[.A-Z:/a-z0-9_-]{1,36}",
    "binancecoinm": r"[.A-Z:/a-z0-9_-]{1,36}",
    "binance": r"[a-zA-Z0-9_-]{1,36}",
    "bybit": r"[a-zA-Z0-9_-]{1,36}",
    "okx": r"[a-zA-Z0-9]{1,32}",
    "hyperliquid": r"0x[0-9a-f]{32}",
    "krakenfutures": r"[a-zA-Z0-9]{1,18}",
}


@every
@pytest.mark.parametrize(
    "parts", [ClientOrderId(0, 1, 0), ClientOrderId(1295, MOST_EPOCH, 36**7 - 1)]
)
@pytest.mark.trap(
    "client-id-has-a-form",
    "deribit",
    "binanceusdm",
    "binancecoinm",
    "binance",
    "bybit",
    "okx",
    "hyperliquid",
    "krakenfutures",
)
@pytest.mark.trap(
    "client-id-has-its-own-name",
    "deribit",
    "binanceusdm",
    "binancecoinm",
    "binance",
    "bybit",
    "okx",
    "hyperliquid",
    "krakenfutures",
)
async def test_client_ids_have_the_form_of_the_venue(venue, parts):
    """Any of our ids is one that the venue takes, and is told from it again."""
    wire = Wire()
    async with desk(venue, wire) as opened:
        name, profile = encode(parts), opened.line.profile
        await opened.venue.submit(opened.order(client_order_id=name))

    (told,) = wire.told
    sent = str(told[(profile.wire_id or profile.client_id).rpartition(".")[2]])
    assert re.fullmatch(FORMS[venue], sent)
    assert name == profile.spelling.read(sent)


@every
@pytest.mark.parametrize("lifetime", [TimeInForce.GTC, TimeInForce.POST_ONLY])
@pytest.mark.trap(
    "X04",
    "deribit",
    "binanceusdm",
    "binancecoinm",
    "binance",
    "bybit",
    "okx",
    "hyperliquid",
    "krakenfutures",
)
async def test_x04_nothing_rests_unarmed(venue, lifetime):
    """X04: what may rest does not leave while nothing would take it away."""
    wire = Wire()
    async with desk(venue, wire) as opened:
        answer = await opened.venue.submit(opened.order(time_in_force=lifetime))

    assert (OrderRejected, False, []) == (type(answer), answer.sent, wire.told)
    assert "dead-man" in answer.reason


@every
@pytest.mark.trap(
    "X02",
    "deribit",
    "binanceusdm",
    "binancecoinm",
    "binance",
    "bybit",
    "okx",
    "hyperliquid",
    "krakenfutures",
)
async def test_x02_retries_send_once(venue):
    """X02: with ccxt's retries on nothing is sent at all, and past that check only once."""
    async with desk(venue, hangs_up) as opened:
        opened.exchange.options["maxRetriesOnFailure"] = 3
        with pytest.raises(Defect, match="maxRetriesOnFailure must be 0"):
            await opened.venue.submit(opened.order())
        assert [] == opened.server.seen
        sent = requests.request(opened.order(), *_where(opened))
        named = (sent.symbol, "limit", sent.side, sent.amount, sent.price)
        with sending() as sends, pytest.raises(Exception) as raised:  # noqa: PT011 - ccxt wraps it
            await opened.exchange.create_order(*named, dict(sent.params))

        assert isinstance(raised.value.__cause__, SentTwice)
        assert 1 == len(sends) == len(opened.server.seen)


@pytest.mark.trap("option-families-are-not-all-loaded", "bybit", "okx")
@pytest.mark.parametrize(
    ("venue", "name"),
    [("bybit", "XRP-25DEC37-1-C-USDT"), ("okx", "SOL-USD-371225-100-C")],
)
async def test_option_that_is_not_loaded(venue, name):
    """An option of a coin that ccxt loads none of is refused by name, and nothing leaves."""
    wire = Wire()
    async with desk(venue, wire) as opened:
        option = replace(opened.instrument, id=f"{venue}:{name}", kind=Kind.OPTION)
        opened.venue._instruments = {option.id: option}
        answer = await opened.venue.submit(opened.order(instrument=option.id))

    assert (OrderRejected, False, []) == (type(answer), answer.sent, wire.told)
    assert f"{option.id} is not traded" in answer.reason


# --- clocks and instruments --------------------------------------------------------------

CLOCKS = {
    "deribit": '{{"jsonrpc": "2.0", "result": {ms}}}',
    "bybit": '{{"retCode": 0, "result": {{"timeSecond": "1", "timeNano": "{ms}000000"}},'
    ' "time": {ms}}}',
    "okx": '{{"code": "0", "data": [{{"ts": "{ms}"}}], "msg": ""}}',
    "hyperliquid": '{{"specialStatuses": null, "time": {ms}}}',
    "krakenfutures": '{{"result": "success", "feeSchedules": [], "serverTime": "{iso}"}}',
} | dict.fromkeys(VENUES[1:4], '{{"serverTime": {ms}}}')


def telling_time(venue, ahead):
    """Return an act that tells a venue's time, ahead of ours by some ns."""

    async def act(_request):
        now = time.time_ns() + ahead
        iso = requests.as_iso(now)
        return json_of(CLOCKS[venue].format(ms=now // 10**6, iso=iso))

    return act


@every
@pytest.mark.parametrize("ahead", [0, 3 * 10**9, -3 * 10**9])
@pytest.mark.trap(
    "clock-is-set-once",
    "deribit",
    "binanceusdm",
    "binancecoinm",
    "binance",
    "bybit",
    "okx",
    "hyperliquid",
    "krakenfutures",
)
async def test_clock_is_looked_at(venue, ahead):
    """However ccxt looks at its clock, or does not: three seconds apart nothing is sent."""
    async with desk(venue, telling_time(venue, ahead)) as opened:
        watch = skew.SkewWatch(opened.connection, opened.line.clock, Lines())
        assert watch.refusal() is not None
        await watch.look()

        assert (ahead != 0) is (watch.refusal() is not None)
        assert abs(watch.apart - abs(ahead)) < 10**9


@pytest.mark.parametrize("venue", [each for each in VENUES if each != "binance"])  # of contracts
@pytest.mark.parametrize("quanto", [False, True])
@pytest.mark.trap(
    "quanto-has-no-flag",
    "deribit",
    "binanceusdm",
    "binancecoinm",
    "bybit",
    "okx",
    "hyperliquid",
    "krakenfutures",
)
async def test_quanto(venue, quanto):
    """A contract that settles in a third currency is found, whatever ccxt calls it.

    Where a row says what its contracts settle in, another one is not traded at all.
    """
    finest = "0.001" if venue == "hyperliquid" else "0.5"
    changes = {"settle": "ETH"} if quanto else {}
    async with desk(venue, telling_time(venue, 0), finest=finest, **changes) as opened:
        profile, clock = opened.line.profile, opened.line.clock
        settings = Venue(loopback="http://127.0.0.1:1", account=ACCOUNT, leverage=5.0)
        own = replace(opened.instrument, **changes)
        subject = Subject(opened.connection, profile, settings, clock, [own], {})
        found = {each.name: each.ok for each in await examine(subject)}

    same, settles = (found.get(f"{each}.{own.id}") for each in ("instrument", "settles"))
    refused = (False, None) if profile.settles else (True, False)
    assert (refused if quanto else (True, True)) == (same, settles)
