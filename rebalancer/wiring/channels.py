"""Channels: what is kept of where alerts go, once a start got as far as its messenger."""

from pathlib import Path

from rebalancer.errors import DataError
from rebalancer.ports import Log
from rebalancer.settings import Settings
from rebalancer.settings.alerting import spelled
from rebalancer.storage import channels


class KeptChannels:
    """A `ports.Companion`: it keeps a copy of where alerts go for `alert failed`.

    Args:
        settings: Of the book.
        folder: Of its state.
        log: Hears where it cannot be kept; a book is hedged without it.
    """

    def __init__(self, settings: Settings, folder: Path, log: Log) -> None:
        self._settings, self._folder, self._log = settings, folder, log

    async def start(self) -> None:
        """Keep the copy, or take an earlier one away where no alert leaves any more."""
        if not self._settings.alerts.outward:
            channels.forget(self._folder)
            return
        book = self._settings.book
        about = {"id": book.id, "mode": str(book.mode)}
        try:
            channels.keep(self._folder, {"book": about, "alerts": spelled(self._settings.alerts)})
        except DataError as error:
            self._log.warning("channels.unkept", error=str(error))

    async def close(self) -> None:
        """Leave it: it is for when no book runs."""
