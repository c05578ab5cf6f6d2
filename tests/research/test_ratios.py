"""Ratios of recorded series: which returns count, over which horizons, and what is printed."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from rebalancer.cli import ratios as command
from rebalancer.core.ratio import Ground, minimum_variance
from rebalancer.errors import DataError, UsageError
from rebalancer.recordings.bars import Bars
from rebalancer.research.ratios import HORIZONS, MINUTE, Question, answer

HOUR = 60 * MINUTE
RNG = np.random.default_rng(8)
PRICE = 100.0 * np.exp(np.cumsum(RNG.normal(0.0, 0.002, 2_000)))
NOISE = np.exp(RNG.normal(0.0, 0.001, 2_000))  # of quoting: it is gone with the next price


def bars(prices, length=5 * MINUTE, skip=0, holes=()):
    """Return bars of these closes, the first of which opens at 1970 plus `skip` bars."""
    ts = length * (np.arange(len(prices), dtype=np.int64) + skip)
    kept = ~np.isin(np.arange(len(prices)), holes)
    told = np.asarray(prices, dtype=float)[kept]
    return Bars("x", length, ts[kept], told, told, told, told, None, ())


def test_horizons():
    """Short returns are spoilt by what prices say in passing, long ones are not."""
    found = answer(bars(PRICE), bars(PRICE * NOISE), Question(HOUR))
    ratios = [each.found.ratio for each in found.horizons]

    assert list(HORIZONS[:4]) == [each.horizon for each in found.horizons][:4]
    assert ratios[0] < 0.7
    assert min(ratios[1:]) > 0.95
    assert HOUR == found.chosen.horizon
    assert ratios[1] == found.chosen.found.ratio


def test_returns_between_whole_horizons():
    """An hour's return is that of twelve bars which end with the hour, and of no other."""
    found = answer(bars(PRICE), bars(PRICE * NOISE), Question(HOUR))
    ends = np.arange(11, 2_000, 12)  # a bar is known when it ends
    held, hedge = PRICE[ends], (PRICE * NOISE)[ends]
    expected = minimum_variance(held[1:] / held[:-1] - 1, hedge[1:] / hedge[:-1] - 1)

    assert len(ends) - 1 == found.chosen.samples
    assert pytest.approx(expected.ratio, rel=1e-12) == found.chosen.found.ratio


def test_hole():
    """A return across a hole is none, in either series."""
    whole = answer(bars(PRICE), bars(PRICE * NOISE), Question(5 * MINUTE))
    told = answer(bars(PRICE, holes=(7,)), bars(PRICE * NOISE, holes=(50,)), Question(5 * MINUTE))

    assert whole.chosen.samples - 4 == told.chosen.samples


def test_different_bars():
    """Bars of different lengths meet where both end one; a shorter horizon is left out."""
    found = answer(bars(PRICE), bars(PRICE[2::3], 15 * MINUTE), Question(HOUR))

    assert [HOUR, 240 * MINUTE] == [each.horizon for each in found.horizons][:2]
    assert pytest.approx(1.0, abs=1e-12) == found.chosen.found.ratio
    assert Ground.ONE is found.use.ground
    assert None is found.beside_basis  # there is none


def test_other_asset():
    """With a prior the hedge is another asset, judged as such."""
    found = answer(bars(PRICE), bars(PRICE**2), Question(HOUR, prior=0.6))

    assert Ground.SHRUNK is found.use.ground
    assert pytest.approx((0.5 + 0.6) / 2, abs=0.01) == found.use.ratio


@pytest.mark.parametrize(
    ("spot", "hedge", "every", "why"),
    [
        (bars(PRICE), bars(PRICE, 15 * MINUTE), 5 * MINUTE, "--every must be at least a bar"),
        (bars(PRICE[:9]), bars(PRICE[:9], skip=9), HOUR, "a time in common"),
        (bars(PRICE[:40]), bars(PRICE[:40]), HOUR, "4 returns of 60 min"),
        (bars(PRICE), bars(np.ones(2_000)), HOUR, "4 returns of 60 min that move"),
    ],
)
def test_nothing_to_tell(spot, hedge, every, why):
    """Series that cannot tell a ratio are bad data, with what must hold."""
    with pytest.raises(DataError, match=why):
        answer(spot, hedge, Question(every))


# --- the command --------------------------------------------------------------


@pytest.fixture
def ask():
    """Return what runs the command and raises what it raises."""
    app = typer.Typer()
    command.register(app)

    def run(*arguments):
        return CliRunner().invoke(app, list(arguments), catch_exceptions=False).output

    return run


@pytest.fixture
def folder(tmp_path):
    """Return a folder with a coin, its perpetual, and another coin."""
    noise = RNG.normal(0.0, 0.02, 2_000)
    series = {"spot": PRICE, "perp": PRICE * NOISE, "other": PRICE * np.exp(np.cumsum(noise))}
    for name, prices in series.items():
        lines = ["ts,open,high,low,close"]
        for place, price in enumerate(prices):
            at = datetime.fromtimestamp(1_700_000_000 // 3600 * 3600 + 300 * place, UTC)
            lines.append(f"{at.isoformat()},{price},{price},{price},{price}")
        (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_told(ask, folder):
    """The command prints the horizons, the verdict, and the line for the configuration."""
    series = ("--spot", "spot.csv", "--hedge", "perp.csv", "--instrument", "deribit:BTC-PERPETUAL")
    printed = ask(str(folder), *series)
    told = json.loads(ask(str(folder), *series, "--json", "-"))
    found = told["horizons"][1]

    assert ["5m", "1h", "4h", "8h"] == [each["horizon"] for each in told["horizons"]][:4]
    assert told["verdict"] in printed
    assert told["setting"] in printed
    assert told["setting"] == (
        f'"deribit:BTC-PERPETUAL" = {{ ratio = {found["ratio"]:.6f}, '
        f"effectiveness = {found['effectiveness']:.6f}, "
        f"standard_error = {found['standard_error']:.6f} }}"
    )


def test_refused(ask, folder):
    """A hedge that would remove too little has no line for the configuration."""
    series = ("--spot", "spot.csv", "--hedge", "other.csv")
    told = json.loads(ask(str(folder), *series, "--json", "-"))

    assert None is told["setting"]
    assert "refused" == told["use"]["ground"]
    assert told["verdict"].startswith("do not hedge with this")
    assert "[underlyings" not in ask(str(folder), *series)


@pytest.mark.parametrize(
    ("options", "error", "why"),
    [
        (("--every", "soon"), UsageError, "duration: must be such as"),
        (("--halflife", "0"), UsageError, "--halflife: must be above 0"),
        (("--every", "1m"), DataError, "--every must be at least a bar"),
        (("--json", "/no-such-folder/x"), UsageError, "must be a file that can be written"),
    ],
)
def test_wrong(ask, folder, options, error, why):
    """A wrong call says where it is wrong and what must hold."""
    with pytest.raises(error, match=why):
        ask(str(folder), "--spot", "spot.csv", "--hedge", "perp.csv", *options)


def test_no_folder(ask, folder):
    """The folder must be one."""
    with pytest.raises(UsageError, match="FOLDER: must be a folder"):
        ask(str(folder / "none"), "--spot", "spot.csv", "--hedge", "perp.csv")


def test_recorded(recordings, ask):
    """Binance's BTC perpetual hedges its spot almost one for one, the better the longer it is."""
    told = json.loads(
        ask(
            str(recordings),
            *("--spot", "timeseries/binance_spot_BTCUSDT_1h.parquet"),
            *("--hedge", "timeseries/binance_perp_BTCUSDT_1h.parquet"),
            *("--every", "1d", "--json", "-"),
        )
    )
    removed = [each["effectiveness"] for each in told["horizons"]]

    assert ["1h", "4h", "8h", "1d"] == [each["horizon"] for each in told["horizons"]]
    assert sorted(removed) == removed
    assert pytest.approx(0.9963, abs=5e-5) == told["use"]["ratio"]
