"""Every recording is read line by line, and what became of each line is counted and told."""

import asyncio
import gzip
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from rebalancer.wire.binance.market import Market
from tests.recorded import binance, bybit, deribit, okx
from tests.recorded.lines import LINE, Answered, Fate, Line, Reader, Told, Unnamed, refused

Opening = Callable[[], AbstractAsyncContextManager[Any]]


@dataclass(frozen=True)
class Recording:
    """Who reads a file."""

    read: Reader | None = None  # of frames alone
    opens: Opening | None = None  # the desk that answers are read at, and …
    answered: Callable[[Any, Line], Any] | None = None  # … who reads them


def _frames(market: Market) -> Recording:
    return Recording(partial(binance.frame, market))


RECORDINGS: Mapping[str, Recording] = {
    "binance_coinm_btcusd_perp_2024-08-08": _frames(Market.FUTURES),
    "binance_rest_2026-07-04": Recording(None, binance.desks, binance.answer),
    "binance_spot_btcusdt_2024-08-08": _frames(Market.SPOT),
    "binance_usdm_alts_2021-07-22": Recording(None, binance.desks, binance.session),
    "binance_usdm_btcusdt_2022-08-11": _frames(Market.FUTURES),
    "binance_usdm_btcusdt_2024-08-08": _frames(Market.FUTURES),
    "deribit_options_2021-07-22": Recording(None, deribit.desk, deribit.session),
    "okx_2022-05-13": Recording(None, okx.desk, okx.session),
    "payloads_binance": Recording(None, binance.desks, binance.payload),
    "payloads_bybit": Recording(None, bybit.desk, bybit.payload),
    "payloads_deribit": Recording(None, deribit.desk, deribit.payload),
    "payloads_okx": Recording(None, okx.desk, okx.payload),
}


@dataclass(frozen=True, order=True)
class Group:
    """Lines of one file that were not decoded for one reason."""

    file: str
    fate: Fate
    kind: str
    reason: str


@dataclass
class Tally:
    """What became of the lines of one file."""

    lines: int = 0
    fates: dict[Fate, int] = field(default_factory=lambda: dict.fromkeys(Fate, 0))
    kinds: Counter[str] = field(default_factory=Counter)  # of what was decoded
    groups: dict[Group, list[int]] = field(default_factory=dict)  # → line numbers
    faults: list[str] = field(default_factory=list)  # lines that made a reader raise

    def count(self, name: str, number: int, told: Told) -> None:
        """Count a line."""
        self.fates[told.fate] += 1
        if told.fate is Fate.DECODED:
            self.kinds[told.kind] += 1
        else:
            group = Group(name, told.fate, told.kind, told.reason)
            self.groups.setdefault(group, []).append(number)

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Lines, and of them decoded, unknown and refused."""
        return self.lines, *(self.fates[each] for each in Fate)


def files(folder: Path) -> dict[str, Path]:
    """Return the recordings of a folder by name; each has its reader, and each reader its file.

    Raises:
        Unnamed: A file that no reader is named for, or none for one that is.
    """
    found = {each.name.partition(".jsonl")[0]: each for each in sorted(folder.iterdir())}
    new = [found[name].name for name in found if name not in RECORDINGS]
    gone = [name for name in RECORDINGS if name not in found]
    if new or gone:
        told = [f"{each}: nobody is named to read it" for each in new]
        raise Unnamed("; ".join((*told, *(f"{each}: is not there" for each in gone))))
    return found


def tally(path: Path) -> Tally:
    """Read a recording; what raises, and a payload that is named in no table, is a fault."""
    name = path.name.partition(".jsonl")[0]
    return asyncio.run(_tally(name, path))


async def _tally(name: str, path: Path) -> Tally:
    found, recording = Tally(), RECORDINGS[name]
    async with _read_by(recording) as read:
        for number, text in enumerate(_lines(path), 1):
            found.lines += 1
            try:
                line = LINE.decode(text)
                told = read(line)
                found.count(name, number, told if isinstance(told, Told) else await told)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                found.count(name, number, refused("line", str(error)))
            except Exception as error:  # noqa: BLE001 - the other lines are read all the same
                where = f"{path.name}, line {number}"
                found.faults.append(f"{where}: {type(error).__name__}: {error}")
    return found


@asynccontextmanager
async def _read_by(recording: Recording) -> AsyncIterator[Reader | Answered]:
    if recording.read is not None:
        yield recording.read
    elif recording.opens is not None and recording.answered is not None:
        async with recording.opens() as desk:
            yield partial(recording.answered, desk)


def _lines(path: Path) -> Iterator[bytes]:
    with gzip.open(path) as lines:
        yield from lines


# --- what is printed ----------------------------------------------------------------------


def table(tallies: Mapping[str, Tally]) -> Iterator[str]:
    """Yield the lines of the table of counts."""
    head = ("lines", *Fate)
    yield f"{'file':40}" + "".join(f"{each:>9}" for each in head)
    for name, each in tallies.items():
        yield f"{name:40}" + "".join(f"{count:9,}" for count in each.counts)
    total = map(sum, zip(*(each.counts for each in tallies.values()), strict=True))
    yield f"{'total':40}" + "".join(f"{count:9,}" for count in total)


def reasons(tallies: Iterable[Tally]) -> Iterator[str]:
    """Yield what is unknown and what is refused: how often, where first, and why."""
    groups = {group: told for each in tallies for group, told in each.groups.items()}
    for fate in (Fate.UNKNOWN, Fate.REFUSED):
        yield f"{fate}:"
        for group, numbers in groups.items():
            if group.fate is fate:
                where = f"{group.file}, line {numbers[0]}"
                yield f"  {len(numbers):4} x {group.kind} ({where}): {group.reason}"
