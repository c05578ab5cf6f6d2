"""The protocol as a host: reads requests, finds who asks, does it, answers."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from rebalancer.simulation.binance import routes
from rebalancer.simulation.binance.desk import Asking, Desk
from rebalancer.simulation.binance.errors import BUSY, GONE, TOO_MANY, Refusal
from rebalancer.simulation.binance.keys import in_time, proves
from rebalancer.simulation.binance.session import Session
from rebalancer.simulation.binance.streams import Streams
from rebalancer.simulation.binance.text import answer, parameters
from rebalancer.simulation.faults import Kind
from rebalancer.simulation.host import Answer, Call, Request
from rebalancer.simulation.line import Line
from rebalancer.simulation.shut import Doings, Shut

LOGIN = "userDataStream.subscribe.signature"
SIGNED = "signed/"
SPANS: Mapping[Kind, Callable[[int], Shut[int]]] = {
    Kind.MAINTENANCE: partial(Shut, GONE),
    Kind.SETTLEMENT: partial(Shut, BUSY, dark=False),
}


class Binance(Doings[Desk, Shut[int]]):
    """One venue's REST and websockets.

    Args:
        desk: The venue.
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, SPANS)
        self.sessions: dict[int, Session] = {}  # by number of their line
        self._private = routes.private(desk.house)
        self._public = routes.public_of(desk.house)
        self._streams = Streams(desk, self.sessions)
        desk.place.listen(self._streams)

    def read(self, request: Request) -> Call:
        """Return the call that a request is: a signed one says so in its name."""
        body = parameters(request.body.decode())
        params = {**parameters(request.target.partition("?")[2]), **body}
        name = f"{request.method} {request.path}"
        method = f"{SIGNED}{name}" if "signature" in params else name
        return Call(method, params, request=request, received=self.desk.now)

    def hear(self, line: Line, text: bytes) -> Call:
        """Return the call that a frame is."""
        now = self.desk.now
        try:
            told = msgspec.json.decode(text)
        except msgspec.DecodeError:
            return Call("", {}, line=line, received=now, fault="Invalid JSON")
        if not isinstance(told, dict) or not isinstance(told.get("method"), str):
            return Call("", {}, line=line, received=now, fault="Invalid request")
        params = told.get("params")
        named = params if isinstance(params, dict) else {"channels": params or []}
        return Call(told["method"], named, told.get("id"), line, received=now)

    def refuse(self, call: Call, code: int | None) -> Answer:
        """Answer that nothing was done."""
        return self._refused(call, Refusal(TOO_MANY if code is None else code))

    def perform(self, call: Call, at: int | None = None) -> Answer | None:
        """Do what is asked."""
        try:
            if call.line is not None:
                return self._on_line(call, call.line)
            return answer(self._value(call, at))
        except Refusal as refusal:
            return self._refused(call, refusal)

    def _refused(self, call: Call, refusal: Refusal) -> Answer:
        told: dict[str, Any] = {"code": refusal.code, "msg": refusal.word}
        if call.line is None:
            return answer(told, refusal.status)
        body = {"error": told, "id": call.key}
        if self.sessions[call.line.number].api:
            body["status"] = refusal.status
        return answer(body)

    # --- REST -------------------------------------------------------------------

    def _value(self, call: Call, at: int | None) -> Any:
        name = call.method.removeprefix(SIGNED)
        method, _, path = name.partition(" ")
        if path in self._public and method == "GET":
            return self._public[path](self.desk, call.params)
        if path.endswith("/listenKey") and not self.desk.house.spot:
            return self._listen_key(call, method)
        deed = self._private.get(name)
        if deed is None:
            raise Refusal(-5000, f"Path {path}, Method {method} is invalid")
        trades = any(name.endswith(each.split(" ")[1]) for each in routes.TRADING)
        trades = trades and method in ("POST", "DELETE")
        self._opened(trades)
        key = self.desk.keyring.signed(call, call.received)
        if trades and (not key.trades or self.desk.locked):
            raise Refusal(-2015)
        return deed(Asking(self.desk, call, key, None if trades else at))

    def _opened(self, trades: bool) -> None:
        """See that the venue does just now what is asked; raises `Refusal`."""
        shut = self.desk.closed
        if shut is not None and (trades or shut.dark):
            raise Refusal(shut.code)

    def _listen_key(self, call: Call, method: str) -> Any:
        """Give a listen key, let it live on, or end it: it needs no signature."""
        key, ring = self.desk.keyring.holder(call), self.desk.keyring
        match method:
            case "POST":
                return {"listenKey": ring.listen(key, self.desk.now)}
            case "PUT":
                ring.renew(key, self.desk.now)
            case _:
                ring.forget(key.account)
        return {}

    # --- websockets -------------------------------------------------------------

    def opened(self, line: Line) -> None:
        """Begin a session; one whose listen key is none ends at once."""
        session = Session(self.desk, line)
        self.sessions[line.number] = session
        if not session.enter():
            line.close(1008)
        elif session.key is not None:
            line.remember("ORDER_TRADE_UPDATE", session.key.account)
        self._streams.wake()

    def closed(self, line: Line) -> None:
        """End a session."""
        self.sessions.pop(line.number)

    def _on_line(self, call: Call, line: Line) -> Answer:
        if call.fault:
            raise Refusal(2, call.fault)
        session = self.sessions[line.number]
        names = call.params.get("channels", ())
        match call.method:
            case "SUBSCRIBE":
                session.subscribe(names)
                clock = self.desk.place.clock
                clock.call_at(clock.now(), lambda: _greet(session, names))  # after the answer
            case "UNSUBSCRIBE":
                session.unsubscribe(names)
            case "LIST_SUBSCRIPTIONS":
                return answer({"result": list(session.channels), "id": call.key})
            case method if method == LOGIN and session.api:
                return self._log_in(session, call)
            case _:
                raise Refusal(2, "Invalid request: unknown method")
        return answer({"result": None, "id": call.key})

    def _log_in(self, session: Session, call: Call) -> Answer:
        """Let an account be heard on the websocket API; raises `Refusal`."""
        params: Mapping[str, Any] = call.params
        in_time(params, call.received)
        key = self.desk.keyring.named(str(params.get("apiKey", "")))
        names = sorted(name for name in params if name != "signature")
        text = "&".join(f"{name}={params[name]}" for name in names)
        proves(key, text, str(params.get("signature", "")))
        session.key, session.wraps = key, True
        clock, account = self.desk.place.clock, key.account
        clock.call_at(clock.now(), lambda: session.line.remember("executionReport", account))
        return answer({"id": call.key, "status": 200, "result": {"subscriptionId": 0}})


def _greet(session: Session, names: list[str]) -> None:
    """Send what a new subscription begins with."""
    for name in names:
        if name in session.channels and name.endswith(("@bookTicker", "Price@1s")):
            session.tell(name, begun=True)
