"""A file of holdings: what is read, what is refused, and what a half-written one does."""

import asyncio
import os
from decimal import Decimal

import pytest

from rebalancer.core.events import OutsideHolding
from rebalancer.errors import DataError
from rebalancer.ports import SECOND
from rebalancer.runtime.clock import MarketClock, run_market
from rebalancer.venues.outside import EVERY, OutsideFile, Taken, parse
from tests.runtime.stage import Lines

D = Decimal
START = 1_769_757_300 * SECOND  # 2026-01-30 07:15 UTC
WANTED = Taken("/t.json", ("deribit:BTC", "deribit:BTC-27FEB26-98000-C"), frozenset({"BTC"}))
GOOD = b"""{"as_of": "2026-01-30T07:14:00Z",
 "holdings": {"deribit:BTC": "12.5", "deribit:BTC-27FEB26-98000-C": -1E1}}"""


def test_what_is_read():
    """Numbers and texts of numbers are exact, in the order of the configuration."""
    told = parse(GOOD, WANTED, START)

    assert (START, START - 60 * SECOND, "/t.json") == (told.ts_local, told.as_of, told.source)
    assert (
        OutsideHolding("deribit:BTC", D("12.5")),
        OutsideHolding("deribit:BTC-27FEB26-98000-C", D(-10)),
    ) == told.held


def test_an_exact_number():
    """A number in JSON keeps its digits."""
    told = parse(GOOD.replace(b'"12.5"', b"0.1000000000000000055"), WANTED, START)

    assert D("0.1000000000000000055") == told.held[0].quantity


@pytest.mark.parametrize("extra", [b'"deribit:ETH": 7', b'"binanceusdm:ETHUSDT": 7'])
def test_coins_of_others(extra):
    """What moves no delta of the book may stand there too."""
    told = parse(GOOD.replace(b'"deribit:BTC":', extra + b', "deribit:BTC":'), WANTED, START)

    assert 2 == len(told.held)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (b'"as_of"', b'"asof"', "as_of: must be there, was missing"),
        (b'"as_of"', b'"note": 1, "as_of"', "note: must be one of as_of, holdings"),
        (b"07:14:00Z", b"07:14:00", "as_of: must be a time"),
        (b"07:14:00Z", b"07:16:01Z", "as_of: must not lie in the future"),
        (b'"12.5"', b'"12,5"', "deribit:BTC: must be a number up to 1e15, was '12,5'"),
        (b'"12.5"', b'"nan"', "deribit:BTC: must be a number up to 1e15, was 'nan'"),
        (b'"12.5"', b'"1e16"', "deribit:BTC: must be a number up to 1e15, was '1e16'"),
        (b'"12.5"', b"NaN", "must be JSON, NaN is no number"),
        (b'"12.5"', b"null", "deribit:BTC: must be a number up to 1e15, was None"),
        (b'"12.5"', b"true", "deribit:BTC: must be a number up to 1e15, was True"),
        (b'"12.5"', b"[1]", "deribit:BTC: must be a number up to 1e15"),
        (b'"deribit:BTC": "12.5", ', b"", "deribit:BTC: must be told, if only as 0"),
        (b'"12.5",', b'"12.5", "deribit:BTC": 1,', "deribit:BTC must be named once"),
        (b'"12.5",', b'"12.5", "bybit:BTC": 1,', "bybit:BTC: must be taken by a row"),
        (b'"12.5",', b'"12.5", "cellar": 1,', "cellar: must be taken by a row"),
        (b"-1E1}}", b"-1E1", "must be JSON"),
        (GOOD, b"", "must be JSON"),
        (GOOD, b"[]", "must be an object, was list"),
        (GOOD, b"\xff\xfe", "must be JSON"),
        (GOOD, b"[" * 200_000, "must not nest that deep"),
    ],
)
def test_refused(old, new, fault):
    """What is not whole is refused, with its place: silence must not look like nothing held."""
    with pytest.raises(DataError) as caught:
        parse(GOOD.replace(old, new), WANTED, START)

    assert str(caught.value).startswith("/t.json: ")
    assert fault in str(caught.value)


class Shelf:
    """A file that a test writes, the feed that reads it, and what that told."""

    def __init__(self, folder, clock):
        self.path = folder / "held.json"
        self.log = Lines()
        self.told = []
        wanted = Taken(str(self.path), WANTED.instruments, WANTED.underlyings)
        self.feed = OutsideFile(wanted, clock, self.log)
        self.clock = clock

    def write(self, content):
        """Replace the file at once, as a careful writer does."""
        new = self.path.with_suffix(".new")
        new.write_bytes(content)
        new.rename(self.path)

    async def later(self):
        """Wait until the feed has looked once more."""
        await self.clock.sleep(EVERY)


@pytest.fixture
def shelf(tmp_path):
    """Return a function that runs a story on a shelf whose feed runs."""

    def run(story):
        clock = MarketClock(START)

        async def main():
            made = Shelf(tmp_path, clock)
            task = asyncio.get_running_loop().create_task(made.feed.run(made.told.append))
            await clock.sleep(SECOND)
            await story(made)
            task.cancel()
            return made

        return run_market(clock, main())

    return run


def test_told_when_it_changes(shelf):
    """A file that stays as it is tells nothing new; a new word is told within five seconds."""

    async def story(made):
        made.write(GOOD)
        await made.later()
        await made.later()
        assert 1 == len(made.told)
        made.write(GOOD.replace(b"12.5", b"11"))
        await made.later()
        assert [D("12.5"), D(11)] == [each.held[0].quantity for each in made.told]

    assert [] == shelf(story).log.said


def test_half_written_once(shelf):
    """A file that is caught in the writing is no fault: the next look finds it whole."""

    async def story(made):
        made.write(GOOD[:50])
        await made.later()
        made.write(GOOD)
        await made.later()
        assert 1 == len(made.told)

    assert [] == shelf(story).log.said


def test_wrong_for_good(shelf):
    """A file that stays wrong is said once, and once more when it is wrong anew."""

    async def story(made):
        made.write(GOOD)
        await made.later()
        for _ in range(2):
            made.write(b"{}")
            for _ in range(5):
                await made.later()
            made.write(GOOD)
            await made.later()
        assert 1 == len(made.told)  # what is back is what was told

    made = shelf(story)
    assert ["holdings.malformed"] * 2 == [event for _, event, _ in made.log.said]
    assert "as_of: must be there" in made.log.said[0][2]["error"]


def test_no_file(shelf):
    """A file that is not there is said by name."""

    async def story(made):
        await made.later()

    [(level, event, facts)] = shelf(story).log.said
    assert ("error", "holdings.malformed") == (level, event)
    assert "must be a readable file, was No such file or directory" in facts["error"]


def test_too_large(shelf):
    """A file of gigabytes is not read to its end."""

    async def story(made):
        with made.path.open("wb") as file:
            os.truncate(file.fileno(), 1 << 40)  # holds nothing on the disk
        await made.later()
        await made.later()
        assert [] == made.told

    assert "must be at most 1 MiB" in shelf(story).log.said[0][2]["error"]
