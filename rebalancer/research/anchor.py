"""The anchor: what rules of hedging cost and leave to chance, beside another program's figures.

    python -m rebalancer.research.anchor [--paths 20000] [--json F] [--report F.html]

A straddle sold at the money for 30 days is hedged every so often, within fixed bands, and
within bands that mind the cost; see `anchor_paths`. On the same 20,000 paths every figure has
to be the other program's within one of its last digit; on fewer, each must lie within four
standard errors besides. The exit code is 1 where one does not.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from rebalancer.core.black import FloatArray
from rebalancer.errors import RebalancerError, UsageError
from rebalancer.research import anchor_page, anchor_paths, anchor_steps
from rebalancer.research.anchor_figures import AT_EQUAL, DEVIATIONS, TOLD
from rebalancer.research.anchor_paths import COSTS, DRAWN, STEPS, Played, Rule

NAMES = ("cost", "deviation", "cvar", "hedges")
BEYOND = 4.0  # standard errors
TAIL = 0.05
LEAST = 100  # paths, of which five are a tail
ASSUMED = (
    "A call and a put at 100,000 USD sold at 0.6 vol for 30 days; the price has the same vol",
    "Prices every five minutes; the hedge has a delta of one, no funding, no basis, no lot",
    "Cost: fees in USD a straddle, those of the first hedge and of the last sale included",
    "Deviation and CVaR (the mean of the worst twentieth) are of profit after fees, USD",
    "Parameters: a time, a half-width in coins, a risk aversion in 1/USD",
)


@dataclass(frozen=True, slots=True)
class Row:
    """One rule at one parameter and one cost; USD a straddle."""

    rule: str
    parameter: str
    cost_bp: float
    found: tuple[float, float, float, float]  # as in NAMES
    errors: tuple[float, float, float, float]  # standard errors of these
    told: tuple[str, str, str, str] | None  # what the other program said; None: nothing

    def beyond(self, paths: int) -> tuple[str, ...]:
        """Return the figures that are not the other program's."""
        errors = (0.0 if paths == DRAWN else BEYOND * each for each in self.errors)
        return tuple(
            name
            for name, error, (off, digit) in zip(NAMES, errors, self._off(), strict=False)
            if off > error + digit
        )

    def rounded_otherwise(self) -> tuple[str, ...]:
        """Return the figures that the other program rounds to another last digit."""
        told = zip(NAMES, self._off(), strict=False)
        return tuple(name for name, (off, digit) in told if off > digit / 2)

    def _off(self) -> tuple[tuple[float, float], ...]:
        """Return how far each figure is off, and what one of its last digit is worth."""
        told = () if self.told is None else zip(self.found, self.told, strict=True)
        return tuple((abs(found - float(each)), unit(each)) for found, each in told)


def unit(told: str) -> float:
    """Return what one of the last digit is worth.

    >>> unit("1202.3"), unit("466")
    (0.1, 1.0)
    """
    return float(10.0 ** -len(told.partition(".")[2]))


def rows(rules: Sequence[Rule], played: Sequence[Played]) -> tuple[Row, ...]:
    """Return the measures of every rule, at each cost."""
    found = []
    for place, cost in enumerate(COSTS):
        for rule, told in zip(rules, played, strict=True):
            for i, (label, minded) in enumerate(zip(rule.labels, rule.costs, strict=True)):
                if minded not in (None, cost):
                    continue
                fees = cost * told.traded[i]
                known = TOLD.get((rule.name, label))
                measured = (
                    mean(fees),
                    deviation(told.profit[i] - fees),
                    tail(told.profit[i] - fees),
                    mean(told.trades[i]),
                )
                values, errors = zip(*measured, strict=True)
                beside = None if known is None else known[place]
                found.append(Row(rule.name, label, 1e4 * cost, values, errors, beside))
    return tuple(found)


def mean(sample: FloatArray) -> tuple[float, float]:
    """Return the mean and its standard error."""
    return float(sample.mean()), float(sample.std(ddof=1)) / len(sample) ** 0.5


def deviation(sample: FloatArray) -> tuple[float, float]:
    """Return the standard deviation and, from the fourth moment, its standard error."""
    away, count = sample - sample.mean(), len(sample)
    variance = float(np.mean(away**2))
    error = (max(float(np.mean(away**4)) - variance**2, 0.0) / (4 * variance * count)) ** 0.5
    return float(sample.std(ddof=1)), error


def tail(sample: FloatArray) -> tuple[float, float]:
    """Return the mean loss of the worst twentieth and its standard error.

    Source:
        Hong & Liu, "Simulating sensitivities of conditional value at risk",
        Management Science 55 (2009): the mean of an excess over a threshold.
    """
    losses = np.sort(-sample)[::-1]
    count = round(TAIL * len(losses))
    threshold = losses[count - 1]
    excess = np.maximum(losses - threshold, 0.0) / TAIL
    return float(losses[:count].mean()), float(excess.std(ddof=1)) / len(losses) ** 0.5


# --- at equal deviation -------------------------------------------------------


def at_equal(found: Sequence[Row], rule: str, cost_bp: float) -> tuple[float | None, ...]:
    """Return what a rule costs at each of DEVIATIONS; None: it reaches none so low or high.

    Between two parameters both are taken as straight in their logarithms, and only as far as
    more cost means less deviation.
    """
    own = [each.found for each in found if each.rule == rule and each.cost_bp == cost_bp]
    curve = sorted((cost, deviation) for cost, deviation, *_ in own)
    falling = curve[: 1 + min(range(len(curve)), key=lambda i: curve[i][1])]
    costs, deviations = (np.log(np.array(each)) for each in zip(*falling, strict=True))
    wanted = np.log(np.array(DEVIATIONS, dtype=np.float64))
    costs = np.interp(wanted, deviations[::-1], costs[::-1], left=np.nan, right=np.nan)
    return tuple(None if np.isnan(each) else float(np.exp(each)) for each in costs)


def saved(found: Sequence[Row]) -> Mapping[str, float]:
    """Return what Whalley-Wilmott bands save of each rule's cost, the mean over deviations.

    At both costs and every deviation that both reach; a fraction.
    """
    told = {}
    for rule in ("time", "edge", "centre"):
        pairs = [
            (mine, other)
            for cost in COSTS
            for mine, other in zip(
                at_equal(found, "WW", 1e4 * cost), at_equal(found, rule, 1e4 * cost), strict=True
            )
            if mine is not None and other is not None
        ]
        if pairs:
            told[rule] = float(np.mean([1.0 - mine / other for mine, other in pairs]))
    return told


def disordered(found: Sequence[Row]) -> tuple[str, ...]:
    """Return where WW < edge < centre <= time does not hold, at deviations from 700 to 2,000.

    Centre and time meet at the widest; a hundredth apart they count as equal.
    """
    faults = []
    for cost in COSTS:
        rules = ("WW", "edge", "centre", "time")
        curves = [at_equal(found, rule, 1e4 * cost) for rule in rules]
        for place, deviation in enumerate(DEVIATIONS):
            costs = [curve[place] for curve in curves]
            if deviation < 700 or any(each is None for each in costs):
                continue
            first, second, third, last = (each or 0.0 for each in costs)
            if not (first < second < third <= 1.01 * last):
                faults.append(f"{1e4 * cost:g} bp, deviation {deviation}")
    return tuple(faults)


# --- what is told -------------------------------------------------------------


def result(found: Sequence[Row], paths: int) -> Mapping[str, Any]:
    """Return all of it as one JSON document."""
    rules = tuple(AT_EQUAL)
    return {
        "paths": paths,
        "assumed": ASSUMED,
        "figures": NAMES,
        "rows": [{**asdict(each), "beyond": each.beyond(paths)} for each in found],
        "deviations": DEVIATIONS,
        "cost_at_equal_deviation": {
            f"{1e4 * cost:g} bp": {rule: at_equal(found, rule, 1e4 * cost) for rule in rules}
            for cost in COSTS
        },
        "saved_by_whalley_wilmott": saved(found),
        "disordered": disordered(found),
    }


def drawn(found: Sequence[Row], cost_bp: float, paths: int) -> Table:
    """Return the rows of one cost as a table: found, told, and how far apart in errors."""
    title = f"{cost_bp:g} bp, {paths:,} paths"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for head in ("rule", "parameter"):
        table.add_column(head)
    for name in NAMES:
        for head in (name, "told", "off"):
            table.add_column(head, justify="right")
    for each in found:
        if each.cost_bp != cost_bp:
            continue
        cells = [each.rule, each.parameter]
        for i, (value, error) in enumerate(zip(each.found, each.errors, strict=True)):
            told = None if each.told is None else each.told[i]
            cells.append(f"{value:.1f}")
            cells += ["", ""] if told is None else [told, _off(value, error, told)]
        table.add_row(*cells, style="bold red" if each.beyond(paths) else None)
    return table


def _off(value: float, error: float, told: str) -> str:
    """Return how many of its standard errors a figure is off; a dash where it has none."""
    return f"{(value - float(told)) / error:+.2f}" if error else "-"


def equal(found: Sequence[Row], cost_bp: float) -> Table:
    """Return what rules cost at equal deviation as a table, beside what was told."""
    title = f"cost at equal deviation, {cost_bp:g} bp (told)"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("deviation", justify="right")
    place = [1e4 * cost for cost in COSTS].index(cost_bp)
    for rule in AT_EQUAL:
        table.add_column(rule, justify="right")
    columns = {rule: at_equal(found, rule, cost_bp) for rule in AT_EQUAL}
    for i, deviation in enumerate(DEVIATIONS):
        cells = [f"{deviation:,}"]
        for rule, column in columns.items():
            value, told = column[i], AT_EQUAL[rule][place][i]
            shown = "-" if value is None else f"{value:.0f}"
            cells.append(f"{shown} ({'-' if told is None else told})")
        table.add_row(*cells)
    return table


# --- command ------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables and write what was asked for; return the exit code."""
    told = _parser().parse_args(arguments)
    try:
        if not 0 <= told.through_step <= DRAWN:
            must = f"must be from 0 to {DRAWN}"
            raise UsageError(f"--through-step: {must}, was {told.through_step}")
        if not LEAST <= told.paths <= DRAWN:
            raise UsageError(f"--paths: must be from {LEAST} to {DRAWN}, was {told.paths}")
        if told.report is not None:
            anchor_page.ready()  # before the work, not after it
        console = Console(file=sys.stderr)
        if told.through_step:
            return _stepped(console, told.through_step)
        with Progress(console=console, disable=not console.is_terminal) as progress:
            task = progress.add_task("anchor", total=STEPS)
            rules = anchor_paths.rules()
            normals = anchor_paths.draws(told.paths)
            played = anchor_paths.play(rules, told.paths, normals, lambda: progress.advance(task))
        found = rows(rules, played)
        return _tell(found, told)
    except RebalancerError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code


def _tell(found: Sequence[Row], told: argparse.Namespace) -> int:
    """Write the tables, the JSON document and the report; return the exit code."""
    console = Console(width=None if sys.stdout.isatty() else 130)
    for line in ASSUMED:
        console.print(line)
    for cost in COSTS:
        for table in (drawn(found, 1e4 * cost, told.paths), equal(found, 1e4 * cost)):
            console.print()
            console.print(table)
    console.print()
    for rule, part in saved(found).items():
        console.print(f"WW saves {part:.1%} of the cost of {rule} at equal deviation, on the mean")
    if told.paths == DRAWN:
        blurred = [(each, each.rounded_otherwise()) for each in found if each.rounded_otherwise()]
        whole = len(NAMES) * sum(each.told is not None for each in found)
        same = whole - sum(len(names) for _, names in blurred)
        console.print(f"{same} of {whole} figures are told to the same last digit; others:")
        for each, names in blurred:
            console.print(
                f"  {each.rule} {each.parameter}, {each.cost_bp:g} bp: {', '.join(names)}"
            )
    faults = [
        f"{each.rule} {each.parameter} at {each.cost_bp:g} bp: {', '.join(each.beyond(told.paths))}"
        for each in found
        if each.beyond(told.paths)
    ]
    faults += [f"not in order at {each}" for each in disordered(found)]
    for fault in faults:
        console.print(fault, style="bold red")
    _write(told.json, lambda: json.dumps(result(found, told.paths), indent=2) + "\n")
    _write(told.report, lambda: anchor_page.page(ASSUMED, result(found, told.paths)))
    return 1 if faults else 0


def _stepped(console: Console, paths: int) -> int:
    """Play some paths through the daemon's step beside the policies; 1 where a trade differs."""
    cost, worst = COSTS[-1], 0
    pairs = anchor_steps.bands(cost)
    normals = np.array(list(anchor_paths.draws(paths)))
    table = Table(title=f"{paths} paths through hedger.step, {1e4 * cost:g} bp", box=None)
    for head in ("band", "hedges of the daemon", "most apart, coins", "hedges that differ"):
        table.add_column(head, justify="left" if head == "band" else "right")
    with Progress(console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("step", total=len(pairs) * paths * STEPS)
        for name, (band, rule) in pairs.items():
            found = [
                anchor_steps.compare(band, rule, path, cost, partial(progress.advance, task))
                for path in normals.T
            ]
            other = sum(each.other for each in found)
            apart = max(each.apart for each in found)
            worst += other + (apart > anchor_steps.NEAR)
            hedges = sum(each.trades for each in found)
            table.add_row(name, f"{hedges:,}", f"{apart:.1e}", str(other))
    Console(width=None if sys.stdout.isatty() else 100).print(table)
    return 1 if worst else 0


def _write(path: Path | None, text: Callable[[], str]) -> None:
    if path is None:
        return
    try:
        path.write_text(text(), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: must be a file that can be written: {error.strerror}") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m rebalancer.research.anchor",
        description=(__doc__ or "").splitlines()[0],
        epilog="example: python -m rebalancer.research.anchor --paths 1000 --report anchor.html",
    )
    parser.add_argument("--paths", type=int, default=DRAWN, help="of 20,000, the first")
    parser.add_argument("--json", type=Path, metavar="F", help="write the numbers there")
    parser.add_argument("--report", type=Path, metavar="F.html", help="write charts there")
    told = "instead, so many paths through the daemon's step, beside the policies"
    parser.add_argument("--through-step", type=int, default=0, metavar="N", help=told)
    return parser


if __name__ == "__main__":
    sys.exit(main())
