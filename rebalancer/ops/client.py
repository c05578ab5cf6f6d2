"""The command line's end of the control socket."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from rebalancer.errors import (
    DataError,
    Defect,
    PermissionRefused,
    RebalancerError,
    Unavailable,
    UsageError,
)
from rebalancer.ops import protocol

TIMEOUT = 5.0  # s
_ANSWER_LIMIT = 16 * 1024 * 1024  # bytes
_ERRORS: dict[int, type[RebalancerError]] = {
    error.exit_code: error
    for error in (UsageError, DataError, Defect, Unavailable, PermissionRefused)
}


class ControlClient:
    """Asks a running book; one connection a question.

    Args:
        path: The socket, `DIR/control.sock`.
        timeout: Longest wait for an answer, s of real time.
        held: Returns why somebody may run the book though nobody listens; None: nobody does.
    """

    def __init__(
        self,
        path: Path,
        timeout: float = TIMEOUT,
        held: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._path = path
        self._timeout = timeout
        self._held = held

    def call(self, verb: str, **args: str | bool | Mapping[str, str]) -> Any:
        """Return what the book answers to a verb.

        Args:
            verb: One of `protocol.VERBS`.
            **args: key (why), reason and all (acting verbs), values, again and expect (set).

        Raises:
            Unavailable: No daemon on the socket, or none that answers.
            PermissionRefused: The socket or the verb is not for this user.
            UsageError: The verb or an argument makes no sense.
            RebalancerError: What else the daemon answered, by its code.
        """
        line = json.dumps({"verb": verb, "args": args}).encode() + b"\n"
        told = self._exchange(line)
        if told.get("ok") is True:
            return told.get("data")
        error = _ERRORS.get(told.get("code", 0), RebalancerError)
        raise error(str(told.get("error")))

    def _exchange(self, line: bytes) -> dict[str, Any]:
        """Return the answer to a line."""
        try:
            with protocol.dial(self._path, self._timeout) as peer, peer.makefile("rb") as stream:
                with suppress(BrokenPipeError):  # who is turned away is told why all the same
                    peer.sendall(line)
                answer = stream.readline(_ANSWER_LIMIT)
        except PermissionError as e:
            raise PermissionRefused(f"{self._path}: the socket is not for this user") from e
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError) as e:
            why = self._held() or "no daemon runs this book"
            raise Unavailable(f"{self._path}: {why}") from e
        except OSError as e:
            raise Unavailable(f"{self._path}: the daemon does not answer: {e}") from e
        try:
            told = json.loads(answer)
        except ValueError as e:
            raise Unavailable(f"{self._path}: the daemon hung up before it answered") from e
        if not isinstance(told, dict):
            raise Unavailable(f"{self._path}: what answers there is no rebalancer")
        return told
