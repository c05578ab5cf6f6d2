"""Channels: what a subscription is of, and which one a name means."""

import re
from dataclasses import dataclass
from enum import StrEnum

from rebalancer.simulation.deribit.desk import Desk, index_name, kind
from rebalancer.simulation.tape import Seen

CADENCES = ("raw", "100ms", "agg2")


class Family(StrEnum):
    """What a channel carries."""

    TICKER = "ticker"
    QUOTE = "quote"
    BOOK = "book"
    GROUPED = "grouped"  # the best levels, whole each time
    TRADES = "trades"
    PERPETUAL = "perpetual"
    INDEX = "deribit_price_index"
    OPTION_MARKS = "markprice.options"
    STATE = "instrument.state"
    ORDERS = "user.orders"
    FILLS = "user.trades"
    CHANGES = "user.changes"
    PORTFOLIO = "user.portfolio"


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel that somebody listens to."""

    name: str
    family: Family
    subject: str  # instrument id, index name, or "" for what is chosen by kind and currency
    cadence: str = "raw"
    kind: str = "any"
    currency: str = "any"
    depth: int = 20

    @property
    def private(self) -> bool:
        """Whether it is about an account."""
        return self.family.value.startswith("user.")

    def takes(self, seen: Seen) -> bool:
        """Whether an instrument belongs to it."""
        contract = seen.instrument
        if self.subject:
            return contract.id == self.subject
        settled = self.currency in ("any", contract.settle.lower())
        return settled and self.kind in ("any", kind(contract))


_ONE = re.compile(r"(ticker|book|trades|perpetual)\.([^.]+)\.(raw|100ms|agg2)")
_GROUPED = re.compile(r"book\.([^.]+)\.(none|[0-9]+)\.(1|10|20)\.(100ms|agg2)")
_USER = re.compile(r"user\.(orders|trades|changes)\.(.+)\.(raw|100ms|agg2)")


def parse(desk: Desk, name: str) -> Channel | None:
    """Return the channel of this name, None where there is none."""
    if found := _ONE.fullmatch(name):
        subject = _instrument(desk, found[2])
        return Channel(name, Family(found[1]), subject, found[3]) if subject else None
    if found := _GROUPED.fullmatch(name):
        subject, depth = _instrument(desk, found[1]), int(found[3])
        return Channel(name, Family.GROUPED, subject, "100ms", depth=depth) if subject else None
    if found := _USER.fullmatch(name):
        return _user(desk, name, found)
    return _other(desk, name)


def _other(desk: Desk, name: str) -> Channel | None:
    """Return a channel whose name has no cadence, or is of many instruments."""
    family, subject, cadence, wanted, currency = None, "", "100ms", "any", "any"
    match name.split("."):
        case ["quote", instrument] if subject := _instrument(desk, instrument):
            family = Family.QUOTE
        case ["deribit_price_index", index] if index in _indexes(desk):
            family, subject = Family.INDEX, index
        case ["markprice", "options", index] if index in _indexes(desk):
            family, subject = Family.OPTION_MARKS, index
        case ["instrument", "state", wanted, currency]:
            family, cadence = Family.STATE, "raw"
        case ["trades", wanted, currency, cadence] if cadence in CADENCES:
            family = Family.TRADES
        case ["user", "portfolio", currency]:
            family, cadence = Family.PORTFOLIO, "raw"
    if family is None:
        return None
    return Channel(name, family, subject, cadence, wanted, currency.lower())


def _user(desk: Desk, name: str, found: re.Match[str]) -> Channel | None:
    family, cadence = Family(f"user.{found[1]}"), found[3]
    subject = _instrument(desk, found[2])
    if subject:
        return Channel(name, family, subject, cadence)
    wanted, dot, currency = found[2].partition(".")
    if not dot or wanted not in ("any", "future", "option", "spot"):
        return None
    return Channel(name, family, "", cadence, wanted, currency.lower())


def _instrument(desk: Desk, name: str) -> str:
    """Return the id of a native name, "" where there is none."""
    known = f"{desk.place.setup.venue}:{name}"
    return known if known in desk.place.tape.seen else ""


def _indexes(desk: Desk) -> set[str]:
    return {index_name(each.instrument) for each in desk.place.tape.seen.values()}
