"""Names: by which names the page may be called, and from which pages it may be asked.

A page of somebody else can let its own name lead to this machine and then ask as
if it were ours. It cannot change the name that the browser says it asks: one that
is not ours is refused. No other page is allowed to read an answer, and none may
open the live picture or send an order.
"""

from collections.abc import Iterable
from ipaddress import ip_address

_HOME = "localhost"


class Names:
    """The names of one page.

    Args:
        listen: Host that it listens on.
        others: Further names that it is called by, lower case.
    """

    def __init__(self, listen: str, others: Iterable[str] = ()) -> None:
        self._known = frozenset({listen.lower(), *others}) - {"0.0.0.0", "::"}

    def admits(self, header: str | None) -> bool:
        """Whether a `Host` header is a name of ours; whatever its port: a tunnel has another."""
        host = _host(header or "")
        return host is not None and (host in self._known or _loopback(host))

    def same(self, origin: str, header: str | None) -> bool:
        """Whether an `Origin` header is the page's own, asked under that `Host`."""
        scheme, _, host = origin.lower().partition("://")
        return scheme in ("http", "https") and host == (header or "").lower()


def _host(header: str) -> str | None:
    """Return the host of HOST or HOST:PORT; None: it is neither.

    >>> _host("Desk.example:80"), _host("[::1]:9464"), _host("a@b"), _host("")
    ('desk.example', '::1', None, None)
    """
    host, port = header, ""
    if header.startswith("["):
        host, closed, rest = header[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            return None
        port = rest[1:]
    elif ":" in header:
        host, _, port = header.partition(":")
    sound = host and (not port or (port.isascii() and port.isdigit()))
    odd = any(each.isspace() or each in "/@\\?#%" for each in header)
    return host.lower().removesuffix(".") if sound and not odd else None


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == _HOME
