"""Countdown: a timer at the venue that cancels our resting orders unless it is wound up again.

Binance counts an instrument down at a time, OKX the whole account. An answer that
does not say until when it is wound up has wound up nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rebalancer.errors import Unavailable
from rebalancer.venues.connection import Connection
from rebalancer.venues.outcomes import explain
from rebalancer.venues.payloads import optional
from rebalancer.venues.profile import DeadMan


class Countdown:
    """The timer of one account.

    Args:
        connection: To the venue.
        dead_man: How it is wound up, and where its answer says so.
        names: Native names of what our orders may rest in.
    """

    def __init__(self, connection: Connection, dead_man: DeadMan, names: Iterable[str]) -> None:
        self._connection, self._dead_man = connection, dead_man
        self._names = tuple(names)

    async def wind(self) -> None:
        """Wind it up, for each instrument where the venue counts one by one.

        Raises:
            Unavailable: It was not answered, or the answer does not say so.
        """
        for params in self._each():
            told = await self._ask({**params, **self._dead_man.params})
            if not optional(told, self._dead_man.armed_by):
                name = self._connection.venue
                must = f"{self._dead_man.armed_by} must be above 0"
                raise Unavailable(f"{name}: the dead-man switch must be wound up; {must}")

    async def stop(self) -> None:
        """Let it run down never; raises `Unavailable`."""
        off = {self._dead_man.timer: "0"}
        for params in self._each():
            await self._ask({**params, **self._dead_man.params, **off})

    def _each(self) -> Sequence[Mapping[str, object]]:
        named = self._dead_man.named
        return [{named: name} for name in self._names] if named else [{}]

    async def _ask(self, params: Mapping[str, object]) -> Mapping[str, Any]:
        call = self._dead_man.arm
        try:
            told: Any = await getattr(self._connection.exchange, call)(dict(params))
        except Exception as error:  # noqa: BLE001 - ccxt's texts carry signed addresses
            raise explain(self._connection.venue, call, error) from None
        for step in self._dead_man.within:
            try:
                told = told[step]
            except (KeyError, IndexError, TypeError):
                told = None
                break
        return told if isinstance(told, Mapping) else {}
