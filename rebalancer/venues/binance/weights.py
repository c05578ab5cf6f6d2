"""What Binance counts a call as, of the weight that it allows an address a minute; 1 where unnamed.

As the documents of each call say, July 2026; of trades and open orders as they are asked
here: trades of one symbol, open orders of all. Wallet questions of spot count by themselves.
"""

from collections.abc import Mapping

WEIGHTS: Mapping[str, int] = {
    # https://developers.binance.com/docs/derivatives/usds-margined-futures
    "fapiPrivateV3GetAccount": 5,
    "fapiPrivateV3GetPositionRisk": 5,
    "fapiPrivateGetAccountConfig": 5,
    "fapiPrivateGetSymbolConfig": 5,
    "fapiPrivateGetUserTrades": 5,
    "fapiPrivateGetIncome": 30,
    "fapiPrivateGetOpenOrders": 40,
    "fapiPrivateGetOpenAlgoOrders": 40,
    "fapiPrivateGetForceOrders": 20,
    # https://developers.binance.com/docs/derivatives/coin-margined-futures
    "dapiPrivateGetAccount": 5,
    "dapiPrivateGetUserTrades": 20,
    "dapiPrivateGetIncome": 20,
    "dapiPrivateGetOpenOrders": 40,
    "dapiPrivateGetForceOrders": 20,
    # https://developers.binance.com/docs/binance-spot-api-docs/rest-api
    "privateGetAccount": 20,
    "privateGetMyTrades": 20,
    "privateGetOrder": 4,
    "privateGetOpenOrders": 80,
}
