"""The margin guards through recorded rallies and crashes: with them, and without.

    python -m rebalancer.research.rallies [FOLDER] [--only WORD] [--json F] [--report F.html]

Rallies: a short perpetual at three times leverage against coins that lie
elsewhere, its margin a third of its notional in USDT, open when the rally
begins. Crashes: a short straddle whose account is margined in coins, and a
long coin-margined hedge of coins that were sold and are owed. Marks are hourly;
liquidation is tested at each bar's high and low, decisions are made at closes.
A guard that refused everything would look bad here: hours and coins left
unhedged stand beside what it saved.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from rebalancer.errors import UsageError
from rebalancer.ports import Clock
from rebalancer.recordings import bars
from rebalancer.research import asking, effectiveness
from rebalancer.research.markets import Window
from rebalancer.research.rally_books import COINS, Case, cases, settings
from rebalancer.research.replay import Request, Summary, replay

HOUR = 3_600_000_000_000  # ns
MARKS = "timeseries/binance_mark_BTCUSDT_1h.parquet"
RUNGS = ("margin.warned", "margin.critical")


@dataclass(slots=True)
class Heard:
    """A log that keeps when a rung of the ladder was told."""

    clock: Clock
    rungs: list[int] = field(default_factory=list)  # ns

    def debug(self, event: str, **facts: Any) -> None:
        """Pass over."""

    def info(self, event: str, **facts: Any) -> None:
        """Pass over."""

    def warning(self, event: str, **facts: Any) -> None:
        """Keep the time of a rung."""
        del facts
        if event in RUNGS:
            self.rungs.append(self.clock.now())

    def error(self, event: str, **facts: Any) -> None:
        """Keep the time of a rung."""
        self.warning(event, **facts)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one book."""

    case: str
    guards: bool
    liquidations: int
    hours_unhedged: float  # outside the band
    coins_unhedged: float  # mean beyond the band, over the whole stretch, of 10 that are hedged
    most_unhedged: float  # coins, net
    worst: float  # lowest worth ÷ worth at the start
    final: float  # worth at the end ÷ worth at the start
    effectiveness: float | None  # over the whole stretch
    effectiveness_before: float | None  # until the first rung of the ladder was told
    first_rung: float | None  # hours after the start
    protected: int  # orders sent to stay clear of liquidation
    fees: float  # USD
    residual: float  # USD, of the books; nothing


def run(case: Case, folder: Path, *, guarded: bool) -> Outcome:
    """Replay one case and return what came of it."""
    heard: list[Heard] = []

    def log(clock: Clock) -> Heard:
        heard.append(Heard(clock))
        return heard[-1]

    book = settings(case, price_at(folder, case.start), guarded=guarded)
    told = replay(Request(book, folder, Window(case.start, case.end), log))
    first = min((ts for each in heard for ts in each.rungs), default=None)
    return _outcome(case, told, first, guarded=guarded)


def price_at(folder: Path, ts: int) -> float:
    """Return the mark at the opening of a bar, USD per coin."""
    series = bars.read(folder / MARKS)
    return float(series.open[int(np.searchsorted(series.ts, ts))])


def _outcome(case: Case, told: Summary, first: int | None, *, guarded: bool) -> Outcome:
    result, samples = told.result, told.recorder.samples
    before = [place for place, ts in enumerate(samples.ts) if first is None or ts <= first]
    cut = len(before)
    early = effectiveness.measure(
        samples.ts[:cut], samples.hedged[:cut], samples.unhedged[:cut]
    ).hedge_effectiveness
    start = samples.hedged[0]
    orders = told.running.engine.state.orders.values()
    return Outcome(
        case=case.name,
        guards=guarded,
        liquidations=result["liquidations"],
        hours_unhedged=result["seconds_outside_band"] / 3600,
        coins_unhedged=result["coin_hours_outside"] * HOUR / (case.end - case.start),
        most_unhedged=result["max_abs_net_delta"],
        worst=min(samples.hedged) / start,
        final=samples.hedged[-1] / start,
        effectiveness=result["hedge_effectiveness"],
        effectiveness_before=early,
        first_rung=None if first is None else (first - case.start) / HOUR,
        protected=sum(each.submit.reduce_only and bool(each.filled) for each in orders),
        fees=result["fees"],
        residual=result["accounting_residual"],
    )


COLUMNS: Mapping[str, str] = {
    "case": "case",
    "guards": "guards",
    "liquidations": "liquidated",
    "hours_unhedged": "hours unhedged",
    "coins_unhedged": f"coins of {COINS}",
    "worst": "worst equity",
    "final": "final equity",
    "effectiveness_before": "HE to 1st rung",
    "effectiveness": "HE whole",
    "first_rung": "1st rung, h",
    "protected": "cuts",
    "fees": "fees USD",
}


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name == "guards":
        return "on" if value else "off"
    if name in ("worst", "final"):
        return f"{value:.1%}"
    if name.startswith("effectiveness"):
        return f"{value:.4f}"
    if isinstance(value, float):
        return f"{value:,.2f}" if name == "coins_unhedged" else f"{value:,.0f}"
    return f"[bold red]{value}[/]" if name == "liquidations" and value else str(value)


def table(outcomes: Sequence[Outcome]) -> Table:
    """Return what came of all books, a row each."""
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for name, title in COLUMNS.items():
        drawn.add_column(title, justify="left" if name in ("case", "guards") else "right")
    for each in outcomes:
        facts = asdict(each)
        drawn.add_row(*(_cell(name, facts[name]) for name in COLUMNS))
    return drawn


def draw(outcomes: Sequence[Outcome], path: Path) -> None:
    """Write bars of what was left unhedged and of worst equity, guards on beside off.

    Raises:
        UsageError: plotly is not installed.
    """
    try:
        from plotly import graph_objects
        from plotly.subplots import make_subplots
    except ImportError as error:
        raise UsageError("--report: must have plotly (pip install rebalancer[report])") from error
    titles = ("worst equity ÷ equity at the start", f"mean coins left unhedged, of {COINS}")
    figure = make_subplots(rows=2, cols=1, subplot_titles=titles, vertical_spacing=0.25)
    for guarded, colour in ((False, "#c0392b"), (True, "#2471a3")):
        chosen = [each for each in outcomes if each.guards is guarded]
        names = [each.case + ("" if not each.liquidations else " ✝") for each in chosen]
        word = "guards on" if guarded else "guards off (✝ liquidated)"
        for row, attribute in ((1, "worst"), (2, "coins_unhedged")):
            heights = [getattr(each, attribute) for each in chosen]
            bar = graph_objects.Bar(
                x=[name.removesuffix(" ✝") for name in names],
                y=heights,
                name=word,
                marker_color=colour,
                showlegend=row == 1,
                text=["✝" if each.liquidations else "" for each in chosen],
            )
            figure.add_trace(bar, row=row, col=1)
    figure.update_layout(title="margin guards through rallies and crashes", height=950)
    figure.write_html(path, include_plotlyjs=True)


def outcomes(folder: Path, only: str = "") -> Iterator[Outcome]:
    """Yield what came of each book whose name holds a word, without guards and with them."""
    for case in cases():
        if only in case.name:
            for guarded in (False, True):
                yield run(case, folder, guarded=guarded)


def verdict(found: Sequence[Outcome]) -> list[str]:
    """Return what does not hold of a table: who was liquidated and must not be, or the reverse."""
    must = {each.name: each.must_die for each in cases()}
    wrong = [
        f"{each.case}: liquidated with guards on"
        for each in found
        if each.guards and each.liquidations
    ]
    return wrong + [
        f"{each.case}: not liquidated without guards"
        for each in found
        if not each.guards and must[each.case] and not each.liquidations
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 where it does not show what it must."""
    parser = asking.parser_of("rallies", __doc__)
    parser.add_argument("--only", default="", help="cases whose name holds this word")
    told = parser.parse_args(arguments)
    console, found = Console(width=None if sys.stdout.isatty() else 200), list[Outcome]()
    total = 2 * sum(told.only in each.name for each in cases())
    columns = (TextColumn("{task.fields[now]}"), BarColumn(), TimeElapsedColumn())
    errors = Console(stderr=True)
    with Progress(*columns, console=errors, disable=not errors.is_terminal) as progress:
        task = progress.add_task("rallies", total=total, now="")
        for each in outcomes(told.folder, told.only):
            found.append(each)
            progress.update(task, advance=1, now=each.case)
    console.print(table(found))
    if told.json is not None:
        told.json.write_text(json.dumps([asdict(each) for each in found], indent=2) + "\n")
    if told.report is not None:
        draw(found, told.report)
    wrong = verdict(found)
    for line in wrong:
        console.print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
