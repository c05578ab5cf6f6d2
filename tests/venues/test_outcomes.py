"""What an answer proves: fault by fault and code by code, X01 to X08 where they touch orders."""

import json
from types import SimpleNamespace

import aiohttp
import ccxt
import pytest
from aiohttp.client_reqrep import ConnectionKey

from rebalancer.errors import Unavailable
from rebalancer.ports.redaction import Redactor
from rebalancer.runtime.clock import WallClock
from rebalancer.venues.answers import NotAnswered
from rebalancer.venues.budget import Budget, Lane, Rate
from rebalancer.venues.outcome import KeyRefused, Malformed, Outcome, Refused
from rebalancer.venues.outcomes import CODES, explain, heed, judge, said
from rebalancer.venues.payloads import missing
from rebalancer.venues.profile import OTHER
from rebalancer.venues.wording import WORDS
from rebalancer.wire.bybit.values import number as bybit_number
from rebalancer.wire.okx.values import number as okx_number
from tests.venues.loopback import answering, at, cut, desk, json_of, order
from tests.venues.test_connection import MARKETS, opened

SENT = ["GET"]
HTML = "<html>we will be right back</html>"


def deribit(code, word="", error=ccxt.ExchangeError):
    """Return ccxt's error of a Deribit answer."""
    return error(f'deribit {{"jsonrpc":"2.0","error":{{"message":"{word}","code":{code}}}}}')


def caused(error, cause):
    """Return an error that came of another."""
    error.__cause__ = cause
    return error


def connector(kind=aiohttp.ClientConnectorError):
    """Return aiohttp's error of a connection that was never made."""
    key = ConnectionKey("nowhere", 1, False, True, None, None, None)
    return kind(key, OSError("refused"))


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        # faults after the venue may have executed
        (caused(ccxt.ExchangeNotAvailable("x"), aiohttp.ServerDisconnectedError()), "unknown"),
        (caused(ccxt.RequestTimeout("x"), NotAnswered()), "unknown"),
        (caused(ccxt.ExchangeError("x"), aiohttp.ClientPayloadError()), "unknown"),  # truncated
        (TypeError("'NoneType' object does not support item assignment"), "unknown"),  # HTML
        (Malformed("deribit order: order_id must be a text, was missing"), "unknown"),
        (ccxt.ExchangeNotAvailable(f"deribit GET http://x 500 {HTML}"), "unknown"),
        (ccxt.ExchangeNotAvailable("deribit GET http://x 403 forbidden"), "unknown"),
        (ccxt.RequestTimeout("deribit GET http://x 504 gateway"), "unknown"),
        (ccxt.OperationFailed("binanceusdm"), "unknown"),  # -1006
        (ccxt.RateLimitExceeded("deribit GET http://x 429 slow down"), "unknown"),
        (ccxt.DDoSProtection("deribit GET http://x 418 banned"), "unknown"),
        (caused(ccxt.RequestTimeout("x"), TimeoutError()), "unknown"),
        # the rules below it
        (ccxt.BadResponse("deribit"), "unknown"),
        (ccxt.NullResponse("deribit"), "unknown"),
        (ccxt.OnMaintenance("deribit"), "unknown"),  # a class alone
        (ccxt.InsufficientFunds("deribit"), "unknown"),  # a class alone
        (caused(ccxt.ExchangeNotAvailable("x"), connector()), "not sent"),
        (
            caused(ccxt.ExchangeNotAvailable("x"), connector(aiohttp.ClientConnectorDNSError)),
            "not sent",
        ),
        (caused(ccxt.RequestTimeout("x"), aiohttp.ConnectionTimeoutError()), "not sent"),
        # codes
        (deribit(10009, "not_enough_funds", ccxt.InsufficientFunds), "rejected"),
        (deribit(10043, "price_wrong_tick", ccxt.InvalidOrder), "rejected"),
        (deribit(11054, "post_only_reject", ccxt.InvalidOrder), "rejected"),
        (deribit(10041, "settlement_in_progress", ccxt.OnMaintenance), "rejected"),
        (deribit(10040, "retry", ccxt.ExchangeNotAvailable), "unknown"),
        (deribit(11094, "internal_server_error"), "unknown"),
        (deribit(13888, "timed_out"), "unknown"),
        (deribit(77777, "new_in_2027"), "unknown"),
        (deribit(10028, "too_many_requests", ccxt.DDoSProtection), "rate limited"),
        (deribit(10047, "matching_engine_queue_full", ccxt.DDoSProtection), "rate limited"),
        (caused(deribit(10009), aiohttp.ClientPayloadError()), "unknown"),  # half of an answer
    ],
)
@pytest.mark.trap("X01", "deribit")
def test_deribit(error, outcome):
    """Every way an order call can end proves just that much."""
    judged = judge("deribit", error, SENT)

    assert outcome == judged.outcome.value
    assert judged.reason


@pytest.mark.parametrize(
    ("venue", "body", "error", "outcome"),
    [
        # X01: the class says one thing, the code another; bodies as their documentation has them
        ("okx", '{"code":"1","data":[{"sCode":"51149","sMsg":"Timeout"}]}', None, "unknown"),
        ("okx", '{"code":"50004","msg":"Endpoint request timeout"}', None, "unknown"),
        ("binanceusdm", '{"code":-1006,"msg":"UNEXPECTED_RESP"}', None, "unknown"),
        ("binanceusdm", '{"code":-1007,"msg":"TIMEOUT"}', ccxt.BadResponse, "unknown"),
        ("bybit", '{"retCode":10016,"retMsg":"System error"}', None, "unknown"),
        ("bybit", '{"retCode":110072,"retMsg":"dup"}', ccxt.InvalidOrder, "duplicate"),
        # duplicates are not DuplicateOrderId
        ("okx", '{"code":"1","data":[{"sCode":"51016"}]}', ccxt.InvalidOrder, "duplicate"),
        ("bybit", '{"retCode":170141,"retMsg":"dup"}', ccxt.InvalidOrder, "duplicate"),
        ("binanceusdm", '{"code":-4116,"msg":"dup"}', ccxt.InvalidOrder, "duplicate"),
        ("binanceusdm", '{"code":-2019,"msg":"Margin"}', ccxt.InsufficientFunds, "rejected"),
        ("okx", '{"code":"1","data":[{"sCode":"51008"}]}', ccxt.InsufficientFunds, "rejected"),
        ("kraken", '{"error":["EOrder:Insufficient funds"]}', ccxt.InsufficientFunds, "unknown"),
    ],
)
@pytest.mark.trap("X01", "binanceusdm", "bybit", "okx")
def test_x01_a_class_is_no_verdict(venue, body, error, outcome):
    """X01: what a code proves stands in our table, whatever class ccxt gave it."""
    raised = (error or ccxt.ExchangeError)(f"{venue} {body}")

    assert outcome == judge(venue, raised, SENT).outcome.value


def test_nothing_left_is_not_sent():
    """An error before anything was sent proves that nothing was, whatever it is."""
    assert Outcome.NOT_SENT is judge("deribit", ccxt.InvalidOrder("too small"), []).outcome
    assert Outcome.NOT_SENT is judge("deribit", ValueError(), []).outcome


def test_words_of_an_endless_answer():
    """Of an answer that nobody looked through for secrets the code alone is told."""
    body = {"error": {"code": 13004, "message": "who is canary?"}, "ballast": "x" * WORDS}
    error = ccxt.ExchangeError("deribit " + json.dumps(body))

    assert ("13004", "") == said("deribit", error)


@pytest.mark.parametrize(
    "refused",
    [
        lambda text: missing({"size": text}, "size", "deribit", "a number"),
        lambda text: not_read(okx_number, text),
        lambda text: not_read(bybit_number, text),
    ],
)
@pytest.mark.parametrize("length", [12, 30, 60])
def test_a_secret_in_the_place_of_a_number(refused, length):
    """An error tells what it found whole or not at all: no part of a secret is left in it."""
    secret = ("canary-" * 10)[:length]

    assert "canary" not in Redactor([secret]).text(str(refused(secret)))


def not_read(read, text):
    with pytest.raises(ValueError, match="must be a number") as error:
        read(text)
    return error.value


@pytest.mark.trap("X01", "deribit", "binanceusdm", "bybit", "okx")
def test_only_listed_codes_reject():
    """No code that the venues call a failure of theirs is taken for a refusal."""
    doubtful = {
        "deribit": {"10001", "10040", "11031", "11094", "13028", "13888", "10004", "10010"},
        "binanceusdm": {"-1000", "-1001", "-1006", "-1007", "-1008"},
        "bybit": {"10016", "10019"},
        "okx": {"50001", "50004", "50026", "51149"},
    }
    for venue, codes in doubtful.items():
        assert not codes & set(CODES[venue].proofs)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (deribit(13004, "invalid_credentials"), KeyRefused, "13004 invalid_credentials"),
        (deribit(13009, "unauthorized"), KeyRefused, "13009"),
        (deribit(10004, "order_not_found"), Refused, "10004 order_not_found"),
        (caused(ccxt.RequestTimeout("x"), NotAnswered()), Unavailable, "RequestTimeout"),
        (ccxt.AuthenticationError("requires apiKey"), KeyRefused, "AuthenticationError"),
    ],
)
def test_explain(error, kind, words):
    """What fails beside an order is named by class and code."""
    told = explain("deribit", "get_positions", error)

    assert kind is type(told)
    assert words in str(told)


@pytest.mark.parametrize(
    ("venue", "body", "complaints"),
    [
        ("bybit", '{"retCode":10006,"retMsg":"Too many visits."}', 1),
        ("bybit", '{"retCode":10016,"retMsg":"Server error."}', 0),
        ("okx", '{"code":"50011","msg":"Rate limit reached","data":[]}', 1),
        ("deribit", '{"jsonrpc":"2.0","error":{"message":"too_many_requests","code":10028}}', 1),
        ("binanceusdm", '{"code":-1003,"msg":"Too many requests."}', 1),
        ("binanceusdm", '{"code":-1121,"msg":"Invalid symbol."}', 0),
        ("bybit", "429 Too Many Requests", 0),  # of which the connection hears
    ],
)
def test_heed(venue, body, complaints):
    """A code that says "too many" to whatever was asked lets the budget rest."""
    budget = Budget({OTHER: Rate(10, 10)}, WallClock())
    told = heed(budget, venue, "positions", ccxt.RateLimitExceeded(f"{venue} {body}"))

    assert isinstance(told, Unavailable)
    assert complaints == budget.complaints
    assert bool(complaints) == (budget.take(OTHER, Lane.POLL) > 0)


@pytest.mark.trap("X08", "binanceusdm")
def test_x08_no_signed_address_in_words():
    """X08: ccxt's texts carry signed addresses; ours carry class, code and a short word."""
    signed = "binanceusdm GET https://fapi/v1?signature=c0ffee 500 oops"
    told = [
        str(explain("binanceusdm", "positions", ccxt.ExchangeNotAvailable(signed))),
        judge("binanceusdm", ccxt.ExchangeNotAvailable(signed), SENT).reason,
        judge("binanceusdm", ccxt.ExchangeError("binanceusdm {broken"), SENT).reason,
    ]

    assert not [line for line in told if "c0ffee" in line or "https" in line]


@pytest.mark.parametrize(
    "text",
    ["deribit [1]", "deribit {}", 'deribit {"error": 5}', 'deribit {"error": {"code": null}}', "x"],
)
def test_no_code(text):
    """An answer that is none of the venue's has no code."""
    assert (None, "") == said("deribit", ccxt.ExchangeError(text))


@pytest.mark.parametrize(
    ("answer", "said_of_it"),
    [
        (cut, "RequestTimeout (NotAnswered)"),
        (lambda r: json_of('{"result": {"order": {}, "trades": []}}'), "Malformed"),
        (lambda r: json_of('{"result": {"trades": []}}'), "TypeError"),
        (lambda r: json_of(""), "TypeError"),
        (lambda r: json_of(HTML), "TypeError"),
        (lambda r: json_of('{"result": {"order": {"order_id"'), "TypeError"),
        (lambda r: json_of(HTML, 500), "ExchangeNotAvailable"),
        (lambda r: json_of("{}", 409), "ExchangeNotAvailable"),
        (lambda r: json_of("{}", 504), "RequestTimeout"),
        (lambda r: json_of("{}", 429), "RateLimitExceeded"),
    ],
)
@pytest.mark.trap("no-answer-proves-nothing", "deribit")
@pytest.mark.trap("cut-answer-looks-final", "deribit")
@pytest.mark.trap("page-with-status-200", "deribit")
@pytest.mark.trap("status-without-a-code", "deribit")
async def test_whole_way(answer, said_of_it):
    """Through the unmodified class: each of these is unknown, sent once, and says its class."""

    async def act(request):
        if "get_instruments" in request.path:
            return json_of(MARKETS)
        if "get_currencies" in request.path:
            return json_of('{"result": []}')
        return answer(request)

    async with answering(act) as (server, address), at(SimpleNamespace(address=address)) as venue:
        told = await venue.venue.submit(order())

    assert said_of_it == told.reason
    assert 1 == len(server.asked("/private/buy"))


@pytest.mark.trap("X03", "deribit")
async def test_x03_label_is_read_back():
    """X03: ccxt leaves clientOrderId empty; the label in the raw order is what counts."""
    async with desk() as venue:
        answer = await venue.venue.submit(order())
        raw = await venue.line.connection.exchange.fetch_order(answer.venue_order_id)

    assert (None, "rb01") == (raw["clientOrderId"], raw["info"]["label"])


@pytest.mark.trap("X06", "deribit")
async def test_x06_ours_is_always_sent():
    """X06: no order leaves without our own id in the venue's own parameter."""

    async def refuse(request):
        return json_of('{"error": {"code": 10009, "message": "no"}}', 400)

    async with opened(refuse) as venue:
        await venue.buy()
        assert "rb01" == venue.sent()[0].query["label"]
