"""A whole book at a venue without a package: the daemon itself, live, by a profile as data."""

import asyncio
import contextlib
from decimal import Decimal

import pytest

from rebalancer.errors import ConfigError
from rebalancer.runtime.clock import WallClock
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.settings import load, resolve
from rebalancer.storage.memory import MemoryJournal
from rebalancer.venues.credentials import Credentials, Secret
from rebalancer.venues.profiles import profile_of
from rebalancer.wiring import Surrounding
from rebalancer.wiring.live import live
from tests.runtime.stage import Lines
from tests.venues import hyperliquid, krakenfutures, standin

pytestmark = pytest.mark.waits(12)

D = Decimal
CONFIG = """
[book]
id = "small"
mode = "live"

[venues.{venue}]
account = "{account}"
credentials = "none"
loopback = "{address}"
leverage = 5
tiers = [[0, 0.01]]
profile = {{ finished = {finished} }}

[underlyings.BTC]
numeraire = "usd"
hedge = ["{hedge}"]
band = {{ kind = "fixed", lower = -0.02, upper = 0.02, reset = 1.0, min_interval = "1s" }}
limits = {{ order = 5, position = 50, net_delta = 2 }}

[limits]
leverage = 50
turnover_per_day = 1e9
loss_per_day = 1e9
drawdown = 1e9

[[holdings]]
instrument = "outside:BTC"
quantity = "0.3"
role = "outside"

[[instruments]]
id = "{hedge}"
kind = "perpetual"
underlying = "BTC"
settle = "{settle}"
lot = "{lot}"
tick = "{tick}"

[guards.staleness]
quote = "5s"
index = "5s"
mark = "5s"
"""


class AtHyperliquid:
    """What is said on its websocket once a second and more."""

    module, account = hyperliquid, hyperliquid.WALLET
    keys = (hyperliquid.WALLET, hyperliquid.SECRET)

    def __init__(self):
        self.venue = hyperliquid.Hyperliquid("100000")

    async def say(self):
        levels = [[{"px": "64999.0", "sz": "5", "n": 1}], [{"px": "65001.0", "sz": "5", "n": 1}]]
        await self.venue.say("l2Book", {"coin": "BTC", "time": standin.now(), "levels": levels})
        context = hyperliquid.CONTEXT
        await self.venue.say("activeAssetCtx", {"coin": "BTC", "ctx": context})


class AtKraken:
    """What is said on its websocket once a second and more."""

    module, account = krakenfutures, krakenfutures.UID
    keys = (krakenfutures.KEY, krakenfutures.SECRET)

    def __init__(self):
        self.venue = krakenfutures.Kraken()

    async def say(self):
        changes = {"time": standin.now(), "next_funding_rate_time": standin.now() + 60_000}
        await self.venue.say(krakenfutures.TICKER | changes)


def configured(folder, at, address, *, finished=True):
    """Return the settings of a book whose hedge the configuration itself describes."""
    perp = at.module.PERP
    text = CONFIG.format(
        venue=perp.venue,
        account=at.account,
        address=address,
        finished=str(finished).lower(),
        hedge=perp.id,
        settle=perp.settle,
        lot=perp.lot,
        tick=perp.tick,
    )
    path = folder / "book.toml"
    path.write_text(text)
    return load(path)


async def speak(at):
    """Say the market again and again, to whoever is connected."""
    while True:
        with contextlib.suppress(IndexError, ConnectionError):
            await at.say()
        await asyncio.sleep(0.2)


@pytest.mark.parametrize("kind", [AtHyperliquid, AtKraken], ids=["hyperliquid", "krakenfutures"])
async def test_book_is_hedged_and_its_books_agree(kind, tmp_path):
    """Coins that lie elsewhere are hedged into the band; ledger and venue end equal."""
    at = kind()
    perp = at.module.PERP
    async with standin.serving(at.venue.handle, at.venue.stream) as (_, address):
        settings = configured(tmp_path, at, address)
        log, clock = Lines(), WallClock()
        around = Surrounding(
            clock, MemoryJournal(), log, None, "test", randomness=SeededRandomness(1)
        )
        keys = {perp.venue: Credentials(*(Secret(each) for each in at.keys))}
        running = await live(settings, resolve(settings), keys, around)
        talking = asyncio.ensure_future(speak(at))
        ending = asyncio.ensure_future(running.daemon.run())
        try:
            for _ in range(300):
                await asyncio.sleep(0.1)
                held = at.venue.linear.quantity
                if (
                    held
                    and running.engine.state.ledger.position(perp.venue, perp.id).quantity == held
                ):
                    break
            at.venue.linear.fund(D("-1.25"))
            for _ in range(100):
                await asyncio.sleep(0.1)
                ledger = running.engine.state.ledger
                if ledger.funding:
                    break
        finally:
            running.stop.ask()
            await asyncio.wait_for(ending, 40)
            talking.cancel()
        linear, ledger = at.venue.linear, running.engine.state.ledger

        assert abs(D("0.3") + linear.quantity) <= D("0.02"), log.said
        assert linear.quantity == ledger.position(perp.venue, perp.id).quantity
        assert abs(linear.cash - ledger.balance(perp.venue, perp.settle)) < D("1e-6")
        assert 1 == len(linear.orders)
        assert [] == [each for each in log.said if each[0] == "error" or each[1] == "feed.lost"]


@pytest.mark.parametrize("kind", [AtHyperliquid, AtKraken], ids=["hyperliquid", "krakenfutures"])
def test_shipped_profile_is_not_finished(kind, tmp_path):
    """Nobody has proved it at the venue itself: whoever has says so in the configuration."""
    at = kind()
    name = at.module.PERP.venue
    settings = configured(tmp_path, at, "http://127.0.0.1:1", finished=False)
    with pytest.raises(ConfigError, match=f"venues.{name}.*not finished"):
        profile_of(name, settings.book.mode, settings.venues[name].profile)
    settings = configured(tmp_path, at, "http://127.0.0.1:1")
    assert profile_of(name, settings.book.mode, settings.venues[name].profile).finished
