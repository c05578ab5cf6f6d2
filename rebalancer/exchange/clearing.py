"""What a fill, a settlement and a delivery do to an account and to the house."""

from decimal import Decimal

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.errors import DataError
from rebalancer.exchange import fees
from rebalancer.exchange.accounts import Account, Holding, add, trade
from rebalancer.exchange.contracts import profit, terminal_worth
from rebalancer.exchange.exact import ZERO, positive, quotient
from rebalancer.exchange.funding import integrate
from rebalancer.exchange.prices import Prices
from rebalancer.exchange.records import ContractDelivered, Filled, SessionSettled
from rebalancer.exchange.requirements import initial
from rebalancer.exchange.state import State, Working


def book_fill(
    state: State, working: Working, quantity: Decimal, price: Decimal, *, maker: bool
) -> Filled:
    """Execute part of an order against the house and return its record.

    Args:
        state: Is written.
        working: The order.
        quantity: Contracts, signed like the order.
        price: Of the execution, quote currency.
        maker: Whether the order rested.
    """
    order = working.order
    instrument, account = state.instruments[order.instrument], state.accounts[order.account]
    exchange_contracts(state, account, state.house.account, instrument, quantity, price)
    index = state.indexes.get(instrument.underlying)
    schedule = fees.at_volume(state.fees[instrument.id], account.volumes, state.now)
    fee = fees.charge(schedule, instrument, quantity, price, index, maker)
    coins = fees.in_coins(schedule, instrument, quantity)
    if coins:
        _book_side(state, account, instrument, (-fee, price))
        _book_side(state, state.house.account, instrument, (fee, price))
    else:
        add(account.cash, instrument.settle, -fee)
        add(state.house.fees, instrument.settle, fee)
    fees.count(account.volumes, state.now, fees.usd_traded(instrument, quantity, price, index))
    filled = Filled(
        ts=state.now,
        account=order.account,
        instrument=order.instrument,
        client_order_id=order.client_order_id,
        order_id=working.order_id,
        trade_id=state.next_id(),
        quantity=quantity,
        price=price,
        fee=fee,
        fee_currency=instrument.underlying if coins else instrument.settle,
        maker=maker,
    )
    account.fills.append(filled)
    state.unsound = True
    return filled


def open_position(
    state: State, name: str, instrument: Instrument, quantity: Decimal, entry: Decimal
) -> None:
    """Give an account contracts at `entry` that it bought before the exchange opened.

    The house holds the other side; nothing is paid.

    Raises:
        DataError: Cash, which is no contract, or numbers that make no sense.
    """
    if instrument.kind is Kind.CASH or not quantity.is_finite() or not positive(entry):
        was = f"{quantity} {instrument.id} at {entry}"
        raise DataError(f"{name}: must open with contracts at a price, was {was}")
    worth = _book_side(state, state.accounts[name], instrument, (quantity, entry))
    _book_side(state, state.house.account, instrument, (-quantity, entry), -worth)


def exchange_contracts(  # long: two sides of a trade, and what was traded
    state: State,
    account: Account,
    other: Account,
    instrument: Instrument,
    quantity: Decimal,
    price: Decimal,
) -> None:
    """Move contracts from another account to this one, and pay for what is paid in full.

    Args:
        state: Is written: continuous funding until now is owed first.
        account: Gets `quantity`.
        other: Gives it.
        instrument: What is traded.
        quantity: Contracts, signed.
        price: Quote currency.
    """
    integrate(state, instrument)
    worth = _book_side(state, account, instrument, (quantity, price))
    _book_side(state, other, instrument, (-quantity, price), -worth)
    if not instrument.margined:
        add(account.cash, instrument.settle, -worth)
        add(other.cash, instrument.settle, worth)


def _book_side(
    state: State,
    account: Account,
    instrument: Instrument,
    deal: tuple[Decimal, Decimal],
    worth: Decimal | None = None,
) -> Decimal:
    """Book one side of a trade, let margined profit into cash, return the trade's worth."""
    before = account.holding(instrument.id)
    after, gain, worth = trade(instrument, before, *deal, worth)
    account.keep(instrument.id, after)
    if instrument.margined:
        add(account.cash, instrument.settle, gain)
    if account.isolates(instrument):
        _lock(state, account, instrument, before.quantity, deal[1])
    return worth


def _lock(
    state: State, account: Account, instrument: Instrument, before: Decimal, price: Decimal
) -> None:
    """Lock cash for what an isolated position grew by; free it as the position shrinks."""
    after, name = account.holding(instrument.id).quantity, instrument.id
    same = before * after > 0
    locked, kept = (account.locked.get(name, ZERO), abs(before)) if same else (ZERO, ZERO)
    if abs(after) > kept:
        at = Prices({name: price}, state.indexes)
        leverage = None if account.terms is None else account.terms.leverage
        then = initial(state.venue, instrument, after, at, leverage) or ZERO
        locked += then - (initial(state.venue, instrument, kept, at, leverage) or ZERO)
    elif after:
        locked = quotient(locked * abs(after), kept)
    if after:
        account.locked[name] = quotient(locked, Decimal(1))
    else:
        account.locked.pop(name, None)


def settle(state: State, instrument: Instrument, price: Decimal) -> tuple[SessionSettled, ...]:
    """Move the open profit of every account into cash; the entry becomes `price`.

    Equity does not change.

    Raises:
        DataError: Not a perpetual or future, or a price that is not positive.
    """
    if not instrument.margined:
        raise DataError(f"{instrument.id}: must be a perpetual or future, was {instrument.kind}")
    key = ("settlement", instrument.id, f"{state.now} {price}")
    if key in state.booked:  # told twice
        return ()
    state.booked.add(key)
    settled = []
    for name, amount in _close_out(state, instrument, price, keep=True):
        if state.accounts[name].isolates(instrument):
            add(state.accounts[name].locked, instrument.id, amount)
        settled.append(
            SessionSettled(
                ts=state.now,
                account=name,
                instrument=instrument.id,
                settlement_id=state.next_id(),
                price=price,
                amount=amount,
                currency=instrument.settle,
                quantity=state.accounts[name].holding(instrument.id).quantity,
            )
        )
    return tuple(settled)


def deliver(state: State, instrument: Instrument, price: Decimal) -> tuple[ContractDelivered, ...]:
    """End a dated contract: its worth at `price` moves into cash, nobody holds it any more.

    Raises:
        DataError: Not a future or option, too early, done before, or a price
            that is not positive.
    """
    if instrument.kind not in (Kind.FUTURE, Kind.OPTION):
        raise DataError(f"{instrument.id}: must be a future or option, was {instrument.kind}")
    if instrument.id in state.delivered:
        raise DataError(f"{instrument.id}: must be delivered once, was delivered before")
    if instrument.expiry is not None and state.now < instrument.expiry:
        raise DataError(f"{instrument.id}: must expire at {instrument.expiry}, was {state.now}")
    delivered = []
    quantities = {
        name: each.holding(instrument.id).quantity for name, each in state.accounts.items()
    }
    for name, amount in _close_out(state, instrument, price, keep=False):
        account = state.accounts[name]
        account.locked.pop(instrument.id, None)
        fee = fees.of_delivery(state.fees[instrument.id], instrument, quantities[name], price)
        add(account.cash, instrument.settle, -fee)
        add(state.house.fees, instrument.settle, fee)
        delivered.append(
            ContractDelivered(
                ts=state.now,
                account=name,
                instrument=instrument.id,
                delivery_id=state.next_id(),
                price=price,
                amount=amount,
                currency=instrument.settle,
                fee=fee,
            )
        )
    state.delivered[instrument.id] = state.now
    state.unsound = True
    return tuple(delivered)


def _close_out(
    state: State, instrument: Instrument, price: Decimal, *, keep: bool
) -> list[tuple[str, Decimal]]:
    """Move every holding's worth at `price` into cash; return the amount of each account.

    The house's worth is the opposite of all others' together, so that what
    each of them rounds stays with it and not nowhere.
    """
    if not positive(price):
        raise DataError(f"{instrument.id} settlement price: must be positive, was {price}")
    amounts = []
    others = ZERO
    for name, account in state.holders():
        holding = account.holding(instrument.id)
        if holding.quantity:
            now = terminal_worth(instrument, holding.quantity, price)
            amount = _realise(account, instrument, now, keep=keep)
            others += now
            if account is not state.house.insurance:
                amounts.append((name, amount))
    _realise(state.house.account, instrument, -others, keep=keep)
    return amounts


def _realise(account: Account, instrument: Instrument, now: Decimal, *, keep: bool) -> Decimal:
    holding = account.holding(instrument.id)
    # an option was paid for when it was bought: its whole worth comes back, not its profit
    amount = profit(instrument, holding.basis, now) if instrument.margined else now
    account.keep(instrument.id, Holding(holding.quantity, now) if keep else Holding())
    add(account.cash, instrument.settle, amount)
    return amount
