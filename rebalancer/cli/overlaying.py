"""`overlay`: which listed options bring gamma and vega inside limits, and whether that pays."""

import math
from pathlib import Path
from typing import Annotated

import typer

from rebalancer.cli.output import emit_json, opened, table
from rebalancer.cli.size_input import BASIS, HIGHEST, LISTED_FEE, MOST_BASIS, Faults
from rebalancer.cli.times import duration, nanoseconds, utc
from rebalancer.core.instruments import Kind
from rebalancer.core.overlay import Greeks
from rebalancer.errors import UsageError
from rebalancer.recordings.listed_quotes import Listed, listed_quotes
from rebalancer.research import overlays, sizing_listed
from rebalancer.research.overlays import Held, Overlay, Plan
from rebalancer.research.sizing import Costs
from rebalancer.settings import Settings, known, load

DAY = sizing_listed.DAY
LEGS = ("name", "contracts", "days", "delta", "gamma", "vega", "theta", "cost", "rounds")
NONE = 1  # exit code where no overlay does it


def overlay(  # long: its options are the question, and each says what it is
    chain: Annotated[Path, typer.Option(help="Recorded Deribit chain, Parquet.")],
    at: Annotated[str, typer.Option(help="Moment in it, ISO 8601 UTC.")],
    coin: Annotated[str, typer.Option(help="Coin of the options.")] = "BTC",
    gamma: Annotated[
        float | None, typer.Option(help="Of the book, coins per 1 % of price.")
    ] = None,
    vega: Annotated[float | None, typer.Option(help="Of the book, USD per vol point.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="Take the book and the limits from there instead, TOML.")
    ] = None,
    gamma_limit: Annotated[
        float | None, typer.Option(help="Most of |gamma|, coins per 1 % of price.")
    ] = None,
    vega_limit: Annotated[
        float | None, typer.Option(help="Most of |vega|, USD per vol point.")
    ] = None,
    days: Annotated[float, typer.Option(help="How long the overlay is wanted.")] = 30.0,
    least_days: Annotated[float, typer.Option(help="Least time to expiry of an option.")] = 7.0,
    every: Annotated[str, typer.Option(help="Time between hedges, e.g. 1h.")] = "1h",
    real_vol: Annotated[
        float | None, typer.Option(help="Vol that the price will have; default: the implied one.")
    ] = None,
    fee_bp: Annotated[float, typer.Option(help="One way on the perpetual, bp.")] = 5.0,
    option_fee_bp: Annotated[
        float, typer.Option(help="On an option, bp of the coin; at most 12.5 % of the premium.")
    ] = LISTED_FEE,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write JSON there; - is standard output.")
    ] = None,
) -> None:
    """Propose the cheapest options that bring gamma and vega inside limits; nothing is traded.

    Example: rebalancer overlay --chain options/deribit_chains_6h_2026-02.parquet
    --at 2026-02-10T12:00 --gamma -0.9 --vega -1500 --gamma-limit 0.3 --vega-limit 500
    Example: rebalancer overlay --chain CHAIN --at TIME --config config/paper.toml
    """
    held, limits = Held(gamma or 0.0, vega or 0.0), Greeks(gamma_limit, vega_limit)
    faults = Faults()
    _require_book(faults, (gamma, vega), limits, config)
    for name, value in (("--days", days), ("--least-days", least_days)):
        faults.within(name, value, 0, 3650)
    faults.within("--real-vol", real_vol, 0, HIGHEST)
    for name, bp in (("--fee-bp", fee_bp), ("--option-fee-bp", option_fee_bp)):
        faults.require(0 <= bp <= MOST_BASIS, name, f"lie in 0 to {MOST_BASIS:g}", bp)
    faults.check("overlay")
    settings = None if config is None else load(config)
    if settings is not None:
        limits = _limits(settings, coin, limits)
    listed = listed_quotes(chain, coin, nanoseconds(at))
    vol = sizing_listed.nearest(listed, coin, 1.0, days).vol if real_vol is None else real_vol
    plan = Plan(days, least_days, duration(every) / DAY, vol)
    if settings is not None:
        held = overlays.held_of(listed, _options(settings, coin))
    costs = Costs(fee=fee_bp * BASIS, option_fee=option_fee_bp * BASIS)
    found = overlays.propose(listed, held, limits, plan, costs)
    with opened(json_file) as sink:
        if sink is not None:
            emit_json(None if found is None else overlays.told(found), sink)
    if json_file is None or str(json_file) != "-":
        _show(found, held, listed, plan)
    if found is None:
        raise typer.Exit(NONE)


def _require_book(
    faults: Faults,
    greeks: tuple[float | None, float | None],
    limits: Greeks,
    config: Path | None,
) -> None:
    """Note where the book or its limits are not told, or told twice."""
    for name, value in zip(("--gamma", "--vega"), greeks, strict=True):
        faults.require(value is None or math.isfinite(value), name, "be finite", value)
        faults.require(value is None or config is None, name, "be absent beside --config", value)
    given = (limits.gamma, limits.vega)
    if config is None:
        faults.require(greeks != (None, None), "--gamma", "be given, or --vega", None)
        faults.require(given != (None, None), "--gamma-limit", "be given, or --vega-limit", None)
    for name, value in zip(("--gamma-limit", "--vega-limit"), given, strict=True):
        faults.within(name, value, 0, math.inf)


def _limits(settings: Settings, coin: str, given: Greeks) -> Greeks:
    """Return the limits of a configuration where the command has none.

    Raises:
        UsageError: It has no such underlying, or neither has a limit.
    """
    own = settings.underlyings.get(coin)
    if own is None:
        raise UsageError(f"--config: must have [underlyings.{coin}], was without")
    gamma = own.limits.gamma if given.gamma is None else given.gamma
    vega = own.limits.vega if given.vega is None else given.vega
    if gamma is None and vega is None:
        must = f"must set gamma or vega in [underlyings.{coin}.limits]"
        raise UsageError(f"--config: {must}, or --gamma-limit or --vega-limit be given")
    return Greeks(gamma, vega)


def _options(settings: Settings, coin: str) -> list[tuple[str, float]]:
    """Return the options of a coin that a configuration holds: id and contracts."""
    found = []
    for holding in settings.holdings:
        option = known(holding.instrument)
        if option is not None and option.kind is Kind.OPTION and option.underlying == coin:
            found.append((option.id, float(holding.quantity)))
    return found


def _show(found: Overlay | None, held: Held, listed: Listed, plan: Plan) -> None:
    before = f"gamma {held.gamma:,.4g} coins per 1 %, vega {held.vega:,.0f} USD per point"
    typer.echo(f"book at {utc(listed.ts)}, index {listed.index:,.0f}: {before}")
    if found is None:
        typer.echo("No two listed options bring it inside the limits.")
        return
    if not found.legs:
        typer.echo("It is inside the limits: nothing to do.")
        return
    told = overlays.told(found)
    table(told["legs"], LEGS, "to trade; delta in coins, theta in USD a day, cost in USD a round")
    after = found.after
    way = "buy" if found.perpetual > 0 else "sell"
    typer.echo(f"perpetual: {way} {abs(found.perpetual):,.4g} coins, for delta to stay")
    typer.echo(f"after: gamma {after.gamma:,.4g}, vega {after.vega:,.0f}")
    typer.echo(
        f"over {plan.days:g} days at a real vol of {plan.real_vol:.3g}, USD: spreads and fees "
        f"{found.trading:,.0f}, carry {found.carry:,.0f}, hedging saved {found.saved:,.0f}"
    )
    if found.short_dated:
        typer.echo("All of it ends within a month, when greeks change quickest.")
    worth = "It pays for itself" if found.worth_it else "It does not pay for itself"
    typer.echo(
        f"{worth}: hedging saved against spreads, fees and carry. The limit may ask it anyway."
    )


def register(app: typer.Typer) -> None:
    """Add the command of this group."""
    app.command()(overlay)
