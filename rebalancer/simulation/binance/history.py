"""What was: trades and income, page by page, and what came into spot and went out of it."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from rebalancer.ports import SECOND
from rebalancer.simulation.accounts import Execution, Posting, PostingKind
from rebalancer.simulation.binance import shapes
from rebalancer.simulation.binance.desk import Asking, number_of
from rebalancer.simulation.binance.errors import Refusal
from rebalancer.simulation.binance.text import milliseconds, number, whole, word

PAGE, MOST = 500, 1_000  # rows of one answer: usual, and at most
INCOME_PAGE = 100
DAY, WEEK = 86_400_000, 7 * 86_400_000  # ms
_FLOWS = (PostingKind.DEPOSIT, PostingKind.WITHDRAWAL, PostingKind.TRANSFER)


def trades(asking: Asking) -> Any:
    """Return the fills of a symbol: between two times, from a number on, or of an order."""
    params, name = asking.params, asking.desk.seen(asking.params).instrument.id
    found = [each for each in asking.executions() if each.order.instrument.id == name]
    limit = min(whole(params, "limit", PAGE), MOST)
    if "orderId" in params:
        wanted = whole(params, "orderId", 0)
        return _shown(asking, [each for each in found if number_of(each.order) == wanted])
    if "fromId" in params:
        if "startTime" in params or "endTime" in params:
            raise Refusal(-1128, "Combination of optional parameters invalid.")
        first = whole(params, "fromId", 0)
        return _shown(asking, [each for each in found if each.number >= first][:limit])
    now, longest = milliseconds(asking.desk.now), DAY if asking.desk.house.spot else WEEK
    start = whole(params, "startTime", now - longest)
    end = whole(params, "endTime", start + longest)
    if end - start > longest:
        raise Refusal(-1127, "More than %s hours between startTime and endTime.")
    within = [each for each in found if start <= milliseconds(each.ts) <= end]
    return _shown(asking, within[:limit])


def _shown(asking: Asking, found: Sequence[Execution]) -> list[Any]:
    return [shapes.trade(each, asking.desk.house) for each in found]


def income(asking: Asking) -> Any:
    """Return what the account was booked, oldest first, page by page."""
    params = asking.params
    start, end = whole(params, "startTime", 0), whole(params, "endTime", 2**62)
    kind, symbol = params.get("incomeType"), params.get("symbol")
    rows = [
        row
        for line in _postings(asking)
        if start <= milliseconds(line.ts) <= end
        for row in _lines(line)
        if kind in (None, row["incomeType"]) and symbol in (None, row["symbol"])
    ]
    limit = min(whole(params, "limit", INCOME_PAGE), MOST)
    first = (whole(params, "page", 1) - 1) * limit
    return rows[first : first + limit]


def _postings(asking: Asking) -> list[Posting]:
    at = asking.at
    return [each for each in asking.statement.postings if at is None or each.ts <= at]


def _lines(line: Posting) -> Iterator[dict[str, Any]]:
    """Yield the lines of income that a posting is."""
    execution, own = line.execution, line.number * 10
    trade = "" if execution is None else str(execution.number)
    told: dict[str, Any] = {
        "symbol": "" if line.instrument is None else line.instrument.name,
        "asset": line.currency,
        "info": trade or line.note,
        "time": milliseconds(line.ts),
        "tradeId": trade,
    }
    match line.kind:
        case PostingKind.TRADE | PostingKind.DELIVERY:
            delivered = line.kind is PostingKind.DELIVERY
            if line.profit or delivered:
                kind = "DELIVERED_SETTELMENT" if delivered else "REALIZED_PNL"  # its spelling
                yield told | {"incomeType": kind, "income": number(line.profit), "tranId": own}
            if line.fee:
                fee = number(-line.fee)
                yield told | {"incomeType": "COMMISSION", "income": fee, "tranId": own + 1}
        case PostingKind.FUNDING:
            change = number(line.change)
            yield told | {"incomeType": "FUNDING_FEE", "income": change, "tranId": own}
        case kind:
            word_of = "TRANSFER" if kind in _FLOWS else line.note.upper()
            yield told | {"incomeType": word_of, "income": number(line.change), "tranId": own}


# --- spot -----------------------------------------------------------------------------


LONGEST = 90 * DAY  # ms of one question after deposits or withdrawals; it must be less
GIVEN = 180 * DAY  # … after what the venue gave
_Flow = tuple[str, str, Decimal, int, int | None]  # id, currency, amount, began and ended, ns


def _between(asking: Asking, longest: int) -> tuple[int, int]:
    """Return the times that are asked about, ms; raises `Refusal` where they are too far apart."""
    end = whole(asking.params, "endTime", milliseconds(asking.desk.now))
    start = whole(asking.params, "startTime", end - longest + 1)
    if end - start >= longest:
        raise Refusal(-1127, "Lookup interval is too big.")
    return start, end


def _moved(asking: Asking, kind: PostingKind, longest: int) -> list[Posting]:
    """Return the postings of a kind between two times, newest first."""
    start, end = _between(asking, longest)
    chosen = (each for each in reversed(_postings(asking)) if each.kind is kind)
    return [each for each in chosen if start <= milliseconds(each.ts) <= end]


def _flows(asking: Asking, kind: PostingKind, sign: int) -> list[_Flow]:
    """Return a page of deposits (+1) or withdrawals (-1) by when they began, newest first."""
    start, end = _between(asking, LONGEST)
    own = [each for each in asking.desk.underway if each.account == asking.key.account]
    slow = {each.posting for each in own}
    found: list[_Flow] = [
        (str(line.number), line.currency, abs(line.change), line.ts, line.ts)
        for line in _postings(asking)
        if line.kind is kind and line.number not in slow
    ]
    found += [
        (f"slow{place}", each.currency, abs(each.amount), each.began, each.ends)
        for place, each in enumerate(own)
        if each.amount * sign > 0
    ]
    within = [each for each in found if start <= milliseconds(each[3]) <= end]
    within.sort(key=lambda each: each[3], reverse=True)
    first, limit = whole(asking.params, "offset", 0), whole(asking.params, "limit", MOST)
    return within[first : first + min(limit, MOST)]


def deposits(asking: Asking) -> Any:
    """Return what came in, or is on its way."""
    return [
        {
            "id": name,
            "amount": number(size),
            "coin": coin,
            "network": coin,
            "status": 0 if ended is None else 1,
            "insertTime": milliseconds(began),
            **({} if ended is None else {"completeTime": milliseconds(ended)}),
        }
        for name, coin, size, began, ended in _flows(asking, PostingKind.DEPOSIT, 1)
    ]


def withdrawals(asking: Asking) -> Any:
    """Return what went out, or is on its way."""
    return [
        {
            "id": name,
            "amount": number(size),
            "transactionFee": "0",
            "coin": coin,
            "status": 4 if ended is None else 6,
            "applyTime": _words(began),
            **({} if ended is None else {"completeTime": _words(ended)}),
        }
        for name, coin, size, began, ended in _flows(asking, PostingKind.WITHDRAWAL, -1)
    ]


def _words(ts: int) -> str:
    return datetime.fromtimestamp(ts // SECOND, UTC).strftime("%Y-%m-%d %H:%M:%S")


def transfers(asking: Asking) -> Any:
    """Return what moved between spot and one other account of the same person."""
    kind = word(asking.params, "type")
    found = _moved(asking, PostingKind.TRANSFER, GIVEN)
    if kind not in ("MAIN_UMFUTURE", "UMFUTURE_MAIN"):
        found = []  # all that moves here goes there and comes from there
    out = kind.startswith("MAIN_")
    rows = [
        {
            "asset": each.currency,
            "amount": number(abs(each.change)),
            "type": kind,
            "status": "CONFIRMED",
            "tranId": each.number,
            "timestamp": milliseconds(each.ts),
        }
        for each in found
        if (each.change < 0) is out
    ]
    size = min(whole(asking.params, "size", 10), 100)
    first = (whole(asking.params, "current", 1) - 1) * size
    return {"total": len(rows), "rows": rows[first : first + size]} if rows else {"total": 0}


def dividends(asking: Asking) -> Any:
    """Return what the venue gave, newest first; there are no pages, only times."""
    rows = [
        {
            "id": each.number,
            "tranId": each.number // 2,  # of a batch, that others may be of too
            "amount": number(abs(each.change)),
            "asset": each.currency,
            "divTime": milliseconds(each.ts),
            "enInfo": each.note,
            "direction": 1 if each.change > 0 else -1,
        }
        for each in _moved(asking, PostingKind.CORRECTION, GIVEN)
    ]
    limit = min(whole(asking.params, "limit", 20), PAGE)
    return {"rows": rows[:limit], "total": len(rows)}
