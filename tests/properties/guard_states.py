"""Random states of a guarded book, one decision each, judged by rules of their own.

    python -m tests.properties.guard_states 1000000

What must hold is worked out here from what was put into the state, with
formulas of a schoolbook and none of the program's: no order leaves that a guard
refuses, no fact that is missing, stale or absurd lets anything grow, and an
account near its liquidation has its hedge cut whatever its net delta.
"""

import random
import sys
import time
from dataclasses import dataclass, replace
from decimal import Decimal

from rebalancer.core import counters, hedger
from rebalancer.core.commands import Purpose, Submit
from rebalancer.core.decision import Action, Decision
from rebalancer.core.events import Tick
from rebalancer.core.figures import LegFigures, MarginTold, PoolFigures
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.memory import Memory
from rebalancer.core.positions import Position
from tests.scenarios.desk import (
    BTC,
    COINS,
    DOLLARS,
    ETHER,
    GUARDED,
    LINEAR,
    PERP,
    SECOND,
    SPOT,
    build,
    margined,
)

D = Decimal
VENUE = "binanceusdm"
PARAMS = margined(
    replace(GUARDED, underlyings={"BTC": replace(BTC, hedge_buy=(LINEAR,), hedge_sell=(LINEAR,))}),
    leverage=10.0,
)
BARE = replace(PARAMS, terms={VENUE: replace(PARAMS.terms[VENUE], schedule=None)})
REDUCE_DISTANCE, REDUCE_RATIO, RATE = 0.15, 0.60, 0.005


@dataclass
class Drawn:
    """What was put into a state."""

    price: float
    held: float  # contracts of the linear perpetual, coins
    other: float  # notional of another coin's perpetual in the same pool, USD, signed
    balance: float  # of its account, USDT
    figures: str  # fresh, stale, absurd or none
    funding: str  # fresh, none
    index: str  # fresh or stale
    quote: str  # fresh, stale, crossed, wide or none
    read: str  # fresh or none
    tiers: str  # fresh or none
    mark: str  # fresh or stale
    mode: TradingState
    killed: bool
    turnover: float  # USD of the day


def draw(rng: random.Random) -> Drawn:
    """Return a random state; most facts are there most of the time."""

    def mostly(good: str, *others: str) -> str:
        return good if rng.random() < 0.85 else rng.choice(others)

    price = rng.uniform(20_000, 150_000)
    held = rng.choice([0.0, 0.0, rng.uniform(-15, 15)])
    held = round(held, 3)
    other = round(rng.choice([0.0, 0.0, rng.uniform(-1.5, 1.5)]) * (held or 5.0), 3) * price
    modes = [TradingState.REDUCING, TradingState.PAUSED, TradingState.HALTED]
    return Drawn(
        price=price,
        held=held,
        other=other,
        balance=abs(held or 5.0) * price * rng.choice([0.05, 0.15, 0.3, 1.0]) * rng.uniform(0.5, 2),
        figures=mostly("fresh", "stale", "absurd", "none"),
        funding=mostly("fresh", "none"),
        index=mostly("fresh", "stale"),
        quote=mostly("fresh", "stale", "crossed", "wide", "none"),
        read=mostly("fresh", "none"),
        tiers=mostly("fresh", "none"),
        mark=mostly("fresh", "stale"),
        mode=TradingState.ACTIVE if rng.random() < 0.8 else rng.choice(modes),
        killed=rng.random() < 0.03,
        turnover=rng.choice([0.0, 0.0, 9.9e6, 2e7]),
    )


class Campaign:
    """One desk that is put into one random state after another.

    Args:
        seed: Of all that is drawn.
    """

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.desk = build(PARAMS, [(DOLLARS, "1000000"), (COINS, "0"), (SPOT, "0.001")])
        self.decided: dict[str, int] = {}

    def one(self) -> list[str]:
        """Put the desk into a random state, let it decide, return what does not hold."""
        drawn = draw(self.rng)
        coins = self.rng.choice([-drawn.held, -drawn.held + self.rng.uniform(-8, 8)])
        params = PARAMS if drawn.tiers == "fresh" else BARE
        self.desk.state.margins._params = params
        self._put(drawn, coins)
        outcome = hedger.step(self.desk.state, Tick(self.desk.now), params)
        decision = outcome.decisions[-1]
        orders = [each for each in outcome.commands if isinstance(each, Submit)]
        kind = f"{decision.action}:{decision.reason}"
        self.decided[kind] = self.decided.get(kind, 0) + 1
        return [f"{wrong}; {drawn}; {decision}" for wrong in judge(drawn, coins, decision, orders)]

    def _put(self, drawn: Drawn, coins: float) -> None:
        desk, state = self.desk, self.desk.state
        desk.now += 3600 * SECOND
        state.now = desk.now
        state.orders.clear()
        state._open.clear()
        state.memory["BTC"] = Memory(started_at=desk.now)
        state.prices._memory["BTC"] = state.memory["BTC"]
        state.ladders.clear()
        state.behaviour.turnover = counters.Counter()
        state.behaviour.ordered.clear()
        state.behaviour.awaited.clear()
        state.behaviour.performance.last = None
        state.behaviour.performance.opened = state.behaviour.performance.profit
        state.behaviour.performance.best = state.behaviour.performance.profit
        state.standing.halted.clear()
        state.standing.limited.clear()
        self._hold(drawn, coins)
        self._tell(drawn)
        state.standing.latched = drawn.mode is TradingState.HALTED
        state.standing.killed = drawn.killed
        state.standing.asked = TradingState.ACTIVE if state.standing.latched else drawn.mode
        state.worths = None

    def _hold(self, drawn: Drawn, coins: float) -> None:
        state, ledger = self.desk.state, self.desk.state.ledger
        ledger.positions.clear()
        quantity, price = D(str(drawn.held)), D(repr(drawn.price))
        if quantity:
            ledger.positions[VENUE, LINEAR] = Position(quantity, quantity * price, quantity)
        if drawn.other:
            size = D(str(round(drawn.other / drawn.price, 3)))
            ledger.positions[VENUE, ETHER] = Position(size, size * price, size)
        if round(coins, 3):
            amount = D(str(round(coins, 3)))
            ledger.positions["binance", SPOT] = Position(amount, amount * price, D(0))
        ledger.cash.clear()
        ledger.cash[VENUE, "USDT"] = D(repr(drawn.balance))
        ledger.cash["binance", "USDT"] = D(5_000_000)
        ledger.version += 1
        if drawn.turnover:
            counters.add(state.behaviour.turnover, self.desk.now, D(drawn.turnover))

    def _tell(self, drawn: Drawn) -> None:
        """Let the markets and the venue say what was drawn, through the door of every event."""
        desk, state, old = self.desk, self.desk.state, self.desk.now - 1000 * SECOND
        state.markets.advanced.clear()
        for shelf in ("quotes", "marks", "indexes", "funding"):
            getattr(state.markets, shelf).clear()
        state.accounts.read.clear()
        state.margins.cushions.told.clear()
        state.margins.cushions.faults.clear()
        state.margins.cushions.booked.clear()
        desk.price = drawn.price
        if drawn.read == "fresh":
            for account in PARAMS.accounts:
                state.accounts.read[account] = desk.now
        self._at(old if drawn.mark == "stale" else desk.now, lambda: desk.mark(LINEAR), state)
        self._at(desk.now, lambda: desk.mark(PERP), state)
        self._at(desk.now, lambda: desk.mark(ETHER), state)
        if drawn.quote != "none":
            spread = {"crossed": -0.001, "wide": 0.03}.get(drawn.quote, 0.0001)
            bid, ask = drawn.price * (1 - spread / 2), drawn.price * (1 + spread / 2)
            when = old if drawn.quote == "stale" else desk.now
            self._at(when, lambda: desk.quote(LINEAR, bid, ask), state)
        if drawn.funding == "fresh":
            self._at(desk.now, lambda: desk.funding(0.0001), state)
        self._at(old if drawn.index == "stale" else desk.now, desk.index, state)
        self._figures(drawn)
        state.orders.clear()
        state._open.clear()
        state.memory["BTC"] = Memory(started_at=desk.now, settled=drawn.price)
        state.prices._memory["BTC"] = state.memory["BTC"]
        state.ladders.clear()
        state.behaviour.ordered.clear()

    def _at(self, ts, tell, state) -> None:
        """Tell an event as of a time, deciding nothing."""
        now, self.desk.now = self.desk.now, ts
        told = []
        self.desk.take, take = told.append, self.desk.take
        try:
            tell()
        finally:
            self.desk.take, self.desk.now = take, now
        state.apply(told[0])

    def _figures(self, drawn: Drawn) -> None:
        if drawn.figures == "none":
            return
        now = self.desk.now
        asked = now - 100 * SECOND if drawn.figures == "stale" else now
        balance = D("NaN") if drawn.figures == "absurd" else D(repr(drawn.balance))
        own, other = abs(drawn.held) * drawn.price, abs(drawn.other)
        notional = own + other
        pool = PoolFigures(
            "USDT", balance, balance, D(repr(RATE * notional)), D(repr(notional / 10))
        )
        told = [(LINEAR, own)] * bool(own) + [(ETHER, other)] * bool(other)
        legs = tuple(LegFigures(name, D(repr(RATE * size))) for name, size in told)
        self.desk.state.apply(MarginTold(now, asked, VENUE, (pool,), legs))


def judge(drawn: Drawn, coins: float, decision: Decision, orders: list[Submit]) -> list[str]:
    """Return what does not hold of a decision."""
    wrong = []
    for order in orders:
        capped = min((each.allows for each in decision.verdicts), default=D(0))
        if abs(order.quantity) > capped:
            wrong.append("an order left that a guard refuses")
        after = drawn.held + float(order.quantity)
        if abs(after) > abs(drawn.held) or after * drawn.held < 0:
            wrong += [f"grew although {fact}" for fact in missing(drawn)]
            wrong += thin(drawn, after)
            wrong += unpaid(drawn, coins, order)
        if drawn.killed:
            wrong.append("an order left after a kill")
    cuts = [order for order in orders if order.purpose is Purpose.PROTECT]
    if must_cut(drawn) and not cuts:
        wrong.append("near liquidation, and nothing was cut")
    if any(order.quantity * D(str(drawn.held)) >= 0 for order in cuts):
        wrong.append("a cut did not close")
    inside = abs(drawn.held + coins) <= 0.05
    if inside and [each for each in orders if each not in cuts]:
        wrong.append("a hedge left inside the band")
    if decision.action is Action.ORDER and not orders:
        wrong.append("an order was decided and none left")
    return wrong


def missing(drawn: Drawn) -> list[str]:
    """Return the facts that are missing, stale or absurd, and that growth must have."""
    facts = {
        "figures": drawn.figures,
        "index": drawn.index,
        "quote": "fresh" if drawn.quote == "wide" else drawn.quote,
        "read": drawn.read,
        "tiers": drawn.tiers,
    }
    return [f"{name} were {word}" for name, word in facts.items() if word != "fresh"]


def unpaid(drawn: Drawn, coins: float, order: Submit) -> list[str]:
    """Return a word where funding nobody told let more grow than net delta must have."""
    net, size = drawn.held + coins, abs(float(order.quantity))
    closing = min(size, abs(drawn.held)) if drawn.held * float(order.quantity) < 0 else 0.0
    spared = max(closing, abs(net) - 2.0, 0.0)
    if drawn.funding == "none" and size > spared + 0.0011:
        return ["funding nobody told let it grow"]
    return []


def thin(drawn: Drawn, after: float) -> list[str]:
    """Return a word where an order leaves the account nearer to liquidation than REDUCE begins."""
    if min(distances(drawn, after).values()) < REDUCE_DISTANCE:
        return ["the account is thin after it"]
    return []


def distances(drawn: Drawn, held: float) -> dict[str, float]:
    """Return how far price may move against linear positions, fraction: school algebra.

    When the coin of `held` moves alone, the other alone, and both by the same fraction.
    """
    own, other = held * drawn.price, drawn.other
    return {
        "own": distance(drawn.balance, (own,), (other,)),
        "other": distance(drawn.balance, (other,), (own,)),
        "both": distance(drawn.balance, (own, other), ()),
    }


def distance(balance: float, moving: tuple[float, ...], resting: tuple[float, ...]) -> float:
    """Return the move up or down, fraction, after which balance is as small as maintenance.

    Args:
        balance: USD, at the prices of now.
        moving: Notionals that move, USD, + is long.
        resting: Notionals that do not.
    """
    gain = sum(moving)  # USD per unit of move
    needs = RATE * sum(abs(each) for each in moving)  # at no move, and as much again per unit
    spare = balance - needs - RATE * sum(abs(each) for each in resting)
    if spare < 0:
        return 0.0
    losses = (needs - gain, gain - needs)  # of spare, USD per unit of a move up, and down
    return min((spare / each for each in losses if each > 0), default=float("inf"))


def must_cut(drawn: Drawn) -> bool:
    """Whether an account is so near its liquidation, and so well known, that its hedge is cut.

    By moves that its own coin makes worse: a hedge against the other coin's fall may stay.
    """
    if not drawn.held or drawn.killed or drawn.figures != "fresh" or drawn.read != "fresh":
        return False
    if drawn.mark == "stale" and drawn.index == "stale":
        return False
    if drawn.tiers != "fresh":
        return False
    if drawn.other * drawn.held < 0:
        return False  # a cut of one may bare the other
    found = distances(drawn, drawn.held)
    ratio = RATE * (abs(drawn.held * drawn.price) + abs(drawn.other)) / drawn.balance
    near = min(found["own"], found["both"]) < REDUCE_DISTANCE - 1e-4
    return near or ratio > REDUCE_RATIO + 1e-4


def run(count: int, seed: int) -> tuple[list[str], dict[str, int]]:
    """Return what did not hold in `count` states, and how often each decision was made."""
    campaign, wrong = Campaign(seed), list[str]()
    for _ in range(count):
        wrong += campaign.one()
    return wrong, campaign.decided


def main() -> int:
    """Run a campaign and print what came of it; 1 when something does not hold."""
    count, begun = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, time.perf_counter()
    wrong, decided, done, seed = list[str](), dict[str, int](), 0, 0
    while done < count:
        found, kinds = run(min(10_000, count - done), seed)
        wrong += found
        for kind, times in kinds.items():
            decided[kind] = decided.get(kind, 0) + times
        done, seed = done + 10_000, seed + 1
        pace = done / (time.perf_counter() - begun)
        print(f"{min(done, count):,} states, {len(wrong)} wrong, {pace:,.0f} a second", flush=True)
    for kind, times in sorted(decided.items(), key=lambda each: -each[1]):
        print(f"{times:10,}  {kind}")
    for line in wrong[:10]:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
