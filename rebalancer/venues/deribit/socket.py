"""The Deribit trading socket: JSON-RPC on one websocket, where the dead-man switch holds.

Orders that may rest are placed here, so that the venue cancels them when this
connection ends. Its heartbeats are answered by the very loop that trades: one
that stands still loses the socket, and with it what rests. Nothing is sent
again; what was not answered when the socket ended is unknown.
"""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
import ccxt

from rebalancer.core.commands import Submit
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND, Clock, Tasks
from rebalancer.venues.connection import Connection
from rebalancer.venues.credentials import Credentials
from rebalancer.venues.deadline import deadline
from rebalancer.venues.deribit import orders
from rebalancer.venues.outcomes import explain
from rebalancer.venues.payloads import MILLISECOND, Row
from rebalancer.venues.profile import Profile
from rebalancer.venues.requests import Market

PATIENCE = 5 * SECOND  # ns until a call counts as unanswered
VENUE = "deribit"


class DeribitSocket:
    """One websocket of an account; opened again by whoever notices that it ended.

    Args:
        connection: Says where the venue is, and through which session.
        credentials: Log in.
        clock: Deadlines, and the time that is signed.
        tasks: Run the reader.
        lost: Is called when the socket ends, for whatever reason.
    """

    def __init__(
        self,
        connection: Connection,
        credentials: Credentials,
        clock: Clock,
        tasks: Tasks,
        lost: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._credentials = credentials
        self._clock = clock
        self._tasks = tasks
        self._lost = lost
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._waiting: dict[int, asyncio.Future[Any]] = {}  # of the socket that is open
        self._number = 0

    @property
    def open(self) -> bool:
        """Whether calls can be sent."""
        return self._socket is not None and not self._socket.closed

    async def start(self) -> None:
        """Connect and log in.

        Raises:
            Unavailable: Nobody is there.
            KeyRefused: The key is not accepted.
        """
        await self.close()
        address = self._connection.exchange.urls["api"]["ws"]
        try:
            async with deadline(self._clock, PATIENCE):
                socket = await self._connection.session.ws_connect(
                    address, timeout=_closing(), autoping=True
                )
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is among them
            raise Unavailable(f"{VENUE} has no websocket: {type(error).__name__}") from None
        self._socket = socket
        self._tasks.spawn("deribit trading socket", self._read(socket))
        try:
            await self.call("public/auth", self._login())
        except ccxt.BaseError as error:
            await self.close()
            raise explain(VENUE, "public/auth", error) from None

    async def call(self, method: str, params: Mapping[str, object]) -> Any:
        """Return the result of one call, sent once.

        Raises:
            Unavailable: There is no socket, it ended, or no answer came in time.
            ccxt.ExchangeError: The venue refused; in its words, as by REST.
        """
        socket = self._socket
        if socket is None or socket.closed:
            raise Unavailable(f"{VENUE} websocket is closed, {method} was not sent")
        self._number += 1
        number = self._number
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer

        try:
            async with deadline(self._clock, PATIENCE):  # of the writing too: nobody may read there
                await self._send(socket, number, method, params)
                return await answer
        except TimeoutError:
            raise Unavailable(f"{VENUE} did not answer {method}") from None
        finally:
            self._waiting.pop(number, None)

    async def order(self, order: Submit, where: Market, profile: Profile, now: int) -> Row:
        """Place an order, once; return what `create_order` would; raises as `call` does."""
        method, params = orders.on_socket(order, where, profile, now)
        return orders.as_created(await self.call(method, params))

    async def close(self) -> None:
        """End the socket; the venue takes away what was placed on it."""
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()

    def _login(self) -> Mapping[str, object]:
        """Return a signed login, so that the secret itself never travels."""
        stamp, nonce = str(self._clock.now() // MILLISECOND), str(self._number)
        signed = f"{stamp}\n{nonce}\n".encode()
        secret = self._credentials.secret.reveal().encode()
        return {
            "grant_type": "client_signature",
            "client_id": self._credentials.key.reveal(),
            "timestamp": int(stamp),
            "nonce": nonce,
            "data": "",
            "signature": hmac.new(secret, signed, hashlib.sha256).hexdigest(),
        }

    async def _send(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        number: int,
        method: str,
        params: Mapping[str, object],
    ) -> None:
        asked = {"jsonrpc": "2.0", "id": number, "method": method, "params": dict(params)}
        try:
            await socket.send_str(json.dumps(asked))
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(f"{VENUE} websocket ended: {type(error).__name__}") from None

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Hand answers out until the socket ends."""
        try:
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    await self._take(socket, message.data)
        except (Unavailable, aiohttp.ClientError, OSError, RecursionError):
            pass  # a ping could not be answered, or a frame is a bomb: the socket is over
        finally:
            if self._socket in (socket, None):  # not one that was opened after it
                self._socket = None
                self._lost()
                for answer in self._waiting.values():
                    _fail(answer, Unavailable(f"{VENUE} websocket ended before an answer"))
            await socket.close()

    async def _take(self, socket: aiohttp.ClientWebSocketResponse, text: str) -> None:
        try:
            told = json.loads(text, parse_float=str)
        except ValueError:
            return  # whoever waits for it gives up in time
        if not isinstance(told, dict):
            return
        if told.get("method") == "heartbeat":
            kind = told.get("params")
            if isinstance(kind, dict) and kind.get("type") == "test_request":
                self._number += 1
                await self._send(socket, self._number, "public/test", {})
            return
        number = told.get("id")
        answer = self._waiting.get(number) if isinstance(number, int) else None
        if answer is None or answer.done():
            return
        if "error" in told:
            answer.set_exception(ccxt.ExchangeError(f"{VENUE} {json.dumps(told)}"))
        else:
            answer.set_result(told.get("result"))


def _fail(answer: asyncio.Future[Any], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)


def _closing() -> aiohttp.ClientWSTimeout:
    return aiohttp.ClientWSTimeout(ws_close=1.0)
