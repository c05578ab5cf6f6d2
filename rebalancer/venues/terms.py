"""Terms: what the worth of an instrument hangs on, held against what the venue lists.

A contract that is ten times what it is taken for is a hedge ten times too large. Lots
and ticks are not looked at here: they matter to orders only.
"""

from collections.abc import Iterable
from decimal import Decimal

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.venues.payloads import MILLISECOND, Row, optional
from rebalancer.venues.profile import Profile, Unit
from rebalancer.venues.requests import named, traded

Terms = dict[str, object]  # what → how much of it


def terms(instrument: Instrument, raw: Row, profile: Profile) -> tuple[Terms, Terms]:
    """Return size, settle currency, expiry, strike and type: as we take them, as the venue does.

    Args:
        instrument: Not cash.
        raw: ccxt's market structure of it.
        profile: Of the venue.
    """
    ours: Terms = {"settle": instrument.settle, "size": instrument.size}
    theirs: Terms = {
        "settle": raw.get("quote" if instrument.kind is Kind.SPOT else "settle"),
        "size": _size(instrument, raw, profile),
    }
    if instrument.expiry is not None:
        ours["expiry"] = instrument.expiry // MILLISECOND
        theirs["expiry"] = raw.get("expiry")
    if instrument.strike is not None:
        ours["strike"], theirs["strike"] = instrument.strike, optional(raw, "strike")
        ours["type"] = "call" if instrument.sign > 0 else "put"
        theirs["type"] = raw.get("optionType")
    return ours, theirs


def mistaken(instrument: Instrument, markets: Iterable[Row], profile: Profile) -> str | None:
    """Return how the venue's own terms differ from an instrument's, in words; None: they do not.

    Nor is anything known of what is not among the markets: it was listed later.
    """
    if instrument.kind is Kind.CASH:
        return None
    own = (each for each in markets if traded(each, profile))
    raw = next((each for each in own if named(each, profile) == instrument.name), None)
    if raw is None:
        return None
    ours, theirs = terms(instrument, raw, profile)
    wrong = [name for name in ours if ours[name] != theirs[name]]
    told = ", ".join(f"{name} {theirs[name]} and not {ours[name]}" for name in wrong)
    return told or None


def resized(instrument: Instrument, row: Row, profile: Profile) -> str | None:
    """Return that a contract is not what it is taken for, in words; None where it is.

    Args:
        instrument: As we take it.
        row: What the venue told of it alone, in its own words.
        profile: Of the venue: the fields whose product the contract is.
    """
    fields = profile.listing.size
    if not fields or profile.amounts.get(instrument.kind) is not Unit.CONTRACT:
        return None
    size = Decimal(1)
    for each in fields:
        told = optional(row, each)
        if told is None:
            return f"a contract is taken for {instrument.size}, and no {each} is told"
        size *= told
    same = size == instrument.size
    return None if same else f"a contract is {size}, and was taken for {instrument.size}"


def _size(instrument: Instrument, raw: Row, profile: Profile) -> Decimal | None:
    """Return what a contract is; where amounts are USD or coins, 1, whatever the venue says."""
    if profile.amounts.get(instrument.kind) is not Unit.CONTRACT:
        return Decimal(1)
    size, info = optional(raw, "contractSize"), raw.get("info") or {}
    times = optional(info, profile.multiplier) if profile.multiplier else None
    return size if size is None or times is None else size * times
