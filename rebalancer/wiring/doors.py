"""Doors: where a book can be asked, its control sockets and its status page.

They open before there is a book where its venues are waited for, and speak for it
once it has begun, without a moment between: a kill must always find somebody.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rebalancer.ops import protocol
from rebalancer.ops.control import ControlServer
from rebalancer.ops.redaction import Redactor
from rebalancer.ops.rights import Access, Peer, group_of, right, rights_of
from rebalancer.ports import Log, StatusSource, Tunable
from rebalancer.settings import Settings

if TYPE_CHECKING:
    from rebalancer.ops.web import WebServer


@dataclass(frozen=True, slots=True)
class Lodge:
    """What doors are put into."""

    settings: Settings
    folder: Path  # of the book's state
    log: Log
    redactor: Redactor  # knows what the process has read


class Doors:
    """A `ports.Companion`.

    Args:
        lodge: Says where they are, and who may use them.
        source: Who speaks.
        tuner: Changes settings.
        environ: Of the process: names the service manager's folder for sockets.
    """

    def __init__(
        self,
        lodge: Lodge,
        source: StatusSource,
        tuner: Tunable,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._lodge, self._source, self._tuner, self._environ = lodge, source, tuner, environ
        self._sockets: list[ControlServer] = []
        self._page: WebServer | None = None

    def attend(self, source: StatusSource, tuner: Tunable) -> None:
        """Speak for another from now on."""
        self._source, self._tuner = source, tuner
        for each in self._sockets:
            each.attend(source, tuner)
        if self._page is not None:
            self._page.attend(source)

    async def start(self) -> None:
        """Open; what is open already stays so.

        Raises:
            ConfigError: A group or a token is not there.
            PermissionRefused: Others may read a token.
            Unavailable: An address or the place of a socket is not free.
        """
        if self._sockets:
            return
        for each in self._control():
            self._sockets.append(each)
            await each.start()
        own = self._lodge
        if own.settings.web is not None:
            from rebalancer.wiring.page import page  # a server of HTTP, which a book can do without

            self._page = page(own.settings.web, self._source, own.log, own.redactor)
            await self._page.start()

    async def close(self) -> None:
        """Hang up on everybody; harmless when called again."""
        if self._page is not None:
            await self._page.close()
            self._page = None
        while self._sockets:
            await self._sockets.pop().close()

    def _control(self) -> Iterator[ControlServer]:
        """Yield the control sockets.

        The one in the state folder is the daemon's own. Where the settings open it to
        a group, and the service manager made a folder for that, the group gets one
        there: the state folder stays closed.
        """
        own, folder, log = self._lodge.settings.control, self._lodge.folder, self._lodge.log
        rights, unknown = rights_of(own)
        for name in unknown:
            log.warning("control.unresolved", name=name)

        def may(peer: Peer, verb: str) -> bool:
            return rights.has(peer, right(verb, reads=verb in protocol.READING))

        def at(place: Path, group: int | None) -> ControlServer:
            told = (place / protocol.SOCKET, self._source, log, self._tuner)
            return ControlServer(*told, access=Access(may, group))

        runtime = self._environ.get("RUNTIME_DIRECTORY", "")
        group, apart = group_of(own), runtime.partition(":")[0]
        if group is None or not apart or Path(apart) == folder:
            yield at(folder, group)
            return
        yield at(folder, None)
        yield at(Path(apart), group)
