"""What a Binance spot account holds, and what came in and went out of it without a trade.

A coin is the position of the one pair by which the book holds it, else cash; what open
orders have locked is held all the same. Nothing is margined. Spot has no list of
bookings: deposits, withdrawals, transfers between a person's own accounts and gifts
stand in one list each, which are read once a minute.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from rebalancer.core.events import AccountEvent, CashMoved, Fill, PositionReport
from rebalancer.core.figures import LegFigures, PoolFigures
from rebalancer.core.instruments import Instrument
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND
from rebalancer.venues.accounts import History, Standing
from rebalancer.venues.binance import rows
from rebalancer.venues.binance.calls import PAGE, PAGES, BinanceCalls
from rebalancer.venues.binance.orders import Orders
from rebalancer.venues.budget import Lane
from rebalancer.venues.outcomes import KeyRefused, Malformed
from rebalancer.venues.payloads import MILLISECOND, Row, decimal, moment, optional, table, text
from rebalancer.venues.payloads import rows as rows_of

ZERO = Decimal(0)
FLOWS_EVERY = 60 * SECOND  # ns between two looks at what came in and went out
BEHIND = 600 * SECOND  # ns that those lists may be behind
DONE_IN, DONE_OUT = (1, 6), (6,)  # states of a deposit and of a withdrawal: credited, completed
_TRANSFERS = (
    *("MAIN_UMFUTURE", "UMFUTURE_MAIN", "MAIN_CMFUTURE", "CMFUTURE_MAIN"),
    *("MAIN_FUNDING", "FUNDING_MAIN", "MAIN_MARGIN", "MARGIN_MAIN"),
)


class Spot:
    """The holdings of one spot account.

    Args:
        calls: Ask the venue.
        pairs: Coin → the pair by which the book holds it.
        settled: Currencies that are told even when empty.
    """

    def __init__(
        self, calls: BinanceCalls, pairs: Mapping[str, Instrument], settled: Collection[str]
    ) -> None:
        self._calls, self._pairs, self._settled = calls, pairs, tuple(settled)

    async def coins(self, lane: Lane = Lane.POLL) -> Mapping[str, Decimal]:
        """Return how much there is of each coin, locked or not."""
        call = self._calls.venue.profile.figures.call
        told = table(await self._calls.ask(call, {"omitZeroBalances": "true"}, lane), call)
        where = "binance balance"
        return {
            text(each, "asset", where): decimal(each, "free", where)
            + decimal(each, "locked", where)
            for each in rows_of(told.get("balances"), where)
        }

    async def position(self, instrument: str) -> Decimal | None:
        """Return what is held of a pair's coin; what is not listed is not there."""
        held = await self.coins(Lane.HEDGE)
        for coin, pair in self._pairs.items():
            if pair.id == instrument:
                return held.get(coin, ZERO)
        return None

    async def positions(self) -> Sequence[PositionReport]:
        """Return every coin that is there or matters, as position or as cash."""
        asked, account = self._calls.clock.now(), self._calls.venue.name
        held = await self.coins()
        ts = self._calls.clock.now()
        matter = dict.fromkeys((*self._pairs, *self._settled, *held))
        found = []
        for coin in matter:
            pair, size = self._pairs.get(coin), held.get(coin, ZERO)
            if pair is not None:
                found.append(PositionReport(ts, asked, account, pair.id, size))
            elif size or coin in self._settled:
                found.append(PositionReport(ts, asked, account, f"{account}:{coin}", size))
        return found

    async def standing(self) -> Sequence[Standing]:
        """Return each coin; nothing is asked of it."""
        held = await self.coins()
        return [Standing(coin, size, size, ZERO, ZERO, size) for coin, size in held.items()]

    async def figures(self) -> tuple[Sequence[PoolFigures], Sequence[LegFigures]]:
        """Return each coin as a pool of which nothing is asked, and no position."""
        held = await self.coins()
        return [PoolFigures(coin, size, size, ZERO, ZERO) for coin, size in held.items()], ()


class SpotHistory:
    """Reads what a spot account was booked.

    Args:
        calls: Ask the venue.
        orders: Read trades.
        pairs: Native names of the pairs that the book knows.
    """

    def __init__(self, calls: BinanceCalls, orders: Orders, pairs: Collection[str]) -> None:
        self._calls, self._orders, self._pairs = calls, orders, tuple(pairs)
        self._flowed: int | None = None  # ns: when all flows were read last

    async def read(self, since: int) -> History:
        """Return the bookings since a time, ns; a list that fails takes nothing from the others.

        Raises:
            KeyRefused: All of them would be refused.
        """
        found: list[AccountEvent] = []
        fault: Unavailable | None = None
        for symbol in self._pairs:
            try:
                found += await self._orders.fills(symbol, since, Lane.POLL)
            except KeyRefused:
                raise
            except Unavailable as error:
                fault = fault or error
        try:
            found += await self._flows(since)
        except KeyRefused:
            raise
        except Unavailable as error:
            fault = fault or error
        return History(rows.in_order(_once(found)), fault)

    async def _flows(self, since: int) -> Sequence[AccountEvent]:
        """Return what came in and went out, where it is time to look."""
        now = self._calls.clock.now()
        due = self._flowed is None or now - self._flowed >= FLOWS_EVERY
        if not due and self._flowed is not None and since >= self._flowed - BEHIND:
            return ()
        if "sapi" not in self._calls.connection.exchange.urls["api"]:
            return ()  # a testnet, whose money nobody moves
        begin = min(since, now if self._flowed is None else self._flowed) - BEHIND
        start, found = begin // MILLISECOND, list[AccountEvent]()
        for flows in FLOWS:
            async for row in self._rows(flows, start):
                event = flows.read(self._calls, row)
                found += [] if event is None else [event]
        self._flowed = now
        return found

    async def _rows(self, flows: "Flows", start: int) -> AsyncIterator[Row]:
        """Yield the rows of a list, page by page."""
        for page in range(PAGES):
            params = {"startTime": start, **flows.params, **flows.paged(page)}
            answer = await self._calls.ask(flows.call, params, Lane.POLL)
            if isinstance(answer, Mapping):
                if answer.get("total") in (0, "0"):
                    return  # the rows are left out then
                answer = answer.get("rows")
            told = rows_of(answer, flows.call)
            for row in told:
                yield row
            if len(told) < flows.size:
                return
        raise Malformed(f"{flows.call}: must end within {PAGES} pages")


@dataclass(frozen=True, slots=True)
class Flows:
    """One list of what came in or went out."""

    kind: str
    call: str
    params: Mapping[str, Any]
    size: int  # rows of a full page
    by_page: bool  # whether pages are numbered; else rows are left out

    def paged(self, page: int) -> Mapping[str, int]:
        """Return what asks for a page, from 0."""
        if self.by_page:
            return {"current": page + 1, "size": self.size}
        return {"limit": self.size, **({"offset": page * self.size} if page else {})}

    def read(self, calls: BinanceCalls, row: Row) -> AccountEvent | None:
        """Return what a row moved; None while it is not done."""
        moved = _READERS[self.kind](row, self.call)
        if moved is None:
            return None
        key, at, amount, currency = moved
        name, now = calls.venue.name, calls.clock.now()
        key = f"{self.kind} {key}"
        return CashMoved(now, at, name, key, self.kind, amount, currency, self.kind != "dividend")


_Moved = tuple[str, int, Decimal, str]  # key, ns, amount, currency


def _deposit(row: Row, where: str) -> _Moved | None:
    if row.get("status") not in DONE_IN:
        return None
    at = "completeTime" if isinstance(row.get("completeTime"), int) else "insertTime"
    moved = text(row, "id", where), moment(row, at, where)
    return *moved, decimal(row, "amount", where), text(row, "coin", where)


def _withdrawal(row: Row, where: str) -> _Moved | None:
    """Return what left: the amount that arrives, and the fee of the way."""
    if row.get("status") not in DONE_OUT:
        return None
    fee = optional(row, "transactionFee") or ZERO
    amount = -decimal(row, "amount", where) - fee
    return text(row, "id", where), _applied(row, where), amount, text(row, "coin", where)


def _applied(row: Row, where: str) -> int:
    """Return when a withdrawal was asked for, ns; the venue tells it in words, UTC."""
    told = text(row, "applyTime", where)
    try:
        at = datetime.fromisoformat(told).replace(tzinfo=UTC)
    except ValueError:
        raise Malformed(f"{where}: applyTime must be a time, was {told!r:.40}") from None
    return int(at.timestamp()) * SECOND


def _transfer(row: Row, where: str) -> _Moved | None:
    if row.get("status") not in ("CONFIRMED", None):
        return None
    out = text(row, "type", where).startswith("MAIN_")
    amount = decimal(row, "amount", where)
    moved = text(row, "tranId", where), moment(row, "timestamp", where)
    return *moved, -amount if out else amount, text(row, "asset", where)


def _dividend(row: Row, where: str) -> _Moved:
    moved = text(row, "tranId", where), moment(row, "divTime", where)
    return *moved, decimal(row, "amount", where), text(row, "asset", where)


_READERS = {
    "deposit": _deposit,
    "withdrawal": _withdrawal,
    "transfer": _transfer,
    "dividend": _dividend,
}
FLOWS = (
    Flows("deposit", "sapiGetCapitalDepositHisrec", {}, PAGE, by_page=False),
    Flows("withdrawal", "sapiGetCapitalWithdrawHistory", {}, PAGE, by_page=False),
    Flows("dividend", "sapiGetAssetAssetDividend", {}, 500, by_page=False),
    *(
        Flows("transfer", "sapiGetAssetTransfer", {"type": kind}, 100, by_page=True)
        for kind in _TRANSFERS
    ),
)


def _once(events: Sequence[AccountEvent]) -> Sequence[AccountEvent]:
    """Return each booking once, however many lists tell it."""
    found: dict[object, AccountEvent] = {}
    for each in events:
        key = (each.instrument, each.trade_id) if isinstance(each, Fill) else each
        found.setdefault(key, each)
    return list(found.values())
