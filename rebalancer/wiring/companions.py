"""Companions: what stands beside a running book and serves those who look after it.

They begin before the book does and end after it, the last one first, so that
its start and its end can be watched. None of them decides anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rebalancer.ops.control import ControlServer
from rebalancer.ports import Companion, Log
from rebalancer.settings import Settings
from rebalancer.wiring.beginning import Running

SOCKET = "control.sock"


@dataclass(frozen=True, slots=True)
class Served:
    """A book that is about to run."""

    settings: Settings
    folder: Path  # of its state
    running: Running
    log: Log


def companions(served: Served) -> Sequence[Companion]:
    """Return what stands beside a book, in the order in which it begins."""
    status, log, web = served.running.status, served.log, served.settings.web
    found: list[Companion] = [ControlServer(served.folder / SOCKET, status, log)]
    if web is not None:
        from rebalancer.wiring.page import page  # a server of HTTP, which a book can do without

        found.append(page(web, status, log))
    return found
