"""Companions: what stands beside a running book and serves those who look after it.

They begin before the book does and end after it, the last one first, so that
its start and its end can be watched. None of them decides anything.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rebalancer.ops import protocol
from rebalancer.ops.control import ControlServer
from rebalancer.ops.notify import Notifier
from rebalancer.ops.redaction import Redactor
from rebalancer.ops.rights import Access, Peer, group_of, right, rights_of
from rebalancer.ports import Companion, Log
from rebalancer.runtime.clock import WallClock
from rebalancer.settings import Settings
from rebalancer.storage.startmark import StartMark
from rebalancer.wiring.beginning import Running
from rebalancer.wiring.channels import KeptChannels
from rebalancer.wiring.ending import Ending
from rebalancer.wiring.outward import Leaving, MessengerBeside

SOCKET = "control.sock"


@dataclass(frozen=True, slots=True)
class Served:
    """A book that is about to run."""

    settings: Settings
    folder: Path  # of its state
    running: Running
    log: Log
    leaving: Leaving | None = None  # None: no alert leaves the program
    redactor: Redactor = field(default_factory=Redactor)  # knows what the process has read


def companions(served: Served) -> Sequence[Companion]:
    """Return what stands beside a book, in the order in which it begins."""
    status, log, web = served.running.status, served.log, served.settings.web
    notifier = Notifier(os.environ, status, WallClock(), log, served.redactor)
    served.running.daemon.attend(notifier.beat)
    found: list[Companion] = []
    if served.leaving is not None:  # the first: what the others do wrong leaves by it
        book = served.settings.book.id
        found.append(MessengerBeside(book, served.leaving, served.running))
    found.append(KeptChannels(served.settings, served.folder, log))
    found += [notifier, Ending(StartMark(served.folder), served.running, WallClock())]
    found += control(served, os.environ.get("RUNTIME_DIRECTORY"))
    if web is not None:
        from rebalancer.wiring.page import page  # a server of HTTP, which a book can do without

        found.append(page(web, status, log, served.redactor))
    return found


def control(served: Served, runtime: str | None) -> Sequence[Companion]:
    """Return the control sockets of a book.

    The one in the state folder is the daemon's own. Where the settings open it to
    a group, and the service manager made a folder for that (`runtime`), the group
    gets one there: the state folder stays closed.
    """
    own, log = served.settings.control, served.log
    rights, unknown = rights_of(own)
    for name in unknown:
        log.warning("control.unresolved", name=name)

    def may(peer: Peer, verb: str) -> bool:
        return rights.has(peer, right(verb, reads=verb in protocol.READING))

    def at(folder: Path, group: int | None) -> ControlServer:
        told = (folder / SOCKET, served.running.status, log, served.running.tuner)
        return ControlServer(*told, access=Access(may, group))

    group, apart = group_of(own), (runtime or "").partition(":")[0]
    if group is None or not apart or Path(apart) == served.folder:
        return [at(served.folder, group)]
    return [at(served.folder, None), at(Path(apart), group)]
