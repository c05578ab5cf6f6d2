"""A book on paper in the live market of Binance: heard, filled in the model, and nothing private.

What no stream tells there, the first levels and the interval of funding, is asked for
without a key, against the loopback of each venue.
"""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core.events import FeedStatus, Fill, FundingPaid, FundingRate, Index, Mark, Quote
from rebalancer.exchange.exchange import OpeningAccount
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import WallClock
from rebalancer.settings.catalogue import known
from rebalancer.simulation.loopback import Loopback, open_setup
from rebalancer.simulation.shifted import ShiftedClock
from tests.venues.binance_desk import COINM, FIRST, KEY, LISTED, SPOT, USDM, step
from tests.venues.paper_book import STAMP, book_of, configured, until

pytestmark = pytest.mark.waits(7)

D = Decimal


class AtBinance:
    """A venue of the family; its prices move a little, all the time."""

    more = ""

    def __init__(self, venue, clock):
        self.hedge, self.settle = FIRST[venue], "BTC" if venue == COINM else "USDT"
        self.cash = {"cash": 1} if venue == COINM else {}
        listed = [known(each) for each in LISTED[venue]]
        setup = open_setup(venue, listed, [OpeningAccount("desk", {})])
        self.loopback = Loopback(setup, [KEY], clock)
        self.moves, self.name = 0, venue

    async def say(self, _ms):
        self.moves += 1
        ts = self.loopback.place.now()
        told = step(self.name, ts, self.moves % 5)
        rates = tuple(replace(each, rate=0.001) for each in told.funding_rates)
        self.loopback.place.tell(replace(told, funding_rates=rates))


@pytest.mark.parametrize(
    ("venue", "outside", "gap"),
    [(USDM, "0.3", D("0.3")), (COINM, "0.3", D("1.3")), (SPOT, "-0.3", D("-0.3"))],
)
async def test_hedged_on_paper(venue, outside, gap, tmp_path):
    """Depth is heard, the hedge filled by the model, funding booked at its stamp."""
    clock = ShiftedClock(WallClock(), STAMP - 7 * SECOND)
    at = AtBinance(venue, clock)
    await at.say(0)
    async with at.loopback:
        settings = configured(tmp_path, at, at.loopback.address, outside=outside, **at.cash)
        async with book_of(at, settings, clock) as (running, heard, log):

            def coins():
                held = running.exchanges[venue].position(venue, at.hedge).quantity
                return held * 100 / 100_000 if venue == COINM else held

            def has(kind):
                return [each for each in heard if isinstance(each, kind)]

            assert await until(lambda: abs(gap + coins()) <= D("0.02")), log.said
            assert clock.now() < STAMP
            if venue != SPOT:
                assert await until(lambda: has(FundingPaid)), log.said
        told = {type(each) for each in heard}
        calls = {method for method, _ in at.loopback.server.calls}

    expected = {Quote, Index, Fill} | ({Mark, FundingRate} if venue != SPOT else set())
    assert expected <= told
    assert {8 * 3600 * SECOND} >= {each.interval for each in has(FundingRate)}
    paid = [each.amount for each in has(FundingPaid)]
    worth = -coins() * (1 if venue == COINM else 100_000)
    assert paid == [] if venue == SPOT else abs(paid[0] / (worth * D("0.001")) - 1) < D("0.001")
    assert [] == [each for each in has(FeedStatus) if not each.alive]
    assert [] == [each for each in log.said if each[0] == "error"]
    assert [] == [each for each in calls if each.startswith("signed/") or "listenKey" in each]
    assert any("depth" in each for each in calls)
