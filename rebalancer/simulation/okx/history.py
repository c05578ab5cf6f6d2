"""What was: fills and bills, newest first, page by page."""

from collections.abc import Callable
from itertools import islice
from typing import Any

from rebalancer.ports import SECOND
from rebalancer.simulation.accounts import Posting, PostingKind
from rebalancer.simulation.okx import shapes
from rebalancer.simulation.okx.desk import MILLISECOND, Asking, number
from rebalancer.simulation.okx.rest import amount, text, whole

DAY = 86_400 * SECOND  # ns
RECENT_FILLS, RECENT_BILLS, KEPT = 3 * DAY, 7 * DAY, 90 * DAY  # ns that a list reaches back
Row = dict[str, Any]


def fills(asking: Asking) -> list[Any]:
    """Return a page of the fills of three days."""
    return _fills(asking, RECENT_FILLS)


def old_fills(asking: Asking) -> list[Any]:
    """Return a page of the fills of three months, of one type of instruments."""
    text(asking.params, "instType")
    return _fills(asking, KEPT)


def _fills(asking: Asking, back: int) -> list[Any]:
    order_id = str(asking.params.get("ordId") or "")
    names = {each.instrument.id: None for each in asking.desk.listed(asking.params)}

    def told(line: Posting) -> list[Row]:
        execution = line.execution
        if line.kind is not PostingKind.TRADE or execution is None:
            return []
        mine = number(execution.order.order_id) == order_id
        here = execution.order.instrument.id in names and (not order_id or mine)
        return [shapes.fill(execution, shapes.first(line))] if here else []

    return _page(asking, back, told)


def bills(asking: Asking) -> list[Any]:
    """Return a page of the bills of a week."""
    return _bills(asking, RECENT_BILLS)


def old_bills(asking: Asking) -> list[Any]:
    """Return a page of the bills of three months."""
    return _bills(asking, KEPT)


def _bills(asking: Asking, back: int) -> list[Any]:
    params = asking.params
    wanted = {name: params.get(name) for name in ("type", "subType", "ccy", "instType")}

    def told(line: Posting) -> list[Row]:
        return [
            row
            for row in shapes.bills(line)
            if all(value in (None, "", row[name]) for name, value in wanted.items())
        ]

    return _page(asking, back, told)


def _page(asking: Asking, back: int, told: Callable[[Posting], list[Row]]) -> list[Row]:
    """Return rows between two times and before a bill, newest first, as many as one answer has."""
    params, at, now = asking.params, asking.at, asking.desk.now
    first, last = whole(params, "begin", 0), whole(params, "end", 2**62)
    before, after = amount(params, "after"), amount(params, "before")
    found = (
        row
        for each in reversed(asking.statement.postings)
        if first <= each.ts // MILLISECOND <= last
        and now - each.ts <= back
        and (at is None or each.ts <= at)
        for row in reversed(told(each))
        if (before is None or int(row["billId"]) < before)
        and (after is None or int(row["billId"]) > after)
    )
    return list(islice(found, min(whole(params, "limit", asking.desk.page), asking.desk.page)))
