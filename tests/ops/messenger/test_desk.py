"""The desk: what the daemon says is dealt out, and what it does not say is seen."""

import asyncio
import json
from contextlib import suppress

import pytest

from rebalancer.core.commands import Severity
from rebalancer.ops.messenger import lines
from rebalancer.ops.messenger.desk import Desk
from rebalancer.ops.messenger.lines import Notice, Orders, Route
from rebalancer.ops.messenger.posting import Outcome

FIRST = Route("first", "webhook", "https://first.example.org/a", least=Severity.WARNING)
SECOND = Route("second", "webhook", "https://second.example.org/b", least=Severity.ERROR)
ALIVE = Route("heartbeat", "heartbeat", "https://alive.example.org/c")
BROKEN = Outcome(False, "no such chat")
WELL = {"state": "active", "outside": {"BTC": 0.0}, "blind": {"BTC": 0.0}}


class Posts:
    """Where requests go: each address answers as a test says."""

    def __init__(self):
        self.told, self.answers = [], {}

    async def send(self, url, told, *, bearer="", loopback=False):
        self.told.append((url.split("/")[2].split(".")[0], told))
        await asyncio.sleep(0)
        return self.answers.get(url, Outcome(True))

    async def close(self):
        pass

    def texts(self, name):
        return [told["text"] for host, told in self.told if host == name and told]


class Office:
    """A desk whose time a test moves."""

    def __init__(self, *routes, **more):
        self.now, self.said, self.posts = 0.0, [], Posts()
        orders = Orders("desk", "live", routes, **more)
        self.desk = Desk(
            orders, self._say, lambda: self.now, lambda: 1_767_571_200.0 + self.now, self.posts
        )

    def _say(self, line):
        self.said.append(json.loads(line))

    async def take(self, line):
        done = self.desk.take(line)
        await self.settled()
        return done

    async def beat(self, **more):
        await self.take(lines.spelled("beat", **{**WELL, **more}))

    async def alert(self, severity, event="delta.unhedged", scope="BTC", number=1):
        notice = Notice(severity, event, scope, "x", number=number)
        await self.take(lines.alert_line(notice))

    async def pass_time(self, seconds, **beat):
        """Let time pass, look each half second, and beat each second where there is a beat."""
        for half in range(int(seconds * 2)):
            self.now += 0.5
            if beat and half % 2:
                await self.beat(**beat)
            self.desk.look()
            await self.settled()

    async def settled(self):
        for _ in range(20):
            await asyncio.sleep(0)

    def kinds(self, *names):
        return [
            (kind, facts.get("channel"))
            for each in self.said
            for kind, facts in each.items()
            if kind in names
        ]


@pytest.fixture
async def office():
    """Return a maker of desks that are at work; they end with the test."""
    made = []

    def make(*routes, **more):
        one = Office(*routes, **more)
        made.append(one)
        one.desk.start()
        return one

    yield make
    for one in made:
        for task in one.desk._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@pytest.mark.parametrize(
    ("severity", "heard"),
    [(Severity.ERROR, (1, 1)), (Severity.WARNING, (1, 0)), (Severity.INFO, (0, 0))],
)
async def test_dealt(office, severity, heard):
    """Each channel hears what is loud enough for it, and the daemon what came of it."""
    one = office(FIRST, SECOND)
    await one.alert(severity)

    assert heard == (len(one.posts.texts("first")), len(one.posts.texts("second")))
    said = [("sent", name) for name, count in zip(("first", "second"), heard, strict=True) if count]
    assert said == sorted(one.kinds("sent"))
    assert (sum(heard) == 0) is ({"held": {"number": 1}} in one.said)


async def test_a_channel_fails(office):
    """A channel that fails is told on the others and to the daemon, and so is that it works."""
    one = office(FIRST, SECOND)
    one.posts.answers[FIRST.url] = BROKEN
    await one.alert(Severity.ERROR)

    assert [("failing", "first"), ("failed", "first")] == one.kinds("failing", "failed")
    assert (
        "alert.failed first: the channel does not deliver: no such chat"
        in one.posts.texts("second")[1]
    )
    assert 1 == len(one.posts.texts("first"))  # nobody tells a channel that it does not work
    one.posts.answers.clear()
    one.now += 61
    await one.alert(Severity.ERROR, scope="ETH")
    assert "alert.resumed first" in one.posts.texts("second")[-1]


async def test_silence(office):
    """An engine that hangs is told on every channel and to the log, then again, then over."""
    one = office(FIRST, SECOND, silence=20.0, remind=900.0)
    await one.beat()
    await one.pass_time(19.5)
    assert [] == one.posts.texts("first")
    await one.pass_time(1.0)
    assert all("engine.silent" in one.posts.texts(name)[0] for name in ("first", "second"))
    assert "engine.silent" == one.said[-3]["told"]["event"]
    await one.pass_time(900.0)
    assert 2 == len(one.posts.texts("second"))
    await one.beat()
    assert "engine.recovered" in one.posts.texts("second")[-1]


@pytest.mark.parametrize(
    ("beat", "beats"),
    [
        ({"state": "active"}, 5),
        ({"state": "paused"}, 0),
        ({"outside": {"BTC": 60.0}}, 0),
        ({}, 0),
    ],
)
async def test_heartbeat(office, beat, beats, monkeypatch):
    """Somebody outside hears each minute that all is well, while it is and beats arrive."""
    monkeypatch.setattr("rebalancer.ops.messenger.desk.LOOK", 0.0)
    one = office(heartbeat=ALIVE, every=60.0)
    await one.pass_time(5 * 60 - 10, **beat)

    assert beats == len([1 for host, _ in one.posts.told if host == "alive"])


async def test_heartbeat_fails(office, monkeypatch):
    """That nobody takes the heartbeat is told after the third time."""
    monkeypatch.setattr("rebalancer.ops.messenger.desk.LOOK", 0.0)
    one = office(FIRST, heartbeat=ALIVE, every=60.0)
    one.posts.answers[ALIVE.url] = BROKEN
    await one.pass_time(110, state="active")
    assert [] == one.posts.texts("first")
    await one.pass_time(20, state="active")
    assert "alert.failed heartbeat" in one.posts.texts("first")[0]


async def test_digest(office):
    """Each day at its hour every channel gets the digest, whatever it wants to hear else."""
    one = office(FIRST, SECOND, digest=600)  # it is midnight
    await one.take(lines.spelled("summary", hedges=3, refusals=0))
    await one.alert(Severity.INFO, "feed.recovered", "deribit")
    await one.pass_time(599.0, state="active")
    assert [] == one.posts.texts("second")
    await one.pass_time(60.0, state="active")

    (text,) = one.posts.texts("second")
    assert "[desk] active; digest of 10 min" in text
    assert "feed.recovered 1" in text


@pytest.mark.parametrize(("orderly", "told"), [(True, 0), (False, 1)])
async def test_end(office, orderly, told):
    """Without a goodbye the daemon has vanished; what is on its way is delivered in any case."""
    one = office(FIRST)
    await one.beat()
    assert await one.take(lines.spelled("bye"))
    one.desk.take(lines.alert_line(Notice(Severity.ERROR, "daemon.failed", "desk", "x")))
    await one.desk.end(orderly=orderly)

    text = "\n".join(one.posts.texts("first"))
    assert (1, told) == (text.count("daemon.failed"), text.count("daemon.vanished"))


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"nonsense",
        b'{"alert":{}}',
        b'{"alert":{"severity":"loud"}}',
        b'{"beat":{"x":1}}',
        b'{"x":{}}',
    ],
)
async def test_nonsense(office, line):
    """What makes no sense is dropped."""
    one = office(FIRST)

    assert not await one.take(line)
    assert [] == one.posts.told
