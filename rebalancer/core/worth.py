"""Worth: what the book is worth now, by underlying and by account.

By underlying it is counted as the book protects it, in dollars or in coins:
coins that fell are no loss to who counts coins. By account it is what a venue
owes us: cash, open profit, spot and options at their marks.
"""

from decimal import Decimal

from rebalancer.core import exposure
from rebalancer.core.instruments import STABLE, Kind
from rebalancer.core.outside import is_outside
from rebalancer.core.params import Numeraire
from rebalancer.core.performance import Part
from rebalancer.core.positions import open_profit
from rebalancer.core.state import State, Worths

SECOND = 1_000_000_000  # ns
IDLE = ""  # name of stable cash that belongs to no underlying


def parts(state: State) -> dict[str, Part] | None:
    """Return what is in scope, by underlying, idle cash as IDLE; None while a price is missing."""
    found: dict[str, Part] = {}
    for name, own in state.params.underlyings.items():
        price, book = state.prices.index_price(name, state.now), state.book(name)
        if price is None or book.missing:
            return None
        dollars = exposure.value(book, price, state.now)
        coins = own.numeraire is Numeraire.COIN
        found[name] = Part(dollars / price, price) if coins else Part(dollars, 1.0)
    idle = 0.0
    for (account, currency), balance in state.ledger.cash.items():
        if currency in STABLE and f"{account}:{currency}" not in state.params.cash_underlying:
            idle += float(balance)
    found[IDLE] = Part(idle, 1.0)
    return found


def total(told: dict[str, Part] | None) -> float | None:
    """Return the sum of parts in USD; None where they are not known."""
    return None if told is None else sum(each.dollars for each in told.values())


def by_account(state: State) -> dict[str, float | None]:
    """Return what each venue owes us, USD; None where a price of something there is missing."""
    sums: dict[str, float | None] = dict.fromkeys(state.params.accounts, 0.0)
    for (account, currency), balance in state.ledger.cash.items():
        _add(state, sums, account, currency, float(balance))
    for (account, name), held in state.ledger.positions.items():
        if is_outside(account) or not held.quantity:
            continue
        instrument = state.instruments[name]
        if instrument.kind is Kind.OPTION:
            mark = state.markets.options.get(name)
            unit = None if mark is None else float(mark.price)
        else:
            unit = state.prices.mark_price(name, state.now)
        if unit is None:
            sums[account] = None
            continue
        if instrument.margined:
            amount = float(open_profit(instrument, held, Decimal(repr(unit))))
        else:
            amount = float(held.quantity * instrument.size) * unit
        _add(state, sums, account, instrument.settle, amount)
    return sums


def now(state: State) -> Worths:
    """Return what the book is worth, at most a moment old.

    Worked out anew after a booking and each second, and while a price is
    missing: an order that is judged within it finds it done.
    """
    version, second, known = state.ledger.version, state.now // SECOND, state.worths
    young = known is not None and (known.version, known.second) == (version, second)
    if known is not None and young and known.equity is not None and known.gross is not None:
        return known
    told = by_account(state)
    sums = [each for each in told.values() if each is not None]
    whole = sum(sums) if len(sums) == len(told) else None
    state.worths = Worths(version, second, told, whole, gross_now(state))
    return state.worths


def _add(
    state: State, sums: dict[str, float | None], account: str, currency: str, amount: float
) -> None:
    if is_outside(account) or not amount:
        return
    price = 1.0 if currency in STABLE else state.prices.index_price(currency, state.now)
    if price is None and amount > 0 and currency not in state.params.underlyings:
        return  # dust that nobody prices is worth nothing here
    before = sums.get(account, 0.0)
    sums[account] = None if price is None or before is None else before + amount * price


def gross_now(state: State) -> float | None:
    """Return the USD notional of all perpetuals and futures at venues; None: a mark is missing."""
    sums = 0.0
    for (account, name), held in state.ledger.positions.items():
        instrument = state.instruments[name]
        if not instrument.margined or not held.quantity or is_outside(account):
            continue
        size = abs(float(held.quantity * instrument.size))
        mark = 1.0 if instrument.inverse else state.prices.mark_price(name, state.now)
        if mark is None:
            return None
        sums += size * mark
    return sums
