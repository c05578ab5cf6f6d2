"""Channels: how a message is put to each kind of them."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from urllib.parse import parse_qsl, unquote, unquote_plus, urlsplit

from rebalancer.ops.messenger import apprised, wording
from rebalancer.ops.messenger.lines import Notice, Orders, Route
from rebalancer.ops.messenger.posting import Outcome, Post
from rebalancer.ops.redaction import SHORTEST, Redactor, names_secret

Send = Callable[[str, str, Sequence[Notice]], Awaitable[Outcome]]  # subject, text, what it is of


def sender(route: Route, orders: Orders, post: Post, redactor: Redactor) -> Send:
    """Return what sends one message on a channel.

    Raises:
        ConfigError: What the channel needs is not installed, or its address is not allowed.
    """
    if route.kind == "apprise":
        return apprised.sender(route)
    book = {"book": orders.book, "mode": orders.mode}

    async def telegram(_subject: str, text: str, _of: Sequence[Notice]) -> Outcome:
        told = {"chat_id": route.extra, "text": text, "disable_web_page_preview": True}
        return await post.send(route.url, told, loopback=route.loopback)

    async def webhook(_subject: str, text: str, of: Sequence[Notice]) -> Outcome:
        told = wording.payload(book, text, of, redactor)
        return await post.send(route.url, told, bearer=route.extra, loopback=route.loopback)

    kinds: Mapping[str, Send] = {"telegram": telegram, "webhook": webhook}
    return kinds[route.kind]


def hiding(orders: Orders) -> Redactor:
    """Return what hides the addresses and tokens of every channel, whole and in their parts."""
    redactor = Redactor()
    for each in (*orders.routes, *((orders.heartbeat,) if orders.heartbeat else ())):
        for secret, least in _secrets(each):
            for form in dict.fromkeys((secret, unquote(secret), unquote_plus(secret))):
                if len(form.strip()) >= least:
                    redactor.add(form)
    return redactor


def _secrets(route: Route) -> Iterator[tuple[str, int]]:
    """Yield what must not be told of a channel, and the length from which on it is no mere word."""
    _scheme, _, rest = route.url.partition("://")
    path = rest.partition("/")[2]
    parts = urlsplit(route.url)
    user, _at, host = parts.netloc.rpartition("@")
    name, _, word = user.partition(":")
    words = parse_qsl(parts.query, keep_blank_values=True)
    yield from ((each, SHORTEST) for each in (route.extra, word))
    yield from ((value, SHORTEST) for key, value in words if names_secret(key))
    whole = (route.url, rest, path, name, parts.query, parts.fragment, *(each for _, each in words))
    pieces = (*parts.path.split("/"), *path.split("/"), path.partition("/")[0].removeprefix("bot"))
    places = (host, host.partition(":")[0]) if route.kind == "apprise" else ()  # some hold tokens
    yield from ((each, 2 * SHORTEST) for each in (*whole, *pieces, *places))
