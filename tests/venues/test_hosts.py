"""Where requests may go: to the hosts of a venue, over TLS, by no proxy, and never elsewhere."""

import asyncio
import contextlib
import copy
import ssl

import aiohttp
import ccxt.pro
import pytest
from websockets.asyncio.server import serve
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from rebalancer.errors import ConfigError, Defect
from rebalancer.runtime.clock import WallClock
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.settings.models import Mode, Venue
from rebalancer.venues import native
from rebalancer.venues.connection import Strayed, connect
from rebalancer.venues.credentials import Credentials, Secret
from rebalancer.venues.deribit.channels import Wanted
from rebalancer.venues.deribit.stream import DeribitStream
from rebalancer.venues.hosts import DOMAINS, belongs, strangers
from rebalancer.venues.native import address
from rebalancer.venues.native import connect as dial
from rebalancer.venues.profiles import PROFILES
from tests.venues.deribit_frames import Lines
from tests.venues.loopback import answering, json_of

LIVE = Venue(account="12345")
CANARY = "aK3/x+zz9=Qcanary"


@contextlib.asynccontextmanager
async def at(name, **options):
    """Yield a connection to a venue itself; nothing is sent."""
    opened = connect(name, LIVE, Mode.LIVE, **options)
    try:
        yield opened
    finally:
        await opened.close()


def changed(place, where):
    """Return a class like ccxt's, one of whose addresses leads elsewhere."""

    def kind(base):
        class Changed(base):
            def describe(self):
                told = copy.deepcopy(super().describe())
                table = told["urls"]["api"]
                while isinstance(table[place := next(iter(table))], dict):
                    table = table[place]
                table[place] = where
                return told

        return Changed

    return kind


def test_every_venue_is_listed():
    """Each venue that orders are sent to has its domains on the list."""
    assert set(PROFILES) <= set(DOMAINS)


@pytest.mark.parametrize("venue", sorted(DOMAINS))
async def test_as_they_come(venue):
    """The addresses of ccxt's own classes are those of their venues, real and for tests."""
    exchange = getattr(ccxt.pro, venue)()

    assert () == strangers(venue, exchange.urls["api"], exchange.hostname or "")
    assert () == strangers(venue, exchange.urls.get("test") or {}, exchange.hostname or "")
    await exchange.close()


@pytest.mark.secures("hosts-pinned")
@pytest.mark.parametrize("venue", sorted(PROFILES))
@pytest.mark.parametrize(
    "where",
    [
        "https://api.example.net",
        "https://deribit.com.example.net",
        "https://notokx.com",
        "https://www.okx.com.evil.example",
        "https://www.deribit.com@evil.example/x",
        "http://{own}",  # nobody verifies what is not encrypted
    ],
)
async def test_a_changed_library(venue, where):
    """A class whose describe() names a foreign host is refused before anything is sent."""
    own = f"x.{DOMAINS[venue][0]}"
    with pytest.raises(ConfigError, match="its library is not what it was"):
        connect(venue, LIVE, Mode.LIVE, kind=changed("api", where.replace("{own}", own)))
    await asyncio.sleep(0)


@pytest.mark.parametrize("url", ["https://evil.example/x", "https://127.0.0.1:9/x"])
async def test_each_request_is_held_against_the_list(url):
    """Where an address is changed later, the request does not leave."""
    async with at("deribit") as opened:
        with pytest.raises(Strayed, match=r"is not on deribit\.com"):
            await opened.session.get(url)


@pytest.mark.secures("tls-no-proxy-no-redirect")
async def test_tls_is_verified(monkeypatch):
    """Certificates and names are verified, and no proxy of the environment is used."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    async with at("deribit") as opened:
        tls = opened.session.connector._ssl

        assert (True, ssl.CERT_REQUIRED) == (tls.check_hostname, tls.verify_mode)
        assert not opened.session.trust_env
        exchange = opened.exchange
        assert not any(
            [exchange.httpProxy, exchange.httpsProxy, exchange.wsProxy, exchange.wssProxy]
        )
        assert not exchange.aiohttp_trust_env


@pytest.mark.secures("adapters-of-ccxt")
@pytest.mark.parametrize("name", ["ccxt", "pro", "evil", "os", "base.exchange", "../x", "deribit "])
def test_adapter_names(name):
    """The name of a venue leads to a class of ccxt's list, and to nothing else."""
    with pytest.raises(ConfigError, match="must be a venue that"):
        connect(name, LIVE, Mode.LIVE)


def test_streams_lead_to_venues():
    """A native stream goes to a host on the list."""
    assert "wss://ws.okx.com:8443/ws/v5/public" == address("ws.okx.com:8443/ws/v5/public")
    with pytest.raises(Defect, match=r"was evil\.example"):
        address("evil.example/ws")


@pytest.mark.secures("tls-no-proxy-no-redirect")
async def test_streams_follow_nobody():
    """A stream that is told to go elsewhere does not."""
    seen = []

    def elsewhere(_socket, request):
        seen.append(request.path)
        return Response(302, "Found", Headers(Location="/there"), b"")

    async with serve(lambda _socket: None, "127.0.0.1", 0, process_request=elsewhere) as server:
        with pytest.raises(InvalidStatus, match="302"):
            await dial(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/here")

    assert ["/here"] == seen


@pytest.mark.secures("tls-no-proxy-no-redirect", "message-limits")
async def test_how_streams_are_dialled(monkeypatch):
    """A stream asks no proxy of the environment, and takes no message without end."""
    asked = {}

    def dialled(_address, **options):
        asked.update(options)
        raise OSError("nobody is there")

    monkeypatch.setattr(native, "connect", dialled)
    stream = DeribitStream(Wanted(("BTC-PERPETUAL",)), Lines())
    ports = native.Ports(WallClock(), TaskRegistry(print), SeededRandomness(7), Lines())
    await native.NativeFeed(stream, ports)._once(print)

    assert (None, 4 * 2**20) == (asked["proxy"], asked["max_size"])


@pytest.mark.parametrize(
    ("host", "inside"),
    [
        ("okx.com", True),
        ("www.okx.com", True),
        ("okx.com.x", False),
        ("xokx.com", False),
        ("", False),
    ],
)
def test_belongs(host, inside):
    """A domain holds its hosts, and no other that looks like them."""
    assert inside == belongs(host, ("okx.com",))


@pytest.mark.parametrize("spelt", [CANARY, CANARY.replace("/", "\\/")])
async def test_a_venue_repeats_our_key(spelt):
    """What a venue says of our key is heard without it."""

    async def act(_request):
        return json_of('{"error": {"code": 13004, "message": "who is ' + spelt + '?"}}', 400)

    keys = Credentials(Secret(CANARY), Secret("secret-abcdef"))
    async with answering(act) as (_, place):
        opened = connect("deribit", Venue(loopback=place), Mode.LIVE, keys)
        try:
            with pytest.raises(ccxt.BaseError, match=r"who is \*\*\*\?") as raised:
                await opened.exchange.public_get_get_time()
        finally:
            await opened.close()
    assert "canary" not in str(raised.value)


async def test_session_is_ours():
    """Requests of a library that brings its own session are a defect."""
    async with at("deribit") as opened, aiohttp.ClientSession() as other:
        opened.exchange.session = other
        with pytest.raises(Defect, match="use our session"):
            opened.check()
        opened.exchange.session = opened.session
