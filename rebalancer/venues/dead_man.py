"""Dead-man switch: what takes our resting orders away when we fall silent.

Deribit cancels the orders of a websocket when it ends, and only those that were
placed on it: an order sent by REST is nobody's and stays. So an order that may
rest goes through the armed websocket or not at all. The switch counts as armed
only after it was read back, and only for a while: its keeper renews it while
the loop is well, so that a loop that stands still lets it go. Other venues count
down: what rests there needs a timer that is wound up again and again (`countdown`).
Bybit counts from when a stream of the account ends (`bybit.protection`). Both take
away what anybody has resting there, so they are kept only once something of this
book is to rest, and stopped only when nothing of it does any more.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import ccxt

from rebalancer.core.commands import Submit, TimeInForce
from rebalancer.core.events import Event
from rebalancer.core.instruments import Instrument
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND, Clock, Log
from rebalancer.venues.backoff import Backoff
from rebalancer.venues.outcome import KeyRefused
from rebalancer.venues.outcomes import explain
from rebalancer.venues.payloads import Row
from rebalancer.venues.profile import DeadManKind, Profile
from rebalancer.venues.requests import Market

EVERY = 15 * SECOND  # ns between two renewals
VALID = 60 * SECOND  # ns that a renewal holds …
COUNTED = 45 * SECOND  # … of a timer, and at most three quarters of its window
HEARTBEAT = 10  # s; Deribit ends a websocket that misses one
TOO_MANY_FAILURES = 2  # renewals in a row, after which resting orders must go
ALARM = 60 * SECOND  # ns without a switch that is wanted, after which somebody is to look
REFUSED = 600 * SECOND  # ns after a key was refused: asking on gets an address banned
LOOK = SECOND  # ns between two looks of the keeper
LAG = 2 * SECOND  # ns that a look may come late before the loop counts as sick


class Socket(Protocol):
    """A websocket of the account on which orders can be placed."""

    @property
    def open(self) -> bool:
        """Whether calls can be sent."""

    async def start(self) -> None:
        """Connect and log in; raises `Unavailable`."""

    async def close(self) -> None:
        """End the socket; the venue takes away what was placed on it."""

    async def call(self, method: str, params: Mapping[str, object]) -> Any:
        """Return the result of one call; raises `Unavailable`, or what the venue said."""

    async def order(self, order: Submit, where: Market, profile: Profile, now: int) -> Row:
        """Place an order, once; return what `create_order` would."""


class Guardian(Protocol):
    """What takes resting orders away at a venue, wherever they were placed."""

    window: int  # ns of silence after which it does

    def covers(self, instrument: str) -> bool:
        """Whether an order in an instrument (an id) would go with it."""

    async def wind(self) -> None:
        """Have it wait for another window; raises `Unavailable` where the venue does not say so."""

    async def stop(self) -> None:
        """Have it take nothing away any more; raises `Unavailable`."""

    async def lapse(self) -> None:
        """Be silent from now on: what rests goes when the window is over."""


Left = Callable[[], Awaitable[Sequence[str]]]  # names our orders that may rest; `Unavailable`


@dataclass(frozen=True, slots=True)
class MayRest:
    """What of a book may rest at a venue, and how that is known."""

    hedges: tuple[Instrument, ...] = ()  # that orders may rest in
    window: int | None = None  # ns of silence; None: as the profile says
    left: Left | None = None  # None: nobody knows
    wanted: bool = (
        False  # whether the settings let orders rest: the switch is armed before one does
    )


class DeadManSwitch:
    """The switch of one account.

    Args:
        profile: Says of which kind it is.
        socket: Where it is armed; None: not on one.
        clock: For how long ago it was renewed.
        guardian: What is wound up instead, where the venue has it.
        left: Tells which of our orders may rest; None: nobody knows.
    """

    def __init__(
        self,
        profile: Profile,
        socket: Socket | None,
        clock: Clock,
        guardian: Guardian | None = None,
        left: Left | None = None,
    ) -> None:
        self._profile = profile
        self._clock = clock
        self._guardian, self._left = guardian, left
        self._renewed: int | None = None  # ns, monotonic, when it was last read back as armed
        self._wound = False  # whether the guardian may be waiting for our silence
        self._wish = asyncio.Event()  # something is to rest
        self.socket = socket
        self.failures = 0  # renewals in a row that failed
        self.failure = ""  # how the last of them did

    @property
    def armed(self) -> bool:
        """Whether the venue said so, not too long ago."""
        if self._renewed is None:
            return False
        valid = VALID
        if self._guardian is not None:
            valid = min(self._guardian.window * 3 // 4, COUNTED)
        return self._clock.monotonic() - self._renewed < valid

    @property
    def age(self) -> int | None:
        """Ns since the venue last said that it is armed; None: it is not."""
        return None if self._renewed is None else self._clock.monotonic() - self._renewed

    @property
    def every(self) -> int:
        """Ns between two renewals: four of them in a guardian's window."""
        return EVERY if self._guardian is None else min(self._guardian.window // 4, EVERY)

    @property
    def kept(self) -> bool:
        """Whether it is to be kept armed: a guardian is not, while nothing is to rest."""
        return self.socket is not None or self._wish.is_set()

    async def wished(self) -> None:
        """Return once it is to be kept armed."""
        if not self.kept:
            await self._wish.wait()

    def wish(self) -> None:
        """Have it armed and kept: something is to rest."""
        self._wish.set()

    @property
    def exposed(self) -> bool:
        """Whether what rests must be withdrawn: renewals failed too often, or it is not armed."""
        return self.failures >= TOO_MANY_FAILURES or not self.armed

    async def arm(self) -> None:
        """Arm the switch and read it back; open its websocket first where none is open.

        Raises:
            Unavailable: The venue has none that we know, nobody gave us a
                websocket, it does not open, or the venue does not say that it is armed.
        """
        self.lost()
        dead_man, name = self._profile.dead_man, self._profile.venue
        if self._guardian is not None:
            await self._read_back()
            return
        if self.socket is None or dead_man.kind is not DeadManKind.CONNECTION:
            raise Unavailable(f"{name}: no dead-man switch can be armed here")
        if not self.socket.open:
            await self.socket.start()
        # Without it a half-open connection is ended after ten minutes only.
        await self._call("public/set_heartbeat", {"interval": HEARTBEAT})
        await self._call(dead_man.arm, dead_man.params)
        await self._read_back()

    async def renew(self, *, healthy: bool) -> bool:
        """Read the switch back if the loop is healthy; return whether it is armed.

        A loop that is not healthy gets nothing renewed, so that the switch
        lapses and no resting order leaves any more.
        """
        if not healthy:
            return self.armed
        try:
            await self._read_back()
        except Unavailable as error:
            self.failures, self.failure = self.failures + 1, str(error)
        return self.armed

    async def lapse(self) -> None:
        """Let the venue take away what rests: end the websocket, or fall silent."""
        self.lost()
        if self.socket is not None:
            await self.socket.close()
        if self._guardian is not None:
            await self._guardian.lapse()

    async def release(self) -> str | None:
        """Let go in the end; return why what rests is left to the venue, None where nothing is.

        A guardian is stopped where nothing of ours rests, so that what others have
        there stays. Else, or where nobody knows, it takes all of it away.
        """
        guardian, wound = self._guardian, self._wound
        if guardian is None or not wound:
            await self.lapse()
            return None
        self.lost()
        try:
            why = await self._resting()
            if why is None:
                await guardian.stop()
                self._wound = False
        except Unavailable as error:
            why = str(error)
        await self.lapse()
        return why

    async def _resting(self) -> str | None:
        """Return which orders of ours may rest, in words; None where none does."""
        if self._left is None:
            return "nobody knows whether orders of ours rest"
        left = await self._left()
        return f"{', '.join(left)} may rest" if left else None

    def lost(self) -> None:
        """Note that the websocket ended: the venue took what rested, and nothing is armed."""
        self._renewed = None
        self.failures = 0

    def refusal(self, order: Submit) -> str | None:
        """Return why an order must not leave without an armed switch; None where it may."""
        if order.time_in_force is TimeInForce.IOC:
            return None
        may, name = f"{order.time_in_force} may rest, and", self._profile.venue
        if self._guardian is not None:
            if not self._guardian.covers(order.instrument):
                return f"{may} the dead-man switch of {name} is not for {order.instrument}"
            self._wish.set()
        return None if self.armed else f"{may} the dead-man switch of {name} is not armed"

    async def _read_back(self) -> None:
        if self._guardian is not None:
            asked, self._wound = self._clock.monotonic(), True
            await self._guardian.wind()
            self._renewed, self.failures = asked, 0
            return
        dead_man, name = self._profile.dead_man, self._profile.venue
        told = await self._call(dead_man.read, dead_man.params)
        table = told if isinstance(told, Mapping) else {}
        scope = dead_man.params.get("scope")
        if table.get(dead_man.armed_by) is not True or table.get("scope", scope) != scope:
            self._renewed = None
            raise Unavailable(f"{name}: the dead-man switch must read back as armed, was not")
        self._renewed = self._clock.monotonic()
        self.failures = 0

    async def _call(self, method: str, params: Mapping[str, object]) -> Any:
        name = self._profile.venue
        if self.socket is None:
            raise Unavailable(f"{name}: no websocket to read the dead-man switch on")
        try:
            return await self.socket.call(method, params)
        except ccxt.BaseError as error:
            raise explain(name, method, error) from None


class DeadManKeeper:
    """Keeps a switch armed for as long as it runs; a `ports.Feed` that tells nothing.

    It renews while the loop is well. Where two renewals in a row fail, or are
    left out because the loop is sick, it ends the websocket, or falls silent: the
    venue then takes away what rests. It arms the switch anew as soon as it can.

    Args:
        switch: Whose websocket nobody else opens or ends.
        venue: For the log.
        clock: Of the looks.
        backoff: Between two tries to arm.
        log: Says when it is armed, and when it no longer is.
        healthy: Whether whoever decides still does.
    """

    def __init__(
        self,
        switch: DeadManSwitch,
        venue: str,
        clock: Clock,
        backoff: Backoff,
        log: Log,
        healthy: Callable[[], bool],
    ) -> None:
        self._switch, self._venue = switch, venue
        self._clock, self._backoff, self._log = clock, backoff, log
        self._healthy = healthy
        self._told = False  # whether the log says that it is not armed
        self._refused = False  # whether the key was not taken the last time
        self._missing: int | None = None  # ns, monotonic: since when; None: not, or the log knows

    async def run(self, _deliver: Callable[[Event], None]) -> None:
        """Arm and renew until canceled; then let go."""
        try:
            await self._switch.wished()
            while True:
                why = await self._once()
                self._say(why)
                await self._clock.sleep(REFUSED if self._refused else self._backoff.wait())
        finally:
            left = await self._switch.release()
            if left is not None:
                self._log.warning("switch.left", venue=self._venue, why=left)

    def _say(self, why: str) -> None:
        """Say that it is not armed: at once as history, and after a while as an alarm."""
        now = self._clock.monotonic()
        if not self._told:
            self._log.warning("switch.lost", venue=self._venue, why=why)
            self._told, self._missing = True, now
        elif self._missing is not None and now - self._missing >= ALARM:
            self._log.error("switch.missing", venue=self._venue, why=why)
            self._missing = None

    async def _once(self) -> str:
        """Live through one websocket; return why it ended."""
        if not self._healthy():
            return "whoever decides is not well"
        try:
            await self._switch.arm()
        except Unavailable as error:
            await self._switch.lapse()
            return self._not_armed(error)
        self._told = self._refused = False
        self._log.info("switch.armed", venue=self._venue)
        why = await self._keep()
        await self._switch.lapse()
        return why

    def _not_armed(self, error: Unavailable) -> str:
        """Say loudly, and once, that the key is not taken; it is tried again, but seldom."""
        refused = isinstance(error, KeyRefused)
        if refused and not self._refused:
            self._log.error("key.refused", venue=self._venue, error=str(error))
        self._refused = refused
        return str(error)

    def _why(self, skipped: int) -> str:
        switch = self._switch
        if switch.socket is not None and not switch.socket.open:
            return "the websocket ended"
        if switch.failures:
            return f"renewals failed: {switch.failure}"
        return "the loop was not well" if skipped else "it ended"

    async def _keep(self) -> str:
        """Return why, once what rests must go, or is gone."""
        clock, renewed = self._clock, self._clock.monotonic()
        sick, skipped = False, 0
        while not self._switch.exposed and skipped < TOO_MANY_FAILURES:
            looked = clock.monotonic()
            await clock.sleep(min(LOOK, self._switch.every))
            now = clock.monotonic()
            sick = sick or now - looked > LOOK + LAG
            if now - renewed >= self._switch.every:
                well = not sick and self._healthy()
                skipped = 0 if well else skipped + 1
                if await self._switch.renew(healthy=well) and well:
                    self._backoff.succeeded()  # it lasts: the next wait is short again
                renewed, sick = now, False
        return self._why(skipped)
