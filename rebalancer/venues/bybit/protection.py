"""Bybit's disconnection protect: a stream of the account, whose end takes away what rests.

It is a service: an account has it or has it not, for derivatives, pairs and options
each, and an account manager turns it on. How long the stream may be gone is ours to
say. The stream is a socket of its own that subscribes to nothing else. Nobody else
subscribes to it, so that its end is the end of the last one; it is pinged by the very
loop that trades, and Bybit cuts it half a minute after the last ping.

Source:
    https://bybit-exchange.github.io/docs/v5/order/dcp
    https://bybit-exchange.github.io/docs/v5/websocket/private/dcp
"""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

import aiohttp

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.errors import Unavailable
from rebalancer.ports import SECOND
from rebalancer.venues.bybit.codes import CODES
from rebalancer.venues.deadline import deadline
from rebalancer.venues.outcome import KeyRefused
from rebalancer.venues.outcomes import explain
from rebalancer.venues.payloads import MILLISECOND, Row
from rebalancer.venues.profile import DeadMan
from rebalancer.venues.seats import SocketSeat

VENUE = "bybit"
PATIENCE = 5 * SECOND  # ns until an answer is missing
VALID = 10 * SECOND  # ns that a login may take to arrive
ALIVE = "max_active_time=30s"  # the shortest that Bybit leaves a silent socket open
TOPICS = {"DERIVATIVES": "dcp.future", "SPOT": "dcp.spot", "OPTIONS": "dcp.option"}


def product_of(instrument: Instrument) -> str:
    """Return under what Bybit protects an instrument."""
    return {Kind.SPOT: "SPOT", Kind.OPTION: "OPTIONS"}.get(instrument.kind, "DERIVATIVES")


class Protection:
    """The protection of one account; a `dead_man.Guardian`.

    Args:
        seat: The account, what may rest there, and how long the stream may be gone.
    """

    def __init__(self, seat: SocketSeat) -> None:
        self.window = seat.window
        self._seat = seat
        self._products = tuple(dict.fromkeys(product_of(each) for each in seat.hedges))
        self._hedges = frozenset(each.id for each in seat.hedges)
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._waiting: dict[tuple[str, str], asyncio.Future[Row]] = {}  # by our number, by op
        self._number = 0

    @property
    def open(self) -> bool:
        """Whether the stream is there."""
        return self._socket is not None and not self._socket.closed

    def covers(self, instrument: str) -> bool:
        """Whether an order in an instrument (an id) would go with it."""
        return instrument in self._hedges

    async def wind(self) -> None:
        """See that the service is on, as long as we say; subscribe, or ping the stream.

        Raises:
            Unavailable: It is not on, nothing is to be protected, or the stream does
                not answer.
            KeyRefused: The key is not accepted.
        """
        if not self._products:
            raise Unavailable(f"{VENUE}: a dead-man switch must be for an instrument, was for none")
        missing = await self._missing()
        if missing:
            for product in missing:
                seconds = self.window // SECOND
                await self._rest(self._dead_man.arm, {"product": product, "timeWindow": seconds})
            missing = await self._missing()
        if missing:  # it takes effect within ten seconds
            names = ", ".join(missing)
            raise Unavailable(f"{VENUE}: disconnection protect must be on for {names}, was not yet")
        if not self.open:
            await self._start()
        await self._call("ping", ())

    async def stop(self) -> None:
        """Do nothing more than end the stream: the service is turned off by Bybit alone."""
        await self.lapse()

    async def lapse(self) -> None:
        """End the stream: what rests goes after the window."""
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()

    # --- the service ------------------------------------------------------------

    @property
    def _dead_man(self) -> DeadMan:
        profile = self._seat.connection.profile
        if profile is None:
            raise Unavailable(f"{VENUE}: nobody knows how its switch is worked")
        return profile.dead_man

    async def _missing(self) -> list[str]:
        """Return the products that are not protected, or not after our span."""
        told = await self._rest(self._dead_man.read, {})
        result = told.get("result")
        listed = result.get("dcpInfos") if isinstance(result, Mapping) else None
        rows = [each for each in listed or () if isinstance(each, Mapping)]
        seconds = str(self.window // SECOND)
        there = [
            each.get("product")
            for each in rows
            if each.get("dcpStatus") == "ON" and str(each.get("timeWindow")) == seconds
        ]
        return [each for each in self._products if each not in there]

    async def _rest(self, call: str, params: Mapping[str, object]) -> Row:
        try:
            told = await getattr(self._seat.connection.exchange, call)(dict(params))
        except Exception as error:  # noqa: BLE001 - ccxt's texts carry signed addresses
            raise explain(VENUE, call, error) from None
        return told if isinstance(told, Mapping) else {}

    # --- the stream -------------------------------------------------------------

    async def _start(self) -> None:
        """Connect, log in, and subscribe to nothing but the protection."""
        seat = self._seat
        address = seat.connection.exchange.urls["api"]["ws"]["private"]["contract"]
        timeout = aiohttp.ClientWSTimeout(ws_close=1.0)
        try:
            async with deadline(seat.clock, PATIENCE):
                socket = await seat.connection.session.ws_connect(
                    f"{address}?{ALIVE}", timeout=timeout, autoping=True
                )
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is among them
            raise Unavailable(f"{VENUE} has no websocket: {type(error).__name__}") from None
        self._socket = socket
        seat.tasks.spawn("bybit protection", self._read(socket))
        try:
            told = await self._call("auth", self._login())
            if told.get("success") is not True:
                why = f"{VENUE} refused our login for disconnection protect"
                raise (KeyRefused if str(told.get("retCode")) in CODES.key else Unavailable)(why)
            topics = [TOPICS[each] for each in self._products]
            told = await self._call("subscribe", topics)
            if told.get("success") is not True:
                raise Unavailable(f"{VENUE} refused to protect: {', '.join(topics)}")
        except Unavailable:
            await self.lapse()
            raise

    def _login(self) -> tuple[object, ...]:
        keys = self._seat.keys
        expires = (self._seat.clock.now() + VALID) // MILLISECOND
        text = f"GET/realtime{expires}".encode()
        signed = hmac.new(keys.secret.reveal().encode(), text, hashlib.sha256)
        return (keys.key.reveal(), expires, signed.hexdigest())

    async def _call(self, op: str, args: object) -> Row:
        """Return the answer to a frame, sent once; raises `Unavailable`."""
        socket = self._socket
        if socket is None or socket.closed:
            raise Unavailable(f"{VENUE} has no websocket: {op} was not sent")
        self._number += 1
        name = (str(self._number), "pong" if op == "ping" else op)
        answer: asyncio.Future[Row] = asyncio.get_running_loop().create_future()
        self._waiting[name] = answer
        asked = {"req_id": name[0], "op": op, "args": args}
        try:
            async with deadline(self._seat.clock, PATIENCE):
                await socket.send_str(json.dumps(asked))
                return await answer
        except TimeoutError:
            raise Unavailable(f"{VENUE} did not answer {op}") from None
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(f"{VENUE} websocket ended: {type(error).__name__}") from None
        finally:
            self._waiting.pop(name, None)

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Hand answers out until the socket ends."""
        try:
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._take(message.data)
        except (aiohttp.ClientError, OSError, RecursionError):
            pass  # the socket is over
        finally:
            if self._socket in (socket, None):  # not one that was opened after it
                self._socket = None
                self._seat.lost()
                for answer in self._waiting.values():
                    if not answer.done():
                        answer.set_exception(Unavailable(f"{VENUE} websocket ended"))
            await socket.close()

    def _take(self, text: str) -> None:
        try:
            told: Any = json.loads(text)
        except ValueError:
            return  # whoever waits for it gives up in time
        if not isinstance(told, dict):
            return
        number, op = str(told.get("req_id") or ""), told.get("op")
        for (asked, wanted), answer in self._waiting.items():
            # Its own examples of a login repeat no number.
            if (number == asked or (not number and op == wanted)) and not answer.done():
                answer.set_result(told)
