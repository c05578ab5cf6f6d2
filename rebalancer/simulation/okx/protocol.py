"""The protocol as a host: reads calls, finds who asks, does it, wraps the answer."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from rebalancer.simulation.faults import Kind
from rebalancer.simulation.host import Answer, Call, Request
from rebalancer.simulation.line import Line
from rebalancer.simulation.okx import history, public, rest, trading, wallet
from rebalancer.simulation.okx.channels import parse
from rebalancer.simulation.okx.codes import ELSEWHERE, MESSAGES, Refusal
from rebalancer.simulation.okx.desk import Asking, Desk
from rebalancer.simulation.okx.session import Session
from rebalancer.simulation.okx.streams import Streams
from rebalancer.simulation.shut import Doings, Shut

READING: Mapping[str, Callable[[Asking], list[Any]]] = {
    "GET account/balance": wallet.balance,
    "GET account/positions": wallet.positions,
    "GET account/config": wallet.config,
    "GET account/leverage-info": wallet.leverage,
    "GET account/bills": history.bills,
    "GET account/bills-archive": history.old_bills,
    "GET trade/fills": history.fills,
    "GET trade/fills-history": history.old_fills,
    "GET trade/order": trading.order,
    "GET trade/orders-pending": trading.pending,
    "GET trade/orders-history": trading.ended,
    "GET trade/orders-algo-pending": trading.stops,
    "GET asset/currencies": wallet.assets,
}
TRADING: Mapping[str, Callable[[Asking], Answer]] = {
    "POST trade/order": trading.place,
    "POST trade/batch-orders": trading.place,
    "POST trade/cancel-order": trading.cancel,
    "POST trade/cancel-batch-orders": trading.cancel,
    "POST trade/cancel-all-after": trading.count_down,
}
TOO_MANY, SETTLING, MAINTAINED = "50011", "51029", "50001"
SPANS: Mapping[Kind, Callable[[int], Shut[str]]] = {
    Kind.MAINTENANCE: partial(Shut, MAINTAINED),
    Kind.SETTLEMENT: partial(Shut, SETTLING, dark=False),
}


class Okx(Doings[Desk, Shut[str]]):
    """OKX's REST and websockets.

    Args:
        desk: The venue.
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, SPANS)
        self.sessions: dict[int, Session] = {}  # by number of their line
        desk.place.listen(Streams(desk, self.sessions))

    def read(self, request: Request) -> Call:
        """Return the call that an HTTP request is."""
        return rest.read(request, self.desk.now)

    def hear(self, line: Line, text: bytes) -> Call:
        """Return the call that a frame is."""
        if text == b"ping":
            return Call("ping", {}, line=line, received=self.desk.now)
        try:
            told = msgspec.json.decode(text)
        except msgspec.DecodeError:
            return Call("", {}, line=line, received=self.desk.now, fault="frame")
        if not isinstance(told, dict):
            return Call("", {}, line=line, received=self.desk.now, fault="frame")
        return Call(str(told.get("op")), told, told.get("id"), line, received=self.desk.now)

    def refuse(self, call: Call, code: int | None) -> Answer:
        """Answer that nothing was done; of an order, in the order's own row."""
        told = TOO_MANY if code is None else ELSEWHERE.get(str(code), str(code))
        refusal = Refusal(told)
        if call.line is not None:
            return Answer(200, rest.encode(_error(call, refusal)))
        if call.method in TRADING and told.startswith("51"):
            rows = [
                {"clOrdId": each.get("clOrdId", ""), "ordId": "", "sCode": told,
                 "sMsg": refusal.message, "tag": ""}
                for each in call.params.get("each", ())
            ]  # fmt: skip
            return rest.answer(rows, trading.FAILED, "All operations failed")
        return rest.refused(refusal)

    def perform(self, call: Call, at: int | None = None) -> Answer | None:
        """Do what is asked; what is asked by websocket is answered on its line, word by word."""
        if call.line is not None:
            self._on_line(call, self.sessions[call.line.number])
            return None
        try:
            if call.fault or call.request is None:
                raise Refusal("50000")
            return self._value(call, call.request, at)
        except Refusal as refusal:
            return rest.refused(refusal)

    def _value(self, call: Call, request: Request, at: int | None) -> Answer:
        method, shut = call.method, self.desk.closed
        if method in public.METHODS:
            return rest.answer(public.METHODS[method](self.desk, call.params))
        if method not in READING and method not in TRADING:
            raise Refusal("50005", "API is offline or unavailable")
        key = self.desk.keyring.of_request(request, self.desk.now)
        if shut is not None and (method in TRADING or shut.dark):
            if shut.dark:
                raise Refusal(shut.code)
            return self.refuse(call, int(shut.code))
        asking = Asking(self.desk, call, key, at)
        if method in READING:
            return rest.answer(READING[method](asking))
        if not key.trades:
            raise Refusal("50120")
        return TRADING[method](asking)

    # --- websockets -----------------------------------------------------------

    def opened(self, line: Line) -> None:
        """Begin a session."""
        self.sessions[line.number] = Session(self.desk, line)

    def closed(self, line: Line) -> None:
        """End a session; its orders stay."""
        self.sessions.pop(line.number).end()

    def _on_line(self, call: Call, session: Session) -> None:
        listed = call.params.get("args")
        args = [each for each in listed if isinstance(each, dict)] if listed else []
        match call.method:
            case "ping":
                session.pong()
            case "login":
                self._log_in(call, session, args)
            case "subscribe":
                for arg in args:
                    self._subscribe(call, session, arg)
            case "unsubscribe":
                for arg in args:
                    channel = parse(self.desk, arg)
                    if channel is not None:
                        session.channels.pop(channel.name, None)
                    session.answer({**_head(call), "event": "unsubscribe", "arg": arg})
            case _:
                session.answer(_error(call, Refusal("60012")))

    def _log_in(self, call: Call, session: Session, args: list[dict[str, Any]]) -> None:
        try:
            session.key = self.desk.keyring.log_in(args[0] if args else {}, self.desk.now)
        except Refusal as refusal:
            session.answer(_error(call, refusal))
            return
        session.answer({**_head(call), "event": "login", "code": "0", "msg": ""})

    def _subscribe(self, call: Call, session: Session, arg: Mapping[str, Any]) -> None:
        channel = parse(self.desk, arg)
        code = None if channel is None else self.desk.hurdle.get(channel.name)
        if channel is None:
            words = ",".join(f"{name}:{value}" for name, value in arg.items())
            code, why = "60018", f"Wrong URL or {words} doesn't exist. Please use the correct URL"
        elif channel.private and session.key is None:
            code, why = "60011", MESSAGES["60011"]
        else:
            why = "" if code is None else MESSAGES.get(code, "error")
        if channel is None or code is not None:
            session.answer(_error(call, Refusal(str(code), why)))
            return
        session.subscribe(channel)
        session.answer({**_head(call), "event": "subscribe", "arg": dict(arg)})
        session.greet(channel)


def _head(call: Call) -> dict[str, Any]:
    told = {"connId": f"{0 if call.line is None else call.line.number:08x}"}
    return told if call.key is None else {"id": str(call.key), **told}


def _error(call: Call, refusal: Refusal) -> dict[str, Any]:
    return {**_head(call), "event": "error", "code": refusal.code, "msg": refusal.message}
