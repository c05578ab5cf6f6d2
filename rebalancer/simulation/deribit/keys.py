"""API keys: who may do what, and how a caller proves to hold one.

REST carries a signature of each request (`deri-hmac-sha256`), a token or the
key itself; a websocket authenticates once. Tokens are counted, not drawn.

Source:
    https://docs.deribit.com/#authentication
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Any

from rebalancer.simulation.deribit.errors import Refusal, invalid
from rebalancer.simulation.deribit.jsonrpc import text
from rebalancer.simulation.host import Request
from rebalancer.simulation.key import Key

LIFE = 900  # seconds of a token


class Keyring:
    """The keys that a venue gave out.

    Args:
        keys: All of them.
    """

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = {each.client_id: each for each in keys}
        self._tokens: dict[str, Key] = {}
        self._issued = 0

    def log_in(self, params: Mapping[str, Any]) -> tuple[Key, Mapping[str, Any]]:
        """Return the key that a `public/auth` proves to hold, and the answer to it.

        Raises:
            Refusal: It proves nothing.
        """
        match text(params, "grant_type"):
            case "client_credentials":
                key = self._key(text(params, "client_id"))
                proven = hmac.compare_digest(key.secret, text(params, "client_secret"))
            case "client_signature":
                key = self._key(text(params, "client_id"))
                stamp, nonce = text(params, "timestamp"), text(params, "nonce", "")
                signed = f"{stamp}\n{nonce}\n{text(params, 'data', '')}"
                proven = _signs(key, signed, text(params, "signature"))
            case "refresh_token":
                held = self._tokens.get(text(params, "refresh_token"))
                if held is None:
                    raise Refusal(13009)
                key, proven = held, True
            case _:
                raise invalid("grant_type", "invalid value")
        if not proven:
            raise Refusal(13004)
        return key, self._token(key)

    def of_request(self, request: Request) -> Key:
        """Return the key that an HTTP request is signed with.

        Raises:
            Refusal: It is signed wrongly, or not at all.
        """
        told = next((v for k, v in request.headers.items() if k.lower() == "authorization"), "")
        scheme, _, rest = told.partition(" ")
        match scheme.lower():
            case "deri-hmac-sha256":
                parts = dict(each.strip().partition("=")[::2] for each in rest.split(","))
                body = request.body.decode()
                stamp, nonce = parts.get("ts", ""), parts.get("nonce", "")
                signed = f"{stamp}\n{nonce}\n{request.method}\n{request.target}\n{body}\n"
                key = self._key(parts.get("id", ""))
                if not _signs(key, signed, parts.get("sig", "")):
                    raise Refusal(13004)
                return key
            case "bearer":
                return self.of_token(rest.strip())
            case "basic":
                return self._basic(rest.strip())
            case _:
                raise Refusal(13009, {"reason": "missing_authorization"})

    def of_token(self, token: str) -> Key:
        """Return the key that a token was given for."""
        key = self._tokens.get(token)
        if key is None:
            raise Refusal(13009, {"reason": "invalid_token"})
        return key

    def _basic(self, told: str) -> Key:
        try:
            name, _, secret = base64.b64decode(told).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise Refusal(13004) from None
        key = self._key(name)
        if not hmac.compare_digest(key.secret, secret):
            raise Refusal(13004)
        return key

    def _key(self, client_id: str) -> Key:
        if client_id not in self._keys:
            raise Refusal(13004)
        return self._keys[client_id]

    def _token(self, key: Key) -> Mapping[str, Any]:
        self._issued += 1
        access, refresh = (
            hashlib.sha256(f"{kind}/{key.client_id}/{self._issued}".encode()).hexdigest()
            for kind in ("access", "refresh")
        )
        self._tokens[access] = self._tokens[refresh] = key
        return {
            "access_token": access,
            "expires_in": LIFE,
            "refresh_token": refresh,
            "scope": _scope(key),
            "token_type": "bearer",
            "enabled_features": [],
        }


def _scope(key: Key) -> str:
    """Return what a token of a key may do, in Deribit's words."""
    trade = "read_write" if key.trades else "read"
    wallet = "read_write" if key.withdraws else "read"
    return f"account:read connection mainaccount trade:{trade} wallet:{wallet}"


def _signs(key: Key, signed: str, signature: str) -> bool:
    wanted = hmac.new(key.secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted, signature)
