"""`size`: with what to hedge a holding, how much, and what each way costs."""

import sys
from collections.abc import Iterator, Sequence
from math import floor, log10
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from rebalancer.cli.output import emit_json, opened
from rebalancer.cli.size_input import Typed, question
from rebalancer.errors import UsageError
from rebalancer.research.outcomes import JUMP_SHARE, JUMPS_PER_YEAR
from rebalancer.research.sizing import Holding, Sized
from rebalancer.research.sizing_answer import Answer, Break, answer, told, words
from rebalancer.research.sizing_margin import MarginTerms
from rebalancer.research.sizing_mix import CHEAPEST

HEDGES = ("hedge", "cost", "SD", "VaR95", "CVaR95", "worst", "premium", "margin", "even at")
ACCOUNTS = ("account of the short", "collateral", "missing", "liquidated at", "sigmas", "touched")
NEVER = 1e-4  # probability below which a price is never touched, on a screen
NONE = 1  # exit code where no mix is within the limit
RATIOS, PUTS, CALLS = (1.0, 0.5), (0.9,), (1.12,)


def size(  # long: the options are the question, and each says what it is
    coin: Annotated[str, typer.Option(help="Coin that is held.")] = "BTC",
    quantity: Annotated[float, typer.Option(help="Coins held.")] = 1.0,
    price: Annotated[
        float | None, typer.Option(help="USD per coin; with --chain it is the recorded index.")
    ] = None,
    days: Annotated[float, typer.Option(help="Horizon; with --chain the nearest expiry.")] = 30.0,
    vol: Annotated[
        float | None, typer.Option(help="Implied vol per year at the money, e.g. 0.6.")
    ] = None,
    skew: Annotated[float, typer.Option(help="Vol per 1.00 of ln(strike / price).")] = 0.0,
    iv: Annotated[
        list[str] | None,
        typer.Option(help="STRIKE=VOL of one strike, e.g. 0.9=0.7 or 90000=0.7; repeatable."),
    ] = None,
    real_vol: Annotated[
        float | None, typer.Option(help="Vol that the price will have; default: the implied one.")
    ] = None,
    fat_tails: Annotated[
        bool, typer.Option("--fat-tails", help="Jumps beside a diffusion, of the same variance.")
    ] = False,
    funding: Annotated[
        float, typer.Option(help="Funding per year, + longs pay shorts, e.g. 0.10.")
    ] = 0.0,
    funding_mean: Annotated[
        float | None, typer.Option(help="Rate per year that --funding returns to.")
    ] = None,
    funding_reverts: Annotated[
        float, typer.Option(help="Days in which its excess falls to 1/e.")
    ] = 2.0,
    fee_bp: Annotated[
        float, typer.Option(help="One way on the perpetual, fee and half spread, bp.")
    ] = 5.0,
    option_fee_bp: Annotated[
        float | None,
        typer.Option(help="bp of the coin, at most 12.5 % of a premium; 3 with --chain, else 0."),
    ] = None,
    ratio: Annotated[
        list[float] | None, typer.Option(help="Part to sell as a perpetual; repeatable.")
    ] = None,
    put: Annotated[
        list[float] | None, typer.Option(help="Strike, multiple of the price; repeatable.")
    ] = None,
    call: Annotated[
        list[float] | None,
        typer.Option(help="Strike of a call sold against the first put; repeatable."),
    ] = None,
    leverage: Annotated[float, typer.Option(help="Notional / initial margin.")] = 3.0,
    maintenance: Annotated[float, typer.Option(help="Maintenance margin, fraction.")] = 0.005,
    haircut: Annotated[
        float, typer.Option(help="Share of coins that counts as collateral.")
    ] = 0.95,
    sigmas: Annotated[float, typer.Option(help="Rise that the margin must outlast.")] = 3.0,
    reaction_days: Annotated[float, typer.Option(help="Days until margin can be added.")] = 1.0,
    cvar_limit: Annotated[
        float | None, typer.Option(help="Find the cheapest mix whose CVaR95 is within it, USD.")
    ] = None,
    capital_limit: Annotated[
        float | None, typer.Option(help="Most premium and margin of that mix, USD.")
    ] = None,
    chain: Annotated[
        Path | None, typer.Option(help="Recorded Deribit chain; puts at the ask, calls at the bid.")
    ] = None,
    at: Annotated[str | None, typer.Option(help="Moment in it, ISO 8601 UTC.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write JSON there; - is standard output.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Draw a page there, HTML.")] = None,
) -> None:
    """Hold a short perpetual against protective puts and collars: cost, risk, margin, break-even.

    Example: rebalancer size --coin BTC --quantity 1 --price 100000 --days 30 --vol 0.6
    --funding 0.10 --fee-bp 5 --put 0.9 --put 1 --call 1.12 --cvar-limit 8000
    Example: rebalancer size --chain options/deribit_chains_6h_2026-02.parquet
    --at 2026-02-10T12:00 --days 30 --cvar-limit 5000 --report size.html
    """
    if report is not None and report == json_file:
        raise UsageError(f"--report: must be another file than --json, was {report}")
    typed = Typed(
        coin,
        quantity,
        price,
        days,
        vol,
        skew,
        iv or (),
        real_vol,
        fat_tails,
        funding,
        funding_mean,
        funding_reverts,
        fee_bp,
        option_fee_bp,
        ratio or RATIOS,
        put or PUTS,
        call or CALLS,
        MarginTerms(leverage, maintenance, haircut, sigmas, reaction_days),
        cvar_limit,
        capital_limit,
        chain,
        at,
    )
    asked, source = question(typed)
    found = answer(asked)
    with opened(json_file) as sink, opened(report) as page:
        if sink is not None:
            emit_json(told(found), sink)
        if page is not None:
            from rebalancer.research import sizing_page  # here: only a page wants it

            title = (
                f"{asked.holding.quantity:g} {asked.holding.coin}, {asked.holding.days:.4g} days"
            )
            lines = list(_lines(found, source))
            page.write(sizing_page.page(title, lines, _tables(found), found))
    if json_file is None or str(json_file) != "-":
        _show(found, source)
    if found.choice is not None and found.choice.mix is None:
        raise typer.Exit(NONE)


def _show(found: Answer, source: str) -> None:
    console = Console(width=None if sys.stdout.isatty() else 160)
    for title, columns, rows in _tables(found):
        drawn = Table(
            title=title, title_justify="left", header_style="bold", box=None, pad_edge=False
        )
        for place, column in enumerate(columns):
            drawn.add_column(column, justify="right" if place else "left")
        for row in rows:
            drawn.add_row(*row)
        console.print(drawn)
    for line in _lines(found, source):
        typer.echo(line)


def _tables(found: Answer) -> Iterator[tuple[str, Sequence[str], list[Sequence[str]]]]:
    """Yield title, columns and rows of what is shown, on a screen and on a page alike."""
    asked = found.question
    mix = None if found.choice is None else found.choice.mix
    hedges = [*found.hedges, *([] if mix is None else [mix])]
    holding = asked.holding
    now = _amount(holding.price, holding.price)
    title = f"{holding.quantity:g} {holding.coin} at {now}, "
    title += f"{holding.days:.4g} days, real vol {asked.real_vol:.3g}; USD"
    yield title, HEDGES, [_hedge(each, holding) for each in hedges]
    rows: list[Sequence[str]] = []
    for each in found.accounts:
        scale = holding.worth if each.currency == "USD" else holding.quantity
        rows.append(
            (
                each.name,
                f"{_amount(each.collateral, scale)} {each.currency}",
                f"{_amount(each.extra, scale)} {each.currency}",
                "never" if each.liquidation is None else _amount(each.liquidation, holding.price),
                "-" if each.sigmas is None else f"{each.sigmas:.2f}",
                f"{each.touch:.2%}" if each.touch >= NEVER else "< 0.01%",
            )
        )
    terms = asked.margin
    rise = f"{terms.sigmas:g} sigmas in {terms.reaction_days:g} days"
    yield f"margin; missing to outlast a rise of {rise}", ACCOUNTS, rows


def _hedge(each: Sized, holding: Holding) -> Sequence[str]:
    numbers = (each.cost, each.outcome.sd, each.outcome.var, each.outcome.cvar, -each.book.worst)
    shown = [_amount(value, holding.worth) for value in (*numbers, each.premium)]
    parts = [_amount(each.margin, holding.worth)] if each.margin or not each.locked else []
    parts += [f"{each.locked:.4g} {holding.coin}"] if each.locked else []
    margin = " + ".join(parts)
    even = ", ".join(_amount(price, holding.price) for price in each.even) or "-"
    return each.hedge.name, *shown, margin, even


def _amount(value: float, scale: float) -> str:
    """Return USD with as many digits as their scale needs: none above ten thousand."""
    if value == float("inf"):
        return "without end"
    digits = max(0, 4 - floor(log10(scale)))
    return f"{round(value, digits) + 0.0:,.{digits}f}"


def _lines(found: Answer, source: str) -> Iterator[str]:
    """Yield what the numbers rest on and what they say, a sentence each."""
    asked = found.question
    costs = asked.costs
    yield (
        f"Funding {costs.funding:+.2%} a year (+ longs pay), perpetual {costs.fee * 1e4:g} bp each "
        f"way, option fee {costs.option_fee * 1e4:g} bp; {source}."
    )
    if asked.fat_tails:
        yield (
            f"Fat tails: {JUMPS_PER_YEAR:g} jumps a year bring {JUMP_SHARE:.0%} of the variance; "
            "the touch probability is a bound."
        )
    seen = set()
    for each in found.breaks:
        if each.option not in seen:
            seen.add(each.option)
            yield (
                f"A whole short perp costs what {each.option} does at a funding of "
                f"{each.funding:+.2%} a year; above it the perp is cheaper."
            )
        yield f"{each.option} gains more than {each.perpetual} {_stretches(each, asked.holding)}."
    if found.choice is None or asked.limits is None:
        return
    limit = _amount(asked.limits.cvar, asked.holding.worth)
    if found.choice.mix is None:
        least = _amount(found.choice.least, asked.holding.worth)
        yield f"No mix keeps CVaR95 within {limit} USD: the least is {least}."
        return
    mix = words(found.choice.mix.hedge, asked.holding.coin)
    if found.choice.mix.hedge.name == CHEAPEST:
        yield f"Cheapest mix with CVaR95 within {limit} USD: {mix}."
    else:
        yield f"Mix with the least CVaR95; no cheaper one was found within {limit} USD: {mix}."


def _stretches(each: Break, holding: Holding) -> str:
    """Return in words at which prices an option hedge gains more."""
    found = []
    for low, high in each.better:
        start, end = (_amount(price, holding.price) for price in (low, high))
        if low == 0:
            found.append("at every price" if high == float("inf") else f"below {end}")
        elif high == float("inf"):
            found.append(f"above {start}")
        else:
            found.append(f"from {start} to {end}")
    return " and ".join(found) or "at no price"


def register(app: typer.Typer) -> None:
    """Add the command of this group."""
    app.command()(size)
