"""Positions, balances and margin.

The wallet is cash with what was realised; a margin balance is the wallet and open
profit. USD-M leaves out of its positions what is not held; COIN-M lists every contract.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from rebalancer.core.instruments import Instrument
from rebalancer.exchange.contracts import cost, entry_price, profit
from rebalancer.exchange.pools import Pool, Standing
from rebalancer.simulation.accounts import Held, OrderState
from rebalancer.simulation.binance.desk import ZERO, Asking
from rebalancer.simulation.binance.text import flag, milliseconds, number, rounded, word

LEVERAGE = Decimal(20)  # where the account's terms name none


def leverage(asking: Asking) -> Decimal:
    """Return the leverage of an account."""
    _, terms = asking.desk.place.exchange.terms(asking.key.account)
    found = None if terms is None else terms.leverage
    return LEVERAGE if found is None else found


def isolated(asking: Asking) -> bool:
    """Whether positions stand alone."""
    _, terms = asking.desk.place.exchange.terms(asking.key.account)
    return terms is not None and terms.mode.value == "isolated"


def trades(asking: Asking) -> bool:
    """Whether an account may trade."""
    return asking.key.trades and not asking.desk.locked


def held(asking: Asking) -> list[Held]:
    """Return the margined positions that are or were, also empty ones."""
    return [each for each in asking.statement.positions(asking.at) if each.margined]


def floating(asking: Asking, each: Held) -> Decimal:
    """Return the open profit of a position at the mark."""
    mark = asking.desk.place.tape.seen[each.instrument.id].mark
    if not mark or not each.quantity:
        return ZERO
    return profit(each.instrument, each.basis, cost(each.instrument, each.quantity, mark))


def _standing(asking: Asking, pool: Pool) -> Standing | None:
    return asking.desk.place.exchange.standings(asking.key.account).get(pool)


def _maintenance(asking: Asking, contract: Instrument) -> Decimal:
    needed = asking.desk.place.exchange.requirement(asking.key.account, contract.id)
    return ZERO if needed is None else needed


# --- futures ----------------------------------------------------------------------------


def assets(asking: Asking) -> list[dict[str, Any]]:
    """Return each asset: wallet, open profit, margin."""
    statement, told = asking.statement, []
    for currency in statement.currencies():
        own = [each for each in held(asking) if each.instrument.settle == currency]
        wallet = statement.balance(currency, asking.at)
        gain = sum((floating(asking, each) for each in own), ZERO)
        standing = _standing(asking, Pool(currency))
        alone = [_alone(asking, each) for each in own if each.quantity] if isolated(asking) else []
        parts = [each for each in (standing, *alone) if each is not None]
        needed = sum((each.maintenance for each in parts), ZERO)
        first = sum((each.initial for each in parts), ZERO)
        told.append(
            {
                "asset": currency,
                "walletBalance": rounded(wallet),
                "unrealizedProfit": rounded(gain),
                "marginBalance": rounded(wallet + gain),
                "maintMargin": rounded(needed),
                "initialMargin": rounded(first),
                "positionInitialMargin": rounded(first),
                "openOrderInitialMargin": "0.00000000",
                "crossWalletBalance": rounded(wallet),
                "crossUnPnl": rounded(gain),
                "availableBalance": rounded(max(wallet + gain - first, ZERO)),
                "maxWithdrawAmount": rounded(max(min(wallet, wallet + gain - first), ZERO)),
                "marginAvailable": True,
                "updateTime": milliseconds(asking.desk.now),
            }
        )
    return told


def _alone(asking: Asking, each: Held) -> Standing | None:
    return _standing(asking, Pool(each.instrument.settle, each.instrument.id))


def account(asking: Asking) -> Any:
    """Return the account of a futures venue: assets and positions."""
    told = assets(asking)
    names = ("walletBalance", "unrealizedProfit", "marginBalance", "initialMargin", "maintMargin")
    dollars = [each for each in told if each["asset"].startswith("USD")]
    totals = {name: sum((Decimal(each[name]) for each in dollars), ZERO) for name in names}
    common: dict[str, Any] = {
        "feeTier": 0,
        "canTrade": trades(asking),
        "canDeposit": True,
        "canWithdraw": True,
        "updateTime": 0,
        "assets": told,
    }
    if asking.desk.house.coins:
        listed = [each.instrument for each in asking.desk.listed()]
        own = [asking.statement.position(each.id, asking.at) for each in listed]
        return common | {"positions": [_coin_position(asking, each) for each in own]}
    return common | {
        "totalInitialMargin": rounded(totals["initialMargin"]),
        "totalMaintMargin": rounded(totals["maintMargin"]),
        "totalWalletBalance": rounded(totals["walletBalance"]),
        "totalUnrealizedProfit": rounded(totals["unrealizedProfit"]),
        "totalMarginBalance": rounded(totals["marginBalance"]),
        "positions": [_brief(asking, each) for each in held(asking) if each.quantity],
    }


def _brief(asking: Asking, each: Held) -> dict[str, Any]:
    mark = asking.desk.place.tape.seen[each.instrument.id].mark or ZERO
    return {
        "symbol": each.instrument.name,
        "positionSide": "BOTH",
        "positionAmt": number(each.quantity),
        "unrealizedProfit": rounded(floating(asking, each)),
        "isolatedMargin": rounded(_isolated(asking, each)),
        "isolatedWallet": rounded(_wallet_alone(asking, each)),
        "notional": rounded(each.quantity * mark),
        "initialMargin": rounded(_maintenance(asking, each.instrument) * 2),
        "maintMargin": rounded(_maintenance(asking, each.instrument)),
        "updateTime": milliseconds(asking.desk.now),
    }


def _isolated(asking: Asking, each: Held) -> Decimal:
    """Return what stands for an isolated position, open profit with it; 0 where it shares."""
    standing = _alone(asking, each) if isolated(asking) and each.quantity else None
    return ZERO if standing is None else standing.balance


def _wallet_alone(asking: Asking, each: Held) -> Decimal:
    balance = _isolated(asking, each)
    return balance - floating(asking, each) if balance else ZERO


def _coin_position(asking: Asking, each: Held) -> dict[str, Any]:
    needed = _maintenance(asking, each.instrument) if each.quantity else ZERO
    return {
        "symbol": each.instrument.name,
        "positionAmt": number(each.quantity),
        "initialMargin": rounded(needed * 2),
        "maintMargin": rounded(needed),
        "unrealizedProfit": rounded(floating(asking, each)),
        "positionInitialMargin": rounded(needed * 2),
        "openOrderInitialMargin": "0",
        "leverage": number(leverage(asking)),
        "isolated": isolated(asking),
        "positionSide": "BOTH",
        "entryPrice": number(entry_price(each.instrument, each.quantity, each.origin) or ZERO),
        "maxQty": "1000",
        "isolatedWallet": rounded(_wallet_alone(asking, each)),
        "updateTime": milliseconds(asking.desk.now),
    }


def risks(asking: Asking) -> Any:
    """Return the positions with entry, mark and liquidation price."""
    wanted = asking.params.get("symbol")
    if asking.desk.house.coins:
        listed = [each.instrument for each in asking.desk.listed()]
        own = [asking.statement.position(each.id, asking.at) for each in listed]
    else:
        opened = {each.instrument.id for each in asking.orders() if each.state is OrderState.OPEN}
        own = [each for each in held(asking) if each.quantity or each.instrument.id in opened]
    return [_risk(asking, each) for each in own if wanted in (None, each.instrument.name)]


def _risk(asking: Asking, each: Held) -> dict[str, Any]:
    contract, place = each.instrument, asking.desk.place
    mark = place.tape.seen[contract.id].mark or ZERO
    needed = _maintenance(asking, contract) if each.quantity else ZERO
    end = (
        place.exchange.liquidation_price(asking.key.account, contract.id) if each.quantity else None
    )
    told: dict[str, Any] = {
        "symbol": contract.name,
        "positionAmt": number(each.quantity),
        "entryPrice": number(entry_price(contract, each.quantity, each.origin) or ZERO),
        "breakEvenPrice": number(entry_price(contract, each.quantity, each.origin) or ZERO),
        "markPrice": number(mark),
        "unRealizedProfit": rounded(floating(asking, each)),
        "liquidationPrice": "0" if end is None else number(end),
        "positionSide": "BOTH",
        "isolatedMargin": rounded(_isolated(asking, each)),
        "isolatedWallet": rounded(_wallet_alone(asking, each)),
        "updateTime": milliseconds(asking.desk.now),
    }
    if asking.desk.house.coins:
        return told | {
            "leverage": number(leverage(asking)),
            "maxQty": "1000",
            "marginType": "isolated" if isolated(asking) else "cross",
            "isAutoAddMargin": "false",
            "notionalValue": rounded(each.quantity * contract.size / mark) if mark else "0",
        }
    return told | {
        "notional": rounded(each.quantity * mark),
        "marginAsset": contract.settle,
        "initialMargin": rounded(needed * 2),
        "maintMargin": rounded(needed),
        "positionInitialMargin": rounded(needed * 2),
        "openOrderInitialMargin": "0",
        "adl": 2,
        "bidNotional": "0",
        "askNotional": "0",
    }


def config(asking: Asking) -> Any:
    """Return how a USD-M account is set up."""
    return {
        "feeTier": 0,
        "canTrade": trades(asking),
        "canDeposit": True,
        "canWithdraw": True,
        "dualSidePosition": asking.desk.hedged,
        "updateTime": 0,
        "multiAssetsMargin": asking.desk.together,
        "tradeGroupId": -1,
    }


def symbol_config(asking: Asking) -> Any:
    """Return margin type and leverage of a contract, or of all."""
    wanted = asking.params.get("symbol")
    return [
        {
            "symbol": each.instrument.name,
            "marginType": "ISOLATED" if isolated(asking) else "CROSSED",
            "isAutoAddMargin": False,
            "leverage": int(leverage(asking)),
            "maxNotionalValue": "1000000000",
        }
        for each in asking.desk.listed()
        if wanted in (None, each.instrument.name)
    ]


def dual(asking: Asking) -> Any:
    """Return whether long and short stand side by side."""
    return {"dualSidePosition": asking.desk.hedged}


def brackets(asking: Asking) -> Any:
    """Return the tiers of maintenance of each contract."""
    terms, _ = asking.desk.place.exchange.terms(asking.key.account)
    told = []
    for seen in asking.desk.listed():
        contract = seen.instrument
        schedule = terms.maintenance.get(contract.id) or terms.maintenance.get(contract.kind)
        tiers = () if schedule is None else schedule.tiers
        price = seen.mark or ZERO if schedule is not None and schedule.in_usd else Decimal(1)
        edges = [*(floor for floor, _ in tiers[1:]), Decimal("1e12")]
        rows = [
            {
                "bracket": place,
                "initialLeverage": max(int(Decimal(1) / (2 * share)), 1),
                **_edges(asking, floor, edge, price),
                "maintMarginRatio": float(share),
                "cum": 0.0,
            }
            for place, ((floor, share), edge) in enumerate(zip(tiers, edges, strict=True), 1)
        ]
        told.append({"symbol": contract.name, "brackets": rows})
    return told


def _edges(asking: Asking, floor: Decimal, cap: Decimal, price: Decimal) -> dict[str, float]:
    """Return where a tier begins and ends: in the quote currency, or on COIN-M in coins."""
    if not asking.desk.house.coins:
        return {"notionalCap": int(cap), "notionalFloor": int(floor)}
    return {"qtyCap": float(cap / price), "qtylFloor": float(floor / price)}  # its spelling


# --- spot, and the key --------------------------------------------------------------------


def spot_account(asking: Asking) -> Any:
    """Return the coins of a spot account; futures have one too, and it tells whose it is."""
    return {
        "makerCommission": 10,
        "takerCommission": 10,
        "canTrade": trades(asking),
        "canWithdraw": True,
        "canDeposit": True,
        "accountType": "SPOT",
        "updateTime": milliseconds(asking.desk.now),
        "balances": balances(asking, empty=not flag(asking.params, "omitZeroBalances")),
        "permissions": ["SPOT"],
        "uid": asking.key.uid,
    }


def coins(asking: Asking) -> dict[str, Decimal]:
    """Return how much there is of each coin: a pair's position is its coin."""
    if not asking.desk.house.spot:
        return {}
    statement, at = asking.statement, asking.at
    found = {name: statement.balance(name, at) for name in statement.currencies()}
    for each in statement.positions(at):
        coin = each.instrument.underlying
        found[coin] = found.get(coin, ZERO) + each.quantity
    return found


def locked(asking: Asking) -> dict[str, Decimal]:
    """Return how much of each coin open orders have locked."""
    found: dict[str, Decimal] = {}
    for each in asking.open() if asking.desk.house.spot else ():
        left = each.asked.quantity - each.filled
        sells, contract = left < 0, each.instrument
        coin = contract.underlying if sells else contract.settle
        worth = abs(left) if sells else left * (each.asked.price or ZERO)
        found[coin] = found.get(coin, ZERO) + worth
    return found


def balances(asking: Asking, *, empty: bool = False) -> Sequence[dict[str, str]]:
    """Return each coin, free and locked."""
    bound = locked(asking)
    return [
        {
            "asset": coin,
            "free": number(total - bound.get(coin, ZERO)),
            "locked": number(bound.get(coin, ZERO)),
        }
        for coin, total in coins(asking).items()
        if total or empty
    ]


def restrictions(asking: Asking) -> Any:
    """Return what the key may do."""
    key = asking.key
    return {
        "ipRestrict": not asking.desk.anywhere,
        "createTime": milliseconds(asking.desk.place.opened),
        "enableReading": True,
        "enableWithdrawals": key.withdraws,
        "enableInternalTransfer": key.transfers,
        "permitsUniversalTransfer": key.transfers,
        "enableMargin": False,
        "enableFutures": key.trades,
        "enableSpotAndMarginTrading": key.trades,
        "enableVanillaOptions": False,
        "enablePortfolioMarginTrading": asking.desk.portfolio,
    }


def nothing(asking: Asking) -> Any:
    """Return an empty list: of coins and of lending nobody here needs any."""
    word(asking.params, "timestamp", "0")
    return []
