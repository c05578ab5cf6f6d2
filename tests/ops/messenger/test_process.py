"""The process: real servers of this machine, real pipes, and nothing secret where others look."""

import asyncio
import os
import signal
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from rebalancer.core.commands import Alert, Severity
from rebalancer.errors import Unavailable
from rebalancer.ops.messenger import child
from rebalancer.ops.messenger.asking import deliver
from rebalancer.ops.messenger.child import Messenger
from rebalancer.ops.messenger.lines import Orders, Route
from rebalancer.ops.messenger.outbox import HALF, Outbox
from rebalancer.ops.redaction import Redactor
from rebalancer.runtime.clock import WallClock
from tests.ops.messenger.test_posting import serving

SECRET = "canarycanary"


class Hook:
    """A webhook that remembers, and answers when a test lets it."""

    def __init__(self):
        self.heard, self.open = [], asyncio.Event()
        self.open.set()

    async def answer(self, request):
        told = await request.json() if request.can_read_body else {}
        self.heard.append((request.path, told))
        await self.open.wait()
        return web.Response()

    def events(self):
        return [each["event"] for _, told in self.heard for each in told.get("alerts", ())]

    async def until(self, event):
        async with asyncio.timeout(20):
            while event not in self.events():  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.02)


def route(name, address, **more):
    """Return a channel that ends on this machine."""
    return Route(name, "webhook", f"{address}/{SECRET}", loopback=True, **more)


def alert(scope="BTC"):
    return Alert(Severity.ERROR, "delta.unhedged", scope, "net delta 1.84")


@asynccontextmanager
async def messenger(log, *routes, **more):
    """Run a messenger while the block runs; yield it and its outbox."""
    clock = WallClock()
    outbox = Outbox(log, clock, Redactor())
    beside = Messenger(Orders("desk", "live", routes, **more), outbox, log, clock)
    await beside.start()
    try:
        yield beside, outbox
    finally:
        await beside.close()


@pytest.mark.waits(15)
async def test_two_channels(read_log):
    """A channel that hangs holds up neither the other one nor the daemon, which hears of both."""
    slow, quick, told = Hook(), Hook(), read_log()
    slow.open.clear()
    async with serving(slow.answer) as one, serving(quick.answer) as other:
        routes = (route("slow", one), route("quick", other))
        async with messenger(told.log, *routes) as (_beside, outbox):
            outbox.send(alert())
            await quick.until("delta.unhedged")
            slow.open.set()
            await slow.until("delta.unhedged")
            outbox.send(alert("ETH"))
        assert 2 == quick.events().count("delta.unhedged")
    sent = [each["channel"] for each in told.lines if each["event"] == "alert.sent"]

    assert ["quick", "quick", "slow", "slow"] == sorted(sent)
    found = {each.labels: each.value for each in outbox.samples()}
    assert [2, 0, 2, 0] == [found[n, r] for n in ("quick", "slow") for r in ("sent", "failed")]
    assert SECRET not in told.text


@pytest.mark.waits(10)
async def test_nothing_secret(read_log):
    """Neither the command line nor the environment of the process has an address or a token."""
    told, hook = read_log(), Hook()
    async with (
        serving(hook.answer) as address,
        messenger(told.log, route("one", address)) as (beside, _outbox),
    ):
        place = Path(f"/proc/{beside._process.pid}")
        shown = (place / "cmdline").read_bytes() + (place / "environ").read_bytes()

    assert SECRET.encode() not in shown
    assert b"rebalancer.ops.messenger" in shown


@pytest.mark.waits(10)
async def test_goodbye(read_log):
    """What is said last is delivered before the messenger ends; it calls nobody vanished."""
    told, hook = read_log(), Hook()
    async with (
        serving(hook.answer) as address,
        messenger(told.log, route("one", address)) as (_beside, outbox),
    ):
        outbox.send(Alert(Severity.WARNING, "daemon.stopped", "desk", "in order"))

    assert ["daemon.stopped"] == hook.events()
    assert ["messenger.started", "alert.sent"] == [each["event"] for each in told.lines]


@pytest.mark.waits(30)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_started_again(read_log, monkeypatch, number):
    """A messenger that dies, or reads no more, is replaced; its unheard alerts are told again."""
    monkeypatch.setattr(child, "STUCK", 0)
    told, hook = read_log(), Hook()
    async with (
        serving(hook.answer) as address,
        messenger(told.log, route("one", address)) as (beside, outbox),
    ):
        first = beside._process.pid
        os.kill(first, number)
        outbox.send(alert())
        async with asyncio.timeout(20):
            while beside._process.pid == first:
                outbox.say("beat", {"state": "active", "why": "x" * 3000})
                beside.look()
                await asyncio.sleep(0.01)
        await hook.until("delta.unhedged")

    events = [each["event"] for each in told.lines]
    assert (2, 1) == (events.count("messenger.started"), events.count("messenger.ended"))
    assert outbox.unread < HALF


@pytest.mark.waits(30)
async def test_does_not_begin(read_log, monkeypatch):
    """A book whose alerts cannot leave does not start; the log says why."""
    monkeypatch.setattr(child, "MODULE", "rebalancer.ops.nobody")
    told = read_log()
    with pytest.raises(Unavailable, match="did not begin"):
        async with messenger(told.log, route("one", "http://127.0.0.1:1")):
            pass
    (line,) = told.lines

    assert "messenger.ended" == line["event"]
    assert "rebalancer.ops.nobody" in line["why"]


@pytest.mark.waits(30)
@pytest.mark.parametrize("after", [380, 388, 391])
async def test_what_it_said(read_log, monkeypatch, tmp_path, after):
    """The end of what a messenger said is logged, without the end of a token."""
    token = "-".join(f"{n:02d}" for n in range(20, 40))
    said = f"at https://hooks.example/{token} {'x' * after}"
    (tmp_path / "broken.py").write_text(f"import sys; sys.exit({said!r})")
    monkeypatch.setattr(child, "MODULE", "broken")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    told = read_log()
    hook = Route("one", "webhook", f"https://hooks.example/{token}/x")
    with pytest.raises(Unavailable, match="did not begin"):
        async with messenger(told.log, hook):
            pass
    (line,) = told.lines

    assert line["why"].endswith("x" * after)
    assert "37-38-39" not in line["why"]


@pytest.mark.waits(20)
async def test_asking(monkeypatch):
    """One message through every channel: who delivered, who did not and why, who is alive."""
    hook, heard = Hook(), []

    async def refuses(request):
        heard.append(request.path)
        return web.Response(status=403, text=f"no {SECRET} here")

    async with serving(hook.answer) as good, serving(refuses) as bad:
        chat = Route(
            "chat", "telegram", f"{good}/bot{SECRET}/sendMessage", "-1002003", loopback=True
        )
        routes = (route("good", good, least=Severity.ERROR), route("bad", bad), chat)
        alive = replace(route("heartbeat", good), kind="heartbeat")
        orders = Orders("desk", "live", routes, alive)
        rows = await deliver(orders, "alert.tested", "a test", WallClock())

    assert [("good", True), ("bad", False), ("chat", True), ("heartbeat", True)] == [
        (each.channel, each.ok) for each in rows
    ]
    assert "answered 403: no *** here" == rows[1].told
    assert 1 == len(heard)
    posted = [told for path, told in hook.heard if path == f"/bot{SECRET}/sendMessage"]
    assert "a test" in posted[0]["text"]
    assert "-1002003" == posted[0]["chat_id"]
    assert "alert.tested" == hook.events()[0]


@pytest.mark.waits(20)
@pytest.mark.parametrize("before", [0, 115, 125, 135, 150, 160, 170, 180, 70_000])
async def test_an_error_page(before):
    """A page that repeats where it was asked, wherever it is cut, shows no part of the token."""
    token = "12345:" + "".join(f"{n:02d}" for n in range(20))

    async def refuses(request):
        return web.Response(status=404, text="x" * before + f" cannot POST {request.path_qs}")

    async with serving(refuses) as address:
        chat = Route("chat", "telegram", f"{address}/bot{token}/sendMessage", loopback=True)
        hook = Route("hook", "webhook", f"{address}/desk?key={token}", loopback=True)
        rows = await deliver(Orders("desk", "live", (chat, hook)), "alert.tested", "x", WallClock())

    assert [False, False] == [each.ok for each in rows]
    for each in rows:
        assert each.told.startswith("answered 404: ")
        assert not any(token[at : at + 6] in each.told for at in range(len(token) - 5))
        assert len(each.told) <= 240


@pytest.mark.waits(20)
async def test_inside_by_another_name(read_log):
    """A channel whose address turns out to be inside is refused in the process too."""
    inside = Route("one", "webhook", f"https://localhost:1/{SECRET}")
    (row,) = await deliver(Orders("desk", "live", (inside,)), "alert.tested", "x", WallClock())

    assert not row.ok
    assert "not on the public internet" in row.told
    assert SECRET not in row.told


@pytest.mark.waits(30)
async def test_apprise_inside():
    """What apprise speaks connects to nothing inside either, though it opens its own sockets."""
    pytest.importorskip("apprise", reason="the extra notify is not installed")
    came = []

    def take(_reader, writer):
        came.append(writer)
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    inside = Route("one", "apprise", f"ntfys://localhost:{port}/{SECRET}")
    (row,) = await deliver(Orders("desk", "live", (inside,)), "alert.tested", "x", WallClock())
    server.close()
    await server.wait_closed()

    assert not row.ok
    assert [] == came
