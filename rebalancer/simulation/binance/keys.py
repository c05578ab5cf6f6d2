"""API keys: who may ask, how a request proves it, and how old it may be.

A signed request carries the key in a header, the time at which it was signed, for how
long it may travel, and a signature over its parameters as they came. A listen key
opens an account's stream for an hour, and longer when it is renewed.

Source:
    https://developers.binance.com/docs/binance-spot-api-docs/rest-api/request-security
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Any

from rebalancer.ports import SECOND
from rebalancer.simulation.binance.errors import Refusal
from rebalancer.simulation.binance.text import amount, milliseconds, whole
from rebalancer.simulation.host import Call
from rebalancer.simulation.key import Key

HEADER = "x-mbx-apikey"
WINDOW, WIDEST = 5_000, 60_000  # ms: usual and largest recvWindow
EARLY = 1_000  # ms that a request may be signed before the venue's time
LIFE = 3_600 * SECOND  # ns of a listen key


class Keyring:
    """The keys that a venue gave out.

    Args:
        keys: All of them.
    """

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = {each.client_id: each for each in keys}
        self._streams: dict[str, tuple[Key, int]] = {}  # listen key → whose, until when, ns
        self._issued = 0

    def holder(self, call: Call) -> Key:
        """Return the key that a request names in its header; raises `Refusal`."""
        headers = {} if call.request is None else call.request.headers
        told = next((v for k, v in headers.items() if k.lower() == HEADER), "")
        return self.named(told)

    def named(self, name: str) -> Key:
        """Return a key by its name; raises `Refusal`."""
        if not name:
            raise Refusal(-2014)
        if name not in self._keys:
            raise Refusal(-2015)
        return self._keys[name]

    def signed(self, call: Call, now: int) -> Key:
        """Return the key that a request is signed with; raises `Refusal`."""
        key, request = self.holder(call), call.request
        if request is None:
            raise Refusal(-2014)
        query = request.target.partition("?")[2]
        whole_text = query + request.body.decode()
        text, _, signature = whole_text.rpartition("&signature=")
        in_time(call.params, now)
        proves(key, text, signature)
        return key

    # --- listen keys ------------------------------------------------------------

    def listen(self, key: Key, now: int) -> str:
        """Return the listen key of an account: the one that is valid, or a new one."""
        for name, (holder, until) in self._streams.items():
            if holder.account == key.account and until > now:
                self._streams[name] = key, now + LIFE
                return name
        self._issued += 1
        told = hashlib.sha256(f"listen/{key.client_id}/{self._issued}".encode()).hexdigest()
        self._streams[told] = key, now + LIFE
        return told

    def renew(self, key: Key, now: int) -> None:
        """Let the listen key of an account live on; raises `Refusal` where there is none."""
        for name, (holder, until) in self._streams.items():
            if holder.account == key.account and until > now:
                self._streams[name] = holder, now + LIFE
                return
        raise Refusal(-1125)

    def forget(self, account: str) -> None:
        """Let every listen key of an account run out."""
        kept = {n: each for n, each in self._streams.items() if each[0].account != account}
        self._streams = kept

    def of_stream(self, name: str, now: int) -> Key | None:
        """Return whose listen key it is, None where it is not valid."""
        key, until = self._streams.get(name, (None, 0))
        return key if until > now else None


def in_time(params: Mapping[str, Any], now: int) -> None:
    """Refuse what was signed too long ago, or in the future; raises `Refusal`."""
    stamp, window = amount(params, "timestamp"), whole(params, "recvWindow", WINDOW)
    if stamp is None:
        raise Refusal(-1102, "Mandatory parameter 'timestamp' was not sent, was empty/null.")
    if window > WIDEST:
        raise Refusal(-1131, "recvWindow must be less than 60000")
    here = milliseconds(now)
    if int(stamp) >= here + EARLY or here - int(stamp) > window:
        raise Refusal(-1021)


def proves(key: Key, text: str, signature: str) -> None:
    """Refuse a signature that is not the key's; raises `Refusal`."""
    wanted = hmac.new(key.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(wanted, signature):
        raise Refusal(-1022)
