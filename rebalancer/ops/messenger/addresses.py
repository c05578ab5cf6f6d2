"""Addresses: which of them are outside, and that nothing else is connected to.

A name is resolved once, every answer judged, and what was judged is what is
connected to: a name that answers otherwise the next moment gains nothing. An
answer that is partly inside is refused as a whole.
"""

import ipaddress
import socket
import sys
from collections.abc import Callable, Iterable
from typing import Any

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult

Allows = Callable[[str], bool]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_METADATA = ipaddress.ip_network("168.63.129.16/32")  # of one cloud, at a public address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # the last 32 bits are an IPv4 address
_COMPATIBLE = ipaddress.ip_network("::/96")


class Inside(OSError):
    """An address is not where alerts may go."""


def outside(address: str) -> bool:
    """Tell whether an address is on the public internet, whatever it is wrapped in.

    >>> outside("93.184.215.14"), outside("169.254.169.254"), outside("::ffff:10.0.0.1")
    (True, False, False)
    """
    told = _parsed(address)
    return told is not None and all(_public(each) for each in _wrapped(told))


def here(address: str) -> bool:
    """Tell whether an address is this machine's own."""
    told = _parsed(address)
    return told is not None and told.is_loopback


def literal(host: str) -> bool:
    """Tell whether a host is an address that needs no resolving."""
    return _parsed(host) is not None


def _parsed(address: str) -> Address | None:
    try:
        return ipaddress.ip_address(address.partition("%")[0].strip("[]"))
    except ValueError:
        return None


def _wrapped(address: Address) -> Iterable[Address]:
    """Yield an address and those that lie in it."""
    yield address
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            yield address.ipv4_mapped
        if address.sixtofour is not None:
            yield address.sixtofour
        if address.teredo is not None:
            yield from address.teredo
        if address in _NAT64 or address in _COMPATIBLE:
            yield ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)


def _public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address) and address in _METADATA:
        return False
    wraps = isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None
    if wraps or address in _NAT64:
        return True  # what lies in it is judged
    return address.is_global and not address.is_multicast and not address.is_reserved


class JudgingResolver(AbstractResolver):
    """Resolves a name to addresses that may be connected to, or to none.

    Args:
        allows: Judges each address.
        inner: Who knows the addresses; None: the system.
    """

    def __init__(self, allows: Allows, inner: AbstractResolver | None = None) -> None:
        self._allows, self._inner = allows, inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a name; raises `Inside` where one of them is not allowed."""
        if self._inner is None:
            self._inner = ThreadedResolver()
        found = await self._inner.resolve(host, port, family)
        refuse(host, (each["host"] for each in found), self._allows)
        return found

    async def close(self) -> None:
        """Let go of who knows the addresses."""
        if self._inner is not None:
            await self._inner.close()


def refuse(host: str, addresses: Iterable[str], allows: Allows) -> None:
    """Raise `Inside` where an address is not allowed."""
    for each in addresses:
        if not allows(each):
            raise Inside(f"{host} leads to {each}, which is not on the public internet")


def guard_process(loopback: Iterable[str]) -> None:
    """Let no socket of this process connect inside, whoever opens it; never taken back.

    Args:
        loopback: Hosts and ports on this machine that the settings name, `HOST:PORT`.
    """
    named = frozenset(loopback)

    def judge(event: str, told: tuple[Any, ...]) -> None:
        if event != "socket.connect" or told[0].family not in (socket.AF_INET, socket.AF_INET6):
            return
        host, port = told[1][:2]
        names = (f"{host}:{port}", f"localhost:{port}") if here(host) else ()
        if not outside(host) and not any(name in named for name in names):
            raise Inside(f"{host} is not on the public internet")

    sys.addaudithook(judge)
