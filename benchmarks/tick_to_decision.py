"""From a decoded tick to a decision, at 10 to 10,000 held options, beside a naive scalar twin.

Both take the same index ticks and answer the same question: what is net delta,
and is it inside the band? Ours is the whole of `hedger.step`: the tick is
written down, every holding revalued at its own time to expiry, the band
placed, the decision made. The twin is what one would write first: a Python
loop over the options with `math.erf`, the same formulas and the same ages.
They run alternately in one process; the figure that counts is the ratio.

    python benchmarks/tick_to_decision.py [--ticks 400]
"""

import argparse
import math
import statistics
import time
from collections.abc import Callable
from decimal import Decimal

import numpy as np

from rebalancer.core import hedger, pricing
from rebalancer.core.events import Index, OptionMark, PositionReport, Quote
from rebalancer.core.guards.trading_state import TradingState
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.params import (
    BandKind,
    BandParams,
    CollarParams,
    Numeraire,
    OrderParams,
    Params,
    StalenessParams,
    UnderlyingLimits,
    UnderlyingParams,
)
from rebalancer.core.state import State

SIZES = (10, 100, 1_000, 10_000)
SECOND = 1_000_000_000
DAY = 86_400 * SECOND
YEAR = 365 * DAY
START = 1_770_000_000 * SECOND
PRICE = 100_000.0
PERPETUAL = Instrument(
    "deribit:BTC-PERPETUAL", Kind.PERPETUAL, "BTC", "BTC", Decimal(1), Decimal(10), Decimal(10)
)


def book(count: int) -> tuple[list[Instrument], list[Decimal], list[float]]:
    """Return `count` inverse options, their quantities and their vols; twelve expiries, a smile."""
    draw = np.random.Generator(np.random.PCG64(count))
    options, quantities, vols = [], [], []
    for number in range(count):
        days = (1, 2, 3, 7, 14, 21, 30, 60, 90, 180, 270, 365)[number % 12]
        away = float(draw.normal(0, 0.6)) * math.sqrt(days / 365)
        strike = round(PRICE * math.exp(away) / 500) * 500 + number // 400
        sign = 1 if number % 2 else -1
        name = f"deribit:BTC-{number}-{strike}-{'C' if sign > 0 else 'P'}"
        options.append(
            Instrument(
                name,
                Kind.OPTION,
                "BTC",
                "BTC",
                Decimal(1),
                Decimal("0.1"),
                Decimal("0.1"),
                Decimal("0.0001"),
                START + days * DAY,
                Decimal(strike),
                sign,
            )
        )
        quantities.append(Decimal(round(float(draw.normal(0, 30)))) / 10 or Decimal("0.1"))
        vols.append(0.6 + 0.3 * away * away)
    return options, quantities, vols


def params() -> Params:
    """Return settings of a book whose band is never left, so that every tick is weighed alike."""
    band = BandParams(BandKind.FIXED, -1e6, 1e6, 0.0)
    hedge = (PERPETUAL.id,)
    limits = UnderlyingLimits(1.0, 50.0, 1e6)
    own = UnderlyingParams("BTC", Numeraire.USD, 0.0, 1.0, hedge, hedge, band, limits)
    day = StalenessParams(DAY, DAY, DAY, DAY)
    deadlines = OrderParams(5 * SECOND, SECOND // 2, 10 * SECOND, 3, 60 * SECOND)
    return Params(
        "bench", ("deribit",), 1, {"BTC": own}, day, CollarParams(0.003), deadlines, 60 * SECOND, {}
    )


def marked(option: Instrument, vol: float, forward: float) -> OptionMark:
    """Return a mark whose vol and price are of one option: others are not believed."""
    years = ((option.expiry or 0) - START) / (365 * DAY)
    dollars = pricing.price(forward, float(option.strike or 0), years, vol, option.sign)
    price = Decimal(str(round(float(dollars) / forward, 6)))
    return OptionMark(START, START, option.id, price, vol, forward)


def prepared(count: int) -> tuple[State, Params]:
    """Return a book of `count` options that knows every price."""
    options, quantities, vols = book(count)
    told = params()
    state = State({each.id: each for each in (*options, PERPETUAL)}, told, START)
    state.activate(TradingState.ACTIVE, "benchmark")
    price = Decimal(int(PRICE))
    hedger.step(state, Index(START, START, "deribit", "BTC", price), told)
    for option, quantity, vol in zip(options, quantities, vols, strict=True):
        report = PositionReport(START, START, "deribit", option.id, quantity)
        state.adopt(report, Decimal("0.01"), hedge=False)
        state.apply(marked(option, vol, PRICE * 1.001))
    if state.book("BTC").missing:
        raise SystemExit("every option must be valued, or nothing is measured")
    quote = Quote(START, START, PERPETUAL.id, price, Decimal(10), price + 1, Decimal(10))
    hedger.step(state, quote, told)
    return state, told


def ours(count: int) -> Callable[[Index], float]:
    """Return the program's own way from tick to decision."""
    state, told = prepared(count)

    def decide(tick: Index) -> float:
        return hedger.step(state, tick, told).decisions[0].net_delta

    return decide


def twin(count: int) -> Callable[[Index], float]:
    """Return the naive way: one option after the other."""
    options, quantities, vols = book(count)
    lines = [
        (float(quantity), float(option.strike or 0), option.expiry or 0, option.sign, vol)
        for option, quantity, vol in zip(options, quantities, vols, strict=True)
    ]

    def decide(tick: Index) -> float:
        spot, net = float(tick.price), 0.0
        for quantity, strike, expiry, sign, vol in lines:
            spread = vol * math.sqrt((expiry - tick.ts_local) / YEAR)
            d1 = math.log(spot * 1.001 / strike) / spread + spread / 2
            net += quantity * sign * 0.5 * (1 + math.erf(sign * d1 / math.sqrt(2)))
        inside = -1e6 <= net <= 1e6
        return net if inside else float("nan")

    return decide


def measure(count: int, ticks: int) -> tuple[float, float, float]:
    """Return (median µs ours, median µs twin, worst disagreement in coins)."""
    rivals = (ours(count), twin(count))
    spent: tuple[list[float], list[float]] = ([], [])
    apart = 0.0
    for number in range(ticks):
        ts = START + SECOND + number * SECOND // 100
        tick = Index(ts, ts, "deribit", "BTC", Decimal(int(PRICE) + number % 97))
        found = []
        for rival, times in zip(rivals, spent, strict=True):
            began = time.perf_counter_ns()
            found.append(rival(tick))
            times.append((time.perf_counter_ns() - began) / 1000)
        apart = max(apart, abs(found[0] - found[1]))
    return statistics.median(spent[0]), statistics.median(spent[1]), apart


def main() -> None:
    """Print one line a book size."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--ticks", type=int, default=400)
    ticks = asked.parse_args().ticks
    print(f"{'options':>8} {'ours µs':>10} {'twin µs':>10} {'ratio':>8} {'apart, coins':>14}")
    for count in SIZES:
        own, naive, apart = measure(count, max(ticks // max(count // 1000, 1), 20))
        print(f"{count:8,} {own:10.1f} {naive:10.1f} {own / naive:8.3f} {apart:14.1e}")


if __name__ == "__main__":
    main()
