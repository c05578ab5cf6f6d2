"""Names: whatever a row calls an instrument, and our id of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rebalancer.settings.profiling import ProfileTable
from rebalancer.venues.connection import Connection
from rebalancer.venues.requests import named, traded


@dataclass(slots=True)
class Names:
    """The instruments of one venue, read off ccxt's markets once those are loaded."""

    account: str
    connection: Connection
    _by_word: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def market(self, told: str) -> Mapping[str, Any] | None:
        """Return ccxt's market of a symbol, an id or an alias; None where there is none."""
        if not self._by_word:
            self._load()
        found = self._by_word.get(told)
        if found is None and self._table is not None and self._table.upper:
            found = self._by_word.get(told.upper())
        return found

    def instrument(self, told: str) -> str:
        """Return the id of an instrument; an unknown one keeps the name that it was told by."""
        market = self.market(told)
        name = told if market is None else named(market, self.connection.profile)
        return f"{self.account}:{name}"

    def elsewhere(self, told: str) -> bool:
        """Whether an instrument belongs to another wallet than the one that is read."""
        market = self.market(told)
        return market is not None and not traded(market, self.connection.profile)

    def of(self, instrument: str) -> Mapping[str, Any]:
        """Return ccxt's market of an instrument id; an empty one where there is none."""
        if not self._by_word:
            self._load()
        return self._by_word.get(instrument, {})

    @property
    def _table(self) -> ProfileTable | None:
        profile = self.connection.profile
        return None if profile is None else profile.table

    def _load(self) -> None:
        profile, table = self.connection.profile, self._table
        for market in (self.connection.exchange.markets or {}).values():
            words = [market["symbol"], market["id"]]
            if traded(market, profile):
                alias = None if table is None else market.get(table.alias)
                words += [f"{self.account}:{named(market, profile)}", alias]
            for word in words:
                if word and (traded(market, profile) or str(word) not in self._by_word):
                    self._by_word[str(word)] = market
