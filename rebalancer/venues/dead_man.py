"""Dead-man switch: what takes our resting orders away when we fall silent.

Deribit cancels the orders of a websocket when it ends, and only those that were
placed on it: an order sent by REST is nobody's and stays. So an order that may
rest goes through the armed websocket or not at all. The switch counts as armed
only after it was read back, and only for a while: its keeper renews it while
the loop is well, so that a loop that stands still lets it go. Other venues count
down: what rests there needs a timer that is wound up again and again (`countdown`).
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import ccxt

from rebalancer.core.commands import Submit, TimeInForce
from rebalancer.core.events import Event
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND, Clock, Log
from rebalancer.venues.backoff import Backoff
from rebalancer.venues.countdown import Countdown
from rebalancer.venues.outcomes import KeyRefused, explain
from rebalancer.venues.payloads import Row
from rebalancer.venues.profile import DeadManKind, Profile
from rebalancer.venues.requests import Market

EVERY = 15 * SECOND  # ns between two renewals
VALID = 60 * SECOND  # ns that a renewal holds …
COUNTED = 45 * SECOND  # … of a timer that runs for a minute
HEARTBEAT = 10  # s; Deribit ends a websocket that misses one
TOO_MANY_FAILURES = 2  # renewals in a row, after which resting orders must go
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


class DeadManSwitch:
    """The switch of one account.

    Args:
        profile: Says of which kind it is.
        socket: Where it is armed; None: not on one.
        clock: For how long ago it was renewed.
        countdown: The venue's timer, where it has one.
    """

    def __init__(
        self,
        profile: Profile,
        socket: Socket | None,
        clock: Clock,
        countdown: Countdown | None = None,
    ) -> None:
        self._profile = profile
        self._clock = clock
        self._countdown = countdown
        self._renewed: int | None = None  # ns, monotonic, when it was last read back as armed
        self.socket = socket
        self.failures = 0  # renewals in a row that failed

    @property
    def armed(self) -> bool:
        """Whether the venue said so, not too long ago."""
        if self._renewed is None:
            return False
        valid = VALID if self._countdown is None else COUNTED
        return self._clock.monotonic() - self._renewed < valid

    @property
    def kept(self) -> bool:
        """Whether it is to be kept armed: a timer is not, while nothing of this book rests."""
        return self.socket is not None

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
        if self._countdown is not None:
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
        except Unavailable:
            self.failures += 1
        return self.armed

    async def release(self) -> None:
        """End the websocket, so that the venue takes away what rests on it; or stop the timer."""
        wound = self._renewed is not None
        self.lost()
        if self.socket is not None:
            await self.socket.close()
        if self._countdown is not None and wound:
            await self._countdown.stop()

    def lost(self) -> None:
        """Note that the websocket ended: the venue took what rested, and nothing is armed."""
        self._renewed = None
        self.failures = 0

    def refusal(self, order: Submit) -> str | None:
        """Return why an order must not leave without an armed switch; None where it may."""
        if order.time_in_force is TimeInForce.IOC or self.armed:
            return None
        return (
            f"{order.time_in_force} may rest, and the dead-man switch of {self._profile.venue}"
            " is not armed"
        )

    async def _read_back(self) -> None:
        if self._countdown is not None:
            await self._countdown.wind()
            self._renewed, self.failures = self._clock.monotonic(), 0
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
    left out because the loop is sick, it ends the websocket: the venue then takes
    away what rests. It opens another and arms that.

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

    async def run(self, _deliver: Callable[[Event], None]) -> None:
        """Arm and renew until canceled; then end the websocket."""
        try:
            while not self._switch.kept:
                await self._clock.sleep(REFUSED)
            while True:
                why = await self._once()
                if not self._told:
                    self._log.warning("switch.lost", venue=self._venue, why=why)
                self._told = True
                await self._clock.sleep(REFUSED if self._refused else self._backoff.wait())
        finally:
            await self._switch.release()

    async def _once(self) -> str:
        """Live through one websocket; return why it ended."""
        if not self._healthy():
            return "whoever decides is not well"
        try:
            await self._switch.arm()
        except Unavailable as error:
            await self._switch.release()
            return self._not_armed(error)
        self._told = self._refused = False
        self._log.info("switch.armed", venue=self._venue)
        await self._keep()
        why = self._why()
        await self._switch.release()
        return why

    def _not_armed(self, error: Unavailable) -> str:
        """Say loudly, and once, that the key is not taken; it is tried again, but seldom."""
        refused = isinstance(error, KeyRefused)
        if refused and not self._refused:
            self._log.error("key.refused", venue=self._venue, error=str(error))
        self._refused = refused
        return str(error)

    def _why(self) -> str:
        switch = self._switch
        if switch.socket is None or not switch.socket.open:
            return "the websocket ended"
        return "renewals failed" if switch.failures else "the loop was not well"

    async def _keep(self) -> None:
        """Return once what rests must go, or is gone."""
        clock, renewed = self._clock, self._clock.monotonic()
        sick, skipped = False, 0
        while not self._switch.exposed and skipped < TOO_MANY_FAILURES:
            looked = clock.monotonic()
            await clock.sleep(LOOK)
            now = clock.monotonic()
            sick = sick or now - looked > LOOK + LAG
            if now - renewed >= EVERY:
                well = not sick and self._healthy()
                skipped = 0 if well else skipped + 1
                if await self._switch.renew(healthy=well) and well:
                    self._backoff.succeeded()  # it lasts: the next wait is short again
                renewed, sick = now, False
