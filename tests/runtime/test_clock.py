"""The clocks: market time jumps from call to call, and nothing that is real has to wait for it."""

import asyncio
import os
import signal
import time

import pytest

from rebalancer.ports import SECOND
from rebalancer.runtime.clock import MarketClock, WallClock, run_market, run_wall

MILLISECOND = 1_000_000
START = 1_700_000_000 * SECOND


def run(story, speed=0.0):
    """Run a story on a new market clock."""
    clock = MarketClock(START, speed)
    return run_market(clock, story(clock))


@pytest.mark.parametrize("speed", [0.0, 1000.0])
def test_order_of_calls(speed):
    """Calls come by time, at one instant in the order they were asked for, at any speed."""

    async def story(clock):
        made = []
        for name, due in (("c", 2), ("a", 1), ("d", 2), ("b", 1), ("past", -5)):
            clock.call_at(START + due * SECOND, lambda name=name: made.append((name, clock.now())))
        await clock.sleep(3 * SECOND)
        return [(name, (ts - START) // SECOND) for name, ts in made]

    assert [("past", 0), ("a", 1), ("b", 1), ("c", 2), ("d", 2)] == run(story, speed)


def test_consequences_first():
    """What a call sets off is done before the next call of the same instant is made."""

    async def story(clock):
        made = []
        loop = asyncio.get_running_loop()

        def first():
            made.append("first")
            loop.call_soon(lambda: loop.call_soon(made.append, "consequence"))

        clock.call_at(START + SECOND, first)
        clock.call_at(START + SECOND, lambda: made.append("second"))
        await clock.sleep(2 * SECOND)
        return made

    assert ["first", "consequence", "second"] == run(story)


def test_cancel():
    """A call that was canceled is not made, even by a call of its own instant; time skips it."""

    async def story(clock):
        made = []
        doomed = clock.call_at(START + SECOND, lambda: made.append("doomed"))
        timers = []
        clock.call_at(START + 2 * SECOND, lambda: timers.pop().cancel())
        timers.append(clock.call_at(START + 2 * SECOND, lambda: made.append("second")))
        doomed.cancel()
        doomed.cancel()
        await clock.sleep(3 * SECOND)
        return made, clock.now() - START

    assert ([], 3 * SECOND) == run(story)


def test_canceled_sleep_leaves_nothing():
    """A sleep that is canceled does not hold market time back, nor wake anybody."""

    async def story(clock):
        sleeper = asyncio.ensure_future(clock.sleep(3600 * SECOND))
        await clock.sleep(SECOND)
        sleeper.cancel()
        await asyncio.wait([sleeper])
        await clock.sleep(SECOND)
        return clock.now() - START, clock.monotonic() - START, clock.pause()

    assert (2 * SECOND, 2 * SECOND, None) == run(story)


def test_pace():
    """The pace spends real time and changes nothing of market time."""

    async def story(clock):
        seen = []
        for _ in range(5):
            await clock.sleep(SECOND)
            seen.append(clock.now())
        return seen

    began = time.monotonic()
    paced = run(story, speed=25.0)
    took = time.monotonic() - began

    assert run(story) == paced
    assert 0.19 <= took < 2.0


def test_far_future():
    """A call that lies further away than the system's selector can wait is waited for in parts."""

    async def story(clock):
        clock.call_at(START + 400 * 86_400 * SECOND, lambda: None)
        await asyncio.to_thread(time.sleep, 0.01)
        return clock.now() - START

    assert 0 == run(story, speed=1.0)


def test_ready_sockets_come_first():
    """What a socket has already brought is heard before market time moves on."""

    async def story(clock):
        loop, heard = asyncio.get_running_loop(), []
        reading, writing = os.pipe()
        os.write(writing, b"x")
        loop.add_reader(reading, lambda: heard.append((os.read(reading, 1), clock.now() - START)))
        await clock.sleep(SECOND)
        loop.remove_reader(reading)
        os.close(reading)
        os.close(writing)
        return heard

    assert [(b"x", 0)] == run(story)


@pytest.mark.parametrize("speed", [0.0, 50.0])
def test_sockets(speed):
    """A real socket is answered while market time runs, as fast as it can or paced."""

    async def echo(reader, writer):
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def busy(clock):
        while True:
            await clock.sleep(SECOND // 10)

    async def story(clock):
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        market = asyncio.ensure_future(busy(clock))
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"ping\n")
        answer = await reader.readline()
        writer.close()
        await writer.wait_closed()
        market.cancel()
        server.close()
        await server.wait_closed()
        return answer

    assert b"ping\n" == run(story, speed)


def test_slow_feed_starves_nobody(tmp_path):
    """Where the market cannot keep its pace, sockets are answered between two of its steps."""

    async def echo(reader, writer):
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def story(clock):
        steps = []

        async def slow():
            while True:
                until = time.monotonic() + 0.005  # five times slower than its pace
                while time.monotonic() < until:
                    pass
                steps.append(clock.now())
                await clock.sleep(SECOND)

        server = await asyncio.start_unix_server(echo, tmp_path / "s")
        market = asyncio.ensure_future(slow())
        answers = []
        for _ in range(3):
            reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
            writer.write(b"ping\n")
            answers.append(await reader.readline())
            writer.close()
            await writer.wait_closed()
        market.cancel()
        server.close()
        await server.wait_closed()
        return answers, len(steps)

    answers, steps = run(story, speed=1000.0)

    assert [b"ping\n"] * 3 == answers
    assert steps < 40


@pytest.mark.parametrize("speed", [0.0, 50.0])
def test_timers_of_asyncio(speed):
    """Asyncio's own timers keep real time, whether the market is busy or has nothing to do."""

    async def story(clock):
        began = time.monotonic()
        await asyncio.sleep(0.02)
        alone = time.monotonic() - began

        async def busy():
            while True:
                await clock.sleep(SECOND // 10)

        market = asyncio.ensure_future(busy())
        await asyncio.sleep(0.02)
        market.cancel()
        return alone, time.monotonic() - began, clock.now() - START

    alone, both, passed = run(story, speed)

    assert 0.019 <= alone < 1.0
    assert 0.039 <= both < 2.0
    assert passed > 0


def test_threads_wake_the_loop():
    """A call from another thread is heard while nothing else is due."""

    async def story(clock):
        return await asyncio.to_thread(lambda: 7)

    assert 7 == run(story)


def test_idle_does_not_spin():
    """A loop that waits for a socket, and has no call due, uses no processor."""

    async def story(clock):
        asyncio.get_running_loop().call_later(0.1, lambda: None)
        before = time.process_time()
        await asyncio.sleep(0.15)
        return time.process_time() - before

    assert run(story) < 0.05


def test_paced_wait_does_not_spin():
    """Neither does one that waits for the market to catch up."""

    async def story(clock):
        before = time.process_time()
        await clock.sleep(SECOND)
        return time.process_time() - before

    assert run(story, speed=10.0) < 0.05


def test_exceptions_propagate():
    """What the main coroutine raises comes out of the run, and so does what a call raises."""

    async def breaks(clock):
        await clock.sleep(SECOND)
        raise LookupError("main")

    async def call_breaks(clock):
        def fail():
            raise LookupError("call")

        clock.call_at(START + SECOND, fail)
        await clock.sleep(2 * SECOND)

    with pytest.raises(LookupError, match="main"):
        run(breaks)
    with pytest.raises(LookupError, match="call"):
        run(call_breaks)


@pytest.mark.parametrize("speed", [0.0, 2.0])
def test_signals(speed):
    """A signal is heard at once, whether the market runs free or waits for the wall."""

    async def story(clock):
        loop, heard = asyncio.get_running_loop(), asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, heard.set)

        async def busy():
            while True:
                await clock.sleep(10 * SECOND)

        market = asyncio.ensure_future(busy())
        loop.call_later(0.02, os.kill, os.getpid(), signal.SIGTERM)
        began = time.monotonic()
        await heard.wait()
        market.cancel()
        loop.remove_signal_handler(signal.SIGTERM)
        return time.monotonic() - began

    assert run(story, speed) < 1.0


def test_wall():
    """The wall clock shows real time, sleeps, calls and forgets."""

    async def story():
        clock, made = WallClock(), []
        clock.call_at(clock.now() + 20 * MILLISECOND, lambda: made.append("later"))
        clock.call_at(clock.now() - SECOND, lambda: made.append("at once"))
        clock.call_at(clock.now() + MILLISECOND, lambda: made.append("never")).cancel()
        before, began = clock.now(), clock.monotonic()
        await clock.sleep(50 * MILLISECOND)
        await clock.sleep(-SECOND)
        assert abs(clock.now() - time.time_ns()) < SECOND
        return made, clock.now() - before, clock.monotonic() - began

    made, passed, monotonic = run_wall(story())

    assert ["at once", "later"] == made
    assert 49 * MILLISECOND <= passed < 2 * SECOND
    assert 49 * MILLISECOND <= monotonic < 2 * SECOND


def test_wall_exceptions_propagate():
    """A run on the wall ends with what its main coroutine raised."""

    async def story():
        raise LookupError("main")

    with pytest.raises(LookupError, match="main"):
        run_wall(story())
