"""API keys: who may do what, and how a caller proves to hold one.

REST signs timestamp, key, window and query or body; what comes before its time
or after its window is refused. A websocket signs the end of its own request.

Source:
    https://bybit-exchange.github.io/docs/v5/guide#authentication
    https://bybit-exchange.github.io/docs/v5/ws/connect
"""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from typing import Any

from rebalancer.simulation.bybit.envelope import MILLISECOND
from rebalancer.simulation.bybit.errors import Refusal
from rebalancer.simulation.host import Request
from rebalancer.simulation.key import Key

AHEAD = 1_000  # ms that a timestamp may be before the venue's clock
WINDOW = 5_000  # ms, where a request names none


class Keyring:
    """The keys that a venue gave out.

    Args:
        keys: All of them.
    """

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = {each.client_id: each for each in keys}

    def of_request(self, request: Request, now: int) -> Key:
        """Return the key that an HTTP request is signed with.

        Raises:
            Refusal: It is signed wrongly, or not at all, or at another time.
        """
        told = {name.lower(): value for name, value in request.headers.items()}
        key = self._key(told.get("x-bapi-api-key", ""))
        stamp = told.get("x-bapi-timestamp", "")
        window = told.get("x-bapi-recv-window", str(WINDOW))
        if not (stamp.isdigit() and window.isdigit()):
            raise Refusal(10002)
        here = now // MILLISECOND
        if not here - int(window) <= int(stamp) < here + AHEAD:
            raise Refusal(10002)
        rest = request.target.partition("?")[2]
        payload = request.body.decode() if request.method == "POST" else rest
        signed = f"{stamp}{key.client_id}{window}{payload}"
        if not _signs(key, signed, told.get("x-bapi-sign", "")):
            raise Refusal(10004)
        return key

    def of_login(self, args: Sequence[Any], now: int) -> Key:
        """Return the key that a websocket's `auth` proves to hold.

        Raises:
            Refusal: It proves nothing, or is too old.
        """
        if len(args) != 3:
            raise Refusal(10001, "Params Error")
        name, expires, signature = (str(each) for each in args)
        key = self._key(name)
        if not expires.isdigit() or int(expires) <= now // MILLISECOND:
            raise Refusal(10004, "Params Error: expires")
        if not _signs(key, f"GET/realtime{expires}", signature):
            raise Refusal(10004)
        return key

    def _key(self, name: str) -> Key:
        if name not in self._keys:
            raise Refusal(10003)
        return self._keys[name]


def _signs(key: Key, signed: str, signature: str) -> bool:
    wanted = hmac.new(key.secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted, signature)
