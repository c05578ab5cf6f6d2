"""One channel's way: attempts, what it says of them, and that it waits for no other."""

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest

from rebalancer.core.commands import Severity
from rebalancer.ops.messenger import courier
from rebalancer.ops.messenger.courier import Courier, Ways
from rebalancer.ops.messenger.lines import Notice
from rebalancer.ops.messenger.posting import Outcome
from rebalancer.ops.redaction import Redactor

SENT, LATER, NEVER = Outcome(True), Outcome(False, "busy", True), Outcome(False, "no such chat")


def notice(severity=Severity.ERROR, scope="BTC", number=7):
    """Return an alert."""
    return Notice(severity, "delta.unhedged", scope, "net delta 1.84", number=number)


class Line:
    """A courier whose channel answers as a test says, and then takes everything."""

    def __init__(self, *outcomes, tries=20):
        self.outcomes, self.texts, self.said = list(outcomes), [], []
        ways = Ways("desk", self._send, Redactor(), lambda: 0.0, self._answer, tries)
        self.courier = Courier("webhook", Severity.WARNING, ways)

    async def _send(self, _subject, text, _of):
        self.texts.append(text)
        await asyncio.sleep(0)
        return self.outcomes.pop(0) if self.outcomes else SENT

    def _answer(self, what, channel, notices, why):
        self.said.append((what, [each.scope for each in notices], why))

    @asynccontextmanager
    async def running(self):
        """Serve while the block runs."""
        task = asyncio.create_task(self.courier.run())
        try:
            yield self
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def idle(self):
        """Return once nothing waits."""
        async with asyncio.timeout(5):
            while not self.courier.idle:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.001)


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    """Let nobody wait between two attempts."""
    monkeypatch.setattr(courier, "LONGEST", 0.001)


@pytest.mark.parametrize(
    ("outcomes", "severity", "attempts", "said"),
    [
        ([SENT], Severity.ERROR, 1, [("sent", ["BTC"], "")]),
        ([LATER], Severity.ERROR, 2, [("sent", ["BTC"], "")]),
        (
            [LATER] * 3,
            Severity.ERROR,
            4,
            [("failing", [], "busy"), ("resumed", [], ""), ("sent", ["BTC"], "")],
        ),
        (
            [LATER] * 99,
            Severity.WARNING,
            courier.TRIES,
            [("failing", [], "busy"), ("failed", ["BTC"], "busy")],
        ),
        ([LATER] * 99, Severity.ERROR, 20, [("failing", [], "busy"), ("failed", ["BTC"], "busy")]),
        (
            [NEVER],
            Severity.ERROR,
            1,
            [("failing", [], "no such chat"), ("failed", ["BTC"], "no such chat")],
        ),
    ],
)
async def test_attempts(outcomes, severity, attempts, said):
    """What may help is tried again, longer where a person must be woken; what fails is said."""
    async with Line(*outcomes).running() as line:
        line.courier.put(notice(severity))
        await line.idle()

        assert attempts == len(line.texts)
        assert said == line.said


async def test_gathers():
    """What comes while a channel does not deliver leaves with the next message."""
    async with Line(NEVER).running() as line:
        line.courier.put(notice(scope="first"))
        while not line.texts:  # noqa: ASYNC110
            await asyncio.sleep(0)
        for number in range(5):
            line.courier.put(notice(scope=f"rb{number}"))
        await line.idle()

        assert 2 == len(line.texts)
        assert ("sent", [f"rb{number}" for number in range(5)], "") == line.said[-1]


async def test_digest():
    """A digest leaves by itself, and only the last one."""
    async with Line().running() as line:
        line.courier.digest("old")
        line.courier.digest("new")
        await line.idle()

        assert ["new"] == line.texts
