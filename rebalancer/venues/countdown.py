"""Countdown: a timer at the venue that cancels our resting orders unless it is wound up again.

Binance counts an instrument down at a time, OKX the whole account. An answer that
does not say until when it is wound up has wound up nothing. Nobody can take a
winding back but by another one: after one that failed, the last that held runs out.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rebalancer.errors import Unavailable
from rebalancer.venues.connection import Connection
from rebalancer.venues.outcomes import explain
from rebalancer.venues.payloads import optional
from rebalancer.venues.profile import DeadMan


class Countdown:
    """The timer of one account; a `dead_man.Guardian`.

    Args:
        connection: To the venue.
        dead_man: How it is wound up, and where its answer says so.
        names: Native names of what our orders may rest in.
        window: ns that it runs; None: as the profile says.
    """

    def __init__(
        self,
        connection: Connection,
        dead_man: DeadMan,
        names: Iterable[str],
        window: int | None = None,
    ) -> None:
        self.window = dead_man.window if window is None else window
        self._connection, self._dead_man = connection, dead_man
        self._names = tuple(names)

    def covers(self, instrument: str) -> bool:
        """Whether an order in an instrument (an id) would go with it."""
        return not self._dead_man.named or instrument.partition(":")[2] in self._names

    async def wind(self) -> None:
        """Wind it up, for each instrument where the venue counts one by one.

        Raises:
            Unavailable: It was not answered, the answer does not say so, or there
                is nothing to wind it up for.
        """
        dead_man, name = self._dead_man, self._connection.venue
        each, span = self._each(), self.window // dead_man.unit
        if not each:
            raise Unavailable(f"{name}: a dead-man switch must be for an instrument, was for none")
        for params in each:
            told = await self._ask(params, span)
            until = optional(told, dead_man.armed_by)
            if not until or (dead_man.armed_by == dead_man.timer and until != span):
                must = f"{dead_man.armed_by} must say until when"
                raise Unavailable(f"{name}: the dead-man switch must be wound up; {must}")

    async def stop(self) -> None:
        """Let it run out never; raises `Unavailable`."""
        for params in self._each():
            await self._ask(params, 0)

    async def lapse(self) -> None:
        """Wind it up no more: it runs out by itself."""

    def _each(self) -> Sequence[Mapping[str, object]]:
        named = self._dead_man.named
        return [{named: name} for name in self._names] if named else [{}]

    async def _ask(self, params: Mapping[str, object], span: int) -> Mapping[str, Any]:
        """Return where the answer says it; asked for a span in the venue's own unit."""
        dead_man, call = self._dead_man, self._dead_man.arm
        own = {dead_man.timer: str(span) if dead_man.text else span}
        try:
            told: Any = await getattr(self._connection.exchange, call)({**params, **own})
        except Exception as error:  # noqa: BLE001 - ccxt's texts carry signed addresses
            raise explain(self._connection.venue, call, error) from None
        for step in dead_man.within:
            try:
                told = told[step]
            except (KeyError, IndexError, TypeError):
                told = None
                break
        return told if isinstance(told, Mapping) else {}
