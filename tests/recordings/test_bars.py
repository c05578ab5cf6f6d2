"""Bars: when they are known, what they must be, what is odd about them."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rebalancer.core.events import Mark
from rebalancer.errors import DataError
from rebalancer.recordings import bars
from rebalancer.recordings.bars import Bar, Hole

START = 1704067200  # s
MINUTE = 60
SECOND = 1_000_000_000  # ns


def row(minute, open_=100.0, high=101.0, low=99.0, close=100.5, volume="2.5"):
    """Return one line of a CSV file of minute bars."""
    return f"{round(START + minute * MINUTE)},{open_},{high},{low},{close},{volume}"


def write(folder, *rows, header="ts,open,high,low,close,volume"):
    """Return the path of a CSV file with these lines."""
    path = folder / "bars.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def ns(minute):
    return (START + minute * MINUTE) * SECOND


def test_known_at_the_end(tmp_path):
    """A bar is known one bar length after it opened, with the digits of the file."""
    found = bars.read(write(tmp_path, row(0, close="100.10"), row(1)))

    ts, first = next(iter(bars.known(found)))

    assert ns(1) == ts
    assert (
        Bar(
            ns(0),
            ns(1),
            Decimal("100.0"),
            Decimal("101.0"),
            Decimal("99.0"),
            Decimal("100.1"),
            Decimal("2.5"),
        )
        == first
    )


def test_marks(tmp_path):
    """Each close is a mark price when the bar ends."""
    found = bars.read(write(tmp_path, row(0), row(1, close=100.7)))

    expected = [
        (ns(1), Mark(ns(1), ns(1), "x:Y", Decimal("100.5"))),
        (ns(2), Mark(ns(2), ns(2), "x:Y", Decimal("100.7"))),
    ]
    assert expected == list(bars.marks(found, "x:Y"))


def test_volume_may_be_absent(tmp_path):
    """Mark price bars have no volume: unknown, not zero."""
    rows = [row(minute).rpartition(",")[0] for minute in (0, 1)]
    found = bars.read(write(tmp_path, *rows, header="ts,open,high,low,close"))

    assert found.volume is None
    assert next(iter(bars.known(found)))[1].volume is None


def test_parquet_and_csv_agree(tmp_path):
    """The same columns read the same from either kind of file."""
    seconds = pa.array([START, START + MINUTE], pa.timestamp("s", "UTC"))
    values = {"open": 100.0, "high": 101.0, "low": 99.0, "close": 100.5, "volume": 2.5}
    columns = {"ts": seconds} | {name: pa.array([value] * 2) for name, value in values.items()}
    pq.write_table(pa.table(columns), tmp_path / "bars.parquet")

    from_parquet = bars.known(bars.read(tmp_path / "bars.parquet"))

    assert list(bars.known(bars.read(write(tmp_path, row(0), row(1))))) == list(from_parquet)


def test_length_and_holes(tmp_path):
    """The commonest step is the bar length; longer ones are holes, listed."""
    found = bars.read(write(tmp_path, *map(row, (0, 1, 4, 5, 6, 9))))

    assert MINUTE * SECOND == found.length
    assert (Hole(ns(2), ns(4)), Hole(ns(7), ns(9))) == found.holes


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row(0), row(1), row(1)], "row 4: ts must be a bar after the row before, was the same"),
        ([row(0), row(2), row(1), row(3)], "row 4: .* was 60 s before it"),
        ([row(0), row(1), row(2), row(2.5)], "row 5: .* was 30 s after it, of 60"),
        ([row(0), row(1, close="nan")], "row 3: close must be a number, was nan"),
        ([row(0), row(1, close="")], "row 3: close must be a number, was nan"),
        ([row(0), row(1, high="inf")], "row 3: high must be a number, was inf"),
        ([row(0), row(1, low=0)], "row 3: low must be positive, was 0"),
        ([row(0), row(1, open_=-1)], "row 3: open must be positive, was -1"),
        ([row(0), row(1, high=98)], "row 3: high must be at least low, was 98 and 99"),
        ([row(0), row(1, high=100.2)], "high must be at least open and close, was 100.2 and 100.5"),
        ([row(0), row(1, low=100.2)], "low must be at most open and close, was 100.2 and 100"),
        ([row(0), row(1, volume=-1)], "volume must be at least zero, was -1"),
        ([row(0), row(1, volume="")], "volume must be a number, was nan"),
        ([row(0), row(0, low=0), row(1, high=98)], "3 faults"),
        ([row(0)], "must hold two bars to tell their length"),
        ([row(1), row(0)], "must hold two bars to tell their length"),
    ],
)
def test_faults(tmp_path, rows, message):
    """Each fault names its row, what must hold and what was found; all are counted."""
    with pytest.raises(DataError, match=message):
        bars.read(write(tmp_path, *rows))


def test_length_can_be_told(tmp_path):
    """A single bar is readable when its length is told."""
    assert 1 == len(bars.read(write(tmp_path, row(0)), length=MINUTE * SECOND).ts)


def still(minute, price, volume=0):
    return row(minute, price, price, price, price, volume)


def test_frozen_feed(tmp_path):
    """Bars that repeat the last close with no volume are flagged, and stay in."""
    rows = [row(0, close=100), still(1, 100), still(2, 100), still(3, 99.5), still(4, 99.5, 3)]
    found = bars.read(write(tmp_path, *rows))

    assert [False, True, True, False, False] == bars.frozen(found).tolist()
    assert 5 == len(found.ts)


def test_false_prints(tmp_path):
    """A wick far outside its surroundings is flagged; a fall that lasts is not."""
    rows = [row(0), row(1, high=130), row(2), row(3, low=60, close=62), row(4, 62, 63, 61, 62)]
    found = bars.read(write(tmp_path, *rows))

    assert [False, True, False, False, False] == bars.false_prints(found).tolist()


def test_false_prints_against_a_reference(tmp_path):
    """Against a mark price a bar is doubted where the mark did not go; without one it is not."""
    mark = bars.read(write(tmp_path, row(0), row(1), row(2, low=60)))
    traded = bars.read(write(tmp_path, row(1, low=60), row(2, low=60), row(3, low=60)))

    assert [True, False, False] == bars.false_prints(traded, mark).tolist()


@pytest.mark.parametrize(
    ("name", "rows", "minutes", "holes"),
    [
        ("binance_perp_BTCUSDT_1h.parquet", 45_127, 60, 2),  # the windows left out on purpose
        ("binance_spot_BTCUSDT_1h.parquet", 45_108, 60, 19),  # and 17 outages
        ("binance_mark_ETHUSDT_1h.parquet", 42_589, 60, 2),
        ("binance_perp_BTCUSDT_15m_2024Q3.parquet", 8_832, 15, 0),
        ("binance_spot_BTCUSDT_1m_2021-03_04.parquet", 50_000, 1, 2),
    ],
)
def test_recorded_bars(recordings, name, rows, minutes, holes):
    """Recorded bars are read whole, with the holes that their README tells of."""
    found = bars.read(recordings / "timeseries" / name)

    assert (rows, minutes * MINUTE * SECOND) == (len(found.ts), found.length)
    assert holes == len(found.holes)


@pytest.mark.parametrize("coin", ["BTC", "ETH"])
def test_recorded_freeze(recordings, coin):
    """The frozen feed of 2024-10-28 is 16 bars of five minutes."""
    found = bars.read(recordings / "timeseries" / f"binance_perp_{coin}USDT_5m_2024Q4.parquet")

    days = found.ts[bars.frozen(found)].astype("datetime64[ns]").astype("datetime64[D]")

    assert ["2024-10-28"] * 16 == list(map(str, days))


@pytest.mark.parametrize(
    ("coin", "hours"),
    [("BTC", ["2021-07-26T01"]), ("ETH", ["2020-03-13T02", "2021-05-19T13"])],
)
def test_recorded_false_prints(recordings, coin, hours):
    """The false prints that the README tells of are flagged against the mark, and no other."""
    traded = bars.read(recordings / "timeseries" / f"binance_perp_{coin}USDT_1h.parquet")
    mark = bars.read(recordings / "timeseries" / f"binance_mark_{coin}USDT_1h.parquet")

    found = traded.ts[bars.false_prints(traded, mark)].astype("datetime64[ns]")

    assert hours == [str(np.datetime64(ts, "h")) for ts in found]


def test_recorded_panel(recordings):
    """A file of many series gives the one that is picked."""
    name = "spot_perp_funding_8h_binance_bybit_okx_2023_2024.parquet?venue=okx&symbol=BTC/USDT"

    assert 1642 == len(bars.read(f"{recordings}/timeseries/{name}").ts)
