"""The dead-man switch: armed, read back, renewed by a healthy loop, or nothing rests."""

import asyncio
from types import SimpleNamespace

import ccxt
import pytest
from aiohttp import ClientConnectionResetError, WSMsgType

from rebalancer.core.commands import TimeInForce
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import MarketClock, run_market
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.simulation.faults import Kind, Plan
from rebalancer.venues import backoff
from rebalancer.venues.backoff import Backoff
from rebalancer.venues.dead_man import EVERY, REFUSED, VALID, DeadManKeeper, DeadManSwitch
from rebalancer.venues.deribit import socket as deribit_socket
from rebalancer.venues.deribit.socket import DeribitSocket
from rebalancer.venues.outcome import KeyRefused
from rebalancer.venues.profiles import BINANCE_USDM, DERIBIT
from tests.runtime.stage import Lines
from tests.venues.loopback import BID, KEY, at, credentials_of, desk, make, order, pause

ARMED = {"enabled": True, "scope": "connection"}


class Scripted:
    """A websocket that answers as it is told."""

    def __init__(self, told):
        self.told, self.calls, self.open, self.opened = told, [], False, 0
        self.opens, self.tried = None, 0  # an error: it does not open

    async def start(self):
        self.tried += 1
        if self.opens is not None:
            raise self.opens
        self.open, self.opened = True, self.opened + 1

    async def close(self):
        self.open = False

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


@pytest.mark.proves("deribit", "dead_man", "loopback")
@pytest.mark.trap("X04", "deribit")
@pytest.mark.trap("deribit-switch-needs-its-socket", "deribit")
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
    async with desk(resting=True) as opened:
        monkeypatch.setattr(deribit_socket, "PATIENCE", SECOND // 10)
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
        for odd in ("[]", '{"id": []}', '{"id": null, "result": 1}', '{"method": "heartbeat"}'):
            await socket._take(socket._socket, odd)
        await opened.clock.sleep(SECOND // 20)

        assert ["public/test"] == told
        assert socket.open


class Kept:
    """A switch with its keeper at work, and what the log heard."""

    def __init__(self, told=ARMED):
        self.clock, self.socket, self.log, self.well = MarketClock(0), Scripted(told), Lines(), True
        self.switch = DeadManSwitch(DERIBIT, self.socket, self.clock)
        chance = SeededRandomness(1).generator("backoff")
        self.keeper = DeadManKeeper(
            *(self.switch, "deribit", self.clock, Backoff(chance), self.log),
            lambda: self.well,
        )

    def run(self, story):
        """Keep the switch while a story lasts."""

        async def main():
            failures = []
            tasks = TaskRegistry(failures.append)
            tasks.spawn("keeper", self.keeper.run(None))
            await self.clock.sleep(SECOND)
            await story()
            await tasks.close()
            assert [] == failures
            assert not self.switch.armed
            assert not self.socket.open

        run_market(self.clock, main())

    @property
    def names(self):
        return [name for _, name, _ in self.log.said if name.startswith("switch")]


def test_kept():
    """A keeper arms at once and renews every 15 s; in the end it takes what rests away."""
    kept = Kept()

    async def story():
        assert kept.switch.armed
        for _ in range(300):
            await kept.clock.sleep(SECOND)
            assert not kept.switch.exposed

    kept.run(story)

    reads = [name for name, _ in kept.socket.calls if name.endswith("get_cancel_on_disconnect")]
    assert (1, 21) == (kept.socket.opened, len(reads))
    assert ["switch.armed"] == kept.names


@pytest.mark.parametrize("told", [Unavailable("silence"), ccxt.ExchangeError("no"), {}])
def test_renewals_that_fail(told):
    """After failed renewals the socket is ended and another one opened, until it is armed."""
    kept = Kept()

    async def story():
        kept.socket.told = told
        await kept.clock.sleep(3 * EVERY)
        assert kept.switch.exposed
        kept.socket.told = ARMED
        await kept.clock.sleep(backoff.MOST)
        assert kept.switch.armed

    kept.run(story)

    assert 2 <= kept.socket.opened
    assert ["switch.armed", "switch.lost", "switch.armed"] == kept.names


def test_whoever_decides_stands_still():
    """While the engine is behind nothing is renewed; the second time what rests is taken away."""
    kept = Kept()

    async def story():
        kept.well = False
        await kept.clock.sleep(2 * EVERY - 2 * SECOND)
        assert kept.switch.armed
        await kept.clock.sleep(backoff.MOST)
        assert not kept.socket.open
        kept.well = True
        await kept.clock.sleep(backoff.MOST)
        assert kept.switch.armed

    kept.run(story)

    assert 2 == kept.socket.opened
    assert "the loop was not well" in str(kept.log.said)


def test_socket_that_ends():
    """A socket that the venue ends is opened again and armed."""
    kept = Kept()

    async def story():
        kept.socket.open = False
        kept.switch.lost()
        await kept.clock.sleep(3 * SECOND)
        assert kept.switch.armed

    kept.run(story)

    assert 2 == kept.socket.opened
    assert "the websocket ended" in str(kept.log.said)


async def test_kept_at_the_venue():
    """A keeper opens the trading socket again after a cut; answers do not go to the wrong one."""
    async with desk() as opened:
        switch, log, failures = opened.line.dead_man, Lines(), []
        tasks = TaskRegistry(failures.append)
        switch.socket = DeribitSocket(
            opened.line.connection, credentials_of(KEY), opened.clock, tasks, switch.lost
        )
        waits = Backoff(SeededRandomness(1).generator("backoff"))
        keeper = DeadManKeeper(switch, "deribit", opened.clock, waits, log, lambda: True)
        tasks.spawn("keeper", keeper.run(None))
        await _until(lambda: switch.armed)
        first = switch.socket._socket
        await opened.venue.submit(order(price=BID, time_in_force=TimeInForce.GTC))
        first._response.connection.transport.abort()
        await _until(lambda: switch.armed and switch.socket._socket is not first)
        await opened.venue.submit(order("rb02", price=BID, time_in_force=TimeInForce.GTC))
        before = [each.state.value for each in opened.buys()]
        await tasks.close()
        await pause()
        after = [each.state.value for each in opened.buys()]

    assert [["cancelled", "open"], ["cancelled", "cancelled"], []] == [before, after, failures]
    names = [name for _, name, _ in log.said]
    assert ["switch.armed", "switch.lost", "switch.armed"] == names


async def _until(holds):
    """Return once something holds."""
    for _ in range(500):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never held")


class Gone:
    """A connection that still asks for a sign of life and no longer takes one."""

    def __init__(self, error=None):
        self.closed, self.error = False, error

    async def __aiter__(self):
        if self.error is not None:
            raise self.error
        asks = '{"method": "heartbeat", "params": {"type": "test_request"}}'
        yield SimpleNamespace(type=WSMsgType.TEXT, data=asks)

    async def send_str(self, _text):
        raise ConnectionResetError

    async def close(self):
        self.closed = True


@pytest.mark.parametrize(
    "error", [None, ClientConnectionResetError("ping"), ConnectionResetError(), RecursionError()]
)
async def test_heartbeat_that_cannot_be_answered(error):
    """A socket on which no sign of life can be answered ends, and takes nothing else with it."""
    async with desk(resting=True) as opened:
        socket, switch, gone = opened.line.dead_man.socket, opened.line.dead_man, Gone(error)
        before, socket._socket = socket._socket, gone

        await socket._read(gone)

        assert gone.closed
        assert not socket.open
        assert not switch.armed
        await before.close()


def test_a_key_that_is_refused():
    """It is told once as an error, and tried again after ten minutes and not every few seconds."""
    kept = Kept()

    async def story():
        kept.socket.told = ARMED
        kept.socket.opens = KeyRefused("deribit refused our key")
        await kept.switch.release()
        await kept.clock.sleep(3 * REFUSED)
        kept.socket.opens = None
        await kept.clock.sleep(REFUSED)
        assert kept.switch.armed

    kept.run(story)

    told = [(level, name) for level, name, _ in kept.log.said if name == "key.refused"]
    assert [("error", "key.refused")] == told
    assert kept.socket.tried <= 7


class Deaf:
    """A server that takes connections and says nothing; `reads` tells whether it reads."""

    def __init__(self):
        self.writers = []

    async def __aenter__(self):
        async def hear(reader, writer):
            self.writers.append(writer)
            await asyncio.get_running_loop().create_future()

        self._server = await asyncio.start_server(hear, "127.0.0.1", 0)
        return self._server.sockets[0].getsockname()[1]

    async def __aexit__(self, *_):
        self._server.close()
        for writer in self.writers:
            writer.transport.abort()


async def test_an_upgrade_that_nobody_answers(monkeypatch):
    """A peer that takes the connection and never answers the upgrade is given up."""
    async with desk(resting=True) as opened, Deaf() as port:
        monkeypatch.setattr(deribit_socket, "PATIENCE", SECOND // 5)
        socket = opened.line.dead_man.socket
        monkeypatch.setitem(
            opened.line.connection.exchange.urls["api"], "ws", f"http://127.0.0.1:{port}/ws"
        )
        began = opened.clock.monotonic()
        with pytest.raises(Unavailable, match="has no websocket: TimeoutError"):
            await socket.start()
        assert opened.clock.monotonic() - began < 3 * SECOND
        assert not socket.open


async def test_a_peer_that_does_not_read(monkeypatch):
    """A call that cannot be written, because nobody reads, is given up too."""
    async with desk(resting=True) as opened:
        monkeypatch.setattr(deribit_socket, "PATIENCE", SECOND // 5)
        socket = opened.line.dead_man.socket

        async def stuck(_text):
            await asyncio.get_running_loop().create_future()

        monkeypatch.setattr(socket._socket, "send_str", stuck)
        with pytest.raises(Unavailable, match="did not answer public/test"):
            await socket.call("public/test", {})
        assert {} == socket._waiting
