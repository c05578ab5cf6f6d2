"""Asking: what the command line of a study takes, whichever study it is."""

import argparse
import os
from pathlib import Path

from rebalancer.core.funding import DAY, Rule


def parser_of(name: str, doc: str | None, *, report: bool = True) -> argparse.ArgumentParser:
    """Return a parser that takes the folder of recordings, and where numbers and charts go.

    Args:
        name: Of the study's module.
        doc: Its docstring; the first line says what it is.
        report: Whether it draws charts.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m rebalancer.research.{name}", description=(doc or "").split("\n", 1)[0]
    )
    home = Path(os.environ.get("REBALANCER_DATA") or "../shared/data")
    parser.add_argument("folder", type=Path, nargs="?", default=home, help="recorded markets")
    parser.add_argument("--json", type=Path, metavar="F", help="write the numbers there")
    if report:
        parser.add_argument("--report", type=Path, metavar="F.html", help="write charts there")
    return parser


def ask_rule(parser: argparse.ArgumentParser) -> None:
    """Let it take what trading costs, and the rule by which a hedge changes its venue."""
    rule = Rule()
    parser.add_argument("--taker", type=float, default=5.0, help="fee, bp of notional")
    parser.add_argument("--half-spread", type=float, default=0.5, help="bp of the price")
    parser.add_argument("--horizon", type=float, default=rule.horizon / DAY, help="days")
    parser.add_argument("--factor", type=float, default=rule.factor, help="times its cost")
    parser.add_argument("--penalty", type=float, default=rule.penalty, help="deviations")
