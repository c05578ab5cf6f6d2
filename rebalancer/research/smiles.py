"""Smiles: whether a delta that knows of the smile hedged recorded options better than a plain one.

Sticky moneyness (R = 0), a smile that turns twice as fast (R = 2), and minimum
variance, its coefficients fitted on the first half or each day on the days before
it, are held against sticky strike: the variance that is left of what hedged
options gained from one snapshot to the next, pooled by moneyness and expiry. Below
1 the smile helped. The first half may choose; the second judges.

    python -m rebalancer.research.smiles FOLDER --json smiles.json --report smiles.html
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from rebalancer.core import smile
from rebalancer.core.smile import Terms
from rebalancer.errors import RebalancerError, UsageError
from rebalancer.recordings.table import Floats, Times
from rebalancer.research import asking, carry_page, smile_chains, smile_fits, smile_moves
from rebalancer.research.smile_fits import CAP, Fitted, Gate, Ratio
from rebalancer.research.smile_moves import Booleans, Moves

COINS = ("BTC", "ETH")
FILES = "deribit_chains_*.parquet"
PARTS = ("first half", "second half", "whole")
STRICT, CHOSEN = "sticky strike", "first half's best"
FEWEST = 100  # moves in a bucket that anything is said of
MONEYNESS = (  # name, of the call's delta from, to
    ("put 5-25", 0.75, 0.95),
    ("put 25-45", 0.55, 0.75),
    ("near 45-55", 0.45, 0.55),
    ("call 25-45", 0.25, 0.45),
    ("call 5-25", 0.05, 0.25),
)
EXPIRIES = (  # name, days from, to
    ("to 3 d", 0.0, 3.0),
    ("3-14 d", 3.0, 14.0),
    ("14-45 d", 14.0, 45.0),
    ("over 45 d", 45.0, 1e4),
)
ASSUMED = (
    (
        "Deribit's options out of the money, quoted on both sides, |delta| 5 to 95, 12 h and "
        "more before expiry at the second snapshot; worth by mark, hedged with the forward"
    ),
    "Variance ratio to sticky strike, 95 % interval by blocks of 3 days; below 1 the smile helped",
    f"No delta is moved by more than {CAP:g} coins a coin; no costs: both hedge as often",
)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What came of one coin."""

    coin: str
    snapshots: int
    moves: int
    curves: Mapping[str, int]  # method → curves fitted
    first: Fitted  # of the first half, unshrunk by what came later
    ratio: float  # skew stickiness that fitted the first half best …
    ratio_later: float  # … and the second
    gate: Gate
    parts: Mapping[str, Mapping[str, Ratio]]  # part → strategy → all options
    buckets: Mapping[str, Mapping[str, Ratio | None]]  # bucket → strategy, in the second half
    sizes: Mapping[str, int]  # bucket → moves in the second half
    chosen: Mapping[str, str]  # bucket → what was best in the first half


def study(coin: str, moves: Moves, curves: Mapping[str, int]) -> Outcome:
    """Hold every strategy against sticky strike over the moves of one coin."""
    day = smile_fits.days(moves)
    early = moves.ts < np.median(np.unique(moves.ts))
    first = smile_fits.fit(moves.picked(early))
    errors = {
        "R = 0": smile_fits.adjusted(moves, Terms(CAP, smile.turn(moves.slope, 0.0))),
        "R = 2": smile_fits.adjusted(moves, Terms(CAP, smile.turn(moves.slope, 2.0))),
        "MV, first half's": smile_fits.adjusted(moves, Terms(CAP, coefficients=first.coefficients)),
        "MV, each day's": smile_fits.forward_walk(moves),
    }
    chosen, errors[CHOSEN] = _chosen(moves, errors, early)
    parts = {
        part: {
            name: told
            for name, error in errors.items()
            if (told := _ratio(moves.error, error, day, rows)) is not None
        }
        for part, rows in zip(PARTS, (early, ~early, early | ~early), strict=True)
    }
    buckets, sizes = {}, {}
    for name, rows in _buckets(moves):
        late = rows & ~early
        sizes[name] = int(late.sum())
        buckets[name] = {
            strategy: _ratio(moves.error, error, day, late) for strategy, error in errors.items()
        }
    return Outcome(
        coin=coin,
        snapshots=len(np.unique(moves.ts)),
        moves=len(moves),
        curves=curves,
        first=first,
        ratio=stickiness(moves.picked(early)),
        ratio_later=stickiness(moves.picked(~early)),
        gate=smile_fits.gate(moves),
        parts=parts,
        buckets=buckets,
        sizes=sizes,
        chosen=chosen,
    )


def _chosen(
    moves: Moves, errors: Mapping[str, Floats], early: Booleans
) -> tuple[Mapping[str, str], Floats]:
    """Return which strategy left the least of each bucket's first half, and what that leaves.

    The one that fits each day anew is not asked: it is no one strategy.
    """
    found, names = moves.error.copy(), {}
    asked = {STRICT: moves.error, **{name: errors[name] for name in list(errors)[:-1]}}
    for bucket, rows in _buckets(moves):
        sums = {name: float((error[rows & early] ** 2).sum()) for name, error in asked.items()}
        names[bucket] = min(sums, key=lambda name: sums[name])
        found[rows] = asked[names[bucket]][rows]
    return names, found


def _ratio(plain: Floats, other: Floats, day: Times, rows: Booleans) -> Ratio | None:
    keep = rows & np.isfinite(other)
    if keep.sum() < FEWEST:
        return None
    return smile_fits.ratio(plain[keep], other[keep], day[keep])


def _buckets(moves: Moves) -> list[tuple[str, Booleans]]:
    """Return each bucket of expiry and moneyness and which moves are in it."""
    return [
        (
            f"{expiry}, {money}",
            (moves.days > least)
            & (moves.days <= most)
            & (moves.delta >= low)
            & (moves.delta < high),
        )
        for expiry, least, most in EXPIRIES
        for money, low, high in MONEYNESS
    ]


def stickiness(moves: Moves) -> float:
    """Return the R at which the hedges of some moves would have left the least."""
    with_slope = np.isfinite(moves.slope)
    told = moves.picked(with_slope)
    column = told.vega * told.slope * told.moved
    return float(1.0 + (column @ told.error) / (column @ column))


# --- what is told -------------------------------------------------------------


def result(outcomes: Sequence[Outcome]) -> Mapping[str, Any]:
    """Return all of it as one JSON document."""
    coins = {each.coin: {**asdict(each), "gate_open": each.gate.open} for each in outcomes}
    return {"assumed": ASSUMED, "cap": CAP, "window_days": smile_fits.WINDOW, "coins": coins}


def drawn(outcome: Outcome) -> list[Table]:
    """Return two tables for a terminal: all options by part, and buckets of the second half."""
    whole = _table(f"{outcome.coin}: variance ratio to sticky strike, all options", "part")
    strategies = list(outcome.parts["whole"])
    for table in (whole, buckets := _table(f"{outcome.coin}: second half", "bucket", "moves")):
        for name in strategies:
            table.add_column(name, justify="right")
    for part, told in outcome.parts.items():
        whole.add_row(part, *(_shown(told.get(name)) for name in strategies))
    for bucket, ratios in outcome.buckets.items():
        cells = (_shown(ratios.get(name)) for name in strategies)
        buckets.add_row(bucket, f"{outcome.sizes[bucket]:,}", *cells)
    return [whole, buckets]


def _table(title: str, *heads: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for head in heads:
        table.add_column(head)
    return table


def _shown(told: Ratio | None) -> str:
    return "-" if told is None else f"{told.ratio:.2f} [{told.low:.2f}, {told.high:.2f}]"


def lines(outcome: Outcome) -> list[str]:
    """Return what stands above the tables of a coin."""
    gate, first = outcome.gate, outcome.first
    curves = ", ".join(f"{count:,} {name}" for name, count in outcome.curves.items())
    a, b, c = first.coefficients
    return [
        f"{outcome.coin}: {outcome.snapshots} snapshots, {outcome.moves:,} moves; curves: {curves}",
        (
            f"skew stickiness R that fits best: first half {outcome.ratio:.2f}, "
            f"second half {outcome.ratio_later:.2f}"
        ),
        (
            f"coefficients of the first half: a {a:+.4f}, b {b:+.4f}, c {c:+.4f} "
            f"({first.kept:.0%} kept)"
        ),
        (
            f"gate: gain {gate.gain:+.1%} [{gate.low:+.1%}, {gate.high:+.1%}] in {gate.days} days, "
            f"{'open' if gate.open else 'shut: sticky strike'}"
        ),
    ]


def page(outcomes: Sequence[Outcome]) -> str:
    """Return one HTML document that needs no network.

    Raises:
        UsageError: plotly is not installed.
    """
    graph = carry_page.plotly()
    parts = ["<h1>Whether a delta that knows of the smile hedges better</h1><ul>"]
    parts += [f"<li>{escape(line)}</li>" for line in ASSUMED] + ["</ul>"]
    library = True
    for each in outcomes:
        parts.append(f"<h2>{escape(each.coin)}</h2><p>{'<br>'.join(map(escape, lines(each)))}</p>")
        bars = []
        for name in each.parts["whole"]:
            told = [(bucket, ratios[name]) for bucket, ratios in each.buckets.items()]
            known = [(bucket, ratio) for bucket, ratio in told if ratio is not None]
            error = {
                "type": "data",
                "symmetric": False,
                "array": [ratio.high - ratio.ratio for _, ratio in known],
                "arrayminus": [ratio.ratio - ratio.low for _, ratio in known],
            }
            buckets = [bucket for bucket, _ in known]
            heights = [ratio.ratio for _, ratio in known]
            bars.append(graph.Bar(name=name, x=buckets, y=heights, error_y=error))
        figure = graph.Figure(bars)
        figure.add_hline(y=1.0)
        figure.update_layout(template="plotly_white", yaxis_title="variance ratio, second half")
        parts.append(figure.to_html(full_html=False, include_plotlyjs=library))
        library = False
    return f'<!doctype html><html lang="en"><meta charset="utf-8"><body>{"".join(parts)}</body>'


# --- command ------------------------------------------------------------------


def sources(folder: Path) -> list[Path]:
    """Return the chain files of a folder, or of its `options`, in the order of their names.

    Raises:
        UsageError: There is none.
    """
    found = sorted(folder.glob(FILES)) or sorted((folder / "options").glob(FILES))
    if not found:
        raise UsageError(f"FOLDER: must hold {FILES}, or options/{FILES}; {folder} does not")
    return found


def run(folder: Path, coins: Sequence[str], progress: Progress) -> tuple[Outcome, ...]:
    """Study some coins.

    Raises:
        DataError: A file cannot be trusted.
        UsageError: The folder holds no chains.
    """
    found = []
    for coin in coins:
        chains = smile_chains.read(sources(folder), coin)
        done = partial(progress.advance, progress.add_task(coin, total=len(chains) - 1))
        found.append(study(coin, *smile_moves.of_chains(chains, done)))
    return tuple(found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables and write what was asked for; return the exit code."""
    told = _parser().parse_args(arguments)
    try:
        if told.report is not None:
            carry_page.plotly()  # before the work, not after it
        console = Console(file=sys.stderr)
        with Progress(console=console, disable=not console.is_terminal) as progress:
            outcomes = run(told.folder, told.coins or COINS, progress)
        _tell(outcomes, told)
    except RebalancerError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _tell(outcomes: Sequence[Outcome], told: argparse.Namespace) -> None:
    console = Console(width=None if sys.stdout.isatty() else 140)
    for line in ASSUMED:
        console.print(line, highlight=False)
    for each in outcomes:
        console.print()
        for line in lines(each):
            console.print(line, highlight=False, markup=False)
        for table in drawn(each):
            console.print()
            console.print(table, markup=False)
    if told.json is not None:
        _write(told.json, json.dumps(result(outcomes), indent=2) + "\n")
    if told.report is not None:
        _write(told.report, page(outcomes))


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: must be a file that can be written: {error.strerror}") from error


def _parser() -> argparse.ArgumentParser:
    parser = asking.parser_of("smiles", __doc__)
    parser.add_argument("--coin", dest="coins", action="append", help="BTC or ETH; again for more")
    return parser


if __name__ == "__main__":
    sys.exit(main())
