"""A daemon in live dress that is given every occasion to say a secret.

    python -m tests.end_to_end.discreet_daemon CONFIG FOLDER [JOURNAL]

It reads its keys as `run --live` does, at level debug, with a journal, a flight and a
control socket in FOLDER. With JOURNAL it takes that socket for the system's journal.
Its alerts leave where CONFIG says so. A signal SIGWINCH lets a task of it die of an
error that is full of its keys.
"""

import asyncio
import os
import signal
import sys
import traceback
from pathlib import Path

from rebalancer.cli import outlets
from rebalancer.cli.live import keys_of
from rebalancer.cli.serving import FLIGHT, JOURNAL, Wish, serve
from rebalancer.ops import journald
from rebalancer.ops.log import configure
from rebalancer.runtime.clock import WallClock, run_wall
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.settings import load, resolve
from rebalancer.storage.sqlite import open_journal
from rebalancer.wiring import Surrounding, outward
from rebalancer.wiring.live import live
from tests.canaries import Canary, dressed


def full_of(keys):
    """Return an error that holds secrets in every dress, and so does its cause."""
    try:
        try:
            raise ValueError(" ".join(text for key in keys for text in dressed(key)))
        except ValueError as error:
            raise OSError(5, "GET failed", f"https://x.example/?sign={keys[0].secret}") from error
    except OSError as error:
        error.add_note("\n".join(text for key in keys for text in dressed(key)))
        return error


async def main(config, folder):
    settings, clock = load(config), WallClock()
    keys = {name: keys_of(settings, name) for name in settings.venues}
    known = [Canary("key", each.reveal()) for own in keys.values() for each in own]
    journal = open_journal(folder / JOURNAL)
    about = {"book": settings.book.id, "epoch": journal.epoch}
    log = configure(sys.stderr, clock, level="debug", redactor=outlets.REDACTOR, about=about)
    told = outward(settings, log, outlets.REDACTOR)
    wish = Wish(settings, folder, "live", 7, 1.0, None)
    around = Surrounding(
        *(clock, journal, told.written, None, wish.dress),
        randomness=SeededRandomness(7),
        flight=folder / FLIGHT,
        caretaker=wish.caretaker,
        outbox=told.outbox,
        hide=outlets.REDACTOR.known,
    )
    running = await live(settings, resolve(settings), keys, around)

    async def die():
        raise full_of(known)

    def strike():
        error = full_of(known)
        told.log.error("control.failed", exc_info=error)
        for text in dressed(known[1]):  # at the end of what an alert has room for, too
            told.log.error("watchdog.withheld", scope="q" * 85 + text, reason="x" * 440 + text)
        log.debug("account.told", type=repr(error), key={"headers": dressed(known[0])})
        asyncio.get_running_loop().call_exception_handler({"message": "x", "exception": error})
        running.daemon._parts.tasks.spawn("dies", die())

    asyncio.get_running_loop().add_signal_handler(signal.SIGWINCH, strike)
    await serve(running, wish, told)


if __name__ == "__main__":
    outlets.guard()
    outlets.listen()
    if sys.argv[3:]:
        journald.journal_of.__defaults__ = (sys.argv[3],)
        status = os.fstat(2)
        os.environ["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"
    try:
        run_wall(main(Path(sys.argv[1]), Path(sys.argv[2])))
    except Exception:  # noqa: BLE001 - as the command line does
        traceback.print_exc()
        sys.stderr.flush()
        sys.exit(70)
