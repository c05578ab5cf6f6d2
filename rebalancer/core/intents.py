"""Intents: orders that somebody would like to send, in contracts, with what guards treat apart."""

from decimal import Decimal

from rebalancer.core import gate, sizing
from rebalancer.core.commands import Purpose
from rebalancer.core.decision import HedgeIntent
from rebalancer.core.exposure import delta_per_contract
from rebalancer.core.instruments import Instrument
from rebalancer.core.params import Params
from rebalancer.core.protect import Cut
from rebalancer.core.state import State
from rebalancer.core.view import View


def price_of(state: State, params: Params, instrument: Instrument, view: View) -> float:
    """Return the price that a hedge is sized by, USD per coin."""
    return gate.reference(state, params, instrument, view.price) or view.price


def to_hedge(
    state: State, params: Params, view: View, instrument: Instrument, quantity: Decimal
) -> HedgeIntent:
    """Return the intent of a hedge.

    Args:
        state: What is held.
        params: Settings of the book.
        view: The underlying.
        instrument: To hedge with.
        quantity: Contracts, signed.
    """
    price, own = price_of(state, params, instrument, view), view.params
    per_contract = delta_per_contract(instrument, price, view.price, own)
    held = state.ledger.position(instrument.venue, instrument.id).quantity
    split = sizing.parts(quantity, held, view.exposure.net, per_contract, own.limits.net_delta)
    return HedgeIntent(
        purpose=Purpose.HEDGE,
        underlying=own.name,
        account=instrument.venue,
        instrument=instrument.id,
        quantity=quantity,
        position=held,
        closing=split.closing,
        hedging=split.hedging,
        required=split.required,
        delta_per_contract=per_contract,
        price=sizing.worst_price(instrument, price, params.collar.width, quantity > 0),
    )


def to_protect(state: State, params: Params, view: View, cut: Cut) -> HedgeIntent:
    """Return the intent of an order that brings an account clear of its liquidation.

    Each that filled nothing lets the next pay twice as much, up to what book and
    index may lie apart: a gap between mark and book must not block it for ever.
    """
    instrument, mark, size = cut.instrument, cut.mark, abs(cut.quantity)
    collar, failed = params.collar, state.memory[view.params.name].cuts_failed
    width = collar.width * collar.protect_factor * 2 ** min(failed, 10)
    width = min(width, max(collar.index_width, collar.width * collar.protect_factor))
    per_contract = delta_per_contract(instrument, mark, view.price or mark, view.params)
    held = state.ledger.position(instrument.venue, instrument.id).quantity
    return HedgeIntent(
        purpose=Purpose.PROTECT,
        underlying=view.params.name,
        account=instrument.venue,
        instrument=instrument.id,
        quantity=cut.quantity,
        position=held,
        closing=size,
        hedging=sizing.parts(cut.quantity, held, view.exposure.net, per_contract, 0.0).hedging,
        required=size,
        delta_per_contract=per_contract,
        price=sizing.worst_price(instrument, mark, width, cut.quantity > 0),
    )
