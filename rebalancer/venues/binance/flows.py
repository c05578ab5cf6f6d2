"""What came into a Binance spot account and went out of it without a trade.

Deposits, withdrawals, transfers between a person's own accounts and gifts stand in one
list each, which are read once a minute. A deposit or withdrawal takes its time, minutes
to days, and its list is told by when it began: the next look goes back to the oldest one
that is under way, and the first look goes back for weeks. A deposit is dated by when it
was credited, a withdrawal by when it was asked for, for then its coins left the balance.
https://developers.binance.com/docs/wallet/capital/deposite-history
https://developers.binance.com/docs/wallet/endpoints/assets-divided-record
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from rebalancer.core.events import AccountEvent, CashMoved
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND
from rebalancer.venues.accounts import History
from rebalancer.venues.binance.calls import AHEAD, PAGE, PAGES, BinanceCalls
from rebalancer.venues.budget import Lane
from rebalancer.venues.outcome import KeyRefused, Malformed
from rebalancer.venues.payloads import MILLISECOND, Row, decimal, moment, optional, text
from rebalancer.venues.payloads import rows as rows_of

EVERY = 60 * SECOND  # ns between two looks at a list
AGAIN = 10 * SECOND  # ns after one that was not answered: some weigh a tenth of a minute's worth
DAY = 86_400 * SECOND
BEHIND = 600 * SECOND  # ns that a list may be behind
UNDERWAY = 30 * DAY  # ns that a deposit or withdrawal may take
SPAN = 80 * DAY // MILLISECOND  # ms of one question: the venue takes less than 90 days
ZERO = Decimal(0)
_TRANSFERS = (
    *("MAIN_UMFUTURE", "UMFUTURE_MAIN", "MAIN_CMFUTURE", "CMFUTURE_MAIN"),
    *("MAIN_FUNDING", "FUNDING_MAIN", "MAIN_MARGIN", "MARGIN_MAIN"),
)


class Moved(NamedTuple):
    """What a row tells."""

    key: str
    at: int  # ns: when the balance changed
    amount: Decimal  # + in
    currency: str
    done: bool = True  # else it is under way
    began: int | None = None  # ns: by which its list tells it; None: `at`
    dated: bool = True  # whether the venue told when the balance changed


@dataclass(frozen=True, slots=True)
class Flows:
    """One list of what came in or went out."""

    kind: str
    call: str
    read: Callable[[Row, str], Moved | None]  # None for what never moved
    size: int = PAGE  # rows of a full page
    pages: str = "offset"  # how pages are asked for: offset, current, or the time before the last
    params: Mapping[str, Any] = field(default_factory=dict)
    takes: int = 0  # ns from beginning to end of a row, at most

    @property
    def name(self) -> str:
        """What tells it from the others."""
        return f"{self.kind} {self.params.get('type', '')}"


class CashFlows:
    """Reads all lists of one account.

    Args:
        calls: Ask the venue.
    """

    def __init__(self, calls: BinanceCalls) -> None:
        self._calls = calls
        self._answered: dict[str, int] = {}  # list → ns: when it was read last
        self._failed: dict[str, tuple[int, Unavailable]] = {}  # list → ns, and why it was not
        self._underway: dict[str, dict[str, int]] = {}  # list → key of a row → when it began, ns

    async def read(self, since: int) -> History:
        """Return what moved since a time, ns, where it is time to look; some is told again.

        A list that fails takes nothing from the others, and is asked for again soon.

        Raises:
            KeyRefused: All of them would be refused.
        """
        found: list[AccountEvent] = []
        fault: Unavailable | None = None
        if "sapi" not in self._calls.connection.exchange.urls["api"]:
            return History(())  # a testnet, whose money nobody moves
        for flows in FLOWS:
            try:
                found += await self._told(flows, since)
            except KeyRefused:
                raise
            except Unavailable as error:
                fault = fault or error
        return History(found, fault)

    async def _told(self, flows: Flows, since: int) -> Sequence[AccountEvent]:
        """Return what a list tells, where it is time to look at it; raises `Unavailable`."""
        now, read = self._calls.clock.now(), self._answered.get(flows.name)
        if read is not None and now - read < EVERY and since >= read - BEHIND:
            return ()
        failed = self._failed.get(flows.name)
        if failed is not None and now - failed[0] < AGAIN:
            raise failed[1]
        try:
            found = await self._look(flows, self._begin(flows, since, read), now)
        except Unavailable as error:
            self._failed[flows.name] = now, error
            raise
        self._answered[flows.name] = now
        self._failed.pop(flows.name, None)
        return found

    def _begin(self, flows: Flows, since: int, read: int | None) -> int:
        """Return from where a list is read, ns; `read`: when it was before."""
        if read is None:
            return since - max(BEHIND, flows.takes)
        began = self._underway.get(flows.name, {}).values()
        return min(since, read, max(min(began, default=read), read - flows.takes)) - BEHIND

    async def _look(self, flows: Flows, begin: int, now: int) -> Sequence[AccountEvent]:
        """Read one list; remember what of it is under way."""
        found: dict[str, AccountEvent] = {}
        before, underway = self._underway.get(flows.name, {}), dict[str, int]()
        async for row in self._rows(flows, begin // MILLISECOND, now // MILLISECOND + AHEAD):
            told = flows.read(row, flows.call)
            if told is None:
                continue
            if not told.done:
                underway[told.key] = told.at if told.began is None else told.began
                continue
            late = told.key in before and not told.dated
            found[told.key] = _event(flows.kind, told, self._calls, now if late else told.at)
        self._underway[flows.name] = underway
        return list(found.values())

    async def _rows(self, flows: Flows, begin: int, end: int) -> AsyncIterator[Row]:
        """Yield the rows of a list between two times, ms; some may come twice."""
        for start in range(begin, end, SPAN):
            async for row in self._span(flows, start, min(start + SPAN, end)):
                yield row

    async def _span(self, flows: Flows, start: int, end: int) -> AsyncIterator[Row]:
        """Yield the rows between two times, page by page."""
        last = end
        for page in range(PAGES):
            params = {"startTime": start, "endTime": last, **flows.params}
            answer = await self._calls.ask(flows.call, {**params, **_paged(flows, page)}, Lane.POLL)
            if isinstance(answer, Mapping):
                if answer.get("total") in (0, "0"):
                    return  # the rows are left out then
                answer = answer.get("rows")
            told = rows_of(answer, flows.call)
            for row in told:
                yield row
            if len(told) < flows.size:
                return
            if flows.pages == "time":
                oldest = min(moment(row, "divTime", flows.call) for row in told) // MILLISECOND
                if oldest >= last:
                    raise Malformed(f"{flows.call}: a page must not be of one millisecond")
                last = oldest
        raise Malformed(f"{flows.call}: must end within {PAGES} pages")


def _paged(flows: Flows, page: int) -> Mapping[str, int]:
    """Return what asks for a page, from 0."""
    if flows.pages == "current":
        return {"current": page + 1, "size": flows.size}
    offset = {"offset": page * flows.size} if page and flows.pages == "offset" else {}
    return {"limit": flows.size, **offset}


def _event(kind: str, told: Moved, calls: BinanceCalls, at: int) -> CashMoved:
    name, now, key = calls.venue.name, calls.clock.now(), f"{kind} {told.key}"
    return CashMoved(now, at, name, key, kind, told.amount, told.currency, kind != "dividend")


# --- one a kind of row ------------------------------------------------------------------

_CREDITED, _NEVER_CREDITED = (1, 6), (2, 7)  # states of a deposit: in the balance, and never
_LEFT, _STAYED = (6,), (1, 3, 5)  # of a withdrawal: completed; canceled, rejected, failed


def _deposit(row: Row, where: str) -> Moved | None:
    if row.get("status") in _NEVER_CREDITED:
        return None
    done, told = row.get("status") in _CREDITED, row.get("completeTime")
    dated = isinstance(told, int) and not isinstance(told, bool)
    began = moment(row, "insertTime", where)
    at = moment(row, "completeTime", where) if done and dated else began
    amount, coin = decimal(row, "amount", where), text(row, "coin", where)
    return Moved(text(row, "id", where), at, amount, coin, done, began, dated)


def _withdrawal(row: Row, where: str) -> Moved | None:
    """Return what left: the amount that arrives, and the fee of the way."""
    if row.get("status") in _STAYED:
        return None
    fee = optional(row, "transactionFee") or ZERO
    amount, coin = -decimal(row, "amount", where) - fee, text(row, "coin", where)
    done = row.get("status") in _LEFT
    return Moved(text(row, "id", where), _applied(row, where), amount, coin, done)


def _applied(row: Row, where: str) -> int:
    """Return when a withdrawal was asked for, ns; the venue tells it in words, UTC."""
    told = text(row, "applyTime", where)
    try:
        at = datetime.fromisoformat(told).replace(tzinfo=UTC)
    except ValueError:
        raise Malformed(f"{where}: applyTime must be a time, was {told!r:.40}") from None
    return int(at.timestamp()) * SECOND


def _transfer(row: Row, where: str) -> Moved | None:
    if row.get("status") not in ("CONFIRMED", None):
        return None
    out = text(row, "type", where).startswith("MAIN_")
    amount = decimal(row, "amount", where)
    at, coin = moment(row, "timestamp", where), text(row, "asset", where)
    return Moved(text(row, "tranId", where), at, -amount if out else amount, coin)


def _dividend(row: Row, where: str) -> Moved:
    """Return what the venue gave, or took back; several may bear the number of one batch."""
    amount = decimal(row, "amount", where) * (-1 if row.get("direction") == -1 else 1)
    at, coin = moment(row, "divTime", where), text(row, "asset", where)
    return Moved(text(row, "id", where), at, amount, coin)


FLOWS = (
    Flows("deposit", "sapiGetCapitalDepositHisrec", _deposit, takes=UNDERWAY),
    Flows("withdrawal", "sapiGetCapitalWithdrawHistory", _withdrawal, takes=UNDERWAY),
    Flows("dividend", "sapiGetAssetAssetDividend", _dividend, size=500, pages="time"),
    *(
        Flows("transfer", "sapiGetAssetTransfer", _transfer, 100, "current", {"type": kind})
        for kind in _TRANSFERS
    ),
)
