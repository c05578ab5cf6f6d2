"""Signals: what a running book does when the system, or a person with a shell, speaks to it.

SIGTERM, SIGINT   end in order; asked again it goes on ending
SIGHUP            read the configuration again and say what of it differs; nothing is taken
                  over, a restart does that
SIGUSR1, SIGUSR2  nothing: there is no file of its own to open again
"""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rebalancer.errors import ConfigError
from rebalancer.ports import Log
from rebalancer.settings import Settings, changes, fingerprint, load

_ENDING = (signal.SIGINT, signal.SIGTERM)
_IDLE = (signal.SIGUSR1, signal.SIGUSR2)
ALL = (*_ENDING, signal.SIGHUP, *_IDLE)


@contextmanager
def heard(stop: Callable[[], None], read: Callable[[], None], *, last: bool) -> Iterator[None]:
    """Hear signals inside the block, in a running event loop.

    Args:
        stop: Asks for the end.
        read: Has the configuration read again.
        last: Whether the process ends after the block: then its exit code must be
            its own, whatever is still asked of it.
    """
    loop = asyncio.get_running_loop()
    for number in _ENDING:
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGHUP, read)
    for number in _IDLE:
        loop.add_signal_handler(number, _nothing)
    try:
        yield
    finally:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ALL)  # a loop that lets go kills
        for number in ALL:
            loop.remove_signal_handler(number)
            if last:
                signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _nothing() -> None:
    pass


def rereader(path: Path | None, settings: Settings, log: Log) -> Callable[[], None]:
    """Return what reads a configuration again and logs how it differs from what runs.

    Args:
        path: Of the file; None: there is none.
        settings: That the book runs with.
        log: Hears of it.
    """

    def read() -> None:
        try:
            told = settings if path is None else load(path)
        except ConfigError as error:
            faults = [f"{each.path}: {each.must}" for each in error.faults]
            log.error("config.rejected", faults=faults, action="mend it; the book runs on")
            return
        apart = changes(settings, told)
        if apart:
            log.warning("config.differed", keys=list(apart), fingerprint=fingerprint(told))
        else:
            log.info("config.unchanged", fingerprint=fingerprint(settings))

    return read
