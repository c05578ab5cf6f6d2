"""Orders, trades and contracts as Binance writes them."""

from decimal import Decimal
from typing import Any

from rebalancer.core.instruments import Instrument
from rebalancer.exchange.orders import TimeInForce
from rebalancer.exchange.terms import TradingRules
from rebalancer.simulation.accounts import Execution, OrderState, PlacedOrder
from rebalancer.simulation.binance.desk import (
    ZERO,
    Desk,
    House,
    Stop,
    label_of,
    number_of,
    pair,
    perpetual,
    quote,
)
from rebalancer.simulation.binance.text import milliseconds, number

NEVER = 4_133_404_800_000  # ms: what a perpetual is delivered at
LIFETIMES = {
    TimeInForce.IOC: "IOC",
    TimeInForce.FOK: "FOK",
    TimeInForce.GTC: "GTC",
    TimeInForce.POST_ONLY: "GTX",
}
ORDER_TYPES = ("LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET",
               "TRAILING_STOP_MARKET")  # fmt: skip
SPOT_TYPES = ("LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT",
              "TAKE_PROFIT_LIMIT")  # fmt: skip
MOST = Decimal(1_000_000)  # contracts of one order, where no rule says less


# What the venue itself trades is told in states of its own, of which it never ends.
FORCED_STATES = {"adl_autoclose": "NEW_ADL", "autoclose-insurance": "NEW_INSURANCE"}


def state(order: PlacedOrder) -> str:
    """Return where an order stands."""
    for label, told in FORCED_STATES.items():
        if order.asked.label.startswith(label):
            return told
    match order.state:
        case OrderState.FILLED:
            return "FILLED"
        case OrderState.CANCELLED:
            return "CANCELED" if order.reason else "EXPIRED"
        case _:
            return "PARTIALLY_FILLED" if order.filled else "NEW"


def kind(order: PlacedOrder, house: House) -> str:
    """Return the type of an order."""
    if order.asked.price is None:
        return "MARKET"
    passive = order.asked.time_in_force is TimeInForce.POST_ONLY
    return "LIMIT_MAKER" if passive and house.spot else "LIMIT"


def lifetime(order: PlacedOrder, house: House) -> str:
    """Return how long an order may live."""
    told = LIFETIMES[order.asked.time_in_force]
    return "GTC" if told == "GTX" and house.spot else told


def side(quantity: Decimal) -> str:
    """Return the side of a quantity."""
    return "BUY" if quantity > 0 else "SELL"


def worth(order: PlacedOrder) -> Decimal:
    """Return what is filled of an order: quote currency, or coins of an inverse contract."""
    return order.worth * order.instrument.size if order.instrument.inverse else order.worth


def order(placed: PlacedOrder, house: House) -> dict[str, Any]:
    """Return an order."""
    return _spot_order(placed, house) if house.spot else _futures_order(placed, house)


def _head(placed: PlacedOrder, house: House) -> dict[str, Any]:
    asked = placed.asked
    return {
        "symbol": placed.instrument.name,
        "orderId": number_of(placed),
        "clientOrderId": label_of(placed),
        "price": number(asked.price or ZERO),
        "origQty": number(abs(asked.quantity)),
        "executedQty": number(abs(placed.filled)),
        "status": state(placed),
        "timeInForce": lifetime(placed, house),
        "type": kind(placed, house),
        "side": side(asked.quantity),
        "stopPrice": "0",
        "selfTradePreventionMode": "NONE",
        "time": milliseconds(placed.created),
        "updateTime": milliseconds(placed.updated),
    }


def _futures_order(placed: PlacedOrder, house: House) -> dict[str, Any]:
    told = _head(placed, house) | {
        "avgPrice": number(placed.average),
        "reduceOnly": placed.asked.reduce_only,
        "closePosition": False,
        "positionSide": "BOTH",
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": kind(placed, house),
        "priceMatch": "NONE",
        "goodTillDate": 0,
    }
    if house.coins:
        return told | {"pair": pair(placed.instrument), "cumBase": number(worth(placed))}
    return told | {"cumQuote": number(worth(placed))}


def stop(waiting: Stop) -> dict[str, Any]:
    """Return an order that waits for a price."""
    size, stamp = waiting.quantity, milliseconds(waiting.created)
    return {
        "algoId": waiting.number,
        "clientAlgoId": f"web_{waiting.number}",
        "algoType": "CONDITIONAL",
        "orderType": "STOP_MARKET",
        "symbol": waiting.instrument.name,
        "side": side(-Decimal(1) if size is None else size),
        "positionSide": "BOTH",
        "timeInForce": "GTC",
        "quantity": number(ZERO if size is None else abs(size)),
        "algoStatus": "NEW",
        "triggerPrice": number(waiting.trigger),
        "price": "0",
        "icebergQuantity": None,
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "workingType": "CONTRACT_PRICE",
        "priceMatch": "NONE",
        "closePosition": size is None,
        "priceProtect": False,
        "reduceOnly": False,
        "createTime": stamp,
        "updateTime": stamp,
        "triggerTime": 0,
        "goodTillDate": 0,
    }


def _spot_order(placed: PlacedOrder, house: House) -> dict[str, Any]:
    return _head(placed, house) | {
        "orderListId": -1,
        "cummulativeQuoteQty": number(placed.worth),  # the venue's spelling
        "icebergQty": "0",
        "isWorking": True,
        "workingTime": milliseconds(placed.created),
        "origQuoteOrderQty": "0",
    }


def trade(execution: Execution, house: House) -> dict[str, Any]:
    """Return one fill of an account."""
    contract, size = execution.order.instrument, abs(execution.quantity)
    buys = execution.quantity > 0
    told: dict[str, Any] = {
        "symbol": contract.name,
        "id": execution.number,
        "orderId": number_of(execution.order),
        "price": number(execution.price),
        "qty": number(size),
        "commission": number(execution.fee),
        "commissionAsset": execution.fee_currency,
        "time": milliseconds(execution.ts),
    }
    if house.spot:
        return told | {
            "orderListId": -1,
            "quoteQty": number(size * execution.price),
            "isBuyer": buys,
            "isMaker": execution.maker,
            "isBestMatch": True,
        }
    told |= {
        "side": side(execution.quantity),
        "positionSide": "BOTH",
        "realizedPnl": number(execution.gain),
        "buyer": buys,
        "maker": execution.maker,
    }
    if house.coins:
        coins = size * contract.size / execution.price
        return told | {
            "pair": pair(contract),
            "marginAsset": contract.settle,
            "baseQty": number(round(coins, 8)),
        }
    return told | {"quoteQty": number(size * execution.price)}


def contract(desk: Desk, traded: Instrument) -> dict[str, Any]:
    """Return the constants of a contract or pair."""
    setup = desk.place.setup
    rules = setup.rules.get(traded.id, setup.rules.get(traded.kind, TradingRules()))
    active = traded.id in desk.place.active
    told: dict[str, Any] = {
        "symbol": traded.name,
        "baseAsset": traded.underlying,
        "quoteAsset": quote(traded),
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "filters": _filters(desk.house, traded, rules),
        "orderTypes": SPOT_TYPES if desk.house.spot else ORDER_TYPES,
    }
    if desk.house.spot:
        return told | {
            "status": desk.halted.get(traded.id, "TRADING" if active else "BREAK"),
            "quoteAssetPrecision": 8,
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "permissions": [],
            "permissionSets": [["SPOT"]],
            **desk.retold.get(traded.id, {}),
        }
    told |= {
        "pair": pair(traded),
        "contractType": "PERPETUAL" if perpetual(traded) else "CURRENT_QUARTER",
        "deliveryDate": NEVER if traded.expiry is None else milliseconds(traded.expiry),
        "onboardDate": milliseconds(desk.place.opened),
        "marginAsset": traded.settle,
        "pricePrecision": _digits(traded.tick),
        "quantityPrecision": _digits(traded.lot),
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
    }
    word = desk.halted.get(traded.id, "TRADING" if active else "SETTLING")
    if desk.house.coins:
        told |= {"contractStatus": word, "contractSize": int(traded.size)}
    else:
        told |= {"status": word}
    return told | desk.retold.get(traded.id, {})


def _digits(step: Decimal) -> int:
    exponent = step.normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def _filters(house: House, traded: Instrument, rules: TradingRules) -> list[dict[str, Any]]:
    most = MOST if rules.maximum is None else rules.maximum
    lot = {
        "minQty": number(traded.minimum),
        "maxQty": number(most),
        "stepSize": number(traded.lot),
    }
    told: list[dict[str, Any]] = [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": number(traded.tick),
            "maxPrice": "10000000",
            "tickSize": number(traded.tick),
        },
        {"filterType": "LOT_SIZE", **lot},
        {"filterType": "MARKET_LOT_SIZE", **lot},
    ]
    least = number(rules.minimum_notional)
    if house.spot:
        told.append({"filterType": "NOTIONAL", "minNotional": least, "maxNotional": "9000000"})
    elif not house.coins:
        told.append({"filterType": "MIN_NOTIONAL", "notional": least})
    return told
