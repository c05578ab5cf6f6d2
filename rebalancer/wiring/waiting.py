"""Waiting: a start that nobody watches, whose venues do not answer, is tried until they do.

An end would use up the few starts that a service manager allows, and the book would
stay down when its venues are back. Meanwhile nobody hedges: a person hears of it
(`venue.unreached`), the service manager waits on, and what asks for the end has it.
The book's doors are open: whoever asks hears what it waits for, and what stops it is
kept. A venue that named a time is left alone until then, and one that shut this machine
out halts the book, as it would halt one that runs.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from rebalancer.core.commands import Alert, Severity
from rebalancer.errors import DataError, Unavailable
from rebalancer.ops.notify import TELLS, Manager
from rebalancer.ops.redaction import Redactor
from rebalancer.ports import SECOND, AlertSink, Clock, Log, Timer
from rebalancer.runtime.unbegun import Awaited, Place, Unbegun
from rebalancer.settings import Settings
from rebalancer.venues.outcome import KeyRefused, ShutsOut
from rebalancer.wiring.beginning import Running, Surrounding
from rebalancer.wiring.doors import Doors, Lodge
from rebalancer.wiring.measuring import process
from rebalancer.wiring.outward import Leaving, MessengerBeside, heard

PATIENCE = 10 * SECOND  # ns without an answer until a person is woken
LEAST, MOST = 5 * SECOND, 60 * SECOND  # ns between two tries, where no venue names a time


class Waiting:
    """The start of a book; inside its block alerts leave, whether or not venues answer.

    Args:
        settings: Of the book.
        around: What the book is put into.
        leaving: What carries its alerts; None: they do not leave.
        environ: Of the process: names the service manager's socket.
        redactor: Knows the secrets; None hides by name only.
        folder: Of the book's state, where it can be asked; None: it cannot.
    """

    def __init__(
        self,
        settings: Settings,
        around: Surrounding,
        leaving: Leaving | None,
        environ: Mapping[str, str],
        redactor: Redactor | None = None,
        folder: Path | None = None,
    ) -> None:
        book = settings.book.id
        self._around, self._clock = around, around.clock
        heard_by, alerts = heard(book, around)
        self._log = heard_by.log
        self.messenger = None if leaving is None else MessengerBeside(book, leaving)
        self._manager = Manager(environ, self._log, redactor)
        self._chance = around.randomness.generator("backoff/start")
        self._ended = asyncio.Event()  # somebody asked
        self._broken: DataError | None = None  # why nothing can be kept any more
        self._give_up: Callable[[], object] | None = None  # what ends the tries
        self._said: int | None = None  # ns, when the service manager last heard of us
        self._braked = False
        self._roll = _Roll(book, self._clock, alerts, self._log)
        place = (book, around.dress, tuple(settings.underlyings), self._clock, around.journal)
        self._source = Unbegun(
            Place(*place, self._log, around.hide, self._fail),
            self._roll.awaited,
            process(settings, around),
        )
        self.doors: Doors | None = None
        if folder is not None:
            lodge = Lodge(settings, folder, self._log, redactor or Redactor())
            self.doors = Doors(lodge, self._source, self._source, environ)
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
        if self.doors is not None:
            await self.doors.close()
        if self.messenger is not None:
            await self.messenger.close(error)

    def end(self) -> None:
        """Have no further try made, and the one that is being made given up."""
        self._ended.set()
        if self._give_up is not None:
            self._give_up()

    def _fail(self, error: DataError) -> None:
        """End the start: what stops the book can be kept no more."""
        self._broken = error
        self.end()

    def opening(self, venue: str) -> None:
        """Note that a venue is about to be opened: the one before has answered."""
        self._roll.opening(venue)

    async def until(self, attempt: Callable[[], Awaitable[Running]]) -> Running | None:
        """Return the book once its venues answer; None: the end was asked for.

        Args:
            attempt: Puts it together, whole or not at all, and tells `opening` of
                each venue.

        Raises:
            RebalancerError: What time does not mend.
        """
        if self.doors is not None:
            await self.doors.start()
        self._roll.begin()
        self._tick()
        task = asyncio.current_task()
        self._give_up = None if task is None else task.cancel
        try:
            return await self._tries(attempt)
        except asyncio.CancelledError:
            if task is None or not self._ended.is_set():
                raise
            task.uncancel()
            if self._broken is not None:
                raise self._broken from None
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
                wait = max(int(self._chance.uniform(LEAST, ceiling)), error.after)
                self._roll.failed(error, wait)
                if isinstance(error, ShutsOut):
                    self._source.halt(str(error))
            else:
                # No await since the book read what is latched: nothing was asked of us between.
                if self.doors is not None:
                    self.doors.attend(running.status, running.tuner)
                self._roll.answered()
                if self._ended.is_set():  # somebody between has swallowed that
                    running.stop.ask()
                return running
            ceiling = min(2 * ceiling, MOST)
            await self._rest(wait)
            self._clock.anchor()  # nothing was dated yet; another start would do so too
        raise asyncio.CancelledError

    async def _rest(self, wait: int) -> None:
        """Wait for the next try; a brake that is pulled meanwhile holds when the book begins."""
        due = self._clock.monotonic() + wait
        self._brake()
        while (left := due - self._clock.monotonic()) > 0:
            await self._clock.sleep(min(left, SECOND))
            self._brake()

    def _brake(self) -> None:
        why = None if self._braked else self._around.brake.pulled()
        if why is not None:
            self._source.brake(why)
            self._braked = True

    def _tick(self) -> None:
        """Say once a second that it goes on; wake a person when it does so for too long."""
        now = self._clock.monotonic()
        self._source.turn()
        self._roll.look()
        why = self._roll.sentence()
        if self.messenger is not None:
            self.messenger.waits(why)
        if self._said is None or now - self._said >= TELLS:
            self._said = now
            told = "; ".join(each.why for each in self._roll.awaited() if each.why)
            self._manager.begins(f"{why}: {told}" if told else why)
        self._timer = self._clock.call_at(self._clock.now() + SECOND, self._tick)


class _Roll:
    """Which venues have answered and which have not, and of which of them a person has heard.

    Args:
        book: Its id, for what is of no venue.
        clock: Of the patience.
        alerts: Where a person is woken.
        log: Hears of each try.
    """

    def __init__(self, book: str, clock: Clock, alerts: AlertSink, log: Log) -> None:
        self._book, self._clock, self._alerts, self._log = book, clock, alerts, log
        self._began = self._due = clock.monotonic()
        self._venue: str | None = None  # that is being opened
        self._why: dict[str, str] = {}  # of each venue that did not answer, the last error
        self._told: dict[str, None] = {}  # of which a person has heard
        self._banned: dict[str, None] = {}  # that shut us out, of which a person has heard

    def begin(self) -> None:
        """Count the time from now on."""
        self._began = self._due = self._clock.monotonic()

    def opening(self, venue: str) -> None:
        """Note that a venue is about to be opened: the one before has answered."""
        self.answered()
        self._venue = venue

    def failed(self, error: Unavailable, wait: int) -> None:
        """Note that the venue that was being opened did not answer, and is asked in `wait` ns."""
        name = self._venue or self._book
        self._why[name], self._venue = str(error), None
        self._due = self._clock.monotonic() + wait
        again = round(wait / SECOND, 1)
        facts = {"error": str(error), "again_in": again, "seconds": self._waited}
        self._log.warning("venue.retried", venue=name, **facts)
        if isinstance(error, ShutsOut) and name not in self._banned:
            self._banned[name] = None
            self._alerts.send(Alert(Severity.ERROR, "rate.banned", name, str(error)))
        if self._clock.monotonic() - self._began >= PATIENCE:
            self._tell(name)

    def answered(self) -> None:
        """Take back what was told of the venue that was being opened."""
        name, self._venue = self._venue, None
        if name is None:
            return
        self._why.pop(name, None)
        self._banned.pop(name, None)
        if name in self._told:
            del self._told[name]
            text = f"it answers, {self._waited} s after the start"
            self._alerts.send(Alert(Severity.INFO, "venue.reached", name, text))

    def look(self) -> None:
        """Wake a person when it lasts too long."""
        out = self._out()
        if out and not self._told and self._clock.monotonic() - self._began >= PATIENCE:
            self._tell(out[0])

    def awaited(self) -> list[Awaited]:
        """Return which venues are waited for, and why."""
        left = max(self._due - self._clock.monotonic(), 0) / SECOND
        return [
            Awaited(
                name,
                self._why.get(name, ""),
                self._waited,
                None if self._venue is not None else round(left, 1),
            )
            for name in self._out()
        ]

    def sentence(self) -> str:
        """Return what is waited for, and for how long already."""
        return f"waits for {', '.join(self._out()) or 'its venues'}, {self._waited} s"

    def _out(self) -> list[str]:
        now = [] if self._venue is None else [self._venue]
        return list(dict.fromkeys([*self._why, *now]))

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
