"""Positions, balances, the account and its key: `/v5/position`, `/v5/account`, `/v5/user`."""

from decimal import Decimal
from typing import Any

from rebalancer.core.instruments import Kind
from rebalancer.exchange.contracts import cost, profit
from rebalancer.exchange.pools import Standing
from rebalancer.simulation.accounts import Held
from rebalancer.simulation.bybit import shapes
from rebalancer.simulation.bybit.desk import (
    ISOLATED,
    Asking,
    category,
    category_of,
    milliseconds,
)
from rebalancer.simulation.bybit.envelope import page, text
from rebalancer.simulation.bybit.errors import invalid

ZERO = Decimal(0)
EIGHT = Decimal("0.00000001")  # of a figure that is told


def positions(asking: Asking) -> Any:
    """Return the positions of a category; of a linear one by symbol or settle coin only."""
    params, wanted = asking.params, category(asking.params)
    symbol, coin = text(params, "symbol", ""), text(params, "settleCoin", "")
    if wanted == "linear" and not symbol and not coin:
        raise invalid("settleCoin", "or symbol is required")
    if wanted == "spot":
        raise invalid("category", "Illegal category")
    held = [each for each in asking.statement.positions(asking.at) if each.quantity]
    if symbol:
        contract = asking.desk.seen(wanted, symbol).instrument
        held = [asking.statement.position(contract.id, asking.at)]
    found = [
        shown(asking, each)
        for each in held
        if category_of(each.instrument) == wanted and coin in ("", each.instrument.settle)
    ]
    return {**page(params, found, (20, asking.desk.limit)), "category": wanted}


def shown(asking: Asking, held: Held) -> Any:
    """Return a position with its margin."""
    place, contract = asking.desk.place, held.instrument
    needed = place.exchange.requirement(asking.key.account, contract.id) or ZERO
    price = None
    if held.margined and held.quantity:
        price = place.exchange.liquidation_price(asking.key.account, contract.id)
    return shapes.position(asking.desk, held, needed.quantize(EIGHT), price)


def balance(asking: Asking) -> Any:
    """Return how a unified account stands; totals are empty where margin is isolated."""
    if text(asking.params, "accountType") != "UNIFIED":
        raise invalid("accountType", "only support UNIFIED")
    return {"list": [wallet(asking)]}


def wallet(asking: Asking) -> dict[str, Any]:
    """Return a unified account in USD, and each of its coins."""
    statement = asking.statement
    pairs = [
        each
        for each in statement.positions(asking.at)
        if each.instrument.kind is Kind.SPOT and each.quantity
    ]
    names = dict.fromkeys(
        (
            *statement.currencies(),
            *(each.instrument.underlying for each in pairs),
            *asking.desk.borrowed,
        )
    )
    coins = [_coin(asking, name, pairs) for name in names]
    totals = _totals(asking, coins)
    for each in coins:
        del each["usdWallet"]  # no field of the venue's
    return {"accountType": "UNIFIED", **totals, "coin": coins}


def _totals(asking: Asking, coins: list[dict[str, Any]]) -> dict[str, Any]:
    worth = sum((each["usdValue"] for each in coins), ZERO)
    told = _standing(asking) or Standing(worth, worth, ZERO, ZERO)
    rate = told.maintenance / told.balance if told.balance > 0 else Decimal(1)
    totals: dict[str, Any] = {
        "totalEquity": told.equity,
        "totalWalletBalance": sum((each["usdWallet"] for each in coins), ZERO),
        "totalMarginBalance": told.balance,
        "totalInitialMargin": told.initial,
        "totalMaintenanceMargin": told.maintenance,
        "totalAvailableBalance": told.balance - told.initial,
        "accountMMRate": rate,
        "accountIMRate": told.initial / told.balance if told.balance > 0 else Decimal(1),
    }
    if asking.desk.margin == ISOLATED:
        return dict.fromkeys(totals, "")
    return {name: each.quantize(EIGHT) for name, each in totals.items()}


def _standing(asking: Asking) -> Standing | None:
    """Return the pool that all currencies are in, None where nobody asks for margin."""
    pools = asking.desk.place.exchange.standings(asking.key.account)
    return next((each for pool, each in pools.items() if pool.together), None)


def _coin(asking: Asking, name: str, pairs: list[Held]) -> dict[str, Any]:
    statement, tape = asking.statement, asking.desk.place.tape
    cash = statement.balance(name, asking.at)
    cash += sum((each.quantity for each in pairs if each.instrument.underlying == name), ZERO)
    open_profit = worth = ZERO
    for each in statement.positions(asking.at):
        contract, mark = each.instrument, tape.seen[each.instrument.id].mark
        if contract.settle != name or not each.quantity or not mark:
            continue
        now = cost(contract, each.quantity, mark)
        if each.margined:
            open_profit += profit(contract, each.basis, now)
        elif contract.kind is Kind.OPTION:
            worth += now
    rate = tape.indexes.get(name, Decimal(1))
    owed = asking.desk.borrowed.get(name, ZERO)
    equity = cash + open_profit + worth  # what was borrowed is there, and owed
    return {
        "coin": name,
        "walletBalance": (cash + owed).quantize(EIGHT),
        "equity": equity.quantize(EIGHT),
        "usdValue": (equity * rate).quantize(EIGHT),
        "usdWallet": (cash * rate).quantize(EIGHT),
        "unrealisedPnl": open_profit.quantize(EIGHT),
        "borrowAmount": owed,
        "spotBorrow": owed,
        "locked": "0",
        "collateralSwitch": True,
        "marginCollateral": True,
        "availableToWithdraw": "",
    }


def info(asking: Asking) -> Any:
    """Return how the account is margined."""
    return {
        "marginMode": asking.desk.margin,
        "updatedTime": milliseconds(asking.desk.place.opened),
        "unifiedMarginStatus": asking.desk.unified,
        "dcpStatus": "OFF",
        "timeWindow": 10,
        "smpGroup": 0,
        "isMasterTrader": False,
        "spotHedgingStatus": "OFF",
    }


def key(asking: Asking) -> Any:
    """Return what a key may do."""
    own = asking.key
    trades = ["Order", "Position"]
    moves = ["AccountTransfer", "SubMemberTransfer"] if own.transfers else []
    return {
        "id": "13770661",
        "note": "loopback",
        "apiKey": own.client_id,
        "readOnly": 0 if own.trades else 1,
        "permissions": {
            "ContractTrade": trades,
            "Spot": ["SpotTrade"],
            "Wallet": [*moves, *(["Withdraw"] if own.withdraws else [])],
            "Options": ["OptionsTrade"],
            "Derivatives": ["DerivativesTrade"],
            "Exchange": [],
        },
        "ips": ["*"],
        "type": 1,
        "unified": 0,
        "uta": 1,
        "userID": own.uid,
        "isMaster": True,
    }


def coins(asking: Asking) -> Any:
    """Return the currencies that there are."""
    contracts = [each.instrument for each in asking.desk.place.tape.seen.values()]
    names = dict.fromkeys(
        each for one in contracts for each in (one.settle, one.underlying) if each
    )
    chain = {"chain": "X", "chainType": "X", "minAccuracy": "8", "chainDeposit": "1"}
    chain |= {"chainWithdraw": "1", "withdrawFee": "0.0005", "withdrawMin": "0.001"}
    return {
        "rows": [
            {"name": each, "coin": each, "remainAmount": "1", "chains": [chain]} for each in names
        ]
    }
