"""Serving: the table of the status page and of what machines ask beside it, and its keys."""

import re
from ipaddress import ip_address
from typing import Annotated

from pydantic import BeforeValidator

from rebalancer.settings import values
from rebalancer.settings.guarding import Table
from rebalancer.settings.values import shown, text, wrong

_ADDRESS = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[0-9.]+|localhost):(?P<port>[0-9]{1,5})")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_LARGEST_PORT = 65_535

TokenName = Annotated[
    str, text(r"(?!\.)[A-Za-z0-9._-]{1,64}", "the name of a credential, never a token")
]


def place_of(listen: str) -> tuple[str, int]:
    """Return (host, port) of an address to listen on.

    Raises:
        ValueError: It is none.

    >>> place_of("127.0.0.1:9464"), place_of("[::1]:80")
    (('127.0.0.1', 9464), ('::1', 80))
    """
    found = _ADDRESS.fullmatch(listen)
    if found is None or not 0 < int(found["port"]) <= _LARGEST_PORT:
        raise ValueError(listen)
    host = found["host"].strip("[]")
    if host != "localhost":
        ip_address(host)
    return host, int(found["port"])


def at_home(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    return host == "localhost" or ip_address(host).is_loopback


def _as_listen(value: object) -> str:
    must = "must be an address and a port, such as 127.0.0.1:9464"
    if not isinstance(value, str):
        raise wrong(must, shown(value))
    try:
        place_of(value)
    except ValueError:
        raise wrong(must, shown(value)) from None
    return value


def _as_hosts(value: object) -> tuple[str, ...]:
    names = values.as_names(value)
    for name in names:
        if not _HOST.fullmatch(name):
            raise wrong("must be host names without a port, such as desk.example", shown(name))
    return tuple(name.lower() for name in names)


class Web(Table):
    """The status page, /metrics and the like; without this table no port is opened."""

    listen: Annotated[str, BeforeValidator(_as_listen)] = "127.0.0.1:9464"
    expose: bool = False  # whether others than this machine may reach it
    hosts: Annotated[tuple[str, ...], BeforeValidator(_as_hosts)] = ()  # names that it is called by
    reader: TokenName | None = None  # credential: a token that may look
    operator: TokenName | None = None  # credential: one that may pause, resume and kill
