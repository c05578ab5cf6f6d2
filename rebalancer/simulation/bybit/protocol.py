"""The protocol as a host: reads calls, finds who asks, does it, wraps the answer."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from rebalancer.simulation.bybit import envelope, history, protection, public, trading, wallet
from rebalancer.simulation.bybit.desk import Asking, Desk, milliseconds
from rebalancer.simulation.bybit.envelope import READS, WRITES
from rebalancer.simulation.bybit.errors import Refusal
from rebalancer.simulation.bybit.session import Session
from rebalancer.simulation.bybit.streams import Streams
from rebalancer.simulation.faults import Kind
from rebalancer.simulation.host import Answer, Call, Request
from rebalancer.simulation.line import Line
from rebalancer.simulation.shut import Doings, Shut

READING: Mapping[str, Callable[[Asking], Any]] = {
    f"{READS}order/realtime": history.open_orders,
    f"{READS}order/history": history.ended_orders,
    f"{READS}execution/list": history.executions,
    f"{READS}account/transaction-log": history.transaction_log,
    f"{READS}asset/delivery-record": history.deliveries,
    f"{READS}position/list": wallet.positions,
    f"{READS}account/wallet-balance": wallet.balance,
    f"{READS}account/info": wallet.info,
    f"{READS}user/query-api": wallet.key,
    f"{READS}asset/coin/query-info": wallet.coins,
    f"{READS}account/query-dcp-info": protection.told,
}
TRADING: Mapping[str, Callable[[Asking], Any]] = {
    f"{WRITES}order/create": trading.create,
    f"{WRITES}order/cancel": trading.cancel,
    f"{WRITES}order/disconnected-cancel-all": protection.change,
}
RESTARTING, NOT_ALLOWED, LIMITED = 10016, 110066, 10006
COMMAND = "COMMAND_RESP"
SPANS: Mapping[Kind, Callable[[int], Shut[int]]] = {
    Kind.MAINTENANCE: partial(Shut, RESTARTING),
    Kind.SETTLEMENT: partial(Shut, NOT_ALLOWED, dark=False),
}


class Bybit(Doings[Desk, Shut[int]]):
    """Bybit's v5 over HTTP and websockets.

    Args:
        desk: The venue.
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, SPANS)
        self.sessions: dict[int, Session] = {}  # by number of their line
        self._protection = protection.Protection(desk, self.sessions)
        desk.place.listen(Streams(desk, self.sessions))

    def read(self, request: Request) -> Call:
        """Return the call that an HTTP request is."""
        return envelope.read_request(request, self.desk.now)

    def hear(self, line: Line, text: bytes) -> Call:
        """Return the call that a frame is."""
        return envelope.read_frame(line, text, self.desk.now)

    def refuse(self, call: Call, code: int | None) -> Answer:
        """Answer that nothing was done."""
        refusal = Refusal(LIMITED if code is None else code)
        if call.line is not None:
            return Answer(200, envelope.encode(_told(call, refusal)))
        return envelope.error(refusal, self.desk.now)

    def perform(self, call: Call, at: int | None = None) -> Answer | None:
        """Do what is asked."""
        if call.line is not None:
            return Answer(200, envelope.encode(self._of_line(call, call.line)))
        try:
            if call.fault:
                raise Refusal(10001, f"params error: {call.fault}")
            value = self._value(call, at)
        except Refusal as refusal:
            return envelope.error(refusal, self.desk.now)
        return envelope.result(value, self.desk.now)

    def _value(self, call: Call, at: int | None) -> Any:
        method, shut = call.method, self.desk.closed
        if method in public.METHODS:
            return public.METHODS[method](self.desk, call.params)
        if call.request is None or method not in {**READING, **TRADING}:
            raise Refusal(10017)
        key = self.desk.keyring.of_request(call.request, self.desk.now)
        if shut is not None and (shut.dark or method in TRADING):
            raise Refusal(shut.code)
        if method in READING:
            return READING[method](Asking(self.desk, call, key, at))
        if not key.trades:
            raise Refusal(10005)
        return TRADING[method](Asking(self.desk, call, key))

    # --- websockets -----------------------------------------------------------

    def opened(self, line: Line) -> None:
        """Begin a session; there is none at an address that says nothing."""
        session = self.sessions[line.number] = Session(self.desk, line)
        if not session.known:
            line.close()

    def closed(self, line: Line) -> None:
        """End a session."""
        self._protection.ended(self.sessions.pop(line.number))

    def _of_line(self, call: Call, line: Line) -> Any:
        session = self.sessions[line.number]
        try:
            if call.fault:
                raise Refusal(10001, call.fault)
            told = self._done(call, session)
            self._protection.heard(session)
            return told
        except Refusal as refusal:
            if session.category == "option":
                args = [str(each) for each in call.params.get("args") or []]
                topics = {"failTopics": args, "successTopics": []}
                return {"success": False, "conn_id": "loop", "data": topics, "type": COMMAND}
            return _told(call, refusal)

    def _done(self, call: Call, session: Session) -> Any:
        """Return the answer to a frame, having done what it asks."""
        op, args = call.method.removeprefix("ws/"), call.params.get("args") or []
        told = _told(call, None)
        match op:
            case "ping" if session.private or session.category == "option":
                now = [milliseconds(self.desk.now)]
                return {"req_id": call.key or "", "op": "pong", "args": now, "conn_id": "loop"}
            case "ping":
                return {**told, "ret_msg": "pong"}
            case "auth":
                session.key = self.desk.keyring.of_login(args, self.desk.now)
            case "subscribe":
                taken = session.subscribe([str(each) for each in args])
                clock = self.desk.place.clock
                clock.call_at(clock.now(), lambda: session.greet(taken))  # after the answer
            case "unsubscribe":
                session.unsubscribe([str(each) for each in args])
            case _:
                raise Refusal(10001, f"error:unknown op {op}")
        if session.category == "option":  # which answers in words of its own
            topics = {"failTopics": [], "successTopics": [str(each) for each in args]}
            return {"success": True, "conn_id": "loop", "data": topics, "type": COMMAND}
        return told


def _told(call: Call, refusal: Refusal | None) -> dict[str, Any]:
    """Return how a websocket says that something was done, or why it was not."""
    told: dict[str, Any] = {
        "success": refusal is None,
        "ret_msg": "" if refusal is None else refusal.message,
        "op": call.method.removeprefix("ws/"),
        "conn_id": "loop",
        "req_id": call.key or "",
    }
    if call.method == "ws/auth" and refusal is not None:
        return told | {"retCode": refusal.code, "retMsg": refusal.message}
    return told
