"""Outside: what is held where no venue of ours sees it, told by files or by the settings.

A file tells all that it tells at one moment, so it is taken whole: a step in
which coins had left and the option for them had not arrived would be hedged.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

from rebalancer.core import adopting
from rebalancer.core.events import Index, OutsideTold, PositionReport
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.ledger import Ledger
from rebalancer.core.quotes import Markets

OUTSIDE = "outside"  # account of what the settings tell


def account_of(source: str) -> str:
    """Return the account that a file's holdings are kept under."""
    return f"{OUTSIDE}:{source}"


def is_outside(account: str) -> bool:
    """Whether an account is on no venue of ours."""
    return account.partition(":")[0] == OUTSIDE


def take(
    ledger: Ledger,
    event: OutsideTold,
    instruments: Mapping[str, Instrument],
    markets: Markets,
    index: Callable[[str], Index | None],
) -> tuple[str, ...]:
    """Take what a source tells as the truth.

    Args:
        ledger: Is written.
        event: All that the source tells.
        instruments: By id.
        markets: Marks that what is new is entered at.
        index: By underlying, for what has no mark.

    Returns:
        Ids that nobody describes; they are left out.
    """
    account, lost = account_of(event.source), list[str]()
    for held in event.held:
        instrument = instruments.get(held.instrument)
        if instrument is None:
            lost.append(held.instrument)
        elif instrument.expiry is None or instrument.expiry > event.ts_local:
            told = (account, held.instrument, held.quantity)
            report = PositionReport(event.ts_local, event.as_of, *told)
            if _held(ledger, account, instrument) != held.quantity:  # what stays keeps its entry
                price = _entry(instrument, markets, index(instrument.underlying))
                adopting.adopt(ledger, report, instrument, price)
    return tuple(lost)


def _held(ledger: Ledger, account: str, instrument: Instrument) -> Decimal:
    if instrument.kind is Kind.CASH:
        return ledger.balance(account, instrument.settle)
    return ledger.position(account, instrument.id).quantity


def _entry(instrument: Instrument, markets: Markets, index: Index | None) -> Decimal:
    """Return what a holding is entered at, for show: its mark or the index, else a tick."""
    mark = markets.options.get(instrument.id)
    if instrument.kind is Kind.OPTION:
        return instrument.tick if mark is None or mark.price <= 0 else mark.price
    return instrument.tick if index is None else index.price
