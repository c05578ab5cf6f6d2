"""The book of a simulated run: coins and short options on one venue, perpetuals on two.

Its options make every price move a reason to hedge; its band is narrow and its
patience short, so that an hour's worth of hedging happens in a minute.
"""

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache

from rebalancer.core.commands import Style
from rebalancer.core.instruments import Instrument
from rebalancer.exchange.opening import OpeningAccount, OpeningPosition
from rebalancer.exchange.terms import AccountTerms, MarginMode
from rebalancer.settings import Settings, resolve
from rebalancer.simulation.virtual.dice import Dice

COIN, DOLLAR = "BTC", "USDT"
INVERSE, LINEAR = "deribit:BTC-PERPETUAL", "binanceusdm:BTCUSDT"
CALL, PUT = "deribit:BTC-6FEB26-105000-C", "deribit:BTC-6FEB26-95000-P"
START = 1_769_757_300 * 1_000_000_000  # ns: Friday 2026-01-30, 07:15 UTC
PRICE = 100_000.0
VOL = 0.6

_TOML = """
[book]
id = "simulated"
mode = "paper"

[venues.deribit]
account = "simulated"
margin = "cross"
leverage = 10
fees = { maker = 0.0, taker = 0.0005 }
tiers = [[0, 0.01], [2_500_000, 0.015], [10_000_000, 0.02]]
insurance = { BTC = 0.5 }

[venues.binanceusdm]
account = "simulated"
margin = "cross"
leverage = 10
fees = { maker = 0.0002, taker = 0.0005 }
tiers = [[0, 0.004], [300_000, 0.005], [3_000_000, 0.01]]

[underlyings.BTC]
numeraire = "usd"
target = 0.0
hedge = ["deribit:BTC-PERPETUAL", "binanceusdm:BTCUSDT"]
band = { kind = "fixed", lower = -0.05, upper = 0.05, reset = 0.5, min_interval = "1s" }

[underlyings.BTC.limits]
order = 5.0
position = 40.0
net_delta = 2.0

[limits]
leverage = 5.0
turnover_per_day = 2e8
loss_per_day = 1e6
drawdown = 2e6

[guards]
unhedged_alert = "20s"

[guards.funding]
cap_per_day = 0.001

[guards.margin]
ratio    = { warn = 0.40, widen = 0.50, reduce = 0.60, derisk = 0.70, halt = 0.80 }
distance = { warn = 0.25, widen = 0.20, reduce = 0.15, derisk = 0.10, halt = 0.07 }
min_sigmas = 3
reaction_time = "1h"

[[holdings]]
instrument = "deribit:BTC"
quantity = 20
role = "book"

[[holdings]]
instrument = "binanceusdm:USDT"
quantity = 500_000
role = "book"

[[holdings]]
instrument = "deribit:BTC-6FEB26-105000-C"
quantity = -20
entry = 0.012
role = "book"

[[holdings]]
instrument = "deribit:BTC-6FEB26-95000-P"
quantity = -20
entry = 0.012
role = "book"

[[holdings]]
instrument = "deribit:BTC-PERPETUAL"
quantity = -2_000_000
entry = 98_000
role = "hedge"
"""


PATIENCE = 8  # s; the market of a run is wild, so that patience is short and the band wide for it
_EXECUTION = f"""
patience = "{PATIENCE}s"
urgent = 4
reprice = "2s"
drift_ticks = 60
slice = 0.1
every = "2s"
"""


def style(seed: int) -> Style:
    """Return how hedges of a seed are executed; the draw takes nothing from any other stream."""
    drawn = (Style.IOC, Style.IOC, Style.POST_ONLY, Style.CHASE, Style.TWAP)
    return Dice(seed, "style").pick(drawn)


@lru_cache(maxsize=8)
def settings(*, tight: bool = False, executes: Style = Style.IOC) -> Settings:
    """Return the settings of the book; `tight`: with limits that bind."""
    told = tomllib.loads(_TOML, parse_float=Decimal)
    execution = tomllib.loads(_EXECUTION, parse_float=Decimal)
    told["underlyings"]["BTC"]["execution"] = {"style": executes.value, **execution}
    if tight:
        told["underlyings"]["BTC"]["limits"] |= {"order": 1.5, "position": 20.4, "net_delta": 1.0}
        told["limits"] |= {"leverage": 0.9, "turnover_per_day": 1e6}
    return Settings.model_validate(told)


def stranger() -> OpeningAccount:
    """Return somebody with the other side of our hedge and little to lose it with.

    Where the price falls far enough, there is nothing left of it, and what the
    insurance fund cannot bear is taken from us.
    """
    terms = AccountTerms(MarginMode.CROSS, Decimal(25))
    bought = OpeningPosition(INVERSE, Decimal(4_000_000), Decimal(int(PRICE)))
    return OpeningAccount("stranger", {COIN: Decimal(2)}, (bought,), terms)


@lru_cache(maxsize=1)
def instruments() -> Mapping[str, Instrument]:
    """Return the instruments of the book, by id."""
    return resolve(settings())


def entries() -> dict[str, Decimal]:
    """Return at what price each holding begins."""
    return {
        each.instrument: Decimal(1) if each.entry is None else each.entry
        for each in settings().holdings
    }
