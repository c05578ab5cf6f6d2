"""`greeks`: price and sensitivities of one option, for a person with a question."""

import math
from enum import StrEnum
from typing import Annotated

import typer

from rebalancer.cli.output import emit_json, shown
from rebalancer.core import pricing as model
from rebalancer.errors import UsageError

DAYS = 365
HIGHEST = 10.0  # above it somebody typed per cent


_UNITS = {
    "vol": "per year",
    "delta": "coins of forward",
    "adjusted_delta": "coins, less the premium",
    "gamma": "coins per USD",
}
USD_UNITS = _UNITS | {
    "price": "USD",
    "vega": "USD per vol point",
    "theta": "USD per day",
    "vanna": "coins per 1.00 of vol",
    "volga": "USD per 1.00 of vol, twice",
}
COIN_UNITS = _UNITS | {
    "price": "coin",
    "vega": "coin per vol point",
    "theta": "coin per day",
    "vanna": "per 1.00 of vol and USD",
    "volga": "coin per 1.00 of vol, twice",
}


class Side(StrEnum):
    """Call or put."""

    CALL = "call"
    PUT = "put"


def greeks(
    forward: Annotated[float, typer.Option(help="Forward price, USD per coin.")],
    strike: Annotated[float, typer.Option(help="Strike, USD per coin.")],
    days: Annotated[float, typer.Option(help="Days to expiry.")],
    side: Annotated[Side, typer.Option("--type", help="call or put")],
    vol: Annotated[
        float | None, typer.Option(help="Volatility per year as a fraction, e.g. 0.6.")
    ] = None,
    price: Annotated[
        float | None, typer.Option(help="Price instead of a vol: USD, or coin with --inverse.")
    ] = None,
    inverse: Annotated[bool, typer.Option("--inverse", help="Settled in coin.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Price an option and show its greeks; vega is per vol point, theta per day.

    Example: rebalancer greeks --forward 100000 --strike 103000 --days 1 --type call
    --price 0.0030 --inverse
    """
    if (vol is None) == (price is None):
        raise UsageError("greeks: must be given exactly one of --vol and --price")
    if not 0 <= days < math.inf:
        raise UsageError(f"--days: must be 0 or more, was {days:g}")
    sign, years = (1 if side is Side.CALL else -1), days / DAYS
    if vol is not None and vol > HIGHEST:
        raise UsageError(f"--vol: must be a fraction per year such as 0.6, was {vol:g}")
    sigma = _implied(price, (forward, strike, years, sign), inverse) if vol is None else vol
    try:
        told = _told(forward, strike, years, sigma, sign, inverse)
    except ValueError as error:
        raise UsageError(f"greeks: {error}") from error
    if as_json:
        emit_json(told)
        return
    units = COIN_UNITS if inverse else USD_UNITS
    for name, value in told.items():
        typer.echo(f"{name:16} {shown(value):>14}  {units[name]}")


def _implied(price: float | None, option: tuple[float, float, float, int], inverse: bool) -> float:
    invert = model.inverse_implied_vol if inverse else model.implied_vol
    vol, status = invert(math.nan if price is None else price, *option)
    code = model.ImpliedVolStatus(int(status))
    if code is not model.ImpliedVolStatus.OK:
        raise UsageError(f"--price: must have a volatility, was {price}: {code.name.lower()}")
    return float(vol)


def _told(
    forward: float, strike: float, years: float, vol: float, sign: int, inverse: bool
) -> dict[str, float]:
    if inverse:
        coin = model.inverse_greeks(forward, strike, years, vol, sign)
        return {
            "price": float(coin.price),
            "vol": vol,
            "delta": float(coin.delta),
            "adjusted_delta": float(coin.adjusted_delta),
            "gamma": float(coin.gamma),
            "vega": float(coin.vega) / 100,
            "theta": float(coin.theta) / DAYS,
            "vanna": float(coin.vanna),
            "volga": float(coin.volga),
        }
    usd = model.greeks(forward, strike, years, vol, sign)
    return {
        "price": float(usd.price),
        "vol": vol,
        "delta": float(usd.delta),
        "gamma": float(usd.gamma),
        "vega": float(usd.vega) / 100,
        "theta": float(usd.theta) / DAYS,
        "vanna": float(usd.vanna),
        "volga": float(usd.volga),
    }


def register(app: typer.Typer) -> None:
    """Add the command of this group."""
    app.command()(greeks)
