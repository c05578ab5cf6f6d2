"""Carry: what the choice of a venue earns in funding, against every venue and against hindsight.

A short perpetual leg that hedges coins has to stand at some venue. Each venue by
itself, the rule of `core/funding.py`, the same where moving is free, and the
best that hindsight could have done, with moves that cost and without, are played
over recorded settlements; all in USD a year for a leg that is worth a million at
every settlement.

    python -m rebalancer.research.carry FOLDER --json carry.json --report carry.html
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from rebalancer.core.funding import DAY, Rule, Terms
from rebalancer.errors import Defect, RebalancerError, UsageError
from rebalancer.recordings.table import Floats, Times
from rebalancer.research import asking, carry_page, stretches, switching
from rebalancer.research.settlements import Settlements, strayed
from rebalancer.research.stretches import COINS, STRETCHES, Read, Stretch
from rebalancer.research.switching import Leg, Walk

NOTIONAL = 1_000_000.0  # USD
RULE, FREE, BEST, BEST_FREE = "rule", "rule, free moves", "best in hindsight", "best, free moves"
TINY = 1e-9  # fraction of notional: sums differ in their last bits
ASSUMED = (
    "A short leg worth 1,000,000 USD at every settlement; its first entry costs nobody anything",
    "The rule begins at the first venue; the best in hindsight begins where it likes",
    "A choice knows what was settled by then and nothing later",
    "The parameters are near the best of the first halves; second halves had no part in that",
)


@dataclass(frozen=True, slots=True)
class Earned:
    """What a strategy earned in a part of a stretch; USD for a leg of a million."""

    usd_per_year: float
    funding_per_year: float  # received, before moves were paid
    moves_per_year: float  # paid for them, >= 0
    flips: int
    error: float | None = None  # standard deviation of coin and leg together, USD per tick
    error_added: float | None = None  # what of it the moves brought


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What came of one coin in one stretch."""

    stretch: Stretch
    coin: str
    earned: Mapping[str, Mapping[str, Earned]]  # part → strategy → what it earned
    ts: Times  # ns, of the whole stretch
    curves: Mapping[str, Floats]  # strategy → USD earned until then


def study(told: Read, stretch: Stretch, coin: str, rule: Rule, leg: Leg) -> Outcome:
    """Play every strategy over a stretch and over its halves.

    Raises:
        Defect: Hindsight earned less than the rule did.
    """
    foreseen = switching.foresee(told.settlements, Terms(), rule.horizon)
    played = {
        name: (
            part := stretches.cut(told, places),
            walks(part, foreseen[slice(*places)], rule, leg),
        )
        for name, places in stretches.parts(told).items()
    }
    earned = {
        name: {strategy: _earned(part, walk) for strategy, walk in each.items()}
        for name, (part, each) in played.items()
    }
    whole, each = played["whole"]
    curves = {strategy: walk.earned * NOTIONAL for strategy, walk in each.items()}
    return Outcome(stretch, coin, earned, whole.ts, curves)


def walks(
    told: Settlements, foreseen: switching.Foreseen, rule: Rule, leg: Leg
) -> Mapping[str, Walk]:
    """Return the path of each strategy by its name.

    Raises:
        Defect: Hindsight earned less than the rule did.
    """
    free = replace(leg, cost=0.0)
    found = {
        **{f"always {name}": switching.stay(told, i, leg) for i, name in enumerate(told.venues)},
        RULE: switching.follow(told, foreseen, rule, leg),
        FREE: switching.follow(told, foreseen, rule, free),
        BEST: switching.hindsight(told, leg),
        BEST_FREE: switching.hindsight(told, free),
    }
    for bound, bounded in ((BEST, RULE), (BEST_FREE, FREE), (BEST_FREE, BEST)):
        most, least = found[bound].earned[-1], found[bounded].earned[-1]
        if most < least - TINY:
            raise Defect(f"{bound}: must earn what {bounded} does ({least:.9f}), was {most:.9f}")
    return found


def _earned(told: Settlements, walk: Walk) -> Earned:
    received, paid = float(walk.received.sum()), float(walk.paid.sum())
    a_year = NOTIONAL / told.years
    error = added = None
    if told.prices is not None:
        both = [strayed(told.prices, walk.held, moving=moving) for moving in (True, False)]
        error, without = (float(np.nanstd(each, ddof=1)) * NOTIONAL for each in both)
        added = error - without
    net = received - paid
    return Earned(net * a_year, received * a_year, paid * a_year, walk.flips, error, added)


# --- what is told -------------------------------------------------------------


def result(outcomes: Sequence[Outcome], rule: Rule, leg: Leg) -> Mapping[str, Any]:
    """Return all of it as one JSON document."""
    terms = Terms()
    return {
        "notional": NOTIONAL,
        "cost_per_move": 2 * leg.cost,
        "horizon_days": rule.horizon / DAY,
        "factor": rule.factor,
        "penalty": rule.penalty,
        "forgets_days": terms.forgets / DAY,
        "reverts_hours": terms.reverts * 24 / DAY,
        "assumed": ASSUMED,
        "stretches": [
            {
                "stretch": each.stretch.name,
                "from": each.stretch.start,
                "second_half_from": each.stretch.middle,
                "to": each.stretch.end,
                "coin": each.coin,
                "note": each.stretch.note,
                "parts": {
                    part: {strategy: asdict(told) for strategy, told in strategies.items()}
                    for part, strategies in each.earned.items()
                },
            }
            for each in outcomes
        ],
    }


def drawn(outcome: Outcome) -> Table:
    """Return a table for a terminal."""
    title = f"{outcome.stretch.name} {outcome.coin}, USD a year per million short"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("strategy")
    priced = any(each.error is not None for each in outcome.earned["whole"].values())
    heads = ("whole", "first half", "second half", "flips", "for moves")
    for head in (*heads, *(("error/tick", "by moves") if priced else ())):
        table.add_column(head, justify="right")
    for name, whole in outcome.earned["whole"].items():
        halves = (outcome.earned[part][name].usd_per_year for part in heads[1:3])
        cells = [name, *(f"{each:,.0f}" for each in (whole.usd_per_year, *halves))]
        cells += [str(whole.flips), f"{whole.moves_per_year:,.0f}"]
        if priced:
            both = (whole.error, whole.error_added)
            cells += ["-" if each is None else f"{each:,.1f}" for each in both]
        table.add_row(*cells, style="bold" if name == RULE else None)
    return table


# --- command ------------------------------------------------------------------


def run(folder: Path, rule: Rule, leg: Leg, done: Callable[[], object]) -> tuple[Outcome, ...]:
    """Play every stretch of every coin; `done` is called after each.

    Raises:
        DataError: A file cannot be trusted.
    """
    found = []
    for stretch in STRETCHES:
        for coin in COINS:
            found.append(study(stretches.read(folder, stretch, coin), stretch, coin, rule, leg))
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
        if told.report is not None:
            carry_page.plotly()  # before the work, not after it
        console = Console(file=sys.stderr)
        with Progress(console=console, disable=not console.is_terminal) as progress:
            task = progress.add_task("carry", total=len(STRETCHES) * len(COINS))
            outcomes = run(told.folder, rule, leg, lambda: progress.advance(task))
        _tell(outcomes, rule, leg, told)
    except RebalancerError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _tell(outcomes: Sequence[Outcome], rule: Rule, leg: Leg, told: argparse.Namespace) -> None:
    """Write the tables, the JSON document and the report."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    days = rule.horizon / DAY
    console.print(
        f"a move costs {2e4 * leg.cost:g} bp and has to bring {rule.factor:g} times that within "
        f"{days:g} days, less {rule.penalty:g} standard deviations"
    )
    for line in ASSUMED:
        console.print(line)
    for each in outcomes:
        console.print()
        console.print(drawn(each))
        if each.stretch.note:
            console.print(each.stretch.note)
    if told.json is not None:
        _write(told.json, json.dumps(result(outcomes, rule, leg), indent=2) + "\n")
    if told.report is not None:
        title = "Which venue's perpetual to be short"
        _write(told.report, carry_page.page(title, ASSUMED, map(shown, outcomes)))


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: must be a file that can be written: {error.strerror}") from error


def shown(outcome: Outcome) -> carry_page.Shown:
    """Return what the page draws of an outcome."""
    title = f"{outcome.stretch.name}, {outcome.coin}"
    bars = {
        part: {name: each.usd_per_year for name, each in strategies.items()}
        for part, strategies in outcome.earned.items()
    }
    return carry_page.Shown(title, outcome.stretch.note, bars, outcome.ts, outcome.curves)


def _parser() -> argparse.ArgumentParser:
    parser = asking.parser_of("carry", __doc__)
    asking.ask_rule(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
