"""The shape audit: OKX's messages here have the fields and kinds of value of the recorded ones."""

import asyncio
import gzip
import json
from decimal import Decimal

import pytest

from rebalancer.exchange.orders import TimeInForce
from rebalancer.settings.catalogue import known
from rebalancer.simulation.accounts import Asked
from tests.simulation.okx_fair import ACCOUNT, CALL, KEY, LINEAR, fair, get, step_of, wire
from tests.simulation.shapes.test_shapes import differences

D = Decimal
PAYLOADS = "raw/payloads_okx.jsonl.gz"
ASKED = {
    "instruments.swap": ("public/instruments?instType=SWAP", None),
    "instruments.option": ("public/instruments?instType=OPTION&uly=BTC-USD", None),
    "instruments.spot": ("public/instruments?instType=SPOT", None),
    "mark": ("public/mark-price?instType=SWAP", None),
    "index": ("market/index-tickers?instId=BTC-USDT", None),
    "summary": ("public/opt-summary?instFamily=BTC-USD", None),
    "balance": ("account/balance", KEY),
    "positions": ("account/positions", KEY),
    "order": ("trade/orders-history?instType=SWAP", KEY),
    "pending": ("trade/orders-pending", KEY),
    "fill": ("trade/fills", KEY),
}
CHANNELS = {
    "bbo": {"channel": "bbo-tbt", "instId": "BTC-USDT-SWAP"},
    "book": {"channel": "books", "instId": "BTC-USDT-SWAP"},
    "ticker": {"channel": "tickers", "instId": "BTC-USDT-SWAP"},
    "trades": {"channel": "trades", "instId": "BTC-USDT-SWAP"},
    "funding": {"channel": "funding-rate", "instId": "BTC-USDT-SWAP"},
}
FILL = frozenset(  # of the order's own push, newer than the capture
    f"+data[].{name}"
    for name in (
        *("amendResult", "amendSource", "code", "fillFee", "fillFeeCcy", "fillFwdPx", "fillIdxPx"),
        *("fillMarkPx", "fillMarkVol", "fillNotionalUsd", "fillPnl", "fillPxUsd", "fillPxVol"),
        *("lastPx", "msg", "notionalUsd", "reqId", "tradeQuoteCcy"),
    )
)


async def _collected():
    """Return one of each message that the loopback sends."""
    found = {}
    async with fair() as loopback:
        told = {"time_in_force": TimeInForce.GTC, "label": "rb1"}
        async with wire(loopback, "private") as line:
            await line.log_in()
            await line.ask("subscribe", {"channel": "orders", "instType": "ANY"})
            loopback.place.submit(Asked(ACCOUNT, LINEAR, D(3), D("100000.1"), **told))
            (found["user.order"],) = await line.until("orders")
        loopback.place.submit(Asked(ACCOUNT, LINEAR, D(3), D(90_000), **told))
        loopback.place.submit(Asked(ACCOUNT, CALL, D(1), D("0.36"), **told))
        for name, (path, key) in ASKED.items():
            _, found[name] = await get(loopback, path, key)
        async with wire(loopback) as line:
            for name, arg in CHANNELS.items():
                await line.ask("subscribe", arg)
                if name == "trades":
                    now = loopback.place.now()
                    loopback.place.tell(step_of(now, 0, [(LINEAR, D(100_000), D(1))]))
                (found[name],) = await line.until(arg["channel"])
    return found


ROWS = [
    ("instruments.swap", "http_get_instruments_swap.json", ()),
    ("instruments.option", "http_get_instruments_option.json", "newer"),
    ("instruments.spot", "http_get_instruments_spot.json", "newer"),
    ("mark", "http_get_mark_price.json", ()),
    ("index", "http_get_index_price.json", ()),
    (
        "balance",
        "http_get_account_balance.json",
        {
            "+data[].availEq",
            *(
                f"+data[].details[].{name}"
                for name in ("coinUsdPrice", "colBorrAutoConversion", "collateralRestrict")
            ),
        },
    ),
    ("order", "http_get_orders_history.json", {"+data[].execType"}),
    ("pending", "http_get_orders_pending.json", {"+data[].execType"}),
    ("user.order", "ws_orders.json", FILL | {"+arg.uid"}),
    ("bbo", "ws_bbo_tbt.json", ()),
    ("book", "ws_books_snapshot.json", ()),
    ("ticker", "ws_tickers.json", ()),
    ("trades", "ws_trades.json", ()),
]
NEWER = frozenset(
    f"+data[].{name}"
    for name in (
        *("contTdSwTime", "futureSettlement", "instIdCode", "maxPlatOILmt", "openType"),
        *("posLmtAmt", "posLmtPct", "preMktSwTime", "tradeQuoteCcyList"),
    )
)
SUMMARY = "instId instType uly delta gamma vega theta deltaBS gammaBS vegaBS thetaBS bidVol askVol"
FUNDING = "instId fundingRate nextFundingRate fundingTime nextFundingTime ts"
FILLED = "instType instId tradeId ordId clOrdId billId subType tag fillPx fillSz fillIdxPx fillPnl"
HELD = "instType mgnMode posId posSide pos posCcy availPos avgPx markPx upl uplRatio instId lever"
DOCUMENTED = {
    "summary": SUMMARY + " markVol realVol volLv fwdPx lever ts",
    "funding": FUNDING + " method formulaType settState settFundingRate premium instType",
    "fill": FILLED + " side posSide execType feeCcy fee ts fillTime feeRate tradeQuoteCcy",
    "positions": HELD + " liqPx imr margin mgnRatio mmr optVal adl ccy last idxPx usdPx cTime",
}


@pytest.fixture(scope="module")
def ours():
    return asyncio.run(_collected())


@pytest.mark.parametrize(("name", "file", "differs"), ROWS, ids=[each[0] for each in ROWS])
def test_recorded(ours, recordings, name, file, differs):
    """A message differs from the recorded one in what the table says, and in nothing else."""
    with gzip.open(recordings / PAYLOADS) as lines:
        theirs = next(each["msg"] for each in map(json.loads, lines) if each["file"] == file)

    wanted = NEWER if differs == "newer" else frozenset(differs)
    assert wanted == set(differences(ours[name], theirs))


@pytest.mark.parametrize("name", DOCUMENTED)
def test_documented(ours, name):
    """A message has every field that OKX's reference names."""
    assert set() == set(DOCUMENTED[name].split()) - set(ours[name]["data"][0])


def test_numbers_are_texts(ours):
    """No number of a price, an amount or a time is one in JSON."""
    for name in ("mark", "balance", "order", "fill", "positions", "funding"):
        for row in ours[name]["data"]:
            assert [] == [key for key, value in row.items() if isinstance(value, float)]


@pytest.mark.parametrize("kind", ["swap", "option", "futures", "spot", "margin"])
def test_the_catalogue_is_as_recorded(recordings, kind):
    """Sizes, lots and ticks of the catalogue are those that somebody recorded."""
    file, known_ones = f"http_get_instruments_{kind}.json", 0
    with gzip.open(recordings / PAYLOADS) as lines:
        told = next(each["msg"] for each in map(json.loads, lines) if each["file"] == file)
    for row in told["data"]:
        ours = known(f"okx:{row['instId']}")
        if ours is None:
            continue
        known_ones += 1
        size = D(row["ctVal"]) * D(row["ctMult"]) if row["ctVal"] else D(1)
        assert (size, D(row["lotSz"]), D(row["minSz"]), D(row["tickSz"])) == (
            *(ours.size, ours.lot, ours.minimum, ours.tick),
        )
        assert row["settleCcy"] in ("", ours.settle)
        assert row["expTime"] in ("", str((ours.expiry or 0) // 1_000_000))
        assert row["stk"] in ("", str(ours.strike))

    assert known_ones or kind == "spot"  # that of the capture are against the dollar
