"""How the parameters of expected funding were chosen: on first halves, judged on second ones.

First the half-lives, by the error of the spread between two venues that they
foresee over a week; then, with the half-lives that are in use, the horizon and
the penalty, by the share of what hindsight could have gained over the first
venue. Both are means over stretches and coins, so that no wild year decides alone.

On the first halves 14 days and 8 hours come to 0.828 of the spread's size, 7 days
and 4 hours to 0.806: as good as the same. At a factor of 2 a horizon of 60 days
without a penalty comes to 0.588 and with half a deviation to 0.561; the latter is
in use, for its fewer moves. On the second halves these are 0.985 and 1.019, -0.018
and 0.177: there no half-lives foresee the spread much better than none at all.

    python -m rebalancer.research.carry_tuning FOLDER
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from rebalancer.core.funding import DAY, HOUR, Rule, Terms
from rebalancer.errors import RebalancerError, UsageError
from rebalancer.research import stretches, switching
from rebalancer.research.settlements import Settlements
from rebalancer.research.stretches import COINS, STRETCHES, Read
from rebalancer.research.switching import Foreseen, Leg

HALVES = ("first half", "second half")
WEEK = 7 * DAY
SETTLED_IN = 30  # ticks after which a memory that began with the stretch says something
FORGETS, REVERTS = (3, 7, 14, 30), (4, 8, 12, 24)  # days, hours
HORIZONS, FACTORS, PENALTIES = (7, 14, 30, 45, 60, 90), (1.0, 2.0, 3.0), (0.0, 0.25, 0.5, 1.0)

Told = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Scored:
    """How well a choice of parameters did on either half."""

    named: tuple[float, ...]
    first: float
    second: float


def half_lives(reads: Sequence[Read], done: Told) -> tuple[Scored, ...]:
    """Return the error of the foreseen spread, as a share of the spread's own size.

    Best on the first halves first.
    """
    found = []
    for days, hours in product(FORGETS, REVERTS):
        terms = Terms(forgets=days * DAY, reverts=hours * HOUR)
        errors = [_errors(each, switching.foresee(each.settlements, terms, WEEK)) for each in reads]
        found.append(Scored((days, hours), *_means(errors)))
        done()
    return tuple(sorted(found, key=lambda each: each.first))


def _errors(told: Read, foreseen: Foreseen) -> Mapping[str, float]:
    parts = stretches.parts(told)
    return {
        half: _error(stretches.cut(told, parts[half]), foreseen[slice(*parts[half])])
        for half in HALVES
    }


def _error(told: Settlements, foreseen: Foreseen) -> float:
    """Return the root mean square error ÷ that of foreseeing no spread at all."""
    until = np.searchsorted(told.ts, told.ts + WEEK, side="right")
    sums = np.concatenate((np.zeros((1, len(told.venues))), np.cumsum(told.rate, axis=0)))
    rows = np.arange(SETTLED_IN, int(np.searchsorted(told.ts, told.ts[-1] - WEEK)))
    came = sums[until[rows]] - sums[rows + 1]
    means = np.array(
        [[each.mean if each else np.nan for each in foreseen[row]] for row in rows.tolist()]
    )
    missed = own = 0.0
    for here, there in combinations(range(len(told.venues)), 2):
        spread = came[:, here] - came[:, there]
        missed += float(np.nanmean((spread - means[:, here] + means[:, there]) ** 2))
        own += float(np.nanmean(spread**2))
    return float(np.sqrt(missed / own))


def rules(reads: Sequence[Read], leg: Leg, done: Told) -> tuple[Scored, ...]:
    """Return the share of hindsight's gain over the first venue; best first halves first."""
    found: list[Scored] = []
    for days in HORIZONS:
        every = [switching.foresee(each.settlements, Terms(), days * DAY) for each in reads]
        for factor, penalty in product(FACTORS, PENALTIES):
            rule = Rule(days * DAY, factor, penalty)
            shares = [_shares(*each, rule, leg) for each in zip(reads, every, strict=True)]
            found.append(Scored((days, factor, penalty), *_means(shares)))
        done()
    return tuple(sorted(found, key=lambda each: -each.first))


def _shares(told: Read, foreseen: Foreseen, rule: Rule, leg: Leg) -> Mapping[str, float]:
    found = {}
    for half in HALVES:
        places = stretches.parts(told)[half]
        part = stretches.cut(told, places)
        stayed = switching.stay(part, 0, leg).earned[-1]
        most = switching.hindsight(part, leg).earned[-1] - stayed
        came = switching.follow(part, foreseen[slice(*places)], rule, leg).earned[-1] - stayed
        found[half] = float(came / most) if most > 0 else 0.0
    return found


def _means(each: Sequence[Mapping[str, float]]) -> tuple[float, float]:
    first, second = (float(np.mean([told[half] for told in each])) for half in HALVES)
    return first, second


def drawn(title: str, names: Sequence[str], rows: Sequence[Scored]) -> Table:
    """Return a table for a terminal."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in (*names, *HALVES):
        table.add_column(name, justify="right")
    for each in rows:
        table.add_row(*(f"{n:g}" for n in each.named), f"{each.first:.3f}", f"{each.second:.3f}")
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Print both tables; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="recorded markets")
    folder = parser.parse_args(arguments).folder
    console = Console(file=sys.stderr)
    try:
        if not folder.is_dir():
            raise UsageError(f"FOLDER: must be a folder, was {folder}")
        reads = [stretches.read(folder, each, coin) for each in STRETCHES for coin in COINS]
        with Progress(console=console, disable=not console.is_terminal) as progress:
            total = len(FORGETS) * len(REVERTS) + len(HORIZONS)
            task = progress.add_task("tuning", total=total)
            lives = half_lives(reads, lambda: progress.advance(task))
            ruled = rules(reads, Leg(), lambda: progress.advance(task))
    except RebalancerError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    out = Console()
    title = "error of the spread foreseen over a week, share of the spread"
    out.print(drawn(title, ("forgets, d", "reverts, h"), lives))
    title = "share of hindsight's gain over the first venue"
    out.print(drawn(title, ("horizon, d", "factor", "penalty"), ruled))
    return 0


if __name__ == "__main__":
    sys.exit(main())
