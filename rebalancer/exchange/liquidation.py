"""Liquidation: what happens to a pool whose balance fell to its maintenance margin.

Its open orders are canceled. Then, rung by rung, the position with the highest
maintenance is cut by a step in the displayed book, never beyond the bankruptcy
price, at which the pool would be left with nothing; every rung pays a fee to
the insurance fund out of what is left, and the ladder ends as soon as the pool
is sound again. What the book does not take at the bankruptcy price or better
goes to the fund at that price, while it can bear the loss to the mark; after
that profitable accounts on the other side are cut (`deleveraging`). The fund
works off what it took over as books allow. What is still owed at the end is
paid out of other collateral, then by the fund.

Nobody is judged by half of a moment: everything told at one time counts
together, and is judged before anything later happens.
"""

from dataclasses import dataclass
from decimal import Decimal

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.exchange.accounts import Account, add
from rebalancer.exchange.book import walk
from rebalancer.exchange.cash import convert
from rebalancer.exchange.clearing import exchange_contracts
from rebalancer.exchange.contracts import cost, profit, reciprocal
from rebalancer.exchange.deleveraging import deleverage
from rebalancer.exchange.exact import FINE, ZERO, floor_to, quotient
from rebalancer.exchange.matching import cancel_open
from rebalancer.exchange.pools import Pool, Standing, members, pool_of, pools, prices_of, stand
from rebalancer.exchange.records import (
    CashKind,
    CashMoved,
    Liquidated,
    LiquidationCalled,
    Record,
    Taker,
)
from rebalancer.exchange.requirements import maintenance, notional
from rebalancer.exchange.state import State
from rebalancer.exchange.statements import equity


@dataclass(slots=True)
class _Case:
    """One pool that is being taken down."""

    name: str
    account: Account
    pool: Pool
    left: Decimal  # equity after what was closed so far, in the pool's currency


def judge(state: State) -> list[Record]:
    """Take down every pool that is short of margin now; cut the fund if it is under water."""
    state.unsound = False
    records: list[Record] = []
    for name, account in state.accounts.items():
        for pool in pools(state, account):
            standing = stand(state, account, pool)
            if standing is not None and not standing.sound and members(state, account, pool):
                records.extend(_take_down(state, _Case(name, account, pool, ZERO), standing))
    records.extend(_relieve_fund(state))
    return records


def work_off(state: State, contract: Instrument) -> None:
    """Let the fund trade away what it took over, as far as the displayed book goes."""
    fund, book = state.house.insurance, state.books.get(contract.id)
    held = fund.holding(contract.id).quantity
    if not held or book is None or state.ended(contract):
        return
    levels, state.books[contract.id] = walk(book, -held, None, contract.lot)
    for price, size in levels:
        signed = size.copy_sign(-held)
        exchange_contracts(state, fund, state.house.account, contract, signed, price)


def _take_down(state: State, case: _Case, standing: Standing) -> list[Record]:
    """Cancel, cut, hand over and make good, until the pool is sound or empty."""
    called = LiquidationCalled(
        ts=state.now,
        account=case.name,
        currency=case.pool.currency,
        instrument=case.pool.position,
        balance=standing.balance,
        maintenance=standing.maintenance,
    )
    names = {
        each.order.instrument
        for each in state.open_orders(case.name)
        if pool_of(case.account, state.instruments[each.order.instrument]) == case.pool
    }
    records: list[Record] = [called, *cancel_open(state, case.name, names)]
    while (worst := _worst(state, case)) is not None:
        now = stand(state, case.account, case.pool)
        if now is None or now.sound:
            return records
        case.left = now.equity
        records.extend(_rung(state, case, worst, now))
    records.extend(_make_good(state, case))
    return records


def _worst(state: State, case: _Case) -> Instrument | None:
    """Return the position that the most maintenance margin rests on; None when all is closed."""
    prices = prices_of(state)

    def asked(contract: Instrument) -> Decimal:
        quantity = case.account.holding(contract.id).quantity
        own = maintenance(state.venue, contract, quantity, prices) or ZERO
        return own * (prices.usd(contract.settle) or ZERO) if case.pool.together else own

    return max(members(state, case.account, case.pool), key=asked, default=None)


def _rung(state: State, case: _Case, contract: Instrument, standing: Standing) -> list[Record]:
    """Close a step of a position in the book, or all of it against fund and counterparties."""
    held = case.account.holding(contract.id).quantity
    bankruptcy = bankruptcy_price(state, case.account, contract, _own(state, case, contract))
    records: list[Record] = []
    book = state.books.get(contract.id)
    if book is not None and not state.ended(contract):
        step = _step(state, contract, held, standing)
        levels, state.books[contract.id] = walk(book, -step, bankruptcy, contract.lot)
        for price, size in levels:
            deal = size.copy_sign(-held), price
            _trade(state, case, contract, deal, state.house.account)
            records.append(_closed(state, case, contract, deal, Taker.MARKET))
    if records:
        return records
    price = state.marks[contract.id] if bankruptcy is None else bankruptcy
    return _hand_over(state, case, contract, price or contract.tick)


def _trade(
    state: State, case: _Case, contract: Instrument, deal: tuple[Decimal, Decimal], other: Account
) -> None:
    """Close part of a position; what it realises stays in the margin of an isolated one."""
    account, currency = case.account, contract.settle
    locked, cash = account.locked.get(contract.id), account.cash.get(currency, ZERO)
    exchange_contracts(state, account, other, contract, *deal)
    if locked is not None and contract.id in account.locked:
        account.locked[contract.id] = locked + account.cash[currency] - cash


def _own(state: State, case: _Case, contract: Instrument) -> Decimal:
    """Return what is left of a pool in the currency that a contract settles in."""
    rate = prices_of(state).usd(contract.settle) if case.pool.together else None
    return case.left if rate is None else quotient(case.left, rate, FINE)


def _step(state: State, contract: Instrument, held: Decimal, standing: Standing) -> Decimal:
    """Return how much of a position one rung closes, signed like it: all when nothing is left."""
    if standing.equity <= 0:
        return held
    share = floor_to(abs(held) * state.venue.liquidation.step, contract.lot)
    return min(max(share, contract.lot), abs(held)).copy_sign(held)


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


def _closed(
    state: State,
    case: _Case,
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
    case.left += rate * _moved(contract, quantity, price, state.marks[contract.id])
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


def _moved(contract: Instrument, quantity: Decimal, price: Decimal, mark: Decimal) -> Decimal:
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


def _hand_over(state: State, case: _Case, contract: Instrument, price: Decimal) -> list[Record]:
    """Close all of a position at one price against the fund, or else against counterparties."""
    held, fund = case.account.holding(contract.id).quantity, state.house.insurance
    loss = -_moved(contract, held, price, state.marks[contract.id])
    if fund.cash.get(contract.settle, ZERO) >= loss:
        _trade(state, case, contract, (-held, price), fund)
        return [_closed(state, case, contract, (-held, price), Taker.INSURANCE)]
    cut = deleverage(state, case.account, contract, price)
    return [_closed(state, case, contract, (-held, price), Taker.COUNTERPARTY), *cut]


def _make_good(state: State, case: _Case) -> list[Record]:
    """Pay what an empty pool still owes: out of other collateral first, then by the fund."""
    records: list[Record] = []
    account, fund = case.account, state.house.insurance
    if case.pool.position is not None:
        currencies = [case.pool.currency] if case.left < 0 else []
    elif case.pool.together:
        currencies = list(account.cash)
    else:
        currencies = [case.pool.currency]
    for currency in currencies:
        if case.pool.together:
            records.extend(convert(state, case.name, currency))
        owed = -case.left if case.pool.position is not None else -account.cash.get(currency, ZERO)
        if owed > 0:
            owed = quotient(owed, Decimal(1))
            add(account.cash, currency, owed)
            add(fund.cash, currency, -owed)
            paid = CashMoved(
                state.now, case.name, state.next_id(), CashKind.INSURANCE, owed, currency
            )
            records.append(paid)
    return records


def _relieve_fund(state: State) -> list[Record]:
    """Cut the other side of what the fund holds once that has eaten it up."""
    fund = state.house.insurance
    records: list[Record] = []
    for name in list(fund.holdings):
        contract = state.instruments[name]
        worth = equity(state, fund, contract.settle)
        if worth is not None and worth < 0:
            price = bankruptcy_price(state, fund, contract, worth)
            records.extend(deleverage(state, fund, contract, price or contract.tick))
    return records
