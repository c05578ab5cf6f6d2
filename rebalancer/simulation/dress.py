"""A book in live dress against a venue on this machine, and its ledger held against the truth."""

from collections.abc import Mapping
from decimal import Decimal

from rebalancer.settings import Settings
from rebalancer.settings.models import Mode
from rebalancer.simulation.loopback import Loopback
from rebalancer.wiring import Running

UID = 12345  # of the account at the venue
SMALLEST = Decimal("1e-12")  # of a currency: nothing finer is booked


def in_live_dress(settings: Settings, venue: str, address: str) -> Settings:
    """Return the settings of a book that trades for money, with a venue on this machine."""
    book = settings.book.model_copy(update={"mode": Mode.LIVE})
    told = {"loopback": address, "account": str(UID), "credentials": "loopback"}
    own = settings.venues[venue].model_copy(update=told)
    return settings.model_copy(update={"book": book, "venues": {venue: own}, "holdings": ()})


def differences(running: Running, loopback: Loopback, venue: str) -> dict[str, Decimal]:
    """Return where the ledger and the venue's own books disagree: ledger less venue."""
    ledger, place = running.engine.state.ledger, loopback.place
    found: dict[str, Decimal] = {}
    for currency, balance in place.balances(venue).items():
        apart = ledger.balance(venue, currency) - balance
        if abs(apart) > SMALLEST:
            found[currency] = apart
    truth: Mapping[str, Decimal] = place.positions(venue)
    names = {name for holder, name in ledger.positions if holder == venue}
    for name in sorted({*truth, *names}):
        apart = ledger.position(venue, name).quantity - truth.get(name, Decimal(0))
        if apart:
            found[name] = apart
    return found
