# ruff: noqa: E501 -- the documented example is repeated as it stands
"""Good configurations: what they parse to, what they become, and what names them."""

import os
from decimal import Decimal
from pathlib import Path

import pytest

from rebalancer.core.instruments import Kind
from rebalancer.core.params import (
    BandKind,
    BandParams,
    CollarParams,
    ImpactParams,
    Numeraire,
    Placement,
)
from rebalancer.settings import (
    changes,
    check,
    fingerprint,
    load,
    not_enforced,
    resolve,
    to_params,
)
from rebalancer.settings.models import Role
from rebalancer.settings.venues import continuous_funding

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATIONS = sorted(
    path for path in (ROOT / "config").glob("*.toml") if not path.name.startswith("sweep")
)
DATA = Path(os.environ.get("REBALANCER_DATA", ROOT.parent / "shared" / "data"))
SECOND = 1_000_000_000
FEES = "fees = { maker = 0, taker = 0 }\n"

# The stable core of the public surface, key by key.
DESIGN = """\
[book]
id = "btc-desk"
mode = "paper"                        # paper | testnet | live
[venues.deribit]                      # keys are ccxt ids: deribit, binance (spot), binanceusdm, binancecoinm, bybit, okx, …
account = "12345"                     # pinned uid
credentials = "deribit"               # name of a systemd credential or 0400 file; never a key
loopback = "http://127.0.0.1:8700"    # unmodified classes, REST and ws, pointed at http://127.0.0.1:8700/HOST/path…; loopback addresses only
margin = "cross"                      # cross | isolated
leverage = 3                          # paper, replay; live: must match the venue
fees = { maker = 0.0, taker = 0.0005 }          # paper, replay; so are tiers, latency, faults
tiers = [[0, 0.005]]                  # notional floor, maintenance rate
latency_ms = 40
faults = { reject = 0.01, lost_ack = 0.005 }
[underlyings.BTC]
numeraire = "usd"                     # usd | coin
target = 0.0                          # coins
coverage = 1.0                        # 0 … 1.5
hedge = ["deribit:BTC-PERPETUAL"]
band = { kind = "fixed", lower = -0.05, upper = 0.05, reset = 0.0 }      # reset: 0 edge … 1 aim
[underlyings.BTC.limits]
order = 1.0                           # coins; so are position, net_delta
position = 50.0
net_delta = 2.0
[limits]                              # a missing limit refuses to start
leverage = 5.0
turnover_per_day = 5e6                # USD; so are the next two
loss_per_day = 5e4
drawdown = 1e5
[[holdings]]                          # demo, paper, replay: the starting book; live: role "outside" only
instrument = "deribit:BTC-27FEB26-98000-C"      # cash: "deribit:BTC", "binanceusdm:USDT"
quantity = -10                        # contracts as the venue counts; coins for spot and cash
role = "book"                         # book | hedge | outside
# entry = 95000                       # default: mark at start;  underlying = "BTC" for cash under numeraire coin
[guards.funding]
cap_per_day = 0.001
[guards.margin]
ratio    = { warn = 0.40, widen = 0.50, reduce = 0.60, derisk = 0.70, halt = 0.80 }
distance = { warn = 0.25, widen = 0.20, reduce = 0.15, derisk = 0.10, halt = 0.07 }
min_sigmas = 3
reaction_time = "1h"
[replay]                              # a missing series stops with 78 unless its proxy is named here
bars = { "deribit:BTC-PERPETUAL" = "timeseries/binance_perp_BTCUSDT_15m.parquet" }
funding = { "deribit:BTC-PERPETUAL" = "timeseries/binance_funding_BTCUSDT_8h.parquet" }
chains = ["options/deribit_chains_6h_2025-12_2026-01.parquet", "options/deribit_chains_6h_2026-02.parquet"]
spread_bp = 1.0
"""


@pytest.fixture
def settings(tmp_path):
    """Return the settings of a text."""

    def parse(text):
        path = tmp_path / "book.toml"
        path.write_text(text)
        return load(path)

    return parse


def test_design_example(settings):
    """The stable core of keys parses as it is documented."""
    found = settings(DESIGN)
    venue, underlying, guards = found.venues["deribit"], found.underlyings["BTC"], found.guards

    assert ("btc-desk", "paper") == (found.book.id, found.book.mode)
    assert ("12345", "deribit", "cross", 3.0) == (
        venue.account,
        venue.credentials,
        venue.margin,
        venue.leverage,
    )
    assert ((0.0, 0.005),) == venue.tiers
    assert (0.01, 0.005) == (venue.faults.reject, venue.faults.lost_ack)
    assert ("deribit:BTC-PERPETUAL",) == underlying.hedge.buy == underlying.hedge.sell
    assert (5.0, 5e6, 5e4, 1e5, None, None) == tuple(found.limits.model_dump().values())
    assert (Decimal(-10), Role.BOOK) == (found.holdings[0].quantity, found.holdings[0].role)
    assert guards.funding is not None
    assert guards.margin is not None
    assert 0.001 == guards.funding.cap_per_day
    assert 3_600 * SECOND == guards.margin.reaction_time
    assert found.replay is not None
    assert 2 == len(found.replay.chains)


def test_faults(settings):
    """Every fault of a modelled venue has its rate, and none of them strikes unasked."""
    rates = {
        "reject": 0.01,
        "lost_ack": 0.02,
        "slow": 0.03,
        "late_fill": 0.04,
        "stale_stream": 0.05,
        "position_lag": 1.0,
    }
    told = ", ".join(f"{kind} = {rate}" for kind, rate in rates.items())
    plain = "faults = { reject = 0.01, lost_ack = 0.005 }"
    found = settings(DESIGN.replace(plain, f"faults = {{ {told} }}")).venues["deribit"].faults
    unasked = settings(DESIGN.replace(plain, "")).venues["deribit"].faults

    assert rates == found.model_dump()
    assert dict.fromkeys(rates, 0.0) == unasked.model_dump()


def test_defaults(settings):
    """What the file leaves out has the documented value."""
    found = settings(DESIGN)
    staleness, orders = found.guards.staleness, found.orders

    assert (3, 5, 5, 30) == tuple(
        age // SECOND
        for age in (staleness.quote, staleness.index, staleness.mark, staleness.option)
    )
    collar = found.guards.collar
    assert (0.003, 3.0, 0.05, 0.1) == (
        collar.width,
        collar.protect_factor,
        collar.index_width,
        collar.jump,
    )
    assert CollarParams(0.003, 3.0, 0.05, 0.1) == to_params(found, epoch=1).collar
    assert 5 * SECOND == found.underlyings["BTC"].band.min_interval
    assert (5 * SECOND, SECOND // 2) == (orders.timeout, orders.max_decision_age)
    assert (10 * SECOND, 3, 60 * SECOND) == (
        orders.absent_after,
        orders.absent_answers,
        orders.unknown_halt,
    )
    assert 1_769_757_300 * SECOND == found.market.start


def test_params(settings):
    """Settings become the core's parameters with nothing lost on the way."""
    text = DESIGN.replace(
        'hedge = ["deribit:BTC-PERPETUAL"]',
        'placement = "cost"\nhedge = { buy = ["deribit:BTC-PERPETUAL"], sell = ["deribit:BTC-27MAR26"] }\n'
        'include = ["deribit:*"]\nexclude = ["deribit:BTC"]',
    ).replace(
        "reset = 0.0 }",
        'reset = 0.25, min_interval = "30s", max_interval = "8h", move_trigger = 0.01, '
        'move_filter = { move = 0.002, window = "5m" } }',
    )

    params = to_params(settings(text), epoch=4)
    underlying = params.underlyings["BTC"]

    assert ("btc-desk", ("deribit",), 4) == (params.book, params.accounts, params.epoch)
    assert (Numeraire.USD, 0.0, 1.0) == (
        underlying.numeraire,
        underlying.target,
        underlying.coverage,
    )
    assert (("deribit:BTC-PERPETUAL",), ("deribit:BTC-27MAR26",)) == (
        underlying.hedge_buy,
        underlying.hedge_sell,
    )
    assert (("deribit:*",), ("deribit:BTC",)) == (underlying.include, underlying.exclude)
    assert (
        BandParams(
            kind=BandKind.FIXED,
            lower=-0.05,
            upper=0.05,
            reset=0.25,
            min_interval=30 * SECOND,
            max_interval=8 * 3_600 * SECOND,
            move_trigger=0.01,
            move_filter=0.002,
            move_window=300 * SECOND,
        )
        == underlying.band
    )
    assert 60 * SECOND == params.unhedged_alert
    assert Placement.COST is underlying.placement
    assert Placement.ORDER is to_params(settings(DESIGN), epoch=4).underlyings["BTC"].placement


def test_costs(settings):
    """How large a market is reaches the core; the law's factor has its documented value."""
    text = DESIGN + '[costs."deribit:BTC-PERPETUAL"]\nvolume_per_day = 2e4\n'
    told = to_params(settings(text), epoch=1).impacts
    other = to_params(settings(text + "impact = 1\n"), epoch=1).impacts

    assert {"deribit:BTC-PERPETUAL": ImpactParams(20_000.0, 0.7)} == told
    assert {"deribit:BTC-PERPETUAL": ImpactParams(20_000.0, 1.0)} == other


@pytest.mark.parametrize(
    ("ratio", "error", "used"),
    [
        (1.02, 0.004, {"deribit:BTC-PERPETUAL": 1.02}),
        (0.98, 0.004, {"deribit:BTC-PERPETUAL": 0.98}),
        (1.02, 0.011, {}),
        (1.0, 0.0, {}),
    ],
)
def test_hedge_ratios(tmp_path, ratio, error, used):
    """A ratio is used where it is surely another than 1; else a note says that it counts as 1."""
    row = f"ratio = {ratio}, effectiveness = 0.99, standard_error = {error}"
    path = tmp_path / "book.toml"
    path.write_text(f'{DESIGN}[underlyings.BTC.ratios]\n"deribit:BTC-PERPETUAL" = {{ {row} }}\n')
    notes = [each for each in check(path).notes if "counts as 1" in each]

    assert used == to_params(load(path), epoch=1).underlyings["BTC"].ratios
    assert len(notes) == (0 if used else 1)
    assert used or notes[0].startswith("underlyings.BTC.ratios.deribit:BTC-PERPETUAL: ")


def test_a_coin_hedges_itself(tmp_path):
    """A spot pair takes no ratio: it is the coin."""
    text = DESIGN.replace('"deribit:BTC-PERPETUAL"]', '"deribit:BTC-PERPETUAL", "binance:BTCUSDT"]')
    venue = "[venues.binance]\nfees = { maker = 0, taker = 0 }\n"
    row = '"binance:BTCUSDT" = { ratio = 1.02, effectiveness = 0.99, standard_error = 0.001 }'
    path = tmp_path / "book.toml"
    path.write_text(f"{text}{venue}[underlyings.BTC.ratios]\n{row}\n")

    (fault,) = check(path).faults
    assert fault.must.startswith("must be a perpetual or a future")


def test_cash_belongs_to_its_coin_book(settings):
    """The cash that a coin book's hedge settles in is its own, named or not."""
    text = DESIGN.replace('numeraire = "usd"', 'numeraire = "coin"').replace(
        'hedge = ["deribit:BTC-PERPETUAL"]', 'hedge = ["binanceusdm:BTCUSDT"]'
    )
    text += (
        f"[venues.binanceusdm]\n{FEES}tiers = [[0, 0.004]]\n[venues.bybit]\n{FEES}"
        '[[holdings]]\ninstrument = "bybit:USDC"\nquantity = 7\nunderlying = "BTC"\n'
    )

    assert {"bybit:USDC": "BTC", "binanceusdm:USDT": "BTC"} == to_params(
        settings(text), epoch=1
    ).cash_underlying


@pytest.mark.parametrize(
    ("numeraire", "held", "expected"),
    [
        ("coin", "binanceusdm:BTCUSDT", {"binanceusdm:USDT": "BTC"}),
        ("coin", "binanceusdm:ETHUSDT", {}),  # of another coin
        ("coin", "deribit:BTC-PERPETUAL", {}),  # settles in coins
        ("usd", "binanceusdm:BTCUSDT", {}),  # in dollars a dollar has no delta
    ],
)
def test_cash_of_a_holding(settings, numeraire, held, expected):
    """The cash that a coin book's holding settles in is the book's own, too."""
    text = DESIGN.replace('numeraire = "usd"', f'numeraire = "{numeraire}"')
    text += f'[venues.binanceusdm]\n{FEES}[[holdings]]\ninstrument = "{held}"\nquantity = 10\n'

    assert expected == to_params(settings(text), epoch=1).cash_underlying


@pytest.mark.parametrize("text", ["quantity = 0.1", 'quantity = "0.1"', "quantity = 0.10"])
def test_quantity_is_exact(settings, text):
    """A quantity is the decimal that was written, never a float near it."""
    found = settings(DESIGN.replace("quantity = -10", text))

    assert Decimal("0.1") == found.holdings[0].quantity


def test_fingerprint_is_of_the_meaning(settings):
    """Comments, order and written-out defaults leave the fingerprint; a value changes it."""
    start, end = DESIGN.index("[guards.funding]"), DESIGN.index("[replay]")
    name = fingerprint(settings(DESIGN))
    moved = (
        DESIGN[start:end]
        + DESIGN[:start]
        + DESIGN[end:].replace("spread_bp = 1.0", "spread_bp = 1")
    )

    assert 16 == len(name)
    assert name == fingerprint(settings("# hello\n" + moved))
    assert name == fingerprint(settings(DESIGN + '[orders]\ntimeout = "5000ms"\n'))
    assert name == fingerprint(settings(DESIGN.replace("quantity = -10 ", 'quantity = "-10.00"')))
    assert name != fingerprint(settings(DESIGN.replace("quantity = -10 ", "quantity = -11 ")))
    assert name != fingerprint(settings(DESIGN.replace("upper = 0.05", "upper = 0.06")))


def test_fingerprint_is_of_the_order_of_venues():
    """Ids of orders bear the place of a venue, so that a file in another order is another one."""
    told = load(ROOT / "config" / "demo-binance.toml")
    venues = dict(reversed(told.venues.items()))
    moved = told.model_copy(update={"venues": venues})

    assert fingerprint(told) == fingerprint(told.model_copy())
    assert fingerprint(told) != fingerprint(moved)
    assert ("venues",) == changes(told, moved)
    assert () == changes(told, told.model_copy())


def test_not_enforced(settings):
    """A guard that the settings leave out is named: nobody watches there."""
    start, end = DESIGN.index("[guards.funding]"), DESIGN.index("[replay]")

    assert () == not_enforced(settings(DESIGN))
    assert ("guards.margin", "guards.funding") == not_enforced(
        settings(DESIGN[:start] + DESIGN[end:])
    )


def test_resolve(settings):
    """Every instrument that is named is found, and the cash that it settles in."""
    found = resolve(settings(DESIGN))

    assert ["deribit:BTC-PERPETUAL", "deribit:BTC-27FEB26-98000-C", "deribit:BTC"] == list(found)
    assert Kind.CASH is found["deribit:BTC"].kind


@pytest.mark.parametrize(
    ("name", "key", "continuous"),
    [
        ("deribit", "", True),
        ("bybit", "", False),
        ("deribit", 'funding = "stamps"', False),
        ("bybit", 'funding = "continuous"', True),
    ],
)
def test_funding_style(settings, name, key, continuous):
    """Deribit charges funding all the time, others at stamps, unless the file says otherwise."""
    text = DESIGN.replace("[venues.deribit]", f"[venues.{name}]\n{key}")
    text += "" if name == "deribit" else f"[venues.deribit]\n{FEES}tiers = [[0, 0.01]]\n"
    found = settings(text)

    assert continuous is continuous_funding(name, found.venues[name])


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.name)
def test_shipped_configuration(path):
    """Every configuration that is shipped is fit to run."""
    assert () == check(path).faults


@pytest.mark.parametrize(
    "path",
    [path for path in CONFIGURATIONS if path.name.startswith("replay")],
    ids=lambda path: path.name,
)
def test_shipped_replay_files(path):
    """The recordings that a shipped replay names exist."""
    if not DATA.is_dir():
        pytest.skip("recordings absent")
    replay = load(path).replay
    assert replay is not None
    files = (*replay.bars.values(), *replay.funding.values(), *replay.streams.values())

    assert [] == [name for name in (*files, *replay.chains) if not (DATA / name).is_file()]
