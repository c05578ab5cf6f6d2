"""Funding: settled rates and the interval of each."""

import pytest

from rebalancer.core.events import FundingRate
from rebalancer.errors import DataError
from rebalancer.recordings import funding
from rebalancer.recordings.bars import Hole
from rebalancer.recordings.funding import HOUR, Settlement

START = 1704067200_000  # ms


def write(folder, hours, rates=None, intervals=None):
    """Return the path of a CSV file of settlements at these hours."""
    lines = ["ts,funding_rate" + ("" if intervals is None else ",interval_hours")]
    for place, hour in enumerate(hours):
        rate = "0.0001" if rates is None else rates[place]
        line = f"{START + round(hour * 3_600_000)},{rate}"
        lines.append(line if intervals is None else f"{line},{intervals[place]}")
    path = folder / "funding.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def ns(hour):
    return START * 1_000_000 + hour * HOUR


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        ([0, 8, 16, 24], [8, 8, 8, 8]),
        ([0, 8], [8, 8]),
        ([0, 8.000001, 16, 23.999999], [8, 8, 8, 8]),  # a few ms of jitter
        ([0, 8, 16, 20, 24, 28], [8, 8, 8, 4, 4, 4]),  # 8 h became 4 h
        ([0, 4, 8, 16, 24, 32], [4, 4, 4, 8, 8, 8]),
        ([0, 1, 2, 8, 16, 24], [1, 1, 1, 6, 8, 8]),  # hourly until 02:00, then 8 h at 08:00
        ([0, 4, 8, 16, 20, 24], [4, 4, 4, 4, 4, 4]),  # one is missing
        ([0, 8, 16, 8000, 8008], [8, 8, 8, 8, 8]),
        ([0, 8, 80], [8, 8, 8]),
    ],
)
def test_inferred_intervals(tmp_path, hours, expected):
    """The spacing tells the interval, a spacing longer than both its neighbours is a hole."""
    found = funding.read(write(tmp_path, hours))

    assert [hour * HOUR for hour in expected] == found.interval.tolist()


def test_jitter_stays(tmp_path):
    """Times are the venue's own, to the ms."""
    found = funding.read(write(tmp_path, [0, 8.000001, 16]))

    assert ns(8) + 4_000_000 == found.ts[1]


def test_given_intervals(tmp_path):
    """An interval in the file counts; where it is empty the spacing does."""
    found = funding.read(write(tmp_path, [0, 8, 16, 24], intervals=["4", "8", "", "8"]))

    assert [4 * HOUR, 8 * HOUR, 8 * HOUR, 8 * HOUR] == found.interval.tolist()


def test_holes(tmp_path):
    """A settlement that is missing is listed, not filled."""
    found = funding.read(write(tmp_path, [0, 8, 32, 40]))

    assert (Hole(ns(16), ns(32)),) == found.holes
    assert 4 == len(found.ts)


@pytest.mark.parametrize(
    ("hours", "rates", "intervals", "message"),
    [
        ([0, 8, 8], None, None, "row 4: ts must be later than in the row before, was .0 s"),
        ([0, 8, 8.000001], None, None, "row 4: ts must be later"),  # twice, a few ms apart
        ([0, 16, 8], None, None, "row 4: ts must be later than in the row before, was -28800 s"),
        ([0, 8], ["0.0001", "nan"], None, "row 3: funding_rate must be a number"),
        ([0, 8], ["0.0001", "inf"], None, "row 3: funding_rate must be a number"),
        ([0, 8], ["0.0001", "1.5"], None, "row 3: funding_rate must be a fraction of at most 0.1"),
        ([0, 8], None, ["8", "0"], "row 3: interval_hours must be positive, was 0"),
        ([0, 8], None, ["8", "inf"], "row 3: interval_hours must be a number"),
        ([0], None, None, "must hold interval_hours or two settlements"),
    ],
)
def test_faults(tmp_path, hours, rates, intervals, message):
    """Each fault names its row, what must hold and what was found."""
    with pytest.raises(DataError, match=message):
        funding.read(write(tmp_path, hours, rates, intervals))


def test_events(tmp_path):
    """A settled rate is charged at its time, and from then on expected for the next."""
    found = funding.read(write(tmp_path, [0, 8], ["0.0001", "-0.0002"]))

    assert [
        (ns(0), Settlement(ns(0), 0.0001, 8 * HOUR)),
        (ns(8), Settlement(ns(8), -0.0002, 8 * HOUR)),
    ] == list(funding.settlements(found))
    assert (ns(8), FundingRate(ns(8), ns(8), "x:Y", -0.0002, 8 * HOUR, ns(16))) == list(
        funding.rates(found, "x:Y")
    )[-1]


@pytest.mark.parametrize(
    ("name", "rows", "hours"),
    [
        ("binance_funding_BTCUSDT_8h.parquet", 5_636, {8}),
        ("bybit_funding_2021_2023.parquet?symbol=ETHUSDT", 2_649, {8}),
        ("{long}?venue=bybit&symbol=BTCUSDT", 453, {8}),
        ("{long}?venue=bybit&symbol=INJUSDT", 602, {1, 6, 8}),  # hourly for a week
        ("{long}?venue=hyperliquid&symbol=BTC", 3_624, {1}),
    ],
)
def test_recorded_funding(recordings, name, rows, hours):
    """Recorded funding is read by series, each settlement with its own interval."""
    name = name.format(long="funding_binance_bybit_hyperliquid_2025_2026.parquet")
    found = funding.read(f"{recordings}/timeseries/{name}")

    assert rows == len(found.ts)
    assert hours == set((found.interval // HOUR).tolist())


def test_recorded_caps(recordings):
    """The floor of 2020-03-13 08:00 is in the file."""
    found = funding.read(recordings / "timeseries" / "binance_funding_BTCUSDT_8h.parquet")

    assert -0.003 == found.rate[found.ts == 1584086400_000000000].item()
