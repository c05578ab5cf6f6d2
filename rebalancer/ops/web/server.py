"""The server: listens, answers, hangs up; a companion of a running book."""

import asyncio
import logging
from dataclasses import dataclass

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import RawRequestMessage

from rebalancer.errors import RebalancerError, Unavailable
from rebalancer.ops.redaction import Redactor
from rebalancer.ops.web.document import document
from rebalancer.ops.web.gate import Gate, Gates
from rebalancer.ops.web.live import Live
from rebalancer.ops.web.names import Names
from rebalancer.ops.web.picture import Picture
from rebalancer.ops.web.routes import BODY_LIMIT, Answers, Refusal, Routes
from rebalancer.ops.web.saying import Saying
from rebalancer.ops.web.tokens import Tokens
from rebalancer.ports import Log, StatusSource

HEADER_LIMIT = 4096  # bytes of a line …
HEADERS = 40  # … and of them so many
QUIET = 60.0  # s of real time between two lines on what was refused


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page is."""

    host: str  # that it listens on
    port: int  # 0: any that is free
    names: tuple[str, ...] = ()  # further ones that it is called by, lower case


class WebServer:
    """Serves the status page of one book.

    Args:
        place: Where.
        source: The running book.
        answers: What machines ask.
        tokens: Who may what.
        log: Hears of refusals and defects.
        redactor: Knows the secrets; None hides by name only.
    """

    def __init__(
        self,
        place: Place,
        source: StatusSource,
        answers: Answers,
        tokens: Tokens,
        log: Log,
        redactor: Redactor | None = None,
    ) -> None:
        self._place, self._source, self._log = place, source, log
        self._answers, self._tokens = answers, tokens
        self._saying = Saying(redactor or Redactor())
        self._routes: Routes | None = None
        self._picture: Picture | None = None
        self._live: Live | None = None
        self._gates: Gates = {}
        self._listener: asyncio.Server | None = None
        self._server: web.Server | None = None
        self._refused: tuple[float, int] = (-QUIET, 0)  # when it was last said; since then

    def attend(self, source: StatusSource) -> None:
        """Speak for another from now on: a book that has begun, and is no longer waited for."""
        self._source = source
        if self._routes is not None and self._picture is not None:
            self._routes.attend(source)
            self._picture.attend(source)

    @property
    def port(self) -> int:
        """The port that it listens on, once it does."""
        assert self._listener is not None
        return int(self._listener.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Listen.

        Raises:
            Unavailable: The address is not free, or none of this machine's.
        """
        place, loop = self._place, asyncio.get_running_loop()
        picture = Picture(self._source, self._saying, loop.time)
        live = Live(picture, self._saying, self._tokens, self._dropped)
        names, page = Names(place.host, place.names), (document(), live)
        self._picture, self._live = picture, live
        self._routes = Routes(self._source, self._answers, self._tokens, names, self._saying, page)
        quiet = logging.getLogger(__name__)  # what strangers send is nothing for a log
        quiet.disabled = True
        self._server = web.Server(
            self._answer,
            request_factory=_request,
            access_log=None,
            logger=quiet,
            max_line_size=HEADER_LIMIT,
            max_field_size=HEADER_LIMIT,
            max_headers=HEADERS,
            lingering_time=0,
        )
        inner = self._server
        try:
            self._listener = await loop.create_server(
                lambda: Gate(inner(), self._gates), place.host, place.port
            )
        except OSError as e:
            told = (
                f"{place.host}:{place.port}: must be a free address of this machine: {e.strerror}"
            )
            raise Unavailable(told) from e
        self._log.info("web.opened", address=f"http://{_bracketed(place.host)}:{self.port}/")

    async def close(self) -> None:
        """Hang up on everybody and stop listening."""
        if self._listener is None or self._server is None or self._live is None:
            return
        self._listener.close()
        self._listener = None
        await self._live.close()
        for gate in list(self._gates.values()):
            gate.abort()
        await self._server.shutdown(1.0)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Return the answer to a request, whatever becomes of it; one a connection."""
        assert self._routes is not None
        gate = self._gates.get(request.transport) if request.transport is not None else None
        if gate is not None:
            gate.stays() if request.path == "/live" else gate.asked()
        try:
            response = await self._routes.answer(request)
        except Refusal as told:
            self._note(told.status, request)
            response = self._routes.refused(told)
        except RebalancerError as e:
            response = self._routes.refused(Refusal(503, str(e)))
        except Exception:  # noqa: BLE001 - logged; a question must not stop the hedging
            self._log.error("web.failed", path=request.path, exc_info=True)
            response = self._routes.refused(Refusal(500, "the daemon could not answer"))
        if not response.prepared:
            self._routes.dress(response)
            response.force_close()
        return response

    def _note(self, status: int, request: web.BaseRequest) -> None:
        """Say that somebody was refused, but not more often than once a minute."""
        if status not in (401, 403, 421):
            return
        now = asyncio.get_running_loop().time()
        at, more = self._refused
        if now - at < QUIET:
            self._refused = at, more + 1
            return
        self._refused = now, 0
        self._log.warning(
            "web.refused", status=status, path=request.path, peer=request.remote, before=more
        )

    def _dropped(self, why: str) -> None:
        self._log.warning("web.dropped", reason=why)


def _request(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: web.RequestHandler,
    writer: AbstractStreamWriter,
    task: "asyncio.Task[None]",
) -> web.BaseRequest:
    """Return a request whose body is small."""
    loop = asyncio.get_running_loop()
    return web.BaseRequest(
        message, payload, protocol, writer, task, loop, client_max_size=BODY_LIMIT
    )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
