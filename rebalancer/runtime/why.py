"""Why: everything that a journal knows of one decision, put together again.

It needs the journal and nothing else: it answers as well when the daemon is gone.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from rebalancer.core.inputs import VALUES, Input
from rebalancer.ports import SECOND, Entry, Reading
from rebalancer.runtime.telling import TUNED

DECISION, INPUTS, ORDER, QUERY, EVENT = "decision", "inputs", "order", "query", "event"
HOLD = "hold"
LAST = 2**63 - 1  # ns: no entry is younger
LOOKED = 200  # moments at which nothing was done, until the last order is good enough
EARLIEST = 10**15  # ns: a larger number is a time, a smaller one a step


def why(journal: Reading, key: str) -> Mapping[str, Any] | None:
    """Return the decision that an id, a step number or a time leads to, with what followed.

    Args:
        journal: Of the book.
        key: Client order id, sequence number, underlying, or ns since 1970 (the
            last decision at or before it). Steps are counted anew by each start
            of the book: the youngest start is meant. Empty: the last decision that
            acted or was refused.

    Returns:
        None when nothing fits, else
        `decision`: with every guard's verdict; None where retention took it;
        `others`: of other underlyings in the same step;
        `rests_on`: by underlying `inputs`, `holdings` and open `orders`, empty where
            a journal of an earlier release has none;
        `order`: the order, or None;
        `sent`: it and what was sent because of it, cancels and questions, each `at` ns;
        `events`: what came back, in the order in which it was heard;
        `tuned`: what of the settings an operator had changed by then, where it was.
    """
    found = _decision(journal, key) if key else _eventful(journal)
    key = key or (found.key if found is not None else "")
    if found is None:
        followed = _followed(journal, key)
        alone = {"decision": None, "others": [], "rests_on": {}, "tuned": [], **followed}
        return alone if followed["order"] is not None else None
    step = [each for each in journal.step(found.sequence) if each.ts == found.ts]
    same = _youngest(step, DECISION)
    if not key or found.key != key:
        found = same[0]
    return {
        "decision": dict(found.payload),
        "others": [dict(each.payload) for each in same if each != found],
        "rests_on": {
            each.payload["underlying"]: rows(each.payload) for each in _youngest(step, INPUTS)
        },
        **_followed(journal, found.payload.get("client_order_id")),
        "tuned": _tuned(journal, found),
    }


def _tuned(journal: Reading, decision: Entry) -> list[dict[str, Any]]:
    """Return what an operator had changed of the settings of a decision's underlying."""
    told = (each.payload for each in journal.read(EVENT, TUNED) if each.ts <= decision.ts)
    found: dict[str, dict[str, Any]] = {}
    for event in still_held(told):
        said = {"at": event["ts_local"], "who": event["who"], "reason": event["reason"]}
        for each in event["changes"]:
            if each["underlying"] == decision.payload["underlying"]:
                found[each["knob"]] = {**each, **said}
    return list(found.values())


def still_held(told: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the changes of settings, as journaled, that hold for the file of the youngest."""
    found: list[Mapping[str, Any]] = []
    for event in told:
        if found and found[-1]["fingerprint"] != event["fingerprint"]:
            found.clear()
        found.append(event)
    return found


def _followed(journal: Reading, order_id: str | None) -> dict[str, Any]:
    """Return what was sent of an order, and what came back."""
    told = list(journal.read(key=order_id)) if order_id else []
    orders = (dict(each.payload) for each in told if each.kind == ORDER)
    return {
        "order": next(orders, None),
        "sent": [_at(each) for each in told if each.kind in (ORDER, QUERY)],
        "events": [_at(each) for each in told if each.kind == EVENT],
    }


def _decision(journal: Reading, key: str) -> Entry | None:
    """Return the decision that a key leads to."""
    number = int(key) if key.isdecimal() else None
    if number is not None and number >= EARLIEST:
        return journal.latest(DECISION, number)
    if number is None:
        told = journal.read(DECISION, key)
    else:
        told = (each for each in journal.step(number) if each.kind == DECISION)
    return next(iter(deque(told, maxlen=1)), None)


def _eventful(journal: Reading) -> Entry | None:
    """Return the last decision that did something or was refused, or that of the last order."""
    before = LAST
    for _ in range(LOOKED):
        found = journal.latest(DECISION, before)
        if found is None:
            break
        step = [each for each in journal.step(found.sequence) if each.ts == found.ts]
        told = [each for each in _youngest(step, DECISION) if each.payload["action"] != HOLD]
        if told:
            return told[-1]
        before = found.ts - 1
    order = journal.latest(ORDER, LAST)
    return None if order is None else _decision(journal, order.key)


def _youngest(step: Iterable[Entry], kind: str) -> list[Entry]:
    """Return the entries of a kind of one step at one moment, of the youngest start that took it.

    A seeded run that is repeated has the same steps at the same moments.
    """
    found: dict[str, Entry] = {}
    for each in reversed([each for each in step if each.kind == kind]):
        if found.setdefault(each.payload.get("underlying", ""), each) is not each:
            break  # an earlier start
    return list(reversed(found.values()))


def _at(entry: Entry) -> dict[str, Any]:
    return {**entry.payload, "at": entry.ts}


def rows(told: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the columns of `core.inputs.Inputs`, as journaled, as rows."""
    columns = (told[name] for name in ("kinds", "subjects", "ages", "limits", "values"))
    inputs = [
        {
            "kind": kind,
            "subject": subject,
            "age_seconds": None if age is None else age / SECOND,
            "limit_seconds": None if limit is None else limit / SECOND,
            **dict(zip(VALUES[Input(kind)], values, strict=False)),
        }
        for kind, subject, age, limit, values in zip(*columns, strict=True)
    ]
    held = zip(told["held"], told["quantities"], told["deltas"], strict=True)
    holdings = [
        {
            "instrument": name,
            "quantity": quantity,
            "delta_per_contract": delta / quantity if quantity and delta is not None else None,
            "delta": delta,
        }
        for name, quantity, delta in held
    ]
    waiting = zip(told["waiting"], told["waits"], strict=True)
    orders = [{"client_order_id": name, "state": state} for name, state in waiting]
    return {"inputs": inputs, "holdings": holdings, "orders": orders}
