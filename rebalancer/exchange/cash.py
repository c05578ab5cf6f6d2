"""Cash that moves without a trade: deposits, withdrawals, transfers, interest, rebates.

Each comes from somewhere. Deposits and withdrawals are counted as brought in,
transfers have another account on their other side, interest and rebates come
out of what the house collected. What leaves an account must be free there:
neither owed nor needed as margin.
"""

from dataclasses import replace
from decimal import Decimal

from rebalancer.core.instruments import Instrument
from rebalancer.errors import DataError
from rebalancer.exchange.accounts import Account, add
from rebalancer.exchange.exact import ZERO, quotient
from rebalancer.exchange.orders import CashRequest
from rebalancer.exchange.pools import pool_of, prices_of, shared, stand
from rebalancer.exchange.records import CashKind, CashMoved, CashRefused, Record
from rebalancer.exchange.state import State

ASKED = (CashKind.DEPOSIT, CashKind.WITHDRAWAL, CashKind.TRANSFER)  # an account may be refused


def move(state: State, request: CashRequest) -> tuple[Record, ...]:
    """Move cash once.

    Returns:
        CashMoved, of a transfer one for each side; CashRefused where what
        leaves is not free; nothing for a key that was used before.

    Raises:
        DataError: An account is unknown, the amount is no number or has the wrong
            sign, nobody may ask for this kind, or a transfer names no other account.
    """
    account = state.account(request.account)
    sign = {CashKind.DEPOSIT: 1, CashKind.WITHDRAWAL: -1}.get(request.kind, 0)
    if not request.amount.is_finite() or request.amount * sign < 0:
        was = f"{request.account} {request.currency} {request.kind}"
        raise DataError(f"{was}: must be a number of its sign, was {request.amount}")
    if request.kind in (CashKind.CONVERSION, CashKind.INSURANCE):
        raise DataError(f"{request.kind}: must come of a liquidation, was asked for")
    if (request.kind is CashKind.TRANSFER) != (request.other is not None):
        raise DataError(f"{request.kind}: a transfer must name another account, nothing else may")
    other = None if request.other is None else state.account(request.other)
    key = (request.kind.value, request.account, request.key)
    if request.key and key in state.booked:
        return ()
    payer = account if request.amount < 0 else other
    free = payer is None or _free(state, payer, request.currency, abs(request.amount))
    if request.kind in ASKED and not free:
        name = request.account
        return (CashRefused(state.now, name, request.kind, request.amount, request.currency),)
    if request.key:
        state.booked.add(key)
    moved = [_book(state, request.account, request, request.amount)]
    if request.other is None:
        add(_source(state, request.kind), request.currency, _drawn(request))
    else:
        moved.append(_book(state, request.other, request, -request.amount))
    return tuple(moved)


def _source(state: State, kind: CashKind) -> dict[str, Decimal]:
    house = state.house
    return {CashKind.INTEREST: house.interest, CashKind.REBATE: house.fees}.get(kind, house.brought)


def _drawn(request: CashRequest) -> Decimal:
    """Return what the source gains: the opposite, but what is brought in is counted as it is."""
    paid = request.kind in (CashKind.INTEREST, CashKind.REBATE)
    return -request.amount if paid else request.amount


def _book(state: State, name: str, request: CashRequest, amount: Decimal) -> CashMoved:
    add(state.accounts[name].cash, request.currency, amount)
    state.unsound = True
    record_id = state.next_id()
    return CashMoved(state.now, name, record_id, request.kind, amount, request.currency)


def _free(state: State, account: Account, currency: str, amount: Decimal) -> bool:
    """Whether an account may do without an amount: it owns as much, and no margin rests on it."""
    if account.terms is None:
        return True  # nobody asks whether it can pay
    locked = sum(
        (held for name, held in account.locked.items() if _settles(state, name) == currency), ZERO
    )
    if account.cash.get(currency, ZERO) - locked < amount:
        return False
    name = next(name for name, each in state.accounts.items() if each is account)
    left = account.cash[currency] - amount
    without = replace(account, cash={**account.cash, currency: left})
    orders = state.open_orders(name)
    standing = stand(state, without, shared(account, currency), orders=orders)
    return standing is not None and standing.free >= 0


def _settles(state: State, instrument: str) -> str:
    return state.instruments[instrument].settle


def add_margin(
    state: State, name: str, instrument: Instrument, amount: Decimal
) -> tuple[Record, ...]:
    """Lock more cash for an isolated position, or with a negative amount free some of it.

    Returns:
        Nothing when it is done, CashRefused when the cash is not free or the
        position needs it.

    Raises:
        DataError: The account holds no isolated position in the instrument.
    """
    account, currency = state.account(name), instrument.settle
    if instrument.id not in account.locked or not amount.is_finite():
        was = f"{amount} for {instrument.id}"
        raise DataError(f"{name}: must be an amount for an isolated position, was {was}")
    if amount > 0:
        enough = _free(state, account, currency, amount)
    else:
        standing = stand(state, account, pool_of(account, instrument))
        enough = standing is not None and standing.free + amount >= 0
    if not enough:
        return (CashRefused(state.now, name, CashKind.TRANSFER, amount, currency),)
    account.locked[instrument.id] += amount
    state.unsound = True
    return ()


def convert(state: State, name: str, currency: str) -> tuple[CashMoved, ...]:
    """Sell other collateral at its index for what is owed in a currency.

    For an account whose collateral counts together, after everything that
    could be closed was. Currencies go in the order in which it came by them.
    """
    account, moved = state.accounts[name], list[CashMoved]()
    price = prices_of(state).usd(currency)
    for other in list(account.cash):
        owed, owned = -account.cash.get(currency, ZERO), account.cash[other]
        rate = prices_of(state).usd(other)
        if owed <= 0 or owned <= 0 or other == currency or price is None or rate is None:
            continue
        sold = min(owned, quotient(owed * price, rate))
        bought = owed if sold < owned else min(owed, quotient(sold * rate, price))
        for what, amount in ((other, -sold), (currency, bought)):
            add(account.cash, what, amount)
            add(state.house.account.cash, what, -amount)
            record_id = state.next_id()
            moved.append(CashMoved(state.now, name, record_id, CashKind.CONVERSION, amount, what))
    return tuple(moved)
