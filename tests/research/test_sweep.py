"""A sweep: its spec, its points, its figures, where they run, and that a point is a replay."""

import io
import json
import math
from contextlib import nullcontext
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.cli import main
from rebalancer.errors import ConfigError, DataError
from rebalancer.research.markets import RecordedMarket, Window
from rebalancer.research.recorder import Samples
from rebalancer.research.replay import Request, replay
from rebalancer.research.sweep import measures, running, shelf, verdict
from rebalancer.research.sweep.frontier import Objective, Stand, frontier, ranked
from rebalancer.research.sweep.points import jobs
from rebalancer.research.sweep.running import here, play, read
from rebalancer.research.sweep.spec import load
from rebalancer.research.sweep.verdict import as_json
from rebalancer.research.worth import Sums
from rebalancer.settings.listing import smile_points
from tests.cluster import scheduler
from tests.research.test_replay import BEGIN, CONFIG, NoLog

BAND = '"underlyings.BTC.band.{-lower, upper}"'
HEAD = """
[sweep]
config = "{folder}/book.toml"
folder = "{folder}"
"""
VALUES = f"[values]\n{BAND} = [0.01, 0.05, 0.2]\n"


@pytest.fixture
def folder(tmp_path):
    """Return a folder with a book of one coin and two of spot, and thirty hourly bars of both."""
    closes = [100_000 + 900 * (hour % 7) - 300 * hour + 40 * hour**2 for hour in range(30)]
    rows = [f"{BEGIN + h * 3_600},{c},{c},{c},{c},1" for h, c in enumerate(closes)]
    text = "\n".join(["ts,open,high,low,close,volume", *rows]) + "\n"
    for name in ("perp", "spot"):
        (tmp_path / f"{name}.csv").write_text(text)
    settled = [f"{BEGIN + h * 3_600},0.0002" for h in (8, 16, 24)]
    (tmp_path / "funding.csv").write_text("\n".join(["ts,funding_rate", *settled]) + "\n")
    pair = '[[holdings]]\ninstrument = "binance:BTCUSDT"\nquantity = 2\n'
    (tmp_path / "book.toml").write_text(CONFIG.replace("HOLDINGS", pair) + 'tick = "1h"\n')
    return tmp_path


def spec_of(folder, more=VALUES, head=HEAD):
    path = folder / "sweep.toml"
    path.write_text(head.replace("{folder}", str(folder)) + more)
    return load(path)


def faults_of(folder, more, head=HEAD):
    with pytest.raises(ConfigError) as told:
        jobs(spec_of(folder, more, head))
    return [f"{each.path}: {each.must}" for each in told.value.faults]


# --- the spec -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ("", ["values: must name something to vary, or [[policies]] something to compare"]),
        ("split = 1.5\n" + VALUES, ["sweep.split: must be a number between 0 and 1"]),
        ('search = "all"\n' + VALUES, ["sweep.search: must be grid or random"]),
        (
            'search = "random"\n' + VALUES,
            ["sweep.draws: must be given where the search is random"],
        ),
        ("from = 2026-02-01\nto = 2026-01-01\n" + VALUES, ["sweep.to: must be later than from"]),
        ('from = "soon"\n' + VALUES, ["sweep.from: must be an ISO 8601 time such as 2026-01-28"]),
        ('warm_up = "long"\n' + VALUES, ["sweep.warm_up: must be a duration such as 90s, 1h"]),
        ("speed = 9\n" + VALUES, ["sweep.speed: unknown key; known are config, folder"]),
        ('flight = "."\n' + VALUES, ["sweep.folder: must be named, or a flight instead"]),
        (f"[values]\n{BAND} = []\n", [f"values.{BAND[1:-1]}: must be a list with a value in it"]),
        (
            f'[values]\n{BAND} = ["wide"]\n',
            [f"values.{BAND[1:-1]}: must be numbers where one key takes the negative"],
        ),
        (
            f"[values]\n{BAND} = {{ low = 0.1, high = 0.5 }}\n",
            [f"values.{BAND[1:-1]}: must be a list, or have steps, in a grid"],
        ),
        (
            f"[values]\n{BAND} = {{ low = 0.5, high = 0.1, steps = 3 }}\n",
            [f"values.{BAND[1:-1]}: must have a number low below a number high"],
        ),
        (
            f"[values]\n{BAND} = {{ low = 0, high = 0.1, log = true, steps = 3 }}\n",
            [f"values.{BAND[1:-1]}: must have a low above 0 where log is true"],
        ),
        ('[values]\n"a..b" = [1]\n', ["values.a..b: must be a dotted key"]),
        ("[set.underlyings]\nBTC = 1\n" + VALUES, ["set.underlyings: must be a key of its own"]),
        (
            "[objective]\nrisk_at_most = 1\nspend_at_most = 1\n" + VALUES,
            ["objective: must name one of risk_aversion, spend_at_most, risk_at_most"],
        ),
        (
            "[objective]\nrisk_aversion = -1\n" + VALUES,
            ["objective.risk_aversion: must be a number above 0"],
        ),
        (
            '[[policies]]\nname = "a"\n[[policies]]\nname = "a"\n',
            ["policies.1.name: must be a name of its own"],
        ),
        (
            '[values]\n"underlyings.BTC.band.upper" = [0.1, -0.1]\n',
            ["band.upper -0.1: underlyings.BTC.band.upper: must be at least 0"],
        ),
        (
            '[values]\n"underlyings.BTC.band.width" = [1]\n',
            ["band.width 1: underlyings.BTC.band.width: unknown key"],
        ),
        ('[values]\n"book.id.x" = [1]\n', ["id.x 1: must lead through tables, does not at x"]),
    ],
)
def test_faults(folder, more, found):
    """What is wrong with a spec or a point is told once, with its place."""
    told = faults_of(folder, more)

    assert len(found) == len(told), told
    assert [True] * len(found) == [a.startswith(b) for a, b in zip(told, found, strict=True)], told


def test_all_faults(folder):
    """Faults of several tables are told together; nothing that is not there is asked for."""
    head = '[sweep]\nconfig = "nowhere.toml"\n'

    assert ["sweep.config", "sweep.folder", "objective.hope"] == [
        each.partition(":")[0] for each in faults_of(folder, VALUES + "[objective]\nhope = 1", head)
    ]


def test_grid(folder):
    """A grid is every combination, policy by policy; what is no other point than one is none."""
    more = (
        f"[values]\n{BAND} = [0.01, 0.05]\n"
        '[[policies]]\nname = "fixed"\nvalues = { "underlyings.BTC.band.reset" = [0, 1] }\n'
        '[[policies]]\nname = "percent"\nset = { "underlyings.BTC.band.kind" = "percent" }\n'
    )
    found = jobs(spec_of(folder, more))

    assert [
        ("as configured", "fixed", -0.01, 0.01, 0.0),
        ("fixed", "fixed", -0.01, 0.01, 1.0),
        ("fixed", "fixed", -0.05, 0.05, 0.0),
        ("fixed", "fixed", -0.05, 0.05, 1.0),
        ("percent", "percent", -0.01, 0.01, 0.0),
        ("percent", "percent", -0.05, 0.05, 0.0),
    ] == [
        (job.point.policy, str(band.kind), band.lower, band.upper, band.reset)
        for job in found
        for band in [job.settings.underlyings["BTC"].band]
    ]


def drawn(folder, seed, draws=20):
    head = HEAD + f'search = "random"\ndraws = {draws}\nseed = {seed}\n'
    more = (
        f"[values]\n{BAND} = {{ low = 0.001, high = 1.0, log = true }}\n"
        '"underlyings.BTC.band.reset" = [0, 0.5]\n'
    )
    return [job.point.values for job in jobs(spec_of(folder, more, head))[1:]]


def test_random(folder):
    """Draws are the same for the same seed, and the first of many are those of few."""
    found = drawn(folder, 7)

    assert 20 == len(found)
    assert found == drawn(folder, 7)
    assert found != drawn(folder, 8)
    assert found[:5] == drawn(folder, 7, 5)
    widths = [float(values[0][1]) for values in found]
    assert all(0.001 <= each <= 1 for each in widths)
    assert 4 <= sum(each < math.sqrt(0.001) for each in widths) <= 16  # half of them by logarithm
    assert {Decimal(0), Decimal("0.5")} == {Decimal(values[1][1]) for values in found}


# --- a point is a replay ------------------------------------------------------


def test_point_is_a_replay(folder):
    """A point decides, pays and leaves open what a replay of its configuration does."""
    spec = spec_of(folder)
    for job in jobs(spec):
        request = Request(job.settings, folder, Window(), lambda _: NoLog(), io.StringIO())
        whole, line = replay(request), running.one(job)

        assert whole.result["digest"] == line["digest"]
        assert whole.result["hedges"] == line["hedges"]
        days = line["whole"]["days"]
        assert pytest.approx(whole.result["fees"]) == line["whole"]["fees"] * days, "from the start"
        assert pytest.approx(-whole.result["funding"]) == line["whole"]["funding"] * days
        told = line["whole"]
        assert whole.result["hedges"] > 0
        slipped = sum(row.slippage for row in whole.recorder.hedges.rows())
        assert pytest.approx(slipped) == told["slippage"] * days, "that of the report"
        assert pytest.approx(0.5e-4 * told["turnover"], rel=0.1) == told["slippage"]  # half of 1 bp
        hedged = whole.recorder.samples.hedged
        assert pytest.approx(np.diff(hedged).std(ddof=1)) == line["whole"]["risk_interval"]


def test_other_digest(folder):
    """Points that hedge otherwise have other digests: the recording is read once, not the run."""
    found = [running.one(job)["digest"] for job in jobs(spec_of(folder))]

    assert 3 == len(found) == len(set(found))  # the first width is what is configured


def test_tick(folder):
    """How often the clock is looked at is a setting of a replay like any other."""
    found = jobs(spec_of(folder, '[values]\n"replay.tick" = ["1h", "10m"]\n'))

    assert [3_600, 600] == [job.settings.replay.tick // 1_000_000_000 for job in found]
    assert 2 == len({running.one(job)["digest"] for job in found})


def test_recording_changed(folder):
    """A recording that changed is another: its points have other names and are read anew."""
    before = jobs(spec_of(folder))
    line = running.one(before[0])
    text = (folder / "perp.csv").read_text().splitlines()
    (folder / "perp.csv").write_text("\n".join(text[:-5]) + "\n")
    after = jobs(spec_of(folder))

    assert before[0].key != after[0].key
    assert line["whole"]["days"] > running.one(after[0])["whole"]["days"]


SMILE = """
[[policies]]
name = "wide"
set = { "underlyings.BTC.band.upper" = 0.3 }
[[policies]]
name = "one"
[policies.set]
"underlyings.BTC.smile.delta" = "sticky_moneyness"
"underlyings.BTC.smile.points" = ["deribit:BTC-27FEB26-70000-P", "deribit:BTC-27FEB26-75000-P"]
[[policies]]
name = "other"
[policies.set]
"underlyings.BTC.smile.delta" = "sticky_moneyness"
"underlyings.BTC.smile.points" = ["deribit:BTC-27FEB26-70000-P", "deribit:BTC-27FEB26-80000-P"]
"""


@pytest.fixture
def opens(monkeypatch):
    """Return the smile points of each recording that is opened; it holds ten items."""
    found = []

    def opened(settings, *_):
        found.append(smile_points(settings))
        return RecordedMarket(iter([(n, n) for n in range(10)]), 0, (), {}, "bars", 1)

    monkeypatch.setattr(shelf, "open_market", opened)
    return found


def taken(folder, found):
    """Return the items that each job plays."""
    opener = shelf.opener(found[0].source, [(str(folder), 0, 0)])
    return [len([*opener(job.settings, folder, {}, [], Window()).items]) for job in found]


def test_shelf(folder, opens):
    """Points share what was read, but for those that watch other options for the smile."""
    told = taken(folder, jobs(spec_of(folder, SMILE)))

    assert [10] * 4 == told
    assert 3 == len(opens) == len(set(opens))


@pytest.mark.parametrize(("most", "opened"), [(10, 1), (9, 3)])
def test_too_long_for_the_shelf(folder, opens, monkeypatch, most, opened):
    """A recording of too many items is read for each point anew, to its end."""
    monkeypatch.setattr(shelf, "MOST", most)
    told = taken(folder, jobs(spec_of(folder))[:2])

    assert [10] * 2 == told
    assert opened == len(opens)


# --- where it runs ------------------------------------------------------------


def test_resumed(folder, tmp_path):
    """A sweep goes on where its file ends, a line that was cut off played again."""
    found, kept, heard = jobs(spec_of(folder)), tmp_path / "outcomes.jsonl", []
    whole = play(found, heard.append, None, here)
    play(found[:1], heard.append, kept, here)
    cut = json.dumps(whole[found[1].key])
    kept.write_text(kept.read_text() + cut[: len(cut) // 2])
    heard.clear()
    again = play(found, heard.append, kept, here)

    assert whole == again
    assert [job.key for job in found[1:]] == [each["key"] for each in heard]
    assert whole == read(kept)


def test_killed(folder, tmp_path):
    """What was played before a sweep broke off is in the file; the rest gives the same result."""
    found, kept = jobs(spec_of(folder)), tmp_path / "outcomes.jsonl"

    def breaks(_line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        play(found, breaks, kept, here)

    assert [found[0].key] == list(read(kept))
    assert play(found, lambda _: None, None, here) == play(found, lambda _: None, kept, here)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("dear diary\n", 1),
        ("dear diary", 1),
        ('{"key": "abc"}\n', 1),
        ('{"key": "abc"', 1),
        ("\n", 1),
        ("WHOLE\n[1]\n", 2),
    ],
)
def test_no_outcomes(folder, tmp_path, text, line):
    """A file of something else is no file of outcomes, and stays as it is."""
    found, kept = jobs(spec_of(folder)), tmp_path / "notes.txt"
    text = text.replace("WHOLE", json.dumps(running.one(found[0])))
    kept.write_text(text)

    with pytest.raises(DataError, match=rf"notes.txt: line {line}: must be a point's outcome"):
        play(found, lambda _: None, kept, here)
    assert text == kept.read_text()


def test_files_of_each_point(folder):
    """A file that one point alone plays belongs to its name, and to that of no other."""
    more = (
        '[[policies]]\nname = "other"\n'
        'set = { "replay.funding" = { "deribit:BTC-PERPETUAL" = "other.csv" } }\n'
    )
    (folder / "other.csv").write_text((folder / "funding.csv").read_text())
    before = [job.key for job in jobs(spec_of(folder, more))]
    (folder / "other.csv").write_text((folder / "funding.csv").read_text() + "\n")
    after = [job.key for job in jobs(spec_of(folder, more))]

    assert [True, False] == [a == b for a, b in zip(before, after, strict=True)]


def test_cannot_be_played(folder):
    """A point that cannot be played ends the sweep and says which it is and why."""
    found = jobs(spec_of(folder))
    (folder / "perp.csv").write_text("nothing\n")
    again = jobs(spec_of(folder))

    assert found[0].key != again[0].key
    with pytest.raises(DataError, match=r"as configured: .*perp.csv"):
        play(again, lambda _: None, None, here)


def test_cluster(folder, tmp_path):
    """Points that run on a cluster show what they show here."""
    found = jobs(spec_of(folder))[:2]
    with (
        scheduler(tmp_path) as address,
        running.cluster(address) as work,
    ):
        told = play(found, lambda _: None, None, work)

    assert play(found, lambda _: None, None, here) == told


# --- figures ------------------------------------------------------------------

stands = st.lists(
    st.builds(Stand, st.integers(-3, 5).map(float), st.integers(0, 6).map(float)), max_size=12
)


@given(stands)
def test_frontier(points):
    """On the frontier is exactly what no other point beats, the cheapest first."""
    expected = [
        n
        for n, own in enumerate(points)
        if not any(
            (each.cost <= own.cost and each.risk <= own.risk and each != own) for each in points
        )
    ]
    found = frontier(points)

    assert expected == sorted(found)
    assert [points[n].cost for n in found] == sorted(points[n].cost for n in found)


@given(stands, st.sampled_from(["risk_aversion", "spend_at_most", "risk_at_most"]))
def test_wish(points, kind):
    """What a wish asks for is on the frontier, and within its limit."""
    found = ranked(points, Objective(kind, 2.0))
    if not found:
        assert all((p.cost if kind == "spend_at_most" else p.risk) > 2 for p in points)
        return
    best = points[found[0]]
    if kind != "spend_at_most" or best.cost <= 2:
        assert best in [points[n] for n in frontier(points)]
    if kind == "spend_at_most":
        assert best.risk == min(p.risk for p in points if p.cost <= 2)
    elif kind == "risk_at_most":
        assert best.cost == min(p.cost for p in points if p.risk <= 2)
    else:
        assert best.cost + best.risk**2 == min(p.cost + p.risk**2 for p in points)


def test_parts():
    """Costs and moves of each part are its own, a day; the two together are the whole."""
    hours = 24
    ts = [hour * 3_600_000_000_000 for hour in range(2 * hours + 1)]
    hedged = [10.0 * (hour % 2) + (5.0 * (hour % 3) if hour > hours else 0.0) for hour in range(49)]
    bare = [100.0 * (hour % 2) for hour in range(49)]
    sums = [Sums(fees=h, carried=-h / 4, turnover=h * 1e3, fills=h) for h in range(49)]
    samples = Samples(ts, hedged, bare, sums, [60.0 * h for h in range(49)])
    samples.slippage = [h / 2 for h in range(49)]
    told = measures.parts(samples, 0.5)
    first = told["first"]

    assert (1.0, 24, 3600.0) == (first["days"], first["intervals"], first["interval_seconds"])
    assert (42.0, 24.0, 12.0, 6.0) == tuple(
        first[name] for name in ("cost", "fees", "slippage", "funding")
    )
    assert pytest.approx(math.sqrt(24) * np.std([10.0, -10.0] * 12, ddof=1)) == first["risk"]
    assert 10.0 == first["cvar"]
    assert pytest.approx(0.99) == first["effectiveness"]
    assert (24, 24e3, 60 / 3600) == (first["fills"], first["turnover"], first["outside"])
    assert 24 == told["rest"]["intervals"]
    assert told["rest"]["risk"] > first["risk"]
    assert (None, None) == (first["risk_low"], first["risk_high"])  # of a day alone


def test_warm_up():
    """What comes before the warm-up is over counts in no part."""
    ts = [hour * 3_600_000_000_000 for hour in range(41)]
    hedged = [1e6 if hour < 5 else 10.0 * (hour % 2) for hour in range(41)]
    sums = [Sums(fees=1e6 if hour >= 5 else 0.0) for hour in range(41)]
    samples = Samples(ts, hedged, hedged, sums, [0.0] * 41, slippage=[0.0] * 41)
    told = measures.parts(samples, 0.5, 5 * 3_600_000_000_000)

    assert (17, 18, 35) == tuple(told[name]["intervals"] for name in ("first", "rest", "whole"))
    assert (0.0, 10.0) == (told["whole"]["fees"], told["whole"]["cvar"])
    assert {"first": None, "rest": None, "whole": None} == measures.parts(samples, 0.5, ts[-1] + 1)


def times(count, seconds):
    return np.arange(count + 1) * int(seconds * 1_000_000_000)


def test_error_bar():
    """Moves that cluster have a wider bar than the same moves in any order."""
    chance = np.random.Generator(np.random.PCG64(3))
    calm, wild = chance.normal(0, 1, 400), chance.normal(0, 5, 400)
    together = np.concatenate([calm[:200], wild[:200], calm[200:], wild[200:]])
    mixed = chance.permutation(together)
    low, high = measures.error_bar(together, times(800, 3_600))
    near, far = measures.error_bar(mixed, times(800, 3_600))

    assert low < together.std() < high
    assert high - low > 1.3 * (far - near)
    assert (low, high) == measures.error_bar(together, times(800, 3_600))


def test_error_bar_covers():
    """Of independent moves the bar has the spread that theory gives a standard deviation."""
    moves = np.random.Generator(np.random.PCG64(5)).normal(0, 2, 2_000)
    low, high = measures.error_bar(moves, times(2_000, 3_600))
    theory = 2 * 1.645 * moves.std() / math.sqrt(2 * len(moves))  # 5 to 95 % of a normal sample

    assert pytest.approx(theory, rel=0.25) == high - low


@pytest.mark.parametrize("seconds", [60, 300, 3_600, 4 * 3_600])
def test_error_bar_of_days(seconds):
    """Where each day is calm or wild as a whole, days vary, however often a day is sampled."""
    days, each = 120, 86_400 // seconds
    chance = np.random.Generator(np.random.PCG64(7))
    level = chance.permutation(np.repeat([1.0, 3.0], days // 2))
    moves = np.repeat(level, each) * chance.choice([-1.0, 1.0], days * each)
    low, high = measures.error_bar(moves, times(len(moves), seconds))
    sd = 4 / math.sqrt(days)  # of the mean of squares: each day's is 1 or 9
    wanted = math.sqrt(5 + 1.645 * sd) - math.sqrt(5 - 1.645 * sd)

    assert pytest.approx(wanted, rel=0.25) == high - low


def test_no_error_bar():
    """Of too few days there is no bar, however many samples they have."""
    moves = np.random.Generator(np.random.PCG64(9)).normal(0, 2, 5 * 24)

    assert measures.error_bar(moves[1:], times(len(moves) - 1, 3_600)) is None
    assert measures.error_bar(moves, times(len(moves), 3_600)) is not None


# --- the verdict --------------------------------------------------------------


def figures(cost, risk):
    return {"cost": cost, "risk": risk}


def judged(folder, first, rest, wish, liquidations=(0, 0, 0)):
    found = jobs(spec_of(folder))
    lines = {
        job.key: {
            "key": job.key,
            "liquidations": fallen,
            "first": figures(*a),
            "rest": figures(*b),
        }
        for job, a, b, fallen in zip(found, first, rest, liquidations, strict=True)
    }
    return verdict.judge(found, lines, wish)


def test_judged_on_the_rest(folder):
    """A point is chosen on the first part alone, and its place on the rest is told."""
    first, rest = [(9, 5), (4, 8), (1, 20)], [(9, 5), (6, 4), (2, 12)]
    told = judged(folder, first, rest, Objective("spend_at_most", 4.5))

    assert [2, 1, 0] == [told.points.index(each) for each in told.frontier]
    assert [2, 1] == [told.points.index(each) for each in told.later]
    chosen = told.recommended
    assert (told.points[1], False, None, 1, told.points[2]) == (
        chosen.point,
        chosen.kept,
        chosen.place,
        chosen.of,
        chosen.best,
    )


def test_kept_on_the_rest(folder):
    """One that holds on the rest has a place there."""
    told = judged(
        folder, [(9, 5), (4, 8), (1, 20)], [(9, 5), (4, 14), (2, 12)], Objective("risk_at_most", 15)
    )

    assert (told.points[1], True, 2, 3) == (
        told.recommended.point,
        told.recommended.kept,
        told.recommended.place,
        told.recommended.of,
    )


@pytest.mark.parametrize(
    ("liquidations", "chosen", "edge", "why"),
    [
        ((0, 1, 0), 0, [2, 0], ""),
        ((2, 3, 1), None, [], "every point was liquidated"),
    ],
)
def test_liquidated(folder, liquidations, chosen, edge, why):
    """A point that was liquidated is on no frontier and not recommended, however cheap it was."""
    wish, both = Objective("risk_at_most", 15), [(9, 5), (4, 8), (1, 20)]
    told = judged(folder, both, both, wish, liquidations)

    assert edge == [told.points.index(each) for each in told.frontier]
    assert edge == [told.points.index(each) for each in told.later]
    found = told.recommended
    assert chosen == (None if found is None else told.points.index(found.point))
    assert why == told.why_none
    assert list(liquidations) == [each["liquidations"] for each in as_json(told)["points"]]


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        (None, r"the spec names no \[objective\]"),
        (Objective("spend_at_most", 0.5), "no point is within spend_at_most = 0.5"),
    ],
)
def test_nothing_recommended(folder, wish, why):
    """Where nothing is recommended it is said why."""
    told = judged(folder, [(9, 5), (4, 8), (1, 20)], [(9, 5), (4, 14), (2, 12)], wish)

    assert told.recommended is None
    assert told.why_none.startswith(why.replace("\\", ""))


# --- the command --------------------------------------------------------------


def test_command(folder, tmp_path, monkeypatch, capsys):
    """The command prints the frontier and writes JSON and a page that holds all it needs."""
    spec_of(folder, VALUES + "[objective]\nrisk_at_most = 1e9\n")
    kept, told, drawn = tmp_path / "kept.jsonl", tmp_path / "told.json", tmp_path / "page.html"
    found = jobs(load(folder / "sweep.toml"))
    lines = play(found, lambda _: None, kept, here)
    asked = ["--resume", str(kept), "--json", str(told), "--html", str(drawn)]
    monkeypatch.setattr("sys.argv", ["rebalancer", "sweep", str(folder / "sweep.toml"), *asked])
    with pytest.raises(SystemExit) as left:
        main()
    shown, written = capsys.readouterr().out, json.loads(told.read_text())

    assert not left.value.code
    assert [lines[job.key]["digest"] for job in found] == [e["digest"] for e in written["points"]]
    assert written["recommended"]["key"] in written["frontier"]
    assert "recommended: " in shown
    assert "3 points" in shown
    text = drawn.read_text()
    assert "Plotly" in text
    assert "band.{-lower, upper} 0.2" in text
    assert 'src="http' not in text


def test_command_plays(folder, monkeypatch, capsys):
    """What no file has is played; parts of a day have a risk and no error bar."""
    spec_of(folder, VALUES + "[objective]\nrisk_at_most = 1e9\n")
    monkeypatch.setattr(running, "cluster", lambda _: nullcontext(running.here))
    monkeypatch.setattr("sys.argv", ["rebalancer", "sweep", str(folder / "sweep.toml")])
    with pytest.raises(SystemExit) as left:
        main()

    assert not left.value.code
    assert 2 == capsys.readouterr().out.count("(too few days for an error bar)")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("--resume", "a", "--json", "./a"), "--json: must be another file than --resume"),
        (("--resume", "a", "--html", "a"), "--html: must be another file than --resume"),
        (("--json", "new", "--html", "new"), "--html: must be another file than --json"),
        (("--resume", "."), ".: must be a file of outcomes: Is a directory"),
        (("--resume", "binary"), "binary: must be a file of outcomes, is no text"),
    ],
)
def test_command_files(folder, monkeypatch, capsys, asked, said):
    """A file that cannot be what it is asked to be is one clear line, and stays as it is."""
    spec_of(folder)
    monkeypatch.chdir(folder)
    (folder / "a").write_text("mine")
    (folder / "binary").write_bytes(b"\xff\xfe\x00")
    monkeypatch.setattr("sys.argv", ["rebalancer", "sweep", "sweep.toml", *asked])
    with pytest.raises(SystemExit) as left:
        main()

    assert 64 == left.value.code
    assert said in capsys.readouterr().err
    assert ("mine", b"\xff\xfe\x00") == (
        (folder / "a").read_text(),
        (folder / "binary").read_bytes(),
    )
    assert not (folder / "new").exists()


def test_command_faults(folder, tmp_path, monkeypatch, capsys):
    """A spec with a fault leaves with 78 and says where."""
    path = tmp_path / "sweep.toml"
    path.write_text("[sweep]\n")
    monkeypatch.setattr("sys.argv", ["rebalancer", "sweep", str(path)])
    with pytest.raises(SystemExit) as left:
        main()

    assert 78 == left.value.code
    assert "sweep.config: must name a configuration, was missing" in capsys.readouterr().err
