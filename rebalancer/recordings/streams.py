"""Raw captures of Binance's streams: one JSON object a line, `{"recv_ns", "msg"}`.

Every line is counted once, as decoded, unknown or refused; a damaged line is
refused and never stops the reading. `recv_ns` is the capturing machine's clock,
which may run far from the venue's: an age is only an age after `clock_offset`.
"""

import gzip
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec

from rebalancer.core.events import Quote, Trade
from rebalancer.errors import DataError
from rebalancer.wire import binance, books
from rebalancer.wire.binance import Known, Market, Refused, Unknown

REASONS_SHOWN = 5


@dataclass(slots=True)
class Tally:
    """What became of the lines of a capture; written while it is read."""

    decoded: int = 0
    unknown: int = 0
    refused: int = 0
    reasons: list[str] = field(default_factory=list)  # of the first few refusals

    @property
    def lines(self) -> int:
        """Lines read so far."""
        return self.decoded + self.unknown + self.refused


class _Line(msgspec.Struct, gc=False):
    recv_ns: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
    msg: msgspec.Raw


_LINE = msgspec.json.Decoder(_Line)


def messages(path: str | Path, market: Market, tally: Tally) -> Iterator[tuple[int, Known]]:
    """Yield each decoded message of a capture with its receive time, in the order of the file.

    Args:
        path: File of lines, compressed when its name ends in `.gz`.
        market: Dialect of the messages.
        tally: Counts every line, also those that yield nothing.

    Raises:
        DataError: The file cannot be opened, or ends in the middle of its compression.
    """
    for number, line in enumerate(_lines(Path(path)), 1):
        try:
            envelope = _LINE.decode(line)
        except (ValueError, RecursionError) as error:
            _refuse(tally, number, str(error))
            continue
        message = binance.decode(envelope.msg, market)
        match message:
            case Refused(reason=reason):
                _refuse(tally, number, reason)
            case Unknown():
                tally.unknown += 1
            case _:
                tally.decoded += 1
                yield envelope.recv_ns, message


def _refuse(tally: Tally, number: int, reason: str) -> None:
    tally.refused += 1
    if len(tally.reasons) < REASONS_SHOWN:
        tally.reasons.append(f"line {number}: {reason}")


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with _opened(path) as file:
            yield from file
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: must be a whole file of lines, was {error}") from error


def _opened(path: Path) -> BinaryIO:
    # GzipFile reads as a BinaryIO does, without being declared one.
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def events(
    path: str | Path, market: Market, instrument: str, tally: Tally
) -> Iterator[tuple[int, Quote | Trade]]:
    """Yield the quotes and trades of a capture as events of `instrument`; see `messages`."""
    for ts, message in messages(path, market, tally):
        event = binance.translate(message, instrument, ts)
        if event is not None:
            yield ts, event


@dataclass(frozen=True, slots=True)
class Moment:
    """The market just after one message."""

    message: Known
    took: books.Took  # what the message did to the book
    book: books.Book  # the one book of the capture, which the next message changes


def moments(
    path: str | Path, market: Market, tally: Tally, symbol: str | None = None
) -> Iterator[tuple[int, Moment]]:
    """Yield each message of a capture with the book that it leaves behind.

    The book is shared and goes on changing: read what you need of it
    (`books.ladder`, `books.best`, `books.quote`) before asking for the next.

    Args:
        path: File of lines; see `messages`.
        market: Dialect of the messages.
        tally: Counts every line.
        symbol: Native symbol, e.g. BTCUSDT; messages of others are left out. None:
            the capture has one symbol. A REST snapshot names none and is always taken.
    """
    book = books.Book()
    for ts, message in messages(path, market, tally):
        if symbol is not None and getattr(message, "symbol", symbol) != symbol:
            continue
        yield ts, Moment(message, books.take(book, message), book)


def clock_offset(received: Iterable[tuple[int, Known]]) -> int | None:
    """Return how far the receiving clock runs ahead of the venue's, ns; negative is behind.

    The smallest difference between receive time and event time, so that
    receive time − event time − offset is an age that is never negative. It is
    too large by the fastest message's way. None when no message tells a time.
    """
    told = (
        ts - message.event_ms * binance.MILLISECOND
        for ts, message in received
        if message.event_ms is not None
    )
    return min(told, default=None)
