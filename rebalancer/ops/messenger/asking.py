"""Asking: one message through every channel, by a messenger of its own; what came of each."""

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from rebalancer.core.commands import Severity
from rebalancer.errors import Unavailable
from rebalancer.ops.messenger import lines
from rebalancer.ops.messenger.child import begin
from rebalancer.ops.messenger.lines import Notice, Orders
from rebalancer.ops.vocabulary import EVENTS
from rebalancer.ports import SECOND, Clock

PATIENCE = 30.0  # s for all of it
TRIES = 2  # a person waits


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came of a message on one channel."""

    channel: str
    kind: str
    ok: bool
    told: str  # how long it took, or why it failed
    loopback: bool  # whether it ended on this machine


async def deliver(orders: Orders, event: str, text: str, clock: Clock) -> Sequence[Delivery]:
    """Send one message through every channel, and a heartbeat where there is one.

    Args:
        orders: Where to.
        event: Of the vocabulary.
        text: What it says.
        clock: The machine's own.

    Raises:
        Unavailable: There is no process to send them.
    """
    routes = [*orders.routes, *((orders.heartbeat,) if orders.heartbeat else ())]
    if not routes:
        return ()
    began, found = clock.monotonic(), dict[str, tuple[bool, str]]()
    try:
        process, pipe = await begin(replace(orders, tries=TRIES, digest=None, silence=1e9))
    except OSError as error:
        raise Unavailable(f"alerts: no process to send them: {error.strerror}") from error
    said = b""
    try:
        at, action = clock.now() / SECOND, EVENTS[event].action
        notice = Notice(Severity.ERROR, event, orders.book, text, action, at, 1)
        os.write(pipe, lines.alert_line(notice, "test"))
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while len(found) < len(routes) and process.stdout is not None:
                    line = await process.stdout.readline()
                    if not line:
                        said = b"" if process.stderr is None else await process.stderr.read(400)
                        break
                    seconds = (clock.monotonic() - began) / SECOND
                    _note(line, found, f"delivered within {seconds:.1f} s")
    finally:
        with suppress(ProcessLookupError):
            process.kill()  # before its pipe ends: nobody is to hear that a daemon vanished
        os.close(pipe)
        await process.wait()
    lacking = said.decode("utf-8", "replace").strip() or f"no answer within {PATIENCE:g} s"
    rows = ((each, found.get(each.name, (False, lacking))) for each in routes)
    return [Delivery(each.name, each.kind, *told, each.loopback) for each, told in rows]


def _note(line: bytes, found: dict[str, tuple[bool, str]], delivered: str) -> None:
    """Note what a line of the messenger says of a channel."""
    told = lines.read(line)
    if told is not None and told[0] in ("sent", "failed"):
        ok = told[0] == "sent"
        found[str(told[1]["channel"])] = (ok, delivered if ok else str(told[1]["why"]))
