"""API keys: who may do what, and how a caller proves to hold one.

Each request is signed with its time, verb, path and body; a websocket logs in
once. A request whose time is more than half a minute off is refused.

Source:
    https://www.okx.com/docs-v5/en/#overview-rest-authentication
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from rebalancer.ports import SECOND
from rebalancer.simulation.host import Request
from rebalancer.simulation.key import Key
from rebalancer.simulation.okx.codes import Refusal

WINDOW = 30 * SECOND  # ns that a request's time may be off
LOGIN = "GET/users/self/verify"  # what a login signs beside its time


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
            Refusal: It is signed wrongly, too early or too late, or not at all.
        """
        told = {name.lower(): value for name, value in request.headers.items()}
        name, stamp = told.get("ok-access-key", ""), told.get("ok-access-timestamp", "")
        if not name:
            raise Refusal("50103")
        key = self._keys.get(name)
        if key is None:
            raise Refusal("50111")
        try:
            at = int(datetime.fromisoformat(stamp).timestamp() * 1_000) * 1_000_000
        except ValueError:
            raise Refusal("50107") from None
        if abs(now - at) > WINDOW:
            raise Refusal("50102")
        if not hmac.compare_digest(key.passphrase, told.get("ok-access-passphrase", "")):
            raise Refusal("50105")
        signed = f"{stamp}{request.method}{request.target}{request.body.decode()}"
        if not _signs(key, signed, told.get("ok-access-sign", "")):
            raise Refusal("50113")
        return key

    def log_in(self, told: Mapping[str, Any], now: int) -> Key:
        """Return the key that a login proves to hold.

        Raises:
            Refusal: It proves nothing.
        """
        key, stamp = self._keys.get(str(told.get("apiKey"))), str(told.get("timestamp"))
        if key is None:
            raise Refusal("60005")
        if not stamp.isdigit():
            raise Refusal("60004")
        if abs(now - int(stamp) * SECOND) > WINDOW:
            raise Refusal("60006")
        if not hmac.compare_digest(key.passphrase, str(told.get("passphrase"))):
            raise Refusal("60024")
        if not _signs(key, stamp + LOGIN, str(told.get("sign"))):
            raise Refusal("60007")
        return key


def permissions(key: Key) -> str:
    """Return what a key may do, in OKX's words."""
    may = [
        "read_only",
        *(["trade"] if key.trades else []),
        *(["withdraw"] if key.withdraws else []),
    ]
    return ",".join(may)


def _signs(key: Key, signed: str, signature: str) -> bool:
    wanted = hmac.new(key.secret.encode(), signed.encode(), hashlib.sha256).digest()
    return hmac.compare_digest(base64.b64encode(wanted).decode(), signature)
