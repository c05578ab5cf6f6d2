"""An errand: a copy or a check of a journal, in a process of its own beside the daemon's.

    python -m rebalancer.storage.errand copy JOURNAL TARGET
    python -m rebalancer.storage.errand check JOURNAL

Following a chain of millions of entries takes seconds, in which a loop that is
in the same process would hear nothing. The last line on standard output says
what came of it; a process that ends without one has failed. It lives as long as
somebody holds the other end of its standard input: with the daemon, killed or
not, goes what it asked for.
"""

import json
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from rebalancer.errors import Damaged, RebalancerError, UsageError
from rebalancer.ports import Errand, Outcome
from rebalancer.storage.audit import Audit, audit
from rebalancer.storage.backup import back_up

COPY, CHECK = "copy", "check"
ALONE = 3  # exit code of a process whose daemon is gone


def run(arguments: Sequence[str]) -> Errand:
    """Do what is asked for; return what came of it."""
    try:
        match arguments:
            case [verb, journal, target] if verb == COPY:
                told = back_up(Path(journal), Path(target))
            case [verb, journal] if verb == CHECK:
                told = audit(Path(journal))
            case _:
                raise UsageError(f"an errand must be {COPY} or {CHECK}, was {' '.join(arguments)}")
    except Damaged as error:
        return Errand(Outcome.DAMAGED, str(error))
    except (RebalancerError, OSError) as error:
        return Errand(Outcome.FAILED, str(error))
    return Errand(Outcome.DONE, _words(told))


def _words(told: Audit) -> str:
    """Return what a person may want to write down."""
    return f"{told.entries} entries, head {told.head}"


def spelled(errand: Errand) -> str:
    """Return what came of an errand, on one line."""
    return json.dumps([errand.outcome, errand.text])


def read(said: bytes) -> Errand | None:
    """Return what the last line says came of an errand; None where it says nothing."""
    try:
        outcome, text = json.loads(said.splitlines()[-1])
        return Errand(Outcome(outcome), str(text))
    except (IndexError, TypeError, ValueError):
        return None


def main() -> None:
    """Do what the command line asks for, as long as whoever sent it lives."""
    threading.Thread(target=_listen, daemon=True).start()
    sys.stdout.write(f"{spelled(run(sys.argv[1:]))}\n")


def _listen() -> None:
    """End the process when its standard input does; SQLite works without the lock of Python."""
    with suppress(OSError):
        while os.read(0, 1):
            pass
    os._exit(ALONE)


if __name__ == "__main__":
    main()
