"""Modelled venues: what the settings say, and what the venue does where they say nothing."""

from decimal import Decimal

import pytest

from rebalancer.errors import ConfigError
from rebalancer.exchange.orders import Order, TimeInForce
from rebalancer.exchange.records import RejectReason
from rebalancer.settings import resolve
from rebalancer.venues.modelled import open_exchange
from tests.end_to_end import scripted_book as book

D = Decimal
PERP, USDM = "deribit:BTC-PERPETUAL", "binanceusdm:BTCUSDT"
FREE = {"maker": D(0), "taker": D(0)}


def opened(venue, hedge, holdings, **keys):
    """Return the model of a venue with the book's holdings in it, at 100,000."""
    raw = book.table()
    raw["venues"] = {venue: {"fees": FREE, **keys}}
    raw["underlyings"]["BTC"]["hedge"] = [hedge]
    raw["holdings"] = [{"instrument": name, **facts} for name, facts in holdings.items()]
    settings = book.settings_of(raw)
    instruments = resolve(settings)
    prices = {name: D(facts.get("entry", 1)) for name, facts in holdings.items()}
    exchange = open_exchange(settings, instruments, prices, venue)
    exchange.set_index(1, "BTC", D(100_000))
    exchange.set_mark(1, hedge, D(100_000))
    exchange.set_book(1, hedge, [(D("99999.5"), D(10**9))], [(D("100000.5"), D(10**9))])
    return exchange


def submit(exchange, venue, instrument, quantity, price=None, **more):
    tif = TimeInForce.IOC
    return exchange.submit(1, Order("c1", venue, instrument, D(quantity), price, tif, **more))[0]


def test_deribit_margin_rises_with_size():
    """By itself Deribit asks 1 % and 0.005 % more per coin: 20 BTC need 20 (0.01 + 0.001)."""
    held = {PERP: {"quantity": -2_000_000, "entry": 100_000}, "deribit:BTC": {"quantity": 10}}
    exchange = opened("deribit", PERP, held)

    (standing,) = exchange.standings("deribit").values()

    assert D("0.22") == standing.maintenance
    assert D(2) == standing.initial  # 20 ÷ 10: dearer than 2 % and rising


def test_tiers_of_the_settings():
    """Tiers are USD of notional, also of an inverse contract, and initial margin is twice them."""
    held = {PERP: {"quantity": -200_000, "entry": 100_000}, "deribit:BTC": {"quantity": 10}}
    tiers = [[0, D("0.01")], [100_000, D("0.03")]]
    exchange = opened("deribit", PERP, held, tiers=tiers, leverage=50)

    (standing,) = exchange.standings("deribit").values()

    assert (D("0.04"), D("0.08")) == (standing.maintenance, standing.initial)


@pytest.mark.parametrize(
    ("quantity", "price", "more", "reason"),
    [
        ("0.001", None, {}, None),  # 100 USDT
        ("1001", None, {}, RejectReason.ABOVE_MAXIMUM),
        ("0.001", D("105000.1"), {}, RejectReason.OUTSIDE_PRICE_BAND),
        ("6", None, {}, RejectReason.INSUFFICIENT_MARGIN),  # 60,000 of 50,000
    ],
)
def test_binance_rules(quantity, price, more, reason):
    """Largest order, price band and margin of Binance hold on paper."""
    held = {"binanceusdm:USDT": {"quantity": 50_000}}
    exchange = opened("binanceusdm", USDM, held)

    answer = submit(exchange, "binanceusdm", USDM, quantity, price, **more)

    assert reason == getattr(answer, "reason", None)


@pytest.mark.parametrize(
    ("name", "quantity", "price", "reason"),
    [
        ("binancecoinm:BTCUSD_PERP", "1", D("105000"), None),
        ("binancecoinm:BTCUSD_PERP", "1", D("105000.1"), RejectReason.OUTSIDE_PRICE_BAND),
        ("binancecoinm:BTCUSD_PERP", "1000001", None, RejectReason.ABOVE_MAXIMUM),
        ("binance:BTCUSDT", "0.00005", D("100000"), None),
        ("binance:BTCUSDT", "0.00004", D("100000"), RejectReason.BELOW_NOTIONAL),
        ("binance:BTCUSDT", "9001", D("100000"), RejectReason.ABOVE_MAXIMUM),
    ],
)
def test_rules_of_the_other_binances(name, quantity, price, reason):
    """What COIN-M and spot refuse, paper and the played venues refuse too."""
    venue = name.partition(":")[0]
    cash = {f"{venue}:{'BTC' if venue == 'binancecoinm' else 'USDT'}": {"quantity": 50_000}}
    exchange = opened(venue, name, cash)

    assert reason == getattr(submit(exchange, venue, name, quantity, price), "reason", None)


def test_collateral_counts_together():
    """With shares of collateral all currencies of the account stand in one pool, in USD."""
    held = {
        PERP: {"quantity": -100_000, "entry": 100_000},
        "deribit:BTC": {"quantity": 1},
        "deribit:USDC": {"quantity": 1000},
    }
    exchange = opened("deribit", PERP, held, collateral={"BTC": D("0.9"), "USDC": 1})

    ((pool, standing),) = exchange.standings("deribit").items()

    assert ("USD", True) == (pool.currency, pool.together)
    assert D(91_000) == standing.balance


def test_insurance_of_the_settings():
    """A fund opens with what the settings give it, and with plenty where they say nothing."""
    held = {"deribit:BTC": {"quantity": 1}}

    assert {"BTC": D("0.5")} == opened(
        "deribit", PERP, held, insurance={"BTC": D("0.5")}
    ).house.insurance.cash
    assert opened("deribit", PERP, held).house.insurance.cash["BTC"] > 10


def test_fee_tiers_and_deliveries():
    """Volume earns its tier from the next day on; Deribit's options cost at delivery too."""
    day = 86_400 * 10**9
    fees = {"maker": D(0), "taker": D("0.001"), "tiers": [[1000, D(0), D("0.0005")]]}
    exchange = opened("binanceusdm", USDM, {"binanceusdm:USDT": {"quantity": 50_000}}, fees=fees)
    told = [
        exchange.submit(ts, Order(f"c{ts}", "binanceusdm", USDM, D("0.1"), None, TimeInForce.IOC))[
            1
        ].fee
        for ts in (1, day + 1)
    ]

    assert [D("10.00005"), D("5.000025")] == told


def test_no_fees():
    """A venue without fees is refused: paper would be kinder than any."""
    raw = book.table()
    settings = book.settings_of(raw)
    venue = settings.venues["deribit"].model_copy(update={"fees": None})
    broken = settings.model_copy(update={"venues": {"deribit": venue}})

    with pytest.raises(ConfigError, match="fees"):
        open_exchange(broken, resolve(settings), {}, "deribit")
