"""Live: one open page. It gets what changed since it last looked, as fast as it takes it.

The first word is the page's: its token, since a browser cannot put one into the
head of a websocket, and an address is written down by whoever passes it on. After
that it only listens. Nothing is kept for a page that does not take what it is sent:
it misses pictures, and is hung up on when it goes on.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Annotated, Any, cast

import msgspec
from aiohttp import WSMsgType, web

from rebalancer.ops.web.picture import LIGHT, Picture
from rebalancer.ops.web.saying import Saying
from rebalancer.ops.web.tokens import Right, Tokens

PAGES = 8  # that look on at a time
FRAME_LIMIT = 1024  # bytes that a page may say
GREETS = 5.0  # s of real time to say the first word
STALLS = 10.0  # s for which a page may take nothing
ENDS = 2.0  # s in which pages are told that the book ends
_BEATS = 20.0  # s between two questions whether it is still there
_REFUSED, _FULL, _TALKS, _ENDED = 4401, 4503, 4400, 1001  # why it is hung up on


class Greeting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first word of a page."""

    token: Annotated[str, msgspec.Meta(max_length=512)] | None = None


class Live:
    """Serves the open pages of one book.

    Args:
        picture: Of the book.
        saying: Turns what is said into JSON.
        tokens: Who may look.
        dropped: Hears why a page was hung up on.
    """

    def __init__(
        self,
        picture: Picture,
        saying: Saying,
        tokens: Tokens,
        dropped: Callable[[str], None],
    ) -> None:
        self._picture, self._saying, self._tokens = picture, saying, tokens
        self._dropped = dropped
        self._pages: dict[web.WebSocketResponse, None] = {}
        self._ending = False
        self._idle = asyncio.Event()
        self._idle.set()

    async def converse(self, request: web.BaseRequest) -> web.WebSocketResponse:
        """Serve one page until it leaves, talks, or no longer takes what it is sent."""
        # Not packed: that costs more than it saves on the way to one's own machine, and long
        # frames would be packed in threads.
        page = web.WebSocketResponse(
            timeout=1.0, heartbeat=_BEATS, max_msg_size=FRAME_LIMIT, compress=False
        )
        await page.prepare(request)
        right = await self._greeted(page)
        if right is Right.NOTHING:
            await page.close(code=_REFUSED, message=b"token")
            return page
        if len(self._pages) >= PAGES:
            await page.close(code=_FULL, message=b"full")
            return page
        self._pages[page] = None
        self._idle.clear()
        try:
            await self._show(page, request, right)
        except TimeoutError:
            self._dropped("it took nothing")
            _abort(request)
        except ConnectionError:
            _abort(request)
        finally:
            del self._pages[page]
            if not self._pages:
                self._idle.set()
        return page

    async def close(self) -> None:
        """Have every page told that the book ends; one that does not listen is not waited for."""
        self._ending = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ENDS):
                await self._idle.wait()

    async def _greeted(self, page: web.WebSocketResponse) -> Right:
        """Return what a page may do, by its first word."""
        try:
            async with asyncio.timeout(GREETS):
                told = await page.receive()
        except TimeoutError:
            return Right.NOTHING
        if told.type is not WSMsgType.TEXT:
            return Right.NOTHING
        try:
            greeting = msgspec.json.decode(told.data, type=Greeting)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return Right.NOTHING
        return self._tokens.right(greeting.token)

    async def _show(
        self, page: web.WebSocketResponse, request: web.BaseRequest, right: Right
    ) -> None:
        hello: dict[str, Any] = {
            "hello": {"acts": right is Right.ACT, "can_act": self._tokens.acts}
        }
        await _send(page, self._saying.encode(hello))
        loop, seen, stalled = asyncio.get_running_loop(), 0, 0.0
        due = loop.time()
        while not self._ending:
            self._picture.refresh()
            if _waiting(request):
                stalled = stalled or loop.time()
                if loop.time() - stalled > STALLS:
                    raise TimeoutError
            else:
                stalled = 0.0
                frame = self._picture.since(seen)
                if frame is not None:
                    seen = self._picture.number
                    await _send(page, b'{"sent":%.3f,' % loop.time() + frame[1:])
            due = max(due + LIGHT, loop.time())
            if await _left(page, due):
                return
        await page.close(code=_ENDED, message=b"the daemon ends", drain=False)


async def _send(page: web.WebSocketResponse, frame: bytes) -> None:
    async with asyncio.timeout(STALLS):
        await page.send_str(frame.decode())


async def _left(page: web.WebSocketResponse, due: float) -> bool:
    """Wait until a frame is due; return whether the page left, or has to."""
    try:
        async with asyncio.timeout_at(due):
            told = await page.receive()
    except TimeoutError:
        return False
    if told.type in (WSMsgType.TEXT, WSMsgType.BINARY):  # it has nothing more to say
        await page.close(code=_TALKS, message=b"only listen")
    return True


def _waiting(request: web.BaseRequest) -> bool:
    """Whether something that was sent was not taken yet."""
    transport = _transport(request)
    return transport is not None and bool(transport.get_write_buffer_size())


def _abort(request: web.BaseRequest) -> None:
    transport = _transport(request)
    if transport is not None:
        transport.abort()


def _transport(request: web.BaseRequest) -> asyncio.WriteTransport | None:
    """Return the way to a page, while there is one; uvloop's does not say what it is."""
    return cast(asyncio.WriteTransport | None, request.transport)
