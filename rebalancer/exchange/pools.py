"""Pools: what stands together for losses, and how it stands against what is required.

An isolated position is a pool by itself, with the part of the cash that was
locked for it. Everything else of an account stands in one pool a currency, or
in a single one in USD where collateral of several currencies counts together,
each at its share.

Under standard margin a short option's requirement holds its mark, so options
add nothing to the *balance*; *equity* is what closing everything at the mark
would leave. Under portfolio margin balance and equity are the same.
"""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.exchange import grid
from rebalancer.exchange.accounts import Account
from rebalancer.exchange.contracts import cost, profit
from rebalancer.exchange.exact import QUANTUM, ZERO
from rebalancer.exchange.prices import Prices
from rebalancer.exchange.requirements import initial, maintenance
from rebalancer.exchange.state import State, Working
from rebalancer.exchange.terms import MarginMode

TOGETHER = "USD"  # unit of a pool of several currencies


class Pool(NamedTuple):
    """What stands together for losses; a tuple, since each look at an account compares many."""

    currency: str  # unit of its numbers
    position: str | None = None  # the isolated position that it is
    together: bool = False  # whether every currency of the account is in it


class Standing(NamedTuple):
    """How a pool stands, in its currency."""

    equity: Decimal  # what closing everything at the mark would leave
    balance: Decimal  # what counts against the requirements
    maintenance: Decimal
    initial: Decimal  # of positions and open orders

    @property
    def sound(self) -> bool:
        """Whether nobody has to be taken down; what is finer than a booking is no debt."""
        return self.balance > (self.maintenance or -QUANTUM)

    @property
    def free(self) -> Decimal:
        """What new orders and withdrawals may use."""
        return self.balance - self.initial


def prices_of(state: State) -> Prices:
    """Return the prices as they are."""
    return Prices(state.marks, state.indexes)


def pools(state: State, account: Account) -> tuple[Pool, ...]:
    """Return the pools of an account in a fixed order; none where nobody asks for margin."""
    if account.terms is None:
        return ()
    contracts = [state.instruments[name] for name in account.holdings]
    alone = [Pool(each.settle, each.id) for each in contracts if account.isolates(each)]
    if account.terms.collateral is not None:
        return (*alone, Pool(TOGETHER, together=True))
    currencies = dict.fromkeys((*account.cash, *(each.settle for each in contracts)))
    return (*alone, *(Pool(currency) for currency in currencies))


def pool_of(account: Account, instrument: Instrument) -> Pool:
    """Return the pool that a position in an instrument belongs to."""
    if account.isolates(instrument):
        return Pool(instrument.settle, instrument.id)
    return shared(account, instrument.settle)


def shared(account: Account, currency: str) -> Pool:
    """Return the pool that cash of a currency belongs to."""
    together = account.terms is not None and account.terms.collateral is not None
    return Pool(TOGETHER, together=True) if together else Pool(currency)


def members(state: State, account: Account, pool: Pool) -> list[Instrument]:
    """Return the contracts held in a pool; spot is no position that could be taken down."""
    held = (state.instruments[name] for name in account.holdings)
    return [each for each in held if each.kind is not Kind.SPOT and pool_of(account, each) == pool]


def stand(
    state: State,
    account: Account,
    pool: Pool,
    prices: Prices | None = None,
    orders: Sequence[Working] = (),
) -> Standing | None:
    """Return how a pool stands.

    Args:
        state: Contracts, terms and option models.
        account: Whose pool it is; with terms.
        pool: One of its pools.
        prices: To judge by; None: as they are.
        orders: Open orders of the account; they need initial margin.

    Returns:
        None while a price that is needed is not known.
    """
    at = prices_of(state) if prices is None else prices
    if not pool.together:
        return _in_currency(state, account, pool, at, orders)
    currencies = dict.fromkeys((*account.cash, *(_settles(state, account, orders))))
    parts = []
    for currency in currencies:
        part = _in_currency(state, account, Pool(currency, together=True), at, orders)
        rate = at.usd(currency)
        if part is None or (rate is None and _burdens(part)):
            return None
        if rate is None:
            continue  # owned, and worth nothing here while nobody says what it is worth
        parts.append(_converted(account, currency, part, rate))
    return Standing(
        equity=sum((each.equity for each in parts), ZERO),
        balance=sum((each.balance for each in parts), ZERO),
        maintenance=sum((each.maintenance for each in parts), ZERO),
        initial=sum((each.initial for each in parts), ZERO),
    )


def _burdens(part: Standing) -> bool:
    """Whether a currency's part asks for something, so that its price must be known."""
    return part.balance < 0 or bool(part.maintenance) or bool(part.initial)


def _settles(state: State, account: Account, orders: Iterable[Working]) -> Iterator[str]:
    for name in (*account.holdings, *(each.order.instrument for each in orders)):
        yield state.instruments[name].settle


def _converted(account: Account, currency: str, part: Standing, rate: Decimal) -> Standing:
    """Return a currency's part in USD: what is owned counts at its share, what is owed whole."""
    shares = account.terms.collateral if account.terms is not None else None
    share = (shares or {}).get(currency, ZERO) if part.balance > 0 else Decimal(1)
    return Standing(
        equity=part.equity * rate,
        balance=part.balance * rate * share,
        maintenance=part.maintenance * rate,
        initial=part.initial * rate,
    )


def _in_currency(
    state: State, account: Account, pool: Pool, prices: Prices, orders: Sequence[Working]
) -> Standing | None:
    """Return what settles in one currency, of one pool, in that currency."""
    contracts = [
        each
        for each in members(state, account, _named(account, pool))
        if each.settle == pool.currency
    ]
    cash = _cash(state, account, pool)
    gains = options = ZERO
    for each in contracts:
        mark = prices.marks.get(each.id)
        if mark is None:
            return None
        holding = account.holding(each.id)
        worth = cost(each, holding.quantity, mark)
        if each.margined:
            gains += profit(each, holding.basis, worth)
        else:
            options += worth
    asked = _asked(state, account, contracts, prices)
    reserved = None if asked is None else _reserved(state, account, pool, prices, orders)
    if asked is None or reserved is None:
        return None
    whole = cash + gains + options
    return Standing(
        equity=whole,
        balance=whole if _by_grid(account) else cash + gains,
        maintenance=asked[0],
        initial=asked[1] + reserved,
    )


def _named(account: Account, pool: Pool) -> Pool:
    return shared(account, pool.currency) if pool.position is None else pool


def _cash(state: State, account: Account, pool: Pool) -> Decimal:
    """Return the cash of a pool: what is locked for a position, or what is not locked.

    Funding that flowed and is not booked yet counts as if it were.
    """
    if pool.position is not None:
        owed = account.owed.get(pool.position, ZERO)
        return account.locked.get(pool.position, ZERO) + owed
    total = account.cash.get(pool.currency, ZERO)
    for name in {**account.locked, **account.owed}:
        if state.instruments[name].settle == pool.currency:
            total -= account.locked.get(name, ZERO)
            total += ZERO if name in account.locked else account.owed.get(name, ZERO)
    return total


def _by_grid(account: Account) -> bool:
    return account.terms is not None and account.terms.mode is MarginMode.PORTFOLIO


def _leverage(account: Account) -> Decimal | None:
    return None if account.terms is None else account.terms.leverage


def _asked(
    state: State, account: Account, contracts: Sequence[Instrument], prices: Prices
) -> tuple[Decimal, Decimal] | None:
    """Return maintenance and initial margin of positions; None while a price is missing."""
    if _by_grid(account):
        return _by_scenarios(state, account, contracts, prices)
    later = first = ZERO
    for each in contracts:
        quantity = account.holding(each.id).quantity
        kept = maintenance(state.venue, each, quantity, prices)
        asked = initial(state.venue, each, quantity, prices, _leverage(account), kept)
        if kept is None or asked is None:
            return None
        later, first = later + kept, first + asked
    return later, first


def _by_scenarios(
    state: State,
    account: Account,
    contracts: Sequence[Instrument],
    prices: Prices,
    more: tuple[str, Decimal] | None = None,
) -> tuple[Decimal, Decimal] | None:
    """Return maintenance and initial margin by the grid, with `more` of one contract held."""
    legs: dict[str, list[grid.Leg]] = {}
    for each in contracts:
        model, mark = state.models.get(each.id), prices.marks.get(each.id)
        if mark is None or (each.kind is Kind.OPTION and model is None):
            return None
        quantity = account.holding(each.id).quantity
        if more is not None and more[0] == each.id:
            quantity += more[1]
        leg = grid.Leg(each, float(quantity), float(mark), model)
        legs.setdefault(each.underlying, []).append(leg)
    later = ZERO
    for underlying, held in legs.items():
        index = prices.indexes.get(underlying)
        if index is None:
            return None
        later += grid.requirement(state.venue.grid, held, float(index), state.now)
    return later, grid.first(state.venue.grid, later)


def _added_by_grid(
    state: State,
    account: Account,
    contract: Instrument,
    sides: tuple[Decimal, Decimal],
    prices: Prices,
) -> Decimal | None:
    """Return by how much the dearer side of open orders raises a portfolio's initial margin."""
    held = [
        each
        for each in members(state, account, shared(account, contract.settle))
        if each.settle == contract.settle and each.underlying == contract.underlying
    ]
    among = held if contract in held else [*held, contract]
    now = _by_scenarios(state, account, held, prices)
    after = [
        _by_scenarios(state, account, among, prices, (contract.id, side)) for side in sides if side
    ]
    if now is None or None in after:
        return None
    return max([ZERO, *(each[1] - now[1] for each in after if each is not None)])


def _reserved(
    state: State, account: Account, pool: Pool, prices: Prices, orders: Sequence[Working]
) -> Decimal | None:
    """Return the initial margin that open orders add, and what they would have to pay in full.

    Of the buys and the sells of one contract only the dearer side can be
    needed; a reduce-only order needs nothing.
    """
    if pool.position is not None:
        return ZERO  # orders are paid out of what is not locked
    sides: dict[str, tuple[Decimal, Decimal]] = {}
    total = ZERO
    for each in orders:
        contract, left = state.instruments[each.order.instrument], each.remaining
        if contract.settle != pool.currency or each.order.reduce_only:
            continue
        price = each.order.price or prices.marks.get(contract.id)
        if price is None:
            return None
        if not contract.margined and left > 0:
            total += cost(contract, left, price)
        elif contract.kind is not Kind.SPOT:
            bought, sold = sides.get(contract.id, (ZERO, ZERO))
            sides[contract.id] = (bought + max(left, ZERO), sold + min(left, ZERO))
    for name, (bought, sold) in sides.items():
        added = _added(state, account, state.instruments[name], (bought, sold), prices)
        if added is None:
            return None
        total += added
    return total


def _added(
    state: State,
    account: Account,
    contract: Instrument,
    sides: tuple[Decimal, Decimal],
    prices: Prices,
) -> Decimal | None:
    """Return by how much the dearer side of a contract's open orders raises its margin."""
    held, leverage = account.holding(contract.id).quantity, _leverage(account)
    if _by_grid(account):
        return _added_by_grid(state, account, contract, sides, prices)

    def asked(quantity: Decimal) -> Decimal | None:
        return initial(state.venue, contract, quantity, prices, leverage)

    most = ZERO
    for after in (held + side for side in sides):
        # An isolated position that turns over locks its margin anew; what it had is spent.
        kept = ZERO if account.isolates(contract) and held * after < 0 else held
        now, then = asked(kept), asked(after)
        if now is None or then is None:
            return None
        most = max(most, then - now)
    return most
