"""What leaves this process for people: both of its streams, without what it must not show.

A process has one list of secrets, whoever in it reads them: each that is read from
a credential is on the list from then on, and no command has to think of it.
"""

import resource
import sys
from typing import TextIO, cast

from rebalancer.ops.outlet import Outlet
from rebalancer.ops.redaction import SHORTEST, Redactor

REDACTOR = Redactor()
_READER = "rebalancer.settings.credentials"  # loaded by commands that may read one, and no others


def guard() -> None:
    """Put both streams behind the list, and let no dump of the memory be written."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.stdout = cast(TextIO, Outlet(sys.stdout, REDACTOR.known))
    sys.stderr = cast(TextIO, Outlet(sys.stderr, REDACTOR.text))


def listen() -> None:
    """Let the list learn every secret that is read, once the command's group is loaded."""
    reader = sys.modules.get(_READER)
    if reader is not None:
        reader.heard_by(_learn)


def _learn(secret: str) -> None:
    if len(secret) >= SHORTEST:
        REDACTOR.add(secret)
