"""The status page of a book: its address and its tokens, as the settings name them."""

import os
from collections.abc import Mapping
from pathlib import Path

from rebalancer.ops.health import livez, readyz
from rebalancer.ops.metrics import exposition
from rebalancer.ops.redaction import Redactor
from rebalancer.ops.web import Answers, Place, Tokens, WebServer
from rebalancer.ports import Log, StatusSource
from rebalancer.settings.credentials import Shape, read
from rebalancer.settings.serving import Web, place_of

TOKEN = Shape(("token",), ("token",), "must be a token on a line of its own, or JSON with token")


def page(
    web: Web,
    source: StatusSource,
    log: Log,
    redactor: Redactor,
    environ: Mapping[str, str] = os.environ,
    home: Path | None = None,
) -> WebServer:
    """Return the server of a book's status page.

    Args:
        web: Its settings.
        source: The book.
        log: Hears of refusals.
        redactor: Knows the secrets, and the page's tokens from now on.
        environ: The process's environment, where credentials are found by.
        home: The user's home folder; None: of the process.

    Raises:
        ConfigError: A token is not there, too short, or the same as the other.
        PermissionRefused: Others may read it.
    """

    def token(name: str | None) -> str | None:
        if name is None:
            return None
        return read(name, environ, home or Path.home(), TOKEN)["token"].reveal()

    reader, operator = token(web.reader), token(web.operator)
    tokens = Tokens(reader, operator)
    for each in (reader, operator):
        if each is not None:
            redactor.add(each)
    place = Place(*place_of(web.listen), web.hosts)
    return WebServer(place, source, Answers(livez, readyz, exposition), tokens, log, redactor)
