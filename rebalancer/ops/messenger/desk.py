"""The desk of a messenger: takes what the daemon says and deals it out to the channels."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rebalancer.core.commands import Severity
from rebalancer.ops.messenger import channels, lines, vigil, wording
from rebalancer.ops.messenger.courier import Courier, Ways
from rebalancer.ops.messenger.day import Day
from rebalancer.ops.messenger.lines import Notice, Orders
from rebalancer.ops.messenger.posting import Outcome, Post
from rebalancer.ops.messenger.vigil import Vigil

LOOK = 0.5  # s between two looks at the clock
HEARTBEAT = "heartbeat"  # what the log calls it among the channels
MISSED = 3  # heartbeats in a row that nobody took, until a person hears of it
MILD = 6.0  # s that an orderly end waits for what is on its way …
LOUD = 90.0  # … and one that nobody ordered
SHOWN = 200  # characters of why a message was not delivered

Say = Callable[[bytes], None]


class Desk:
    """One messenger at work.

    Args:
        orders: Where alerts go, and how long is too long.
        say: Answers the daemon; never waits.
        clock: s that never jump.
        wall: s since 1970 UTC.
        post: Sends requests.

    Raises:
        ConfigError: A channel cannot be served.
    """

    def __init__(
        self,
        orders: Orders,
        say: Say,
        clock: Callable[[], float],
        wall: Callable[[], float],
        post: Post,
    ) -> None:
        self._orders, self._say, self._clock, self._wall, self._post = (
            *(orders, say, clock, wall, post),
        )
        self._redactor = channels.hiding(orders)
        self._couriers = [self._courier(route) for route in orders.routes]
        self._vigil = Vigil(orders, clock())
        self._day = Day(wall(), orders.digest)
        self._tasks: list[asyncio.Task[None]] = []
        self._missed, self._pinged = 0, clock() - orders.every

    def start(self) -> None:
        """Let every channel be served."""
        work = [each.run() for each in self._couriers]
        if self._orders.heartbeat is not None:
            work.append(self._beat_outwards())
        self._tasks = [asyncio.create_task(each) for each in work]
        self._say(lines.spelled("ready"))

    def take(self, line: bytes) -> bool:
        """Take a line of the daemon; return whether it said goodbye. What is no line is dropped."""
        told = lines.read(line)
        if told is None:
            return False
        kind, facts = told
        try:
            match kind:
                case "alert":
                    self._tell([lines.noticed(facts)])
                case "test":
                    self._test(lines.noticed(facts))
                case "beat":
                    beat = vigil.beat_of(facts)
                    self._day.beat(beat)
                    self._own(self._vigil.take(beat, self._clock()))
                case "summary":
                    self._day.summary(facts)
                case "bye":
                    return True
        except (TypeError, ValueError, KeyError):
            return False
        return False

    def look(self) -> None:
        """Do what is due by now."""
        self._own(self._vigil.look(self._clock()))
        for each in self._couriers:
            each.look()
        at = self._wall()
        if self._day.due(at):
            lost = sum(each.mailbox.lost for each in self._couriers)
            told = self._day.text(self._orders.book, at, self._vigil.beat, lost)
            for each in self._couriers:
                each.digest(wording.limited(told, self._redactor))
            self._day = self._day.next(at)

    async def end(self, *, orderly: bool) -> None:
        """Deliver what is on its way, and end."""
        if not orderly:
            self._own([self._vigil.vanished()])
        left = MILD if orderly else LOUD
        while left > 0 and not all(each.idle for each in self._couriers):
            for each in self._couriers:
                each.look()
            await asyncio.sleep(0.1)
            left -= 0.1
        for task in self._tasks:
            task.cancel()
        await self._post.close()

    def _courier(self, route: lines.Route) -> Courier:
        send = channels.sender(route, self._orders, self._post, self._redactor)
        book, tries = self._orders.book, self._orders.tries
        ways = Ways(book, send, self._redactor, self._clock, self._answered, tries)
        return Courier(route.name, route.least, ways)

    def _own(self, notices: Iterable[Notice]) -> None:
        """Tell what the messenger itself has seen; the daemon's log hears of it."""
        for told in notices:
            each = replace(told, text=self._redactor.text(told.text))  # whole, before it is cut
            self._say(lines.alert_line(each, "told"))
            self._tell([each], heard=True)

    def _tell(self, notices: Sequence[Notice], *, heard: bool = False, but: str = "") -> None:
        """Deal alerts out to every channel but one."""
        for each in notices:
            at = self._wall()
            notice = each if each.at else replace(each, at=at)
            if not heard:
                self._vigil.hear(notice, self._clock())
            self._day.note(notice)
            took = [one.put(notice) for one in self._couriers if one.name != but]
            if notice.number and not any(took):
                self._say(lines.spelled("held", number=notice.number))

    def _test(self, notice: Notice) -> None:
        """Tell every channel, and whoever hears the heartbeat, whatever they want to hear."""
        for each in self._couriers:
            each.put(replace(notice, severity=Severity.ERROR, at=self._wall()))
        if self._orders.heartbeat is not None:
            self._tasks.append(asyncio.create_task(self._ping([notice])))

    def _answered(self, what: str, channel: str, notices: Sequence[Notice], why: str) -> None:
        """Tell the daemon what came of a message; what fails is told on the other channels."""
        why = self._redactor.text(why)[:SHOWN]
        facts: Mapping[str, Any] = {"channel": channel, "why": why}
        if what in ("sent", "failed"):
            about = [[each.event, each.scope] for each in notices[:3]]
            numbers = [each.number for each in notices if each.number]
            facts = {**facts, "count": len(notices), "about": about, "numbers": numbers}
        self._say(lines.spelled(what, **facts))
        if what == "failing":
            text = f"the channel does not deliver: {why}"
            self._besides(vigil.own(Severity.ERROR, "alert.failed", channel, text))
        elif what == "resumed":
            text = "the channel delivers again"
            self._besides(vigil.own(Severity.INFO, "alert.resumed", channel, text))

    def _besides(self, notice: Notice) -> None:
        self._tell([notice], but=notice.scope)

    async def _beat_outwards(self) -> None:
        """Tell somebody outside that all is well, while it is."""
        while True:
            await asyncio.sleep(LOOK)
            due = self._clock() - self._pinged >= self._orders.every
            if due and self._vigil.well:
                self._pinged = self._clock()
                await self._ping([])

    async def _ping(self, notices: Sequence[Notice]) -> None:
        route = self._orders.heartbeat
        if route is None:
            return
        outcome: Outcome = await self._post.send(route.url, None, loopback=route.loopback)
        if outcome.ok:
            if self._missed >= MISSED:
                self._answered("resumed", HEARTBEAT, (), "")
            self._missed = 0
        else:
            self._missed += 1
            if self._missed == MISSED:
                self._answered("failing", HEARTBEAT, (), outcome.why)
        if notices:
            self._answered("sent" if outcome.ok else "failed", HEARTBEAT, notices, outcome.why)
