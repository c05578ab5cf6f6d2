"""The process of a messenger: standard input to the desk, the desk's answers to standard output."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterator

from rebalancer.errors import RebalancerError, UsageError
from rebalancer.ops.messenger import lines
from rebalancer.ops.messenger.addresses import guard_process
from rebalancer.ops.messenger.desk import LOOK, Desk
from rebalancer.ops.messenger.lines import Orders
from rebalancer.ops.messenger.posting import Post

PATIENCE = 10.0  # s for the first line
_OUT, _ERR = 1, 2  # descriptors


def main() -> None:
    """Serve until the daemon says goodbye, or is gone."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends with its daemon, not before
    for each in (_OUT, _ERR):
        os.set_blocking(each, False)  # a daemon that hangs reads nothing
    try:
        code = asyncio.run(_serve())
    except RebalancerError as error:
        sys.stderr.write(f"{error}\n")
        code = error.exit_code
    sys.stderr.flush()
    os._exit(code)  # a thread that still waits for somebody must not keep the process


async def _serve() -> int:
    reader = asyncio.StreamReader(limit=2 * lines.FIRST)
    loop = asyncio.get_running_loop()
    try:
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    except ValueError:
        raise UsageError("a messenger must be started by a daemon: it reads a pipe") from None
    orders = await _ordered(reader)
    guard_process(_named(orders))
    desk = Desk(orders, _say, time.monotonic, time.time, Post())
    desk.start()
    watch = asyncio.create_task(_watch(desk))
    orderly = await _listen(reader, desk)
    watch.cancel()
    await desk.end(orderly=orderly)
    return 0


async def _ordered(reader: asyncio.StreamReader) -> Orders:
    """Return what the first line says."""
    try:
        async with asyncio.timeout(PATIENCE):
            told = lines.read(await reader.readline())
        if told is None or told[0] != "orders":
            raise ValueError
        return lines.ordered(told[1])
    except (ValueError, TypeError, KeyError, TimeoutError):
        raise UsageError("a messenger must be told first where alerts go") from None


async def _listen(reader: asyncio.StreamReader, desk: Desk) -> bool:
    """Take lines until the last; return whether it was a goodbye."""
    while True:
        try:
            line = await reader.readline()
        except ValueError:  # longer than any line of ours
            continue
        if not line:
            return False
        if desk.take(line):
            return True


async def _watch(desk: Desk) -> None:
    while True:
        await asyncio.sleep(LOOK)
        desk.look()


def _named(orders: Orders) -> Iterator[str]:
    """Yield the servers on this machine that the settings name, HOST:PORT."""
    for each in (*orders.routes, *((orders.heartbeat,) if orders.heartbeat else ())):
        if each.loopback:
            yield each.url.partition("://")[2].partition("/")[0].replace("[", "").replace("]", "")


def _say(line: bytes) -> None:
    """Answer the daemon where it listens; what it does not hear is not waited with."""
    try:
        os.write(_OUT, line)
    except OSError:
        return


if __name__ == "__main__":
    main()
