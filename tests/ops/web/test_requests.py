"""What is asked over HTTP: who may, what comes back, and what harm it does (none)."""

import asyncio
import socket
from pathlib import Path

import pytest

from rebalancer.core.events import Verb
from rebalancer.errors import Unavailable
from rebalancer.ops.redaction import Redactor
from rebalancer.ops.web import Place, Tokens, WebServer, gate
from tests.ops.web.serving import (
    ANSWERS,
    OPERATOR,
    READER,
    SECRET,
    Book,
    ask,
    bearer,
    say,
    serving,
)

JSON = {"Content_Type": "application/json"}
ACT = {**bearer(OPERATOR), **JSON}
LOOK = bearer(READER)
WS = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec_WebSocket_Version": "13"}
KEY = {"Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ=="}
FOREIGN = {"Origin": "http://evil.example"}


@pytest.fixture
def book():
    """Return a book."""
    return Book()


@pytest.fixture
async def port(book, read_log):
    """Return the port of a page with both tokens."""
    async with serving(book, read_log().log, reader=READER, operator=OPERATOR) as server:
        yield server.port


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        # whether it lives is told to anybody; nothing else is
        ("GET", "/livez", {}, 200),
        ("GET", "/readyz", {}, 401),
        ("GET", "/metrics", {}, 401),
        ("GET", "/status", {}, 401),
        ("GET", "/why/18211", {}, 401),
        ("GET", "/history/BTC", {}, 401),
        ("GET", "/", {}, 401),
        ("GET", "/live", {}, 401),
        ("GET", "/nothing", {}, 401),
        ("POST", "/kill", JSON, 401),
        ("OPTIONS", "/status", {}, 401),
        # whoever has a token that is wrong, half, of another scheme, or in the address
        ("GET", "/status", bearer(READER[:-1]), 401),
        ("GET", "/status", bearer(READER + "x"), 401),
        ("GET", "/status", bearer(READER.upper()), 401),
        ("GET", "/status", bearer(""), 401),
        ("GET", "/status", {"Authorization": "Basic " + READER}, 401),
        ("GET", "/status", {"Authorization": READER}, 401),
        ("GET", "/status?token=" + READER, {}, 401),
        ("GET", "/status", {"Cookie": "token=" + READER}, 401),
        ("GET", "/live", {**bearer("x"), **WS, **KEY}, 401),
        # whoever may look
        ("GET", "/readyz", LOOK, 503),
        ("GET", "/metrics", LOOK, 200),
        ("GET", "/status", LOOK, 200),
        ("GET", "/status", {"authorization": "bearer  " + READER}, 200),
        ("GET", "/status", bearer(OPERATOR), 200),
        ("GET", "/status?x=1", LOOK, 200),
        ("GET", "/why/18211", LOOK, 200),
        ("GET", "/history/BTC", LOOK, 200),
        ("GET", "/history/BTC?since=1769757300", LOOK, 200),
        ("GET", "/history/BTC?since=-1", LOOK, 400),
        ("GET", "/history/BTC?since=1e9", LOOK, 400),
        ("GET", "/", LOOK, 200),
        ("GET", "/live", LOOK, 426),
        # what is not there
        ("GET", "/nothing", LOOK, 404),
        ("GET", "/status/", LOOK, 404),
        ("GET", "//status", LOOK, 404),
        ("GET", "/why/", LOOK, 404),
        ("GET", "/why/1", LOOK, 404),
        ("GET", "/why/BTC", LOOK, 404),  # the whole journal would be read for it
        ("GET", "/why/../status", LOOK, 404),
        ("GET", "/history/DOGE", LOOK, 404),
        ("GET", "/history/..%2f..%2fetc%2fpasswd", LOOK, 404),
        ("GET", "/page.js", LOOK, 404),
        ("POST", "/arm", ACT, 404),
        ("POST", "/adopt", ACT, 404),
        ("POST", "/reduce", ACT, 404),
        # what is there, but not so
        ("HEAD", "/status", LOOK, 405),
        ("POST", "/status", LOOK, 405),
        ("PUT", "/status", LOOK, 405),
        ("DELETE", "/", LOOK, 405),
        ("OPTIONS", "/kill", LOOK, 405),
        ("GET", "/kill", bearer(OPERATOR), 405),
        ("POST", "/live", bearer(OPERATOR), 405),
        # whoever may only look must not act
        ("POST", "/pause", {**LOOK, **JSON}, 403),
        ("POST", "/resume", {**LOOK, **JSON}, 403),
        ("POST", "/kill", {**LOOK, **JSON}, 403),
        ("POST", "/kill", {**bearer(OPERATOR), "Content_Type": "text/plain"}, 415),
        ("POST", "/kill", bearer(OPERATOR), 415),
        # another page
        ("GET", "/status", {**LOOK, **FOREIGN}, 403),
        ("POST", "/kill", {**ACT, **FOREIGN}, 403),
        ("POST", "/kill", {**ACT, "Origin": "null"}, 403),
        ("POST", "/kill", {**ACT, "Sec_Fetch_Site": "cross-site"}, 403),
        ("GET", "/live", {**WS, **KEY, **FOREIGN}, 403),
        ("GET", "/live", {**WS, **KEY, "Origin": "http://127.0.0.1:1"}, 403),
        # another name
        ("GET", "/livez", {"Host": "evil.example"}, 421),
        ("GET", "/livez", {"Host": "evil.example:9464"}, 421),
        ("GET", "/livez", {"Host": "127.0.0.1.evil.example"}, 421),
        ("GET", "/livez", {"Host": "localhost@evil.example"}, 421),
        ("GET", "/livez", {"Host": ""}, 421),
        ("GET", "/livez", {"Host": "10.0.0.1"}, 421),
        ("GET", "/status", {**LOOK, "Host": "evil.example"}, 421),
        ("POST", "/kill", {**ACT, "Host": "evil.example"}, 421),
        # its own, whatever the port: a tunnel has another
        ("GET", "/livez", {"Host": "localhost"}, 200),
        ("GET", "/livez", {"Host": "LOCALHOST:1"}, 200),
        ("GET", "/livez", {"Host": "127.0.0.1:8080"}, 200),
        ("GET", "/livez", {"Host": "[::1]:8080"}, 200),
    ],
)
async def test_who_may_what(port, book, method, path, headers, status):
    """Each request is answered as who asks it may, and what is refused reaches no book."""
    told = await ask(port, method, path, b"{}" if method == "POST" else b"", **headers)

    assert status == told.status, told.body
    assert [] == [*book.told, *(each for each in book.asked if not each.isdecimal())]
    assert "access-control-allow-origin" not in told.headers
    assert "nosniff" == told.headers["x-content-type-options"]
    assert "no-store" == told.headers["cache-control"]
    assert "rebalancer" == told.headers["server"]
    assert "default-src 'none'" in told.headers["content-security-policy"]
    if status == 401:
        assert told.headers["www-authenticate"].startswith("Bearer")
    if status == 405:
        assert told.headers["allow"] == ("POST" if path == "/kill" else "GET")


@pytest.mark.parametrize(
    ("tokens", "method", "path", "headers", "status"),
    [
        ({}, "GET", "/", {}, 200),
        ({}, "GET", "/status", {}, 200),
        ({}, "GET", "/metrics", {}, 200),
        ({}, "GET", "/status", bearer(READER), 401),  # a wrong one is told, not overlooked
        ({}, "POST", "/kill", JSON, 404),  # without an operator's token nobody acts here
        ({}, "POST", "/kill", ACT, 401),
        ({"reader": READER}, "POST", "/kill", {**LOOK, **JSON}, 404),
        ({"operator": OPERATOR}, "GET", "/status", {}, 200),
        ({"operator": OPERATOR}, "POST", "/kill", JSON, 403),
        ({"operator": OPERATOR}, "POST", "/kill", {**bearer("x"), **JSON}, 401),
    ],
)
async def test_which_tokens_there_are(book, read_log, tokens, method, path, headers, status):
    """On loopback anybody may look unless there is a token for it; nobody ever acts without."""
    async with serving(book, read_log().log, **tokens) as server:
        told = await ask(server.port, method, path, **headers)

    assert status == told.status, told.body
    assert [] == book.told


@pytest.mark.parametrize("verb", [Verb.PAUSE, Verb.RESUME, Verb.KILL])
async def test_acting(port, book, verb):
    """An operator's order reaches the book with its reason, and says where it came from."""
    told = await ask(port, "POST", f"/{verb}", b'{"reason": " wrong account "}', **ACT)

    assert (200, {"verb": str(verb), "before": "active"}) == (told.status, told.json)
    assert [(verb, "wrong account", "web", False)] == book.told


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 200),  # a kill never waits for words
        (b"{}", 200),
        (b'{"reason": "' + b"x" * 1000 + b'"}', 200),
        (b'{"reason": "' + b"x" * 1001 + b'"}', 400),
        (b'{"reason": 1}', 400),
        (b'{"reasons": "x"}', 400),
        (b'{"all": true}', 400),
        (b"[", 400),
        (b"[" * 4000, 400),
        (b"\xff", 400),
        (b'{"reason": "' + b"x" * 4096 + b'"}', 413),
        (b"x" * 100_000, 413),
    ],
)
async def test_bodies(port, book, body, status):
    """A body is small and says what is understood, or is refused."""
    told = await ask(port, "POST", "/kill", body, **ACT)

    assert status == told.status
    assert (status == 200) == bool(book.told)


async def test_a_body_without_a_length(port, book):
    """A body that does not say how long it will be is cut off like any other."""
    chunks = b"".join(b"400\r\n" + b"x" * 1024 + b"\r\n" for _ in range(8)) + b"0\r\n\r\n"
    told = await ask(
        port, "POST", "/kill", chunks, Transfer_Encoding="chunked", Content_Length=None, **ACT
    )

    assert (413, []) == (told.status, book.told)


async def test_halted(port, book):
    """What the book itself refuses is told in its words."""
    book.halted = True
    told = await ask(port, "POST", "/resume", b"{}", **ACT)

    assert (409, {"error": "resume: the book is halted; arm it first"}) == (told.status, told.json)


async def test_what_comes_back(port, book):
    """Health, metrics, status, why and past are what the book tells."""
    live, ready = await ask(port, "GET", "/livez"), await ask(port, "GET", "/readyz", **LOOK)
    metrics = await ask(port, "GET", "/metrics", **LOOK)
    status = await ask(port, "GET", "/status", **LOOK)

    assert {"ok": True, "reasons": []} == live.json
    assert {"ok": False, "reasons": ["never_reconciled"]} == ready.json
    assert ANSWERS.exposition(None) == metrics.body
    assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert ("desk", 1) == (status.json["book"], status.json["seq"])
    assert 18211 == (await ask(port, "GET", "/why/18211", **LOOK)).json["decision"]["sequence"]


async def test_the_page_without_a_token(port):
    """Who lacks a token gets the page to type one in, and nothing of the book."""
    without, owner = await ask(port, "GET", "/"), await ask(port, "GET", "/", **LOOK)

    assert (401, 200, without.body) == (without.status, owner.status, owner.body)
    assert b"desk" not in without.body
    assert without.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET /livez HTTP/1.1\r\n\r\n",  # no host
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # somebody speaks TLS
        b"\r\n" * 100,
        b"GET " + b"/" * 10_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 10_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 1_000 + b"\r\n",
        b"GET / HTTP/9\r\nHost: localhost\r\n\r\n",
        b"BREW / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\r\n".join(
            (
                *(b"POST /kill HTTP/1.1", b"Host: localhost", b"Content-Length: 2"),
                *(b"Transfer-Encoding: chunked", b"", b"0", b"", b""),
            )
        ),
    ],
)
async def test_what_is_no_request(port, book, raw, caplog, monkeypatch):
    """What is malformed or without a measure is refused or hung up on; nobody writes it down."""
    monkeypatch.setattr(gate, "ASKS", 0.5)
    came = await say(port, raw)

    assert came == b"" or int(came.split()[1]) in (400, 401, 421, 431), came[:200]
    assert [] == caplog.records
    assert 200 == (await ask(port, "GET", "/livez")).status
    assert [] == book.told


@pytest.mark.waits(10)
@pytest.mark.parametrize("word", [b"", b"GET /li", b"POST /kill HTTP/1.1\r\nHost: localhost\r\n"])
async def test_dawdlers(port, word, monkeypatch):
    """Who does not say all of a request in time is hung up on."""
    monkeypatch.setattr(gate, "ASKS", 0.3)
    began = asyncio.get_running_loop().time()

    assert b"" == await say(port, word)
    assert 0.2 < asyncio.get_running_loop().time() - began < 3


@pytest.mark.waits(10)
async def test_half_a_body(port, book, monkeypatch):
    """An order that never ends is never carried out, and its connection does not stay."""
    monkeypatch.setattr(gate, "TAKES", 0.3)
    told = await say(
        port,
        f"POST /kill HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {OPERATOR}\r\nContent-Length: 50\r\n\r\n{{".encode(),
    )

    assert (b"", []) == (told, book.told)


async def test_a_crowd(port):
    """So many come in, the next ones are hung up on, and it goes on when they have left."""
    crowd = [await asyncio.open_connection("127.0.0.1", port) for _ in range(gate.CONNECTIONS)]
    await asyncio.sleep(0.1)
    assert b"" == await say(port, b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")

    for _, writer in crowd:
        writer.close()
    await asyncio.sleep(0.1)
    assert 200 == (await ask(port, "GET", "/livez")).status


async def test_one_request_a_connection(port):
    """What is said after the first request is not heard."""
    asked = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
    came = await say(port, asked + asked)

    assert 1 == came.count(b"HTTP/1.1 200")


async def test_secrets(book, read_log):
    """What is served is redacted like a line of the log, and is JSON still."""
    book.note = f"url?signature={SECRET}&x"
    hide = Redactor([SECRET, READER, "472113551"])
    async with serving(book, read_log().log, redactor=hide) as server:
        book.looked = 472113550
        status = await ask(server.port, "GET", "/status")

    assert SECRET not in status.body.decode()
    assert ("***", "url?signature=***&x") == (status.json["seq"], status.json["note"])
    assert "1.50" == status.json["positions"][0]["quantity"]


async def test_a_book_that_fails(book, read_log):
    """A question that cannot be answered is told so, logged once as a defect, and that is all."""
    book.broken, log = True, read_log()
    async with serving(book, log.log) as server:
        told = await ask(server.port, "GET", "/status")
        assert (500, {"error": "the daemon could not answer"}) == (told.status, told.json)
        assert 200 == (await ask(server.port, "GET", "/livez")).status

    (line,) = [each for each in log.lines if each["level"] == "error"]
    assert "web.failed" == line["event"]


async def test_refusals_are_logged_once_a_minute(book, read_log):
    """Somebody who tries tokens is told of in one line, and the token is not in it."""
    log = read_log()
    async with serving(book, log.log, reader=READER) as server:
        for _ in range(5):
            await ask(server.port, "GET", "/status", **bearer("guess" * 10))

    (line,) = [each for each in log.lines if each["event"] == "web.refused"]
    assert (401, "/status") == (line["status"], line["path"])
    assert "guess" not in log.text


async def test_an_address_that_is_taken(book, read_log):
    """A page that cannot be opened keeps the book from starting, and says what must be."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = WebServer(Place(*taken.getsockname()), book, ANSWERS, Tokens(), read_log().log)
        with pytest.raises(Unavailable, match="must be a free address"):
            await server.start()
        await server.close()


def listening():
    """Return the rows of what listens, as the kernel tells them."""
    return [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]


async def test_loopback_alone(port):
    """Nothing listens on an address that others reach."""
    rows = listening()
    ours = [row[1] for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "0A"]

    assert [f"0100007F:{port:04X}"] == ours
