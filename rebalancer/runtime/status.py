"""What a running book tells about itself: JSON values, decimals as strings."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from typing import Any

from rebalancer.core import exposure as exposures
from rebalancer.core.decision import Decision
from rebalancer.core.events import Index, Operator, Quote, Verb
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.orders import Order
from rebalancer.core.state import State
from rebalancer.errors import PermissionRefused
from rebalancer.ports import SECOND, Clock, Condition, Journal, Measure
from rebalancer.runtime import accounts, holdings, measures, readings
from rebalancer.runtime.beat import beat
from rebalancer.runtime.engine import Engine
from rebalancer.runtime.history import History
from rebalancer.runtime.inbox import Inbox
from rebalancer.runtime.profit import Profit
from rebalancer.runtime.tasks import tasks_running
from rebalancer.runtime.why import why


class BookStatus:
    """Answers for one book.

    Args:
        engine: The running engine.
        inbox: Where an operator's orders go.
        clock: For ages.
        journal: For what happened before.
        mode: paper, testnet, live, demo or replay.
        extra: What else the status tells, e.g. a demo's seed and speed.
    """

    def __init__(
        self,
        engine: Engine,
        inbox: Inbox,
        clock: Clock,
        journal: Journal,
        mode: str,
        extra: Mapping[str, Any],
    ) -> None:
        self._engine = engine
        self._inbox = inbox
        self._clock = clock
        self._journal = journal
        self._mode = mode
        self._extra = extra
        self._started = clock.now()
        self._first_prices: dict[str, float] = {}
        self._profit = Profit(engine.state)
        self._history = History(engine)
        engine.watch(self._profit.weigh)
        engine.observe(self._profit.take)

    def status(self) -> Mapping[str, Any]:
        """Return the book's state, and per underlying net delta against its band."""
        state = self._engine.state
        latches = [f"{name}: {reason}" for name, reason in state.halted.items()]
        if state.mode is TradingState.HALTED:
            latches.insert(0, f"book: {state.mode_reason}")
        return {
            "book": self._engine.params.book,
            "mode": self._mode,
            "state": str(state.mode),
            "state_reason": state.mode_reason,
            "seq": state.sequence,
            "ts": self._clock.now(),
            "started": self._started,
            "underlyings": {
                name: self._underlying(name) for name in self._engine.params.underlyings
            },
            "latches": latches,
            "tuned": readings.tuned(state, self._engine.plain),
            "held": self._held(),
            "feeds": self._feeds(),
            "positions": self.positions(),
            "open_orders": [_order(each) for each in state.open_orders()],
            "decisions": [_brief(decision) for decision in self._engine.recent],
            "counters": self._counters(),
            "tasks": tasks_running(),
            **self._extra,
        }

    def beat(self) -> Mapping[str, Any]:
        """Return how the book stands, in the few words that are said each second."""
        return beat(self._engine.state, self._engine.params)

    def _held(self) -> dict[str, str]:
        """Return what keeps hedges waiting until it is over by itself, and why."""
        state = self._engine.state
        short = {"journal": "too little room on its disk"} if state.standing.short else {}
        return {**state.accounts.held, **short}

    def _underlying(self, name: str) -> dict[str, Any]:
        state, params = self._engine.state, self._engine.params.underlyings[name]
        standing = self._engine.standing.get(name)
        index = state.index(name)
        told: dict[str, Any] = {"state": str(state.mode_of(name)), "outside_seconds": 0}
        unseen = dict.fromkeys(("net_delta", "pending", "aim", "lower", "upper"))
        if standing is None or index is None:
            return told | unseen
        missing = state.book(name).missing
        if missing:  # a sum without them is no net delta
            return told | unseen | {"price": float(index.price), "missing": list(missing)}
        memory, price = state.memory[name], float(index.price)
        greeks = exposures.greeks(state.book(name), price, state.now)
        since = memory.outside.since
        first = self._first_prices.setdefault(name, price)
        return told | {
            "price": price,
            "change": price / first - 1.0,
            "net_delta": standing.net_delta,
            "pending": standing.pending,
            "aim": standing.aim,
            "lower": standing.lower,
            "upper": standing.upper,
            "outside_seconds": 0 if since is None else (self._clock.now() - since) // SECOND,
            "gamma": greeks.gamma,
            "vega": greeks.vega / 100,  # per vol point
            "theta": greeks.theta / 365,  # per day
            "collateral": greeks.collateral,
            "value": greeks.value,
            "hedge": _hedge_leg(state, params.hedge_sell[0]),
            "smile": readings.smiles(state, name),
        }

    def _feeds(self) -> dict[str, float]:
        """Return seconds since any top of book or index of a venue advanced."""
        youngest: dict[str, int] = {}
        for (kind, subject), at in self._engine.state.markets.advanced.items():
            if kind in (Quote.__name__, Index.__name__):
                venue = subject.partition(":")[0]
                youngest[venue] = max(youngest.get(venue, 0), at)
        return {venue: (self._clock.now() - at) / SECOND for venue, at in youngest.items()}

    def _counters(self) -> dict[str, Any]:
        tally, ledger = self._engine.tally, self._engine.state.ledger
        return asdict(tally) | {
            "conflated": self._inbox.conflated,
            "pnl": self._profit.earned,
            "fees": {name: str(amount) for name, amount in ledger.fees.items()},
            "funding": {name: str(amount) for name, amount in ledger.funding.items()},
            "realised": {name: str(amount) for name, amount in ledger.realised.items()},
        }

    def positions(self) -> Sequence[Mapping[str, Any]]:
        """Return what is held, with entry, mark, delta and greeks; cash last."""
        return holdings.rows(self._engine.state)

    def accounts(self) -> Sequence[Mapping[str, Any]]:
        """Return how far each account is from liquidation."""
        return accounts.rows(self._engine.state)

    def history(self, underlying: str, since: int = 0) -> Mapping[str, Any] | None:
        """Return how net delta stood in its band over the last hours; None: no such coin."""
        return self._history.of(underlying, since)

    def orders(self, last: int | None = None) -> Sequence[Mapping[str, Any]]:
        """Return the youngest orders of this start, oldest first, and every one that is open.

        Args:
            last: So many; None: the ten thousand that are remembered.
        """
        known, state = self._engine.state.orders, self._engine.state
        shown = known
        if last is not None:
            young = reversed(list(islice(reversed(known), last)))
            names = (each.submit.client_order_id for each in state.open_orders())
            shown = {name: known[name] for name in dict.fromkeys((*names, *young))}
        return [_order(order) for order in shown.values()]

    def guards(self) -> Sequence[Mapping[str, Any]]:
        """Return each guard with its limit, its reading and its headroom."""
        return readings.guards(self._engine.state, self._engine.params)

    def bands(self) -> Sequence[Mapping[str, Any]]:
        """Return the band of each underlying, and term by term why it is so wide."""
        return readings.bands(self._engine.state, self._engine.params)

    def stress(self) -> Sequence[Mapping[str, Any]]:
        """Return the revaluation grid of each underlying whose inputs are known."""
        return readings.stress(self._engine.state, self._engine.params)

    def why(self, key: str) -> Mapping[str, Any] | None:
        """Return the decision behind an order id, a step or a moment, from the journal."""
        return why(self._journal, key)

    def measures(self) -> Sequence[Measure]:
        """Return what was measured, by the names of the table of metrics."""
        told = measures.measured(self._engine, self._clock, self._inbox.conflated)
        return [*told, *measures.earned(self._profit.earned)]

    def health(self) -> Condition:
        """Return how well the book is; asks nobody outside."""
        return measures.condition(self._engine, self._clock)

    def operate(self, verb: Verb, reason: str, who: str, everything: bool) -> Mapping[str, Any]:
        """Carry an operator's order out; it holds, in memory and on disk, when this returns."""
        pulled = self._engine.brake.pulled() if verb in (Verb.ARM, Verb.ADOPT) else None
        if pulled is not None:
            raise PermissionRefused(f"{verb}: the brake is pulled ({pulled}); take it away first")
        halted = self._engine.state.mode is TradingState.HALTED
        if halted and verb in (Verb.RESUME, Verb.REDUCE):
            must = f"{verb}: the book is halted ({self._engine.state.mode_reason}); arm it first"
            raise PermissionRefused(must)
        ended = self._engine.state.unproven if verb is Verb.ARM else ()
        before = str(self._engine.state.mode)
        words = self._inbox.plain(reason)
        self._engine.command(Operator(self._clock.now(), verb, words, who, everything, ended))
        told = {"verb": str(verb), "before": before, "state": str(self._engine.state.mode)}
        return told | ({"ended": list(ended)} if ended else {})


def _order(order: Order) -> dict[str, Any]:
    return {
        "client_order_id": order.submit.client_order_id,
        "instrument": order.submit.instrument,
        "quantity": str(order.submit.quantity),
        "filled": str(order.filled),
        "state": str(order.state),
        "evidence": order.evidence,
        "sent_at": order.sent_at,
        "open": order.open,
    }


def _brief(decision: Decision) -> dict[str, Any]:
    return {
        "seq": decision.sequence,
        "ts": decision.ts,
        "underlying": decision.underlying,
        "action": str(decision.action),
        "reason": str(decision.reason),
        "net_delta": decision.net_delta,
        "instrument": decision.instrument,
        "quantity": None if decision.allowed is None else str(decision.allowed),
        "price": None if decision.limit_price is None else str(decision.limit_price),
        "client_order_id": decision.client_order_id,
    }


def _hedge_leg(state: State, name: str) -> dict[str, Any]:
    instrument = state.instruments[name]
    funding = state.markets.funding.get(name)
    daily = None if funding is None else funding.rate * 86_400 * SECOND / funding.interval
    position = state.ledger.position(instrument.venue, name)
    return {
        "instrument": name,
        "quantity": str(position.quantity),
        "funding_per_day": daily,
    }
