"""What a live start refuses: an account, a key or a market that is not what the settings say."""

import time
from dataclasses import replace

import pytest

from rebalancer.errors import ConfigError, Unavailable
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import WallClock
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.settings import resolve
from rebalancer.simulation.dress import UID
from rebalancer.simulation.key import Key
from rebalancer.simulation.menu import PERP, VENUE
from rebalancer.storage.memory import MemoryJournal
from rebalancer.venues.credentials import Credentials, Secret
from rebalancer.venues.outcome import KeyRefused
from rebalancer.wiring import Surrounding
from rebalancer.wiring.live import live
from tests.runtime.stage import Lines
from tests.simulation.test_restart import venue

OWNER = Key("owner", "owner", VENUE, UID, withdraws=True)


async def begin(loopback, settings, key="loopback", secret="loopback", more=(), ahead=0):
    """Try to begin, and see that nothing was sent and nothing kept."""
    clock, journal = WallClock(lambda: time.time_ns() + ahead), MemoryJournal()
    around = Surrounding(clock, journal, Lines(), None, "test", randomness=SeededRandomness(1))
    keys = {VENUE: Credentials(Secret(key), Secret(secret))}
    instruments = resolve(settings) | {each.id: each for each in more}
    try:
        await live(settings, instruments, keys, around)
    finally:
        assert [] == list(loopback.place.orders(VENUE))
        assert [] == list(journal.read())


def changed(settings, **told):
    """Return settings whose venue is told something else."""
    own = settings.venues[VENUE].model_copy(update=told)
    return settings.model_copy(update={"venues": {VENUE: own}})


async def test_another_account():
    """A key for another account than the one that is pinned is refused by its uid."""
    async with venue() as (loopback, settings):
        with pytest.raises(ConfigError, match=f"account must be uid 999.*{UID}") as caught:
            await begin(loopback, changed(settings, account="999"))
    assert 78 == caught.value.exit_code


async def test_a_wrong_key():
    """A key that the venue does not take is an error of its own, and shows no secret."""
    async with venue() as (loopback, settings):
        with pytest.raises(KeyRefused) as caught:
            await begin(loopback, settings, secret="wrong-secret-4711")
    assert 77 == caught.value.exit_code
    assert "4711" not in str(caught.value)


async def test_a_key_that_can_withdraw():
    """A key that can take coins away trades nothing."""
    async with venue(OWNER) as (loopback, settings):
        with pytest.raises(ConfigError, match=r"permission\.withdraw must be wallet:none"):
            await begin(loopback, settings, "owner", "owner")


async def test_another_margin_mode():
    """An account that is margined in another way than the settings reckon with is refused."""
    async with venue() as (loopback, settings):
        with pytest.raises(ConfigError, match=r"margin\.BTC must be portfolio"):
            await begin(loopback, changed(settings, margin="portfolio"))


async def test_a_market_that_is_something_else():
    """A contract whose lot is not the one that the settings reckon with is not traded."""
    async with venue() as (loopback, settings):
        perp = resolve(settings)[PERP]
        with pytest.raises(ConfigError, match=f"instrument.{PERP} must be lot"):
            await begin(loopback, settings, more=[replace(perp, lot=perp.lot * 10)])


async def test_a_market_that_is_not_there():
    """A contract that the venue does not trade is refused by name."""
    async with venue() as (loopback, settings):
        gone = replace(resolve(settings)[PERP], id="deribit:BTC-GONE")
        with pytest.raises(ConfigError, match=r"BTC-GONE must be traded there"):
            await begin(loopback, settings, more=[gone])


@pytest.mark.parametrize("seconds", [-3600, -3, 3, 3600])
async def test_a_clock_that_is_wrong(seconds):
    """It is no fault of the settings: whoever supervises starts again, until time is mended."""
    async with venue() as (loopback, settings):
        with pytest.raises(Unavailable, match="clock must be within 250 ms") as caught:
            await begin(loopback, settings, ahead=seconds * SECOND)
    assert 75 == caught.value.exit_code
