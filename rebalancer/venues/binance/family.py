"""The family: where each of Binance's three venues is asked, and how its streams are cut.

Calls are ccxt's names of the venue's own endpoints. Hosts are those of ccxt 4.5.90's
addresses; USD-M splits its streams into three by what they tell.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from rebalancer.venues.binance.profile import BINANCE_COINM, BINANCE_SPOT, BINANCE_USDM
from rebalancer.venues.profile import Profile
from rebalancer.wire.binance.market import Market


@dataclass(frozen=True, slots=True)
class Venue:
    """One venue of the family."""

    profile: Profile
    private: str  # what the names of its private calls begin with
    public: str  # … of its public ones
    dialect: Market
    prices: str  # path of the socket of best prices and depth
    marks: str  # … of mark, index and trades; the same where they share one
    user: str  # … of the account's stream; `{key}` is the listen key, where there is one
    waiting: str = ""  # what lists orders that wait for a price; empty: the open ones do

    @property
    def name(self) -> str:
        """Ccxt id."""
        return self.profile.venue

    @property
    def margined(self) -> bool:
        """Whether positions are held against margin."""
        return self.dialect is Market.FUTURES

    def call(self, method: str, what: str) -> str:
        """Return the name of a private call, e.g. of `Get` and `Order`."""
        return f"{self.private}{method}{what}"

    def ask(self, what: str) -> str:
        """Return the name of a public question."""
        return f"{self.public}Get{what}"


USDM = Venue(
    profile=BINANCE_USDM,
    private="fapiPrivate",
    public="fapiPublic",
    dialect=Market.FUTURES,
    prices="fstream.binance.com/public/ws",
    marks="fstream.binance.com/market/ws",
    user="fstream.binance.com/private/ws?listenKey={key}",
    waiting="OpenAlgoOrders",
)
COINM = Venue(
    profile=BINANCE_COINM,
    private="dapiPrivate",
    public="dapiPublic",
    dialect=Market.FUTURES,
    prices="dstream.binance.com/ws",
    marks="dstream.binance.com/ws",
    user="dstream.binance.com/ws/{key}",
)
SPOT = Venue(
    profile=BINANCE_SPOT,
    private="private",
    public="public",
    dialect=Market.SPOT,
    prices="stream.binance.com:9443/ws",
    marks="stream.binance.com:9443/ws",
    user="ws-api.binance.com:443/ws-api/v3",
)
FAMILY: Mapping[str, Venue] = {each.name: each for each in (USDM, COINM, SPOT)}
# https://developers.binance.com/docs/binance-spot-api-docs/testnet: spot has one, futures have none
TESTNET = {
    "stream.binance.com:9443/ws": "stream.testnet.binance.vision/ws",
    "ws-api.binance.com:443/ws-api/v3": "ws-api.testnet.binance.vision/ws-api/v3",
}
