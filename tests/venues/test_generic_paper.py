"""A book on paper at venues without a package: their public market, and not one private word.

Stand-ins speak to unmodified ccxt; the daemon is the one that `run` starts.
"""

import json
import re
from decimal import Decimal
from pathlib import Path

import pytest
from aiohttp import WSMsgType, web

from rebalancer.core.events import FeedStatus, FundingPaid, FundingRate, Index, Mark, Quote
from rebalancer.errors import ConfigError
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import WallClock
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.settings import check, load, resolve
from rebalancer.settings.models import Mode
from rebalancer.simulation.shifted import ShiftedClock
from rebalancer.venues.observed import HOUR, observed
from rebalancer.venues.profiles import profile_of
from tests.runtime.stage import Lines
from tests.venues import hyperliquid, krakenfutures, standin
from tests.venues.paper_book import MILLISECOND, STAMP, book_of, configured, until

D, ROOT = Decimal, Path(__file__).resolve().parents[2]


class AtHyperliquid:
    """What is said there once a second and more; its clock is the book's."""

    hedge, settle, lot, tick, size = "hyperliquid:BTC-PERP", "USDC", "0.00001", "0.1", "1"
    rate, more = D("0.0000125"), ""

    def __init__(self):
        self.venue = hyperliquid.Hyperliquid()
        self.handle, self.stream = self.venue.handle, self.venue.stream

    async def say(self, ms):
        levels = [[{"px": "64999.0", "sz": "5", "n": 1}], [{"px": "65001.0", "sz": "5", "n": 1}]]
        await self.venue.say("l2Book", {"coin": "BTC", "time": ms, "levels": levels})
        await self.venue.say("activeAssetCtx", {"coin": "BTC", "ctx": hyperliquid.CONTEXT})

    def asked(self, server):
        """Return each question by path and what it is about."""
        return {(path, json.loads(body)["type"]) for _, path, _, body in server.seen}

    public = frozenset(
        ("/api.hyperliquid.xyz/info", kind)
        for kind in ("metaAndAssetCtxs", "spotMetaAndAssetCtxs", "spotMeta")
    )
    streams = frozenset({"l2Book", "activeAssetCtx", "trades"})


class AtKraken:
    """What is said there once a second and more; its clock is the book's."""

    hedge, settle, lot, tick, size = "krakenfutures:PF_XBTUSD", "USD", "0.0001", "0.5", "1"
    rate, more = D("0.000012"), ""

    def __init__(self):
        self.venue = krakenfutures.Kraken()
        self.handle, self.stream = self.venue.handle, self.venue.stream

    async def say(self, ms):
        due = STAMP // MILLISECOND if ms * MILLISECOND < STAMP else (STAMP + HOUR) // MILLISECOND
        changes = {"time": ms, "next_funding_rate_time": due}
        await self.venue.say(krakenfutures.TICKER | changes)
        await self.venue.say(krakenfutures.book(ms))

    def asked(self, server):
        return {path for _, path, _, _ in server.seen}

    public = frozenset({"/futures.kraken.com/derivatives/api/v3/instruments"})
    streams = frozenset({"ticker", "trade", "book"})


class AtGate:
    """A venue that only its table in the configuration describes, spoken by its documentation.

    www.gate.com/docs/developers/futures/ws/en: `futures.tickers`, `futures.order_book_update`.
    """

    hedge, settle, lot, tick, size = "gate:BTC_USDT", "USDT", "1", "0.1", "0.0001"
    rate = D("0.0001")
    more = """
[venues.gate.profile]
units = { perpetual = "contract" }
types = ["swap"]
settles = ["USDT"]
options = { fetchMarkets = { types = ["swap"] } }
[venues.gate.profile.stream]
watch = ["watch_ticker", "watch_order_book"]
quotes = "book"
mark = "info.mark_price"
index = "info.index_price"
funding = "info.funding_rate"
funding_interval = "1h"
"""

    def __init__(self):
        self.sockets, self.subscribed, self.number = [], [], 1
        self.venue = self

    async def handle(self, request, _body):
        if request.path.endswith("/futures/usdt/contracts"):
            return web.json_response([CONTRACT])
        if request.path.endswith("/futures/usdt/order_book"):
            sides = {"bids": [{"p": "64999", "s": 50_000}], "asks": [{"p": "65001", "s": 50_000}]}
            return web.json_response({"id": self.number, "current": 1.0, "update": 1.0, **sides})
        return web.json_response([])

    async def stream(self, request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                asked = json.loads(message.data)
                self.subscribed.append(asked["channel"])
                done = {"event": "subscribe", "result": {"status": "success"}, "error": None}
                await socket.send_json({**asked, **done})
        return socket

    async def say(self, ms):
        ticker = {
            "contract": "BTC_USDT",
            "last": "65000",
            "mark_price": "65000",
            "index_price": "64990",
            "funding_rate": "0.0001",
        }
        told = {"time": ms // 1_000, "time_ms": ms, "event": "update"}
        self.number += 1
        change = {"t": ms, "s": "BTC_USDT", "U": self.number, "u": self.number}
        change |= {"b": [{"p": "64999", "s": 50_000}], "a": [{"p": "65001", "s": 50_000}]}
        socket = self.sockets[-1]
        await socket.send_json({**told, "channel": "futures.tickers", "result": [ticker]})
        await socket.send_json({**told, "channel": "futures.order_book_update", "result": change})

    def asked(self, server):
        return {path for _, path, _, _ in server.seen}

    public = frozenset(
        f"/api.gateio.ws/api/v4/{each}"
        for each in (
            *("futures/usdt/contracts", "futures/btc/contracts", "spot/currencies"),
            "futures/usdt/order_book",
        )
    )
    streams = frozenset({"futures.tickers", "futures.order_book_update"})


CONTRACT = {
    "name": "BTC_USDT",
    "type": "direct",
    "quanto_multiplier": "0.0001",
    "order_price_round": "0.1",
    "mark_price_round": "0.01",
    "order_size_min": 1,
    "order_size_max": 1_000_000,
    "funding_interval": 3_600,
    "leverage_max": "100",
    "leverage_min": "1",
    "taker_fee_rate": "0.0005",
    "maker_fee_rate": "0.0002",
    "in_delisting": False,
}
KINDS = [AtHyperliquid, AtKraken, AtGate]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=["hyperliquid", "krakenfutures", "gate"])


@each_kind
async def test_book_is_hedged_on_paper_and_pays_at_the_stamp(kind, tmp_path):
    """Quotes, marks, index and rate are heard; the hedge is the model's; the venue saw no order."""
    at, clock = kind(), ShiftedClock(WallClock(), STAMP - 6 * SECOND)
    async with standin.serving(at.handle, at.stream) as (server, address):
        settings = configured(tmp_path, at, address)
        async with book_of(at, settings, clock) as (running, heard, log):
            account = at.hedge.partition(":")[0]

            def held():
                return running.exchanges[account].position(account, at.hedge).quantity

            assert await until(held), log.said
            assert clock.now() < STAMP
            assert await until(lambda: [each for each in heard if isinstance(each, FundingPaid)])
        told = {type(each) for each in heard}
        (paid,) = [each for each in heard if isinstance(each, FundingPaid)]

        coins = held() * D(at.size)
        assert {Quote, Mark, Index, FundingRate} <= told
        assert abs(D("0.3") + coins) <= D("0.02")
        assert coins < 0 < paid.amount  # shorts are paid
        assert abs(paid.amount - -coins * 65_000 * at.rate) < D("1e-6")
        assert 0 <= paid.ts_local - STAMP < 2 * SECOND
        assert FeedStatus not in told
        assert [] == [each for each in log.said if each[0] == "error"]
        assert at.asked(server) <= at.public
        assert at.streams == set(at.venue.subscribed) - {None}  # a ping
        assert server.seen


async def test_name_that_the_venue_does_not_list(tmp_path):
    """A hedge that does not exist is told to the book at once, and not only by its silence."""
    at = AtHyperliquid()
    at.hedge = "hyperliquid:BTC-PREP"
    async with standin.serving(at.handle, at.stream) as (_, address):
        settings = configured(tmp_path, at, address)
        async with book_of(at, settings, WallClock()) as (_, heard, log):
            closed = lambda: [each for each in log.said if each[1] == "instrument.closed"]  # noqa: E731
            assert await until(closed), log.said
            assert at.hedge in {getattr(each, "instrument", "") for each in heard}


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ("", r"venues\.gate: must be one of deribit.*, or have a profile"),
        (
            AtGate.more.replace('"watch_ticker"', '"watch_tickr"'),
            r"profile\.stream\.watch: must be streams of ccxt.pro's gate",
        ),
    ],
)
def test_what_cannot_be_followed(more, fault, tmp_path):
    """A venue that nobody described, and a stream that ccxt does not have, stop the start."""
    settings = configured(tmp_path, AtGate(), "http://127.0.0.1:1", more=more)
    with pytest.raises(ConfigError, match=fault):
        observed(settings, resolve(settings), 0, SeededRandomness(1), Lines())


def readme():
    """Return the tables of the README's part on venues without a package, in their order."""
    part = (ROOT / "README.md").read_text().split("### A venue without a package")[1]
    return re.findall(r"```toml\n(.*?)```", part.split("\n## ")[0], re.DOTALL)


def test_readme_on_paper(tmp_path):
    """Its table of a venue that nobody ships takes Hyperliquid's place, and can be followed."""
    own, _ = readme()
    text = (ROOT / "config" / "paper-hyperliquid.toml").read_text()
    text = re.sub(r"\[venues\.hyperliquid\].*?(?=\[underlyings)", "", text, flags=re.DOTALL)
    text = re.sub(r"\[\[instruments\]\].*?(?=\[guards)", "", text, flags=re.DOTALL)
    text = text.replace("hyperliquid:BTC-PERP", "gate:BTC_USDT")
    path = tmp_path / "book.toml"
    path.write_text(text.replace("hyperliquid:USDC", "gate:USDT") + own)
    settings = load(path)

    assert {"gate"} == set(settings.venues)
    assert observed(settings, resolve(settings), 0, SeededRandomness(1), Lines())


def test_readme_for_money(tmp_path):
    """Its other table takes Deribit's place in the example, and a check finds nothing."""
    _, own = readme()
    text = (ROOT / "config" / "live.example.toml").read_text()
    text = re.sub(r"\[venues\.deribit\].*?(?=\[underlyings)", "", text, flags=re.DOTALL)
    path = tmp_path / "book.toml"
    path.write_text(text.replace("deribit:BTC-PERPETUAL", "hyperliquid:BTC-PERP") + own)

    assert () == tuple(check(path).faults)
    assert profile_of("hyperliquid", Mode.LIVE, load(path).venues["hyperliquid"].profile).finished


def test_shipped_example():
    """What the README runs has no fault, and its venue can be followed."""
    settings = load(ROOT / "config" / "paper-hyperliquid.toml")
    assert observed(settings, resolve(settings), 0, SeededRandomness(1), Lines())


def test_perpetual_without_a_rate(tmp_path):
    """Where nobody says the rate, holding would be free on paper: the configuration is refused."""
    more = re.sub(r'funding = "[^"]*"\nfunding_interval = "1h"\n', "", AtGate.more)
    with pytest.raises(ConfigError, match=r"venues\.gate\.profile\.stream\.funding: must say"):
        configured(tmp_path, AtGate(), "http://127.0.0.1:1", more=more)
