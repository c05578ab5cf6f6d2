"""What an account holds, how it stands, and who it is: `account/...`.

`mgnRatio` is what counts against the requirement ÷ the requirement: large is safe.
Where collateral of several currencies counts together it is told of the whole
account in USD, else of each currency that margins a position in its own.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from rebalancer.core.instruments import Kind
from rebalancer.exchange.exact import quotient
from rebalancer.exchange.pools import Standing
from rebalancer.simulation.accounts import Held
from rebalancer.simulation.okx import shapes
from rebalancer.simulation.okx.codes import parameter
from rebalancer.simulation.okx.desk import Asking, Desk, kind, ms
from rebalancer.simulation.okx.keys import permissions
from rebalancer.simulation.okx.rest import text, told

ZERO = Decimal(0)
SINGLE, MULTI, PORTFOLIO = "2", "3", "4"  # account levels
TEN = "10"  # leverage where nobody set any
EMPTY = (
    *("accAvgPx", "borrowFroz", "clSpotInUseAmt", "crossLiab", "interest", "isoLiab", "liab"),
    *("maxLoan", "maxSpotInUseAmt", "openAvgPx", "spotBal", "spotInUseAmt", "spotUpl"),
    *("spotUplRatio", "totalPnl", "totalPnlRatio", "uplLiab"),
)
NOTHING = (
    *("fixedBal", "isoEq", "isoUpl", "notionalLever", "ordFrozen", "rewardBal", "smtSyncEq"),
    *("spotCopyTradingEq", "spotIsoBal", "stgyEq", "twap", "frozenBal"),
)


def level(desk: Desk, account: str) -> str:
    """Return the level of an account: whether its currencies stand together."""
    if desk.mode:
        return desk.mode
    pools = desk.place.exchange.standings(account)
    return MULTI if any(each.together for each in pools) else SINGLE


def config(asking: Asking) -> list[Any]:
    """Return who the account is, how it is set, and what the key may do."""
    desk, key = asking.desk, asking.key
    return [
        {
            "acctLv": level(desk, key.account),
            "acctStpMode": "cancel_maker",
            "autoLoan": False,
            "ctIsoMode": "automatic",
            "enableSpotBorrow": False,
            "greeksType": "PA",
            "ip": "",
            "kycLv": "3",
            "label": key.account,
            "level": "Lv1",
            "levelTmp": "",
            "liquidationGear": "-1",
            "mainUid": str(key.uid),
            "mgnIsoMode": "automatic",
            "opAuth": "1",
            "perm": permissions(key),
            "posMode": "long_short_mode" if desk.hedged else "net_mode",
            "roleType": "0",
            "settleCcy": "",
            "settleCcyList": [],
            "spotBorrowAutoRepay": False,
            "spotOffsetType": "",
            "spotRoleType": "0",
            "spotTraderInsts": [],
            "traderInsts": [],
            "type": "0",
            "uid": str(key.uid),
        }
    ]


def leverage(asking: Asking) -> list[Any]:
    """Return the leverage of the instruments that are asked for."""
    if text(asking.params, "mgnMode") not in ("cross", "isolated"):
        raise parameter("mgnMode")
    desk = asking.desk
    names = text(asking.params, "instId").split(",")
    return [
        {
            "ccy": "",
            "instId": name,
            "mgnMode": "cross",
            "posSide": "net",
            "lever": _leverage(desk, desk.seen({"instId": name}).instrument.id),
        }
        for name in names
    ]


def _leverage(desk: Desk, instrument: str) -> str:
    return desk.leverage.get(instrument, desk.leverage.get("", TEN))


# --- what is held -------------------------------------------------------------


def positions(asking: Asking) -> list[Any]:
    """Return the positions that are asked for; without a name, those that are not empty."""
    params, asked = asking.params, str(asking.params.get("instId") or "")
    names = [each for each in asked.split(",") if each]
    for name in names:
        asking.desk.seen({"instId": name})
    wanted = params.get("instType")
    found = [
        each
        for each in contracts(asking)
        if (each.quantity or each.instrument.name in names)
        and (not names or each.instrument.name in names)
        and wanted in (None, "", kind(each.instrument))
    ]
    return shown(asking, found)


def contracts(asking: Asking) -> list[Held]:
    """Return every position that is or was, but for pairs: their coins are balances."""
    held = asking.statement.positions(asking.at)
    return [each for each in held if each.instrument.kind is not Kind.SPOT]


def shown(asking: Asking, held: Sequence[Held]) -> list[Any]:
    """Return positions with their margin: a pool's, shared out by what each is worth."""
    desk, place = asking.desk, asking.desk.place
    rows = []
    for each in held:
        contract = each.instrument
        row = shapes.position(desk, each, _margin(asking, each), _leverage(desk, contract.id))
        if each.margined and each.quantity:
            price = place.exchange.liquidation_price(asking.key.account, contract.id)
            row["liqPx"] = told(price)
        rows.append(row)
    return rows


def _margin(asking: Asking, held: Held) -> Decimal:
    place, contract = asking.desk.place, held.instrument
    if not held.quantity or place.tape.seen[contract.id].mark is None:
        return ZERO
    own = place.exchange.requirement(asking.key.account, contract.id)
    return ZERO if own is None else round(own, 8)


def balance(asking: Asking) -> list[Any]:
    """Return how the account and each currency of it stands."""
    wanted = [each for each in str(asking.params.get("ccy") or "").split(",") if each]
    names = [each for each in currencies(asking) if not wanted or each in wanted]
    pools = asking.desk.place.exchange.standings(asking.key.account)
    together = next((standing for pool, standing in pools.items() if pool.together), None)
    details = [of_currency(asking, name) for name in names]
    return [
        {
            "adjEq": "" if together is None else told(together.balance),
            "availEq": "" if together is None else told(together.free),
            "borrowFroz": "",
            "details": details,
            "imr": "" if together is None else told(together.initial),
            "isoEq": "0",
            "mgnRatio": "" if together is None else ratio(together),
            "mmr": "" if together is None else told(together.maintenance),
            "notionalUsd": "",
            "notionalUsdForBorrow": "",
            "notionalUsdForFutures": "",
            "notionalUsdForOption": "",
            "notionalUsdForSwap": "",
            "ordFroz": "",
            "totalEq": told(sum((Decimal(each["eqUsd"]) for each in details), ZERO)),
            "uTime": ms(asking.desk.now),
            "upl": "",
        }
    ]


def ratio(standing: Standing) -> str:
    """Return a margin ratio as OKX counts it; empty where nothing is required."""
    if not standing.maintenance:
        return ""
    return told(quotient(standing.balance, standing.maintenance))


def currencies(asking: Asking) -> list[str]:
    """Return every currency that the account ever had, coins of pairs among them."""
    held = asking.statement.positions(asking.at)
    coins = [each.instrument.underlying for each in held if each.instrument.kind is Kind.SPOT]
    return list(dict.fromkeys((*asking.statement.currencies(), *coins)))


def cash_of(asking: Asking, currency: str) -> Decimal:
    """Return a currency's balance, with what pairs have brought of it."""
    held = asking.statement.positions(asking.at)
    coins = [
        each.quantity * each.instrument.size
        for each in held
        if each.instrument.kind is Kind.SPOT and each.instrument.underlying == currency
    ]
    return asking.statement.balance(currency, asking.at) + sum(coins, ZERO)


def of_currency(asking: Asking, currency: str) -> dict[str, Any]:
    """Return how one currency of the account stands."""
    desk, place = asking.desk, asking.desk.place
    held = [
        each for each in contracts(asking) if each.instrument.settle == currency and each.quantity
    ]
    open_profit = sum((shapes.floating(desk, each) for each in held if each.margined), ZERO)
    options = sum((shapes.worth(desk, each) for each in held if not each.margined), ZERO)
    cash = cash_of(asking, currency)
    equity = cash + open_profit + options
    rate = place.tape.indexes.get(currency, Decimal(1))
    standing = place.standing(asking.key.account, currency)
    required = standing if level(desk, asking.key.account) == SINGLE and held else None
    return {
        **dict.fromkeys(EMPTY, ""),
        **dict.fromkeys(NOTHING, "0"),
        "availBal": told(cash),
        "availEq": told(equity if standing is None else standing.free),
        "cashBal": told(cash),
        "ccy": currency,
        "coinUsdPrice": told(rate),
        "colBorrAutoConversion": "0",
        "collateralEnabled": level(desk, asking.key.account) != SINGLE,
        "collateralRestrict": False,
        "disEq": told(equity * rate),
        "eq": told(equity),
        "eqUsd": told(equity * rate),
        "imr": "" if required is None else told(required.initial),
        "mgnRatio": "" if required is None else ratio(required),
        "mmr": "" if required is None else told(required.maintenance),
        "uTime": ms(desk.now),
        "upl": told(open_profit),
    }


def assets(asking: Asking) -> list[Any]:
    """Return the currencies that can be brought and taken."""
    listed = asking.desk.place.tape.seen.values()
    names = dict.fromkeys(
        name for each in listed for name in (each.instrument.underlying, each.instrument.settle)
    )
    return [
        {
            "canDep": True,
            "canInternal": True,
            "canWd": True,
            "ccy": name,
            "chain": f"{name}-{name}",
            "fee": "0.0001",
            "mainNet": True,
            "maxFee": "0.0001",
            "maxWd": "500",
            "minFee": "0.0001",
            "minWd": "0.001",
            "name": name,
            "usedWdQuota": "0",
            "wdQuota": "500",
            "wdTickSz": "8",
        }
        for name in names
    ]
