"""The last look at an order: a kill that was acknowledged keeps its bytes from the wire."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import aiohttp
import pytest

from rebalancer.core.commands import TimeInForce
from rebalancer.core.events import OrderAccepted, OrderRejected
from rebalancer.venues.leaving import LastLook, Request, sending
from tests.venues import binance_desk, bybit_loopback, loopback, okx_loopback


@asynccontextmanager
async def posting(venue):
    """Yield a desk at a venue, what its exchange holds, and what makes an order for it."""
    if venue == "bybit":
        async with bybit_loopback.desk() as desk:
            yield desk, desk.orders, bybit_loopback.order
    elif venue == "okx":
        async with okx_loopback.desk() as desk:
            yield desk, desk.placed, okx_loopback.order
    else:
        async with binance_desk.desk(venue) as desk:
            yield desk, desk.held, partial(binance_desk.order, venue)


class Kill:
    """A kill that is acknowledged in the turn of the loop after the first look."""

    def __init__(self):
        self.looks, self.acknowledged = 0, False

    def barred(self, _order=None):
        """Say what an order hears that asks whether it may leave."""
        self.looks += 1
        if self.looks == 1:
            asyncio.get_running_loop().call_soon(setattr, self, "acknowledged", True)
        return "killed" if self.acknowledged else None


@pytest.mark.parametrize("venue", ["bybit", "okx", "binanceusdm", "binancecoinm", "binance"])
async def test_no_post_after_a_kill(venue):
    """An order whose request has a body is looked at again where the body is written."""
    async with posting(venue) as (desk, held, order):
        kill = Kill()
        desk.venue._line = replace(desk.line, barred=kill.barred)
        killed = await desk.venue.submit(order("rb0000000001"))
        desk.venue._line = desk.line
        after = await desk.venue.submit(order("rb0000000002"))
        placed = [each.asked.label for each in held()]

    assert (True, 2) == (kill.acknowledged, kill.looks)
    assert isinstance(killed, OrderRejected)
    assert ("not sent: killed", False) == (killed.reason, killed.sent)
    assert isinstance(after, OrderAccepted)  # on a connection of its own
    assert ["rb0000000002"] == placed


async def answered(reader, writer, heard):
    """Keep what a client says, and answer it."""
    heard.append(await reader.read(65_536))
    if heard[-1]:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
    writer.close()


@pytest.mark.parametrize(
    ("method", "told", "error"),
    [
        ("GET", {}, None),  # it is on the wire in the turn that looked
        ("POST", {"data": "side=BUY"}, aiohttp.ClientError),
        ("POST", {"json": {"side": "BUY"}}, aiohttp.ClientError),
    ],
)
async def test_not_a_byte(method, told, error):
    """Of a request that is barred where its body is written not even the head leaves."""
    heard, kill = [], Kill()
    server = await asyncio.start_server(lambda r, w: answered(r, w, heard), "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/order"
    raised = None
    async with server, aiohttp.ClientSession(connector=LastLook(), request_class=Request) as own:
        with sending(barred=kill.barred) as sends:
            sends.append(method)
            try:
                async with own.request(method, address, **told) as answer:
                    await answer.read()
            except aiohttp.ClientError as barred:
                raised = barred
        await asyncio.sleep(0.05)

    if error is None:
        assert (None, [method], 1) == (raised, sends, len(heard))
    else:
        assert ("killed", [], [b""]) == (str(raised), sends, heard)


async def test_what_is_no_order_is_not_looked_at():
    """A request outside of `sending` is written as ever."""
    heard = []
    server = await asyncio.start_server(lambda r, w: answered(r, w, heard), "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/ask"
    async with server, aiohttp.ClientSession(connector=LastLook(), request_class=Request) as own:
        answer = await own.post(address, data="a=1")
        assert b"{}" == await answer.read()

    assert heard[0].endswith(b"\r\n\r\na=1")


async def test_the_websocket_is_written_in_the_turn_that_was_asked(monkeypatch):
    """An order that goes by websocket waits for nothing between the look and its bytes."""
    order = loopback.order("rb0000000001", time_in_force=TimeInForce.POST_ONLY)
    async with loopback.desk(resting=True) as desk:
        turns, written = [], []
        send = aiohttp.ClientWebSocketResponse.send_str

        async def noted(self, text, *more):
            await send(self, text, *more)
            written.append(len(turns))

        monkeypatch.setattr(aiohttp.ClientWebSocketResponse, "send_str", noted)
        asyncio.get_running_loop().call_soon(turns.append, "the next turn")
        await desk.venue.submit(order)

    assert [0] == written[:1]
