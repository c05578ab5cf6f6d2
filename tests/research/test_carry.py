"""Carry: what may be known when, what a leg earns, and that hindsight bounds it."""

import json
import sys
from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.core.funding import DAY, HOUR, Rule, Terms
from rebalancer.errors import DataError, UsageError
from rebalancer.recordings.bars import Bars
from rebalancer.recordings.funding import Funding
from rebalancer.research import carry, carry_page, carry_tuning, stretches, switching
from rebalancer.research.settlements import (
    AFTER,
    MINUTE,
    Prices,
    Settlements,
    between,
    priced,
    strayed,
    together,
)
from rebalancer.research.stretches import COINS, STRETCHES, Read
from rebalancer.research.switching import Leg

EIGHT = 8 * HOUR
LEG = Leg(side=-1, cost=0.0005)
RULE = Rule(horizon=7 * DAY, factor=2.0, penalty=0.0)
TERMS = Terms(forgets=3 * DAY, reverts=DAY)
JITTER = 7_000_000  # ns


def funding(ts, rates, hours=8):
    """Return settled funding as a reader gives it."""
    count = len(ts)
    return Funding(
        "x",
        np.array(ts, dtype=np.int64),
        np.array(rates, dtype=float),
        np.full(count, hours * HOUR),
        (),
    )


def settled(*columns):
    """Return settlements of venues a, b, … every eight hours; a column a venue."""
    rate = np.array(columns, dtype=float).T
    ts = EIGHT * np.arange(len(rate))
    return Settlements(tuple("abcdef"[: rate.shape[1]]), ts, rate, np.full(rate.shape, EIGHT))


def bars(ts, closes):
    prices = np.array(closes, dtype=float)
    return Bars("x", EIGHT, np.array(ts), prices, prices, prices, prices, None, ())


# --- one clock ----------------------------------------------------------------


def test_together():
    """Venues that settle at times of their own stand on one clock, late ones to the minute."""
    told = together(
        {
            "slow": funding([EIGHT + JITTER, 2 * EIGHT - JITTER], [0.1, 0.2]),
            "fast": funding([EIGHT - HOUR, EIGHT, EIGHT + HOUR], [1, 2, 3], hours=1),
        },
        EIGHT - HOUR,
        2 * EIGHT + 1,
    )

    assert [EIGHT - HOUR, EIGHT, EIGHT + HOUR, 2 * EIGHT] == told.ts.tolist()
    assert [[0, 1], [0.1, 2], [0, 3], [0.2, 0]] == told.rate.tolist()
    assert [[0, HOUR], [EIGHT, HOUR], [0, HOUR], [EIGHT, 0]] == told.interval.tolist()


@pytest.mark.parametrize(
    ("ts", "must"),
    [([9 * EIGHT], "must hold a settlement"), ([0, MINUTE // 4], "must settle once a minute")],
)
def test_not_together(ts, must):
    """A venue that is silent, or settles twice at once, is not to be compared."""
    with pytest.raises(DataError, match=must):
        together({"a": funding(ts, [0.1] * len(ts))}, 0, EIGHT)


def test_priced():
    """A tick's price is the close of the bar that ends four hours later, or none at all."""
    told = settled([0.0] * 3, [0.0] * 3)
    early, late = bars([AFTER - EIGHT, AFTER], [10, 11]), bars([AFTER + EIGHT], [22])

    prices = priced(told, {"a": early, "b": late}, {"a": late, "b": early})

    assert str([[10.0, np.nan], [11.0, np.nan], [np.nan, 22.0]]) == str(prices.spot.tolist())
    assert prices.perpetual.tolist()[2][0] == 22


def test_strayed():
    """Coin and leg are priced where the leg stands; a move prices the coin anew."""
    spot = np.array([[100.0, 200.0], [110.0, 231.0], [121.0, 231.0]])
    perpetual = np.array([[100.0, 100.0], [111.0, 100.0], [111.0, 101.0]])
    held = np.array([0, 1, 1])

    whole = strayed(Prices(spot, perpetual), held)
    leg_only = strayed(Prices(spot, perpetual), held, moving=False)

    assert pytest.approx([-0.01 + 1.1, -0.01]) == whole.tolist()  # 231 ÷ 110 is 110 % more
    assert pytest.approx([-0.01, -0.01]) == leg_only.tolist()


# --- what a leg earns ---------------------------------------------------------


@pytest.mark.parametrize(("side", "earned"), [(-1, [0, 0.002, -0.001]), (+1, [0, -0.002, 0.001])])
def test_stay(side, earned):
    """A short receives what longs pay, from the settlement after its entry on."""
    walk = switching.stay(settled([0.5, 0.002, -0.003]), 0, Leg(side, 0.01))

    assert pytest.approx(earned) == walk.earned.tolist()
    assert 0 == walk.flips


def test_follow():
    """A rule moves when a spread has lasted, pays for the move, and earns from then on."""
    spread = [0.0] * 5 + [0.002] * 15
    told = settled([0.0] * 20, spread)
    foreseen = switching.foresee(told, TERMS, RULE.horizon)

    walk = switching.follow(told, foreseen, RULE, LEG)

    moved = int(np.argmax(walk.held))
    assert (1, 5) == (walk.flips, moved)  # at the first settlement that shows it
    assert pytest.approx(14 * 0.002 - 0.001) == walk.earned[-1]


def test_first_is_paid_for():
    """A leg stands where it began after the first tick, whatever that one shows."""
    told = settled([0.0] * 9, [0.01] * 9)
    foreseen = switching.foresee(told, TERMS, RULE.horizon)

    walk = switching.follow(told, foreseen, RULE, LEG)

    assert [0, 1, 1] == walk.held.tolist()[:3]
    assert pytest.approx(7 * 0.01 - 0.001) == walk.earned[-1]


def test_hindsight_by_hand():
    """It takes the spike that pays for going and coming back, and leaves the one that does not."""
    told = settled([0.0001] * 8, [0, 0, 0.003, 0.003, -0.003, -0.003, 0.0006, 0])
    free = replace(LEG, cost=0.0)

    assert [1, 1, 1, 0, 0, 0, 0, 0] == switching.hindsight(told, LEG).held.tolist()
    assert [0, 1, 1, 0, 0, 1, 0] == switching.hindsight(told, free).held.tolist()[:7]
    assert pytest.approx(0.006 - 0.001 + 4 * 0.0001) == switching.hindsight(told, LEG).earned[-1]


def every_walk(told, leg):
    """Yield what each walk there is earns in the end."""
    count, venues = told.rate.shape
    for held in product(range(venues), repeat=count):
        got = -leg.side * sum(told.rate[i, held[i - 1]] for i in range(1, count))
        yield got - 2 * leg.cost * sum(a != b for a, b in pairwise(held))


numbers = st.floats(-0.004, 0.004)


@given(
    st.integers(2, 5).flatmap(
        lambda n: st.lists(st.lists(numbers, min_size=n, max_size=n), min_size=3, max_size=3)
    ),
    st.floats(0, 0.002),
    st.sampled_from((-1, 1)),
)
def test_hindsight_is_the_best(columns, cost, side):
    """No walk of all that there are earns more, and its own parts add up."""
    told, leg = settled(*columns), Leg(side, cost)

    walk = switching.hindsight(told, leg)

    assert pytest.approx(max(every_walk(told, leg)), abs=1e-12) == walk.earned[-1]


# --- what may be known --------------------------------------------------------


def test_poisoned_future():
    """Whatever is settled later, what was chosen before stays as it was."""
    rates = 0.002 * np.sin(np.arange(3 * 60).reshape(3, 60) ** 1.3)
    told = settled(*rates)
    walked = switching.follow(told, switching.foresee(told, TERMS, RULE.horizon), RULE, LEG)
    assert walked.flips > 2

    for tick in range(60):
        poisoned = replace(
            told, rate=np.concatenate((told.rate[: tick + 1], -told.rate[tick + 1 :]))
        )
        foreseen = switching.foresee(poisoned, TERMS, RULE.horizon)
        again = switching.follow(poisoned, foreseen, RULE, LEG)

        assert walked.held[: tick + 1].tolist() == again.held[: tick + 1].tolist()
        assert walked.earned[: tick + 1].tolist() == again.earned[: tick + 1].tolist()


@given(
    st.lists(st.tuples(numbers, numbers, numbers), min_size=4, max_size=40),
    st.floats(0, 0.001),
    st.floats(1, 3),
)
def test_bounded(rows, cost, factor):
    """The rule never earns more than hindsight, and hindsight most where moving is free."""
    told = settled(*zip(*rows, strict=True))
    rule, leg = replace(RULE, factor=factor), Leg(-1, cost)

    found = carry.walks(told, switching.foresee(told, TERMS, rule.horizon), rule, leg)

    last = {name: walk.earned[-1] for name, walk in found.items()}
    stayed = [last[name] for name in ("always a", "always b", "always c")]
    assert max(*stayed, last[carry.RULE]) <= last[carry.BEST] + 1e-9
    assert max(last[carry.BEST], last[carry.FREE]) <= last[carry.BEST_FREE] + 1e-9


# --- the study ----------------------------------------------------------------


def made_up(count=120, priced_too=True):
    """Return a stretch of two venues as it would have been read, ten ticks of memory before it."""
    wave = 0.0004 * np.sin(np.arange(count) / 9)
    told = settled(wave, 0.0002 - wave)
    coin = 100.0 + np.cumsum(wave) * 1e4
    both = np.stack((coin, coin * 1.0001), axis=1)
    prices = Prices(both, both * 1.0002) if priced_too else None
    return Read(replace(told, prices=prices), 10, 60)


STRETCH = stretches.Stretch("made up", "1970-01-04", "1970-01-21", "1970-02-10", {}, note="a note")


def test_study():
    """Whole and halves are told, with the error where there are prices."""
    outcome = carry.study(made_up(), STRETCH, "BTC", RULE, LEG)
    names = ["always a", "always b", carry.RULE, carry.FREE, carry.BEST, carry.BEST_FREE]

    assert ["whole", "first half", "second half"] == list(outcome.earned)
    assert names == list(outcome.earned["whole"])
    assert 110 == len(outcome.ts) == len(outcome.curves[carry.RULE])
    for each in outcome.earned["whole"].values():
        assert pytest.approx(each.funding_per_year - each.moves_per_year) == each.usd_per_year
        assert each.error is not None
        assert 0.0 == each.error_added or each.flips


def test_told():
    """The document names what it rests on, is JSON, and leaves unknown what is not known."""
    outcome = carry.study(made_up(priced_too=False), STRETCH, "BTC", RULE, LEG)
    told = json.loads(json.dumps(carry.result([outcome], RULE, LEG)))

    assert (0.001, 7.0, 2.0) == (told["cost_per_move"], told["horizon_days"], told["factor"])
    assert "a note" == told["stretches"][0]["note"]
    assert None is told["stretches"][0]["parts"]["whole"]["rule"]["error"]
    assert 6 == carry.drawn(outcome).row_count


def test_page():
    """The report holds a chart of bars and of curves for each stretch, and needs no network."""
    pytest.importorskip("plotly", reason="the extra report is not installed")
    outcome = carry.study(made_up(), STRETCH, "BTC", RULE, LEG)

    text = carry_page.page("A <title>", ["a line"], [carry.shown(outcome)] * 2)

    assert 4 == text.count("Plotly.newPlot(")
    assert "<h1>A &lt;title&gt;</h1>" in text
    assert "<script src=" not in text


def test_page_without_plotly(monkeypatch, tmp_path, capsys):
    """Where plotly is missing the command says how to get it, before it works."""
    monkeypatch.setitem(sys.modules, "plotly", None)
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)

    with pytest.raises(UsageError, match=r"pip install rebalancer\[report\]"):
        carry_page.plotly()
    assert UsageError.exit_code == carry.main([str(tmp_path), "--report", str(tmp_path / "x.html")])
    assert "rebalancer[report]" in capsys.readouterr().err


@pytest.mark.parametrize("main", [carry.main, carry_tuning.main])
def test_no_folder(main, tmp_path, capsys):
    """A folder that is not there is a mistake of the call."""
    assert UsageError.exit_code == main([str(tmp_path / "nowhere")])
    assert "must be a folder" in capsys.readouterr().err


def test_tuning():
    """Parameters are ranked by their first half; hindsight itself would be 1."""
    reads = [made_up(400), made_up(300)]
    reads = [replace(each, middle=150) for each in reads]
    count = []

    lives = carry_tuning.half_lives(reads, lambda: count.append(1))
    ruled = carry_tuning.rules(reads, LEG, lambda: count.append(1))

    assert len(count) == len(lives) + len(carry_tuning.HORIZONS)
    assert sorted(lives, key=lambda each: each.first) == list(lives)
    assert sorted(ruled, key=lambda each: -each.first) == list(ruled)
    assert all(each.first <= 1.0 and each.second <= 1.0 for each in ruled)


# --- the recordings -----------------------------------------------------------


@pytest.mark.parametrize("stretch", STRETCHES, ids=lambda each: each.name)
@pytest.mark.parametrize("coin", COINS)
def test_recorded(recordings, stretch, coin):
    """The files tell what is said of them, and the rule stays below hindsight."""
    told = stretches.read(recordings, stretch, coin)
    outcome = carry.study(told, stretch, coin, Rule(), Leg())
    whole = outcome.earned["whole"]

    assert 0 < told.start + 1 < told.middle < len(told.settlements.ts)
    assert whole[carry.RULE].usd_per_year <= whole[carry.BEST].usd_per_year
    assert whole[carry.BEST].usd_per_year <= whole[carry.BEST_FREE].usd_per_year
    assert whole[carry.RULE].flips <= 5


def test_recorded_by_hand(recordings):
    """Binance paid a short of a million dollars of BTC 306,136 USD in 2021: its rates summed."""
    told = stretches.read(recordings, STRETCHES[0], "BTC")
    whole = stretches.cut(told, stretches.parts(told)["whole"])
    column = whole.rate[1:, whole.venues.index("binance")]

    assert 1_095 == len(whole.ts)
    assert (0, 0) == (whole.ts[0] % DAY, int((whole.interval[:, 0] != EIGHT).sum()))
    assert pytest.approx(306_136, abs=1) == 1e6 * column.sum() * 365 * DAY / (1_094 * EIGHT)


def test_panel_bars_are_late(recordings):
    """Bybit's and OKX's bars of the panel fit Binance's only four hours before their stamp."""
    stretch = STRETCHES[2]
    for coin in COINS:
        prices = stretches.read(recordings, stretch, coin).settlements.prices
        apart = prices.spot[:, 1:] / prices.spot[:, :1] - 1.0
        stray = np.sqrt(np.nanmedian(apart**2, axis=0))

        assert (stray < 0.0005).all()
        assert np.isfinite(prices.perpetual).mean() > 0.99


def test_recorded_poison(recordings):
    """On recorded rates, too, no choice depends on what was settled after it."""
    told = stretches.read(recordings, STRETCHES[1], "ETH").settlements
    rule = Rule()
    walked = switching.follow(told, switching.foresee(told, Terms(), rule.horizon), rule, Leg())
    half = len(told.ts) // 2
    poisoned = replace(told, rate=np.concatenate((told.rate[:half], -3 * told.rate[half:])))
    again = switching.follow(
        poisoned, switching.foresee(poisoned, Terms(), rule.horizon), rule, Leg()
    )

    assert walked.held[:half].tolist() == again.held[:half].tolist()
    assert walked.held.tolist() != again.held.tolist()


def test_command(recordings, tmp_path, capsys):
    """The command prints a table for each stretch and writes what it was asked for."""
    file = tmp_path / "carry.json"

    assert 0 == carry.main([str(recordings), "--json", str(file), "--taker", "0"])

    told, printed = json.loads(file.read_text()), capsys.readouterr().out
    assert len(STRETCHES) * len(COINS) == len(told["stretches"])
    assert pytest.approx(0.0001) == told["cost_per_move"]
    assert "Hyperliquid charges on its oracle price" in printed
    assert 2 * len(STRETCHES) == printed.count(carry.FREE)


def test_not_written(recordings, tmp_path, capsys):
    """A file that cannot be written is a mistake of the call."""
    assert UsageError.exit_code == carry.main(
        [str(recordings), "--json", str(tmp_path / "no" / "carry.json")]
    )
    assert "must be a file that can be written" in capsys.readouterr().err


def test_between():
    """A part keeps what belongs to its ticks."""
    part = between(made_up().settlements, 10, 13)

    assert [10 * EIGHT, 11 * EIGHT, 12 * EIGHT] == part.ts.tolist()
    assert (3, 2) == part.rate.shape == part.prices.spot.shape
    assert pytest.approx(2 / (3 * 365)) == part.years
