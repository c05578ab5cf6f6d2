"""The courier of one channel: takes what waits for it, and tries until it is delivered.

Channels do not wait for one another. While one cannot deliver, what comes
gathers and leaves with the next message; that it cannot is told on the others.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rebalancer.core.commands import Severity
from rebalancer.ops.messenger import wording
from rebalancer.ops.messenger.channels import Send
from rebalancer.ops.messenger.lines import Notice
from rebalancer.ops.messenger.mailbox import Mailbox
from rebalancer.ops.messenger.posting import Outcome
from rebalancer.ops.redaction import Redactor

TRIES = 4  # for a message that wakes nobody
LONGEST = 60.0  # s between two attempts
FAILING = 3  # attempts in a row that came to nothing, until the channel is said to fail

Answer = Callable[[str, str, Sequence[Notice], str], None]  # what, channel, of what, why


@dataclass(frozen=True, slots=True)
class Ways:
    """What a courier works with."""

    book: str
    send: Send
    redactor: Redactor
    clock: Callable[[], float]  # s that never jump
    answer: Answer
    tries: int  # most for a message that wakes a person


class Courier:
    """Serves one channel.

    Args:
        name: Of the channel.
        least: Severity below which nothing is told.
        ways: How it sends, and who hears what came of it.
    """

    def __init__(self, name: str, least: Severity, ways: Ways) -> None:
        self.name, self.mailbox = name, Mailbox(least)
        self._ways = ways
        self._digests: list[str] = []
        self._wake = asyncio.Event()
        self._sending = False
        self._failed = 0  # attempts in a row

    def put(self, notice: Notice) -> bool:
        """Take an alert; return whether it leaves."""
        leaves = self.mailbox.put(notice, self._ways.clock())
        self._wake.set()
        return leaves

    def digest(self, text: str) -> None:
        """Take a digest; the last one waits."""
        self._digests = [text]
        self._wake.set()

    def look(self) -> None:
        """See whether something is due by now."""
        self.mailbox.look(self._ways.clock())
        if not self.idle:
            self._wake.set()

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is on its way."""
        return self.mailbox.empty and not self._digests and not self._sending

    async def run(self) -> None:
        """Deliver until canceled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while notices := self.mailbox.take(self._ways.clock()):
                await self._alerts(notices)
            while self._digests:
                await self._deliver("digest", self._digests.pop(), ())

    async def _alerts(self, notices: Sequence[Notice]) -> None:
        book, redactor = self._ways.book, self._ways.redactor
        text = wording.body(book, notices, redactor)
        await self._deliver(wording.subject(book, notices, redactor), text, notices)

    async def _deliver(self, subject: str, text: str, notices: Sequence[Notice]) -> None:
        loud = any(each.severity is Severity.ERROR for each in notices)
        most = self._ways.tries if loud else min(TRIES, self._ways.tries)
        self._sending = True
        try:
            why = await self._tried(subject, text, notices, most)
        finally:
            self._sending = False
        if why is None:
            self._delivered(notices)
        else:
            self._ways.answer("failed", self.name, notices, why)

    async def _tried(
        self, subject: str, text: str, notices: Sequence[Notice], most: int
    ) -> str | None:
        """Try at most so many times; return why it came to nothing, None where it did not."""
        attempt = 0
        while True:
            attempt += 1
            outcome = await self._ways.send(subject, text, notices)
            if outcome.ok:
                return None
            ends = attempt >= most or not outcome.again
            self._fails(outcome, given_up=ends)
            if ends:
                return outcome.why
            await asyncio.sleep(outcome.after or min(2.0 ** (attempt - 1), LONGEST))

    def _delivered(self, notices: Sequence[Notice]) -> None:
        if self._failed >= FAILING:
            self._ways.answer("resumed", self.name, (), "")
        self._failed = 0
        self._ways.answer("sent", self.name, notices, "")

    def _fails(self, outcome: Outcome, *, given_up: bool) -> None:
        """Count an attempt that came to nothing; say so once, and that it is given up."""
        before, self._failed = self._failed, self._failed + 1
        if given_up:
            self._failed = max(self._failed, FAILING)
        if before < FAILING <= self._failed:
            self._ways.answer("failing", self.name, (), outcome.why)
