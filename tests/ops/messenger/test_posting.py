"""One request: what is a failure, what may be tried again, and what is never followed or read."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from rebalancer.ops.messenger import posting
from rebalancer.ops.messenger.posting import Outcome, Post
from tests.ops.messenger.test_addresses import Rebinding


@asynccontextmanager
async def serving(answer):
    """Serve with one handler; yield the address."""
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def sent(answer, path="/desk", told=None, **options):
    """Return the outcome of a request to a server of this machine."""
    post = Post()
    try:
        async with serving(answer) as address:
            return await post.send(f"{address}{path}", told or {"a": 1}, loopback=True, **options)
    finally:
        await post.close()


@pytest.mark.parametrize(
    ("status", "headers", "outcome"),
    [
        (200, {}, Outcome(True)),
        (204, {}, Outcome(True)),
        (400, {}, Outcome(False, "answered 400: no such chat")),
        (401, {}, Outcome(False, "answered 401: no such chat")),
        (429, {"Retry-After": "7"}, Outcome(False, "answered 429: no such chat", True, 7.0)),
        (429, {"Retry-After": "86400"}, Outcome(False, "answered 429: no such chat", True, 60.0)),
        (429, {"Retry-After": "soon"}, Outcome(False, "answered 429: no such chat", True)),
        (503, {}, Outcome(False, "answered 503: no such chat", True)),
    ],
)
async def test_status(status, headers, outcome):
    """A request that was taken is done; one that is wrong is not tried again."""

    async def answer(_request):
        return web.Response(status=status, headers=headers, text="no such chat")

    assert outcome == await sent(answer)


async def test_what_is_sent():
    """JSON is posted, with the bearer token where there is one; cookies are not kept."""
    heard = []

    async def answer(request):
        heard.append((request.method, await request.json(), dict(request.headers)))
        return web.Response(headers={"Set-Cookie": "a=b"})

    post = Post()
    async with serving(answer) as address:
        for _ in range(2):
            await post.send(address, {"text": "é"}, bearer="canary", loopback=True)
    await post.close()

    method, payload, headers = heard[1]
    assert ("POST", {"text": "é"}) == (method, payload)
    assert "Bearer canary" == headers["Authorization"]
    assert "Cookie" not in headers


async def test_redirect():
    """A redirect is not followed, wherever it leads."""
    asked = []

    async def answer(request):
        asked.append(request.path)
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    outcome = await sent(answer)

    assert Outcome(False, "answered 307: redirects are not followed") == outcome
    assert ["/desk"] == asked


@pytest.mark.parametrize("status", [200, 500])
async def test_huge_answer(status):
    """Of an answer without end no more is read than is allowed."""
    written = []

    async def answer(request):
        response = web.StreamResponse(status=status)
        await response.prepare(request)
        try:
            for _ in range(4096):
                await response.write(b"x" * 65536)
                written.append(65536)
        except (ConnectionError, asyncio.CancelledError):
            pass
        return response

    outcome = await asyncio.wait_for(sent(answer), 4)

    assert outcome.ok is (status == 200)
    assert len(outcome.why) < 66 * 1024
    assert sum(written) < 64 * 1024 * 1024


async def test_slow(monkeypatch):
    """A server that does not answer in time is left; it may be tried again."""
    monkeypatch.setattr(posting, "PATIENCE", 0.2)

    async def answer(_request):
        await asyncio.sleep(3)
        return web.Response()

    assert Outcome(False, "no answer within 0.2 s", True) == await sent(answer)


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://alerts.example.org/desk", False),  # not https
        ("https://user:word@alerts.example.org/", False),
        ("https://127.0.0.1/", False),
        ("https://[::1]/", False),
        ("https://169.254.169.254/latest", False),
        ("https://10.0.0.1:8443/", False),
        ("http://93.184.215.14/", True),  # a loopback that is none
        ("https://127.0.0.1/", True),
        ("ftp://alerts.example.org/", False),
        ("https:///nowhere", False),
    ],
)
async def test_never_asked(url, loopback):
    """What is not https outside, or http on this machine, is not even tried."""
    post = Post(Rebinding())
    outcome = await post.send(url, {}, loopback=loopback)
    await post.close()

    assert (False, False) == (outcome.ok, outcome.again)


async def test_rebinding():
    """A name that leads inside when it is connected to is refused, whatever it said before."""
    post = Post(Rebinding(("127.0.0.1",), ("93.184.215.14", "10.0.0.1")))
    told = [await post.send("https://alerts.example.org/", {}) for _ in range(2)]
    await post.close()

    assert ["127.0.0.1", "10.0.0.1"] == [each.why.split()[3].rstrip(",") for each in told]
    assert not any(each.again for each in told)


async def test_unreached():
    """Nobody listens: said without the address, which may be a secret; tried again."""
    post = Post()
    outcome = await post.send("http://127.0.0.1:1/canary-path", {}, loopback=True)
    await post.close()

    assert outcome.again
    assert "canary" not in outcome.why
