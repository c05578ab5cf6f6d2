"""Every guard on one intent, and the stress grid of a thousand options, beside naive twins.

The guards' twin works the margin after an order out the way one would write it
first: a loop over a hundred prices in Python for each of the two questions
(before, after), and nothing else; ours asks all guards. The grid's twin
revalues option by option, cell by cell, with `math.erf`. Both pairs run
alternately in one process; the ratio counts, microseconds are of this machine.

    python benchmarks/guards.py [--rounds 300] [--options 1000]
"""

import argparse
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import numpy as np

from rebalancer.core import counters, gate, hedger, intents, pricing
from rebalancer.core.events import Index, OptionMark, PositionReport
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.state import State
from rebalancer.core.stress import SPOTS, VOLS, measure_grid
from tests.scenarios import desk as desks

DAY = 86_400 * 10**9
PRICE = 100_000.0
RATE = 0.005


def guarded() -> tuple[State, object, object, object]:
    """Return a desk with every guard set, and an intent that all of them must look at."""
    params = desks.margined(desks.GUARDED, leverage=20.0)
    desk = desks.build(
        params,
        [(desks.DOLLARS, "2000000"), (desks.LINEAR, "-5", "hedge"), (desks.SPOT, "5")],
    )
    desk.funding(0.0001)
    desk.figures(2_000_000, 2_500, 25_000)
    told = desk.state.behaviour
    for counter in (told.turnover, told.fees, told.funding):  # as after a day of trading
        for back in range(288):
            counters.add(counter, desk.now - back * counters.BUCKET, Decimal("0.001"))
    desk.market()
    desk.index(venue="binanceusdm")
    own = params.underlyings["BTC"]
    view = hedger.view_of(desk.state, own)
    instrument = desk.state.instruments[desks.LINEAR]
    intent = intents.to_hedge(desk.state, params, view, instrument, Decimal("-1.25"))
    return desk.state, params, view, intent


def naive_margin(held: float, balance: float, more: float) -> bool:
    """Return whether an account stays clear, price by price, before an order and after it."""
    clear = True
    for size in (held, held + more):
        for step in range(-50, 51):
            price = PRICE * (1 + step / 100)
            gap = balance + size * (price - PRICE) - RATE * abs(size) * price
            if abs(step) <= 22 and gap < 0:
                clear = False
    return clear


def book(count: int) -> tuple[State, object]:
    """Return a book of options whose grid can be worked out."""
    draw = np.random.Generator(np.random.PCG64(count))
    options, vols = [], []
    for number in range(count):
        days = (1, 2, 3, 7, 14, 21, 30, 60, 90, 180, 270, 365)[number % 12]
        away = float(draw.normal(0, 0.6)) * math.sqrt(days / 365)
        strike = round(PRICE * math.exp(away) / 500) * 500 + number // 400
        sign = 1 if number % 2 else -1
        name = f"deribit:BTC-{number}-{strike}-{'C' if sign > 0 else 'P'}"
        expiry = desks.START + days * DAY
        options.append(
            Instrument(
                name,
                Kind.OPTION,
                "BTC",
                "BTC",
                expiry=expiry,
                strike=Decimal(strike),
                sign=sign,
            )
        )
        vols.append(float(draw.uniform(0.4, 0.9)))
    known = {**desks.INSTRUMENTS, **{each.id: each for each in options}}
    params = replace(desks.PARAMS, accounts=("deribit", "binanceusdm"))
    state = State(known, params, desks.START)
    state.apply(Index(desks.START, desks.START, "deribit", "BTC", Decimal(100_000)))
    for option, vol in zip(options, vols, strict=True):
        told = PositionReport(desks.START, None, "deribit", option.id, Decimal(-1))
        state.adopt(told, Decimal("0.05"), hedge=False)
        state.apply(marked(option, vol))
    if state.book("BTC").missing:
        raise SystemExit("every option must be valued, or nothing is measured")
    return state, params


def marked(option: Instrument, vol: float) -> OptionMark:
    """Return a mark whose vol and price are of one option: others are not believed."""
    years = ((option.expiry or 0) - desks.START) / (365 * 86_400 * 10**9)
    dollars = pricing.price(PRICE, float(option.strike or 0), years, vol, option.sign)
    price = Decimal(str(round(float(dollars) / PRICE, 6)))
    return OptionMark(desks.START, desks.START, option.id, price, vol, PRICE)


def naive_grid(state: State) -> float:
    """Revalue every option in every cell of the grid, one after the other."""
    lines, total = state.book("BTC").options, 0.0
    rows = list(
        zip(
            lines.strike.tolist(),
            lines.expiry.tolist(),
            lines.sign.tolist(),
            lines.vol.tolist(),
            lines.coins.tolist(),
            strict=True,
        )
    )
    for move in SPOTS.tolist():
        for shock in VOLS.tolist():
            forward = PRICE * (1 + move)
            for strike, expiry, sign, vol, coins in rows:
                years = (expiry - desks.START) / (365 * DAY)
                spread = vol * (1 + shock) * math.sqrt(years)
                upper = math.log(forward / strike) / spread + spread / 2
                slope = 0.5 * (1 + math.erf(sign * upper / math.sqrt(2)))
                other = 0.5 * (1 + math.erf(sign * (upper - spread) / math.sqrt(2)))
                total += coins * sign * (forward * slope - strike * other)
    return total


def alternate(ours: Callable[[], object], twin: Callable[[], object], rounds: int) -> tuple:
    """Return the median seconds of each, run in turns."""
    took: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for call, times in ((ours, took[0]), (twin, took[1])):
            begun = time.perf_counter()
            call()
            times.append(time.perf_counter() - begun)
    return statistics.median(took[0]), statistics.median(took[1])


def main() -> None:
    """Print both pairs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--options", type=int, default=1_000)
    told = parser.parse_args()
    state, params, view, intent = guarded()
    verdicts = gate.judge(state, params, view, intent)
    ours, twin = alternate(
        lambda: gate.judge(state, params, view, intent),
        lambda: naive_margin(-5.0, 2_000_000.0, -1.25),
        told.rounds,
    )
    print(f"all {len(verdicts)} guards, one decision   {ours * 1e6:8.1f} µs")
    print(f"naive margin alone           {twin * 1e6:8.1f} µs   ours ÷ twin {ours / twin:.2f}")
    state, params = book(told.options)
    own = params.underlyings["BTC"]
    ours, twin = alternate(
        lambda: measure_grid(state, params, own),
        lambda: naive_grid(state),
        max(told.rounds // 60, 3),
    )
    cells = f"{len(SPOTS)} × {len(VOLS)} × {told.options:,}"
    print(f"stress grid {cells}     {ours * 1e3:8.2f} ms")
    print(f"naive grid                   {twin * 1e3:8.2f} ms   twin ÷ ours {twin / ours:.1f}")


if __name__ == "__main__":
    main()
