"""The chassis: HTTP and websockets on the loopback address, for every host that it is given.

A host is the first segment of the path: a client whose addresses are rewritten
from `https://HOST/path` to `http://127.0.0.1:PORT/HOST/path` needs nothing else.
"""

from collections import deque
from collections.abc import Callable, Mapping

from aiohttp import WSCloseCode, WSMsgType, web

from rebalancer.ports import SECOND, Clock
from rebalancer.runtime.tasks import TaskRegistry
from rebalancer.simulation.faults import AFTER, BEFORE, DEEDS, VENUE, Kind, Plan, Script
from rebalancer.simulation.host import Answer, Call, Host, Request
from rebalancer.simulation.line import Line, Memory

ADDRESS = "127.0.0.1"
KEPT = 100_000  # calls
PAGE = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body></body></html>"


class Server:
    """Serves hosts from `start` to `stop`.

    Args:
        hosts: Name, as in the venue's own addresses → its protocol.
        clock: Time of delays.
        script: What goes wrong.
    """

    def __init__(self, hosts: Mapping[str, Host], clock: Clock, script: Script) -> None:
        self.port = 0
        self.lines: list[Line] = []  # open ones, oldest first
        self.failures: list[BaseException] = []  # of the server itself
        self.calls: deque[tuple[str, str]] = deque(maxlen=KEPT)  # method, and rest or ws
        self._hosts, self._clock, self._script = hosts, clock, script
        self._tasks = TaskRegistry(self.failures.append)
        self._memory: Memory = {}
        self._numbers = 0
        self._runner: web.AppRunner | None = None

    @property
    def address(self) -> str:
        """Return where HTTP is spoken, without a host: `http://127.0.0.1:PORT`."""
        return f"http://{ADDRESS}:{self.port}"

    async def start(self, port: int = 0) -> None:
        """Bind the loopback address; port 0 takes any that is free."""
        app = web.Application()
        app.router.add_route("*", "/{host}/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, ADDRESS, port).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close every connection in order and let go of the port."""
        for line in list(self.lines):
            line.close(WSCloseCode.GOING_AWAY)
        if self._runner is not None:
            await self._runner.cleanup()
        await self._tasks.close()

    # --- HTTP -----------------------------------------------------------------

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        host = self._hosts.get(request.match_info["host"])
        if host is None:
            return web.Response(status=404, text="no such host here")
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._talk(request, host)
        call = host.read(await _plain(request))
        self.calls.append((call.method, "rest"))
        plan = self._script.strike(BEFORE, call.method, "rest")
        if plan is not None and plan.kind is not Kind.LATE:
            return _unheard(request, host, call, plan)
        await self._pause(plan)
        answer = self._perform(host, call, "rest")
        plan = self._script.strike(AFTER, call.method, "rest")
        if plan is not None and plan.kind is not Kind.SLOW:
            return await _unsaid(request, answer, plan)
        await self._pause(plan)
        return web.Response(status=204) if answer is None else _sent(answer)

    async def _pause(self, plan: Plan | None) -> None:
        if plan is not None:
            await self._clock.sleep(int(plan.seconds * SECOND))

    def _perform(self, host: Host, call: Call, over: str) -> Answer | None:
        """Do what is asked, and what others do meanwhile."""
        deed = self._script.strike(DEEDS, call.method, over)
        if deed is not None and deed.deed is not None:
            host.interfere(deed.deed, by_hand=deed.kind is Kind.MANUAL)
        event = self._script.strike(VENUE, call.method, over)
        if event is not None:
            host.happen(event)
        lag = self._script.strike((Kind.LAG,), call.method, over)
        at = None if lag is None else self._clock.now() - int(lag.seconds * SECOND)
        try:
            return host.perform(call, at)
        except Exception as error:  # a defect of the loopback: whoever stops it shall hear of it
            self.failures.append(error)
            raise

    # --- websockets -----------------------------------------------------------

    async def _talk(self, request: web.Request, host: Host) -> web.StreamResponse:
        name = request.match_info["host"]
        opening = "connect", f"connect/{name}"
        if any(self._script.strike((Kind.REFUSE,), each) is not None for each in opening):
            return web.Response(status=503, text="Service Unavailable")
        socket = web.WebSocketResponse(autoping=False, compress=False)
        await socket.prepare(request)
        self._numbers += 1
        line = Line(self._numbers, socket, _cutter(request), self._script, self._memory)
        line.deaf = self._script.strike((Kind.HALF_OPEN,), "connect") is not None
        line.heard = self._clock.now()
        line.target = request.raw_path.removeprefix(f"/{name}")
        self.lines.append(line)
        host.opened(line)
        self._tasks.spawn(f"line-{line.number}", line.write())
        try:
            async for message in socket:
                if line.deaf:
                    continue
                line.heard = self._clock.now()
                if message.type is WSMsgType.PING:
                    await socket.pong(message.data)
                elif message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    data = message.data
                    self._answer(host, line, data.encode() if isinstance(data, str) else data)
        finally:
            self.lines.remove(line)
            line.end()
            host.closed(line)
        return socket

    def _answer(self, host: Host, line: Line, frame: bytes) -> None:
        """Take one frame in: a request whose answer goes out by the same line."""
        call = host.hear(line, frame)
        self.calls.append((call.method, "ws"))
        plan = self._script.strike(BEFORE, call.method)
        match None if plan is None else plan.kind:
            case None:
                self._take(host, line, call)
            case Kind.DROP_BEFORE:
                line.cut()
            case Kind.LATE:
                self._later(plan, lambda: self._take(host, line, call))
            case _:
                line.answer(host.refuse(call, _code(plan)).body)

    def _take(self, host: Host, line: Line, call: Call) -> None:
        answer = self._perform(host, call, "ws")
        if answer is None:
            return
        plan = self._script.strike(AFTER, call.method)
        match None if plan is None else plan.kind:
            case None:
                line.answer(answer.body)
            case Kind.DROP_AFTER:
                line.cut()
            case Kind.SLOW:
                self._later(plan, lambda: line.answer(answer.body))
            case Kind.TRUNCATE:
                line.answer(answer.body[: len(answer.body) // 2])
            case Kind.HTML:
                line.answer(PAGE)
            case _:
                line.answer(host.refuse(call, 11094).body)

    def _later(self, plan: Plan | None, do: Callable[[], None]) -> None:
        seconds = 0.0 if plan is None else plan.seconds
        self._clock.call_at(self._clock.now() + int(seconds * SECOND), do)


def _unheard(request: web.Request, host: Host, call: Call, plan: Plan) -> web.Response:
    """Return what becomes of a request that was never taken."""
    match plan.kind:
        case Kind.DROP_BEFORE:
            return _dropped(request)
        case Kind.ERROR_BEFORE:
            return web.Response(status=plan.code or 503, text="Service Unavailable")
        case _:
            return _sent(host.refuse(call, _code(plan)))


async def _unsaid(request: web.Request, answer: Answer | None, plan: Plan) -> web.StreamResponse:
    """Return what becomes of the answer to a request that was taken."""
    match plan.kind:
        case Kind.DROP_AFTER:
            return _dropped(request)
        case Kind.ERROR_AFTER:
            return web.Response(status=plan.code or 502, text="Bad Gateway")
        case Kind.HTML:
            return web.Response(body=PAGE, content_type="text/html")
        case _:
            return await _truncated(request, answer)


def _code(plan: Plan | None) -> int | None:
    """Return the venue's code of a refusal; None: too many requests."""
    if plan is None or plan.kind is Kind.LIMIT:
        return None
    return 11094 if plan.kind is Kind.ERROR_BEFORE else plan.code


async def _plain(request: web.Request) -> Request:
    prefix = f"/{request.match_info['host']}"
    target = request.raw_path.removeprefix(prefix)
    return Request(
        method=request.method,
        path=target.partition("?")[0],
        target=target,
        query=dict(request.query),
        headers=dict(request.headers),
        body=await request.read(),
    )


def _sent(answer: Answer) -> web.Response:
    return web.Response(status=answer.status, body=answer.body, content_type="application/json")


def _cutter(request: web.Request) -> Callable[[], None]:
    def cut() -> None:
        if request.transport is not None:
            request.transport.abort()

    return cut


def _dropped(request: web.Request) -> web.Response:
    """Close the connection below a request; what is returned goes nowhere."""
    if request.transport is not None:
        request.transport.close()
    return web.Response()


async def _truncated(request: web.Request, answer: Answer | None) -> web.StreamResponse:
    """Send half of a body whose whole length was promised."""
    body = b"" if answer is None else answer.body
    response = web.StreamResponse(
        headers={"Content-Type": "application/json", "Content-Length": str(len(body))}
    )
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response
