"""Dead-man switch: what takes our resting orders away when we fall silent.

Deribit cancels the orders of a websocket when it ends, and only those that were
placed on it: an order sent by REST is nobody's and stays. So an order that may
rest goes through the armed websocket or not at all. The switch counts as armed
only after it was read back, and only for a while: it is renewed by whoever
watches the loop, never by a timer of its own, so that a loop that stands still
lets it go.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from rebalancer.core.commands import Submit, TimeInForce
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND, Clock
from rebalancer.venues.profiles import DeadManKind, Profile

EVERY = 15 * SECOND  # ns between two renewals
VALID = 60 * SECOND  # ns that a renewal holds
HEARTBEAT = 10  # s; Deribit ends a websocket that misses one
TOO_MANY_FAILURES = 2  # renewals in a row, after which resting orders must go


class Socket(Protocol):
    """A websocket of the account on which orders can be placed."""

    async def call(self, method: str, params: Mapping[str, object]) -> Any:
        """Return the result of one call; raises `Unavailable`, or what the venue said."""


class DeadManSwitch:
    """The switch of one account.

    Args:
        profile: Says of which kind it is.
        socket: Where it is armed; None: it never is.
        clock: For how long ago it was renewed.
    """

    def __init__(self, profile: Profile, socket: Socket | None, clock: Clock) -> None:
        self._profile = profile
        self._clock = clock
        self._renewed: int | None = None  # ns, monotonic, when it was last read back as armed
        self.socket = socket
        self.failures = 0  # renewals in a row that failed

    @property
    def armed(self) -> bool:
        """Whether the venue said so, not too long ago."""
        if self._renewed is None:
            return False
        return self._clock.monotonic() - self._renewed < VALID

    @property
    def exposed(self) -> bool:
        """Whether what rests must be withdrawn: renewals failed too often, or it is not armed."""
        return self.failures >= TOO_MANY_FAILURES or not self.armed

    async def arm(self) -> None:
        """Arm the switch and read it back.

        Raises:
            Unavailable: The venue has none that we know, nobody gave us a
                websocket, or the venue does not say that it is armed.
        """
        self.lost()
        dead_man, name = self._profile.dead_man, self._profile.venue
        if self.socket is None or dead_man.kind is not DeadManKind.CONNECTION:
            raise Unavailable(f"{name}: no dead-man switch can be armed here")
        # Without it a half-open connection is ended after ten minutes only.
        await self.socket.call("public/set_heartbeat", {"interval": HEARTBEAT})
        await self.socket.call(dead_man.arm, dead_man.params)
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
        dead_man, name = self._profile.dead_man, self._profile.venue
        if self.socket is None:
            raise Unavailable(f"{name}: no websocket to read the dead-man switch on")
        told = await self.socket.call(dead_man.read, dead_man.params)
        table = told if isinstance(told, Mapping) else {}
        scope = dead_man.params.get("scope")
        if table.get(dead_man.armed_by) is not True or table.get("scope", scope) != scope:
            self._renewed = None
            raise Unavailable(f"{name}: the dead-man switch must read back as armed, was not")
        self._renewed = self._clock.monotonic()
        self.failures = 0
