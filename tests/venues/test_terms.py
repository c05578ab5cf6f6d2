"""What a held contract is, by the venue and by us: one that nobody named is looked at too."""

from decimal import Decimal

import pytest

from rebalancer.core.events import PositionReport, Unfit
from rebalancer.errors import ConfigError
from rebalancer.settings.catalogue import known
from rebalancer.venues.hold import VenueHold
from rebalancer.venues.listings import ListingWatch, Seat
from rebalancer.venues.live import LiveVenue, described, describing
from rebalancer.venues.okx.profile import OKX
from rebalancer.venues.terms import mistaken
from tests.runtime.stage import Lines
from tests.simulation.okx_fair import CALL, INSTRUMENTS, INVERSE, make
from tests.venues.okx_loopback import at

D = Decimal
TEN = {CALL: {"ctMult": "0.1"}}  # as the venue had them before


async def opened(served, *held):
    """Return an OKX account that holds ten of each."""
    async with at(served) as desk:
        reports = [PositionReport(1, None, "okx", each, D(10), None) for each in held]
        line = desk.line
        return LiveVenue("okx", desk.venue, line.connection, line, {}, reports, 0)


@pytest.mark.proves("okx", "amounts", "loopback")
async def test_a_held_option_that_is_ten_times_as_large():
    """The settings name none of it, and the account holds it: the start is refused by name."""
    named = {INVERSE: INSTRUMENTS[INVERSE]}
    async with make() as served:
        plain = await opened(served, CALL)
        served.host.desk.retold.update(TEN)
        large = await opened(served, CALL)

    assert D("0.01") == described(plain, named, Lines())[CALL].size
    with pytest.raises(ConfigError, match=r"\[\[instruments\]\].*size 0\.1 and not 0\.01"):
        described(large, named, Lines())


async def test_one_that_is_met_later():
    """Nobody describes it where the venue's terms are others; what is not listed yet is known."""
    log = Lines()
    async with make() as served:
        served.host.desk.retold.update(TEN)
        describe = describing({"okx": await opened(served)}, log)

    assert describe(CALL) is None
    assert ["reconcile.differed"] == [event for _, event, _ in log.said]
    later = "okx:BTC-USD-280630-100000-C"
    assert known(later) == describe(later) is not None
    assert "USDT" == describe("okx:USDT").settle
    assert describe("okx:DOGE-USD-280630-1-C") is None
    assert known("deribit:BTC-PERPETUAL") == describe("deribit:BTC-PERPETUAL")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"settle": "USDC"}, "settle USDC and not BTC"),
        ({"contractSize": 10}, "size 0.10 and not 0.01"),
        ({"contractSize": None}, "size None and not 0.01"),
        ({"expiry": 5}, "expiry 5 and not"),
        ({"strike": 1}, "strike 1 and not"),
        ({"optionType": "put"}, "type put and not call"),
    ],
)
async def test_terms(change, told):
    """Each that its worth hangs on is told; lots and ticks are not."""
    async with make() as served:
        listed = (await opened(served)).connection.exchange.markets.values()
    own = next(each for each in listed if CALL == f"okx:{each['id']}")

    assert mistaken(INSTRUMENTS[CALL], listed, OKX) is None
    assert told in (mistaken(INSTRUMENTS[CALL], [{**own, **change}], OKX) or "")
    finer = {**own, "precision": {"amount": 5, "price": 7}}
    assert mistaken(INSTRUMENTS[CALL], [finer], OKX) is None


@pytest.mark.parametrize(("told", "what"), [("0.1", "is 0.1"), ("", "no ctMult is told")])
@pytest.mark.proves("okx", "listing", "loopback")
async def test_the_first_look_at_a_contract(told, what):
    """One that was listed after the start is looked at by itself, and held against what we know."""
    said = []
    async with make() as served, at(served) as desk:
        served.host.desk.retold[CALL] = {"ctMult": told}
        line = desk.line
        hold = VenueHold(line.connection, OKX, [INSTRUMENTS[INVERSE]], line.clock, said.append)
        seat = Seat(line.connection, OKX, line.budget, line.clock, Lines(), hold)
        watch = ListingWatch(seat, [INVERSE], INSTRUMENTS, {})
        watch.hold([CALL], INSTRUMENTS)
        await watch.look(said.append)

    ((instrument, how, why),) = [(each.instrument, each.how, each.what) for each in said]
    assert (CALL, Unfit.CHANGED) == (instrument, how)
    assert what in why
