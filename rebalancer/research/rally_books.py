"""The books that the margin guards are tried on: rallies against shorts, crashes against longs."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rebalancer.errors import ConfigError, Fault
from rebalancer.settings import Settings
from rebalancer.settings.reading import parse
from rebalancer.settings.report import judge
from rebalancer.settings.values import as_time

COINS = 10  # that are hedged
SOLD = 4  # straddles
LEVERAGE = 3
VOL = 0.8  # of options of which no chain was recorded
GUARDED = "\n[guards.margin]\n"  # the ladder as it is when nothing else is said
# At three times leverage a long that is margined in coins dies at −25 %, and an hour may bring
# that: its ladder begins where it stands at first.
EARLY = (
    GUARDED
    + "distance = { warn = 0.45, widen = 0.38, reduce = 0.32, derisk = 0.20, halt = 0.10 }\n"
)

RALLIES = (
    ("2020-12-10", "2021-01-09"),
    ("2021-02-01", "2021-02-22"),
    ("2024-02-05", "2024-03-15"),
    ("2024-11-04", "2024-12-18"),
)
CRASHES = (
    ("2020-03-11", "2020-03-14"),
    ("2021-05-18", "2021-05-21"),
    ("2026-01-28", "2026-02-08"),
)

_HEAD = """
[book]
id = "{book}"

[underlyings.BTC]
numeraire = "usd"
hedge = ["{hedge}"]
band = {{ kind = "fixed", lower = -0.05, upper = 0.05, reset = 0.5 }}

[underlyings.BTC.limits]
order = 20.0
position = 50.0
net_delta = 2.0

[limits]
leverage = 20.0
turnover_per_day = 1e9
loss_per_day = 1e9
drawdown = 1e9

[guards.staleness]
quote = "70m"
index = "70m"
mark = "70m"
option = "14h"
{guards}
[venues.{venue}]
margin = "{margin}"
leverage = {leverage}
fees = {{ maker = 0.0002, taker = 0.0005 }}
tiers = [[0, 0.005]]
latency_ms = 40

[replay]
bars = {{ "{hedge}" = "timeseries/binance_perp_BTCUSDT_1h.parquet"{spot} }}
marks = {{ "{hedge}" = "timeseries/binance_mark_BTCUSDT_1h.parquet" }}
funding = {{ "{hedge}" = "timeseries/binance_funding_BTCUSDT_8h.parquet" }}
index = {{ BTC = "{index}" }}
settlement = "index"
"""
_SPOT = ', "binance:BTCUSDT" = "timeseries/binance_spot_BTCUSDT_1h.parquet"'
_HOLDING = """
[[holdings]]
instrument = "{}"
quantity = {}
role = "{}"
"""


@dataclass(frozen=True, slots=True)
class Case:
    """One stretch of the past, one book."""

    name: str
    start: int  # ns
    end: int  # ns
    margin: str  # cross or isolated
    kind: str  # rally, straddle or long
    leverage: int = LEVERAGE
    guards: str = GUARDED

    @property
    def must_die(self) -> bool:
        """Whether the book is liquidated there when nobody guards it."""
        return self.kind == "rally"


def cases() -> Iterator[Case]:
    """Yield every case, rallies first."""
    for first, last in RALLIES:
        for margin in ("isolated", "cross"):
            yield _case("rally", (first, last), margin)
    for first, last in CRASHES:
        yield _case("straddle", (first, last), "cross", 10)
        for margin in ("isolated", "cross"):
            yield _case("long", (first, last), margin, 2)
        yield _case("long", (first, last), "cross", LEVERAGE, EARLY)


def _case(
    kind: str, days: tuple[str, str], margin: str, leverage: int = LEVERAGE, guards: str = GUARDED
) -> Case:
    start, end = (as_time(f"{day}T00:00:00Z") for day in days)
    name = f"{kind} {days[0]}, {leverage}x {margin}" + (", early" if guards == EARLY else "")
    return Case(name, start, end, margin, kind, leverage, guards)


def settings(case: Case, price: float, *, guarded: bool) -> Settings:
    """Return the book of a case.

    Args:
        case: Which.
        price: Mark at its start, USD per coin.
        guarded: Whether the margin guards are on.
    """
    text = {"rally": _rally, "straddle": _straddle, "long": _long}[case.kind](case, price)
    text = text.replace("{guards}", case.guards if guarded else "")
    raw = parse(text, case.name)
    if isinstance(raw, Fault):
        raise ConfigError(case.name, [raw])
    report = judge(raw, case.name)
    if report.settings is None:
        raise ConfigError(case.name, report.faults)
    return report.settings


def _head(case: Case, hedge: str, *, spot: bool, index: str) -> str:
    return _HEAD.replace("{guards}", "{{guards}}").format(
        book=case.kind,
        hedge=hedge,
        venue=hedge.partition(":")[0],
        margin=case.margin,
        leverage=case.leverage,
        spot=_SPOT if spot else "",
        index=index,
    )


def _rally(case: Case, price: float) -> str:
    """Hold coins elsewhere and a short against them, with a third of its notional in USDT."""
    hedge = "binanceusdm:BTCUSDT"
    return "".join(
        (
            _head(case, hedge, spot=True, index="binance:BTCUSDT"),
            "\n[venues.binance]\nfees = { maker = 0.001, taker = 0.001 }\n",
            _HOLDING.format("binance:BTCUSDT", COINS, "book"),
            _HOLDING.format("binanceusdm:USDT", round(COINS * price / LEVERAGE, 2), "book"),
            _HOLDING.format(hedge, -COINS, "hedge"),
            f"entry = {price}\n",
        )
    )


def _long(case: Case, price: float) -> str:
    """Owe coins elsewhere that were sold, and hold a coin-margined long against them."""
    hedge, times = "binancecoinm:BTCUSD_PERP", case.leverage
    collateral, contracts = COINS / (times + 1), int(COINS * times / (times + 1) * price / 100)
    return "".join(
        (
            _head(case, hedge, spot=True, index="binance:BTCUSDT"),
            _HOLDING.format("binance:BTCUSDT", -COINS, "outside"),
            _HOLDING.format("binancecoinm:BTC", round(collateral, 4), "book"),
            _HOLDING.format(hedge, contracts, "hedge"),
            f"entry = {price}\n",
        )
    )


def _straddle(case: Case, price: float) -> str:
    """Sell a straddle; its margin is coins, and its hedge lies beside it."""
    hedge, strike = "deribit:BTC-PERPETUAL", round(price / 1000) * 1000
    expiry = {"2020": "27MAR20", "2021": "25JUN21", "2026": "27FEB26"}[case.name.split()[1][:4]]
    names = [f"deribit:BTC-{expiry}-{strike}-{side}" for side in "CP"]
    lines = [
        _head(case, hedge, spot=False, index=hedge),
        "".join(_HOLDING.format(name, -SOLD, "book") for name in names),
        _HOLDING.format("deribit:BTC", COINS, "book"),
        _HOLDING.format(hedge, -int(COINS * price / 10) * 10, "hedge"),
        f"entry = {price}\n",
    ]
    vols = "\n".join(f'"{name}" = {VOL}' for name in names)
    return "".join(lines) + f"\n[replay.vols]\n{vols}\n"


def exists(folder: Path) -> bool:
    """Whether the recordings are there."""
    return (folder / "timeseries" / "binance_mark_BTCUSDT_1h.parquet").is_file()
