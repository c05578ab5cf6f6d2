"""The hedges of a replay, one by one: why, at what price, at what cost, and what came of it.

A hedge is one order, whatever it took to fill. Its reference is the mid price
that stood when it was decided, or the mark where no quote was told. What it
*made* is what its contracts gained from there until the next hedge of the
underlying, > 0 gained: neither fee nor slippage is in it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rebalancer.core.decision import Action, Decision
from rebalancer.core.events import Quote
from rebalancer.core.gate import tightest
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.exchange.records import AutoDeleveraged, Ended, Liquidated, Rejected
from rebalancer.research.worth import Traded, Worth, cost, dollars, index_of, turned_over, worth_of

MOST = 2_000  # rows that are kept of a long replay: the largest


@dataclass(slots=True)
class Hedge:
    """One order that was filled, at least in part."""

    ts: int  # ns, of the first fill
    underlying: str
    instrument: str
    reason: str  # of the decision; liquidated or deleveraged where the venue forced it
    limited: str  # what cut it: "guard: reason"; empty: nothing
    sequence: int | None  # of the decision
    quantity: float = 0.0  # contracts, signed
    fills: int = 0
    spent: float = 0.0  # settle currency, + bought
    price: float = 0.0  # average of the fills, quote currency
    reference: float | None = None  # the same
    turnover: float = 0.0  # USD
    slippage: float = 0.0  # USD, > 0 lost
    fee: float = 0.0  # USD, > 0 paid
    before: float | None = None  # net delta at the decision, coins
    lower: float | None = None  # edges of the band then, coins
    upper: float | None = None
    after: float | None = None  # net delta when it next was looked at with nothing under way
    made: float | None = None  # USD, until `until`; see above
    until: int | None = None  # ns, of the next hedge or the end

    @property
    def slippage_bp(self) -> float:
        """Slippage in hundredths of a per cent of what was turned over."""
        return 1e4 * self.slippage / self.turnover if self.turnover else 0.0

    def told(self) -> dict[str, Any]:
        """Return the row as JSON tells it."""
        return {**asdict(self), "slippage_bp": self.slippage_bp}


@dataclass(frozen=True, slots=True)
class _Asked:
    """An order that was decided, with what stood then."""

    decision: Decision
    reference: float | None


class Hedges:
    """Follows orders from their decision to the hedge after them.

    Args:
        worth: The books; read, never written.
        instruments: By id.
    """

    def __init__(self, worth: Worth, instruments: Mapping[str, Instrument]) -> None:
        self.left_out = 0  # rows that were not kept
        self._worth = worth
        self._instruments = instruments
        self._mids: dict[str, float] = {}
        self._asked: dict[str, _Asked] = {}  # by client order id, until the order has ended
        self._rows: list[Hedge] = []
        self._open: dict[str, tuple[str, Hedge]] = {}  # underlying → order and row of the latest

    def quote(self, item: Quote) -> None:
        """Take the best prices of an instrument; without one of them there is no mid."""
        if item.bid is None or item.ask is None:
            self._mids.pop(item.instrument, None)
        else:
            self._mids[item.instrument] = (float(item.bid) + float(item.ask)) / 2

    def decided(self, decision: Decision) -> None:
        """Take a decision: an order that leaves, or the net delta after one."""
        if decision.action is Action.ORDER and decision.client_order_id and decision.instrument:
            reference = self._reference(decision.instrument)
            self._asked[decision.client_order_id] = _Asked(decision, reference)
        latest = self._open.get(decision.underlying)
        if latest is not None and latest[1].after is None and not decision.pending:
            latest[1].after = decision.net_delta

    def filled(self, fill: Traded, value: float | None = None) -> float:
        """Take an execution just booked and return its slippage, USD, > 0 lost.

        Args:
            fill: The execution.
            value: Of an option, what it is held against, USD per coin of contract.
        """
        instrument = self._instruments[fill.instrument]
        index = index_of(self._worth, self._worth.lines[fill.instrument])
        row, reference = self._row(fill, instrument)
        (quantity, fee), price = cost(fill, instrument), float(fill.price)
        spent = turned_over(instrument, quantity, price)
        against = value if instrument.kind is Kind.OPTION else reference
        lost = 0.0
        if against is not None:
            lost = -worth_of(instrument, quantity, spent, against, index)
        row.quantity += quantity
        row.fills += 1
        row.spent += spent
        row.price = _average(instrument, row)
        row.turnover += abs(dollars(self._worth, instrument.settle, spent))
        row.slippage += lost
        row.fee += dollars(self._worth, instrument.settle, fee)
        row.after = None  # what it was between two fills is nobody's
        return lost

    def ended(self, record: Ended | Rejected) -> None:
        """Forget an order that has left the book."""
        self._asked.pop(record.client_order_id, None)

    def close(self, ts: int) -> None:
        """Tell what the last hedges made until now; they may go on."""
        for _, row in self._open.values():
            self._made(row, ts)

    def rows(self) -> tuple[Hedge, ...]:
        """Return what is kept, in the order of time."""
        return tuple(self._rows)

    def _reference(self, name: str) -> float | None:
        return self._mids.get(name, self._mark(name))

    def _mark(self, name: str) -> float | None:
        """Return the mark of an instrument, quote currency: of an inverse option that is coin."""
        line = self._worth.lines.get(name)
        if line is None or line.mark is None:
            return None
        if line.instrument.kind is not Kind.OPTION or not line.instrument.inverse:
            return line.mark
        index = index_of(self._worth, line)
        return line.mark / index if index else None

    def _row(self, fill: Traded, instrument: Instrument) -> tuple[Hedge, float | None]:
        """Return the row that a fill belongs to, and the price that it is held against."""
        own = not isinstance(fill, Liquidated | AutoDeleveraged)
        order = fill.client_order_id if own else fill.trade_id  # type: ignore[union-attr]
        latest = self._open.get(instrument.underlying)
        asked = self._asked.get(order) if own else None
        reference = self._mark(fill.instrument) if asked is None else asked.reference
        if latest is not None and latest[0] == order:
            return latest[1], reference
        if latest is not None:
            self._made(latest[1], fill.ts)
        row = _opened(fill, instrument, asked, reference)
        self._open[instrument.underlying] = (order, row)
        self._rows.append(row)
        if len(self._rows) > 2 * MOST:
            self._thin()
        return row, reference

    def _made(self, row: Hedge, ts: int) -> None:
        line = self._worth.lines[row.instrument]
        if line.mark is None or line.ended:
            return
        held = (line.instrument, row.quantity, row.spent)
        row.made = worth_of(*held, line.mark, index_of(self._worth, line)) + row.slippage
        row.until = ts

    def _thin(self) -> None:
        """Keep the largest rows only; whoever reads is told how many are not there."""
        kept = sorted(self._rows, key=lambda row: row.turnover)[-MOST:]
        self.left_out += len(self._rows) - len(kept)
        self._rows = sorted(kept, key=lambda row: row.ts)


def _opened(
    fill: Traded, instrument: Instrument, asked: _Asked | None, reference: float | None
) -> Hedge:
    """Return the row of an order at its first fill."""
    names = (fill.ts, instrument.underlying, instrument.id)
    if asked is None:
        forced = isinstance(fill, Liquidated | AutoDeleveraged)
        why = type(fill).__name__.lower() if forced else "unknown"
        return Hedge(*names, why, "", None, reference=reference)
    told = asked.decision
    limited = ""
    if told.wanted != told.allowed and told.verdicts:
        verdict = tightest(told.verdicts)
        limited = f"{verdict.guard}: {verdict.reason}" if verdict.reason else ""
    return Hedge(
        *names,
        str(told.reason),
        limited,
        told.sequence,
        reference=reference,
        before=told.net_delta,
        lower=told.lower,
        upper=told.upper,
    )


def _average(instrument: Instrument, row: Hedge) -> float:
    """Return the price at which all fills together would have turned over the same."""
    coins = row.quantity * float(instrument.size)
    if not row.spent or not coins:
        return row.price
    inverse = instrument.inverse and instrument.margined
    return coins / row.spent if inverse else row.spent / coins
