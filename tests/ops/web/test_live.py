"""The live picture: who may have it, what it costs, and that nobody holds it up."""

import asyncio
import json
import socket

import pytest
import uvloop
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from rebalancer.errors import Unavailable
from rebalancer.ops.redaction import Redactor
from rebalancer.ops.web import live, picture
from tests.ops.web.serving import OPERATOR, READER, SECRET, Book, ask, serving

SECTIONS = {
    *("head", "underlyings", "positions", "decisions"),
    *("orders", "counters", "accounts", "guards"),
}


@pytest.fixture
def book():
    """Return a book."""
    return Book()


@pytest.fixture(autouse=True)
def swift(monkeypatch):
    """Look more often than an eye could follow."""
    monkeypatch.setattr(picture, "LIGHT", 0.05)
    monkeypatch.setattr(live, "LIGHT", 0.05)
    monkeypatch.setattr(picture, "HEAVY", 0.2)


def address(server):
    """Return where the live picture is."""
    return f"ws://127.0.0.1:{server.port}/live"


async def greeted(page, token=None):
    """Say the first word; return what the server says to it."""
    await page.send(json.dumps({"token": token}))
    return json.loads(await asyncio.wait_for(page.recv(), 5))


async def hung_up(page):
    """Return the code with which the server hangs up."""
    try:
        while True:
            await asyncio.wait_for(page.recv(), 5)
    except ConnectionClosed:
        return page.close_code


@pytest.mark.parametrize(
    ("reader", "operator", "token", "hello"),
    [
        (None, None, None, {"acts": False, "can_act": False}),
        (None, OPERATOR, None, {"acts": False, "can_act": True}),
        (None, OPERATOR, OPERATOR, {"acts": True, "can_act": True}),
        (READER, OPERATOR, READER, {"acts": False, "can_act": True}),
        (READER, OPERATOR, OPERATOR, {"acts": True, "can_act": True}),
        (READER, None, READER, {"acts": False, "can_act": False}),
    ],
)
async def test_greeting(book, read_log, reader, operator, token, hello):
    """Who may look sees the whole book at once, and hears whether orders are taken."""
    async with (
        serving(book, read_log().log, reader=reader, operator=operator) as server,
        connect(address(server)) as page,
    ):
        assert {"hello": hello} == await greeted(page, token)
        first = json.loads(await asyncio.wait_for(page.recv(), 5))

    assert set(first) == {"sent", *SECTIONS}
    assert "desk" == first["head"]["book"]
    assert {"BTC": {"net_delta": 0.1}} == first["underlyings"]


@pytest.mark.parametrize(
    ("reader", "word"),
    [
        (READER, '{"token": null}'),
        (READER, "{}"),
        (READER, '{"token": "guess"}'),
        (READER, json.dumps({"token": READER[:-1]})),
        (READER, json.dumps({"token": "x" * 600})),
        (None, '{"token": "guess"}'),
        (None, '{"key": 1}'),
        (None, "[]"),
        (None, "[" * 900),
        (None, b"\xff\x00"),
    ],
)
async def test_who_may_not(book, read_log, reader, word):
    """A first word that is wrong or odd shows nothing of the book."""
    async with (
        serving(book, read_log().log, reader=reader) as server,
        connect(address(server)) as page,
    ):
        await page.send(word)
        assert 4401 == await hung_up(page)

    assert 0 == book.looked


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Host": "evil.example"}])
async def test_from_elsewhere(book, read_log, headers):
    """Another page cannot open it, nor one that is called by another name."""
    async with serving(book, read_log().log) as server:
        raw = {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13"}
        told = {"Host": f"localhost:{server.port}", **raw, **headers}
        lines = [f"{name}: {value}" for name, value in told.items()]
        head = "GET /live HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write((head + "\r\n".join([*lines, "", ""])).encode())
        first = await reader.readline()
        writer.close()

    assert int(first.split()[1]) in (403, 421)
    assert 0 == book.looked


async def test_its_own_page(book, read_log):
    """The page itself may, under whatever name of ours it was called."""
    async with serving(book, read_log().log, names=("desk.example",)) as server:
        own = f"http://127.0.0.1:{server.port}"
        async with connect(address(server), origin=own) as page:
            assert "hello" in await greeted(page)
        with pytest.raises(InvalidStatus):
            async with connect(address(server), origin="http://desk.example"):
                pass


async def test_only_what_changed(book, read_log):
    """After the first one a frame holds what changed since, and what stands still is not in it."""
    async with serving(book, read_log().log) as server, connect(address(server)) as page:
        await greeted(page)
        await page.recv()
        later = [json.loads(await asyncio.wait_for(page.recv(), 5)) for _ in range(8)]
    assert all(each.pop("sent") > 0 for each in later)

    assert all({"head", "underlyings"} == set(each) for each in later)
    seen = [each["head"]["seq"] for each in later]
    assert sorted(seen) == seen


async def test_one_picture_for_all(book, read_log):
    """However many look on, the book is asked once a look; and not at all when nobody does."""
    async with serving(book, read_log().log) as server:
        pages = [await connect(address(server)) for _ in range(live.PAGES)]
        for page in pages:
            await greeted(page)
        before = book.looked
        await asyncio.sleep(0.5)
        looked = book.looked - before
        assert 2 <= looked <= 13

        async with connect(address(server)) as page:  # one more than there is room for
            await page.send("{}")
            assert 4503 == await hung_up(page)
        for page in pages:
            await page.close()
        await asyncio.sleep(0.2)
        still = book.looked
        await asyncio.sleep(0.3)
        assert still == book.looked
        async with connect(address(server)) as page:
            assert "hello" in await greeted(page)


@pytest.mark.parametrize("word", ["again", b"again", "x" * 5_000])
async def test_talkers(book, read_log, word):
    """A page that goes on talking is hung up on; what is long is not even read."""
    async with serving(book, read_log().log) as server, connect(address(server)) as page:
        await greeted(page)
        await page.send(word)
        assert await hung_up(page) in (4400, 1009)


@pytest.mark.waits(10)
async def test_the_silent(book, read_log, monkeypatch):
    """A page that does not say its first word is hung up on, and sees nothing."""
    monkeypatch.setattr(live, "GREETS", 0.2)
    async with serving(book, read_log().log) as server, connect(address(server)) as page:
        assert 4401 == await hung_up(page)

    assert 0 == book.looked


@pytest.mark.waits(20)
@pytest.mark.parametrize("wide", [200_000, 50_000])  # more, and less, than a send waits for
@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_the_slow(book, read_log, monkeypatch, wide, run):
    """A page that takes nothing holds nobody up, has nothing kept for it, and is dropped."""
    monkeypatch.setattr(live, "STALLS", 0.5)
    book.wide, log = wide, read_log()
    frames, most = run(beside_the_slow(book, log))

    assert frames > 5  # the other page went on, also on a machine that is busy
    assert most < 3 * book.wide  # and no more than a frame was kept
    assert [] != [each for each in log.lines if each["event"] == "web.dropped"]


async def beside_the_slow(book, log):
    """Return the frames of a page beside one that takes nothing, and the most that was kept."""
    async with serving(book, log.log) as server:
        slow = socket.create_connection(("127.0.0.1", server.port))
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sendall(
            b"GET /live HTTP/1.1\r\nHost: localhost\r\n"
            b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            + bytes([0x81, 0x82, 0, 0, 0, 0])
            + b"{}"  # its first word, masked with nothing
        )
        frames, most, until = 0, 0, asyncio.get_running_loop().time() + 7.0
        async with connect(address(server), max_size=None) as swift:
            await greeted(swift)
            while asyncio.get_running_loop().time() < until:
                await asyncio.wait_for(swift.recv(), 5)
                frames += 1
                most = max([most, *(each.get_write_buffer_size() for each in server._gates)])
        slow.close()
    return frames, most


async def test_the_end(book, read_log):
    """When the book ends every page hears it."""
    async with serving(book, read_log().log) as server:
        page = await connect(address(server))
        await greeted(page)
    assert 1001 == await hung_up(page)


async def test_secrets(book, read_log):
    """A frame is redacted like a line of the log."""
    book.note = f"wrong key {SECRET}"
    async with (
        serving(book, read_log().log, redactor=Redactor([SECRET])) as server,
        connect(address(server)) as page,
    ):
        await greeted(page)
        frame = await asyncio.wait_for(page.recv(), 5)

    assert SECRET not in frame
    assert "wrong key ***" == json.loads(frame)["head"]["note"]


async def test_a_book_that_fails(book, read_log):
    """A picture that cannot be made ends the page and is told as a defect; the server goes on."""
    log = read_log()
    async with serving(book, log.log) as server:
        async with connect(address(server)) as page:
            await greeted(page)
            book.broken = True
            await hung_up(page)
        book.broken = False
        async with connect(address(server)) as page:
            assert "hello" in await greeted(page)

    assert ["web.failed"] == [each["event"] for each in log.lines if each["level"] == "error"]


@pytest.mark.waits(10)
async def test_the_end_waits_for_nobody(book, read_log, monkeypatch):
    """A page that takes nothing does not keep the book from ending."""
    monkeypatch.setattr(live, "ENDS", 0.3)
    book.wide = 4_000_000
    async with serving(book, read_log().log) as server:
        page = await connect(address(server), max_size=None, max_queue=1)
        await page.send("{}")
        await asyncio.sleep(0.3)
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 2
    page.transport.abort()


class Waits(Book):
    """A book that waits for its venues."""

    def status(self):
        """Tell so."""
        return {**super().status(), "positions": None, "awaited": {"deribit": {"why": "no route"}}}

    def orders(self, last=None):
        """Refuse."""
        raise Unavailable(f"{last} orders: the book has not begun")

    accounts = guards = orders


async def test_a_book_begins(book, read_log):
    """A page that is open while a book waits for its venues shows it once it has begun."""
    async with serving(Waits(), read_log().log) as server, connect(address(server)) as page:
        await greeted(page)
        first = json.loads(await asyncio.wait_for(page.recv(), 5))
        assert "no route" == first["head"]["awaited"]["deribit"]["why"]
        assert "orders" not in first
        server.attend(book)
        told = {}
        async with asyncio.timeout(5):
            while not {"orders", "guards", "head"} <= told.keys() or "awaited" in told["head"]:
                told |= json.loads(await page.recv())
        answer = await ask(server.port, "GET", "/status")
        assert "awaited" not in answer.json
