"""History: how net delta stood in its band over the last hours, kept in little room.

Time is cut into equal slots. Of each one the least and the largest net delta are
kept beside its last, so that an excursion of a second shows as well hours later.
Nothing is written down: after a start it begins anew, and the journal knows the rest.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rebalancer.core.decision import Action, Decision
from rebalancer.core.events import Event
from rebalancer.ports import SECOND
from rebalancer.runtime.engine import Engine

SLOT = 10 * SECOND  # of market time
SLOTS = 2_160  # six hours
MARKS = 300  # hedges and refusals kept of each underlying


@dataclass(slots=True)
class _Slot:
    """One slot of one underlying; coins, but for the price in USD per coin."""

    number: int  # ns since 1970 ÷ SLOT
    low: float
    high: float
    last: float
    lower: float
    aim: float
    upper: float
    price: float | None


@dataclass(frozen=True, slots=True)
class _Kept:
    slots: deque[_Slot]
    marks: deque[Mapping[str, Any]]


class History:
    """Watches an engine.

    Args:
        engine: Whose steps are taken note of.
    """

    def __init__(self, engine: Engine) -> None:
        self._state = engine.state
        self._kept = {
            name: _Kept(deque(maxlen=SLOTS), deque(maxlen=MARKS))
            for name in engine.params.underlyings
        }
        engine.observe(self._take)

    def of(self, underlying: str, since: int = 0) -> Mapping[str, Any] | None:
        """Return what is kept of an underlying, oldest first; None: there is none of that name.

        Args:
            underlying: A coin.
            since: ns; what ended before it is left out.

        Returns:
            `slot_seconds`; `columns`, of each slot its start in seconds since 1970, then
            low, high, last, lower, aim and upper, coins, and price, USD per coin; and
            `marks`: seq, ts in ns, action, reason, quantity and price of what was
            ordered, withdrawn or refused.
        """
        kept = self._kept.get(underlying)
        if kept is None:
            return None
        first = since // SLOT
        slots = [each for each in kept.slots if each.number >= first]
        wide = SLOT // SECOND
        columns: Mapping[str, Sequence[float | None]] = {
            "at": [each.number * wide for each in slots],
            **{
                name: [_short(getattr(each, name)) for each in slots]
                for name in ("low", "high", "last", "lower", "aim", "upper", "price")
            },
        }
        marks = [each for each in kept.marks if each["ts"] >= since]
        return {
            "underlying": underlying,
            "slot_seconds": wide,
            "columns": columns,
            "marks": marks,
        }

    def _take(self, _event: Event, decisions: Sequence[Decision]) -> None:
        for each in decisions:
            if each.action is not Action.HOLD:
                self._kept[each.underlying].marks.append(_mark(each))
            missing = self._state.book(each.underlying).missing
            if each.price is not None and not missing:  # a sum without them is no net delta
                self._note(each)

    def _note(self, told: Decision) -> None:
        slots, number, net = self._kept[told.underlying].slots, told.ts // SLOT, told.net_delta
        if not slots or slots[-1].number != number:
            band = (told.lower, told.aim, told.upper)
            slots.append(_Slot(number, net, net, net, *band, told.price))
            return
        slot = slots[-1]
        slot.low, slot.high, slot.last = min(slot.low, net), max(slot.high, net), net
        slot.lower, slot.aim, slot.upper = told.lower, told.aim, told.upper
        slot.price = told.price


def _mark(told: Decision) -> Mapping[str, Any]:
    return {
        "seq": told.sequence,
        "ts": told.ts,
        "action": str(told.action),
        "reason": str(told.reason),
        "net_delta": _short(told.net_delta),
        "instrument": told.instrument,
        "quantity": None if told.allowed is None else str(told.allowed),
        "price": None if told.limit_price is None else str(told.limit_price),
    }


def _short(number: float | None) -> float | None:
    """Return a number to eight digits: a chart shows no more, and a line stays short."""
    return None if number is None else float(f"{number:.8g}")
