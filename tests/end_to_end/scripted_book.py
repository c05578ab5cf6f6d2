"""A small book in paper dress: one inverse perpetual, two inverse options, a market by rote.

`python -m tests.end_to_end.scripted_book SPEED UPPER` runs it for 200 seconds
of market time across a settlement and a delivery, and prints its outcome.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from rebalancer.core.events import FundingRate, Index, Mark, OptionMark, Quote
from rebalancer.core.instruments import Kind
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import MarketClock, run_market
from rebalancer.settings import resolve
from rebalancer.settings.report import judge
from rebalancer.storage.memory import MemoryJournal
from rebalancer.venues.feeds import StepFeed
from rebalancer.venues.paper import Delivery, Depth, FundingAccrual, SessionEnd
from rebalancer.wiring import Running, Surrounding, paper

D = Decimal
EIGHT = 1_769_760_000 * SECOND  # 2026-01-30 08:00 UTC
START = EIGHT - 120 * SECOND
LENGTH = 200  # s
QUIET = 280  # s from which on the price stands
VENUE = "deribit"
COINS, PERP, CALL = "deribit:BTC", "deribit:BTC-PERPETUAL", "deribit:BTC-30JAN26-100000-C"
LATER = "deribit:BTC-6FEB26-100000-C"  # moves on while the first one's settlement is averaged


def table(upper: float = 0.05) -> dict[str, Any]:
    """Return the configuration as TOML would have it."""
    return {
        "book": {"id": "rote", "mode": "paper"},
        "venues": {
            VENUE: {
                "fees": {"maker": D(0), "taker": D("0.0005")},
                "leverage": 5,
                "latency_ms": 40,
                "tiers": [[0, D("0.01")]],
            }
        },
        "underlyings": {
            "BTC": {
                "numeraire": "usd",
                "hedge": [PERP],
                "band": {"kind": "fixed", "lower": -0.05, "upper": upper, "reset": 0.5},
                "limits": {"order": 5.0, "position": 50.0, "net_delta": 2.0},
            }
        },
        "limits": {
            "leverage": 5.0,
            "turnover_per_day": 1e9,
            "loss_per_day": 1e9,
            "drawdown": 1e9,
        },
        "holdings": [
            {"instrument": COINS, "quantity": 10},
            {"instrument": CALL, "quantity": -3, "entry": D("0.012")},
            {"instrument": LATER, "quantity": -4, "entry": D("0.028")},
            {"instrument": PERP, "quantity": -800_000, "entry": D("99123.5"), "role": "hedge"},
        ],
    }


def settings_of(raw: dict[str, Any]):
    """Return the settings of a table that has no faults."""
    report = judge(raw, "table")
    assert report.settings is not None, report.faults
    return report.settings


def price_at(step: int) -> Decimal:
    """Return the price of a step: a slow wave, with a jump now and then, at last nothing."""
    step = min(step, QUIET)
    wave = (step * 37) % 211 - 105 + (step * step * 13) % 97
    return D(100_000) + D(wave) * 5 + (step // 40) * D("312.5")


def advance(ts: int):
    """Yield what the market says at a step."""
    step = (ts - START) // SECOND
    price, half = price_at(step), D("0.5")
    perp = price.quantize(D(1)) + half
    yield Depth(
        PERP,
        ((perp - half, D(150_000)), (perp - 2, D(5_000_000))),
        ((perp + half, D(150_000)), (perp + 2, D(5_000_000))),
    )
    yield Index(ts, ts, VENUE, "BTC", price)
    yield Mark(ts, ts, PERP, perp)
    if ts < EIGHT:
        worth = max(price - 100_000, D(0)) / price + D("0.002")
        forward = float(price) * 1.0001
        yield OptionMark(ts, ts, CALL, round(worth, 4), 0.5 + step % 7 / 100, forward)
    ahead = D("0.028") + (price - 100_000) / price / 2
    yield OptionMark(ts, ts, LATER, round(ahead, 4), 0.5 + step % 5 / 100, float(price) * 1.0005)
    yield FundingRate(ts, ts, PERP, 0.0001 + step % 5 / 10_000, 8 * 3600 * SECOND, None)
    yield Quote(ts, ts, PERP, perp - half, D(150_000), perp + half, D(150_000))
    if step % 60 == 0:
        yield FundingAccrual(VENUE)
    if ts == EIGHT:
        yield SessionEnd(PERP, perp)
        yield Delivery(CALL, price)


class Silence:
    """A log that keeps nothing."""

    def _say(self, event: str, **facts: Any) -> None:
        pass

    debug = info = warning = error = _say


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    running: Running
    journal: MemoryJournal

    @property
    def digest(self) -> str:
        """The digest of the decisions."""
        return self.running.engine.digest

    def told(self) -> dict[str, Any]:
        """Return all that two runs must agree on."""
        status = self.running.status
        return {
            "digest": self.digest,
            "hedges": self.running.engine.tally.hedges,
            "events": self.running.engine.tally.events,
            "orders": status.orders(),
            "positions": status.positions(),
            "status": status.status(),
            "journal": [[e.sequence, e.ts, e.kind, e.key, e.payload] for e in self.journal.read()],
        }


def run(
    raw: dict[str, Any],
    speed: float = 0.0,
    length: int = LENGTH,
    journal: Any = None,
    flight: Path | None = None,
    asked: Callable[[Running], None] | None = None,
    caretaker: Any = None,
) -> Outcome:
    """Run the book of a table through the market; `asked` is called after each step."""
    settings = settings_of(raw)
    clock, journal = MarketClock(START, speed), journal or MemoryJournal()

    async def main() -> Outcome:
        around = Surrounding(
            clock=clock,
            journal=journal,
            log=Silence(),
            feed=lambda model, clock, _tasks: StepFeed(advance, SECOND, model, clock),
            dress="paper",
            flight=flight,
            caretaker=caretaker,
        )
        running = paper(settings, resolve(settings), {}, around)
        if asked is not None:
            running.engine.observe(lambda *_: asked(running))
        await running.daemon.run(length * SECOND)
        return Outcome(running, journal)

    return run_market(clock, main())


def disagreements(outcome: Outcome) -> list[str]:
    """Return where ledger and exchange model disagree: cash by over 1e-12, all else at all."""
    ledger = outcome.running.engine.state.ledger
    instruments = outcome.running.engine.state.instruments
    found = []
    for venue, exchange in outcome.running.exchanges.items():
        for currency, balance in exchange.balances(venue).items():
            if abs(balance - ledger.balance(venue, currency)) > D("1e-12"):
                found.append(f"{currency}: {balance}, {ledger.balance(venue, currency)}")
        held = {each.instrument: each for each in exchange.positions(venue)}
        own = {n: p for (who, n), p in ledger.positions.items() if who == venue and p.quantity}
        if sorted(held) != sorted(own):
            found.append(f"{sorted(held)}, {sorted(own)}")
            continue
        for name, position in held.items():
            exact = instruments[name].kind is Kind.OPTION or position.basis == own[name].basis
            if position.quantity != own[name].quantity or not exact:
                found.append(f"{name}: {position}, {own[name]}")
    return found


if __name__ == "__main__":
    told = run(table(float(sys.argv[2])), float(sys.argv[1])).told()
    print(json.dumps(told, default=str))
