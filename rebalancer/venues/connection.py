"""Connection: an unmodified ccxt exchange that goes where the settings say, and sends once.

aiohttp silently repeats a GET whose connection dropped before an answer, and
Deribit's orders are GETs: one drop bought twice. Nothing here is ever sent
again: a dropped connection is a missing answer, a redirect is refused, and
whoever sends an order under `sending()` (see `leaving`) may do so once, whatever
library in between thinks otherwise, and only in the words that were meant (`wording`).
Numbers stay the text that the venue wrote. ccxt's own limiter (see `budget`), its
retries, its verbose mode and its log of signed requests are off. Where a request may go
is on a list (`hosts`), over TLS that is verified, by no proxy of the environment.
"""

import ipaddress
import json
import logging
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import ccxt.pro

from rebalancer.errors import ConfigError, Defect, Fault
from rebalancer.ports import SECOND
from rebalancer.ports.redaction import hiding
from rebalancer.settings.models import Mode, Venue
from rebalancer.venues.answers import Answer, NotAnswered
from rebalancer.venues.budget import BANS
from rebalancer.venues.credentials import Credentials, Secret
from rebalancer.venues.hosts import belongs, domains_of, strangers
from rebalancer.venues.leaving import LastLook, Request, under_way
from rebalancer.venues.profile import Profile
from rebalancer.venues.profiles import row_of
from rebalancer.venues.wording import NOTHING, WORDS, Banned, Misspelt, fields

TIMEOUT = 5_000  # ms until a request counts as unanswered
SILENCE = 5_000  # ms of ccxt.pro's keep-alive; its 30 s notice a dead peer after 90
CONNECTIONS = 16  # at most, to one venue
_TOO_MANY = 429
_BODY = 5  # place of the body among what ccxt says of an answer
_REDIRECTS = range(300, 400)
_LONGEST = 7 * 24 * 3600 * SECOND  # ns for which a venue may shut us out; the longest known: 3 days

Limited = Callable[[int | None, bool], None]  # ns that a venue asked to wait; whether it banned us
Handler = Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]]
Middleware = Callable[[aiohttp.ClientRequest, Handler], Awaitable[aiohttp.ClientResponse]]

_quiet = logging.getLogger("rebalancer.venues.ccxt")  # ccxt logs headers with signatures
_quiet.propagate = False
_quiet.setLevel(logging.CRITICAL + 1)


class SentTwice(aiohttp.ClientError):
    """A second copy of an order was about to leave; it did not."""


class Redirected(aiohttp.ClientError):
    """The venue pointed elsewhere; following would send again, to who knows whom."""


class Strayed(aiohttp.ClientError):
    """A request was about to go where it must not: off this machine, or to a stranger."""


@dataclass(frozen=True, slots=True)
class Connection:
    """An open way to one venue account."""

    venue: str  # ccxt id
    exchange: Any  # an instance of the ccxt.pro class, nothing overridden but what a feed hears
    session: aiohttp.ClientSession
    profile: Profile | None = None  # None: nobody knows what differs there

    def check(self) -> None:
        """Raise unless everything that makes it send once is still in place.

        Raises:
            Defect: Somebody switched retries, verbosity, the limiter or the session.
        """
        exchange = self.exchange
        retries = _retries(exchange.options)
        if retries:
            raise Defect(f"{self.venue}: maxRetriesOnFailure must be 0, was {retries}")
        if exchange.verbose or exchange.enableRateLimit or exchange.session is not self.session:
            raise Defect(f"{self.venue}: must be quiet, unthrottled and use our session")

    async def close(self) -> None:
        """Close every connection; harmless when called again."""
        await self.exchange.close()
        if not self.session.closed:
            await self.session.close()


def connect(
    name: str,
    settings: Venue,
    mode: Mode,
    credentials: Credentials | None = None,
    limited: Limited | None = None,
    kind: Callable[[type[Any]], type[Any]] = lambda base: base,
) -> Connection:
    """Return a connection to a venue; call it inside a running event loop.

    Args:
        name: ccxt id of the venue.
        settings: Its table; `loopback` points every URL at a server on this machine.
        mode: testnet switches to the venue's test hosts.
        credentials: Sign private calls; None: public calls only.
        limited: Hears when the venue says "too many requests".
        kind: Makes of ccxt's class the one to use; a feed taps its messages.

    Raises:
        ConfigError: ccxt does not know the venue, it has no testnet, or the
            loopback address is none.
    """
    if name not in ccxt.pro.exchanges:
        raise _fault(name, "must be a venue that ccxt.pro knows", repr(name))
    profile = row_of(name, settings.profile)
    exchange = kind(getattr(ccxt.pro, name))(_config(credentials, profile))
    if mode is Mode.TESTNET:
        if not exchange.urls.get("test"):
            raise _fault(name, "must have a testnet", "none")
        exchange.set_sandbox_mode(True)
    domains = domains_of(name, exchange.urls["api"], exchange.hostname or "")
    for address in strangers(name, exchange.urls["api"], exchange.hostname or "")[:1]:
        must = f"must lead to {', '.join(domains)} over TLS; its library is not what it was"
        raise _fault(name, must, address)
    if settings.loopback is not None:
        base = _loopback(name, settings.loopback)
        exchange.urls["api"] = redirected(exchange.urls["api"], base, exchange.hostname or "")
        exchange.timeout_on_exit = 0  # ms; there is no TLS to say goodbye to
    exchange.logger = _quiet
    exchange.on_json_response = _exact_json
    exchange.on_rest_response = _discreet(_kept(credentials, profile))
    exchange.streaming = {**exchange.streaming, "keepAlive": SILENCE}
    banned, bans = (NOTHING, BANS) if profile is None else (profile.banned, profile.bans)
    goes = None if settings.loopback is not None else domains
    guard = _once(limited, goes=goes, banned=banned, bans=bans)
    tls = ssl.create_default_context(cafile=exchange.cafile)
    connector = LastLook(limit=CONNECTIONS, ssl=tls)
    session = aiohttp.ClientSession(
        connector=connector,
        request_class=Request,
        response_class=Answer,
        middlewares=(guard,),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    )
    exchange.session, exchange.own_session = session, False
    connection = Connection(name, exchange, session, profile)
    connection.check()
    return connection


def _config(credentials: Credentials | None, profile: Profile | None) -> dict[str, Any]:
    options = {} if profile is None else dict(profile.options)
    config: dict[str, Any] = {
        "enableRateLimit": False,
        "timeout": TIMEOUT,
        "number": str,
        "verbose": False,
        "options": {**options, "maxRetriesOnFailure": 0},
    }
    config |= {name: each.reveal() for name, each in _named(credentials, profile)}
    return config


def _named(
    credentials: Credentials | None, profile: Profile | None
) -> Iterable[tuple[str, Secret]]:
    """Return what signs, by ccxt's names for it."""
    names = ("apiKey", "secret", "password") if profile is None else profile.credentials
    return () if credentials is None else zip(names, credentials, strict=False)


def _kept(credentials: Credentials | None, profile: Profile | None) -> list[Secret]:
    """Return what no answer may repeat; a wallet's address is public, and answers are about it."""
    return [each for name, each in _named(credentials, profile) if name != "walletAddress"]


def _retries(options: Any) -> int:
    """Return the most retries that any of ccxt's options asks for, however deep."""
    if not isinstance(options, dict):
        return 0
    own = options.get("maxRetriesOnFailure") or 0
    return max([int(own), *(_retries(value) for value in options.values())])


def _exact_json(text: str) -> Any:
    """Return a payload whose fractions are the text that was sent; a float may round them."""
    return json.loads(text, parse_float=str)


def _discreet(secrets: Iterable[Secret]) -> Callable[..., str]:
    """Return what ccxt has read of an answer: one that repeats what we signed with loses it.

    A venue's word is cut and cleaned before it is kept, and a part of a secret would
    be found no more. What is too long for a word is data.
    """
    hide = hiding(each.reveal() for each in secrets).known

    def read(*told: Any) -> str:
        body = str(told[_BODY]).strip()
        return hide(body) if len(body) <= WORDS else body

    return read


def redirected(urls: Any, base: str, hostname: str) -> Any:
    """Return ccxt's addresses with a loopback server in front of each.

    Args:
        urls: A text, or tables of them.
        base: Host and port of the server.
        hostname: What stands for `{hostname}` in them.

    >>> redirected({"ws": "wss://stream.{hostname}/v5"}, "127.0.0.1:8700", "bybit.com")
    {'ws': 'ws://127.0.0.1:8700/stream.bybit.com/v5'}
    """
    if isinstance(urls, dict):
        return {name: redirected(each, base, hostname) for name, each in urls.items()}
    if not isinstance(urls, str):
        return urls
    parts = urlsplit(urls.replace("{hostname}", hostname))
    scheme = "ws" if parts.scheme.startswith("ws") else "http"
    return f"{scheme}://{base}/{parts.netloc}{parts.path}"


def _loopback(name: str, address: str) -> str:
    """Return host and port of an address on this machine."""
    parts = urlsplit(address)
    if not _here(parts.hostname or "") or parts.port is None:
        raise _fault(f"{name}.loopback", "must be a loopback address with a port", address)
    return parts.netloc


def _here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _checked(request: aiohttp.ClientRequest, banned: Banned) -> None:
    """Raise unless a request says what was meant, and nothing that it must not."""
    turn = under_way()
    if turn is None and banned is NOTHING:
        return
    told = fields(request)
    fault = banned.fault(told)
    if fault is None and turn is not None:
        if turn.sends:
            raise SentTwice("an order was about to be sent again")
        fault = None if turn.wording is None else turn.wording.fault(told)
    if fault is not None:
        raise Misspelt(fault)
    if turn is not None:
        turn.sends.append(request.method)
        request.headers.update(turn.beside)


def _once(
    limited: Limited | None,
    *,
    goes: tuple[str, ...] | None,
    banned: Banned = NOTHING,
    bans: Mapping[int, int] = BANS,
) -> Middleware:
    """Return what stands between ccxt and the wire.

    Args:
        limited: Hears when the venue says "too many requests".
        goes: Domains to which a request may go; None: nothing leaves this machine.
        banned: Words that no request may hold.
        bans: HTTP status → ns that it shuts us out at least.
    """

    async def once(request: aiohttp.ClientRequest, handler: Handler) -> aiohttp.ClientResponse:
        host = request.url.host or ""
        if not (_here(host) if goes is None else belongs(host, goes)):
            where = "this machine" if goes is None else ", ".join(goes)
            raise Strayed(f"{host} is not on {where}")
        _checked(request, banned)
        try:
            response = await handler(request)
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            raise NotAnswered("the connection ended before an answer") from error
        if response.status in _REDIRECTS:
            response.close()
            raise Redirected(f"answered with {response.status}")
        if response.status in (_TOO_MANY, *bans) and limited is not None:
            asked, least = _retry_after(response), bans.get(response.status)
            if asked is None or (least is not None and asked < least):
                asked = least
            limited(asked, least is not None)
        return response

    return once


def _retry_after(response: aiohttp.ClientResponse) -> int | None:
    """Return ns that a venue asks to wait; None when it says nothing that can be a span of time."""
    said = response.headers.get("Retry-After", "")
    try:
        asked = max(int(float(said) * SECOND), 0)
    except (ValueError, OverflowError):
        return None
    return asked if asked <= _LONGEST else None  # seconds since 1970 are no span


def _fault(path: str, must: str, was: str) -> ConfigError:
    return ConfigError("venues", [Fault(f"venues.{path}", must, was)])
