"""Routes: what is asked, whether it may be, and what is answered.

GET  /livez          whether the program's loop turns; the only one that never needs a token
GET  /readyz         whether the book can do its work, and if not, why
GET  /metrics        for Prometheus
GET  /status         the book, as the command line tells it
GET  /why/KEY        a decision by its step or by the id of its order
GET  /history/COIN   net delta in its band over the last hours; ?since= s since 1970
GET  /               the page; who lacks a token gets it too, with 401, to type one in
GET  /live           the websocket of the page; the token is its first word
POST /pause /resume /kill     with the operator's token; {"reason": "…"}
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import msgspec
from aiohttp import hdrs, web

from rebalancer.core.events import Verb
from rebalancer.errors import PermissionRefused
from rebalancer.ops.metrics import CONTENT_TYPE
from rebalancer.ops.web.document import Document, headers
from rebalancer.ops.web.live import Live
from rebalancer.ops.web.names import Names
from rebalancer.ops.web.saying import Saying
from rebalancer.ops.web.tokens import Right, Tokens
from rebalancer.ports import SECOND, StatusSource

WHO = "web"  # who gave an order, in the journal
BODY_LIMIT = 4096  # bytes
VERBS: Mapping[str, Verb] = {
    "/pause": Verb.PAUSE,
    "/resume": Verb.RESUME,
    "/kill": Verb.KILL,
}
_KEY = re.compile(r"[0-9]{1,15}|rb[0-9a-z]{1,30}")  # a step, or the id of an order
_SECONDS = re.compile(r"[0-9]{1,10}")
_COIN = re.compile(r"[A-Z0-9]{1,16}")
_JSON = "application/json"


class Health(Protocol):
    """How something is."""

    @property
    def ok(self) -> bool:
        """Whether all is well."""

    @property
    def reasons(self) -> Any:
        """Why it is not."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What machines ask; wiring names who knows."""

    livez: Callable[[StatusSource], Health]
    readyz: Callable[[StatusSource], Health]
    exposition: Callable[[StatusSource], bytes]


class Refusal(Exception):
    """What is asked is not answered.

    Args:
        status: Of the answer.
        why: In words.
        headers: That go with it.
    """

    def __init__(self, status: int, why: str, headers: Mapping[Any, str] | None = None) -> None:
        super().__init__(why)
        self.status, self.why, self.headers = status, why, headers or {}


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an operator says with an order."""

    reason: Annotated[str, msgspec.Meta(max_length=1000)] = ""


_Answer = Callable[[web.BaseRequest], web.Response]


class Routes:
    """Answers requests.

    Args:
        source: The running book.
        answers: What machines ask of it.
        tokens: Who may what.
        names: By which names the page may be called.
        saying: Turns what is answered into JSON.
        page: The page, and the open ones of it.
    """

    def __init__(
        self,
        source: StatusSource,
        answers: Answers,
        tokens: Tokens,
        names: Names,
        saying: Saying,
        page: tuple[Document, Live],
    ) -> None:
        self._source, self._answers, self._tokens = source, answers, tokens
        self._names, self._saying = names, saying
        self._document, self._live = page
        self._reading: Mapping[str, _Answer] = {
            "/": self._page,
            "/livez": lambda _: self._health(answers.livez),
            "/readyz": lambda _: self._health(answers.readyz),
            "/metrics": lambda _: self._metrics(),
            "/status": lambda _: self._json(self._source.status()),
            "/why/": self._why,
            "/history/": self._history,
        }

    def attend(self, source: StatusSource) -> None:
        """Answer for another from now on."""
        self._source = source

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Return the answer to a request, or open a page.

        Raises:
            Refusal: It is not answered.
        """
        if not self._names.admits(request.headers.get(hdrs.HOST)):
            raise Refusal(421, "this is not the host that is meant")
        path, right = request.path, self._tokens.right_of(request.headers.get(hdrs.AUTHORIZATION))
        greets = path == "/live" and hdrs.AUTHORIZATION not in request.headers
        if right is Right.NOTHING and path not in ("/", "/livez") and not (greets and _up(request)):
            raise Refusal(401, "a token is needed", _CHALLENGE)
        carry_out = self._route(request)
        self._own(request)
        return await carry_out(request)

    def _route(
        self, request: web.BaseRequest
    ) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
        path = request.path
        place = next((each for each in ("/why/", "/history/") if path.startswith(each)), path)
        posts = path in VERBS and self._tokens.acts
        if place not in self._reading and path != "/live" and not posts:
            raise Refusal(404, "nothing is here")
        allowed = hdrs.METH_POST if posts else hdrs.METH_GET
        if request.method != allowed:
            raise Refusal(405, f"must be {allowed}", {hdrs.ALLOW: allowed})
        if posts:
            return self._operate
        if path == "/live":
            return self._open
        read = self._reading[place]

        async def answer(asked: web.BaseRequest) -> web.StreamResponse:
            return read(asked)

        return answer

    def _own(self, request: web.BaseRequest) -> None:
        """Refuse what a page that is not ours asks for."""
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is not None and not self._names.same(origin, request.headers.get(hdrs.HOST)):
            raise Refusal(403, "another page may not ask")
        if request.headers.get("Sec-Fetch-Site", "none") == "cross-site" and request.path != "/":
            raise Refusal(403, "another page may not ask")

    # --- reading ----------------------------------------------------------------

    def _page(self, request: web.BaseRequest) -> web.Response:
        right = self._tokens.right_of(request.headers.get(hdrs.AUTHORIZATION))
        known = right is not Right.NOTHING
        return web.Response(
            body=self._document.body,
            status=200 if known else 401,
            headers={} if known else _CHALLENGE,
            content_type="text/html",
            charset="utf-8",
        )

    async def _open(self, request: web.BaseRequest) -> web.StreamResponse:
        if not _up(request):
            raise Refusal(426, "must be a websocket", {hdrs.UPGRADE: "websocket"})
        return await self._live.converse(request)

    def _health(self, ask: Callable[[StatusSource], Health]) -> web.Response:
        told = ask(self._source)
        return self._json({"ok": told.ok, "reasons": told.reasons}, 200 if told.ok else 503)

    def _metrics(self) -> web.Response:
        text = self._saying.text(self._answers.exposition(self._source))
        return web.Response(body=text, headers={hdrs.CONTENT_TYPE: CONTENT_TYPE})

    def _why(self, request: web.BaseRequest) -> web.Response:
        key = request.path.removeprefix("/why/")
        told = self._source.why(key) if _KEY.fullmatch(key) else None
        if told is None:
            raise Refusal(404, "the journal knows no such decision")
        return self._json(told)

    def _history(self, request: web.BaseRequest) -> web.Response:
        name, since = request.path.removeprefix("/history/"), request.query.get("since", "0")
        if not _SECONDS.fullmatch(since):
            raise Refusal(400, "since must be whole seconds since 1970")
        known = _COIN.fullmatch(name)
        told = self._source.history(name, int(since) * SECOND) if known else None
        if told is None:
            raise Refusal(404, "there is no such underlying")
        return self._json(told)

    # --- acting -----------------------------------------------------------------

    async def _operate(self, request: web.BaseRequest) -> web.StreamResponse:
        verb = VERBS[request.path]
        if self._tokens.right_of(request.headers.get(hdrs.AUTHORIZATION)) is not Right.ACT:
            raise Refusal(403, "the operator's token is needed")
        if request.content_type != _JSON:
            raise Refusal(415, f"must be {_JSON}")
        if (request.content_length or 0) > BODY_LIMIT:
            raise Refusal(413, f"must be at most {BODY_LIMIT} bytes")
        try:
            order = msgspec.json.decode(await request.read() or b"{}", type=Order)
        except web.HTTPRequestEntityTooLarge:
            raise Refusal(413, f"must be at most {BODY_LIMIT} bytes") from None
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            raise Refusal(400, 'must be {"reason": "…"}, of at most 1,000 characters') from None
        try:
            told = self._source.operate(verb, order.reason.strip(), WHO, False)
        except PermissionRefused as e:
            raise Refusal(409, str(e)) from e
        return self._json(told)

    def _json(self, value: Any, status: int = 200) -> web.Response:
        return web.Response(
            body=self._saying.encode(value), status=status, content_type=_JSON, charset="utf-8"
        )

    def refused(self, told: Refusal) -> web.Response:
        """Return the answer that refuses."""
        response = self._json({"error": told.why}, told.status)
        response.headers.update(told.headers)
        return response

    def dress(self, response: web.StreamResponse) -> None:
        """Put on an answer what every one is sent with."""
        response.headers.update(headers(self._document.policy))


_CHALLENGE = {hdrs.WWW_AUTHENTICATE: 'Bearer realm="rebalancer"'}


def _up(request: web.BaseRequest) -> bool:
    """Whether a request asks for a websocket."""
    return request.headers.get(hdrs.UPGRADE, "").lower() == "websocket"
