"""Forced trades: how a pool that is taken down trades, at which price, and what it pays.

What every forced trade has in common, whoever takes the other side.
"""

from dataclasses import dataclass
from decimal import Decimal

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.exchange.accounts import Account, add
from rebalancer.exchange.book import walk
from rebalancer.exchange.clearing import exchange_contracts
from rebalancer.exchange.contracts import cost, profit, reciprocal
from rebalancer.exchange.exact import FINE, ZERO, floor_to, quotient
from rebalancer.exchange.pools import Pool, prices_of
from rebalancer.exchange.records import Liquidated, Record, Taker
from rebalancer.exchange.requirements import notional
from rebalancer.exchange.state import State


@dataclass(slots=True)
class Case:
    """One pool that is being taken down."""

    name: str
    account: Account
    pool: Pool
    left: Decimal  # equity after what was closed so far, in the pool's currency


def trade_down(
    state: State, case: Case, contract: Instrument, deal: tuple[Decimal, Decimal], other: Account
) -> None:
    """Close part of a position; what it realises stays in the margin of an isolated one."""
    account, currency = case.account, contract.settle
    locked, cash = account.locked.get(contract.id), account.cash.get(currency, ZERO)
    exchange_contracts(state, account, other, contract, *deal)
    if locked is not None and contract.id in account.locked:
        account.locked[contract.id] = locked + account.cash[currency] - cash


def closed(
    state: State,
    case: Case,
    contract: Instrument,
    deal: tuple[Decimal, Decimal],
    taker: Taker,
) -> Liquidated:
    """Charge the fee of a forced close out of what is left, and return its record.

    Args:
        state: Is written.
        case: What is left is brought up to date.
        contract: What was closed.
        deal: Contracts that the account traded, signed, and the price.
        taker: Who took the other side.
    """
    quantity, price = deal
    fund, rate = state.house.insurance, Decimal(1)
    if case.pool.together:
        rate = prices_of(state).usd(contract.settle) or Decimal(1)
    case.left += rate * moved(contract, quantity, price, state.marks[contract.id])
    fee = ZERO
    if taker is Taker.MARKET and case.left > 0:
        asked = quotient(state.venue.liquidation.fee * _size(state, deal, contract), Decimal(1))
        fee = min(asked, quotient(case.left, rate))
        case.left -= fee * rate
        add(case.account.cash, contract.settle, -fee)
        add(fund.cash, contract.settle, fee)
        if contract.id in case.account.locked:
            add(case.account.locked, contract.id, -fee)
    return Liquidated(
        ts=state.now,
        account=case.name,
        instrument=contract.id,
        trade_id=state.next_id(),
        quantity=quantity,
        price=price,
        fee=fee,
        fee_currency=contract.settle,
        taker=taker,
    )


def moved(contract: Instrument, quantity: Decimal, price: Decimal, mark: Decimal) -> Decimal:
    """Return what a trade at `price` gains by the mark, settle currency."""
    if price:
        return profit(contract, cost(contract, quantity, price), cost(contract, quantity, mark))
    return cost(contract, quantity, mark)


def _size(state: State, deal: tuple[Decimal, Decimal], contract: Instrument) -> Decimal:
    """Return what the fee of a forced close is a share of; of an option its underlying."""
    quantity, price = deal
    if contract.kind is not Kind.OPTION:
        return notional(contract, quantity, price)
    unit = Decimal(1) if contract.inverse else state.indexes.get(contract.underlying, ZERO)
    return abs(quantity) * contract.size * unit


def in_book(
    state: State, case: Case, contract: Instrument, wanted: Decimal, limit: Decimal | None
) -> list[Record]:
    """Trade what the displayed book offers within a limit."""
    book = state.books.get(contract.id)
    if book is None or state.ended(contract):
        return []
    levels, state.books[contract.id] = walk(book, wanted, limit, contract.lot)
    records: list[Record] = []
    for price, size in levels:
        deal = size.copy_sign(wanted), price
        trade_down(state, case, contract, deal, state.house.account)
        records.append(closed(state, case, contract, deal, Taker.MARKET))
    return records


def penalised(state: State, contract: Instrument, held: Decimal, limit: Decimal | None) -> Decimal:
    """Return the mark less the penalty for who has to sell, plus it for who has to buy."""
    share = state.venue.liquidation.penalty
    price = state.marks[contract.id] * (1 - share if held > 0 else 1 + share)
    price = max(floor_to(price, contract.tick), contract.tick)
    if limit is None:
        return price
    return max(price, limit) if held > 0 else min(price, limit)


def left_of(state: State, case: Case, contract: Instrument) -> Decimal:
    """Return what is left of a pool in the currency that a contract settles in."""
    rate = prices_of(state).usd(contract.settle) if case.pool.together else None
    return case.left if rate is None else quotient(case.left, rate, FINE)


def gain(state: State, account: Account, contract: Instrument) -> Decimal:
    """Return the open profit of a position at its mark, settle currency."""
    holding = account.holding(contract.id)
    worth = cost(contract, holding.quantity, state.marks[contract.id])
    return profit(contract, holding.basis, worth)


def bankruptcy_price(
    state: State, account: Account, contract: Instrument, left: Decimal
) -> Decimal | None:
    """Return the price at which closing a position leaves its pool with nothing.

    Args:
        state: Marks; other positions stay at theirs.
        account: Holder.
        contract: What it holds, with a mark.
        left: Equity of the pool at the marks, settle currency.

    Returns:
        Quote currency, on the tick from which the pool loses nothing more, >= 0;
        None when it can be closed at any price.
    """
    quantity, mark = account.holding(contract.id).quantity, state.marks[contract.id]
    share = quotient(left, quantity * contract.size, FINE)
    if reciprocal(contract):
        inverted = quotient(Decimal(1), mark, FINE) + share
        price = quotient(Decimal(1), inverted, FINE) if inverted > 0 else ZERO
        if not price and quantity > 0:
            price = mark  # lost at every price: the fund makes good what is owed
    else:
        price = max(mark - share, ZERO)
    if not price and left > 0:
        return None
    below = floor_to(price, contract.tick)
    return below + contract.tick if quantity > 0 and below < price else below


def step_of(state: State, contract: Instrument, held: Decimal) -> Decimal:
    """Return how much of a position one rung of the ladder closes, contracts, signed like it."""
    share = floor_to(abs(held) * state.venue.liquidation.step, contract.lot)
    return min(max(share, contract.lot), abs(held)).copy_sign(held)
