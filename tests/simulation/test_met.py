"""What is traded by hand in an instrument that no setting names: met, valued, hedged, let go."""

import asyncio
from decimal import Decimal

from rebalancer.settings.catalogue import known
from rebalancer.simulation.faults import Deed
from rebalancer.simulation.menu import VENUE
from rebalancer.storage.memory import MemoryJournal
from rebalancer.venues.native import NativeFeed
from tests.runtime.stage import Lines
from tests.simulation.test_restart import at_rest, fall, started, until, venue

CALL = "deribit:BTC-31DEC27-120000-C"


def inside(running):
    """Whether net delta is known and lies in its band."""
    told = running.engine.standing.get("BTC")
    return told is not None and told.price and told.lower <= told.net_delta <= told.upper


def options(running):
    """Return the options that the stream follows."""
    (feed,) = (each for each in running.daemon._parts.feeds if isinstance(each, NativeFeed))
    return [f"{VENUE}:{name}" for name in feed._stream._wanted.options]


async def test_an_option_that_nobody_named():
    """Bought by hand it is followed and hedged, nobody has to restart; sold it is let go."""
    log = Lines()
    async with venue(listed=[known(CALL)]) as (loopback, settings):
        running = await started(settings, MemoryJournal(), log)
        state = running.engine.state
        await until(lambda: at_rest(running, loopback) and inside(running))
        sent, before = len(state.orders), len(options(running))
        loopback.host.interfere(Deed(VENUE, CALL, Decimal(4)), by_hand=True)
        await until(lambda: state.ledger.position(VENUE, CALL).quantity == 4)
        await until(lambda: at_rest(running, loopback) and inside(running))
        assert CALL in options(running)
        assert () == state.book("BTC").missing
        assert len(state.orders) > sent
        assert ["instrument.met"] == [each for each in log.events() if each == "instrument.met"]

        loopback.host.interfere(Deed(VENUE, CALL, Decimal(-4)), by_hand=True)
        await until(lambda: not state.ledger.position(VENUE, CALL).quantity)
        await asyncio.sleep(0.1)
        assert before == len(options(running))
        await until(lambda: at_rest(running, loopback) and inside(running))
        await fall(running)

    assert not state.standing.latched
    assert "reconcile.differed" not in log.events()
