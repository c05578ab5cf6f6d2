"""Posting: one HTTP request to the outside, or to this machine where the settings say so.

No redirect is followed, no proxy asked, no cookie kept; an answer is waited for
5 s and read to 64 KiB. What goes wrong is told without the address: it may be a
secret as a whole. An answer may repeat it: what it says is handed on whole, since
who cuts it must have looked for secrets before.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from rebalancer.ops.escaping import escaped
from rebalancer.ops.messenger.addresses import (
    Inside,
    JudgingResolver,
    here,
    literal,
    outside,
    refuse,
)

PATIENCE = 5.0  # s
LARGEST = 64 * 1024  # bytes of an answer
_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})  # what may be otherwise the next time
_LONGEST_WAIT = 60.0  # s that a server may ask for


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt."""

    ok: bool
    why: str = ""  # with all that the other side said, secrets too
    again: bool = False  # whether another attempt may help
    after: float | None = None  # s that the other side asks to wait


class Post:
    """Sends requests; one for each side: outside, and this machine.

    Args:
        resolver: Who knows addresses; None: the system. What it says is judged.
    """

    def __init__(self, resolver: AbstractResolver | None = None) -> None:
        self._resolver = resolver
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def send(
        self, url: str, told: Mapping[str, Any] | None, *, bearer: str = "", loopback: bool = False
    ) -> Outcome:
        """Post JSON, or get where there is nothing to tell; never raises for what is outside.

        Args:
            url: https, or http where it is on this machine.
            told: The payload.
            bearer: Token that the other side wants; empty: none.
            loopback: Whether the settings name it as a server on this machine.
        """
        try:
            where = URL(url, encoded=True)
            self._judge(where, loopback=loopback)
            return await self._send(where, told, bearer, loopback=loopback)
        except Inside as error:
            return Outcome(False, str(error))
        except TimeoutError:
            return Outcome(False, f"no answer within {PATIENCE:g} s", again=True)
        except aiohttp.ClientConnectorError as error:
            return _unreached(error.os_error)
        except (aiohttp.ClientError, OSError, ValueError) as error:  # their texts show the address
            return Outcome(False, type(error).__name__, again=not isinstance(error, ValueError))

    async def close(self) -> None:
        """Let go of every connection."""
        for each in self._sessions.values():
            await each.close()

    def _judge(self, where: URL, *, loopback: bool) -> None:
        """Refuse what is neither; an address that needs no resolving is judged here."""
        if where.scheme != ("http" if loopback else "https") or not where.host or where.user:
            raise Inside("an address must be https, without a user, was something else")
        if literal(where.host):
            refuse("the address", (where.host,), here if loopback else outside)

    async def _send(
        self, where: URL, told: Mapping[str, Any] | None, bearer: str, *, loopback: bool
    ) -> Outcome:
        session = self._session(loopback)
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        method = "GET" if told is None else "POST"
        async with session.request(
            method, where, headers=headers, allow_redirects=False, json=told
        ) as answer:
            status = answer.status
            if 200 <= status < 300:
                return Outcome(True)
            said = await _read(answer)
        why = f"answered {status}{': ' + said if said else ''}"
        if 300 <= status < 400:
            why = f"answered {status}: redirects are not followed"
        return Outcome(False, why, status in _LATER, _wait(answer.headers.get("Retry-After")))

    def _session(self, loopback: bool) -> aiohttp.ClientSession:
        if loopback not in self._sessions:
            resolver = JudgingResolver(here if loopback else outside, self._resolver)
            connector = aiohttp.TCPConnector(
                resolver=resolver, use_dns_cache=False, force_close=True, limit=16
            )
            self._sessions[loopback] = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=PATIENCE),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                headers={"User-Agent": "rebalancer", "Accept-Encoding": "identity"},
            )
        return self._sessions[loopback]


async def _read(answer: aiohttp.ClientResponse) -> str:
    """Return an answer, no more of which is read than is allowed."""
    said = b""
    while len(said) < LARGEST and (part := await answer.content.read(LARGEST - len(said))):
        said += part
    answer.close()
    return escaped(said.decode("utf-8", "replace"))


def _wait(told: str | None) -> float | None:
    """Return the seconds that a server asks to wait, as far as we do."""
    return min(float(told), _LONGEST_WAIT) if told and told.isdecimal() else None


def _unreached(error: OSError) -> Outcome:
    if isinstance(error, Inside):
        return Outcome(False, str(error))
    return Outcome(False, error.strerror or type(error).__name__, again=True)
