"""Options: how those that a book holds are marked, asked for at the profile's pace.

No stream of ccxt's tells a forward, so the venue is asked: of each option by
itself, or once of all. What lacks a price, a vol or a forward, or has one that
cannot be, marks nothing; the option's last mark grows old, and the guards see it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal

from rebalancer.core.events import Event, OptionMark
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND
from rebalancer.settings.profiling import OptionsTable, asks_each
from rebalancer.venues.budget import Budget, Lane
from rebalancer.venues.connection import Connection
from rebalancer.venues.generic import paths
from rebalancer.venues.generic.calls import GenericCalls
from rebalancer.venues.generic.names import Names
from rebalancer.venues.native import Ports
from rebalancer.venues.outcome import Malformed, Refused
from rebalancer.venues.payloads import Row

LEAST_VOL, MOST_VOL = Decimal("0.01"), Decimal(20)  # per year; beyond, the unit is another
_UNITS = {"fraction": Decimal(1), "percent": Decimal(100)}
_AGAIN = SECOND  # ns until the feed is looked at again that has no markets yet


class OptionPoll:
    """The marks of a venue's options, question by question.

    Args:
        account: Names the instruments.
        table: Says how they are asked for.
        ports: Clock, tasks, chance and log.
        budget: That the questions count to.
    """

    def __init__(self, account: str, table: OptionsTable, ports: Ports, budget: Budget) -> None:
        self._account, self._table, self._ports, self._budget = account, table, ports, budget
        self._options: tuple[str, ...] = ()
        self._lost = False  # whether the log knows that nobody answers
        self._unread: dict[str, None] = {}  # ids that the log knows of

    def want(self, options: Iterable[str]) -> None:
        """Mark these, by native names, from the next question on."""
        self._options = tuple(options)

    async def run(
        self, connection: Callable[[], Connection | None], deliver: Callable[[Event], None]
    ) -> None:
        """Ask until canceled.

        Args:
            connection: Tells by which way, once the markets are known there; None: by none yet.
            deliver: Hears the marks.
        """
        while True:
            way = connection()
            if way is not None and self._options:
                await self.look(way, deliver)
            known = way is not None
            await self._ports.clock.sleep(self._table.every if known else _AGAIN)

    async def look(self, connection: Connection, deliver: Callable[[Event], None]) -> None:
        """Ask once after all that is wanted."""
        calls = GenericCalls(connection, self._budget, self._ports.clock)
        names = Names(self._account, connection)
        wanted = [f"{self._account}:{name}" for name in self._options]
        held = [each for each in wanted if names.of(each).get("option")]
        each_by_itself = asks_each(self._table)
        for group in ([each] for each in held) if each_by_itself else (held,):
            try:
                rows = await self._rows(calls, names, group)
            except (Malformed, Refused) as error:
                for name in group:
                    self._say_unread(name, str(error))
                continue
            except Unavailable as error:
                self._say_lost(error)
                return
            for name, row in rows:
                self._mark(name, row, deliver)
        for name in (each for each in wanted if each not in held):
            self._say_unread(name, f"{self._account} lists no option of this name")
        if self._lost:
            self._lost = False
            self._ports.log.info("feed.recovered", venue=self._account, channel="options")

    async def _rows(
        self, calls: GenericCalls, names: Names, group: Sequence[str]
    ) -> list[tuple[str, Row]]:
        """Return the rows of some options; of several in one answer each names its own."""
        if not group:
            return []
        market = names.of(group[0])
        values = {"symbol": market["symbol"], "name": market["id"]}
        rows = await calls.rows(self._table, values, Lane.POLL)
        path = self._table.fields.get("name")
        if path is None:
            if len(rows) != 1 or not asks_each(self._table):
                raise Malformed(f"{self._table.call}: must tell one row, told {len(rows)}")
            return [(group[0], rows[0])]
        told = {names.instrument(paths.word(row, path, self._table.call)): row for row in rows}
        return list(_those(told, group))

    def _mark(self, name: str, row: Row, deliver: Callable[[Event], None]) -> None:
        """Deliver what a row tells of an option, or say once why it tells nothing."""
        now = self._ports.clock.now()
        try:
            event = marked(row, self._table, name, now)
        except Malformed as error:
            self._say_unread(name, str(error))
            return
        self._unread.pop(name, None)
        deliver(event)

    def _say_lost(self, error: Unavailable) -> None:
        if not self._lost:
            facts = {"channel": "options", "why": str(error)}
            self._ports.log.warning("feed.lost", venue=self._account, **facts)
        self._lost = True

    def _say_unread(self, name: str, why: str) -> None:
        if name not in self._unread:
            self._ports.log.warning("feed.malformed", instrument=name, why=why)
        self._unread[name] = None


def marked(row: Row, table: OptionsTable, instrument: str, ts_local: int) -> OptionMark:
    """Return the mark that a row tells.

    Args:
        row: Of an answer.
        table: Where it says what, and in which units.
        instrument: Id.
        ts_local: ns.

    Raises:
        Malformed: It lacks a price, a vol or a forward, or has one that cannot be.
    """
    at, where = table.fields, f"{table.call} of {instrument}"
    price = paths.number(row, at["mark"], where)
    vol = paths.number(row, at["vol"], where) / _UNITS[table.vol_unit]
    forward = paths.number(row, at["forward"], where)
    if price < 0:
        raise Malformed(f"{where}: {at['mark']} must not be negative, was {price}")
    if not LEAST_VOL <= vol <= MOST_VOL:
        raise Malformed(f"{where}: {at['vol']} must be {LEAST_VOL} to {MOST_VOL}, was {vol}")
    if forward <= 0:
        raise Malformed(f"{where}: {at['forward']} must be above 0, was {forward}")
    ts = paths.moment(row, at["ts"], where) if at.get("ts") else None
    return OptionMark(ts_local, ts, instrument, price, float(vol), float(forward))


def _those(told: dict[str, Row], group: Sequence[str]) -> Iterator[tuple[str, Row]]:
    """Yield the rows of a group; one that is not told is told as an empty one."""
    for name in group:
        yield name, told.get(name, {})
