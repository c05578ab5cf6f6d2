"""Waiting: a start that nobody watches, whose venues do not answer, is tried until they do.

An end would use up the few starts that a service manager allows, and the book would
stay down when its venues are back. Meanwhile nobody hedges: a person hears of it
(`venue.unreached`), the service manager waits on, and what asks for the end has it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Self

from rebalancer.core.commands import Alert, Severity
from rebalancer.errors import Unavailable
from rebalancer.ops.notify import TELLS, Manager
from rebalancer.ops.redaction import Redactor
from rebalancer.ports import SECOND, Timer
from rebalancer.settings import Settings
from rebalancer.venues.outcomes import KeyRefused
from rebalancer.wiring.beginning import Running, Surrounding, latch_brake
from rebalancer.wiring.outward import Leaving, MessengerBeside, heard

PATIENCE = 10 * SECOND  # ns without an answer until a person is woken
LEAST, MOST = 5 * SECOND, 60 * SECOND  # ns between two tries


class Waiting:
    """The start of a book; inside its block alerts leave, whether or not venues answer.

    Args:
        settings: Of the book.
        around: What the book is put into.
        leaving: What carries its alerts; None: they do not leave.
        environ: Of the process: names the service manager's socket.
        redactor: Knows the secrets; None hides by name only.
    """

    def __init__(
        self,
        settings: Settings,
        around: Surrounding,
        leaving: Leaving | None,
        environ: Mapping[str, str],
        redactor: Redactor | None = None,
    ) -> None:
        book = settings.book.id
        self._book, self._around, self._clock = book, around, around.clock
        heard_by, self._alerts = heard(book, around)
        self._log = heard_by.log
        self.messenger = None if leaving is None else MessengerBeside(book, leaving)
        self._manager = Manager(environ, self._log, redactor)
        self._chance = around.randomness.generator("backoff/start")
        self._ended = asyncio.Event()  # somebody asked
        self._give_up: Callable[[], object] | None = None  # what ends the tries
        self._began = self._clock.monotonic()
        self._said: int | None = None  # ns, when the service manager last heard of us
        self._braked = False
        self._venue: str | None = None  # that is being opened
        self._why: dict[str, str] = {}  # of each venue that did not answer, the last error
        self._told: dict[str, None] = {}  # of which a person has heard
        self._timer: Timer | None = None

    async def __aenter__(self) -> Self:
        """Let alerts leave.

        Raises:
            Unavailable: The messenger did not begin.
        """
        if self.messenger is not None:
            await self.messenger.start()
        self._manager.open()
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Say how it ended, and say goodbye."""
        if self.messenger is not None:
            await self.messenger.close(error)

    def end(self) -> None:
        """Have no further try made, and the one that is being made given up."""
        self._ended.set()
        if self._give_up is not None:
            self._give_up()

    def opening(self, venue: str) -> None:
        """Note that a venue is about to be opened: the one before has answered."""
        self._answered()
        self._venue = venue

    async def until(self, attempt: Callable[[], Awaitable[Running]]) -> Running | None:
        """Return the book once its venues answer; None: the end was asked for.

        Args:
            attempt: Puts it together, whole or not at all, and tells `opening` of
                each venue.

        Raises:
            RebalancerError: What time does not mend.
        """
        self._began = self._clock.monotonic()
        self._tick()
        task = asyncio.current_task()
        self._give_up = None if task is None else task.cancel
        try:
            return await self._tries(attempt)
        except asyncio.CancelledError:
            if task is None or not self._ended.is_set():
                raise
            task.uncancel()
            self._log.info("daemon.stopped", reason="asked to while it waited for its venues")
            return None
        finally:
            self._give_up = None
            if self._timer is not None:
                self._timer.cancel()
            if self._ended.is_set():
                self._manager.ends()
            self._manager.close()

    async def _tries(self, attempt: Callable[[], Awaitable[Running]]) -> Running:
        """Return the book after as many tries as it takes."""
        ceiling = LEAST
        while not self._ended.is_set():
            try:
                running = await attempt()
            except KeyRefused:
                raise
            except Unavailable as error:
                wait = int(self._chance.uniform(LEAST, ceiling))
                self._failed(error, wait)
            else:
                self._answered()
                if self._ended.is_set():  # somebody between has swallowed that
                    running.stop.ask()
                return running
            ceiling = min(2 * ceiling, MOST)
            await self._rest(wait)
            self._clock.anchor()  # nothing was dated yet; another start would do so too
        raise asyncio.CancelledError

    def _failed(self, error: Unavailable, wait: int) -> None:
        name = self._venue or self._book
        self._why[name], self._venue = str(error), None
        again = round(wait / SECOND, 1)
        facts = {"error": str(error), "again_in": again, "seconds": self._waited}
        self._log.warning("venue.retried", venue=name, **facts)
        if self._clock.monotonic() - self._began >= PATIENCE:
            self._tell(name)

    async def _rest(self, wait: int) -> None:
        """Wait for the next try; a brake that is pulled meanwhile holds when the book begins."""
        due = self._clock.monotonic() + wait
        self._brake()
        while (left := due - self._clock.monotonic()) > 0:
            await self._clock.sleep(min(left, SECOND))
            self._brake()

    def _brake(self) -> None:
        if not self._braked and self._around.brake.pulled() is not None:
            latch_brake(self._book, self._around)
            self._braked = True

    def _answered(self) -> None:
        """Take back what was told of the venue that was being opened."""
        name, self._venue = self._venue, None
        if name is None:
            return
        self._why.pop(name, None)
        if name in self._told:
            del self._told[name]
            text = f"it answers, {self._waited} s after the start"
            self._alerts.send(Alert(Severity.INFO, "venue.reached", name, text))

    def _tell(self, name: str) -> None:
        """Wake a person."""
        if name in self._told:
            return
        self._told[name] = None
        why = self._why.get(name, "no answer yet")
        text = f"the book cannot begin, nobody hedges: {why}; for {self._waited} s"
        self._alerts.send(Alert(Severity.ERROR, "venue.unreached", name, text))

    @property
    def _waited(self) -> int:
        """Seconds since the first try."""
        return (self._clock.monotonic() - self._began) // SECOND

    def _tick(self) -> None:
        """Say once a second that it goes on; wake a person when it does so for too long."""
        now = self._clock.monotonic()
        out = [*self._why, *([] if self._venue is None else [self._venue])]
        if out and not self._told and now - self._began >= PATIENCE:
            self._tell(out[0])
        why = f"waits for {', '.join(dict.fromkeys(out)) or 'its venues'}, {self._waited} s"
        if self.messenger is not None:
            self.messenger.waits(why)
        if self._said is None or now - self._said >= TELLS:
            self._said = now
            told = "; ".join(self._why.values())
            self._manager.begins(f"{why}: {told}" if told else why)
        self._timer = self._clock.call_at(self._clock.now() + SECOND, self._tick)
