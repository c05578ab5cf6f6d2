"""The rows of a replay, written as it goes: what was held, what happened, what was known.

See `steps` for what each row means.
"""

from collections.abc import Iterable, Mapping

from rebalancer.core.decision import Decision
from rebalancer.core.instruments import Instrument
from rebalancer.exchange.records import (
    AutoDeleveraged,
    CashMoved,
    ContractDelivered,
    Filled,
    FundingBooked,
    Liquidated,
    Record,
)
from rebalancer.research.steps import Steps
from rebalancer.research.worth import Worth


class Rows:
    """Writes one replay.

    Args:
        steps: Where rows go.
        instruments: By id.
    """

    def __init__(self, steps: Steps, instruments: Mapping[str, Instrument]) -> None:
        self._steps = steps
        self._instruments = instruments

    def open(self, ts: int, held: Iterable[tuple[str, float, float, bool]]) -> None:
        """Write what is held at the start: (id, quantity, entry, whether as a hedge) each."""
        for name, quantity, entry, hedge in held:
            reason = "open_hedge" if hedge else "open"
            self._write(ts, reason, name, {"quantity": quantity, "price": entry})

    def record(self, record: Record) -> None:
        """Write what an exchange model booked, if it moved money."""
        row = _row(record)
        if row is not None:
            self._write(record.ts, *row)

    def sample(
        self, ts: int, worth: Worth, standing: Iterable[Decision], told: tuple[float, float]
    ) -> None:
        """Write the prices at a sample, and what the book is worth there.

        Args:
            ts: ns.
            worth: The books.
            standing: The latest decision of each underlying.
            told: Worth hedged and not, USD.
        """
        for coin, price in worth.indexes.items():
            self._write(ts, "index", coin, {"price": price})
        for name, line in worth.lines.items():
            if line.mark is not None and (line.quantity or line.own):
                self._write(ts, "mark", name, {"price": line.mark})
        sums = {"equity": told[0], "unhedged_equity": told[1]}
        for decision in tuple(standing) or (None,):
            band = {} if decision is None else _band(decision)
            self._write(ts, "sample", "", {**band, **sums})

    def _write(self, ts: int, reason: str, instrument: str, facts: Mapping[str, object]) -> None:
        known = self._instruments.get(instrument)
        underlying = {} if known is None else {"underlying": known.underlying}
        self._steps.write(ts, reason, {**underlying, "instrument": instrument, **facts})


def _row(record: Record) -> tuple[str, str, dict[str, object]] | None:
    """Return reason, instrument and facts of a record's row; None where it moves no money."""
    match record:
        case Filled() | Liquidated() | AutoDeleveraged():
            fee = 0 if isinstance(record, AutoDeleveraged) else record.fee
            facts: dict[str, object] = {"quantity": record.quantity, "price": record.price}
            return "fill", record.instrument, {**facts, "fee": fee}
        case FundingBooked():
            return "funding", record.instrument, {"funding": record.amount}
        case ContractDelivered():
            return "delivered", record.instrument, {"price": record.price, "fee": record.fee}
        case CashMoved():
            return "cash", f"{record.account}:{record.currency}", {"quantity": record.amount}
        case _:
            return None


def _band(decision: Decision) -> dict[str, object]:
    return {
        "underlying": decision.underlying,
        "net_delta": decision.net_delta,
        "lower": decision.lower,
        "upper": decision.upper,
    }
