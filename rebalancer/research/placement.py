"""Placement: a short hedge over the contracts of three venues, by our rule and by simpler ones.

One coin is held and hedged by a short perpetual of its worth, made whole at
every settlement. It may stand at any of six contracts: at Binance, Bybit and
OKX, settled in dollars or in the coin. It stays at one; or it is placed by the
rule of `core/funding.py`, whose parameters are those that a daemon begins with;
or it runs to wherever the last settlement was kindest; or it goes where hindsight
would have put it. Carry is USD a year for a million, moves paid; the error is what
coin and contract stray from one another between settlements.

    python -m rebalancer.research.placement FOLDER --json placement.json
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from rebalancer.core.funding import DAY, HOUR, Rule, Terms
from rebalancer.errors import Defect, RebalancerError, UsageError
from rebalancer.recordings import bars, funding
from rebalancer.recordings.table import Floats
from rebalancer.research import asking, stretches, switching
from rebalancer.research.settlements import AFTER, Prices, Settlements, priced, together
from rebalancer.research.stretches import COINS, Read
from rebalancer.research.switching import Leg, Walk

NOTIONAL = 1_000_000.0  # USD
RULE, CHASE, BEST = "our rule", "cheapest now", "best in hindsight"
TINY = 1e-9  # fraction of notional: sums differ in their last bits
START, MIDDLE, END = "2023-01-01", "2023-10-01", "2024-07-02"
PANEL = "timeseries/spot_perp_funding_8h_binance_bybit_okx_2023_2024.parquet"
VENUES = ("binance", "bybit", "okx")
ASSUMED = (
    "A short of 1,000,000 USD, made whole at every settlement; its first entry costs nobody",
    "It begins at Binance's dollar contract; the best in hindsight begins where it likes",
    "A choice knows what was settled by then and nothing later",
    "The parameters were chosen with the dollar contracts before 2023-10, and nothing later",
    "Bybit and OKX are priced four hours after a settlement, Binance at it",
)


@dataclass(frozen=True, slots=True)
class Placed:
    """What a way of placing brought in a part of the time."""

    usd_per_year: float  # carry of a million, moves paid
    moves: int
    moves_per_year: float  # USD paid for them
    saved: float  # USD a year against the contract that it begins at
    error_bp: float  # standard deviation of coin and contract together, bp of notional a tick
    effectiveness: float  # share of the coin's variance that the hedge removed


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one coin."""

    coin: str
    placed: Mapping[str, Mapping[str, Placed]]  # part → way → what it brought


def read(folder: Path, coin: str) -> Read:
    """Return the settlements and prices of a coin's six contracts.

    Raises:
        DataError: The file cannot be trusted.
        UsageError: It is Parquet and pyarrow is not installed.
    """
    panel = str(folder / PANEL)
    pairs = {
        **{name: f"{panel}?exchange={name}&pair={coin}USDT" for name in VENUES},
        **{f"{name} coin": f"{panel}?exchange={name}&pair={coin}USDCM" for name in VENUES},
    }
    start, middle, end = (stretches.nanoseconds(day) for day in (START, MIDDLE, END))
    told = together({name: funding.read(each) for name, each in pairs.items()}, start, end)
    coins = {name: f"{panel}?exchange={name.split()[0]}&pair={coin}/USDT" for name in pairs}
    spot, perpetual = (
        {name: _bars(name, each) for name, each in sources.items()} for sources in (coins, pairs)
    )
    after = {name: 0 for name in pairs if name.startswith(VENUES[0])}
    told = replace(told, prices=priced(told, spot, perpetual, after))
    first, second = (int(place) for place in np.searchsorted(told.ts, (start, middle)))
    return Read(told, first, second)


def _bars(name: str, source: str) -> bars.Bars:
    """Return bars at the times that they are of: those of two venues are stamped late."""
    told = bars.read(source)
    return told if name.startswith(VENUES[0]) else replace(told, ts=told.ts - AFTER)


def study(told: Read, coin: str, rule: Rule, leg: Leg) -> Outcome:
    """Play every way of placing over the whole time and over its halves.

    Raises:
        Defect: Hindsight earned less than another way did.
    """
    foreseen = switching.foresee(told.settlements, Terms(), rule.horizon)
    placed = {}
    for name, places in stretches.parts(told).items():
        part = stretches.cut(told, places)
        walks = ways(part, foreseen[slice(*places)], rule, leg)
        first = _carry(part, walks[f"always {part.venues[0]}"])
        placed[name] = {way: _placed(part, walk, first) for way, walk in walks.items()}
    return Outcome(coin, placed)


def ways(
    told: Settlements, foreseen: switching.Foreseen, rule: Rule, leg: Leg
) -> Mapping[str, Walk]:
    """Return the path of each way of placing by its name.

    Raises:
        Defect: Hindsight earned less than another way did.
    """
    found = {
        **{f"always {name}": switching.stay(told, i, leg) for i, name in enumerate(told.venues)},
        RULE: switching.follow(told, foreseen, rule, leg),
        CHASE: switching.chase(told, leg),
        BEST: switching.hindsight(told, leg),
    }
    most = found[BEST].earned[-1]
    for name, walk in found.items():
        if walk.earned[-1] > most + TINY:
            raise Defect(f"{BEST}: must earn what {name} does ({walk.earned[-1]}), was {most}")
    return found


def _carry(told: Settlements, walk: Walk) -> float:
    return float(walk.earned[-1]) * NOTIONAL / told.years


def _placed(told: Settlements, walk: Walk, first: float) -> Placed:
    if told.prices is None:
        raise Defect("placement: must have prices, was none")
    inverse = np.array([name.endswith(" coin") for name in told.venues])
    error, coin = strayed(told.prices, walk.held, inverse)
    known = np.isfinite(error) & np.isfinite(coin)
    left, there = (float(np.var(each[known], ddof=1)) for each in (error, coin))
    carry = _carry(told, walk)
    return Placed(
        usd_per_year=carry,
        moves=walk.flips,
        moves_per_year=float(walk.paid.sum()) * NOTIONAL / told.years,
        saved=carry - first,
        error_bp=1e4 * left**0.5,
        effectiveness=1.0 - left / there,
    )


def strayed(
    prices: Prices, held: NDArray[np.int64], inverse: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Return what coin and short contract gained together, and the coin alone, a tick each.

    Fractions of the notional, shape (n − 1,). Both are priced at the venue where the
    contract stands, at one time. A contract that settles in the coin earns coins,
    which are worth what the coin is by then.

    Args:
        prices: Of every contract and its venue's spot market.
        held: Where the leg stands from a tick to the next, shape (n,).
        inverse: Which contracts settle in the coin, shape (contracts,).
    """
    rows, here = np.arange(len(held) - 1), held[:-1]
    grown = prices.spot[rows + 1, here] / prices.spot[rows, here]
    hedge = prices.perpetual[rows + 1, here] / prices.perpetual[rows, here]
    short = np.where(inverse[here], grown * (1.0 / hedge - 1.0), 1.0 - hedge)
    return grown - 1.0 + short, grown - 1.0


# --- what is told -------------------------------------------------------------


def result(outcomes: Sequence[Outcome], rule: Rule, leg: Leg) -> Mapping[str, Any]:
    """Return all of it as one JSON document."""
    return {
        "notional": NOTIONAL,
        "cost_per_move": 2 * leg.cost,
        "horizon_days": rule.horizon / DAY,
        "factor": rule.factor,
        "penalty": rule.penalty,
        "tick_hours": 8 * HOUR / HOUR,
        "from": START,
        "second_half_from": MIDDLE,
        "to": END,
        "assumed": ASSUMED,
        "coins": {
            each.coin: {
                part: {way: asdict(told) for way, told in found.items()}
                for part, found in each.placed.items()
            }
            for each in outcomes
        },
    }


def drawn(outcome: Outcome, part: str) -> Table:
    """Return the table of a part for a terminal."""
    title = f"{outcome.coin}, {part}: USD a year per million short"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("placed")
    for head in ("carry", "saved", "moves", "for moves", "error bp/8h", "effectiveness"):
        table.add_column(head, justify="right")
    for way, told in outcome.placed[part].items():
        cells = [f"{told.usd_per_year:,.0f}", f"{told.saved:+,.0f}", str(told.moves)]
        cells += [f"{told.moves_per_year:,.0f}", f"{told.error_bp:.2f}"]
        cells += [f"{told.effectiveness:.5f}"]
        table.add_row(way, *cells, style="bold" if way == RULE else None)
    return table


# --- command ------------------------------------------------------------------


def run(folder: Path, rule: Rule, leg: Leg, done: Callable[[], object]) -> tuple[Outcome, ...]:
    """Play every coin; `done` is called after each.

    Raises:
        DataError: The file cannot be trusted.
    """
    found = []
    for coin in COINS:
        found.append(study(read(folder, coin), coin, rule, leg))
        done()
    return tuple(found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables and write what was asked for; return the exit code."""
    told = _parser().parse_args(arguments)
    rule = Rule(round(told.horizon * DAY), told.factor, told.penalty)
    leg = Leg(-1, (told.taker + told.half_spread) / 1e4)
    try:
        if not told.folder.is_dir():
            raise UsageError(f"FOLDER: must be a folder, was {told.folder}")
        console = Console(file=sys.stderr)
        with Progress(console=console, disable=not console.is_terminal) as progress:
            task = progress.add_task("placement", total=len(COINS))
            outcomes = run(told.folder, rule, leg, lambda: progress.advance(task))
        _tell(outcomes, rule, leg, told.json)
    except RebalancerError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _tell(outcomes: Sequence[Outcome], rule: Rule, leg: Leg, file: Path | None) -> None:
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(
        f"a move costs {2e4 * leg.cost:g} bp and has to bring {rule.factor:g} times that within "
        f"{rule.horizon / DAY:g} days, less {rule.penalty:g} standard deviations"
    )
    for line in ASSUMED:
        console.print(line)
    for each in outcomes:
        for part in each.placed:
            console.print()
            console.print(drawn(each, part))
    if file is not None:
        text = json.dumps(result(outcomes, rule, leg), indent=2) + "\n"
        try:
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            must = f"{file}: must be a file that can be written: {error.strerror}"
            raise UsageError(must) from error


def _parser() -> argparse.ArgumentParser:
    parser = asking.parser_of("placement", __doc__, report=False)
    asking.ask_rule(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
