"""The shape audit: Binance's messages of this machine have the fields and kinds of the real ones.

*Recorded* shapes are captures. A difference is `+name` (ours has more), `-name` (theirs has
more) or `~name` (another kind of value); each that there is stands here, and the other way
round.
"""

import asyncio
import gzip
import json

import pytest

from rebalancer.simulation.faults import Deed
from tests.simulation.shapes.test_shapes import differences
from tests.simulation.test_binance_ccxt import WS, get, socket
from tests.venues.binance_desk import COINM, FIRST, KEY, SPOT, USDM, D, make, step

PAYLOADS, REST = "payloads_binance.jsonl.gz", "binance_rest_2026-07-04.jsonl.gz"
MARKET, USER = "futures/market_data_json/", "futures/user_data_json/"
UNTOLD = ("sp", "b", "a", "wt", "ot", "cp", "AP", "cr", "pP", "si", "ss", "V")
NEWER = frozenset({"-st"})  # what the venue added and nobody reads


def _file(name):
    return PAYLOADS, lambda line: line.get("file") == name


def _rest(endpoint):
    return REST, lambda line: line.get("endpoint", "").startswith(endpoint)


def _first(told):
    return told[0]


def _symbol(told):
    return next(each for each in told["symbols"] if each["symbol"] == "BTCUSDT")


def whole(told):
    return told


# name of ours → where theirs stands, what of it, and how ours differs
RECORDED = {
    "bookTicker": (_file(f"{MARKET}book_ticker_stream.json"), whole, NEWER),
    "depthUpdate": (_file(f"{MARKET}depth_update_stream.json"), whole, NEWER | {"-ps"}),
    "markPriceUpdate": (_file(f"{MARKET}mark_price_stream.json"), whole, NEWER),
    "aggTrade": (_file(f"{MARKET}agg_trade_stream.json"), whole, NEWER),
    "ORDER_TRADE_UPDATE": (
        _file(f"{USER}order_update_trade.json"),
        whole,
        # of stops, of self-trade and of margin on orders: nothing here has any
        {
            f"-o.{each}"
            for each in ["sp", "b", "a", "wt", "ot", "cp", "AP", "cr", "pP", "si", "ss", "V"]
        },
    ),
    "ACCOUNT_UPDATE": (_file(f"{USER}account_update.json"), whole, {"-a.P[].bep"}),
    "executionReport": (
        _file("spot/user_data_json/execution_report_trade.json"),
        whole,
        {"-P", "-O"},
    ),
    "outboundAccountPosition": (
        _file("spot/user_data_json/account_position.json"),
        whole,
        set(),
    ),
    "order": (
        _file("futures/http_json/order_response.json"),
        whole,
        set(),
    ),
    "account": (
        _file("futures/http_json/account_info_v2.json"),
        # of the version before: it told more of positions, and sums that are not needed
        lambda told: {k: v for k, v in told.items() if k not in ("positions", "tradeGroupId")},
        {
            *("-multiAssetsMargin", "-totalPositionInitialMargin", "-totalOpenOrderInitialMargin"),
            *("-totalCrossWalletBalance", "-totalCrossUnPnl", "-availableBalance"),
            *("-maxWithdrawAmount", "+positions"),
        },
    ),
    "spot account": (
        _file("spot/http_json/account_response.json"),
        whole,
        {
            *("-buyerCommission", "-sellerCommission", "-commissionRates", "-brokered"),
            *("-requireSelfTradePrevention", "-preventSor"),
        },
    ),
    "spot trade": (_file("spot/http_json/account_trades_response.json"), _first, set()),
    "spot order": (_file("spot/http_json/order_response.json"), whole, set()),
    "spot depth": (_file("spot/http_json/depth_response.json"), whole, set()),
    "premiumIndex": (_rest("/fapi/v1/premiumIndex"), _first, {"+pair"}),
    "fundingInfo": (_rest("/fapi/v1/fundingInfo"), _first, {"-updateTime"}),
    "contract": (_rest("/fapi/v1/exchangeInfo"), _symbol, None),
    "pair": (_rest("/api/v3/exchangeInfo"), _symbol, None),
}
NEEDED = {  # of a list of constants what ccxt and we read
    "contract": "symbol pair contractType deliveryDate status baseAsset quoteAsset marginAsset "
    "pricePrecision quantityPrecision filters orderTypes timeInForce liquidationFee",
    "pair": "symbol status baseAsset quoteAsset baseAssetPrecision quotePrecision filters "
    "orderTypes permissions permissionSets isSpotTradingAllowed",
}


async def _usdm(found):
    async with make(USDM) as loopback:
        desk = loopback.host.desk
        desk.hours["BTCUSDT"] = 4
        key = desk.keyring.listen(KEY, loopback.place.now())
        user = f"fstream.binance.com/private/ws?listenKey={key}"
        async with socket(loopback, WS[USDM]) as line, socket(loopback, user) as own:
            names = ("bookTicker", "depth@100ms", "markPrice@1s", "aggTrade")
            asked = [f"btcusdt@{name}" for name in names]
            await line.send_json({"method": "SUBSCRIBE", "params": asked, "id": 1})
            await line.receive_json(timeout=2)
            loopback.host.interfere(Deed("desk", FIRST[USDM], D(1)), by_hand=True)
            loopback.place.tell(step(USDM, loopback.place.now(), 3))
            while not {"bookTicker", "depthUpdate", "markPriceUpdate", "aggTrade"} <= set(found):
                told = await line.receive_json(timeout=3)
                found[told["e"]] = told
            while "ACCOUNT_UPDATE" not in found:
                told = await own.receive_json(timeout=2)
                found[told["e"]] = told
        number = found["ORDER_TRADE_UPDATE"]["o"]["i"]
        ask = {"symbol": "BTCUSDT", "orderId": number}
        _, found["order"] = await get(loopback, USDM, "order", **ask)
        _, found["account"] = await get(loopback, USDM, "../v3/account")
        for name in ("premiumIndex", "exchangeInfo", "fundingInfo"):
            params = {"symbol": "BTCUSDT"} if name == "premiumIndex" else {}
            _, found[name] = await get(loopback, USDM, name, **params)
    found["fundingInfo"] = found["fundingInfo"][0]
    found["contract"] = _symbol(found.pop("exchangeInfo"))


async def _spot(found):
    async with make(SPOT) as loopback:
        async with socket(loopback, "ws-api.binance.com:443/ws-api/v3") as line:
            session = next(iter(loopback.host.sessions.values()))
            session.key = KEY
            loopback.host.interfere(Deed("desk", FIRST[SPOT], D(1)), by_hand=True)
            for _ in range(2):
                told = await line.receive_json(timeout=2)
                found[told["e"]] = told
        number = found["executionReport"]["i"]
        asked = {
            "spot account": ("account", {}),
            "spot trade": ("myTrades", {"symbol": "BTCUSDT"}),
            "spot order": ("order", {"symbol": "BTCUSDT", "orderId": number}),
            "spot depth": ("depth", {"symbol": "BTCUSDT"}),
            "pair": ("exchangeInfo", {"symbol": "BTCUSDT"}),
        }
        for name, (path, params) in asked.items():
            _, found[name] = await get(loopback, SPOT, path, **params)
    found["spot trade"] = found["spot trade"][0]
    found["pair"] = _symbol(found["pair"])


async def _collect():
    found = {}
    await _usdm(found)
    await _spot(found)
    return found


@pytest.fixture(scope="module")
def ours():
    """Return one of each message that the loopback sends."""
    return asyncio.run(_collect())


@pytest.mark.parametrize("name", RECORDED)
def test_recorded(ours, recordings, name):
    """A message has the shape of a recorded one, but for what the table says."""
    (file, chosen), part, differs = RECORDED[name]
    path = recordings / "raw" / file
    if not path.is_file():
        pytest.skip("recordings absent")
    with gzip.open(path, "rt") as lines:
        line = next(each for each in map(json.loads, lines) if chosen(each))
    found = set(differences(ours[name], part(line["msg"])))

    if differs is None:
        assert {each for each in found if not each.startswith("-")} <= {"+isMarginTradingAllowed"}
        assert set() == set(NEEDED[name].split()) - set(ours[name])
    else:
        assert set(differs) == found


async def test_coin_margined_fields():
    """COIN-M's own fields are those of its reference: pair, cumBase, baseQty, contractSize."""
    async with make(COINM) as loopback:
        loopback.host.interfere(Deed("desk", FIRST[COINM], D(10)), by_hand=True)
        ask = {"symbol": "BTCUSD_PERP"}
        _, (trade,) = await get(loopback, COINM, "userTrades", **ask)
        _, order = await get(loopback, COINM, "order", orderId=trade["orderId"], **ask)
        _, info = await get(loopback, COINM, "exchangeInfo", **ask)
        _, account = await get(loopback, COINM, "account")
        _, (risk,) = await get(loopback, COINM, "positionRisk", **ask)
    coins = D(10) * 100 / D(trade["price"])

    assert ("BTCUSD", "BTC", "BTC") == (
        trade["pair"], trade["marginAsset"], trade["commissionAsset"]
    )  # fmt: skip
    assert round(coins, 8) == D(trade["baseQty"])
    assert abs(coins - D(order["cumBase"])) < D("1e-9")
    assert (100, "TRADING") == (
        info["symbols"][0]["contractSize"],
        info["symbols"][0]["contractStatus"],
    )
    held = {each["symbol"]: each for each in account["positions"]}
    assert ("10", "10") == (held["BTCUSD_PERP"]["positionAmt"], risk["positionAmt"])
    assert "0" == held["ETHUSD_PERP"]["positionAmt"]
    assert "cross" == risk["marginType"]
