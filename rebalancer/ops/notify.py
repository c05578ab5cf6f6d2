"""Notify: what the service manager hears of a book, over the socket that it named.

    READY=1        ledger and venues were compared for the first time
    STATUS=        the state of the book and each net delta against its band
    WATCHDOG=1     the engine took a tick a moment ago, and nothing is wrong with the daemon
    EXTEND_TIMEOUT_USEC=   the start takes long, but it comes along
    STOPPING=1     the end has begun

Each of them follows from a `Beat`, which the engine gives as it takes a tick, so
that a daemon whose loop is blocked falls silent and is restarted. Where no socket
is named nothing is said. Protocol: sd_notify(3).
"""

import os
import socket
from collections.abc import Mapping
from typing import Any

from rebalancer.ops.escaping import escaped
from rebalancer.ops.redaction import Redactor
from rebalancer.ports import SECOND, Beat, Clock, Log, StatusSource

SOCKET, WATCHDOG, WHOSE = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"
OFTEN = 4  # pings in the time that the manager waits for one: two may be late
TELLS = 5 * SECOND  # ns between two statuses, unless pings come more often
EXTENDS = 60  # s that a start which comes along may still take
EXTENDED = f"EXTEND_TIMEOUT_USEC={EXTENDS * 1_000_000}"
LONGEST = 400  # characters of a status
_MICROSECOND = 1_000  # ns


class Manager:
    """The service manager, at the other end of the socket that it named.

    Args:
        environ: Of the process: names the socket.
        log: Hears when it cannot be told.
        redactor: Knows the secrets; None hides by name only.
    """

    def __init__(
        self, environ: Mapping[str, str], log: Log, redactor: Redactor | None = None
    ) -> None:
        self._redactor = redactor or Redactor()
        self._address = _address(environ.get(SOCKET, ""))
        self._log = log
        self._socket: socket.socket | None = None
        self._failed = False

    @property
    def listens(self) -> bool:
        """Whether anything can be said to it."""
        return self._socket is not None

    def open(self) -> None:
        """Find its socket, where one is named."""
        if self._address is None:
            return
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)

    def close(self) -> None:
        """Let go of it; harmless where it was never found."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def say(self, *lines: str) -> None:
        """Send one datagram; one that nobody takes is dropped, and the log hears of the first."""
        if self._socket is None or self._address is None:
            return
        try:
            self._socket.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            if not self._failed:
                self._log.warning("notify.failed", error=f"{type(error).__name__}: {error}")
            self._failed = True
        else:
            self._failed = False

    def status(self, told: str) -> str:
        """Return the assignment that shows a status: on one line, without secrets, then cut."""
        return f"STATUS={escaped(self._redactor.text(told))[:LONGEST]}"

    def begins(self, status: str) -> None:
        """Say that the start comes along: the manager waits on."""
        self.say(EXTENDED, self.status(status))

    def ends(self) -> None:
        """Say that there is nothing left to wait for."""
        self.say("STOPPING=1", "STATUS=stopped")


class Notifier:
    """A `ports.Companion` that tells the service manager.

    Args:
        environ: Of the process: names the socket, and the watchdog's time.
        source: The running book.
        clock: Of real time.
        log: Hears when the manager cannot be told, or must not be told that all is well.
        redactor: Knows the secrets; None hides by name only.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        source: StatusSource,
        clock: Clock,
        log: Log,
        redactor: Redactor | None = None,
    ) -> None:
        self._manager = Manager(environ, log, redactor)
        patience = _patience(environ)
        self._watched = patience is not None
        self._every = TELLS if patience is None else min(patience // OFTEN, TELLS)
        self._source, self._clock, self._log = source, clock, log
        self._ready = self._stopping = False
        self._ailment: str | None = None
        self._told: int | None = None  # ns, when something was last said

    async def start(self) -> None:
        """Say that the book begins."""
        self._manager.open()
        self._manager.begins("starting")

    async def close(self) -> None:
        """Say that it ends."""
        self._manager.ends()
        self._manager.close()

    def beat(self, beat: Beat) -> None:
        """Say how the daemon comes along, at once what is new, and else when it is time."""
        if not self._manager.listens:
            return
        self._withhold(beat.ailment)
        ready = beat.begun and not self._ready
        stopping = beat.stopping and not self._stopping
        now = self._clock.monotonic()
        due = self._told is None or now - self._told >= self._every
        if not (due or ready or stopping):
            return
        self._told = now
        lines = ["READY=1"] if ready else []
        self._ready |= ready
        if stopping:
            lines.append("STOPPING=1")
            self._stopping = True
        if beat.ailment is None:
            lines += ["WATCHDOG=1"] if self._watched else []
            lines += [] if self._ready else [EXTENDED]
        self._manager.say(*lines, self._manager.status(self._status(beat)))

    def _withhold(self, ailment: str | None) -> None:
        """Log why the watchdog is left to bark, once."""
        if ailment is not None and self._ailment is None:
            self._log.error("watchdog.withheld", reason=ailment)
        self._ailment = ailment

    def _status(self, beat: Beat) -> str:
        if beat.ailment is not None:
            return f"not well: {beat.ailment}"
        try:
            told = line(self._source.status())
        except Exception:  # noqa: BLE001 - logged; a line to read must not stop the hedging
            self._log.error("control.failed", exc_info=True)
            told = "unknown: the status could not be made"
        return f"stopping; {told}" if beat.stopping else told


def line(status: Mapping[str, Any]) -> str:
    """Return one line on a book, of its status.

    >>> own = {"net_delta": 0.031, "lower": -0.05, "upper": 0.05, "outside_seconds": 0}
    >>> line({"state": "active", "latches": [], "held": {}, "underlyings": {"BTC": own}})
    'active: BTC +0.031 in -0.05 … +0.05'
    """
    why = [*status["latches"], *(f"{name}: {told}" for name, told in status["held"].items())]
    state = f"{status['state']} ({'; '.join(why)})" if why else str(status["state"])
    coins = ", ".join(f"{name} {_stands(own)}" for name, own in status["underlyings"].items())
    return escaped(f"{state}: {coins}")


def _stands(own: Mapping[str, Any]) -> str:
    """Return how one underlying stands against its band."""
    net, lower, upper = own["net_delta"], own["lower"], own["upper"]
    if net is None or lower is None or upper is None:
        return "unknown"
    where = "in" if lower <= net <= upper else "OUTSIDE"
    told = f"{net:+.6g} {where} {lower:+.6g} … {upper:+.6g}"
    return f"{told} for {own['outside_seconds']} s" if own["outside_seconds"] else told


def _address(named: str) -> str | None:
    """Return where to send; None: nowhere, or in a way that is not spoken here."""
    if named.startswith("@"):
        return "\0" + named[1:]  # a name that no file has
    return named if named.startswith("/") else None


def _patience(environ: Mapping[str, str]) -> int | None:
    """Return ns that a watchdog waits for this process; None: none does."""
    whose, told = environ.get(WHOSE, ""), environ.get(WATCHDOG, "")
    if not (told.isascii() and told.isdigit()) or whose not in ("", str(os.getpid())):
        return None
    return int(told) * _MICROSECOND or None
