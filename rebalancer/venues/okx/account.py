"""The OKX account: its private calls as our records.

One call tells the balances of all currencies, another all positions. The answer
to an order names it and tells nothing else: what became of it is told by the
stream, and by whoever asks. A coin that the book trades as a pair is held as
that pair's position, else as cash.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from rebalancer.core.events import Fill, PositionReport
from rebalancer.core.figures import LegFigures, PoolFigures
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.ports import Clock
from rebalancer.venues.accounts import History, Placed, Resting, Shelf, Standing
from rebalancer.venues.budget import Budget, Lane
from rebalancer.venues.connection import Connection
from rebalancer.venues.okx import rows
from rebalancer.venues.okx.calls import OkxCalls
from rebalancer.venues.okx.codes import PROOFS
from rebalancer.venues.okx.history import OkxHistory
from rebalancer.venues.okx.profile import OKX
from rebalancer.venues.outcome import Malformed, Outcome, Refused
from rebalancer.venues.payloads import MILLISECOND, Row, table, text
from rebalancer.venues.payloads import rows as rows_of
from rebalancer.venues.profile import MATCHING

ORDER, PENDING, ALGOS = OKX.lookups[0], OKX.lookups[1], "privateGetTradeOrdersAlgoPending"
BALANCE, POSITIONS = OKX.figures.call, "privateGetAccountPositions"
CANCEL = "privatePostTradeCancelOrder"
WAITING = (  # kinds of orders that people leave: stops, and what goes on ordering by itself
    *("conditional,oco", "trigger", "move_order_stop"),
    *("iceberg", "twap", "chase"),
)
_NO_SUCH_INSTRUMENT = ("51001",)
_NO_SUCH_ORDER = ("51603",)
_NOTHING_TO_CANCEL = ("51400", "51401", "51402", "51410", "51603")
_DAY = 86_400_000 * MILLISECOND  # ns
_DONE = "0"


class OkxAccount:
    """One account on OKX.

    Args:
        account: Its name in the settings.
        connection: The way there.
        budget: The right to ask.
        clock: For the events' times and how far a look at the past goes.
        instruments: What the book knows, by id: their settle currencies are
            reported even when nothing is there.
        ours: Whether a label is a client order id of ours.
    """

    def __init__(
        self,
        account: str,
        connection: Connection,
        budget: Budget,
        clock: Clock,
        instruments: Mapping[str, Instrument],
        ours: Callable[[str], bool],
    ) -> None:
        self._account, self._clock, self._connection = account, clock, connection
        self._calls = OkxCalls(connection, budget)
        own = [each for each in instruments.values() if each.venue == account]
        self._settled = tuple(dict.fromkeys(each.settle for each in own))
        self._pairs = pairs(own)
        reader = rows.Reader(account, ours, frozenset(self._pairs.values()))
        sizes = {each.name: each.size for each in own if each.kind is Kind.OPTION}
        self._denied: dict[str, None] = {}  # names that the venue did not know when asked last
        self._history = OkxHistory(self._calls, clock, reader, sizes.get)

    def answered(self, order: Any) -> tuple[Placed, Sequence[Fill]]:
        """Read what `create_order` returned: the name of the order, and whether it was taken.

        Nothing is told of its size and fills; both are 0 here, and it is open.
        """
        told = order if isinstance(order, Mapping) else {}
        raw, where = table(told.get("info"), "okx order"), "okx order"
        code = text(raw, "sCode", where)
        refused = PROOFS.get(code) is Outcome.REJECTED
        if code != _DONE and not refused:
            raise Malformed(f"{where}: sCode must be 0, was {code}")
        market = table(self._connection.exchange.market(told.get("symbol")), where)
        placed = Placed(
            order_id="" if refused else text(raw, "ordId", where),
            label=rows.label(raw),
            instrument=f"{OKX.venue}:{market['id']}",
            quantity=Decimal(0),
            filled=Decimal(0),
            ts=rows.moment(raw, "ts", where) if raw.get("ts") else self._clock.now(),
            rejected=f"{code} {raw.get('sMsg') or ''}".strip() if refused else "",
        )
        return placed, ()

    async def placed(self, label: str, instrument: str) -> Sequence[Placed]:
        """Return the orders that bear a label: the latest one, else open ones."""
        name = instrument.partition(":")[2]
        found = await self._one({"instId": name, "clOrdId": label})
        if found is not None:
            return (found,)
        pending = self._calls.pages(PENDING, {"instId": name}, "ordId", Lane.HEDGE)
        return [rows.placed(row) async for row in pending if rows.label(row) == label]

    async def by_id(self, order_id: str, instrument: str, /) -> Placed | None:
        """Return an order by the venue's own id, None when the venue denies it."""
        return await self._one({"instId": instrument.partition(":")[2], "ordId": order_id})

    async def _one(self, params: Row) -> Placed | None:
        name = str(params["instId"])
        self._denied.pop(name, None)
        try:
            return rows.placed(await self._calls.one(ORDER, params, Lane.HEDGE))
        except Refused as error:
            if error.code in _NO_SUCH_INSTRUMENT:
                self._denied[name] = None
            elif error.code not in _NO_SUCH_ORDER:
                raise
            return None

    async def fills_of(self, order: Placed) -> Sequence[Fill]:
        """Return the fills of an order, oldest first."""
        if not order.filled:
            return ()
        name, since = order.instrument.partition(":")[2], order.ts - _DAY
        trades = self._history.trades(since, Lane.HEDGE, name, order.order_id)
        return _each_once(self._history.fills([row async for row in trades]))

    async def fills_labelled(self, label: str, instrument: str, since: int) -> Sequence[Fill]:
        """Return the fills of a label since a time, oldest first."""
        trades = self._history.trades(since, Lane.HEDGE, instrument.partition(":")[2])
        mine = [row async for row in trades if row.get("clOrdId") == label]
        return _each_once(self._history.fills(mine))

    async def cancel(self, label: str, instrument: str) -> int:
        """Withdraw the open order that bears a label; return how many there were."""
        params = {"instId": instrument.partition(":")[2], "clOrdId": label}
        try:
            told = await self._calls.ask(CANCEL, params, Lane.CANCEL, MATCHING)
        except Refused as error:
            if error.code in _NOTHING_TO_CANCEL:
                return 0
            raise
        codes = [text(each, "sCode", CANCEL) for each in told]
        if not codes or any(each not in (_DONE, *_NOTHING_TO_CANCEL) for each in codes):
            raise Malformed(f"{CANCEL}: sCode must be 0, was {', '.join(codes) or 'missing'}")
        return codes.count(_DONE)

    async def resting(self) -> Shelf:
        """Return every open order of the account, and the stops that people left."""
        found: list[Resting] = []
        unread: list[str] = []
        lists: list[tuple[str, Row, str, Callable[[Row], Resting]]] = [
            (PENDING, {}, "ordId", rows.resting),
            *((ALGOS, {"ordType": each}, "algoId", rows.waiting) for each in WAITING),
        ]
        for call, params, key, read in lists:
            async for row in self._calls.pages(call, params, key, Lane.POLL):
                try:
                    found.append(read(row))
                except Malformed as error:  # one that nobody reads must not hide the others
                    unread.append(str(error))
        return Shelf(found, unread)

    async def position(self, instrument: str) -> Decimal | None:
        """Return what is held of an instrument: nothing where the venue lists no position in it.

        Where the venue has just denied the instrument itself, nobody can tell: what
        has expired has no position, and did not prove an order absent.
        """
        name = instrument.partition(":")[2]
        if name in self._denied:
            return None
        coin = next((coin for coin, pair in self._pairs.items() if pair == instrument), None)
        if coin is not None:
            return _sum_of(await self._details(Lane.HEDGE), coin)
        try:
            told = await self._calls.ask(POSITIONS, {"instId": name}, Lane.HEDGE)
        except Refused as error:
            if error.code in _NO_SUCH_INSTRUMENT:
                return None
            raise
        found = [rows.position(each) for each in told]
        if any(each[0] != instrument for each in found):
            raise Malformed(f"{POSITIONS}: must be about {instrument}, was about {found[0][0]}")
        return sum((each[1] for each in found), Decimal(0))

    async def positions(self) -> Sequence[PositionReport]:
        """Return every position, and the cash of every currency; a pair's coin is its position."""
        asked = self._clock.now()
        details = await self._details(Lane.POLL)
        held = await self._calls.ask(POSITIONS, {}, Lane.POLL)
        told = [rows.position(each) for each in held]
        ts = self._clock.now()
        # The list leaves out what is empty.
        balances = dict.fromkeys(self._settled, Decimal(0))
        balances |= {text(each, "ccy", BALANCE): rows.cash(each) for each in details}
        for coin, pair in self._pairs.items():
            told.append((pair, balances.pop(coin, Decimal(0)), None))
        for currency, cash in balances.items():
            if cash or currency in self._settled:
                told.append((f"{self._account}:{currency}", cash, None))
        return [PositionReport(ts, asked, self._account, *each) for each in told]

    async def standing(self) -> Sequence[Standing]:
        """Return each currency of the account."""
        crossed = rows.margins(await self._calls.ask(POSITIONS, {}, Lane.POLL))
        return [rows.standing(each, crossed) for each in await self._details(Lane.POLL)]

    async def figures(self) -> tuple[Sequence[PoolFigures], Sequence[LegFigures]]:
        """Return how each currency stands, or all together, and each position, by the venue."""
        account = await self._calls.one(BALANCE, {}, Lane.POLL)
        told = await self._calls.ask(POSITIONS, {}, Lane.POLL)
        alone = not rows.together(account)
        details = rows_of(account.get("details"), BALANCE)
        crossed = rows.margins(told) if alone else ()
        pools = rows.pools(account, details, crossed)
        return pools, [rows.leg(each, alone=alone) for each in told if rows.position(each)[1]]

    async def _details(self, lane: Lane) -> Sequence[Row]:
        account = await self._calls.one(BALANCE, {}, lane)
        return rows_of(account.get("details"), BALANCE)

    async def history(self, since: int, *, whole: bool = True) -> History:
        """Return the bookings since a time, by venue time, each once.

        Every list is of all currencies: nothing is ever left out.
        """
        del whole
        return await self._history.read(since)


def pairs(instruments: Sequence[Instrument]) -> dict[str, str]:
    """Return coin → id of the one pair in which the book holds it.

    A coin that a contract settles in is cash: the account has one balance of it.
    """
    settled = {each.settle: None for each in instruments if each.inverse}
    found: dict[str, str] = {}
    for each in instruments:
        if each.kind is Kind.SPOT and each.underlying not in settled:
            found.setdefault(each.underlying, each.id)
    return found


def _sum_of(details: Sequence[Row], currency: str) -> Decimal:
    own = (rows.cash(each) for each in details if each.get("ccy") == currency)
    return sum(own, Decimal(0))


def _each_once(fills: Sequence[Fill]) -> Sequence[Fill]:
    return list({each.trade_id: each for each in fills}.values())
