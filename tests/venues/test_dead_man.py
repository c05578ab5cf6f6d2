"""The dead-man switch: armed, read back, renewed by a healthy loop, or nothing rests."""

import pytest

from rebalancer.core.commands import TimeInForce
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import MarketClock, run_market
from rebalancer.simulation.faults import Kind, Plan
from rebalancer.venues import deribit_socket
from rebalancer.venues.dead_man import EVERY, VALID, DeadManSwitch
from rebalancer.venues.outcomes import KeyRefused
from rebalancer.venues.profiles import BINANCE_USDM, DERIBIT
from tests.venues.loopback import BID, at, desk, make, order, pause

ARMED = {"enabled": True, "scope": "connection"}


class Scripted:
    """A websocket that answers as it is told."""

    def __init__(self, told):
        self.told, self.calls = told, []

    async def call(self, method, params):
        self.calls.append((method, dict(params)))
        if isinstance(self.told, Exception):
            raise self.told
        return self.told if method.endswith("get_cancel_on_disconnect") else "ok"


def run(story, told=ARMED, profile=DERIBIT):
    """Run a story of a switch under a market clock."""
    clock, socket = MarketClock(0), Scripted(told)
    switch = DeadManSwitch(profile, socket, clock)
    run_market(clock, story(switch, socket, clock))
    return switch, socket


def test_arming_reads_back():
    """Armed is what the venue says it is, on this connection, with a heartbeat behind it."""

    async def story(switch, socket, clock):
        await switch.arm()
        assert switch.armed
        assert not switch.exposed

    _, socket = run(story)

    assert [
        ("public/set_heartbeat", {"interval": 10}),
        ("private/enable_cancel_on_disconnect", {"scope": "connection"}),
        ("private/get_cancel_on_disconnect", {"scope": "connection"}),
    ] == socket.calls


@pytest.mark.parametrize(
    "told",
    [
        {"enabled": False, "scope": "connection"},
        {"enabled": "true", "scope": "connection"},
        {"enabled": True, "scope": "account"},  # of new connections, not of this one
        {},
        None,
        "ok",
        Unavailable("the socket ended"),
    ],
)
def test_not_armed(told):
    """Anything but a clear yes is a no, and nothing may rest."""

    async def story(switch, socket, clock):
        with pytest.raises(Unavailable):
            await switch.arm()

    switch, _ = run(story, told)

    assert not switch.armed
    assert switch.exposed


def test_renewals_hold():
    """Renewed every 15 s by a healthy loop it stays armed."""

    async def story(switch, socket, clock):
        await switch.arm()
        for _ in range(20):
            await clock.sleep(EVERY)
            assert await switch.renew(healthy=True)

    run(story)


def test_a_sick_loop_lets_go():
    """A loop that is not healthy renews nothing, and after 60 s nothing may rest."""

    async def story(switch, socket, clock):
        await switch.arm()
        asked = len(socket.calls)
        while clock.now() < VALID:
            await clock.sleep(EVERY)
            await switch.renew(healthy=False)
        assert asked == len(socket.calls)
        assert not switch.armed
        assert await switch.renew(healthy=True)  # well again

    run(story)


def test_two_failed_renewals_expose():
    """After two renewals in a row failed what rests must be withdrawn (C10)."""

    async def story(switch, socket, clock):
        await switch.arm()
        socket.told = Unavailable("no answer")
        await switch.renew(healthy=True)
        assert not switch.exposed
        await switch.renew(healthy=True)
        assert switch.exposed
        socket.told = ARMED
        await switch.renew(healthy=True)
        assert not switch.exposed

    run(story)


@pytest.mark.parametrize(
    ("lifetime", "armed", "passes"),
    [
        (TimeInForce.IOC, False, True),
        (TimeInForce.GTC, False, False),
        (TimeInForce.POST_ONLY, False, False),
        (TimeInForce.GTC, True, True),
        (TimeInForce.POST_ONLY, True, True),
    ],
)
def test_refusal(lifetime, armed, passes):
    """What may rest is refused by name without an armed switch; what cannot rest is not."""

    async def story(switch, socket, clock):
        if armed:
            await switch.arm()
        told = switch.refusal(order(time_in_force=lifetime))
        assert passes is (told is None)
        assert told is None or "dead-man switch of deribit" in told

    run(story)


def test_lost():
    """With the socket the switch is gone."""

    async def story(switch, socket, clock):
        await switch.arm()
        switch.lost()
        assert not switch.armed

    run(story)


def test_other_kinds():
    """A venue whose switch we cannot work yet has none that can be armed."""

    async def story(switch, socket, clock):
        with pytest.raises(Unavailable, match="binanceusdm"):
            await switch.arm()

    run(story, profile=BINANCE_USDM)


async def test_no_socket():
    """Without a websocket nothing is armed, nor renewed."""
    switch = DeadManSwitch(DERIBIT, None, MarketClock(0))

    with pytest.raises(Unavailable):
        await switch.arm()
    assert not await switch.renew(healthy=True)


async def test_at_the_venue():
    """The venue itself takes a resting order away when its socket is cut, and not before."""
    async with desk(resting=True) as opened:
        resting = order(price=BID, time_in_force=TimeInForce.GTC)
        await opened.venue.submit(resting)
        assert await opened.line.dead_man.renew(healthy=True)
        (open_before,) = opened.buys()
        socket = opened.line.dead_man.socket._socket
        socket._response.connection.transport.abort()  # as a dead network does
        await pause()
        (after,) = opened.buys()

    assert "open" == open_before.state.value
    assert "cancelled" == after.state.value
    assert "cancel_on_disconnect" == after.reason
    assert not opened.line.dead_man.armed


@pytest.mark.parametrize(
    ("plan", "error"),
    [
        (Plan(Kind.REFUSE, "connect"), Unavailable),
        (Plan(Kind.CODE, "public/auth", code=13004), KeyRefused),
        (Plan(Kind.DROP_AFTER, "public/auth"), Unavailable),
    ],
)
async def test_socket_does_not_open(plan, error):
    """A socket that is refused, or a login that fails, is named; nothing is armed."""
    async with make() as served:
        served.script.add(plan)
        opening = at(served, resting=True)
        with pytest.raises(error) as raised:
            await opening.__aenter__()
    assert error is type(raised.value)


async def test_silent_socket(monkeypatch):
    """A call that nobody answers is given up, and the socket's end fails what waits."""
    monkeypatch.setattr(deribit_socket, "PATIENCE", SECOND // 10)
    async with desk(resting=True) as opened:
        socket = opened.line.dead_man.socket
        opened.loopback.script.add(Plan(Kind.SLOW, "public/test", seconds=5))
        with pytest.raises(Unavailable, match="did not answer public/test"):
            await socket.call("public/test", {})
        await socket.close()
        with pytest.raises(Unavailable, match="was not sent"):
            await socket.call("public/test", {})


async def test_heartbeats_are_answered():
    """The socket answers the venue's test requests, so that it is not taken for dead."""
    async with desk(resting=True) as opened:
        socket = opened.line.dead_man.socket
        told = []
        send = socket._send

        async def spy(connection, number, method, params):
            told.append(method)
            await send(connection, number, method, params)

        socket._send = spy
        await socket._take(
            socket._socket, '{"method": "heartbeat", "params": {"type": "test_request"}}'
        )
        await socket._take(socket._socket, "no JSON")
        await socket._take(socket._socket, "[]")
        await opened.clock.sleep(SECOND // 20)

        assert ["public/test"] == told
        assert socket.open
