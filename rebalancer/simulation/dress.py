"""A book in live dress against a venue on this machine, and its ledger held against the truth."""

from collections.abc import Mapping
from decimal import Decimal

from rebalancer.core.ledger import Ledger
from rebalancer.settings import Settings
from rebalancer.settings.models import Mode
from rebalancer.simulation.loopback import Loopback, Loopbacks
from rebalancer.simulation.place import Place
from rebalancer.wiring import Running

UID = 12345  # of the account at the venue
SMALLEST = Decimal("1e-12")  # of a currency: nothing finer is booked


def in_live_dress(settings: Settings, addresses: Mapping[str, str]) -> Settings:
    """Return the settings of a book that trades for money, at venues on this machine.

    Args:
        settings: Of the book.
        addresses: Venue → where it is played.
    """
    book = settings.book.model_copy(update={"mode": Mode.LIVE})
    venues = {}
    for name, address in addresses.items():
        told = {"loopback": address, "account": str(UID), "credentials": "loopback"}
        venues[name] = settings.venues[name].model_copy(update=told)
    return settings.model_copy(update={"book": book, "venues": venues, "holdings": ()})


def differences(running: Running, loopback: Loopback, venue: str) -> dict[str, Decimal]:
    """Return where the ledger and the venue's own books disagree: ledger less venue."""
    return apart(running.engine.state.ledger, loopback.place, venue)


def apart_of_all(running: Running, played: Loopbacks) -> dict[str, Decimal]:
    """Return where the ledger and the venues' own books disagree, by venue and what is held."""
    return {
        f"{venue} {what}": gap
        for venue, loopback in played.venues.items()
        for what, gap in differences(running, loopback, venue).items()
    }


def apart(ledger: Ledger, place: Place, venue: str) -> dict[str, Decimal]:
    """Return ledger less the venue's own books, by currency and instrument, where they differ."""
    found: dict[str, Decimal] = {}
    for currency, balance in place.balances(venue).items():
        gap = ledger.balance(venue, currency) - balance
        if abs(gap) > SMALLEST:
            found[currency] = gap
    truth: Mapping[str, Decimal] = place.positions(venue)
    names = {name for holder, name in ledger.positions if holder == venue}
    for name in sorted({*truth, *names}):
        gap = ledger.position(venue, name).quantity - truth.get(name, Decimal(0))
        if gap:
            found[name] = gap
    return found
