"""The frontier of hedging on recorded prices: what rules cost and what they leave to chance.

    python -m rebalancer.research.frontier [FOLDER] [--only WORD] [--json F] [--report F.html]

A straddle worth 100,000 USD of coin is sold again and again and hedged with a perpetual: at
fixed times, in fixed bands, in bands that follow gamma, and in bands that mind the cost, each
over a grid of its parameter. Each half of the days chooses one of the last and its parameter,
and the parameters of the others; the other half tells what it is worth beside them.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from rebalancer.errors import DataError, RebalancerError, UsageError
from rebalancer.recordings import bars, funding
from rebalancer.research import asking, contest, frontier_page, judging, listed_straddles, straddles
from rebalancer.research.contest import FIXED_COST, Played
from rebalancer.research.judging import BLOCK, DRAWS, Point, Summary, Verdict
from rebalancer.research.straddles import Market

COSTS = (0.0002, 0.0005)
COINS = ("BTC", "ETH")
KEPT = (1, 4)  # weeks from a sale to the next
CHAINS = tuple(
    f"options/deribit_chains_6h_{name}.parquet"
    for name in ("2025-12_2026-01", "2026-02", "2026-03")
)
PERPETUALS = "options/deribit_perpetuals_at_chains.parquet"
ASSUMED = (
    "A straddle of 100,000 USD of coin, about a month long, sold at the money",
    "Options are bought and sold at marks: what they cost is the same for every rule",
    "A bar is known at its close; what is decided then is made at the open of the next",
    "The cost of 2 or 5 bp of notional one way holds fee and half a spread; funding is as recorded",
    "Profit: options, hedge, funding and fees",
    "Gap: what net delta earned or lost, without fees; what a band can do something about",
    f"Bounds hold 95 of 100 of {DRAWS:,} draws of days in blocks of {BLOCK}, alike for all rules",
    "Marks and days end with the last mark of a UTC day; deviations and CVaR are of days",
    "Chosen: what leaves least on one half and costs no more there than the fixed time",
    "Equal cost: the plain rule, on the half that judges, at what the chosen one costs there",
    "So read, it has its best: what leaves less there than all that is cheaper, never more again",
    f"Few hedges: as if each cost {FIXED_COST:g} USD besides. Overshoot: of one bar",
)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What came of one market at one cost."""

    played: Played
    told: tuple[str, ...]  # of the market
    points: Mapping[str, tuple[Point, ...]]  # by rule
    verdicts: tuple[Verdict, ...]

    @property
    def title(self) -> str:
        """Name, cost, and that it is synthetic if it is."""
        made = ", SYNTHETIC options" if self.played.synthetic else ""
        return f"{self.played.market}, {1e4 * self.played.cost:g} bp{made}"


def markets(folder: Path, wanted: Callable[[str], bool] = bool) -> Iterator[Market]:
    """Yield every market whose kind is wanted: "recorded" or "synthetic".

    Raises:
        DataError: A file cannot be trusted.
        UsageError: pyarrow is not installed.
    """
    settled = {coin: funding.read(_series(folder, f"funding_{coin}USDT_8h")) for coin in COINS}
    if wanted("recorded"):
        quarter = {
            coin: (bars.read(_series(folder, f"perp_{coin}USDT_15m")), settled[coin])
            for coin in COINS
        }
        files = [folder / name for name in CHAINS]
        for kept in KEPT:
            yield from listed_straddles.markets(quarter, files, folder / PERPETUALS, kept)
    if wanted("synthetic"):
        for coin, kept in product(COINS, KEPT):
            read = bars.read(_series(folder, f"perp_{coin}USDT_5m_2023-01_2024-05"))
            yield straddles.synthetic(coin, read, settled[coin], kept)


def _series(folder: Path, name: str) -> Path:
    found = folder / f"timeseries/binance_{name}.parquet"
    if not found.is_file():
        raise DataError(f"{found}: must be a recorded series, was missing")
    return found


def study(market: Market, cost: float, done: Callable[[int], object]) -> Outcome:
    """Play a market at a cost and judge what came of it."""
    played = contest.play(market, cost, done)
    points = {name: judging.points(scores) for name, scores in played.scores.items()}
    return Outcome(played, market.told, points, judging.verdicts(played))


# --- what is told -------------------------------------------------------------


def result(outcomes: Sequence[Outcome]) -> Mapping[str, Any]:
    """Return all of it as one JSON document; what could not be read is null."""
    return {
        "assumed": ASSUMED,
        "markets": [
            {
                "market": each.played.market,
                "synthetic": each.played.synthetic,
                "cost": each.played.cost,
                "days": len(each.played.days),
                "told": each.told,
                "rules": {
                    rule: [_plain(asdict(point)) for point in points]
                    for rule, points in each.points.items()
                },
                "verdicts": [_plain(asdict(verdict)) for verdict in each.verdicts],
            }
            for each in outcomes
        ],
        "summary": {
            kind: [_plain(asdict(each)) for each in told]
            for kind, told in summarised(outcomes).items()
        },
    }


def summarised(outcomes: Sequence[Outcome]) -> Mapping[str, tuple[Summary, ...]]:
    """Return the verdicts counted up, those on synthetic options apart."""
    kinds = {"recorded options": False, "SYNTHETIC options": True}
    told = {
        kind: judging.summaries(
            [
                verdict
                for each in outcomes
                if each.played.synthetic is synthetic
                for verdict in each.verdicts
            ]
        )
        for kind, synthetic in kinds.items()
    }
    return {kind: each for kind, each in told.items() if each}


def _plain(told: Any) -> Any:
    """Return JSON's own: no number that is none."""
    if isinstance(told, dict):
        return {key: _plain(each) for key, each in told.items()}
    if isinstance(told, list | tuple):
        return [_plain(each) for each in told]
    return None if isinstance(told, float) and told != told else told  # noqa: PLR0124 - NaN


def judged(outcome: Outcome, measure: str) -> Table:
    """Return the verdicts on one measure as a table for a terminal."""
    title = f"{outcome.title}: {measure}, what was chosen against … (95 %)"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for head in frontier_page.JUDGED:
        table.add_column(head)
    for row in frontier_page.rows(outcome.verdicts, measure):
        table.add_row(*(each if isinstance(each, str) else each.shown for each in row))
    return table


def counted(kind: str, told: Sequence[Summary]) -> Table:
    """Return a summary as a table for a terminal."""
    title = f"{kind}: what one half chose against plain rules on the other"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for head in frontier_page.SUMMARY:
        table.add_column(head, justify="left" if head in ("measure", "against") else "right")
    for each in told:
        table.add_row(*frontier_page.summary_row(each))
    return table


# --- command ------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables and write what was asked for; return the exit code."""
    told = _parser().parse_args(arguments)
    try:
        if not told.folder.is_dir():
            raise UsageError(f"FOLDER: must be a folder, was {told.folder}")
        if told.report is not None:
            frontier_page.ready()  # before the work, not after it
        outcomes = _run(told)
        _tell(outcomes, told)
    except RebalancerError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _run(told: argparse.Namespace) -> tuple[Outcome, ...]:
    console = Console(file=sys.stderr)
    found = []
    with Progress(console=console, disable=not console.is_terminal) as progress:
        for market in markets(told.folder, lambda kind: told.only in ("all", kind)):
            for cost in COSTS:
                task = progress.add_task(f"{market.name} {1e4 * cost:g} bp", total=market.length)
                found.append(study(market, cost, partial(progress.advance, task)))
    return tuple(found)


def _tell(outcomes: Sequence[Outcome], told: argparse.Namespace) -> None:
    console = Console(width=None if sys.stdout.isatty() else 180)
    for line in ASSUMED:
        console.print(line)
    for each in outcomes:
        for measure in judging.MEASURES:
            console.print()
            console.print(judged(each, measure))
    for kind, summary in summarised(outcomes).items():
        console.print()
        console.print(counted(kind, summary))
    if told.json is not None:
        _write(told.json, json.dumps(result(outcomes), indent=1) + "\n")
    if told.report is not None:
        shown = [
            frontier_page.Shown(each.title, each.told, each.points, each.verdicts)
            for each in outcomes
        ]
        _write(told.report, frontier_page.page(ASSUMED, shown, summarised(outcomes)))


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: must be a file that can be written: {error.strerror}") from error


def _parser() -> argparse.ArgumentParser:
    parser = asking.parser_of("frontier", __doc__)
    parser.epilog = (
        "example: python -m rebalancer.research.frontier --only recorded --report f.html"
    )
    kinds = ("all", "recorded", "synthetic")
    parser.add_argument("--only", choices=kinds, default="all", help="of which options")
    return parser


if __name__ == "__main__":
    sys.exit(main())
