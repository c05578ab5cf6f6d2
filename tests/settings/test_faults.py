# ruff: noqa: E501 -- a case is a line, and the line is what a person reads
"""Wrong configurations: the exact lines that a person reads."""

import re

import pytest

from rebalancer.errors import ConfigError
from rebalancer.settings import InvalidSettings, check, load

GOOD = """\
[book]
id = "desk"
mode = "paper"
[venues.deribit]
account = "1"
fees = { maker = 0, taker = 0.0005 }
[venues.binanceusdm]
fees = { maker = 0.0002, taker = 0.0005 }
account = "2"
tiers = [[0, 0.004]]
[underlyings.BTC]
numeraire = "usd"
hedge = ["binanceusdm:BTCUSDT"]
band = { kind = "fixed", lower = -0.05, upper = 0.05 }
limits = { order = 1, position = 5, net_delta = 2 }
[limits]
leverage = 5
turnover_per_day = 5e6
loss_per_day = 5e4
drawdown = 1e5
[[holdings]]
instrument = "deribit:BTC-27FEB26-98000-C"
quantity = -10
role = "book"
[guards.funding]
cap_per_day = 0.001
[guards.margin]
ratio    = { warn = 0.40, widen = 0.50, reduce = 0.60, derisk = 0.70, halt = 0.80 }
distance = { warn = 0.25, widen = 0.20, reduce = 0.15, derisk = 0.10, halt = 0.07 }
[[instruments]]
id = "binanceusdm:OPTION"
kind = "option"
underlying = "BTC"
settle = "USDT"
lot = 0.1
tick = 0.1
expiry = "2024-09-07T08:00Z"
strike = 61500
type = "call"
[replay]
bars = { "deribit:BTC-PERPETUAL" = "a.parquet" }
"""


@pytest.fixture
def report(tmp_path):
    """Return the report on a text."""

    def judge(text, **options):
        path = tmp_path / "book.toml"
        path.write_text(text)
        return check(path, **options)

    return judge


def lines(result):
    """Return the fault lines of a report as they are printed, without the file's name."""
    printed = str(InvalidSettings("book.toml", result.faults)).splitlines()
    return [line.strip() for line in printed[1:]]


def test_good(report):
    """The configuration that the cases below break has no fault."""
    assert [] == lines(report(GOOD))


KNOWN_VENUE_KEYS = (
    "account, credentials, loopback, margin, collateral, insurance, leverage, fees, tiers, latency_ms, "
    "match_ms, report_ms, faults, funding, profile, dead_man"
)
DURATION = 'must be a duration such as "30s" (ns, us, ms, s, m, h, d)'
TIME = "must be a time with its zone, such as 2026-01-30T07:15:00Z"
FILE = "must be a file below the data folder, such as timeseries/bars.parquet"
NAME = "must be lower case letters, digits and -, such as btc-desk"
LOOPBACK = "must be a loopback address, such as http://127.0.0.1:8700"
DECLARED = GOOD[GOOD.index("[[instruments]]") : GOOD.index("[replay]")]
VENUE = '[venues.deribit]\naccount = "1"'
IN_SCOPE = "must be in scope: an include or exclude pattern leaves it out, and its fills with it"
CASES = [
    # the dead-man switch of a venue
    (
        VENUE,
        f'{VENUE}\ndead_man = "60s"',
        "venues.deribit.dead_man: must not be set: no span at deribit, was 60 s",
    ),
    *(
        (
            "[book]",
            f'[venues.{name}]\nfees = {{ maker = 0, taker = 0 }}\ndead_man = "{told}"\n\n[book]',
            f"venues.{name}.dead_man: must be whole seconds, {bounds}, at {name}, was {was} s",
        )
        for name, told, bounds, was in (
            ("okx", "9s", "10 to 120", "9"),
            ("okx", "121s", "10 to 120", "121"),
            ("okx", "10500ms", "10 to 120", "10.5"),
            ("bybit", "2s", "3 to 300", "2"),
            ("bybit", "301s", "3 to 300", "301"),
            ("binancecoinm", "4s", "5 to 300", "4"),
            ("binancecoinm", "6m", "5 to 300", "360"),
        )
    ),
    # margin of a venue
    (
        VENUE,
        f"{VENUE}\nleverage = 125\ntiers = [[0, 0.01]]",
        "venues.deribit.leverage: must be below 1 ÷ the first maintenance rate (100), was 125",
    ),
    (
        VENUE,
        f"{VENUE}\ncollateral = {{ BTC = 1, BTCC = 1 }}",
        "venues.deribit.collateral.BTCC: must be a currency that the book holds or settles in there, was 'BTCC'",
    ),
    (
        "taker = 0.0005 }",
        "taker = 0.0005, tiers = [[1e6, 0]] }",
        "venues.deribit.fees.tiers: must be a list of [USD traded in 30 days, maker, taker], was a list in it",
    ),
    # how deltas follow the smile
    *(
        ("[limits]\nleverage", f"smile = {{ {keys} }}\n[limits]\nleverage", f"underlyings.BTC.smile{fault}")
        for keys, fault in (
            ('delta = "sticky"', ".delta: must be sticky_strike, sticky_moneyness or minimum_variance, was 'sticky'"),
            ('delta = "minimum_variance"', ".coefficients: must be given with delta minimum_variance: three numbers, as `rebalancer smile` fits, was missing"),
            ('delta = "minimum_variance", coefficients = [1, 2]', ".coefficients: must be a list of three numbers: a, b and c, was a list"),
            ('delta = "minimum_variance", coefficients = [0, 0, 0], ratio = 1', ".ratio: must be absent with delta minimum_variance, was 1"),
            ('coefficients = [0, 0, 0]', ".coefficients: must be absent with delta sticky_strike, was a list"),
            ('delta = "sticky_moneyness", ratio = 6', ".ratio: must be between -5 and 5, was 6"),
            ('delta = "sticky_moneyness", cap = 0', ".cap: must be between 0 and 1, was 0"),
            ('delta = "sticky_moneyness", points = ["deribit:BTC-27FEB26-9O000-P"]', ".points.0: must be a known instrument, was 'deribit:BTC-27FEB26-9O000-P'"),
            ('delta = "sticky_moneyness", points = ["deribit:ETH-27FEB26-4000-P"]', ".points.0: must be an option of BTC, was 'deribit:ETH-27FEB26-4000-P'"),
            ('delta = "sticky_moneyness", points = ["deribit:BTC-PERPETUAL"]', ".points.0: must be an option of BTC, was 'deribit:BTC-PERPETUAL'"),
        )
    ),
    # what an order would move a market by
    (
        "[replay]",
        '[costs."binanceusdm:BTCUSDTT"]\nvolume_per_day = 2e5\n[replay]',
        'costs."binanceusdm:BTCUSDTT": must be a known instrument (did you mean binanceusdm:BTCUSDT?), was \'binanceusdm:BTCUSDTT\'',
    ),
    (
        "[replay]",
        '[costs."binanceusdm:BTCUSDT"]\nvolume_per_day = 0\n[replay]',
        'costs."binanceusdm:BTCUSDT".volume_per_day: must be above 0, was 0',
    ),
    # hedge ratios
    *(
        (
            "[limits]",
            f'[underlyings.BTC.ratios]\n"{name}" = {{ ratio = {ratio}, effectiveness = {removes}, standard_error = 0.001 }}\n[limits]',
            line,
        )
        for name, ratio, removes, line in (
            ("binanceusdm:BTCUSDT", 1.02, 0.79, 'underlyings.BTC.ratios."binanceusdm:BTCUSDT".effectiveness: must be at least 0.8, or this is no hedge, was 0.79'),
            ("binanceusdm:BTCUSDT", 10.2, 0.99, 'underlyings.BTC.ratios."binanceusdm:BTCUSDT".ratio: must be from 0.5 to 2, was 10.2'),
            ("deribit:BTC-PERPETUAL", 1.02, 0.99, 'underlyings.BTC.ratios."deribit:BTC-PERPETUAL": must be one of underlyings.BTC.hedge, was \'deribit:BTC-PERPETUAL\''),
        )
    ),
    (
        "[limits]",
        '[underlyings.BTC.ratios]\n"binanceusdm:BTCUSDT" = { ratio = 1.02, effectiveness = 0.99 }\n[limits]',
        'underlyings.BTC.ratios."binanceusdm:BTCUSDT".standard_error: must be given, was missing',
    ),
    # the flight recorder
    (
        "[replay]",
        "[flight]\nmax_mib = 7\n[replay]",
        "flight.max_mib: must be a whole number of at least 8, was 7",
    ),
    ("[replay]", '[flight]\nrotate = "1"\n[replay]', f"flight.rotate: {DURATION}, was '1'"),
    # keys
    (VENUE, '[venues.deribit]\nacount = "1"', "venues.deribit.acount: unknown key; did you mean account?"),
    (VENUE, "[venues.deribit]\nxyz = 1", f"venues.deribit.xyz: unknown key; known are {KNOWN_VENUE_KEYS}"),
    (
        "tiers = [[0, 0.004]]\n",
        "",
        "venues.binanceusdm.tiers: must list the venue's maintenance tiers where [guards.margin] watches a hedge, was missing",
    ),
    ("[guards.funding]", "[guard.funding]", "guard: unknown key; did you mean guards?"),
    ("order = 1", "order = 1, orders = 2", "underlyings.BTC.limits.orders: unknown key; did you mean order?"),
    (VENUE, f'{VENUE}\napi_key = "AKIA"', "venues.deribit.api_key: a key never stands in a configuration"),
    (VENUE, f'{VENUE}\nSecret = "x"', "venues.deribit.Secret: a key never stands in a configuration"),
    (VENUE, f"{VENUE}\nbot-token = 1", "venues.deribit.bot-token: a key never stands in a configuration"),
    ('numeraire = "usd"\n', "", "underlyings.BTC.numeraire: must be usd or coin, was missing"),
    ("drawdown = 1e5\n", "", "limits.drawdown: must be given, was missing"),
    (", net_delta = 2", "", "underlyings.BTC.limits.net_delta: must be given, was missing"),
    ('id = "desk"\n', "", "book.id: must be given, was missing"),
    # types and ranges
    ('id = "desk"', 'id = "My desk"', f"book.id: {NAME}, was 'My desk'"),
    ('mode = "paper"', 'mode = "real"', "book.mode: must be paper, testnet or live, was 'real'"),
    ('numeraire = "usd"', 'numeraire = "eur"', "underlyings.BTC.numeraire: must be usd or coin, was 'eur'"),
    ("leverage = 5", 'leverage = "abc"', "limits.leverage: must be a number, was 'abc'"),
    ("leverage = 5", "leverage = true", "limits.leverage: must be a number, was true"),
    ("leverage = 5", "leverage = nan", "limits.leverage: must be a finite number, was NaN"),
    ("leverage = 5", "leverage = -inf", "limits.leverage: must be a finite number, was -Infinity"),
    ("leverage = 5", "leverage = 1e999", "limits.leverage: must be a finite number, was 1E+999"),
    ("leverage = 5", "leverage = 0", "limits.leverage: must be above 0, was 0"),
    ("drawdown = 1e5", "drawdown = -1", "limits.drawdown: must be above 0, was -1"),
    ("drawdown = 1e5", "drawdown = {}", "limits.drawdown: must be a number, was a table"),
    ("order = 1,", "order = 0.0,", "underlyings.BTC.limits.order: must be above 0, was 0.0"),
    (VENUE, f"{VENUE}\nlatency_ms = -1", "venues.deribit.latency_ms: must be at least 0, was -1"),
    (VENUE, f"{VENUE}\nfaults = {{ reject = 2 }}", "venues.deribit.faults.reject: must be from 0 to 1, was 2"),
    (VENUE, f"{VENUE}\nfaults = {{ position_lag = -0.1 }}", "venues.deribit.faults.position_lag: must be from 0 to 1, was -0.1"),
    (VENUE, f"{VENUE}\nfaults = {{ slow = true }}", "venues.deribit.faults.slow: must be a number, was true"),
    ("maker = 0, taker = 0.0005", "maker = 0, taker = 5", "venues.deribit.fees.taker: must be between -0.1 and 0.1, was 5"),
    (VENUE, f"{VENUE}\nmargin = 3", "venues.deribit.margin: must be cross, isolated or portfolio, was 3"),
    (VENUE, "[venues.deribit]\naccount = 1", "venues.deribit.account: must be text of 1 to 128 characters, was 1"),
    (VENUE, f"{VENUE}\ntiers = [[1, 0.1]]", "venues.deribit.tiers: must start at a floor of 0, was 1"),
    (VENUE, f"{VENUE}\ntiers = [[0, 0.1], [5, 0.05]]", "venues.deribit.tiers: must rise from tier to tier, was (0.0, 0.1) before (5.0, 0.05)"),
    (VENUE, f"{VENUE}\ntiers = [[0, 1]]", "venues.deribit.tiers: must have rates between 0 and 1, was 1"),
    (VENUE, f'{VENUE}\nloopback = "http://10.0.0.1:80"', f"venues.deribit.loopback: {LOOPBACK}, was 'http://10.0.0.1:80'"),
    (VENUE, f'{VENUE}\nloopback = "http://127.0.0.1:1@x.com"', f"venues.deribit.loopback: {LOOPBACK}, was 'http://127.0.0.1:1@x.com'"),
    (VENUE, f'{VENUE}\ncredentials = "/etc/key"', "venues.deribit.credentials: must be the name of a credential, never a key, was '/etc/key'"),
    ("[limits]", 'placement = "cheap"\n[limits]', "underlyings.BTC.placement: must be order or cost, was 'cheap'"),
    ("[limits]", "coverage = 2\n[limits]", "underlyings.BTC.coverage: must be from 0 to 1.5, was 2"),
    ("upper = 0.05 }", "upper = 0.05, reset = 1.5 }", "underlyings.BTC.band.reset: must be from 0 to 1, was 1.5"),
    ("upper = 0.05 }", "upper = 0.05, min_interval = 30 }", f"underlyings.BTC.band.min_interval: {DURATION}, was 30"),
    ("upper = 0.05 }", 'upper = 0.05, min_interval = "0s" }', "underlyings.BTC.band.min_interval: must be above 0 and at most 36500d, was '0s'"),
    ("upper = 0.05 }", 'upper = 0.05, move_filter = { move = 1 } }', "underlyings.BTC.band.move_filter.window: must be given, was missing"),
    ("quantity = -10", 'quantity = "1_0"', "holdings.0.quantity: must be a number, was '1_0'"),
    ("quantity = -10", "quantity = 1e16", "holdings.0.quantity: must be at most 1e15 and have at most 18 decimals, was 1E+16"),
    ('role = "book"', 'role = "spare"', "holdings.0.role: must be book, hedge or outside, was 'spare'"),
    ('"2024-09-07T08:00Z"', '"2024-09-07"', f"instruments.0.expiry: {TIME}, was '2024-09-07'"),
    ('"2024-09-07T08:00Z"', "2024-09-07T08:00:00", f"instruments.0.expiry: {TIME}, was 2024-09-07T08:00:00"),
    ('"a.parquet"', '"../a.parquet"', f"replay.bars.\"deribit:BTC-PERPETUAL\": {FILE}, was '../a.parquet'"),
    # tables
    ("[guards.funding]\ncap_per_day = 0.001", "[guards]\nfunding = 3", "guards.funding: must be a table, was 3"),
    ('[replay]\nbars = { "deribit:BTC-PERPETUAL" = "a.parquet" }', "[replay]\nbars = []", "replay.bars: must be a table, was an empty list"),
    ('hedge = ["binanceusdm:BTCUSDT"]', "hedge = []", "underlyings.BTC.hedge: must name at least one, was an empty list"),
    ('hedge = ["binanceusdm:BTCUSDT"]', 'hedge = "x"', "underlyings.BTC.hedge: must be a list of instruments, or a table of two: buy and sell, was 'x'"),
    ('hedge = ["binanceusdm:BTCUSDT"]', "hedge = [1]", "underlyings.BTC.hedge: must be a list of texts, was 1 in it"),
    ('["binanceusdm:BTCUSDT"]', '{ buy = ["binanceusdm:BTCUSDT"] }', "underlyings.BTC.hedge.sell: must be given, was missing"),
    ('"fixed", lower = -0.05, upper = 0.05', '"whalley_wilmott"', 'underlyings.BTC.band: must have one of risk_aversion, spend_per_day and pnl_sd, was none of them'),
    ('"fixed", lower = -0.05, upper = 0.05', '"zakamouline", risk_aversion = 1e-6, pnl_sd = 5', 'underlyings.BTC.band: must have one of risk_aversion, spend_per_day and pnl_sd, was risk_aversion and pnl_sd'),
    ('"fixed", lower = -0.05, upper = 0.05', '"inventory", spend_per_day = 0', 'underlyings.BTC.band.spend_per_day: must be above 0, was 0'),
    ('"fixed", lower = -0.05, upper = 0.05', '"inventory", flow = 1, risk_aversion = 1e-6, upper = 1', 'underlyings.BTC.band.upper: must be absent with kind inventory, was 1'),
    ('"fixed", lower = -0.05, upper = 0.05', '"zakamouline", risk_aversion = 1e-6, fixed_cost = 1', 'underlyings.BTC.band.fixed_cost: must be absent with kind zakamouline, was 1'),
    ('"fixed", lower = -0.05, upper = 0.05', '"scaled", sigmas = 1', 'underlyings.BTC.band.over: must be given with kind scaled, was missing'),
    ('"fixed", lower = -0.05, upper = 0.05', '"fixed", upper = 0.05', 'underlyings.BTC.band.lower: must be given with kind fixed, was missing'),
    ('"fixed", lower = -0.05, upper = 0.05', '"whalley_wilmott", pnl_sd = 5, residual = "7d"', 'underlyings.BTC.band.residual: must be absent without risk_aversion, which it is weighed by, was a time'),
    ('"fixed", lower = -0.05, upper = 0.05', '"whalley_wilmott", risk_aversion = 1e-6, correlation = 2', 'underlyings.BTC.band.correlation: must be from -1 to 1, was 2'),
    ('"fixed", lower = -0.05, upper = 0.05', '"inventory", risk_aversion = 1e-6', 'underlyings.BTC.band.flow: must be given with kind inventory, or residual: else nothing wanders, was missing'),
    ('"fixed", lower = -0.05, upper = 0.05', '"whalley_wilmott", pnl_sd = 5, fixed_cost = 1', 'underlyings.BTC.band.fixed_cost: must be absent beside a budget, which it would not keep; say risk_aversion, was 1'),
    ('"fixed", lower = -0.05, upper = 0.05', '"whalley_wilmott", spend_per_day = 5, least_trade = 1', 'underlyings.BTC.band.least_trade: must be absent beside a budget, which it would not keep; say risk_aversion, was 1'),
    ('upper = 0.05 }', 'upper = 0.05, least_trade = 1.96 }', 'underlyings.BTC.band.least_trade: must be below limits.net_delta (2), was 1.96'),
    ('"fixed", lower = -0.05, upper = 0.05', '"whalley_wilmott", risk_aversion = 1e-6, fixed_cost = 1, reset = 0.5', "underlyings.BTC.band.reset: must be absent beside fixed_cost, which says where a hedge ends, was 0.5"),
    ('upper = 0.05 }', 'upper = 0.05, least_trade = 5 }', 'underlyings.BTC.band.least_trade: must be below limits.net_delta (2), was 5'),
    ('upper = 0.05 }', 'upper = 0.05, risk_aversion = 1e-6 }', 'underlyings.BTC.band.risk_aversion: must be absent with kind fixed, was 1e-06'),
    ('kind = "fixed"', 'kind = "wide"', "underlyings.BTC.band.kind: must be fixed, percent, whalley_wilmott, zakamouline, inventory or scaled, was 'wide'"),
    # one key against another
    ("fees = { maker = 0, taker = 0.0005 }\n", "", "venues.deribit.fees: must name maker and taker: paper without fees would be kinder than any venue, was missing"),
    ('quantity = -10', 'quantity = -10\nentry = 0', "holdings.0.entry: must be above 0, was 0"),
    ('"deribit:BTC-27FEB26-98000-C"', '"deribit:BTC"\nentry = 5', "holdings.0.entry: must be absent for cash, was 5"),
    ('underlying = "BTC"', 'underlying = ""', "instruments.0.underlying: must be given, except for a stable currency, was empty"),
    ("[replay]", f'{DECLARED}[replay]', "instruments.1.id: must be declared only once, was 'binanceusdm:OPTION' twice"),
    ("[replay]", '[replay]\nindex = { BTC = "x:y" }', "replay.index.BTC: must be a known instrument, was 'x:y'"),
    ("[replay]", '[orders]\nabsent_answers = 0\n[replay]', "orders.absent_answers: must be at least 1, was 0"),
    ("[replay]", '[market]\nseed = 1.5\n[replay]', "market.seed: must be a whole number of at least 0, was 1.5"),
    ("[replay]", '[market]\nstart = 1969-12-31T00:00:00Z\n[replay]', "market.start: must not lie before 1970, was 1969-12-31T00:00:00+00:00"),
    ("[replay]", '[replay]\nchains = ["a", "a"]', "replay.chains: must name each only once, was 'a' twice"),
    ("[replay]", '[replay]\nchains = "a"', "replay.chains: must be a list of texts, was 'a'"),
    ("[replay]\n", '[[replay]]\n', "replay: must be a table, was a list"),
    (VENUE, f"{VENUE}\ntiers = 3", "venues.deribit.tiers: must be a list of [notional floor, maintenance rate], was 3"),
    (VENUE, f"{VENUE}\ntiers = [3]", "venues.deribit.tiers: must be a list of [notional floor, maintenance rate], was 3 in it"),
    ("quantity = -10", "quantity = nan", "holdings.0.quantity: must be a finite number, was NaN"),
    ("drawdown = 1e5", f"drawdown = 1{'0' * 400}", "limits.drawdown: must be a finite number, was a number beyond 1e15"),
    ("lower = -0.05", "lower = 0.01", "underlyings.BTC.band.lower: must be at most 0: it is relative to the aim, was 0.01"),
    ("upper = 0.05", "upper = -0.01", "underlyings.BTC.band.upper: must be at least 0: it is relative to the aim, was -0.01"),
    ("lower = -0.05, upper = 0.05", "lower = 0, upper = 0", "underlyings.BTC.band.upper: must be above lower (0), was 0"),
    ('"fixed", lower = -0.05, upper = 0.05', '"percent", lower = -5, upper = 5', "underlyings.BTC.band: must have fractions of gross from -1 to 1 for kind percent, was -5 to 5"),
    ("lower = -0.05, upper = 0.05", "lower = 0, upper = 0.0005", "underlyings.BTC.band: must be at least one lot (0.001 BTC on binanceusdm:BTCUSDT), was 0.0005"),
    ("order = 1,", "order = 0.0001,", "underlyings.BTC.limits.order: must be at least one lot (0.001 BTC on binanceusdm:BTCUSDT), was 0.0001"),
    ("upper = 0.05 }", 'upper = 0.05, min_interval = "1h", max_interval = "1m" }', "underlyings.BTC.band.max_interval: must be longer than min_interval, was not longer"),
    ('["binanceusdm:BTCUSDT"]', '["binanceusdm:BTCUSD"]', "underlyings.BTC.hedge: must be a known instrument (did you mean binanceusdm:BTCUSDT?), was 'binanceusdm:BTCUSD'"),
    ('["binanceusdm:BTCUSDT"]', '["binanceusdm:ETHUSDT"]', "underlyings.BTC.hedge: must be about BTC: what another coin hedges rests on two indexes, was binanceusdm:ETHUSDT, about ETH"),
    ('["binanceusdm:BTCUSDT"]', '["deribit:BTC-27FEB26-98000-C"]', "underlyings.BTC.hedge: must be a spot pair, a perpetual or a future, was deribit:BTC-27FEB26-98000-C, an option"),
    ('["binanceusdm:BTCUSDT"]', '["binance:BTCUSDT"]', "underlyings.BTC.hedge: must be on a venue of the configuration; [venues.binance] is missing, was binance:BTCUSDT"),
    ("[limits]", 'exclude = ["binanceusdm:*"]\n[limits]', f"underlyings.BTC.hedge: {IN_SCOPE}, was binanceusdm:BTCUSDT"),
    ("[limits]", 'include = ["deribit:*"]\n[limits]', f"underlyings.BTC.hedge: {IN_SCOPE}, was binanceusdm:BTCUSDT"),
    ('hedge = ["binanceusdm:BTCUSDT"]', 'hedge = { buy = ["deribit:BTC-PERPETUAL"], sell = ["binanceusdm:BTCUSDT"] }\nexclude = ["deribit:*"]', f"underlyings.BTC.hedge: {IN_SCOPE}, was deribit:BTC-PERPETUAL"),
    ("[guards.funding]", "[guards.collar]\nindex_width = 0\n[guards.funding]", "guards.collar.index_width: must be above 0 and at most 0.5, was 0"),
    ("[guards.funding]", "[guards.collar]\nindex_width = 0.6\n[guards.funding]", "guards.collar.index_width: must be above 0 and at most 0.5, was 0.6"),
    ("[guards.funding]", "[guards.collar]\njump = 0\n[guards.funding]", "guards.collar.jump: must be above 0 and at most 0.5, was 0"),
    ("[underlyings.BTC]", "[underlyings.btc]", "underlyings.btc: must be named by its coin in capitals, such as BTC, was 'btc'"),
    ("[underlyings.BTC]", '[venues."Der ibit"]\nfees = { maker = 0, taker = 0 }\n[underlyings.BTC]', "venues.\"Der ibit\": must be named by its ccxt id, such as deribit, was 'Der ibit'"),
    ("quantity = -10", "quantity = -10.05", "holdings.0.quantity: must be a multiple of the lot of deribit:BTC-27FEB26-98000-C (0.1), was -10.05"),
    ("quantity = -10", "quantity = 0", "holdings.0.quantity: must not be 0, was 0"),
    ('"deribit:BTC-27FEB26-98000-C"', '"deribit:BTC-30FEB26-98000-C"', "holdings.0.instrument: must be a known instrument, was 'deribit:BTC-30FEB26-98000-C'"),
    ('role = "book"', 'role = "book"\nunderlying = "ETH"', "holdings.0.underlying: must be BTC, which deribit:BTC-27FEB26-98000-C is about, was 'ETH'"),
    ("[guards.margin]", "[guards.margin]\nmost_vol = 0.4", "guards.margin.most_vol: must be at least least_vol × tail (0.45), was 0.4"),
    ("reduce = 0.60", "reduce = 0.75", "guards.margin.ratio.reduce: must be below derisk (0.7), was 0.75"),
    ("reduce = 0.15", "reduce = 0.05", "guards.margin.distance.reduce: must be above derisk (0.1), was 0.05"),
    ("strike = 61500\n", "", "instruments.0.strike: must be given for an option, was missing"),
    ('kind = "option"', 'kind = "future"', "instruments.0.strike: must be absent for a future, was given"),
    ('"deribit:BTC-PERPETUAL" =', '"deribit:BTC-PERP" =', "replay.bars.\"deribit:BTC-PERP\": must be a known instrument (did you mean deribit:BTC-PERPETUAL?), was 'deribit:BTC-PERP'"),
    ("[guards.funding]", '[[holdings]]\ninstrument = "deribit:BTC-27FEB26-98000-C"\nquantity = -1\n[guards.funding]', "holdings.1.instrument: must be named once; add it to holdings.0, was 'deribit:BTC-27FEB26-98000-C'"),
    ("[replay]", "[replay]\nvols = { \"deribit:BTC-PERPETUAL\" = 0.6 }", "replay.vols.\"deribit:BTC-PERPETUAL\": must be an option, was deribit:BTC-PERPETUAL, a perpetual"),
    ("[replay]", '[replay]\nindex = { SOL = "binanceusdm:SOLUSDT" }', "replay.index.SOL: must be one of [underlyings], was 'SOL'"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line"), CASES)
def test_fault(report, old, new, line):
    """What is wrong is told by where it stands, what must hold and what was found."""
    assert old in GOOD

    assert line in lines(report(GOOD.replace(old, new, 1)))


def test_one_fault_one_line(report):
    """A single wrong value, in an example that is otherwise good, makes a single line."""
    many = {
        line: lines(report(GOOD.replace(old, new, 1)))
        for old, new, line in CASES
        if not re.search(r"known are|guard:|underlyings.btc|venues.xyz|future, was given", line)
    }

    assert {} == {line: found for line, found in many.items() if len(found) != 1}


def test_all_faults_at_once(report):
    """Faults of every kind stand in one report, in the order of the file's keys."""
    text = GOOD.replace("reduce = 0.60", "reduce = 0.75").replace("lower = -0.05", "lower = nan")
    text = text.replace('account = "2"', 'acount = "2"').replace(
        "quantity = -10", "quantity = 0.01"
    )
    text = text.replace('["binanceusdm:BTCUSDT"]', '["deribit:BTC-PERP"]')

    places = [fault.path for fault in report(text).faults]

    assert [
        "venues.binanceusdm.acount",
        "underlyings.BTC.hedge",
        "underlyings.BTC.band.lower",
        "holdings.0.quantity",
        "guards.margin.ratio.reduce",
    ] == places


def test_nothing_rests_on_a_stand_in(report):
    """A wrong value is told once: no comparison with what stands in for it is reported."""
    text = GOOD.replace("lower = -0.05, upper = 0.05", 'lower = "x", upper = 0')

    assert ["underlyings.BTC.band.lower: must be a number, was 'x'"] == lines(report(text))


def test_missing_table(report):
    """A missing table is told with the keys that it must have."""
    start, end = GOOD.index("[limits]"), GOOD.index("[[holdings]]")

    assert [
        "limits: must be given, with leverage, turnover_per_day, loss_per_day, drawdown, was missing"
    ] == lines(report(GOOD[:start] + GOOD[end:]))


def test_report_look(tmp_path):
    """The report names the file, counts the faults and gives each a line."""
    path = tmp_path / "live.toml"
    path.write_text(GOOD.replace('account = "1"', 'acount = "1"').replace("drawdown = 1e5", ""))

    with pytest.raises(ConfigError) as caught:
        load(path)

    assert 78 == caught.value.exit_code
    assert (
        f"{path}: 2 faults\n"
        "  venues.deribit.acount: unknown key; did you mean account?\n"
        "  limits.drawdown: must be given, was missing"
    ) == str(caught.value)


def test_huge_exponent(report):
    """An exponent beyond any decimal is not finite, and no traceback."""
    text = GOOD.replace("drawdown = 1e5", "drawdown = -1e99999999999999999999")

    assert ["limits.drawdown: must be a finite number, was -Infinity"] == lines(report(text))


def test_unknown_value_is_not_shown(report):
    """The value under an unknown name is never repeated: it may be a secret misspelt."""
    result = report(GOOD.replace(VENUE, '[venues.deribit]\napi_kye = "AKIA123"'))

    assert "AKIA123" not in str(result.as_json())


def test_live(report):
    """Live demands the account's pin and a credential, and takes only holdings from outside."""
    text = GOOD.replace('"paper"', '"live"').replace('account = "1"', 'credentials = "a"')

    assert [
        "venues.deribit.account: must pin the uid in mode live, was missing",
        "venues.binanceusdm.credentials: must name a credential in mode live, was missing",
        "holdings.0.role: must be outside in mode live: the venues tell the rest, was 'book'",
    ] == lines(report(text))


@pytest.mark.parametrize(
    ("holding", "line"),
    [
        ("", "must name the underlying of this cash, as BTC counts in coins, was missing"),
        ('underlying = "ETH"', "must be one of [underlyings], was 'ETH'"),
        ('underlying = "BTC"', None),
    ],
)
def test_cash_under_coin(report, holding, line):
    """In a book that counts in coins, stable cash names the underlying that it belongs to."""
    cash = f'[[holdings]]\ninstrument = "binanceusdm:USDT"\nquantity = 5.5\n{holding}\n'
    text = GOOD.replace('numeraire = "usd"', 'numeraire = "coin"') + cash

    assert ([] if line is None else [f"holdings.1.underlying: {line}"]) == lines(report(text))


def test_shared_cash_under_coin(report):
    """Two coin books may not settle in one stable balance that nobody gave to either."""
    start, end = GOOD.index("[underlyings.BTC]"), GOOD.index("[limits]")
    coin = GOOD.replace('numeraire = "usd"', 'numeraire = "coin"')
    eth = coin[start : end + 1].replace("BTC", "ETH").rstrip("[")
    text = coin + eth
    named = '[[holdings]]\ninstrument = "binanceusdm:USDT"\nquantity = 0\nunderlying = "BTC"\n'

    assert [
        "underlyings.ETH.hedge: must settle in cash that a holding gives to one underlying, was binanceusdm:USDT, shared with BTC"
    ] == lines(report(text))
    assert [] == lines(report(text + named))


def test_cash_of_a_holding_is_shared(report):
    """Cash that one coin book hedges in and another one's holding settles in needs an owner."""
    start, end = GOOD.index("[underlyings.BTC]"), GOOD.index("[limits]")
    coin = GOOD.replace('numeraire = "usd"', 'numeraire = "coin"')
    eth = coin[start : end + 1].replace("BTC", "ETH").rstrip("[")
    eth = eth.replace("binanceusdm:ETHUSDT", "deribit:ETH-PERPETUAL").replace(
        "order = 1, position = 5", "order = 10, position = 50"
    )
    held = '[[holdings]]\ninstrument = "binanceusdm:ETHUSDT"\nquantity = 1\n'
    named = '[[holdings]]\ninstrument = "binanceusdm:USDT"\nquantity = 0\nunderlying = "BTC"\n'

    coin = coin.replace(VENUE, f"{VENUE}\ntiers = [[0, 0.01]]")

    assert [] == lines(report(coin + eth))
    [line] = lines(report(coin + eth + held))
    assert "was binanceusdm:USDT, shared with BTC" in line
    assert [] == lines(report(coin + eth + held + named))


@pytest.mark.parametrize(
    ("prices", "lines_expected"),
    [
        (None, []),
        (
            {"BTC": 50_000.0},
            [
                "underlyings.BTC.band: must be at least one lot (0.0002 BTC on deribit:BTC-PERPETUAL), was 0.0001"
            ],
        ),
    ],
)
def test_inverse_lot(report, prices, lines_expected):
    """A lot in USD is compared where a price is given; else a note says that it was not."""
    text = GOOD.replace("binanceusdm:BTCUSDT", "deribit:BTC-PERPETUAL", 1)
    text = text.replace("lower = -0.05, upper = 0.05", "lower = 0, upper = 0.0001")
    text = text.replace(VENUE, f"{VENUE}\ntiers = [[0, 0.01]]")

    result = report(text, reference_prices=prices)

    assert lines_expected == lines(result)
    assert (prices is None) == bool(result.notes)


def test_given_instruments(report):
    """Where the mode names its instruments, no other one is known but the file's own."""
    result = report(GOOD, instruments={})

    assert ["underlyings.BTC.hedge", "holdings.0.instrument", 'replay.bars."deribit:BTC-PERPETUAL"'] == [
        fault.path for fault in result.faults
    ]  # fmt: skip


def test_notes_on_a_holding(report):
    """A holding without an account, or about a coin without a table, is no fault, but it is said."""
    text = GOOD + '[[holdings]]\ninstrument = "okx:ETH"\nquantity = 3\n'

    assert (
        "holdings.1.instrument: okx:ETH is on no venue of the configuration; it is counted as told here and never reconciled",
        "holdings.1.instrument: okx:ETH is not hedged; there is no [underlyings.ETH]",
    ) == report(text).notes


def test_nothing_to_trade(report):
    """A book needs a venue and an underlying."""
    start, end = GOOD.index("[venues.deribit]"), GOOD.index("[limits]")
    rest = GOOD.index("[[holdings]]")

    assert [
        "venues: must name at least one venue, was an empty table",
        "underlyings: must name at least one underlying, was an empty table",
    ] == lines(report(GOOD[:start] + "[venues]\n[underlyings]\n" + GOOD[end:rest]))


@pytest.mark.parametrize(
    ("told", "line"),
    [
        ("absent_answers = 2", "orders.absent_answers: must be 3 to 20, was 2"),
        ("absent_answers = 21", "orders.absent_answers: must be 3 to 20, was 21"),
        ('absent_after = "9999ms"', "orders.absent_after: must be 10s to 120s, was 9.999s"),
        ('timeout = "31s"', "orders.timeout: must be 1s to 30s, was 31s"),
        ('max_decision_age = "1h"', "orders.max_decision_age: must be 0.05s to 5s, was 3600s"),
        ('unknown_halt = "24h"', "orders.unknown_halt: must be 20s to 300s, was 86400s"),
        (
            'absent_after = "60s"',
            "orders.unknown_halt: must be at least 67s, by absent_after and timeout, for a proof, was 60s",
        ),
        ('absent_after = "28s"\nabsent_answers = 20\ntimeout = "30s"', None),
    ],
)
def test_deadlines(report, told, line):
    """No setting lets an order count as absent too early, or stay unknown for hours."""
    assert ([] if line is None else [line]) == lines(report(f"{GOOD}[orders]\n{told}\n"))


@pytest.mark.parametrize(
    ("told", "line"),
    [
        (
            "retention_days = 0",
            "journal.retention_days: must be at least 1, was 0",
        ),
        ("max_mib = 0.5", "journal.max_mib: must be a whole number of at least 0, was 0.5"),
        ("days = 30", "journal.days: unknown key"),
        ("retention_days = 30\nmax_mib = 256", None),
        ("room = { least_mib = 0 }", "journal.room.least_mib: must be at least 1, was 0"),
        ('backup = "hourly"', "journal.backup: must be daily or off, was 'hourly'"),
        ("backups = 0", "journal.backups: must be at least 1, was 0"),
        ('check = "never"', "journal.check: must be weekly or off, was 'never'"),
        ('backup = "off"\ncheck = "off"', None),
        ("room = { share = 5 }", "journal.room.share: must be from 0 to 1, was 5"),
        ("room = { least_mib = 64, share = 0, share_most_mib = 100 }", None),
    ],
)
def test_journal(report, told, line):
    """How long the journal keeps decisions is at least a day, and it has some room."""
    found = lines(report(f"{GOOD}[journal]\n{told}\n"))

    assert ([] if line is None else [line]) == [each[: len(line or "")] for each in found]


@pytest.mark.parametrize(
    ("name", "most"),
    [("quote", 30), ("index", 30), ("mark", 60), ("option", 120), ("positions", 300)],
)
def test_ages_where_money_is_traded(report, name, most):
    """A replay may rest on hourly bars; a book that trades may not."""
    old = GOOD.replace(
        "[guards.funding]", f'[guards.staleness]\n{name} = "{most + 1}s"\n[guards.funding]'
    )
    must = f"guards.staleness.{name}: must be at most {most}s in mode live, was {most + 1}s"

    assert [] == lines(report(old))
    assert [must] == [
        line for line in lines(report(old.replace('"paper"', '"live"'))) if name in line
    ]
    young = old.replace(f"{most + 1}s", f"{most}s").replace('"paper"', '"live"')
    assert [] == [line for line in lines(report(young)) if name in line]


FILED = (
    '[[holdings]]\ninstrument = "deribit:ETH"\nrole = "outside"\nfile = "/t.json"\nmax_age = "1h"\n'
)
SECOND_ROW = FILED.replace("deribit:ETH", "deribit:BTC").replace("1h", "2h")


@pytest.mark.parametrize(
    ("row", "line"),
    [
        (FILED, None),
        (FILED.replace('max_age = "1h"\n', ""), "1.max_age: must say how old what the file tells may be, such as 1h, was missing"),
        (FILED.replace('file = "/t.json"\n', ""), ("1.max_age: must be absent without a file, was given", "1.quantity: must be given, or a file that tells it, was missing")),
        (FILED.replace("outside", "book"), "1.role: must be outside where a file tells what is held, was 'book'"),
        (FILED + "quantity = 1\n", "1.quantity: must be absent: the file tells it, was given"),
        (FILED.replace("deribit:ETH", "deribit:ETH-PERPETUAL"), "1.instrument: must be cash, a spot pair or an option: a file tells no entry, was 'deribit:ETH-PERPETUAL'"),
        (FILED.replace("deribit:ETH", "deribit:BTC-27FEB26-98000-C") + "entry = 0.1\n", "1.entry: must be absent: the file tells it, was given"),
        (FILED.replace("/t.json", "t.json"), "1.file: must be a whole path, such as /var/lib/treasury/holdings.json, was 't.json'"),
        (FILED + FILED, "2.instrument: must be named once; add it to holdings.1, was 'deribit:ETH'"),
        (FILED + SECOND_ROW, "2.max_age: must be the same as in holdings.1, which the file tells too, was another"),
        (FILED + SECOND_ROW.replace("/t", "/u"), None),
    ],
)  # fmt: skip
def test_told_by_a_file(report, row, line):
    """A row that a file tells has an age and no quantity of its own; the same row is told once."""
    expected = () if line is None else (line,) if isinstance(line, str) else line

    assert [f"holdings.{each}" for each in expected] == lines(report(GOOD + row))


SPOT = '[venues.okx]\naccount = "3"\nfees = { maker = 0, taker = 0.001 }\ntiers = [[0, 0.01]]\n\n[book]'
HELD = '[[holdings]]\ninstrument = "{}"\nquantity = 1\nrole = "{}"\n\n[guards.funding]'
ALONE = "must hold its coin alone: one pair, no cash and no contract that settles in it"


@pytest.mark.parametrize(
    ("hedge", "held", "role", "rivals"),
    [
        ('["okx:BTC-USDT"]', "okx:BTC", "book", "okx:BTC"),
        ('["okx:BTC-USDT"]', "okx:BTC-USD-271231-90000-P", "book", "okx:BTC-USD-271231-90000-P"),
        ('["okx:BTC-USDT", "okx:BTC-USD-SWAP"]', "okx:USDT", "book", "okx:BTC-USD-SWAP"),
        ('["okx:BTC-USDT", "okx:BTC-USDT-SWAP"]', "okx:USDT", "book", ""),
        ('["okx:BTC-USDT", "deribit:BTC-PERPETUAL"]', "deribit:BTC", "book", ""),
        ('["okx:BTC-USDT"]', "okx:BTC", "outside", ""),
    ],
)
def test_one_balance_of_a_coin(report, hedge, held, role, rivals):
    """A pair's position is the balance of its coin: what else claims that balance is refused."""
    text = GOOD.replace("[book]", SPOT).replace('["binanceusdm:BTCUSDT"]', hedge)
    text = text.replace("[guards.funding]", HELD.format(held, role))
    line = f"underlyings.BTC.hedge: {ALONE}, was okx:BTC-USDT beside {rivals}"

    assert ([line] if rivals else []) == [each for each in lines(report(text)) if ALONE in each]


OF_ITS_OWN = (
    '[[instruments]]\nid = "{}:STETH"\nkind = "cash"\nunderlying = "STETH"\nsettle = "STETH"\n'
    "lot = 0.01\ntick = 0.01\n"
)


@pytest.mark.parametrize("mode", ["live", "testnet"])
@pytest.mark.parametrize(
    ("venue", "shares", "more", "wrong"),
    [
        ("deribit", "USDC = 0.9, SOL = 0.8, BTC = 1", "", []),  # what is held there, it tells
        ("deribit", "UDST = 0.9, BTX = 1", "", ["UDST USDT", "BTX BTC"]),
        ("binanceusdm", "USDT = 1, BTCUSDT = 1", "", ["BTCUSDT USDT"]),
        ("okx", "USDT = 1, ZZZZZ = 1", "", ["ZZZZZ"]),
        ("deribit", "STETH = 0.9", "", ["STETH ETH"]),
        ("deribit", "STETH = 0.9", OF_ITS_OWN.format("deribit"), []),
        ("deribit", "STETH = 0.9", OF_ITS_OWN.format("okx"), ["STETH ETH"]),
    ],
)
def test_collateral_where_the_venue_tells(report, mode, venue, shares, more, wrong):
    """A share is of a currency that is known, also where the file need not say what is held."""
    text = GOOD.replace('"paper"', f'"{mode}"').replace("[book]", SPOT)
    text = text.replace(f"[venues.{venue}]", f"[venues.{venue}]\ncollateral = {{ {shares} }}")
    expected = []
    for currency, _, nearest in (each.partition(" ") for each in wrong):
        hint = f" (did you mean {nearest}?)" if nearest else ""
        must = f"must be a currency known at {venue}, or of its [[instruments]]{hint}"
        expected.append(f"venues.{venue}.collateral.{currency}: {must}, was '{currency}'")

    found = [each for each in lines(report(text + more)) if ".collateral" in each]
    assert expected == found
