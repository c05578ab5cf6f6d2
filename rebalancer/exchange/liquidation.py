"""Liquidation: what happens to a pool whose balance fell to its maintenance margin.

Its open orders are canceled. Then, rung by rung, the position that the most
maintenance rests on is cut by a step in the displayed book, never beyond the
bankruptcy price, at which the pool would be left with nothing; every rung pays
a fee to the insurance fund out of what is left, and the ladder ends as soon as
the pool is sound again. Where the book offers nothing within that price the
pool waits for the next one, looked at again whenever time passes; where no
book is ever shown, a rung is traded at the mark less a penalty.

A pool with nothing left is handed over at once: what stands in profit at the
mark, what stands at a loss at the bankruptcy price, to the insurance fund while
it can bear the loss to the mark, after that to profitable accounts on the other
side, who are cut (`deleveraging`). The fund works off what it took over as
books allow. What is still owed at the end is paid out of spot holdings and
other collateral, then by the fund.

Nobody is judged by half of a moment: everything told at one time counts
together, and is judged before anything later happens.
"""

from dataclasses import replace
from decimal import Decimal

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.exchange.accounts import Holding, add
from rebalancer.exchange.book import walk
from rebalancer.exchange.cash import convert
from rebalancer.exchange.clearing import exchange_contracts
from rebalancer.exchange.deleveraging import deleverage
from rebalancer.exchange.exact import ZERO, quotient
from rebalancer.exchange.forced import (
    Case,
    bankruptcy_price,
    closed,
    gain,
    in_book,
    left_of,
    moved,
    penalised,
    step_of,
    trade_down,
)
from rebalancer.exchange.funding import accrue
from rebalancer.exchange.matching import cancel_open
from rebalancer.exchange.pools import Standing, members, pool_of, pools, prices_of, stand
from rebalancer.exchange.records import CashKind, CashMoved, LiquidationCalled, Record, Taker
from rebalancer.exchange.requirements import maintenance
from rebalancer.exchange.state import State
from rebalancer.exchange.statements import equity
from rebalancer.exchange.terms import MarginMode


def judge(state: State) -> list[Record]:
    """Take down every pool that is short of margin now; cut the fund if it is under water."""
    state.unsound = False
    records: list[Record] = []
    called, state.called = state.called, set()
    for name, account in state.accounts.items():
        for pool in pools(state, account):
            standing = stand(state, account, pool)
            if standing is None or standing.sound:
                continue
            case = Case(name, account, pool, standing.equity)
            if members(state, account, pool):
                known = (name, pool) in called
                records.extend(_take_down(state, case, standing, known=known))
            elif pool.position is None:
                records.extend(_make_good(state, case))
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


def _take_down(state: State, case: Case, standing: Standing, *, known: bool) -> list[Record]:
    """Cancel, cut, hand over and make good, until the pool is sound, empty, or has to wait."""
    records: list[Record] = [] if known else _call(state, case, standing)
    while (worst := _worst(state, case)) is not None:
        now = stand(state, case.account, case.pool)
        if now is None or now.sound:
            return records
        case.left = now.equity
        rung = _rung(state, case, worst) if now.equity > 0 else _bankrupt(state, case)
        if not rung:
            state.called.add((case.name, case.pool))
            return records
        records.extend(rung)
    records.extend(_make_good(state, case))
    return records


def _call(state: State, case: Case, standing: Standing) -> list[Record]:
    """Say that a pool is taken down, and cancel its open orders."""
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
    return [called, *cancel_open(state, case.name, names)]


def _worst(state: State, case: Case) -> Instrument | None:
    """Return the position to cut first; None when all is closed.

    The one that the most maintenance rests on, or under a portfolio margin the
    one whose cut leaves the lowest requirement.
    """
    held, prices = members(state, case.account, case.pool), prices_of(state)
    terms = case.account.terms

    def asked(contract: Instrument) -> Decimal:
        quantity = case.account.holding(contract.id).quantity
        own = maintenance(state.venue, contract, quantity, prices) or ZERO
        return own * (prices.usd(contract.settle) or ZERO) if case.pool.together else own

    def remaining(contract: Instrument) -> Decimal:
        quantity = case.account.holding(contract.id).quantity
        left = Holding(quantity - step_of(state, contract, quantity))
        kept = {**case.account.holdings, contract.id: left}
        if not left.quantity:
            del kept[contract.id]
        after = stand(state, replace(case.account, holdings=kept), case.pool)
        return ZERO if after is None else after.maintenance

    if terms is not None and terms.mode is MarginMode.PORTFOLIO:
        return min(held, key=remaining, default=None)
    return max(held, key=asked, default=None)


def _rung(state: State, case: Case, contract: Instrument) -> list[Record]:
    """Close a step of a position in the book; nothing where it has to wait for another book."""
    held = case.account.holding(contract.id).quantity
    limit = bankruptcy_price(state, case.account, contract, left_of(state, case, contract))
    step = step_of(state, contract, held)
    if state.ended(contract):
        return []  # its delivery is due
    if contract.id not in state.shown:
        price = penalised(state, contract, held, limit)
        trade_down(state, case, contract, (-step, price), state.house.insurance)
        return [closed(state, case, contract, (-step, price), Taker.INSURANCE)]
    return in_book(state, case, contract, -step, limit)


def _bankrupt(state: State, case: Case) -> list[Record]:
    """Close what a pool without equity holds: winners at the mark, one loser for all it lost."""
    held = members(state, case.account, case.pool)
    losing = [each for each in held if gain(state, case.account, each) < 0] or held
    worst = min(losing, key=lambda each: _in_unit(state, case, each))
    records: list[Record] = []
    for contract in [each for each in held if each is not worst] + [worst]:
        price = state.marks[contract.id]
        if contract is worst:
            left = left_of(state, case, contract)
            found = bankruptcy_price(state, case.account, contract, left)
            price = price if found is None else found
        price = price or contract.tick
        wanted = -case.account.holding(contract.id).quantity
        records.extend(in_book(state, case, contract, wanted, price))
        if case.account.holding(contract.id).quantity:
            records.extend(_hand_over(state, case, contract, price))
    return records


def _in_unit(state: State, case: Case, contract: Instrument) -> Decimal:
    """Return the open profit of a position in the currency of its pool."""
    rate = prices_of(state).usd(contract.settle) if case.pool.together else None
    return gain(state, case.account, contract) * (Decimal(1) if rate is None else rate)


def _hand_over(state: State, case: Case, contract: Instrument, price: Decimal) -> list[Record]:
    """Close all of a position at one price against the fund, or else against counterparties."""
    held, fund = case.account.holding(contract.id).quantity, state.house.insurance
    loss = -moved(contract, held, price, state.marks[contract.id])
    if fund.cash.get(contract.settle, ZERO) >= loss:
        trade_down(state, case, contract, (-held, price), fund)
        return [closed(state, case, contract, (-held, price), Taker.INSURANCE)]
    cut = deleverage(state, case.account, contract, price)
    return [closed(state, case, contract, (-held, price), Taker.COUNTERPARTY), *cut]


def _make_good(state: State, case: Case) -> list[Record]:
    """Pay what a pool without contracts still owes.

    Out of spot holdings and other collateral first, then by the fund.
    """
    records: list[Record] = _book_owed(state, case)
    account, fund = case.account, state.house.insurance
    for currency in _indebted(case):
        if case.pool.position is None:
            records.extend(_sell_spot(state, case, currency))
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


def _book_owed(state: State, case: Case) -> list[Record]:
    """Book the continuous funding that a pool's cash owes or is owed."""
    owed = [state.instruments[name] for name, amount in case.account.owed.items() if amount]
    among = [each for each in owed if case.pool.together or each.settle == case.pool.currency]
    return [record for each in among for record in accrue(state, each)]


def _indebted(case: Case) -> list[str]:
    """Return the currencies in which a pool without contracts owes something."""
    if case.pool.position is not None:
        return [case.pool.currency] if case.left < 0 else []
    cash = case.account.cash
    among = list(cash) if case.pool.together else [case.pool.currency]
    return [each for each in among if cash.get(each, ZERO) < 0]


def _sell_spot(state: State, case: Case, currency: str) -> list[Record]:
    """Sell the spot holdings that are paid in what is owed, in the book and else at a penalty."""
    records: list[Record] = []
    case.left = ZERO  # no fee on top of the debt
    for name in list(case.account.holdings):
        contract = state.instruments[name]
        held = case.account.holding(name).quantity
        owes = case.account.cash.get(currency, ZERO) < 0
        if contract.kind is not Kind.SPOT or contract.settle != currency or held <= 0 or not owes:
            continue
        records.extend(in_book(state, case, contract, -held, None))
        rest = case.account.holding(name).quantity
        if rest and name in state.marks:
            deal = -rest, penalised(state, contract, rest, None)
            trade_down(state, case, contract, deal, state.house.account)
            records.append(closed(state, case, contract, deal, Taker.MARKET))
    return records


def _relieve_fund(state: State) -> list[Record]:
    """Cut the other side of what the fund loses on once that has eaten it up."""
    fund = state.house.insurance
    records: list[Record] = []
    for currency in dict.fromkeys(state.instruments[name].settle for name in fund.holdings):
        while (worth := equity(state, fund, currency)) is not None and worth < 0:
            held = [state.instruments[name] for name in fund.holdings]
            losing = [each for each in held if each.settle == currency]
            if not losing:
                break
            contract = min(losing, key=lambda each: gain(state, fund, each))
            price = bankruptcy_price(state, fund, contract, worth)
            records.extend(deleverage(state, fund, contract, price or contract.tick))
    return records
