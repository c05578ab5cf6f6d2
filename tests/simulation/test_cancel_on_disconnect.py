"""Cancel on disconnect: whose orders go, when a connection is lost and when it is left."""

import asyncio

import pytest

from rebalancer.simulation.accounts import OrderState
from tests.simulation.fair import ACCOUNT, KEY, fair, get, wire

BID = {"instrument_name": "BTC-PERPETUAL", "amount": 10, "type": "limit", "price": 99_000}
ENABLE = "private/enable_cancel_on_disconnect"
DISABLE = "private/disable_cancel_on_disconnect"
READ = "private/get_cancel_on_disconnect"


async def lose(line):
    """Lose a connection without a word."""
    line.socket._response.connection.transport.abort()


async def close(line):
    """Close a connection as the websocket protocol has it."""
    await line.socket.close()


async def leave(line):
    """Say goodbye first."""
    await line.send("private/logout", 99)
    await line.socket.receive(timeout=2)


async def ended(loopback, lines=0):
    """Return the reasons of what was cancelled, once only so many connections are left."""
    while len(loopback.server.lines) > lines:  # noqa: ASYNC110 - the server tells nobody
        await asyncio.sleep(0.01)
    orders = loopback.place.orders(ACCOUNT)
    return [each.reason for each in orders if each.state is OrderState.CANCELLED]


@pytest.mark.parametrize(
    ("scope", "end", "cancelled"),
    [
        (None, lose, 0),
        ("connection", lose, 2),
        ("connection", close, 2),
        ("connection", leave, 0),
        ("account", lose, 0),  # it begins with connections opened after it
    ],
)
async def test_how_it_ends(scope, end, cancelled):
    """A lost connection takes its orders along where that was asked, one that is left never."""
    async with fair() as loopback, wire(loopback) as line:
        await line.log_in()
        await line.ask("private/buy", **BID, label="before")
        if scope is not None:
            assert "ok" == (await line.ask(ENABLE, scope=scope))["result"]
        await line.ask("private/buy", **BID, label="after")
        await end(line)

        assert ["cancel_on_disconnect"] * cancelled == await ended(loopback)


@pytest.mark.trap("deribit-switch-needs-its-socket", "deribit")
async def test_only_its_own_orders():
    """Orders of another connection, and of REST, stay."""
    async with fair() as loopback, wire(loopback) as stays:
        await stays.log_in()
        await stays.ask("private/buy", **BID, label="other")
        await get(loopback, "private/buy", KEY, **BID, label="rest")
        async with wire(loopback) as goes:
            await goes.log_in()
            await goes.ask(ENABLE)
            await goes.ask("private/buy", **BID, label="own")
            await lose(goes)
            reasons = await ended(loopback, 1)
        states = {e.asked.label: e.state for e in loopback.place.orders(ACCOUNT)}

    assert ["cancel_on_disconnect"] == reasons
    assert {"other": "open", "rest": "open", "own": "cancelled"} == states


async def test_account_scope():
    """Asked for the account, it is on for every connection that opens later, until turned off."""
    async with fair() as loopback:
        async with wire(loopback) as first:
            await first.log_in()
            await first.ask(ENABLE, scope="account")
            own = await first.ask(READ)
        async with wire(loopback) as second:
            await second.log_in()
            later = await second.ask(READ, scope="connection")
            whole = await second.ask(READ, scope="account")
            await second.ask("private/buy", **BID)
            await lose(second)
            reasons = await ended(loopback)
        async with wire(loopback) as third:
            await third.log_in()
            await third.ask(DISABLE, scope="account")
            off = await third.ask(READ, scope="account")

    assert [False, True, True, False] == [
        each["result"]["enabled"] for each in (own, later, whole, off)
    ]
    assert ["cancel_on_disconnect"] == reasons


async def test_only_for_websockets():
    """REST has no connection that could be lost."""
    async with fair() as loopback:
        _, told = await get(loopback, ENABLE, KEY, scope="connection")
        _, account = await get(loopback, ENABLE, KEY, scope="account")

    assert (10030, "ok") == (told["error"]["code"], account["result"])


async def test_silence_is_a_loss():
    """A client that says nothing for too long is taken for lost, a pinging one is not."""
    async with fair() as loopback:
        loopback.host.desk.patience = 1
        async with wire(loopback) as silent, wire(loopback) as pinging:
            await silent.log_in()
            await silent.ask(ENABLE)
            await silent.ask("private/buy", **BID)
            for _ in range(3):
                await pinging.socket.ping()
                await asyncio.sleep(0.5)
            reasons = await ended(loopback, 1)
            alive = await pinging.ask("public/test")

    assert ["cancel_on_disconnect"] == reasons
    assert "result" in alive
