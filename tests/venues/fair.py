"""A fair: one paper venue with two perpetuals and an option, its market moved by hand."""

from decimal import Decimal

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.exchange.exchange import Exchange, OpeningAccount, OpeningPosition
from rebalancer.exchange.fees import FeeSchedule
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import MarketClock, run_market
from rebalancer.venues.paper import Depth, Latency, PaperMarket, PaperVenue, holdings
from rebalancer.venues.past import Past
from rebalancer.venues.streams import Stream
from tests.runtime.stage import Lines

D = Decimal
START = 1_769_757_300 * SECOND  # 2026-01-30 07:15 UTC
EXPIRY = 1_769_760_000 * SECOND  # 08:00 of that day
LATENCY = 40_000_000  # ns

PERP = Instrument("fair:BTC-PERP", Kind.PERPETUAL, "BTC", "BTC", D(10), D(1), D(1), D("0.5"))
LINEAR = Instrument(
    "fair:BTCUSDT", Kind.PERPETUAL, "BTC", "USDT", D(1), D("0.001"), D("0.001"), D("0.1")
)
CALL = Instrument(
    *("fair:BTC-CALL", Kind.OPTION, "BTC", "BTC", D(1), D("0.1"), D("0.1"), D("0.0001")),
    *(EXPIRY, D(90_000), 1),
)
LISTED = (PERP, LINEAR, CALL)
BID, ASK, SIZE = D("99999.9"), D("100000.1"), D(2)


class Fair:
    """The venue, its model, and what it told; built inside an event loop.

    Args:
        clock: Market time.
        positions: (instrument, quantity, entry) that the account begins with.
        mischance: Says when its market data freeze; None: never.
    """

    def __init__(self, clock, positions=(), mischance=None):
        fees = FeeSchedule(D(0), D("0.0005"))
        opened = tuple(OpeningPosition(each.id, D(size), D(at)) for each, size, at in positions)
        account = OpeningAccount("fair", {"USDT": D(1_000_000), "BTC": D(10)}, opened)
        self.clock, self.log = clock, Lines()
        self.delivered, self.booked = [], []
        self.exchange = Exchange(LISTED, dict.fromkeys(Kind, fees), (account,))
        self.past = Past(lambda: holdings(self.exchange, "fair"), clock.now())
        streams = {} if mischance is None else {"fair": Stream(mischance, clock)}
        self.accounts = {}  # who hears first of what is booked there
        self.market = PaperMarket(
            *({"fair": self.exchange}, self.log, self.hear, streams, self.accounts)
        )
        self.venue = self.open_venue(self.delivered.append)
        self.move(Depth(LINEAR.id, ((BID, SIZE),), ((ASK, SIZE),)))

    def hear(self, record):
        """Take note of what the model booked."""
        self.booked.append(record)
        self.past.note(record.ts)

    def open_venue(self, deliver):
        """Return a way into the account whose events go there."""
        latency = Latency(LATENCY, LATENCY)
        return PaperVenue("fair", self.exchange, self.clock, latency, deliver, self.hear)

    def move(self, item):
        """Let the market do something now."""
        self.market.move(self.clock.now(), item, self.delivered.append)


def visit(story, positions=(), mischance=None):
    """Run a story on a fair under a market clock; return the fair."""
    clock = MarketClock(START)

    async def main():
        fair = Fair(clock, positions, mischance)
        await story(fair)
        return fair

    return run_market(clock, main())
