"""Holdings: what a ledger holds that belongs to one underlying, as an exposure sees it."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from rebalancer.core.instruments import STABLE, Instrument, cash_instrument
from rebalancer.core.ledger import Ledger
from rebalancer.core.lines import Holding
from rebalancer.core.params import Params


def held(
    ledger: Ledger, instruments: Mapping[str, Instrument], params: Params, underlying: str
) -> Iterable[Holding]:
    """Yield what is held that belongs to an underlying; cash without what is set aside."""
    for (_, name), position in ledger.positions.items():
        instrument = instruments[name]
        # Nothing held may still be a hedge against something: the two net to nothing.
        if instrument.underlying == underlying and (position.quantity or position.hedge):
            yield Holding(
                instrument,
                float(position.quantity),
                float(position.basis),
                float(position.hedge),
            )
    for (account, currency), total in ledger.cash.items():
        balance = total - ledger.aside.get((account, currency), Decimal(0))
        if balance and _belongs(params, account, currency) == underlying:
            yield Holding(cash_instrument(account, currency), float(balance), 0.0, 0.0)


def _belongs(params: Params, account: str, currency: str) -> str | None:
    if currency in STABLE:
        return params.cash_underlying.get(f"{account}:{currency}")
    return currency
