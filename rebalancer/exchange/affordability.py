"""Whether an account can pay for an order: margin for what it opens, cash for what is paid in full.

What brings a position nearer to zero is always affordable: nobody is kept from
reducing. Everything else must leave the pool with its initial margin, after
the fee and after what the order loses to the mark as it fills.
"""

from decimal import Decimal

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.exchange import bands, fees
from rebalancer.exchange.accounts import Account
from rebalancer.exchange.book import walk
from rebalancer.exchange.contracts import cost, profit
from rebalancer.exchange.exact import ZERO
from rebalancer.exchange.orders import Order
from rebalancer.exchange.pools import prices_of, shared, stand
from rebalancer.exchange.records import RejectReason
from rebalancer.exchange.requirements import at_leverage
from rebalancer.exchange.state import State, Working


def shortage(state: State, order: Order, replaced: Working | None = None) -> RejectReason | None:
    """Return why an order cannot be paid for; None when it can.

    Args:
        state: Is read.
        order: Well-formed, for an instrument with a book.
        replaced: The open order in whose place it comes (an amendment).
    """
    account = state.accounts[order.account]
    if account.terms is None:
        return None
    instrument = state.instruments[order.instrument]
    quantity = order.quantity - (ZERO if replaced is None else replaced.filled)
    others = [each for each in state.open_orders(order.account) if each != replaced]
    if _reduces(account, instrument, quantity, others) or order.reduce_only:
        return None
    if instrument.kind is Kind.SPOT and quantity < 0:
        return RejectReason.INSUFFICIENT_BALANCE  # it would sell more than is held
    pending = Working(order, "", order.quantity - quantity)
    standing = stand(state, account, shared(account, instrument.settle), orders=[*others, pending])
    if standing is None:
        return RejectReason.NO_MARK
    charged = _charged(state, order, instrument, quantity)
    if standing.free < charged:
        spot = instrument.kind is Kind.SPOT
        return RejectReason.INSUFFICIENT_BALANCE if spot else RejectReason.INSUFFICIENT_MARGIN
    return None


def _reduces(
    account: Account, instrument: Instrument, quantity: Decimal, others: list[Working]
) -> bool:
    """Whether an order, with the open ones of its side, only brings a position nearer to zero."""
    held = account.holding(instrument.id).quantity
    same = (
        each.remaining
        for each in others
        if each.order.instrument == instrument.id and each.remaining * quantity > 0
    )
    return held * quantity < 0 and abs(quantity + sum(same, ZERO)) <= abs(held)


def _charged(state: State, order: Order, instrument: Instrument, quantity: Decimal) -> Decimal:
    """Return fee and loss to the mark of an order as the book stands, in its pool's unit.

    What does not fill at once is taken at its limit, a market order's at the
    last price there is. What is paid in full, or locked for an isolated
    position, is reserved at the mark where an order has no limit: beyond that
    it counts here.
    """
    account, book = state.accounts[order.account], state.books[order.instrument]
    limit = bands.worst(state, order)
    levels, _ = walk(book, quantity, limit, instrument.lot)
    left = abs(quantity) - sum((size for _, size in levels), ZERO)
    price = order.price if order.price is not None else (levels[-1][0] if levels else None)
    if order.price is None and limit is not None:
        left = ZERO  # it stops at the venue's band
    deals = [*levels, *([(price, left)] if left and price is not None else [])]
    index = state.indexes.get(instrument.underlying)
    schedule = fees.at_volume(state.fees[instrument.id], account.volumes, state.now)
    mark = state.marks.get(instrument.id)
    total = ZERO
    for at, size in deals:
        signed = size.copy_sign(quantity)
        total += max(fees.charge(schedule, instrument, signed, at, index, maker=False), ZERO)
        if mark and (instrument.margined or order.price is None):
            gain = profit(instrument, cost(instrument, signed, at), cost(instrument, signed, mark))
            total += max(-gain, _locked_beyond(account, instrument, signed, at, mark))
    rate = prices_of(state).usd(instrument.settle) or Decimal(1)
    return total * rate if shared(account, instrument.settle).together else total


def _locked_beyond(
    account: Account, instrument: Instrument, quantity: Decimal, price: Decimal, mark: Decimal
) -> Decimal:
    """Return by how much a fill locks more margin than it would at the mark; >= 0."""
    if account.terms is None or account.terms.leverage is None or not account.isolates(instrument):
        return ZERO
    leverage = account.terms.leverage
    there = at_leverage(instrument, quantity, price, leverage)
    return max(there - at_leverage(instrument, quantity, mark, leverage), ZERO)
