"""Routes: which path is which question, on each of the three venues."""

from collections.abc import Callable, Mapping
from typing import Any

from rebalancer.simulation.binance import history, public, trading, wallet
from rebalancer.simulation.binance.desk import Asking, Desk, House

Private = Callable[[Asking], Any]
Public = Callable[[Desk, Mapping[str, Any]], Any]

_ORDERS: Mapping[str, Private] = {
    "POST /order": trading.place,
    "GET /order": trading.order,
    "DELETE /order": trading.cancel,
    "GET /openOrders": trading.open_orders,
    "GET /allOrders": trading.all_orders,
}
_FUTURES: Mapping[str, Private] = {
    **_ORDERS,
    "DELETE /allOpenOrders": trading.cancel_all,
    "POST /countdownCancelAll": trading.count_down,
    "GET /forceOrders": trading.forced_orders,
    "GET /userTrades": history.trades,
    "GET /income": history.income,
    "GET /positionRisk": wallet.risks,
    "GET /account": wallet.account,
    "GET /accountConfig": wallet.config,
    "GET /symbolConfig": wallet.symbol_config,
    "GET /positionSide/dual": wallet.dual,
    "GET /leverageBracket": wallet.brackets,
}
_USDM: Mapping[str, Private] = {"GET /openAlgoOrders": trading.stops}
_VERSIONS = {  # where a question is not of the first version
    "/fapi": {"GET /positionRisk": "/v3", "GET /account": "/v3"},
    "/dapi": {"GET /leverageBracket": "/v2"},
}
_SPOT: Mapping[str, Private] = {
    **_ORDERS,
    "DELETE /openOrders": trading.cancel_all,
    "GET /myTrades": history.trades,
}
_SAPI: Mapping[str, Private] = {
    "GET /sapi/v1/account/apiRestrictions": wallet.restrictions,
    "GET /sapi/v1/capital/config/getall": wallet.nothing,
    "GET /sapi/v1/margin/allPairs": wallet.nothing,
    "GET /sapi/v1/margin/isolated/allPairs": wallet.nothing,
    "GET /sapi/v1/capital/deposit/hisrec": history.deposits,
    "GET /sapi/v1/capital/withdraw/history": history.withdrawals,
    "GET /sapi/v1/asset/transfer": history.transfers,
    "GET /sapi/v1/asset/assetDividend": history.dividends,
    "GET /api/v3/account": wallet.spot_account,
}
TRADING = (
    *("POST /order", "DELETE /order", "DELETE /allOpenOrders", "DELETE /openOrders"),
    "POST /countdownCancelAll",
)


def private(house: House) -> dict[str, Private]:
    """Return method and path → what is done, of all that must be signed."""
    found = dict(_SAPI)
    own = _SPOT if house.spot else _FUTURES if house.coins else {**_FUTURES, **_USDM}
    versions = _VERSIONS.get(house.base, {})
    for name, deed in own.items():
        method, path = name.split(" ")
        version = "/v3" if house.spot else versions.get(name, "/v1")
        found[f"{method} {house.base}{version}{path}"] = deed
    return found


def public_of(house: House) -> dict[str, Public]:
    """Return path → what is told, of all that anybody may ask."""
    own = public.SPOT if house.spot else public.FUTURES
    return {**{f"{house.base}{path}": deed for path, deed in own.items()}, **public.ANYWHERE}
