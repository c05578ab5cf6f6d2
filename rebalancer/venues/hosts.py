"""Hosts: where requests with our signature may go, whatever a library says.

A ccxt class tells its own addresses, and a changed one would be sent our key and
our orders. Those of the venues that the program knows are held against this list,
which nothing outside the program can change, before anything is sent and again at
each request. Of another venue the addresses that its class came with are the list.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

_BINANCE = ("binance.com", "binance.vision", "binancefuture.com")
DOMAINS: Mapping[str, tuple[str, ...]] = {
    "deribit": ("deribit.com",),
    "binance": _BINANCE,
    "binanceusdm": _BINANCE,
    "binancecoinm": _BINANCE,
    "bybit": ("bybit.com",),
    "okx": ("okx.com",),
    "hyperliquid": ("hyperliquid.xyz", "hyperliquid-testnet.xyz"),
    "krakenfutures": ("kraken.com",),
}


def strangers(venue: str, urls: Any, hostname: str) -> tuple[str, ...]:
    """Return the addresses of a ccxt class that are no place of the venue, or not encrypted.

    Args:
        venue: ccxt id.
        urls: A text, or tables of them.
        hostname: What stands for `{hostname}` in them.
    """
    told = tuple(_texts(urls, hostname))
    domains = domains_of(venue, urls, hostname)
    return tuple(
        each
        for each in told
        if urlsplit(each).scheme not in ("https", "wss")
        or not belongs(urlsplit(each).hostname or "", domains)
    )


def domains_of(venue: str, urls: Any, hostname: str) -> tuple[str, ...]:
    """Return the domains of a venue: from the list, else the hosts that its class names."""
    if venue in DOMAINS:
        return DOMAINS[venue]
    return tuple(dict.fromkeys(urlsplit(each).hostname or "" for each in _texts(urls, hostname)))


def belongs(host: str, domains: tuple[str, ...]) -> bool:
    """Tell whether a host is one of these domains, or lies within one.

    >>> belongs("fapi.binance.com", ("binance.com",))
    True
    >>> any(belongs(each, ("binance.com",)) for each in ("binance.com.example", "mybinance.com"))
    False
    """
    return any(host == each or host.endswith(f".{each}") for each in domains if each)


def _texts(urls: Any, hostname: str) -> Iterator[str]:
    if isinstance(urls, dict):
        for each in urls.values():
            yield from _texts(each, hostname)
    elif isinstance(urls, str):
        yield urls.replace("{hostname}", hostname)
