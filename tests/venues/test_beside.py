"""What is asked beside a socket, a stream without a word, and words that stand for codes."""

import asyncio
import contextlib

import ccxt
import pytest
from websockets.asyncio.server import serve

from rebalancer.core.events import FeedStatus
from rebalancer.errors import Unavailable
from rebalancer.runtime.clock import WallClock
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.venues.native import NativeFeed, Pace, Ports, Way
from rebalancer.venues.outcome import Outcome
from rebalancer.venues.outcomes import judge, said
from tests.venues.deribit_frames import Lines

MS = 1_000_000
PACE = Pace(dial=1.0, ping=1.0, judge=20 * MS)


class Mute:
    """A stream that is live at once and never hears a word."""

    venue, path, talkative, live = "mute", "mute/ws", False, True

    def opened(self, deliver, now):
        pass

    def received(self, payload, now):
        pass

    def judge(self, now):
        return None

    def take(self):
        return []


@contextlib.asynccontextmanager
async def feeding(beside=None):
    """Yield a feed of a mute stream, its sockets, and what it told."""
    sockets, events, failures, reasons = [], [], [], []

    async def hold(socket):
        sockets.append(socket)
        await socket.wait_closed()

    tasks = TaskRegistry(failures.append)
    async with serve(hold, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        ports = Ports(WallClock(), tasks, SeededRandomness(7), Lines())
        way = Way(beside=beside)
        feed = NativeFeed(*(Mute(), ports, f"http://127.0.0.1:{port}", reasons.append, PACE), way)
        tasks.spawn("feed", feed.run(events.append))
        try:
            yield feed, sockets, events, reasons
        finally:
            await tasks.close()
    assert [] == failures


async def until(holds):
    """Wait until something holds."""
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def test_asked_while_the_socket_is_open():
    """What is beside a socket is asked again and again, by one asker a socket."""
    asked = []

    async def ask():
        asked.append(1)
        return 20 * MS

    async with feeding(ask) as (feed, sockets, _, _):
        await until(lambda: len(asked) > 3)
        await sockets[0].close()
        await until(lambda: len(sockets) > 1 and feed.connected)
        count = len(asked)
        await until(lambda: len(asked) > count + 2)


async def test_failing_beside_ends_the_socket():
    """Where what is beside a socket fails, the socket is given up, and why is told."""
    fails = [True]

    async def ask():
        if fails.pop() if fails else False:
            raise Unavailable("the key is gone")
        return 20 * MS

    async with feeding(ask) as (feed, sockets, events, reasons):
        await until(lambda: len(sockets) > 1 and reasons)

    assert "the key is gone" in reasons[0]
    assert [False, True] == [each.alive for each in events if isinstance(each, FeedStatus)]
    assert 1 == feed.rebuilt


async def test_back_without_a_word():
    """A stream that is back is told so, even where its venue has nothing to say."""
    async with feeding() as (_, sockets, events, reasons):
        await until(lambda: sockets)
        await sockets[0].close()
        await until(lambda: reasons)

    assert [False, True] == [each.alive for each in events]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('binance {"code":-1013,"msg":"x"}', "-1013"),
        ('binance order amount should be evenly divisible by lot size {"code":-1013,"msg":"x"}',
         "-1013"),
        ("binance Account has insufficient balance for requested action.", "-2010"),
        ('binance {"code":-2010,"msg":"Duplicate order sent."}', "duplicate"),
        ("binance Account has insufficient", None),
        ("binance something {", None),
    ],
)  # fmt: skip
def test_words_of_ccxt(text, code):
    """The venue's code is found behind words of ccxt's, and where ccxt keeps the text alone."""
    assert code == said("binance", ccxt.ExchangeError(text))[0]


def test_a_text_of_a_failed_answer_proves_nothing():
    """The same words prove nothing where the answer broke off."""
    error = ccxt.ExchangeError("binance Account has insufficient balance for requested action.")
    error.__cause__ = ValueError()

    assert Outcome.UNKNOWN is judge("binance", error, ["POST"]).outcome
