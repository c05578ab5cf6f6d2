"""Channels: how a message is put to each kind of them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from rebalancer.ops.messenger import apprised, wording
from rebalancer.ops.messenger.lines import Notice, Orders, Route
from rebalancer.ops.messenger.posting import Outcome, Post
from rebalancer.ops.redaction import SHORTEST, Redactor

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
    """Return what hides the addresses and tokens of every channel."""
    redactor = Redactor()
    for each in (*orders.routes, *((orders.heartbeat,) if orders.heartbeat else ())):
        _scheme, _, rest = each.url.partition("://")
        path = rest.partition("/")[2]
        parts = (*path.split("/"), path.partition("/")[0].removeprefix("bot"))
        for secret in (each.url, rest, path, each.extra, *parts):
            if len(secret.strip()) >= 2 * SHORTEST or (secret == each.extra and _long(secret)):
                redactor.add(secret)
    return redactor


def _long(secret: str) -> bool:
    return len(secret.strip()) >= SHORTEST
