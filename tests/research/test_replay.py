"""One replay, in the process: its books against the exchange model's, whatever the book holds."""

import io

import pytest

from rebalancer.errors import ConfigError
from rebalancer.research.markets import Window
from rebalancer.research.replay import Request, replay
from rebalancer.settings import load

BEGIN = 1_767_225_600  # 2026-01-01 UTC, s
CONFIG = """
[book]
id = "book"
mode = "paper"
[venues.binance]
fees = { maker = 0.001, taker = 0.001 }
[venues.deribit]
margin = "cross"
leverage = 10
fees = { maker = 0.0, taker = 0.0005 }
tiers = [[0, 0.01]]
[underlyings.BTC]
numeraire = "usd"
target = 0.0
hedge = ["deribit:BTC-PERPETUAL"]
band = { kind = "fixed", lower = -0.01, upper = 0.01, reset = 0.0 }
[underlyings.BTC.limits]
order = 5.0
position = 20.0
net_delta = 2.0
[limits]
leverage = 10.0
turnover_per_day = 1e7
loss_per_day = 1e6
drawdown = 1e6
[guards.staleness]
quote = "70m"
index = "70m"
mark = "70m"
option = "70m"
[[holdings]]
instrument = "deribit:BTC"
quantity = 1
role = "book"
HOLDINGS
[replay]
bars = { "deribit:BTC-PERPETUAL" = "perp.csv", "binance:BTCUSDT" = "spot.csv" }
funding = { "deribit:BTC-PERPETUAL" = "funding.csv" }
index = { BTC = "deribit:BTC-PERPETUAL" }
"""


class NoLog:
    """A log that nobody reads."""

    def debug(self, event, **facts): ...

    def info(self, event, **facts): ...

    def warning(self, event, **facts): ...

    def error(self, event, **facts): ...


def holding(instrument, quantity, role, entry=None):
    told = f'[[holdings]]\ninstrument = "{instrument}"\nquantity = {quantity}\nrole = "{role}"\n'
    return told if entry is None else f"{told}entry = {entry}\n"


def play(folder, *holdings, progress=None, window=Window()):  # noqa: B008
    """Replay thirty hourly bars of a book of one coin and these holdings."""
    for name, over in (("perp", 0), ("spot", 7)):
        closes = [100_000 + 500 * (hour % 7) - 300 * hour + over for hour in range(30)]
        rows = [f"{BEGIN + h * 3_600},{c},{c},{c},{c},1" for h, c in enumerate(closes)]
        text = "\n".join(["ts,open,high,low,close,volume", *rows])
        (folder / f"{name}.csv").write_text(text + "\n")
    settled = [f"{BEGIN + h * 3_600},0.0002" for h in (8, 16, 24)]
    (folder / "funding.csv").write_text("\n".join(["ts,funding_rate", *settled]) + "\n")
    config = folder / "book.toml"
    config.write_text(CONFIG.replace("HOLDINGS", "\n".join(holdings)))
    steps = io.StringIO(newline="")
    return replay(
        Request(load(config), folder, window, lambda clock: NoLog(), steps, progress)
    ), steps


PAIR = holding("binance:BTCUSDT", 2, "book")
SHORT = holding("deribit:BTC-PERPETUAL", -50_000, "hedge", entry=101_000)
COLD = holding("cold:BTC", 0.5, "outside")


@pytest.mark.parametrize("held", [(), (PAIR,), (SHORT,), (COLD,), (PAIR, SHORT, COLD)])
def test_no_residual(tmp_path, held):
    """The model's books and the follower's agree, whatever is held and wherever it lies."""
    told, _ = play(tmp_path, *held)

    assert abs(told.result["accounting_residual"]) < 1e-5
    assert pytest.approx(told.recorder.change()) == sum(told.result["attribution"].values())
    assert 30 == told.result["samples"]


def test_hedged(tmp_path):
    """Two coins of spot and one of cash are hedged at once, and most variance is gone."""
    told, _ = play(tmp_path, PAIR)

    assert told.result["hedges"] >= 1
    assert told.result["hedge_effectiveness"] > 0.99
    assert told.result["fees"] > 0
    assert told.result["turnover"] > 250_000


def test_hedge_from_the_start_is_not_unhedged(tmp_path):
    """A hedge that was there from the start is no part of what is hedged."""
    told, steps = play(tmp_path, PAIR, SHORT)

    assert pytest.approx(200_014.0) == told.recorder.samples.unhedged[0]
    reasons = [line.rpartition(",")[2] for line in steps.getvalue().splitlines()[1:4]]
    assert ["open", "open", "open_hedge"] == reasons


def test_progress(tmp_path):
    """Whoever watches is told how far market time has come, from the start to the end."""
    seen = []
    end = (BEGIN + 10 * 3_600) * 1_000_000_000
    play(tmp_path, PAIR, progress=lambda *told: seen.append(told), window=Window(None, end))

    times = [now for now, _, _ in seen]
    assert sorted(times) == times
    assert {((BEGIN + 3_600) * 1_000_000_000, end)} == {told[1:] for told in seen}


def test_no_price(tmp_path):
    """A holding that no series prices is a fault that names it."""
    with pytest.raises(ConfigError, match="ETHUSDT"):
        play(tmp_path, holding("binance:ETHUSDT", 1, "book"))


def test_told_by_a_file(tmp_path):
    """What a file told at the time nobody knows now: such a book cannot be replayed."""
    row = '[[holdings]]\ninstrument = "cold:BTC"\nrole = "outside"\nfile = "/t.json"\n'

    with pytest.raises(ConfigError, match=r"holdings\.1\.file: must be absent in a replay"):
        play(tmp_path, f'{row}max_age = "1h"\n')
