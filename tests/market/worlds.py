"""Small worlds to look at."""

import numpy as np

from rebalancer.core.instruments import Kind
from rebalancer.market.params import FaultParams, standard_params
from rebalancer.market.world import World
from rebalancer.settings import known

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START = 1_769_757_300 * SECOND  # Friday 2026-01-30 07:15 UTC
EIGHT = START + 45 * MINUTE
QUIET = FaultParams(false_prints=0, freezes=0)


EXPIRIES = ("30JAN26", "31JAN26", "6FEB26", "27FEB26", "27MAR26")
STRIKES = {
    "BTC": range(90_000, 116_000, 5_000),
    "ETH": range(2_900, 4_200, 220),
}


def standard_instruments(_start=START):
    """Return what a desk of both coins may hold: the catalogue's, with five expiries of options."""
    names = [f"deribit:{coin}{rest}" for coin in STRIKES for rest in ("-PERPETUAL", "-27MAR26", "")]
    names += [f"{venue}:{coin}USDT" for coin in STRIKES for venue in ("binance", "binanceusdm")]
    names += ["binance:USDT", "binanceusdm:USDT"]
    names += [
        f"deribit:{coin}-{expiry}-{strike}-{side}"
        for coin, strikes in STRIKES.items()
        for expiry in EXPIRIES
        for strike in strikes
        for side in "CP"
    ]
    return tuple(known(name) for name in names)


def streams(seed):
    """Return what gives the stream of a name."""
    return lambda name: np.random.default_rng([seed, *name.encode()])


def straight():
    """Return the demo's instruments without options."""
    return [each for each in standard_instruments(START) if each.kind is not Kind.OPTION]


def run(world, count, step=SECOND, start=START):
    """Return the first steps of a world."""
    return [world.step(start + number * step) for number in range(count)]


def world(seed=1, instruments=None, params=None):
    """Return a world at 07:15."""
    listed = standard_instruments(START) if instruments is None else instruments
    return World(params or standard_params(START), listed, streams(seed))
