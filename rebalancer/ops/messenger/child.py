"""The child: the messenger's process, as its daemon sees it.

It is given no more of the environment than Python needs, ends when nobody holds
the other end of its standard input, and is started again when it ends before,
ever more rarely, but always.
"""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rebalancer.core.commands import Alert, Severity
from rebalancer.errors import Unavailable
from rebalancer.ops.messenger import lines
from rebalancer.ops.messenger.channels import hiding
from rebalancer.ops.messenger.lines import Orders
from rebalancer.ops.messenger.outbox import Outbox
from rebalancer.ops.redaction import Redactor
from rebalancer.ops.vocabulary import EVENTS
from rebalancer.ports import SECOND, Clock, Log

ROOT = Path(__file__).resolve().parents[3]  # where this very release is imported from
GIVEN = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
MODULE = "rebalancer.ops.messenger"
READY = 20.0  # s until the first one must say that it is
GOODBYE = 10.0  # s that the last one has to deliver what is on its way
LONGEST = 300.0  # s between two starts
STEADY = 600 * SECOND  # ns after which an end is the first one again
STUCK = 15 * SECOND  # ns that a messenger may read nothing of what waits
_SAID = 400  # characters of what it said before it broke


async def begin(orders: Orders) -> tuple[Process, int]:
    """Start a messenger; return it, and the descriptor that it listens to, which does not block.

    Raises:
        OSError: There is no process or no pipe left.
    """
    told = {name: os.environ[name] for name in GIVEN if name in os.environ}
    paths = (str(ROOT), os.environ.get("PYTHONPATH", ""))
    listens, holds = os.pipe()
    try:
        os.set_blocking(holds, False)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", MODULE),
            stdin=listens,
            stdout=PIPE,
            stderr=PIPE,
            env=told | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
            start_new_session=True,  # what a terminal tells the daemon is not meant for it
        )
        os.write(holds, lines.first(orders))  # an empty pipe takes it at once
    except BaseException:
        os.close(holds)
        raise
    finally:
        os.close(listens)
    return process, holds


@dataclass(frozen=True, slots=True)
class Ending:
    """What a book that ends leaves to be said."""

    severity: Severity
    event: str
    text: str


class Messenger:
    """A `ports.Companion`: a messenger beside a book.

    Args:
        orders: What it is told first.
        outbox: Where alerts and beats come from.
        log: Hears what it answers; its errors must not come back to the outbox.
        clock: The machine's own.
    """

    def __init__(self, orders: Orders, outbox: Outbox, log: Log, clock: Clock) -> None:
        self._orders, self._outbox, self._log, self._clock = orders, outbox, log, clock
        self._redactor = hiding(orders)
        for route in orders.routes:  # from 0, so that the first is seen to be one more
            outbox.counts.update({(route.name, result): 0 for result in ("sent", "failed")})
        self._process: Process | None = None
        self._ready = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._closing = False
        self._read = 0  # bytes at the last look
        self._unread_since: int | None = None  # ns since when nothing of them was read

    async def start(self) -> None:
        """Begin; a book whose alerts cannot leave does not start.

        Raises:
            Unavailable: The messenger did not begin.
        """
        self._keeper = asyncio.create_task(self._keep())
        self._keeper.add_done_callback(self._kept)
        waits = asyncio.create_task(self._ready.wait())
        await asyncio.wait(
            {self._keeper, waits}, timeout=READY, return_when=asyncio.FIRST_COMPLETED
        )
        waits.cancel()
        if not self._ready.is_set():
            await self.close()
            raise Unavailable("alerts: the messenger did not begin; see messenger.ended in the log")

    def look(self) -> None:
        """End a messenger that does not read; another one takes its place.

        It is called before more is put: what was put just now nobody had the time to read.
        """
        now, before = self._clock.monotonic(), self._read
        self._read = self._outbox.read
        if self._outbox.unread == 0 or self._read != before:  # it reads, or is a new one
            self._unread_since = None
        elif self._unread_since is None:
            self._unread_since = now
        elif now - self._unread_since >= STUCK and self._process is not None:
            self._unread_since = None
            with suppress(ProcessLookupError):
                self._process.kill()

    def last(self, ending: Ending, book: str) -> None:
        """Say how the book ended; nothing comes after it."""
        self._outbox.send(Alert(ending.severity, ending.event, book, ending.text))

    async def close(self) -> None:
        """Say goodbye, and wait until what is on its way is delivered, but not for long."""
        self._closing = True
        self._outbox.say("bye", {})
        if self._keeper is None:
            return
        await asyncio.wait({self._keeper}, timeout=GOODBYE)
        if not self._keeper.done():
            if self._process is not None:
                with suppress(ProcessLookupError):
                    self._process.kill()
            self._keeper.cancel()
            await asyncio.wait({self._keeper})

    async def _keep(self) -> None:
        """Keep a messenger alive until the book ends."""
        ends = 0
        while True:
            began = self._clock.monotonic()
            why = await self._serve()
            self._outbox.detach()
            if self._closing:
                return
            ends = 1 if self._clock.monotonic() - began >= STEADY else ends + 1
            wait = min(2.0 ** (ends - 1), LONGEST)
            action = EVENTS["messenger.ended"].action
            self._log.error("messenger.ended", why=why, again_in=wait, action=action)
            if not self._ready.is_set():
                return  # the first one: the book does not start
            await asyncio.sleep(wait)

    def _kept(self, keeper: asyncio.Task[None]) -> None:
        """Say that nobody starts the messenger again: a defect."""
        if not keeper.cancelled() and (error := keeper.exception()) is not None:
            self._outbox.detach()
            self._log.error("messenger.ended", why=f"{type(error).__name__}: {error}")

    async def _serve(self) -> str:
        """Serve with one process until it ends; return why it did."""
        try:
            process, pipe = await begin(self._orders)
        except OSError as error:
            return f"no process: {error.strerror}"
        self._process = process
        try:
            said = asyncio.create_task(_drained(process, self._redactor))
            await self._hear(process, pipe)
            code = await process.wait()
            text = await said
        finally:
            self._outbox.detach()
            os.close(pipe)
        return f"ended with {code}: {text or 'no word'}"

    async def _hear(self, process: Process, pipe: int) -> None:
        """Take what a messenger answers, until it ends."""
        if process.stdout is None:
            return
        while line := await _line(process.stdout):
            told = lines.read(line)
            if told is None:
                continue
            kind, facts = told
            if kind == "ready":
                self._outbox.attach(pipe)
                channels = [each.name for each in self._orders.routes]
                self._log.info("messenger.started", channels=channels, pid=process.pid)
                self._ready.set()
            else:
                self._answered(kind, facts)

    def _answered(self, kind: str, facts: Mapping[str, Any]) -> None:
        """Log what a messenger says."""
        channel, why = facts.get("channel"), facts.get("why")
        match kind:
            case "sent" | "failed":
                count, about = int(facts.get("count", 0)), facts.get("about")
                self._outbox.counts[str(channel), kind] += 1
                self._outbox.settle(facts.get("numbers", ()))
                if kind == "sent":
                    self._log.info("alert.sent", channel=channel, count=count, about=about)
                else:
                    self._failed(channel, why, count=count, about=about)
            case "failing":
                self._failed(channel, why)
            case "resumed":
                self._log.info("alert.resumed", channel=channel)
            case "held":
                self._outbox.settle((facts.get("number"),))
            case "told":
                told = {"scope": facts.get("scope"), "text": facts.get("text")}
                self._log.warning("messenger.noticed", name=facts.get("event"), **told)
            case _:
                pass

    def _failed(
        self, channel: object, why: object, count: object = None, about: object = None
    ) -> None:
        told = {} if count is None else {"count": count, "about": about}
        action = EVENTS["alert.failed"].action
        self._log.error("alert.failed", channel=channel, why=why, **told, action=action)


async def _line(said: asyncio.StreamReader) -> bytes:
    """Return a line of an answer, empty where there is none left."""
    while True:
        try:
            return await said.readline()
        except ValueError:  # longer than any line of ours
            continue


async def _drained(process: Process, redactor: Redactor) -> str:
    """Return the end of what a process says on standard error, once it has ended.

    Of a secret that is cut a part would be left: each line is looked at while it is whole.
    """
    said = ""
    while process.stderr is not None and (line := await _line(process.stderr)):
        said = (said + redactor.text(line.decode("utf-8", "replace")))[-_SAID:]
    return said.strip()
