"""`rebalancer replay` as its users run it: recorded markets, and files of their own.

What it reports is held against second opinions that share nothing with it:
`tests/oracles/recompute_steps.py`, `tests/oracles/walk_fills.py`, and a plain
delta hedge in this file.
"""

import csv
import datetime as dt
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy.stats import norm

from tests.oracles import recompute_steps, walk_fills

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-c", "from rebalancer.cli import main; main()", "replay")
CALL, PUT = "BTC-27FEB26-98000-C", "BTC-27FEB26-80000-P"
PERPETUAL_CAPTURE = "raw/binance_usdm_btcusdt_2024-08-08.jsonl.gz"
SPOT_CAPTURE = "raw/binance_spot_btcusdt_2024-08-08.jsonl.gz"


@dataclass(frozen=True)
class Run:
    """What one replay left behind."""

    code: int
    summary: dict
    steps: Path
    out: str
    err: str


def begin(folder, data, config, *arguments):
    """Start the command as a process of its own."""
    files = ("--json", str(folder / "summary.json"), "--steps", str(folder / "steps.csv"))
    return subprocess.Popen(
        [*COMMAND, str(data), "--config", str(config), *files, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(folder, process):
    """Wait for a command and return its outcome."""
    try:
        out, err = process.communicate(timeout=110)
    finally:
        process.kill()  # nothing to kill but after a timeout
    summary = folder / "summary.json"
    told = json.loads(summary.read_text()) if summary.exists() else {}
    return Run(process.returncode, told, folder / "steps.csv", out, err)


def replay(folder, data, config, *arguments):
    """Return the outcome of the command."""
    return end(folder, begin(folder, data, config, *arguments))


def window(start, end):
    return ("--from", start, "--to", end)


def rows(run):
    """Return the rows of a steps file."""
    with run.steps.open(newline="") as file:
        return list(csv.DictReader(file))


def rewrite(run, folder, told):
    """Return a steps file of these rows."""
    path = folder / "altered.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, recompute_steps.HEADER, lineterminator="\n")
        writer.writeheader()
        writer.writerows(told)
    return path


# --- a short strangle through the fall of early February 2026 -----------------------------------


@pytest.fixture(scope="session")
def begun(recordings, tmp_path_factory):
    """Start the longest replay, of the streams, beside all others."""
    folder = tmp_path_factory.mktemp("streams")
    with begin(folder, recordings, ROOT / "config" / "replay-streams.toml") as process:
        yield folder, process
        process.kill()  # of no effect when it has ended


@pytest.fixture(scope="session")
def strangle(recordings, begun, tmp_path_factory):
    folder = tmp_path_factory.mktemp("strangle")
    config = ROOT / "config" / "replay-strangle.toml"
    return replay(folder, recordings, config, *window("2026-01-28", "2026-02-07"))


def test_strangle(strangle):
    """Hedging a short strangle through a fall of a third removes most of its variance."""
    told = strangle.summary

    assert 0 == strangle.code
    assert 0.94 <= told["hedge_effectiveness"] < 1
    assert abs(told["accounting_residual"]) < 1
    assert told["orders"] == told["hedges"]  # no order hangs on the prices of an older bar


def test_strangle_attribution(strangle):
    """The profit by source leaves little over, and adds up to the change of worth."""
    parts = strangle.summary["attribution"]
    equity = [float(row["equity"]) for row in rows(strangle) if row["reason"] == "sample"]

    assert abs(parts["residual"]) <= 0.05 * sum(map(abs, parts.values()))
    assert pytest.approx(equity[-1] - equity[0], abs=0.01) == sum(parts.values())


def test_strangle_steps_agree(strangle, capsys):
    """The steps lead an independent sum to the same worth at every sample."""
    assert 0 == recompute_steps.main([str(strangle.steps)]), capsys.readouterr().out


def test_strangle_summary_from_steps(strangle):
    """Effectiveness, fees in coin and hedges follow from the steps alone."""
    told, steps = strangle.summary, rows(strangle)
    series = np.array(
        [
            (float(row["equity"]), float(row["unhedged_equity"]))
            for row in steps
            if row["reason"] == "sample"
        ]
    )
    hedged, unhedged = np.var(np.diff(series, axis=0), axis=0, ddof=1)

    assert pytest.approx(told["hedge_effectiveness"], abs=1e-9) == 1 - hedged / unhedged
    assert pytest.approx(told["variance_hedged"], rel=1e-9) == hedged
    assert told["samples"] == len(series)
    fills = [row for row in steps if row["reason"] == "fill"]
    assert all(  # the taker's 0.0005 of the notional, in coin
        abs(float(r["fee"]) - 0.0005 * abs(float(r["quantity"])) / float(r["price"])) < 1e-11
        for r in fills
    )


@pytest.mark.parametrize(
    ("reason", "column", "by"),
    [
        ("fill", "fee", 3e-7),
        ("fill", "price", 500.0),
        ("fill", "quantity", -10_000.0),
        ("funding", "funding", -3e-7),
        ("open", "quantity", 1e-4),
        ("sample", "equity", 0.02),
    ],
)
@pytest.mark.parametrize("which", [0, -1])
def test_strangle_altered(strangle, tmp_path, reason, column, by, which):
    """One altered number anywhere, the first of its kind or the last, is found out."""
    told = rows(strangle)
    row = [each for each in told if each["reason"] == reason][which]
    row[column] = repr(float(row[column]) + by)

    assert 1 == recompute_steps.main([str(rewrite(strangle, tmp_path, told))])


def marks(recordings, start, end):
    """Return {time: ((value USD, vol, forward) of the call, of the put)} of the chains."""
    found: dict = {}
    columns = ["ts", "instrument_name", "mark_price", "mark_iv", "underlying_price"]
    for name in ("2025-12_2026-01", "2026-02"):
        table = pq.read_table(
            recordings / f"options/deribit_chains_6h_{name}.parquet",
            columns=columns,
            filters=[("instrument_name", "in", [CALL, PUT])],
        ).to_pydict()
        for ts, option, price, vol, forward in zip(*(table[each] for each in columns), strict=True):
            moment = np.datetime64(ts.replace(tzinfo=None))
            if start <= moment < end:
                found.setdefault(moment, {})[option] = (price * forward, vol, forward)
    return {ts: np.array([each[CALL], each[PUT]]) for ts, each in sorted(found.items())}


def test_strangle_between_two_bounds(strangle, recordings):
    """A plain hedge at every bar, without a band, removes a little more than the program."""
    start, end = np.datetime64("2026-01-28"), np.datetime64("2026-02-07")
    table = pq.read_table(
        recordings / "timeseries/binance_perp_BTCUSDT_15m.parquet", columns=["ts", "close"]
    )
    known = table["ts"].to_numpy().astype("datetime64[ms]") + np.timedelta64(15, "m")
    closes = dict(zip(known, table["close"].to_numpy(), strict=True))
    chains = marks(recordings, start, end)
    strikes, signs = np.array([98_000.0, 80_000.0]), np.array([1, -1])
    price, hedge, cash, chain, carry = 0.0, 0.0, 0.0, None, 1.0
    hedged, unhedged = [], []
    for ts in sorted({*(each for each in closes if start <= each < end), *chains}):
        if ts in closes:
            cash += hedge * (closes[ts] - price) if price else 0.0
            price = closes[ts]
        if ts in chains:
            chain = chains[ts]
            carry = chain[:, 2] / price
            options = -chain[:, 0].sum()
            unhedged.append(options)
            hedged.append(options + 2 * price + cash)  # two coins of collateral
        if chain is None:
            continue
        left = (np.datetime64("2026-02-27T08:00") - ts) / np.timedelta64(365, "D")
        width = chain[:, 1] * np.sqrt(left)
        d1 = np.log(carry * price / strikes) / width + width / 2
        wanted = (signs * norm.cdf(signs * d1) * carry).sum() - 2
        cash -= abs(wanted - hedge) * price * (0.0005 + 0.00005)  # fee and half the spread
        hedge = wanted
    plain = 1 - np.var(np.diff(hedged), ddof=1) / np.var(np.diff(unhedged), ddof=1)

    assert pytest.approx(0.957, abs=0.01) == plain
    assert 0.94 <= strangle.summary["hedge_effectiveness"] <= plain
    assert pytest.approx(strangle.summary["variance_unhedged"], rel=1e-6) == np.var(
        np.diff(unhedged), ddof=1
    )


# --- options that end ---------------------------------------------------------------------------


@pytest.fixture(scope="session")
def ending(recordings, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ending")
    config = ROOT / "config" / "replay-strangle.toml"
    return replay(folder, recordings, config, *window("2026-02-25", "2026-02-28"))


def test_expiry(ending, capsys):
    """Options that end are paid out, and what they paid is measured and followed to the end."""
    told = rows(ending)
    ended = [place for place, row in enumerate(told) if row["reason"] == "delivered"]
    after = [row for row in told[ended[-1] :] if row["reason"] == "sample"]

    assert 0 == ending.code
    assert {f"deribit:{CALL}", f"deribit:{PUT}"} == {told[place]["instrument"] for place in ended}
    assert after
    assert "sample" == told[-1]["reason"]
    assert abs(ending.summary["accounting_residual"]) < 1
    assert 0 == recompute_steps.main([str(ending.steps)]), capsys.readouterr().out


# --- ten coins of spot against a short perpetual ------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "effectiveness"),
    [("2020-03-11", "2020-03-14", 0.9931), ("2021-05-18", "2021-05-21", 0.9984)],
)
def test_spot(recordings, tmp_path, capsys, start, end, effectiveness):
    """A short perpetual removes the variance of spot but for the basis, in two crashes."""
    run = replay(tmp_path, recordings, ROOT / "config" / "replay-spot.toml", *window(start, end))

    assert 0 == run.code
    assert pytest.approx(effectiveness, abs=0.0005) == run.summary["hedge_effectiveness"]
    assert abs(run.summary["accounting_residual"]) < 1
    assert 0 == recompute_steps.main([str(run.steps)]), capsys.readouterr().out


# --- a recorded order book, message by message --------------------------------------------------


def with_close(folder, recordings, factor):
    """Lay out the strangle's recordings with one close of the perpetual times `factor`."""
    folder.mkdir()
    (folder / "options").symlink_to(recordings / "options")
    (folder / "timeseries").symlink_to(recordings / "timeseries")
    source = recordings / "timeseries" / "binance_perp_BTCUSDT_15m.parquet"
    table = pq.read_table(source).to_pylist()
    lines = ["ts,open,high,low,close,volume"]
    for row in table:
        if not dt.datetime(2026, 1, 27, tzinfo=dt.UTC) <= row["ts"] < FALSE + dt.timedelta(days=2):
            continue
        close = round(row["close"] * (factor if row["ts"] == FALSE else 1), 1)
        high, low = max(row["high"], close), min(row["low"], close)
        told = (int(row["ts"].timestamp() * 1000), row["open"], high, low, close, row["volume"])
        lines.append(",".join(map(str, told)))
    (folder / "bars.csv").write_text("\n".join(lines) + "\n")
    config = (ROOT / "config" / "replay-strangle.toml").read_text()
    path = folder / "false.toml"
    path.write_text(config.replace("timeseries/binance_perp_BTCUSDT_15m.parquet", "bars.csv"))
    return path


FALSE = dt.datetime(2026, 1, 29, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize("factor", [10, 0.5])
def test_false_print(recordings, tmp_path, factor):
    """A bar that closed where the market never was is refused by name and not traded on."""
    runs = []
    for name, times in (("good", 1), ("bad", factor)):
        config = with_close(tmp_path / name, recordings, times)
        out = tmp_path / f"out-{name}"
        out.mkdir()
        runs.append(
            replay(out, config.parent, config, "--from", "2026-01-28", "--to", "2026-01-31")
        )
    good, bad = runs

    fills = [[row for row in rows(run) if row["reason"] == "fill"] for run in runs]
    assert fills[0]
    assert [row["price"] for row in fills[0]][:5] == [row["price"] for row in fills[1]][:5]
    assert good.summary["hedge_effectiveness"] == pytest.approx(
        bad.summary["hedge_effectiveness"], abs=0.01
    )
    assert bad.summary["refusals"] > good.summary["refusals"]


@pytest.fixture(scope="session")
def streams(begun):
    return end(*begun)


@pytest.mark.parametrize(("file", "lines"), [(PERPETUAL_CAPTURE, 93_954), (SPOT_CAPTURE, 41_249)])
def test_streams_count_every_line(streams, file, lines):
    """Every line of a capture is decoded, unknown or refused."""
    (told,) = [line for line in streams.out.splitlines() if f"lines of {file}:" in line]
    counts = [int(word) for word in told.split(":")[1].split() if word.isdigit()]

    assert 0 == streams.code
    assert lines == counts[-1] == sum(counts[:-1])


def test_streams_steps_agree(streams, capsys):
    """The steps of a tick-by-tick replay lead an independent sum to the same worth."""
    assert 0 == recompute_steps.main([str(streams.steps)]), capsys.readouterr().out
    assert streams.summary["hedges"] >= 5
    assert abs(streams.summary["accounting_residual"]) < 1


def walk(recordings, steps, latency="40"):
    """Return the exit code of the walk over the recorded book."""
    capture, other = (str(recordings / name) for name in (PERPETUAL_CAPTURE, SPOT_CAPTURE))
    return walk_fills.main([capture, str(steps), "--latency-ms", latency, "--also", other])


def test_streams_fills_walk_the_book(streams, recordings, capsys):
    """Every fill is what the recorded book offered one latency after the decision."""
    code = walk(recordings, streams.steps)
    out = capsys.readouterr().out

    assert 0 == code, out
    orders, fills = (int(out.split()[place]) for place in (1, 3))
    assert streams.summary["hedges"] == orders
    assert len([row for row in rows(streams) if row["reason"] == "fill"]) == fills


def test_streams_altered_fill(streams, recordings, tmp_path):
    """A fill at a price that the book did not have is found out."""
    told = rows(streams)
    fill = next(row for row in told if row["reason"] == "fill")
    fill["price"] = str(float(fill["price"]) - 0.1)

    assert 1 == walk(recordings, rewrite(streams, tmp_path, told))


# --- a user's own files -------------------------------------------------------------------------

HOUR = 3_600_000_000_000  # ns
BEGIN = 1_767_225_600_000_000_000  # 2026-01-01 UTC, ns
OWN = """
[book]
id = "own"
mode = "paper"
[venues.binance]
fees = {{ maker = 0.001, taker = 0.001 }}
[venues.binanceusdm]
margin = "cross"
leverage = 5
fees = {{ maker = 0.0002, taker = 0.0005 }}
tiers = [[0, 0.004]]
latency_ms = 40
[underlyings.BTC]
numeraire = "usd"
target = 0.0
hedge = ["binanceusdm:BTCUSDT"]
band = {{ kind = "fixed", lower = -0.05, upper = 0.05, reset = 0.0 }}
[underlyings.BTC.limits]
order = 5.0
position = 20.0
net_delta = 2.0
[limits]
leverage = 5.0
turnover_per_day = 1e7
loss_per_day = 1e6
drawdown = 1e6
[[holdings]]
instrument = "binance:BTCUSDT"
quantity = 1.5
role = "book"
[[holdings]]
instrument = "binanceusdm:USDT"
quantity = 50000
role = "book"
[guards.staleness]
quote = "70m"
index = "70m"
mark = "70m"
option = "70m"
[replay]
index = {{ BTC = "binance:BTCUSDT" }}
bars = {{ {bars} }}
funding = {{ "binanceusdm:BTCUSDT" = "funding.csv" }}
"""
BARS = '"binance:BTCUSDT" = "spot.csv", "binanceusdm:BTCUSDT" = "perp.csv"'


def price(hour, over=0.0):
    """A wave with a drift; no market ever was like it."""
    return round(50_000 + 40 * hour + 900 * np.sin(hour / 3) + over, 1)


def bar(hour, close):
    return f"{(BEGIN + hour * HOUR) // 1_000_000},{close},{close},{close},{close},1"


def own_files(folder, spot=None, bars=BARS):
    """Write three days of hourly bars with holes, funding, and a configuration for them."""
    hours = [hour for hour in range(72) if hour not in (20, 21, 50)]
    spot = [bar(hour, price(hour)) for hour in hours] if spot is None else spot
    perp = [bar(hour, price(hour, over=15 * np.cos(hour))) for hour in range(72) if hour != 33]
    header = "ts,open,high,low,close,volume"
    (folder / "spot.csv").write_text("\n".join([header, *spot]) + "\n")
    (folder / "perp.csv").write_text("\n".join([header, *perp]) + "\n")
    rates = [f"{(BEGIN + each * 8 * HOUR) // 1_000_000},{0.0001 * each}" for each in range(1, 9)]
    (folder / "funding.csv").write_text("\n".join(["ts,funding_rate", *rates]) + "\n")
    config = folder / "own.toml"
    config.write_text(OWN.format(bars=bars))
    return config


@pytest.fixture(scope="session")
def own(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    return replay(folder, folder, own_files(folder))


def test_own_files(own, capsys):
    """Bars and funding of one's own are replayed and add up."""
    assert 0 == own.code
    assert own.summary["hedge_effectiveness"] > 0.98
    assert own.summary["hedges"] >= 1
    assert 8 == len([row for row in rows(own) if row["reason"] == "funding"])
    assert abs(own.summary["accounting_residual"]) < 1e-6
    assert 0 == recompute_steps.main([str(own.steps)]), capsys.readouterr().out


def test_holes(own):
    """No sample falls where one series has a hole: two hours' prices are not one moment's."""
    sampled = [int(row["ts"]) for row in rows(own) if row["reason"] == "sample"]
    closes = [(ts - BEGIN) // HOUR - 1 for ts in sampled]

    # Hour 33 is a hole of the perpetual, the others are of the spot pair.
    assert [hour for hour in range(72) if hour not in (20, 21, 33, 50)] == closes


def test_the_same_twice(own, tmp_path):
    """Another run over the same files tells the same, to the byte."""
    again = replay(tmp_path, tmp_path, own_files(tmp_path))

    assert own.summary == again.summary
    assert own.steps.read_bytes() == again.steps.read_bytes()


GOOD = [bar(hour, price(hour)) for hour in range(4)]


@pytest.mark.parametrize(
    ("spot", "says"),
    [
        ([*GOOD, GOOD[-1]], "ts"),  # the same time twice
        ([*GOOD, GOOD[1]], "ts"),  # back in time
        ([*GOOD, bar(4, "nan")], "number"),
        ([*GOOD, bar(4, 0)], "positive"),
    ],
)
def test_bad_data(tmp_path, spot, says):
    """Data that cannot be trusted stops with 65 and says where."""
    run = replay(tmp_path, tmp_path, own_files(tmp_path, spot))

    assert 65 == run.code
    assert "spot.csv" in run.err
    assert says in run.err
    assert "Traceback" not in run.err


def test_missing_file(tmp_path):
    """A file that is not there is bad data, and named."""
    config = own_files(tmp_path)
    (tmp_path / "perp.csv").unlink()
    run = replay(tmp_path, tmp_path, config)

    assert 65 == run.code
    assert "perp.csv" in run.err
    assert "Traceback" not in run.err


def test_missing_series(tmp_path):
    """A series without a file and without a named proxy stops with 78 and says which."""
    config = own_files(tmp_path, bars='"binance:BTCUSDT" = "spot.csv"')
    run = replay(tmp_path, tmp_path, config)

    assert 78 == run.code
    assert "replay.bars.binanceusdm:BTCUSDT" in run.err
    assert "Traceback" not in run.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (window("2026-01-03", "2026-01-02"), 64),
        (window("2026-01-02", "2026-01-02"), 64),
        (window("2030-01-01", "2030-01-02"), 78),  # nothing was recorded then
    ],
)
def test_windows(tmp_path, arguments, code):
    """A window that makes no sense stops before anything is played."""
    run = replay(tmp_path, tmp_path, own_files(tmp_path), *arguments)

    assert code == run.code
    assert 0 < len(run.err.splitlines()) <= 2
    assert "Traceback" not in run.err
