"""Tests of pools: what stands together for losses, and how it stands."""

from dataclasses import replace

import pytest

from rebalancer.core.instruments import Kind
from rebalancer.exchange.exchange import Exchange, OpeningAccount, OpeningPosition
from rebalancer.exchange.grid import OptionModel
from rebalancer.exchange.orders import TimeInForce
from rebalancer.exchange.pools import Pool, Standing
from rebalancer.exchange.terms import AccountTerms, Grid, MarginMode, Schedule, VenueTerms
from tests.exchange.listing import (
    CALL,
    HOUR,
    INVERSE,
    LINEAR,
    LISTED,
    NO_FEES,
    PUT,
    SPOT,
    D,
    deal,
    open_exchange,
    order,
    quote,
)

GTC = TimeInForce.GTC
OTHER = replace(LINEAR, id="x:ETHUSDT", underlying="ETH")
CROSS = AccountTerms(leverage=D(10))
ISOLATED = AccountTerms(MarginMode.ISOLATED, D(10))
PORTFOLIO = AccountTerms(MarginMode.PORTFOLIO)
USDT, BTC, TOGETHER = Pool("USDT"), Pool("BTC"), Pool("USD", together=True)
ALONE = Pool("USDT", LINEAR.id)


def opened(cash, positions=(), terms=CROSS, grid=None):
    """Return an exchange where account `a` holds this; maintenance is 0.5 % everywhere."""
    balances = {currency: D(amount) for currency, amount in cash.items()}
    held = tuple(OpeningPosition(each.id, D(size), D(entry)) for each, size, entry in positions)
    flat = Schedule(((D(0), D("0.005")),))
    venue = VenueTerms(
        maintenance={Kind.PERPETUAL: flat, Kind.FUTURE: flat}, grid=grid or Grid(extended=(-0.5,))
    )
    accounts = [OpeningAccount("a", balances, held, terms)]
    return Exchange((*LISTED, OTHER), NO_FEES, accounts, venue)


def marked(exchange, **prices):
    """Tell marks and index; the name says which."""
    named = {"linear": LINEAR, "inverse": INVERSE, "call": CALL, "put": PUT, "spot": SPOT}
    for name, price in prices.items():
        if name == "index":
            exchange.set_index(0, "BTC", D(price))
        else:
            exchange.set_mark(0, named[name].id, D(price))
    return exchange


def standing(equity, balance, maintenance, initial):
    return Standing(D(equity), D(balance), D(maintenance), D(initial))


def test_cross_by_currency():
    """Under cross margin each currency stands for what settles in it."""
    held = [(LINEAR, "1", "50000"), (INVERSE, "-10000", "50000")]
    exchange = marked(
        opened({"USDT": "10000", "BTC": "1", "ETH": "3"}, held), linear="62500", inverse="62500"
    )

    # USDT: 12,500 gained. BTC: 100,000 USD are 1.6 coins, and were 2: 0.4 lost.
    assert {
        USDT: standing("22500", "22500", "312.5", "6250"),
        BTC: standing("0.6", "0.6", "0.008", "0.16"),
        Pool("ETH"): standing("3", "3", "0", "0"),
    } == exchange.standings("a")


def test_settle_currency_without_cash():
    """A position makes a pool of its currency where there is no cash."""
    exchange = marked(opened({}, [(LINEAR, "1", "50000")]), linear="62500")

    assert {USDT: standing("12500", "12500", "312.5", "6250")} == exchange.standings("a")


def test_options_add_to_equity_only():
    """A short option's standard requirement holds its mark; options add to equity alone."""
    held = [(CALL, "-2", "0.01"), (PUT, "3", "0.01")]
    exchange = marked(opened({"BTC": "5"}, held), call="0.05", put="0.04", index="100000")

    # -0.1 + 0.12 of worth; 2 (0.075 + 0.05) and 2 (0.15 + 0.05) for the short calls
    assert {BTC: standing("5.02", "5", "0.25", "0.4")} == exchange.standings("a")


def test_spot_is_no_position():
    """A spot holding neither needs margin nor stands for any."""
    exchange = marked(opened({"USDT": "100"}, [(SPOT, "2", "50")]), spot="60")

    assert {USDT: standing("100", "100", "0", "0")} == exchange.standings("a")


# 20,000 USDT at 10x, each deal at the mark: contracts, price, free cash, balance of the position.
STORY = [
    ("1", "50000", "15000", "5000"),
    ("1", "60000", "9000", "21000"),  # a tenth of 60,000 more is locked; 10,000 are gained
    ("-1", "60000", "19500", "10500"),  # half of 11,000 is free again, 5,000 are realised
    ("-3", "60000", "18000", "12000"),  # turns: 30,000 in cash, a tenth of 120,000 is locked
    ("1", "50000", "34000", "16000"),  # 10,000 realised and 10,000 open, 6,000 locked
    ("1", "50000", "50000", None),  # closed: nothing is locked
]


@pytest.mark.parametrize("steps", range(1, len(STORY) + 1))
def test_isolated(steps):
    """An isolated position stands on what was locked for it, and frees it as it shrinks."""
    exchange = opened({"USDT": "20000"}, terms=ISOLATED)
    for quantity, price, _, _ in STORY[:steps]:
        marked(exchange, linear=price)
        deal(exchange, LINEAR, quantity, price)
    _, _, free, alone = STORY[steps - 1]

    found = exchange.standings("a")

    assert D(free) == found[USDT].balance
    assert (None if alone is None else D(alone)) == (found[ALONE].balance if alone else None)
    assert (alone is not None) == (ALONE in found)
    assert 0 == exchange.imbalance("USDT")


def test_isolated_inverse():
    """An inverse position locks coins: 100,000 USD at 50,000 are two, by ten 0.2."""
    exchange = opened({"BTC": "1"}, [(INVERSE, "10000", "50000")], ISOLATED)
    marked(exchange, inverse="50000")

    assert {
        Pool("BTC", INVERSE.id): standing("0.2", "0.2", "0.01", "0.2"),
        BTC: standing("0.8", "0.8", "0", "0"),
    } == exchange.standings("a")


def test_isolated_partial_close_at_a_loss():
    """A part that is closed at a loss takes the loss out of what it frees."""
    exchange = opened({"USDT": "20000"}, [(LINEAR, "2", "50000")], ISOLATED)
    marked(exchange, linear="47500")
    deal(exchange, LINEAR, "-1", "47500")

    # free: 10,000 + 5,000 - 2,500; locked: 5,000, of which 2,500 are lost
    found = exchange.standings("a")

    assert (D(12_500), D(2_500)) == (found[USDT].balance, found[ALONE].balance)


def test_isolated_funding_and_settlement():
    """Funding and a settlement come out of what is locked, not of free cash."""
    exchange = marked(opened({"USDT": "20000"}, [(LINEAR, "1", "50000")], ISOLATED), linear="51000")
    exchange.set_funding_rate(0, LINEAR.id, D("0.001"), 8 * HOUR, 8 * HOUR)

    exchange.apply_funding(8 * HOUR, LINEAR.id)  # 51 paid
    exchange.settle_session(8 * HOUR, LINEAR.id, D(51_000))

    found = exchange.standings("a")
    assert (D(15_000), D(5_949)) == (found[USDT].balance, found[ALONE].balance)


def test_options_of_an_isolated_account():
    """Options are always cross: they stand on the cash that is not locked."""
    held = [(INVERSE, "10000", "50000"), (CALL, "-1", "0.05")]
    exchange = opened({"BTC": "1"}, held, ISOLATED)
    marked(exchange, inverse="50000", call="0.05", index="100000")

    assert standing("0.75", "0.8", "0.125", "0.2") == exchange.standings("a")[BTC]


@pytest.mark.parametrize(
    ("cash", "positions", "expected"),
    [
        # 2 coins at 50,000 count 90 %
        ({"BTC": "2"}, [], ("100000", "90000", "0", "0")),
        ({"BTC": "2", "USDT": "-30000"}, [], ("70000", "60000", "0", "0")),  # owed: whole
        ({"BTC": "-2", "USDT": "200000"}, [], ("100000", "100000", "0", "0")),
        ({"BTC": "2", "USDC": "7000"}, [], ("107000", "90000", "0", "0")),  # not listed: nothing
        ({"BTC": "2", "USDC": "-7000"}, [], ("93000", "83000", "0", "0")),  # but owed whole
        # a profit in USDT pays what is owed there; a tenth and 0.5 % of 50,000
        (
            {"BTC": "2", "USDT": "-3000"},
            [(LINEAR, "1", "40000")],
            ("107000", "97000", "250", "5000"),
        ),
        # 1 coin lost of 2: what is left counts 90 %; requirements count whole
        (
            {"BTC": "2"},
            [(INVERSE, "10000", "100000")],  # 1 coin bought, 2 due now
            ("50000", "45000", "500", "10000"),
        ),
        # 3 coins lost of 2: owed whole
        (
            {"BTC": "2", "USDT": "100000"},
            [(INVERSE, "30000", "100000")],
            ("50000", "50000", "1500", "30000"),
        ),
    ],
)
def test_collateral_together(cash, positions, expected):
    """Collateral of several currencies stands together: owned at its share, owed whole."""
    terms = AccountTerms(leverage=D(10), collateral={"USDT": D(1), "BTC": D("0.9")})
    exchange = marked(opened(cash, positions, terms), index="50000")
    marked(exchange, linear="50000", inverse="50000")

    assert {TOGETHER: standing(*expected)} == exchange.standings("a")


def test_together_needs_every_index():
    """What is owned without an index counts nothing; what is owed leaves the pool unknown."""
    terms = AccountTerms(collateral={"USDT": D(1)})
    exchange = opened({"USDT": "5", "ETH": "5"}, terms=terms)

    assert {TOGETHER: standing("5", "5", "0", "0")} == exchange.standings("a")
    assert {TOGETHER: None} == opened({"USDT": "5", "ETH": "-5"}, terms=terms).standings("a")

    exchange.set_index(0, "ETH", D(2000))

    assert {TOGETHER: standing("10005", "5", "0", "0")} == exchange.standings("a")


def test_isolated_beside_collateral():
    """An isolated position stands alone even where everything else stands together."""
    terms = AccountTerms(MarginMode.ISOLATED, D(10), {"USDT": D(1), "BTC": D("0.9")})
    exchange = opened({"USDT": "20000", "BTC": "1"}, [(LINEAR, "1", "50000")], terms)
    marked(exchange, linear="52000", index="50000")

    assert {
        ALONE: standing("7000", "7000", "260", "5200"),
        TOGETHER: standing("65000", "60000", "0", "0"),
    } == exchange.standings("a")


RESTING = [  # quantity, price, held before, what is reserved at a mark of 100 and 10x
    ([("5", "99")], "0", "50"),
    ([("5", "99"), ("-3", "101")], "0", "50"),  # only the dearer side can be needed
    ([("5", "99"), ("-7", "101")], "0", "70"),
    ([("5", "99"), ("2", "98"), ("-6", "101")], "0", "70"),
    ([("5", "99"), ("-3", "101")], "4", "50"),
    ([("-3", "101")], "4", "0"),  # nothing to sell what is held
    ([("-8", "101")], "4", "0"),  # nor to turn it into as much
    ([("-10", "101")], "4", "20"),
    ([("5", "99"), ("-10", "101")], "-4", "100"),
    ([("5", "99")], "-4", "0"),
]
TURNED = {6: "40", 7: "60", 9: "10"}  # isolated, what is turned over needs margin of its own


@pytest.mark.parametrize("case", range(len(RESTING)))
@pytest.mark.parametrize("isolated", [False, True])
def test_open_orders(case, isolated):
    """Open orders need the initial margin of the dearer side, at the mark."""
    orders, held, reserved = RESTING[case]
    reserved = TURNED.get(case, reserved) if isolated else reserved
    positions = [] if held == "0" else [(LINEAR, held, "100")]
    exchange = opened({"USDT": "1000"}, positions, ISOLATED if isolated else CROSS)
    marked(exchange, linear="100")
    quote(exchange, LINEAR, "99.9", "100.1")
    for quantity, price in orders:
        exchange.submit(0, order(LINEAR, quantity, price, GTC))
    own = D(0) if isolated else abs(D(held)) * 10

    assert own + D(reserved) == exchange.standings("a")[USDT].initial


@pytest.mark.parametrize(
    ("wanted", "reserved"),
    [
        (order(CALL, "2", "0.04", GTC), "0.08"),  # a premium is paid in full
        (order(PUT, "2", "0.04", GTC), "0.08"),
        (order(CALL, "-2", "0.06", GTC), "0.4"),  # 2 (0.15 + 0.05), at the mark
        (order(CALL, "-2", "0.06", GTC, reduce_only=True), "0"),
        (order(PUT, "-2", "0.06", GTC), "0.2"),  # one of two is held
    ],
)
def test_open_option_orders(wanted, reserved):
    """A buy of options reserves its premium, a sale the margin of what would be short."""
    held = [(PUT, "1", "0.05"), (CALL, "3", "0.05")] if wanted.reduce_only else []
    if wanted.instrument == PUT.id and wanted.quantity < 0:
        held = [(PUT, "1", "0.05")]
    exchange = marked(opened({"BTC": "5"}, held), call="0.05", put="0.05", index="100000")
    quote(exchange, CALL, "0.045", "0.055")
    quote(exchange, PUT, "0.045", "0.055")

    exchange.submit(0, wanted)

    assert 1 == len(exchange.open_orders("a"))
    assert D(reserved) == exchange.standings("a")[BTC].initial


@pytest.mark.parametrize(
    ("quantity", "price", "reserved"), [("2", "90", "180"), ("-1", "110", "0")]
)
def test_open_spot_orders(quantity, price, reserved):
    """A buy of spot reserves what it costs, a sale of what is held nothing."""
    exchange = marked(opened({"USDT": "1000"}, [(SPOT, "2", "100")]), spot="100")
    quote(exchange, SPOT, "99", "101")

    exchange.submit(0, order(SPOT, quantity, price, GTC))

    assert 1 == len(exchange.open_orders("a"))
    assert D(reserved) == exchange.standings("a")[USDT].initial


def test_filled_part_is_not_reserved():
    """Of an order that filled in part only the rest is reserved."""
    exchange = marked(opened({"USDT": "1000"}), linear="100")
    exchange.set_book(0, LINEAR.id, [(D(99), D(9))], [(D(100), D(2))])

    exchange.submit(0, order(LINEAR, "5", "100", GTC))

    # 2 held and 3 wanted
    assert standing("1000", "1000", "1", "50") == exchange.standings("a")[USDT]


def test_portfolio():
    """Under portfolio margin balance is equity: what options are worth counts, and scenarios."""
    quiet = Grid(reach=0.1, buckets=3, extended=(-0.6,), vol_up=0.0, vol_down=0.0)
    exchange = opened({"BTC": "1"}, [(CALL, "2", "0.01")], PORTFOLIO, quiet)
    # strike 100,000, forward 200,000 and next to no vol: a coin of it is worth a half
    exchange.set_mark(0, CALL.id, D("0.5"), OptionModel(0.001, 200_000.0))
    marked(exchange, index="200000")

    found = exchange.standings("a")[BTC]

    # at -10 % worth 1 - 100 ÷ 180: 2 x 0.0555… lost; at -60 % nothing: 2 x 0.5, damped to a sixth
    assert (D(2), D(2)) == (found.equity, found.balance)
    assert pytest.approx(1 / 6, abs=1e-9) == float(found.maintenance)
    assert D("1.3") * found.maintenance == found.initial


def test_portfolio_by_underlying():
    """What hedges one underlying does not hedge another."""
    quiet = Grid(reach=0.1, buckets=3, extended=(-0.1,), linear_contingency=0.0)
    held = [(LINEAR, "1", "100"), (OTHER, "-10", "10")]
    exchange = opened({"USDT": "1000"}, held, PORTFOLIO, quiet)
    marked(exchange, linear="100", index="100")
    exchange.set_mark(0, OTHER.id, D(10))
    exchange.set_index(0, "ETH", D(10))

    found = exchange.standings("a")[USDT]

    assert pytest.approx(20.0, abs=1e-9) == float(found.maintenance)  # 10 % of 100, twice


@pytest.mark.parametrize(
    ("terms", "positions", "told"),
    [
        (CROSS, [(LINEAR, "1", "100")], {}),
        (CROSS, [(CALL, "-1", "0.05")], {"call": "0.05"}),  # a short option needs the index
        (CROSS, [(CALL, "1", "0.05")], {"index": "100000"}),
        (CROSS, [(LINEAR, "1", "100"), (CALL, "1", "0.05")], {"call": "0.05"}),
        (PORTFOLIO, [(LINEAR, "1", "100")], {"linear": "100"}),  # scenarios need the index
        (PORTFOLIO, [(CALL, "1", "0.05")], {"call": "0.05", "index": "100000"}),  # and the model
    ],
)
def test_missing_price(terms, positions, told):
    """How a pool stands is not known while a price that it rests on is not."""
    exchange = marked(opened({"USDT": "1000", "BTC": "1"}, positions, terms), **told)
    currency = positions[0][0].settle

    assert exchange.standings("a")[Pool(currency)] is None


def test_nobody_asks():
    """An account without terms has no pools."""
    assert {} == open_exchange().standings("a")


@pytest.mark.parametrize(
    ("balance", "maintenance", "sound", "free"),
    [
        ("1", "0", True, "-6"),
        ("0", "0", True, "-7"),
        ("-0.1", "0", False, "-7.1"),
        ("5", "5", False, "-2"),
        ("5.01", "5", True, "-1.99"),
        ("9", "5", True, "2"),
    ],
)
def test_sound_and_free(balance, maintenance, sound, free):
    """A pool is sound above its maintenance margin; what lies above the initial margin is free."""
    found = standing(balance, balance, maintenance, "7")

    assert sound is found.sound
    assert D(free) == found.free
