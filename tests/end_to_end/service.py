"""A book as a service: a process of its own, and who manages it at the other end of a socket."""

import os
import signal
import socket
import struct
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAPER = ROOT / "config" / "paper.toml"
COMMAND = "from rebalancer.cli import main; main()"
# The same, but an observer of the engine sleeps for as long as the file `block` says.
BLOCKED = """
import time
from rebalancer.cli import serving

inner = serving.companions

def companions(served):
    place = served.folder / "block"

    def step(*_):
        if place.exists():
            seconds = float(place.read_text())
            place.unlink()
            time.sleep(seconds)

    served.running.engine.observe(step)
    return inner(served)

serving.companions = companions
"""


@dataclass(frozen=True, slots=True)
class Said:
    """One datagram."""

    at: float  # s, steady
    pid: int  # of its sender, by the kernel's word
    lines: tuple[str, ...]


class Manager:
    """The service manager's end of a notify socket.

    Args:
        path: Of the socket.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.said = path, list[Said]()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.bind(str(path))

    def close(self) -> None:
        self._socket.close()

    def listen(self, seconds: float, until: str | None = None) -> list[Said]:
        """Return what is said from now on: for so long, or until a datagram has a line."""
        began, found = time.monotonic(), list[Said]()
        while (left := seconds - (time.monotonic() - began)) > 0:
            self._socket.settimeout(left)
            try:
                text, extra, _, _ = self._socket.recvmsg(4096, socket.CMSG_SPACE(12))
            except TimeoutError:
                break
            pid, _, _ = struct.unpack("3i", extra[0][2])
            found.append(Said(time.monotonic(), pid, tuple(text.decode().split("\n"))))
            if until is not None and any(each.startswith(until) for each in found[-1].lines):
                break
        self.said += found
        return found

    def pings(self, said: list[Said]) -> list[float]:
        """Return when pings came, s."""
        return [each.at for each in said if "WATCHDOG=1" in each.lines]


def started(*arguments: str, code: str = "", **environ: str) -> subprocess.Popen[str]:
    """Start the command in a process of its own, which is the one that a watchdog waits for."""
    command = (sys.executable, "-c", code + COMMAND, *arguments)
    own = {name: each for name, each in os.environ.items() if name != "STATE_DIRECTORY"}
    return subprocess.Popen(
        ("/bin/sh", "-c", 'WATCHDOG_PID=$$ exec "$0" "$@"', *command),
        env=own | {"PYTHONPATH": str(ROOT)} | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str], by: int | None = signal.SIGTERM) -> tuple[int, str]:
    """End a process by a signal; return its exit code and what it wrote to standard error."""
    if by is not None:
        process.send_signal(by)
    try:
        _, errors = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return process.returncode, errors
