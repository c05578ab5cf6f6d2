"""What a fill, a settlement and a delivery do to an account and to the house."""

from decimal import Decimal

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.errors import DataError
from rebalancer.exchange.accounts import Account, Holding, add, trade
from rebalancer.exchange.contracts import profit, terminal_worth
from rebalancer.exchange.exact import ZERO, positive
from rebalancer.exchange.fees import charge
from rebalancer.exchange.funding import integrate
from rebalancer.exchange.records import ContractDelivered, Deposited, Filled, SessionSettled
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
    integrate(state, instrument)
    paid = _exchange_contracts(state, account, instrument, quantity, price)
    if not instrument.margined:
        add(account.cash, instrument.settle, -paid)
        add(state.house.account.cash, instrument.settle, paid)
    index = state.indexes.get(instrument.underlying)
    fee = charge(state.fees[instrument.id], instrument, quantity, price, index, maker)
    add(account.cash, instrument.settle, -fee)
    add(state.house.fees, instrument.settle, fee)
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
        fee_currency=instrument.settle,
        maker=maker,
    )
    account.fills.append(filled)
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
    _exchange_contracts(state, state.accounts[name], instrument, quantity, entry)


def _exchange_contracts(
    state: State, account: Account, instrument: Instrument, quantity: Decimal, price: Decimal
) -> Decimal:
    """Move contracts from the house to an account and return their worth."""
    worth = _book_side(account, instrument, quantity, price, None)
    _book_side(state.house.account, instrument, -quantity, price, -worth)
    return worth


def _book_side(
    account: Account,
    instrument: Instrument,
    quantity: Decimal,
    price: Decimal,
    worth: Decimal | None,
) -> Decimal:
    """Book one side of a trade, let margined profit into cash, return the trade's worth."""
    before = account.holding(instrument.id)
    after, gain, worth = trade(instrument, before, quantity, price, worth)
    account.keep(instrument.id, after)
    if instrument.margined:
        add(account.cash, instrument.settle, gain)
    return worth


def settle(state: State, instrument: Instrument, price: Decimal) -> tuple[SessionSettled, ...]:
    """Move the open profit of every account into cash; the entry becomes `price`.

    Equity does not change.

    Raises:
        DataError: Not a perpetual or future, or a price that is not positive.
    """
    if not instrument.margined:
        raise DataError(f"{instrument.id}: must be a perpetual or future, was {instrument.kind}")
    settled = []
    for name, amount in _close_out(state, instrument, price, keep=True):
        record_id = state.next_id()
        settled.append(
            SessionSettled(
                state.now, name, instrument.id, record_id, price, amount, instrument.settle
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
    for name, amount in _close_out(state, instrument, price, keep=False):
        record_id = state.next_id()
        delivered.append(
            ContractDelivered(
                state.now, name, instrument.id, record_id, price, amount, instrument.settle
            )
        )
    state.delivered[instrument.id] = state.now
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
    for name, account in state.accounts.items():
        holding = account.holding(instrument.id)
        if holding.quantity:
            now = terminal_worth(instrument, holding.quantity, price)
            amounts.append((name, _realise(account, instrument, now, keep=keep)))
            others += now
    _realise(state.house.account, instrument, -others, keep=keep)
    return amounts


def _realise(account: Account, instrument: Instrument, now: Decimal, *, keep: bool) -> Decimal:
    holding = account.holding(instrument.id)
    # an option was paid for when it was bought: its whole worth comes back, not its profit
    amount = profit(instrument, holding.basis, now) if instrument.margined else now
    account.keep(instrument.id, Holding(holding.quantity, now) if keep else Holding())
    add(account.cash, instrument.settle, amount)
    return amount


def deposit(state: State, name: str, currency: str, amount: Decimal) -> Deposited:
    """Bring cash in, or with a negative amount take it out.

    Raises:
        DataError: The account is unknown, or the amount is no number.
    """
    if not amount.is_finite():
        raise DataError(f"{name} {currency} deposit: must be a number, was {amount}")
    add(state.account(name).cash, currency, amount)
    add(state.house.brought, currency, amount)
    return Deposited(state.now, name, state.next_id(), amount, currency)
