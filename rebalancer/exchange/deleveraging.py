"""Auto-deleveraging: profitable positions are cut to close a bankrupt one on the other side.

Last resort, when neither the book nor the insurance fund can take a position
over. Who made the most of the move with the most leverage comes first, as on
every venue that ranks; the price is the bankruptcy price of the position that
is closed, so that those who are cut keep what they gained until there. What no
account can be found for goes to the house: the rest of the market is cut too,
whose accounts nobody here models.

Source:
    https://www.binance.com/en/support/faq/detail/360033525711, for the ranking.
"""

from decimal import Decimal

from rebalancer.core.instruments import Instrument
from rebalancer.exchange.accounts import Account
from rebalancer.exchange.clearing import exchange_contracts
from rebalancer.exchange.contracts import cost, profit
from rebalancer.exchange.exact import FINE, quotient
from rebalancer.exchange.pools import pool_of, prices_of, stand
from rebalancer.exchange.records import AutoDeleveraged
from rebalancer.exchange.requirements import notional
from rebalancer.exchange.state import State
from rebalancer.exchange.statements import equity

BOUNDLESS = Decimal(10**9)  # leverage of who owns nothing beside the position


def deleverage(
    state: State, bankrupt: Account, contract: Instrument, price: Decimal
) -> list[AutoDeleveraged]:
    """Close all that a bankrupt account holds of a contract against the ranks, then the house.

    Returns:
        A record for each account that was cut, first in rank first.
    """
    held = bankrupt.holding(contract.id).quantity
    records: list[AutoDeleveraged] = []
    for rank, (name, account) in enumerate(ranking(state, bankrupt, contract), 1):
        left = bankrupt.holding(contract.id).quantity
        if not left:
            break
        other = account.holding(contract.id).quantity
        taken = min(abs(left), abs(other)).copy_sign(held)
        exchange_contracts(state, account, bankrupt, contract, taken, price)
        trade_id = state.next_id()
        records.append(
            AutoDeleveraged(
                state.now, name, contract.id, trade_id, taken, price, contract.settle, rank
            )
        )
    left = bankrupt.holding(contract.id).quantity
    if left:
        exchange_contracts(state, bankrupt, state.house.account, contract, -left, price)
    state.unsound = True
    return records


def ranking(state: State, bankrupt: Account, contract: Instrument) -> list[tuple[str, Account]]:
    """Return the accounts on the other side, who is cut first first."""
    held = bankrupt.holding(contract.id).quantity
    others = [
        (name, account)
        for name, account in state.accounts.items()
        if account is not bankrupt and account.holding(contract.id).quantity * held < 0
    ]
    return sorted(others, key=lambda each: -score(state, each[1], contract))


def score(state: State, account: Account, contract: Instrument) -> Decimal:
    """Return profit ÷ cost x leverage of a position, or profit ÷ leverage of a losing one."""
    holding, mark = account.holding(contract.id), state.marks[contract.id]
    gained = profit(contract, holding.basis, cost(contract, holding.quantity, mark))
    share = quotient(gained, abs(holding.basis), FINE) if holding.basis else gained
    worth, own = notional(contract, holding.quantity, mark), _backing(state, account, contract)
    leverage = quotient(worth, own, FINE) if own is not None and own > 0 else BOUNDLESS
    return share * leverage if share > 0 or not leverage else quotient(share, leverage, FINE)


def _backing(state: State, account: Account, contract: Instrument) -> Decimal | None:
    """Return the equity that stands behind a position, settle currency; None: unknown."""
    if account.terms is None:
        return equity(state, account, contract.settle)
    pool = pool_of(account, contract)
    standing = stand(state, account, pool)
    if standing is None or not pool.together:
        return None if standing is None else standing.equity
    rate = prices_of(state).usd(contract.settle)
    return None if rate is None else quotient(standing.equity, rate, FINE)
