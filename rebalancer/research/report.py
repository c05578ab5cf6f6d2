"""The report of a replay: one page that tells what hedging did, what it cost and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rebalancer.research import charts, verdict
from rebalancer.research.days import COSTS, GROUPS, Day
from rebalancer.research.hedges import Hedge
from rebalancer.research.page import (
    Cell,
    Column,
    Section,
    Tile,
    amount,
    document,
    listed,
    money,
    paragraph,
    table,
    tiles,
)
from rebalancer.research.replay import Summary
from rebalancer.research.verdict import percent

LISTED = 100  # hedges in the long table
DEAREST = 10  # and in the short one
SMALL = 1_000.0  # USD: where nothing larger is told, cents are

Told = Mapping[str, Any]


def page(summary: Summary, book: str) -> str:
    """Return the page of a replay that was asked to draw.

    Args:
        summary: With what was drawn.
        book: Its id.

    Raises:
        UsageError: plotly is not installed.
    """
    told, days = summary.result, summary.recorder.days.rows()
    rows = summary.recorder.hedges.rows()
    title = f"Replay of {book}"
    if days:
        title += f", {_date(days[0].start)} to {_date(days[-1].end)}"
    drawn = charts.Charts(summary.recorder.drawing, told, rows, days)
    sections = [
        Section(
            "With hedges and without",
            drawn.earned(),
            "What the book earned since the first sample. Without hedges: the holdings alone, "
            "without the collateral that carries the hedges.",
        ),
        Section("Price and hedges", drawn.price(), _hedged(told, rows)),
        Section("Net delta in its band", drawn.delta(), drawn.about_delta()),
        Section(
            "Where the profit came from",
            drawn.sources() + _parts(told),
            "Direction is what delta made: of options, coins and hedges together, which cancel "
            "where the hedge is whole.",
        ),
        Section("What it cost", drawn.costs() + _costs(told)),
        Section("Margin and funding", drawn.margin() + drawn.funding()),
        Section("Day by day", _days(days), _about_days(days)),
        Section("Hedge by hedge", _hedges(told, rows)),
        Section("What this rests on", _sources(summary)),
    ]
    kept = [each for each in sections if each.body]
    below = "".join(map(paragraph, verdict.account(told))) + tiles(_figures(told))
    return document(title, kept, verdict.lead(told), below)


def _date(ts: int) -> str:
    return str(np.datetime64(ts, "ns").astype("datetime64[D]"))


# --- figures ------------------------------------------------------------------


def _figures(told: Told) -> list[Tile]:
    did, costs, tail = told["effectiveness"], told["costs"], told["cvar"]
    figures = [
        Tile(
            "Variance removed",
            percent(did["net"]),
            f"{percent(did['gross'])} before costs; day to day {percent(did['daily_net'])}",
        ),
        Tile(
            "Worst 5 % of changes",
            percent(tail["ratio"]),
            f"of the unhedged: {_usd(tail['hedged'])} USD lost on average, "
            f"against {_usd(tail['unhedged'])}",
        ),
        Tile(
            "Cost of hedging",
            f"{_usd(costs['total'])} USD",
            f"fees {_usd(costs['fees'])}, slippage {_usd(costs['slippage'])}, "
            f"funding {_usd(costs['funding'])}",
        ),
        Tile(
            "Hedges",
            f"{told['hedges']:,}",
            f"{money(told['turnover'])} USD turned over; {told['refusals']:,} refused",
        ),
    ]
    figures += [
        Tile(
            f"{name} outside its band",
            percent(each["share_outside_band"]),
            f"of the time; 95 % of it within {each['p95']:.3g}, at most {each['max']:.3g} "
            "coins of the aim",
        )
        for name, each in told["distance_from_aim"].items()
        if each["p95"] is not None
    ]
    figures.append(
        Tile(
            "Margin ratio, highest",
            percent(told["max_margin_ratio"]),
            "100 % is liquidation"
            + (f"; liquidated {told['liquidations']} times" if told["liquidations"] else ""),
        )
    )
    left = told["residual"]
    figures.append(
        Tile(
            "Left by the model",
            percent(left["share"], 2),
            f"of all its parts; {len(left['alerts'])} days to look at",
        )
    )
    apart = told["accounting_residual"]
    if apart is not None:
        figures.append(
            Tile("Books apart", f"{money(apart, 2)} USD", "the exchange's against a sum of its own")
        )
    return figures


def _usd(told: float | None) -> str:
    if told is None:
        return "–"
    return money(told, 0 if abs(told) >= SMALL else 2)


# --- tables -------------------------------------------------------------------

NAMES = {
    "delta": "Options: the coin's move (delta)",
    "gamma": "Options: gamma",
    "theta": "Options: theta",
    "vega": "Options: vega",
    "vanna": "Options: vanna",
    "volga": "Options: volga",
    "residual": "Options: residual of the model",
    "basis": "Basis",
    "spot": "Spot pairs: the coin's move",
    "hedge": "Perpetuals and futures: the coin's move",
    "collateral": "Coins held as cash: the coin's move",
    "funding": "Funding of hedges",
    "own_funding": "Funding of the book's own perpetuals",
    "fees": "Fees",
    "slippage": "Slippage",
    "cash": "Interest and other cash",
}
GROUP_NAMES = {
    "direction": "Direction",
    "gamma": "Gamma",
    "theta": "Theta",
    "vol": "Vol",
    "basis": "Basis",
    "carry": "Own funding",
    "costs": "Costs",
    "rest": "Rest",
}


def _parts(told: Told) -> str:
    parts = told["attribution"]
    if not parts:
        return ""
    digits = _digits(parts.values())
    columns = (
        Column("Source", text=True, wide=True),
        Column("USD"),
        Column("Counted under", text=True),
    )
    rows = [
        (NAMES[name], amount(parts[name], digits), GROUP_NAMES[group])
        for group, names in GROUPS.items()
        for name in names
        if parts[name]
    ]
    total = ("All together", amount(sum(parts.values()), digits), "")
    return table(columns, rows, total)


def _digits(numbers: Any) -> int:
    return 0 if max((abs(each) for each in numbers), default=0.0) >= 10 * SMALL else 2


def _costs(told: Told) -> str:
    costs = told["costs"]
    lines = ["Slippage is what fills lost against the mid price that stood at each decision."]
    if costs["per_variance_removed"] is not None:
        lines.append(
            f"Each USD² of variance removed cost {costs['per_variance_removed']:.2g} USD: worth it "
            f"above a risk aversion of {costs['break_even_aversion']:.2g} per USD."
        )
    return paragraph(" ".join(lines), "note")


def _about_days(days: Sequence[Day]) -> str:
    flagged = [day.date for day in days if day.alert]
    told = "A day ends with its last sample. The sources of a row add up to what was earned."
    if days and not _apart(days):
        told += " On every day the exchange's books and a sum of their own agree to the cent."
    if flagged:
        told += (
            " Marked residuals are above a tenth of all parts of the options, or three standard "
            "deviations of the days'."
        )
    return told


@dataclass(frozen=True, slots=True)
class _More:
    """Which columns the days have beside the others."""

    apart: bool  # two sets of books differ on one of them
    flows: bool  # something was brought or taken
    groups: tuple[str, ...]  # of sources, those that have a column


def _apart(days: Sequence[Day]) -> bool:
    return any(abs(day.accounting or 0.0) >= verdict.CENT / 2 for day in days)


def _shown(days: Sequence[Day]) -> tuple[str, ...]:
    """Return the groups that have a column: costs have one each, most books no carry."""
    carry = any(day.parts["own_funding"] for day in days)
    without = ("costs", "rest") if carry else ("carry", "costs", "rest")
    return tuple(group for group in GROUPS if group not in without)


def _days(days: Sequence[Day]) -> str:
    if not days:
        return ""
    digits = _digits(day.change for day in days)
    more = _More(_apart(days), any(day.flows for day in days), _shown(days))
    columns = [
        Column("Day", text=True),
        Column("Earned", hint="change of worth, deposits left out, USD"),
        Column("Unhedged", hint="what the holdings alone would have earned, USD"),
        *(Column(GROUP_NAMES[group]) for group in more.groups),
        *(Column(name.capitalize()) for name in COSTS),
        Column("Residual", hint="what the model of the options leaves, USD"),
        *(
            [Column("Books apart", hint="what two sets of them differ by, USD")]
            if more.apart
            else []
        ),
        *([Column("Paid in", hint="deposits less withdrawals, USD")] if more.flows else []),
    ]
    rows = [_day(day, digits, more) for day in days]
    return table(columns, rows, _day(_total(days), digits, more), high=len(days) > 40)


def _total(days: Sequence[Day]) -> Day:
    """Return the sum of all rows, as a row."""
    known = [day.accounting for day in days if day.accounting is not None]
    return replace(
        days[-1],
        date="All",
        change=sum(day.change for day in days),
        flows=sum(day.flows for day in days),
        unhedged=sum(day.unhedged for day in days),
        parts={name: sum(day.parts[name] for day in days) for name in days[0].parts},
        accounting=sum(known) if known else None,
        alert=False,
    )


def _day(day: Day, digits: int, more: _More) -> list[str | Cell]:
    left = amount(day.parts["residual"], max(digits, 2))
    return [
        day.date,
        amount(day.change, digits),
        amount(day.unhedged, digits),
        *(amount(sum(day.parts[name] for name in GROUPS[group]), digits) for group in more.groups),
        *(amount(day.parts[name], 2) for name in COSTS),
        Cell(f"{left.shown} !", "flag") if day.alert else left,
        *([amount(day.accounting or 0.0, 2)] if more.apart else []),
        *([amount(day.flows, digits)] if more.flows else []),
    ]


def _hedged(told: Told, rows: Sequence[Hedge]) -> str:
    if not rows:
        return "No hedge was filled."
    missing = told["by_hedge_left_out"]
    some = f" The {len(rows):,} largest are shown, {missing:,} are not." if missing else ""
    return f"A triangle is a hedge, the larger the more was traded: rest on one to read why.{some}"


def _hedges(told: Told, rows: Sequence[Hedge]) -> str:
    if not rows:
        return ""
    largest = sorted(rows, key=lambda row: -row.turnover)[:LISTED]
    dear = sorted((row for row in rows if row.made is not None), key=_net)[:DEAREST]
    several = len({row.instrument for row in rows}) > 1
    whole = len(rows) + told["by_hedge_left_out"]
    about = (
        "Made: what the contracts gained from the reference price until the next hedge. A hedge "
        "that lost there was dear only by hindsight; it was made for what might have come."
    )
    if not several:
        about = f"All of {rows[0].instrument}. {about}"
    return (
        paragraph(about, "note")
        + f"<h3>The {len(dear)} that turned out dearest</h3>"
        + _hedge_table(dear, several=several, high=False)
        + f"<h3>The {len(largest)} largest of {whole:,}</h3>"
        + _hedge_table(largest, several=several, high=True)
    )


def _net(row: Hedge) -> float:
    return (row.made or 0.0) - row.fee - row.slippage


def _hedge_table(rows: Sequence[Hedge], *, several: bool, high: bool) -> str:
    columns = (
        Column("Time", text=True),
        *([Column("Instrument", text=True)] if several else []),
        Column("Contracts"),
        Column("Price"),
        Column("Reference", hint="mid price at the decision"),
        Column("Slippage", hint="USD"),
        Column("bp"),
        Column("Fee", hint="USD"),
        Column("Delta before"),
        Column("after"),
        Column("Made", hint="USD, until the next hedge"),
        Column("Why", text=True, wide=True),
    )
    return table(columns, (_hedge(row, several=several) for row in rows), high=high)


def _hedge(row: Hedge, *, several: bool) -> list[str | Cell]:
    return [
        str(np.datetime64(row.ts, "ns").astype("datetime64[s]")).replace("T", " "),
        *([row.instrument] if several else []),
        f"{row.quantity:+,.10g}".replace("-", "−"),
        f"{row.price:,.8g}",
        "–" if row.reference is None else f"{row.reference:,.8g}",
        money(row.slippage, 2),
        money(row.slippage_bp, 2),
        money(row.fee, 2),
        "–" if row.before is None else f"{row.before:+.4f}".replace("-", "−"),
        "–" if row.after is None else f"{row.after:+.4f}".replace("-", "−"),
        "–" if row.made is None else amount(row.made, 2),
        verdict.reason(row),
    ]


def _sources(summary: Summary) -> str:
    told = summary.result
    lines = list(summary.sources)
    for name, tally in summary.tallies.items():
        counts = ", ".join(f"{tally[key]:,} {key}" for key in ("decoded", "unknown", "refused"))
        lines.append(f"lines of {name}: {counts}")
    lines.append(
        f"{told['samples']:,} samples of worth, half of the steps between them "
        f"{_length(told['sampling_seconds'])} or longer"
    )
    lines.append(f"digest of all decisions: {told['digest']}")
    return listed(lines)


def _length(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    for unit, name in ((86_400.0, "days"), (3_600.0, "hours"), (60.0, "minutes")):
        if seconds >= unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds:.3g} seconds"
