"""Positions, equity and margin: `private/get_positions` and `get_account_summary`.

Deribit's arithmetic: equity is balance + session_rpl + futures_session_upl +
options_value; margin_balance is equity without options_value. Funding of the
session is realised profit: it is in session_rpl, and its row tells it apart.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from rebalancer.core.instruments import Kind
from rebalancer.errors import DataError
from rebalancer.exchange.contracts import cost, profit
from rebalancer.exchange.fees import schedule_of
from rebalancer.simulation.accounts import Held
from rebalancer.simulation.deribit import shapes
from rebalancer.simulation.deribit.desk import (
    Asking,
    index_name,
    matches,
    milliseconds,
    wanted,
)
from rebalancer.simulation.deribit.errors import Refusal
from rebalancer.simulation.deribit.jsonrpc import amount, flag, text

ZERO = Decimal(0)
MOST_DIGITS = Decimal("0.00000001")  # of a figure that is told
DIGITS = {"USDC": Decimal("0.000001"), "USDT": Decimal("0.000001")}
GREEKS = ("gamma", "vega", "theta")
LIMITS = {
    "limits_per_currency": False,
    "non_matching_engine": {"burst": 1500, "rate": 1000},
    "matching_engine": {
        "trading": {"total": {"burst": 250, "rate": 200}},
        "spot": {"burst": 250, "rate": 200},
        "quotes": {"burst": 500, "rate": 500},
        "max_quotes": {"burst": 10, "rate": 10},
        "guaranteed_quotes": {"burst": 2, "rate": 2},
        "cancel_all": {"burst": 250, "rate": 200},
    },
}


def positions(asking: Asking) -> Any:
    """Return every position of a currency and kind that is not empty, or was not this session."""
    currency, kind = wanted(asking.params)
    held = asking.statement.positions(asking.at)
    return shown(
        asking,
        [each for each in held if each.touched and matches(each.instrument, currency, kind)],
    )


def position(asking: Asking) -> Any:
    """Return one position, also an empty one."""
    name = asking.desk.seen(asking.params).instrument.id
    return shown(asking, [asking.statement.position(name, asking.at)])[0]


def shown(asking: Asking, held: Sequence[Held]) -> list[Any]:
    """Return positions with their margin: a pool's, shared out by what each is worth."""
    desk, place = asking.desk, asking.desk.place
    told = []
    for each in held:
        contract = each.instrument
        row = shapes.position(desk, each, _margin(asking, each))
        if each.margined and each.quantity:
            price = place.exchange.liquidation_price(asking.key.account, contract.id)
            row["estimated_liquidation_price"] = price
        told.append(row)
    return told


def _margin(asking: Asking, held: Held) -> tuple[Decimal, Decimal]:
    currency, place = held.instrument.settle, asking.desk.place
    standing = place.standing(asking.key.account, currency)
    if standing is None or not held.quantity:
        return ZERO, ZERO
    settled = (each for each in asking.statement.positions() if each.instrument.settle == currency)
    weights = {each.instrument.id: _weight(asking, each) for each in settled}
    total = sum(weights.values(), ZERO)
    share = weights[held.instrument.id] / total if total else ZERO
    return round(standing.initial * share, 8), round(standing.maintenance * share, 8)


def _weight(asking: Asking, held: Held) -> Decimal:
    """Return coins of exposure; a long option needs nothing."""
    if held.instrument.kind is Kind.OPTION:
        return -min(held.quantity, ZERO) * held.instrument.size
    return abs(shapes.delta_of(asking.desk, held))


def summary(asking: Asking) -> Any:
    """Return how one currency stands; `extended` says whose it is as well."""
    told = of_currency(asking, text(asking.params, "currency").upper())
    return {**_identity(asking), **told} if flag(asking.params, "extended") else told


def summaries(asking: Asking) -> Any:
    """Return how every currency stands."""
    names = dict.fromkeys(asking.statement.currencies())
    told = [of_currency(asking, name) for name in names]
    return {**_identity(asking), "summaries": told}


def _identity(asking: Asking) -> dict[str, Any]:
    name = asking.key.account
    return {
        "id": asking.key.uid,
        "email": f"{name}@example.com",
        "system_name": name,
        "username": name,
        "block_rfq_self_match_prevention": True,
        "creation_timestamp": milliseconds(asking.desk.place.opened),
        "type": "main",
        "referrer_id": None,
        "login_enabled": True,
        "security_keys_enabled": False,
        "mmp_enabled": False,
        "interuser_transfers_enabled": False,
        "self_trading_reject_mode": "cancel_maker",
        "self_trading_extended_to_subaccounts": False,
    }


def of_currency(asking: Asking, currency: str) -> dict[str, Any]:
    """Return how one currency of the account stands."""
    statement, place = asking.statement, asking.desk.place
    held = [
        each
        for each in statement.positions(asking.at)
        if each.instrument.settle == currency and each.quantity
    ]
    futures = [each for each in held if each.margined]
    options = [each for each in held if each.instrument.kind is Kind.OPTION]
    balance = statement.balance(currency, asking.at)
    realised = statement.realised(currency, asking.at)
    floating = sum((_gain(asking, each, each.basis) for each in futures), ZERO)
    worth = sum((_worth(asking, each) for each in options), ZERO)
    standing = place.standing(asking.key.account, currency)
    initial, maintenance = (
        (ZERO, ZERO) if standing is None else (standing.initial, standing.maintenance)
    )
    margin = balance + realised + floating
    options_pl = sum((_gain(asking, each, each.origin) for each in options), ZERO)
    told: dict[str, Any] = {
        "currency": currency,
        "balance": balance,
        "equity": margin + worth,
        "margin_balance": margin,
        "initial_margin": initial,
        "maintenance_margin": maintenance,
        "projected_initial_margin": initial,
        "projected_maintenance_margin": maintenance,
        "available_funds": margin - initial,
        "available_withdrawal_funds": max(min(margin - initial, balance), ZERO),
        "session_rpl": realised,
        "session_upl": floating + options_pl,
        "futures_session_rpl": realised,
        "futures_session_upl": floating,
        "options_session_rpl": ZERO,
        "options_session_upl": options_pl,
        "futures_pl": sum((_gain(asking, each, each.origin) for each in futures), ZERO),
        "options_pl": options_pl,
        "options_value": worth,
        "fee_balance": ZERO,
        "spot_reserve": ZERO,
        "additional_reserve": ZERO,
        "locked_balance": ZERO,
        "margin_model": "segregated_sm",
        "portfolio_margining_enabled": False,
        "cross_collateral_enabled": False,
        "estimated_liquidation_ratio": ZERO,
        "estimated_liquidation_ratio_map": {},
        "limits": LIMITS,
        "fees": _fees(asking, currency),
    }
    told["total_pl"] = told["futures_pl"] + options_pl
    return _rounded(told) | _greeks(asking, futures, options)


def _rounded(told: dict[str, Any]) -> dict[str, Any]:
    """Return figures with as many digits as the venue tells; its books have more."""
    digits = DIGITS.get(told["currency"], MOST_DIGITS)
    return {
        name: each.quantize(digits) if isinstance(each, Decimal) else each
        for name, each in told.items()
    }


def _fees(asking: Asking, currency: str) -> list[dict[str, Any]]:
    """Return what each kind of contract costs, by the first that is listed of it."""
    place, told = asking.desk.place, {}
    for seen in place.tape.seen.values():
        contract = seen.instrument
        if contract.settle != currency or contract.kind in told:
            continue
        try:
            rates = schedule_of(place.setup.fees, contract)
        except DataError:
            continue
        default = {"type": "fixed", "taker": rates.taker, "maker": rates.maker}
        told[contract.kind] = {
            "value": {"default": default, "block_trade": rates.taker},
            "kind": contract.kind.value,
            "index_name": index_name(contract),
        }
    return list(told.values())


def _greeks(asking: Asking, futures: Iterable[Held], options: Sequence[Held]) -> dict[str, Any]:
    desk = asking.desk
    outright = sum((shapes.delta_of(desk, each) for each in futures), ZERO)
    black = sum((shapes.delta_of(desk, each) for each in options), ZERO)
    worth = sum((_worth(asking, each) for each in options), ZERO)
    names = {index_name(each.instrument) for each in (*futures, *options)}
    told: dict[str, Any] = {
        "delta_total": outright + black - worth,
        "projected_delta_total": outright + black - worth,
        "options_delta": black - worth,
    }
    told["delta_total_map"] = dict.fromkeys(sorted(names), told["delta_total"])
    for greek in GREEKS:
        total = sum(
            float(each.quantity) * shapes.option_greeks(desk, each.instrument)[greek]
            for each in options
        )
        told[f"options_{greek}"] = round(total, 5)
        told[f"options_{greek}_map"] = {name: round(total, 5) for name in sorted(names)}
    return told


def _worth(asking: Asking, held: Held) -> Decimal:
    """Return what a position is worth at the mark, settle currency."""
    mark = asking.desk.place.tape.seen[held.instrument.id].mark
    return cost(held.instrument, held.quantity, mark) if mark else ZERO


def _gain(asking: Asking, held: Held, basis: Decimal) -> Decimal:
    mark = asking.desk.place.tape.seen[held.instrument.id].mark
    if not mark:
        return ZERO if held.margined else profit(held.instrument, basis, ZERO)
    return profit(held.instrument, basis, cost(held.instrument, held.quantity, mark))


def margins(asking: Asking) -> Any:
    """Return what an order would need: its worth at the leverage that Deribit gives at first."""
    seen, params = asking.desk.seen(asking.params), asking.params
    told, price = amount(params, "amount"), amount(params, "price")
    if told is None or price is None:
        raise Refusal(11029)
    worth = abs(cost(seen.instrument, told / seen.instrument.size, price))
    needed = round(worth / 50, 8) if seen.instrument.margined else worth
    full = 0.5 if seen.instrument.kind is Kind.OPTION else 0.015
    mark = seen.mark or price
    low, high = mark * Decimal(repr(1 - full)), mark * Decimal(repr(1 + full))
    return {"buy": needed, "sell": needed, "min_price": low, "max_price": high}
