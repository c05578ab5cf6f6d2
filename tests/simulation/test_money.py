"""The money that an account reads is the exchange model's, to the last unit."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core.events import Delivered
from rebalancer.exchange.orders import CashRequest, TimeInForce
from rebalancer.exchange.records import CashKind
from rebalancer.market.records import DeliveryDue, SettlementDue
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.simulation.accounts import Asked
from rebalancer.venues.deribit.rows import Reader
from tests.simulation.fair import (
    ACCOUNT,
    CALL,
    KEY,
    OTHER,
    PERP,
    PUT,
    fair,
    get,
    make,
    step_of,
    wire,
)

D = Decimal
LOTS = {PERP: 10, CALL: D("0.1"), PUT: D("0.1")}


def trade(loopback, name, lots, price=None):
    """Let the account trade so many lots."""
    lifetime = TimeInForce.GTC if price is not None else TimeInForce.IOC
    asked = Asked(ACCOUNT, name, lots * D(LOTS[name]), price, lifetime, label="t")
    return loopback.place.submit(asked)


def now(loopback):
    return loopback.place.clock.now()


@pytest.mark.parametrize("seed", range(4))
def test_a_long_day(seed):
    """Trades, prints, settlements and cash: statement and log agree with the model after each."""
    loopback, draw = make(), SeededRandomness(seed).generator("day")
    place, statement = loopback.place, loopback.place.statements[ACCOUNT]
    opened = {currency: statement.balance(currency) for currency in statement.currencies()}
    names = list(LOTS)
    for count in range(150):
        name = names[int(draw.integers(len(names)))]
        trade(loopback, name, int(draw.integers(-9, 10)) or 1)
        step = step_of(now(loopback), int(draw.integers(-40, 40)), [(PERP, D(99_900), D(-500))])
        if count % 25 == 24:
            step = replace(step, settlements=(SettlementDue(PERP, step.marks[0].price),))
        place.tell(step)
        if count % 40 == 0:
            place.move_cash(CashRequest(ACCOUNT, CashKind.DEPOSIT, "BTC", D("0.123456789")))
        assert {} == place.differences(ACCOUNT)

    for currency, first in opened.items():
        changes = sum(each.change for each in statement.postings if each.currency == currency)
        assert first + changes == statement.balance(currency)
    assert len(statement.executions) == len(place.fills(ACCOUNT))
    assert D(0) == place.exchange.imbalance("BTC")


async def test_session_profit_waits():
    """What a session realised stands beside the balance and joins it at the settlement."""
    async with fair() as loopback, wire(loopback) as line:
        await line.log_in()
        trade(loopback, PERP, 100)
        loopback.place.tell(step_of(now(loopback), 2_000))  # a thousand dollars up
        trade(loopback, PERP, -60)
        before = (await line.ask("private/get_account_summary", currency="BTC"))["result"]
        cash = loopback.place.balances(ACCOUNT)["BTC"]
        step = step_of(now(loopback), 2_000)
        step = replace(step, settlements=(SettlementDue(PERP, step.marks[0].price),))
        loopback.place.tell(step)
        after = (await line.ask("private/get_account_summary", currency="BTC"))["result"]
        log = (await line.ask("private/get_transaction_log", currency="BTC"))["result"]["logs"]

    assert before["session_rpl"] > 0
    assert pytest.approx(float(cash), abs=1e-8) == before["balance"] + before["session_rpl"]
    assert (0, 0) == (after["session_rpl"], after["futures_session_upl"])
    assert float(round(loopback.place.balances(ACCOUNT)["BTC"], 8)) == after["balance"]
    assert pytest.approx(before["equity"], abs=1e-7) == after["equity"]
    assert ("settlement", after["balance"]) == (log[0]["type"], round(log[0]["balance"], 8))
    gained = before["session_rpl"] + before["futures_session_upl"] + log[0]["interest_pl"]
    assert pytest.approx(gained, abs=1e-8) == log[0]["change"]


async def test_equity_is_deribits_sum():
    """Equity = balance + session_rpl + futures_session_upl + options_value, as recorded."""
    async with fair() as loopback:
        for name, lots in ((PERP, -500), (CALL, -20), (PUT, 30)):
            trade(loopback, name, lots)
        loopback.place.tell(step_of(now(loopback), 60))
        _, told = await get(loopback, "private/get_account_summaries", KEY, extended="true")
        truth = loopback.place.exchange.equity(ACCOUNT, "BTC")

    btc = next(each for each in told["result"]["summaries"] if each["currency"] == "BTC")
    names = ("balance", "session_rpl", "futures_session_upl", "options_value")
    assert pytest.approx(btc["equity"], abs=2e-8) == sum(btc[each] for each in names)
    assert float(round(truth, 8)) == btc["equity"]
    assert pytest.approx(btc["margin_balance"]) == btc["equity"] - btc["options_value"]
    assert btc["maintenance_margin"] > 0
    assert btc["options_value"] < 0
    assert 12_345 == told["result"]["id"]


async def test_position_keeps_its_average():
    """A settlement moves the price that profit counts from, and leaves the average as it was."""
    async with fair() as loopback, wire(loopback) as line:
        await line.log_in()
        trade(loopback, PERP, 100)
        step = step_of(now(loopback), 2_000)
        loopback.place.tell(replace(step, settlements=(SettlementDue(PERP, D(101_000)),)))
        asked = {"instrument_name": "BTC-PERPETUAL"}
        held = (await line.ask("private/get_position", **asked))["result"]

    assert (1_000, "buy", 101_000) == (held["size"], held["direction"], held["settlement_price"])
    assert pytest.approx(100_000.5) == held["average_price"]
    assert (0, True) == (held["floating_profit_loss"], held["total_profit_loss"] > 0)


async def test_log_continues():
    """The log goes back page by page, each line once, transfers and deposits too."""
    async with fair() as loopback, wire(loopback) as line:
        await line.log_in()
        place = loopback.place
        for _ in range(3):
            trade(loopback, PERP, 1)
        trade(loopback, CALL, 5)
        place.move_cash(CashRequest(ACCOUNT, CashKind.DEPOSIT, "BTC", D(1)))
        place.move_cash(CashRequest(ACCOUNT, CashKind.TRANSFER, "BTC", D(-1), other=OTHER))
        pages, more = [], None
        while True:
            asked = {"currency": "BTC", "count": 4}
            if more is not None:
                asked["continuation"] = more
            told = (await line.ask("private/get_transaction_log", **asked))["result"]
            pages.append(told["logs"])
            more = told["continuation"]
            if more is None:
                break

    rows = [row for page in pages for row in page]
    assert [4, 2] == [len(page) for page in pages]
    assert ["transfer", "deposit"] + ["trade"] * 4 == [each["type"] for each in rows]
    assert [6, 5, 4, 3, 2, 1] == [each["id"] for each in rows]
    balance = float(place.balances(ACCOUNT)["BTC"])
    assert pytest.approx(balance) == rows[0]["balance"]


def test_delivery():
    """An option that ends is paid out, leaves the positions, and is one line of the log."""
    loopback = make()
    place = loopback.place
    trade(loopback, CALL, 10)
    place.clock._ahead += place.tape.seen[CALL].instrument.expiry - now(loopback)
    place.tell(replace(step_of(now(loopback)), deliveries=(DeliveryDue(CALL, D(120_000)),)))

    line = place.statements[ACCOUNT].postings[-1]
    assert ("delivery", D(0)) == (line.kind, line.position)
    assert line.change > 0
    assert {} == place.differences(ACCOUNT)
    assert CALL not in place.positions(ACCOUNT)
    assert CALL not in place.active


async def test_the_line_of_a_delivery():
    """It tells the option's own price as `price` and the underlying's as the index."""
    async with fair() as loopback, wire(loopback) as line:
        await line.log_in()
        trade(loopback, CALL, 10)
        place = loopback.place
        place.clock._ahead += place.tape.seen[CALL].instrument.expiry - now(loopback)
        place.tell(replace(step_of(now(loopback)), deliveries=(DeliveryDue(CALL, D(120_000)),)))
        asked = {"currency": "BTC", "start_timestamp": 0, "end_timestamp": 2**53}
        told = (await line.ask("private/get_transaction_log", **asked))["result"]["logs"][0]

    assert ("delivery", 120_000, 1) == (told["type"], told["index_price"], told["amount"])
    assert 0 < told["price"] < 1
    row = json.loads(json.dumps(told), parse_float=str)
    (ended,) = Reader(ACCOUNT, lambda label: False).bookings(row, 1)
    assert (Delivered, D(120_000)) == (type(ended), ended.price)


async def test_history():
    """Fills and ended orders are read page by page, by currency, instrument, order, time."""
    async with fair() as loopback, wire(loopback) as line:
        await line.log_in()
        for _ in range(12):
            trade(loopback, PERP, 1)
        order = trade(loopback, PERP, 1_200).order
        trade(loopback, CALL, 1)
        trade(loopback, PERP, 1, D(90_000))

        async def trades(by="currency", **more):
            asked = {"currency": "BTC", "instrument_name": "BTC-PERPETUAL", **more}
            return (await line.ask(f"private/get_user_trades_by_{by}", **asked))["result"]

        some, every = await trades(), await trades(count=100)
        rising = await trades(count=100, sorting="asc")
        perpetual = await trades("instrument", count=100)
        tail = await trades("instrument", count=100, start_seq=perpetual["trades"][1]["trade_seq"])
        own = await trades("order", order_id=order.order_id)
        later = await trades(count=100, start_timestamp=now(loopback) // 10**6 + 60_000)
        asked = {"currency": "BTC"}
        ended = (await line.ask("private/get_order_history_by_currency", **asked))["result"]

    fills = loopback.place.fills(ACCOUNT)
    assert (10, True) == (len(some["trades"]), some["has_more"])
    assert (len(fills), False) == (len(every["trades"]), every["has_more"])
    assert every["trades"] == rising["trades"][::-1]
    assert len(fills) - 1 == len(perpetual["trades"])
    assert 2 == len(tail["trades"])
    assert {order.order_id} == {each["order_id"] for each in own}
    assert [] == later["trades"]
    assert {"filled"} == {each["order_state"] for each in ended}
