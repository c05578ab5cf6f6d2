"""Channels: what a subscription is of, and which one its words mean."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rebalancer.core.instruments import Kind
from rebalancer.simulation.okx.desk import Desk, family
from rebalancer.simulation.tape import Seen

OF_ONE = ("bbo-tbt", "books", "tickers", "trades", "mark-price", "funding-rate", "open-interest")
PRIVATE = ("orders", "account", "positions")
AT_ONCE = ("bbo-tbt",)  # the others speak ten times a second
ANY = "ANY"


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel that somebody listens to."""

    name: str  # as faults know it
    kind: str
    subject: str  # instrument id, index, family or type
    arg: Mapping[str, str]  # as it was asked for

    @property
    def private(self) -> bool:
        """Whether it is about an account."""
        return self.kind in PRIVATE

    def concerns(self, seen: Seen) -> bool:
        """Whether a change of an instrument is told by it."""
        if self.kind == "opt-summary":
            contract = seen.instrument
            return contract.kind is Kind.OPTION and family(contract) == self.subject
        return seen.instrument.id == self.subject


def parse(desk: Desk, arg: Mapping[str, Any]) -> Channel | None:
    """Return the channel that is asked for, None where there is none."""
    kind = str(arg.get("channel"))
    told = {name: str(value) for name, value in arg.items()}
    if kind in PRIVATE:
        return Channel(kind, kind, told.get("instType", ANY), told)
    name = told.get("instId") or told.get("instFamily") or ""
    if kind == "opt-summary":
        families = {family(each.instrument): None for each in desk.listed({"instType": "OPTION"})}
        subject = name if name in families else ""
    elif kind == "index-tickers":
        subject = name if name.partition("-")[0] in desk.place.tape.indexes else ""
    else:
        seen = desk.find(name) if kind in OF_ONE else None
        subject = "" if seen is None else seen.instrument.id
        if kind == "funding-rate" and seen and seen.instrument.kind is not Kind.PERPETUAL:
            subject = ""
    return Channel(f"{kind}:{name}", kind, subject, told) if subject else None
