"""OKX on the loopback through unmodified ccxt, and signed by hand where ccxt would not err."""

import json
from dataclasses import replace
from decimal import Decimal

import ccxt
import pytest

from rebalancer.core.events import FundingRate
from rebalancer.simulation.faults import Deed, Kind, Plan
from rebalancer.simulation.okx.desk import Stop
from tests.simulation.okx_fair import (
    ACCOUNT,
    CALL,
    FUTURE,
    INSTRUMENTS,
    INVERSE,
    KEY,
    LINEAR,
    PAIR,
    POOR,
    STRANGER,
    SYMBOLS,
    ccxt_rest,
    fair,
    get,
    stamp,
    step_of,
)

D = Decimal


async def test_markets():
    """Ccxt loads every kind of contract, with the sizes, lots and ticks of the catalogue."""
    async with fair() as loopback, ccxt_rest(loopback) as exchange:
        markets = {each["id"]: each for each in (await exchange.load_markets()).values()}

    for contract in INSTRUMENTS.values():
        told = markets[contract.name]
        assert SYMBOLS[contract.id] == told["symbol"]
        assert float(contract.lot) == told["precision"]["amount"]
        assert float(contract.tick) == told["precision"]["price"]
        assert float(contract.minimum) == told["limits"]["amount"]["min"]
    assert (1.0, "0.01") == (  # ccxt leaves the multiplier out: 100 times too much
        markets["BTC-USD-371225-100000-C"]["contractSize"],
        markets["BTC-USD-371225-100000-C"]["info"]["ctMult"],
    )
    assert (0.01, 100.0) == tuple(
        markets[name]["contractSize"] for name in ("BTC-USDT-SWAP", "BTC-USD-SWAP")
    )


async def test_status_and_time():
    """The clock is the venue's; a maintenance is in its list of events."""
    async with fair() as loopback, ccxt_rest(loopback) as exchange:
        now = await exchange.fetch_time()
        before = await exchange.publicGetSystemStatus({})
        loopback.script.add(Plan(Kind.MAINTENANCE, "GET public/time", seconds=5))
        await exchange.fetch_time()
        after = await exchange.publicGetSystemStatus({})
        with pytest.raises(ccxt.ExchangeNotAvailable, match="50001"):
            await exchange.fetch_balance()

    assert abs(now - loopback.place.now() / 1e6) < 3_000
    assert [] == before["data"]
    assert [("ongoing", "5")] == [(each["state"], each["serviceType"]) for each in after["data"]]


@pytest.mark.parametrize("name", [INVERSE, LINEAR, FUTURE, CALL])
async def test_an_order_trades_contracts(name):
    """What is sent as an amount is contracts, and fees and profit are the model's."""
    async with fair() as loopback, ccxt_rest(loopback) as exchange:
        await exchange.load_markets()
        price = 0.36 if name == CALL else 102_000
        order = await exchange.create_order(SYMBOLS[name], "limit", "buy", 10, price)
        fetched = await exchange.fetch_order(order["id"], SYMBOLS[name])
        trades = await exchange.fetch_my_trades(SYMBOLS[name])  # else pairs alone
        positions = await exchange.fetch_positions()
        truth = loopback.place.fills(ACCOUNT)

    assert ("closed", 10) == (fetched["status"], fetched["filled"])
    assert {name: D(10)} == loopback.place.positions(ACCOUNT)
    assert 10 == positions[0]["contracts"]
    assert [(float(each.price), float(abs(each.quantity)), float(each.fee)) for each in truth] == [
        (each["price"], each["amount"], each["fee"]["cost"]) for each in trades
    ]
    assert {} == loopback.place.differences(ACCOUNT)


async def test_a_pair_is_a_balance():
    """A coin that was bought as a pair is a balance of it, less the fee, and no position."""
    async with fair() as loopback, ccxt_rest(loopback) as exchange:
        await exchange.load_markets()
        await exchange.create_order(SYMBOLS[PAIR], "limit", "buy", 0.5, 100_001)
        balance = await exchange.fetch_balance()
        positions = await exchange.fetch_positions()

    assert 10.4995 == balance["BTC"]["total"]
    assert [] == positions


async def test_a_pair_has_two_bills():
    """A trade of a pair is two bills, each with its currency, its fee and a number of its own."""
    async with fair() as loopback, ccxt_rest(loopback) as exchange:
        await exchange.load_markets()
        await exchange.create_order(SYMBOLS[PAIR], "limit", "buy", 0.5, 100_001)
        await exchange.create_order(SYMBOLS[LINEAR], "limit", "buy", 1, 100_001)
        told = (await exchange.privateGetAccountBills({}))["data"]
        (first,) = (await exchange.privateGetAccountBills({"limit": "1"}))["data"]
        older = (await exchange.privateGetAccountBills({"after": told[0]["billId"]}))["data"]
        next_ = (await exchange.privateGetAccountBills({"after": older[0]["billId"]}))["data"]
        (_, fill) = (await exchange.privateGetTradeFills({}))["data"]

    rows = [tuple(each[n] for n in ("ccy", "balChg", "fee", "subType", "sz")) for each in told[1:]]
    assert [
        ("BTC", "0.4995", "-0.0005", "1", "0.5"),
        ("USDT", "-50000.05", "0", "2", "50000.05"),
    ] == rows
    numbers = [int(each["billId"]) for each in told]
    assert sorted(numbers, reverse=True) == numbers
    assert 3 == len({*numbers})
    assert told[0] == first
    assert (told[1:], told[2:]) == (older, next_)
    assert fill["billId"] in [each["billId"] for each in told[1:]]
    assert {fill["tradeId"]} == {each["tradeId"] for each in told[1:]}


async def test_an_order_lives_and_ends():
    """An order is found open and by its client id, cancelled, and cancelled only once."""
    async with fair() as loopback, ccxt_rest(loopback) as exchange:
        symbol = SYMBOLS[LINEAR]
        told = {"clOrdId": "rb1"}
        order = await exchange.create_order(symbol, "limit", "buy", 5, 99_000, told)
        (opened,) = await exchange.fetch_open_orders(symbol)
        found = await exchange.fetch_order_with_client_order_id("rb1", symbol)
        await exchange.cancel_order(order["id"], symbol)
        with pytest.raises(ccxt.ExchangeError, match="51400"):
            await exchange.cancel_order(order["id"], symbol)
        with pytest.raises(ccxt.OrderNotFound, match="51603"):
            await exchange.fetch_order("1", symbol)
        left = await exchange.fetch_open_orders(symbol)

    assert ("rb1", 99_000, 5) == tuple(opened[n] for n in ("clientOrderId", "price", "amount"))
    assert order["id"] == found["id"]
    assert [] == left


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"clOrdId": "with-a-dash"}, "51000"),
        ({"clOrdId": "a" * 33}, "51000"),
        ({"tdMode": "isolated"}, "51000"),
        ({"posSide": "long"}, "51000"),
        ({"px": "100000.05"}, "51000"),
        ({"instId": "BTC-USDT", "tdMode": "cash", "sz": "0.000001"}, "51020"),
        ({"sz": "1.005"}, "51121"),
        ({"sz": "10000000"}, "51008"),
        ({"side": "sell", "reduceOnly": True}, "51169"),
        ({"instId": "BTC-USDT-NOTHING"}, "51001"),
        ({"ordType": "never"}, "51000"),
    ],
)
async def test_rejected_row_by_row(changes, code):
    """What is refused says so in its own row; the outer code only says that something failed."""
    row = {"instId": "BTC-USDT-SWAP", "tdMode": "cross", "side": "buy", "ordType": "ioc"}
    row |= {"px": "100001", "sz": "1", "clOrdId": "rb1"} | changes
    async with fair() as loopback, ccxt_rest(loopback) as exchange:
        with pytest.raises(ccxt.ExchangeError) as raised:
            await exchange.privatePostTradeBatchOrders([row])
        told = json.loads(str(raised.value).removeprefix("okx "))

    assert ("1", code) == (told["code"], told["data"][0]["sCode"])
    assert [] == loopback.place.orders(ACCOUNT)


@pytest.mark.trap("okx-orders-travel-in-batches", "okx")
async def test_some_fail():
    """Of several orders one may fail: ccxt raises nothing then, and the row alone says it."""
    good = {"instId": "BTC-USDT-SWAP", "tdMode": "cross", "side": "buy", "ordType": "ioc"}
    good |= {"px": "100001", "sz": "1", "clOrdId": "rb1"}
    async with fair() as loopback, ccxt_rest(loopback) as exchange:
        told = await exchange.privatePostTradeBatchOrders([good, {**good, "sz": "0.001"}])

    assert ("2", ["0", "51121"]) == (told["code"], [each["sCode"] for each in told["data"]])
    assert 1 == len(loopback.place.orders(ACCOUNT))


async def test_a_client_id_is_one_open_order():
    """A client id that an open order bears is refused as there already; later it may return."""
    async with fair() as loopback, ccxt_rest(loopback) as exchange:
        symbol, told = SYMBOLS[LINEAR], {"clOrdId": "rb1"}
        order = await exchange.create_order(symbol, "limit", "buy", 1, 99_000, told)
        with pytest.raises(ccxt.InvalidOrder, match="51016"):
            await exchange.create_order(symbol, "limit", "buy", 1, 99_000, told)
        await exchange.cancel_order(order["id"], symbol)
        again = await exchange.create_order(symbol, "limit", "buy", 1, 99_000, told)
        latest = await exchange.fetch_order_with_client_order_id("rb1", symbol)

    assert again["id"] == latest["id"] != order["id"]


async def test_all_at_once_is_not_offered():
    """Ccxt has no cancelAllOrders for OKX: orders are withdrawn one by one, or in batches."""
    async with fair() as loopback, ccxt_rest(loopback) as exchange:
        with pytest.raises(ccxt.NotSupported):
            await exchange.cancel_all_orders(SYMBOLS[LINEAR])


@pytest.mark.parametrize(
    ("key", "code", "status"),
    [
        (replace(KEY, client_id="nobody"), "50111", 401),
        (replace(KEY, secret="wrong"), "50113", 401),
        (replace(KEY, passphrase="wrong"), "50105", 401),
    ],
)
async def test_wrong_key(key, code, status):
    """Who signs wrongly learns nothing."""
    async with fair() as loopback:
        found, told = await get(loopback, "account/balance", key)

    assert (status, code) == (found, told["code"])


@pytest.mark.parametrize(
    ("seconds", "code"), [(-31, "50102"), (31, "50102"), (-20, "0"), (20, "0")]
)
async def test_time_window(seconds, code):
    """A request is taken for half a minute around the time that it is signed with."""
    async with fair() as loopback:
        _, told = await get(loopback, "account/balance", KEY, at=stamp(seconds))

    assert code == told["code"]


async def test_what_is_signed_is_what_is_asked():
    """A signature of one address does not open another."""
    async with fair() as loopback:
        at = stamp()
        _, good = await get(loopback, "account/positions?instType=SWAP", KEY, at=at)
        _, bad = await get(loopback, "account/positions?instType=SWAP", KEY, at=at, **{
            "OK-ACCESS-SIGN": "AAAA"
        })  # fmt: skip

    assert ("0", "50113") == (good["code"], bad["code"])


async def test_a_reading_key_trades_nothing():
    """A key that may only read reads."""
    async with fair() as loopback, ccxt_rest(loopback, POOR) as exchange:
        await exchange.fetch_balance()
        with pytest.raises(ccxt.ExchangeError, match="50120"):
            await exchange.create_order(SYMBOLS[LINEAR], "limit", "buy", 1, 99_000)

    assert [] == loopback.place.orders(ACCOUNT)


async def test_another_account():
    """A key shows its own account and no other."""
    async with (
        fair() as loopback,
        ccxt_rest(loopback) as mine,
        ccxt_rest(loopback, STRANGER) as his,
    ):
        await mine.create_order(SYMBOLS[LINEAR], "limit", "buy", 1, 102_000)

        assert [] == await his.fetch_positions()
        assert 1.0 == (await his.fetch_balance())["BTC"]["total"]


async def test_rate_limit():
    """Too many requests: HTTP 429 and OKX's code."""
    async with fair() as loopback, ccxt_rest(loopback) as exchange:
        await exchange.load_markets()
        loopback.script.add(Plan(Kind.LIMIT, "POST trade/batch-orders"))
        with pytest.raises(ccxt.RateLimitExceeded, match="50011"):
            await exchange.create_order(SYMBOLS[LINEAR], "limit", "buy", 1, 99_000)

    assert [] == loopback.place.orders(ACCOUNT)


@pytest.mark.parametrize("margin", ["single", "multi"])
@pytest.mark.trap("okx-margin-ratio-is-upside-down", "okx")
async def test_margin_ratio_is_the_other_way_round(margin):
    """A large `mgnRatio` is safe; which currency it is told for depends on the account's level."""
    collateral = {"BTC": D("0.95"), "USDT": D(1)} if margin == "multi" else None
    async with fair(collateral=collateral) as loopback, ccxt_rest(loopback) as exchange:
        await exchange.create_order(SYMBOLS[INVERSE], "limit", "buy", 1_000, 102_000)
        told = (await exchange.privateGetAccountBalance({}))["data"][0]
        config = (await exchange.privateGetAccountConfig({}))["data"][0]
        (pool,) = [
            each
            for each in loopback.place.exchange.standings(ACCOUNT).items()
            if each[0].currency == ("USD" if collateral else "BTC")
        ]

    own = told if collateral else next(each for each in told["details"] if each["ccy"] == "BTC")
    other = told["details"][0] if collateral else told
    assert ("3" if collateral else "2") == config["acctLv"]
    assert float(own["mgnRatio"]) == pytest.approx(float(pool[1].balance / pool[1].maintenance))
    assert float(own["mgnRatio"]) > 1
    assert "" == other["mgnRatio"]


async def test_stops_wait_apart():
    """A person's stop order is in the list of its own kind, and not among the open orders."""
    async with fair() as loopback, ccxt_rest(loopback) as exchange:
        contract = INSTRUMENTS[LINEAR]
        left = Stop("77", ACCOUNT, contract, D(-3), D(90_000), loopback.place.now())
        loopback.host.desk.stops.append(left)
        plain = await exchange.privateGetTradeOrdersPending({})
        waiting = await exchange.privateGetTradeOrdersAlgoPending({"ordType": "conditional,oco"})
        others = await exchange.privateGetTradeOrdersAlgoPending({"ordType": "trigger"})

    assert [] == plain["data"] == others["data"]
    assert [("77", "sell", "3")] == [
        tuple(each[name] for name in ("algoId", "side", "sz")) for each in waiting["data"]
    ]


async def test_others_trade():
    """What somebody else does with the account is in its lists."""
    async with fair() as loopback, ccxt_rest(loopback) as exchange:
        deed = Deed(ACCOUNT, LINEAR, D(-5), label="hand")
        loopback.script.add(Plan(Kind.MANUAL, "*", deed=deed))
        await exchange.fetch_balance()
        (trade,) = (await exchange.privateGetTradeFills({}))["data"]

    assert ("sell", "5", "hand") == (trade["side"], trade["fillSz"], trade["clOrdId"])


async def test_funding_differs_by_instrument():
    """When funding is due, and the time after it, are told of each swap by itself."""
    hour = 3_600 * 10**9
    async with fair() as loopback, ccxt_rest(loopback) as exchange:
        now = loopback.place.now()
        rates = tuple(
            FundingRate(now, now, name, 0.0001, span * hour, None)
            for name, span in ((INVERSE, 8), (LINEAR, 4))
        )
        loopback.place.tell(step_of(now, funding_rates=rates))
        spans = []
        for name in ("BTC-USD-SWAP", "BTC-USDT-SWAP"):
            (told,) = (await exchange.publicGetPublicFundingRate({"instId": name}))["data"]
            spans.append(int(told["nextFundingTime"]) - int(told["fundingTime"]))

    assert [8 * 3_600_000, 4 * 3_600_000] == spans
