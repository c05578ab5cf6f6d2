"""The protocol as a host: reads calls, finds who asks, does it, wraps the answer."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from rebalancer.simulation.accounts import OrderState
from rebalancer.simulation.deribit import history, jsonrpc, public, trading, wallet
from rebalancer.simulation.deribit.desk import Asking, Desk, Shut
from rebalancer.simulation.deribit.errors import Refusal, invalid
from rebalancer.simulation.deribit.session import Session
from rebalancer.simulation.deribit.streams import Streams
from rebalancer.simulation.faults import Kind
from rebalancer.simulation.host import Answer, Call, Request
from rebalancer.simulation.key import Key
from rebalancer.simulation.line import Line
from rebalancer.simulation.shut import Doings

READING: Mapping[str, Callable[[Asking], Any]] = {
    "private/get_positions": wallet.positions,
    "private/get_position": wallet.position,
    "private/get_account_summary": wallet.summary,
    "private/get_account_summaries": wallet.summaries,
    "private/get_margins": wallet.margins,
    "private/get_open_orders": trading.open_orders,
    "private/get_open_orders_by_currency": trading.open_orders,
    "private/get_open_orders_by_instrument": trading.open_orders_by_instrument,
    "private/get_open_orders_by_label": trading.open_orders_by_label,
    "private/get_order_state": trading.order_state,
    "private/get_order_state_by_label": trading.order_state_by_label,
    "private/get_order_history_by_currency": history.orders_by_currency,
    "private/get_order_history_by_instrument": history.orders_by_instrument,
    "private/get_user_trades_by_currency": history.trades_by_currency,
    "private/get_user_trades_by_currency_and_time": history.trades_by_currency,
    "private/get_user_trades_by_instrument": history.trades_by_instrument,
    "private/get_user_trades_by_instrument_and_time": history.trades_by_instrument,
    "private/get_user_trades_by_order": history.trades_by_order,
    "private/get_transaction_log": history.transaction_log,
}
TRADING: Mapping[str, Callable[[Asking], Any]] = {
    "private/buy": trading.buy,
    "private/sell": trading.sell,
    "private/edit": trading.edit,
    "private/edit_by_label": trading.edit_by_label,
    "private/cancel": trading.cancel,
    "private/cancel_by_label": trading.cancel_by_label,
    "private/cancel_all": trading.cancel_all,
    "private/cancel_all_by_currency": trading.cancel_all_by_currency,
    "private/cancel_all_by_instrument": trading.cancel_all_by_instrument,
}
# Methods of the connection itself, and whether they need somebody to be logged in.
LINES = (
    *("public/subscribe", "public/unsubscribe", "public/unsubscribe_all"),
    *("private/subscribe", "private/unsubscribe", "private/unsubscribe_all"),
    *("public/set_heartbeat", "public/disable_heartbeat", "private/logout"),
)
SETTLING, MAINTAINED = 10041, 11051
SPANS: Mapping[Kind, Callable[[int], Shut]] = {
    Kind.MAINTENANCE: partial(Shut, MAINTAINED),
    Kind.SETTLEMENT: partial(Shut, SETTLING, locked="false", dark=False),
}
CANCELS = (
    "private/enable_cancel_on_disconnect",
    "private/disable_cancel_on_disconnect",
    "private/get_cancel_on_disconnect",
)


class Deribit(Doings[Desk, Shut]):  # long: one door to every method
    """Deribit's JSON-RPC over HTTP and websockets.

    Args:
        desk: The venue.
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk, SPANS)
        self.sessions: dict[int, Session] = {}  # by number of their line
        desk.place.listen(Streams(desk, self.sessions))

    def read(self, request: Request) -> Call:
        """Return the call that an HTTP request is."""
        return jsonrpc.read_request(request, self.desk.now)

    def hear(self, line: Line, text: bytes) -> Call:
        """Return the call that a frame is."""
        return jsonrpc.read_frame(line, text, self.desk.now)

    def refuse(self, call: Call, code: int | None) -> Answer:
        """Answer that nothing was done."""
        return jsonrpc.error(call, Refusal(10028 if code is None else code), self.desk.now)

    def perform(self, call: Call, at: int | None = None) -> Answer | None:
        """Do what is asked; only `private/logout` has no answer."""
        try:
            if call.fault:
                raise Refusal(-32700 if call.fault == "parse" else -32600)
            value = self._value(call, at)
        except Refusal as refusal:
            return jsonrpc.error(call, refusal, self.desk.now)
        if call.method == "private/logout":
            return None
        return jsonrpc.result(call, value, self.desk.now)

    def _value(self, call: Call, at: int | None) -> Any:
        method, params = call.method, call.params
        if not isinstance(params, Mapping):
            raise invalid("params", "must be an object")
        self._open(method)
        if method == "public/auth":
            return self._log_in(call)
        if method in public.METHODS:
            self._alive(call)
            return public.METHODS[method](self.desk, params)
        if method in LINES:
            return self._of_line(call)
        if method in CANCELS:
            return self._cancels(call, self._key(call))
        if method in READING:
            key = self._key(call)
            self._spend(key, "log" if method == "private/get_transaction_log" else "other")
            return READING[method](Asking(self.desk, call, key, at))
        if method in TRADING:
            key = self._key(call)
            self._spend(key, "matching")
            if not key.trades:
                raise Refusal(13021)
            return TRADING[method](Asking(self.desk, call, key))
        raise Refusal(-32601)

    def _open(self, method: str) -> None:
        """See that the venue does just now what is asked.

        Raises:
            Refusal: In a settlement orders wait, in a maintenance all that is private.
        """
        shut = self.desk.closed
        if shut is None:
            return
        if method in TRADING or (shut.dark and not method.startswith("public/")):
            raise Refusal(shut.code)

    def _alive(self, call: Call) -> None:
        if call.method == "public/test" and call.line is not None:
            self.sessions[call.line.number].tested()

    # --- who asks -------------------------------------------------------------

    def _log_in(self, call: Call) -> Any:
        key, told = self.desk.keyring.log_in(call.params)
        if call.line is not None:
            session = self.sessions[call.line.number]
            session.key = key
            if session.cancels is None:
                session.cancels = self.desk.cancels.get(key.account, False)
        return told

    def _key(self, call: Call) -> Key:
        """Return the key of who asks.

        Raises:
            Refusal: Nobody knows.
        """
        token = call.params.get("access_token")
        if token is not None:
            return self.desk.keyring.of_token(str(token))
        if call.request is not None:
            return self.desk.keyring.of_request(call.request)
        session = None if call.line is None else self.sessions.get(call.line.number)
        if session is None or session.key is None:
            raise Refusal(13009)
        return session.key

    def _spend(self, key: Key, kind: str) -> None:
        budgets = self.desk.budgets
        if budgets is not None and not budgets.take(key.account, kind, self.desk.now):
            raise Refusal(10028)

    # --- the connection -------------------------------------------------------

    def opened(self, line: Line) -> None:
        """Begin a session."""
        self.sessions[line.number] = Session(self.desk, line)

    def closed(self, line: Line) -> None:
        """End a session; what was lost and not left cancels its orders, where that was asked."""
        session = self.sessions.pop(line.number)
        session.end()
        if session.key is None or line.left or not session.cancels:
            return
        place, account = self.desk.place, session.key.account
        for order in place.orders(account):
            if order.state is OrderState.OPEN and order.asked.line == line.number:
                place.cancel(account, order.order_id, "cancel_on_disconnect")

    def _of_line(self, call: Call) -> Any:
        if call.line is None:
            raise Refusal(10030)
        session = self.sessions[call.line.number]
        family, _, verb = call.method.partition("/")
        if family == "private":
            session.key = self._key(call)
        match verb:
            case "subscribe":
                names = jsonrpc.words(call.params, "channels")
                taken = session.subscribe(names, private=family == "private")
                clock = self.desk.place.clock
                clock.call_at(clock.now(), lambda: session.greet(taken))  # after the answer
                return taken
            case "unsubscribe":
                return session.unsubscribe(jsonrpc.words(call.params, "channels"))
            case "unsubscribe_all":
                session.unsubscribe(None)
            case "set_heartbeat":
                interval = jsonrpc.whole(call.params, "interval", 0)
                if interval < self.desk.heartbeat_least:
                    raise invalid("interval", "must be 10 or more")
                session.beat(interval)
            case "disable_heartbeat":
                session.beat(0)
            case _:
                call.line.left = True
                call.line.close()
        return "ok"

    def _cancels(self, call: Call, key: Key) -> Any:
        """Say, or change, whether a lost connection takes its orders with it."""
        verb = call.method.partition("/")[2].partition("_")[0]
        default = "account" if call.line is None else "connection"
        scope = jsonrpc.text(call.params, "scope", default)
        if scope not in ("connection", "account"):
            raise invalid("scope", "invalid value")
        if scope == "connection":
            if call.line is None:
                raise Refusal(10030)
            session = self.sessions[call.line.number]
            if verb == "get":
                return {"scope": scope, "enabled": bool(session.cancels)}
            session.cancels = verb == "enable"
        elif verb == "get":
            return {"scope": scope, "enabled": self.desk.cancels.get(key.account, False)}
        else:
            self.desk.cancels[key.account] = verb == "enable"
        return "ok"
