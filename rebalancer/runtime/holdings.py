"""Holdings: what a running book holds, row by row, with what each row does to it.

Delta, gamma, vega and theta are those of the row alone; an account's cash comes
last. What a row cannot know is None.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from rebalancer.core import exposure as exposures
from rebalancer.core.exposure import Greeks
from rebalancer.core.instruments import Instrument, cash_instrument
from rebalancer.core.margins import Margins
from rebalancer.core.params import MarginParams
from rebalancer.core.positions import Position, entry_price, open_profit
from rebalancer.core.state import State
from rebalancer.ports import SECOND

DAY = 86_400 * SECOND
_UNKNOWN = dict.fromkeys(("gamma", "vega", "theta"))


def rows(state: State) -> Sequence[Mapping[str, Any]]:
    """Return what is held, with entry, mark and delta; cash last.

    Each row of a contract or a pair has instrument, account, underlying, quantity
    (contracts), role (hedge where all of it is one, else book), entry, mark, open_profit (settle
    currency), delta (coins), gamma (coins per USD), vega (USD per vol point), theta
    (USD per day); a perpetual also funding_per_day (fraction of notional, +: longs
    pay), carry_per_day (USD, + is received) and, where a price of its own coin would
    liquidate it, liquidation (USD per coin).
    """
    deltas, curved = _by_holding(state)
    liquidations = _liquidations(state)
    told = []
    for (account, name), position in state.ledger.positions.items():
        instrument = state.instruments[name]
        mark = state.markets.marks.get(name) or state.markets.options.get(name)
        price = None if mark is None else mark.price
        entry = entry_price(instrument, position)
        profit = None if price is None else open_profit(instrument, position, price)
        row = {
            "instrument": name,
            "account": account,
            "underlying": instrument.underlying,
            "quantity": str(position.quantity),
            "role": "hedge" if position.hedge and position.hedge == position.quantity else "book",
            "entry": None if entry is None else str(round(entry, 8)),
            "mark": None if price is None else str(price),
            "open_profit": None if profit is None else str(profit),
            "delta": deltas.get(name),
        }
        row |= _greeks(curved.get(name)) if instrument.strike is not None else {}
        if instrument.margined:
            row |= _carry(state, instrument, position, price)
            row["liquidation"] = liquidations.get((account, name))
        told.append(row)
    for (account, currency), balance in state.ledger.cash.items():
        name = cash_instrument(account, currency).id
        row = {"instrument": name, "account": account, "quantity": str(balance)}
        told.append(row | {"entry": None, "mark": None, "delta": deltas.get(name)})
    return told


def _by_holding(state: State) -> tuple[dict[str, float], dict[str, Greeks]]:
    """Return deltas, and greeks of options, by instrument id; accounts are summed."""
    deltas: dict[str, float] = {}
    curved: dict[str, Greeks] = {}
    for name in state.params.underlyings:
        index = state.index(name)
        if index is not None:
            book, price = state.book(name), float(index.price)
            deltas |= exposures.by_holding(book, price, state.now)
            curved |= exposures.greeks_by_holding(book, price, state.now)
    return deltas, curved


def _greeks(told: Greeks | None) -> Mapping[str, Any]:
    if told is None:
        return _UNKNOWN
    return {"gamma": told.gamma, "vega": told.vega / 100, "theta": told.theta / 365}


def _carry(
    state: State, instrument: Instrument, position: Position, mark: Decimal | None
) -> Mapping[str, Any]:
    """Return the funding of a perpetual: its rate, and what a day of it brings at the mark."""
    told = state.markets.funding.get(instrument.id)
    if told is None:
        return {}
    daily = told.rate * DAY / told.interval
    size = position.quantity * instrument.size
    notional = size if instrument.inverse else None if mark is None else size * mark
    return {
        "funding_per_day": daily,
        "carry_per_day": None if notional is None else -float(notional) * daily + 0.0,
    }


def _liquidations(state: State) -> dict[tuple[str, str], float]:
    """Return the price at which each contract is taken down, by account and instrument.

    USD per coin, by our own sums: what a move of its own coin alone would do.
    """
    own = state.params.margin
    if own is None:
        return {}
    return {
        (account, instrument): price
        for account in state.params.accounts
        for instrument, price in _of_account(state.margins, account, own, state.now).items()
    }


def _of_account(margins: Margins, account: str, own: MarginParams, now: int) -> dict[str, float]:
    found: dict[str, float] = {}
    for pool in margins.pools(account, now) or ():
        factors = {each.among: each.liquidation for each in margins.readings(pool, own)}
        for leg in pool.legs:
            factor = factors.get(leg.underlying)
            if factor is not None and leg.size:
                found[leg.instrument] = leg.mark * factor
    return found
