"""A flight swept: its markets hedged again under other settings, from where its book began."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from rebalancer.core.events import Index, OptionMark
from rebalancer.errors import ConfigError, DataError
from rebalancer.research.markets import Window
from rebalancer.research.sweep import flights, running
from rebalancer.research.sweep.points import jobs
from rebalancer.research.sweep.spec import load
from rebalancer.settings import resolve
from rebalancer.venues.paper import Delivery, Depth, FundingAccrual, SessionEnd
from tests.end_to_end.scripted_book import CALL, COINS, EIGHT, LATER, PERP, START
from tests.research.flights import Kept

D = Decimal
CONFIG = """
[book]
id = "rote"
[venues.deribit]
fees = { maker = 0, taker = 0.0005 }
leverage = 5
latency_ms = 40
tiers = [[0, 0.01]]
[underlyings.BTC]
numeraire = "usd"
hedge = ["deribit:BTC-PERPETUAL"]
band = { kind = "fixed", lower = -0.05, upper = 0.05, reset = 0.5 }
limits = { order = 5.0, position = 50.0, net_delta = 2.0 }
[limits]
leverage = 5.0
turnover_per_day = 1e9
loss_per_day = 1e9
drawdown = 1e9
"""
SPEC = """
[sweep]
config = "{folder}/book.toml"
flight = "{folder}/state/flight"
[values]
"underlyings.BTC.band.{-lower, upper}" = [0.02, 0.5]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the folder of a book that ran, with its flight and a spec beside its configuration."""
    folder = tmp_path_factory.mktemp("flown")
    Kept(folder / "state").run()
    (folder / "book.toml").write_text(CONFIG)
    (folder / "sweep.toml").write_text(SPEC.replace("{folder}", str(folder)))
    return folder


def test_holdings(folder):
    """A book whose configuration names no holdings begins with those of its flight."""
    found = flights.holdings(folder / "state" / "flight")
    told = {each["instrument"]: (each["quantity"], each["role"]) for each in found}

    assert {
        COINS: (D(10), "book"),
        CALL: (D(-3), "book"),
        LATER: (D(-4), "book"),
        PERP: (D(-800_000), "hedge"),
    } == told
    (entry,) = (each["entry"] for each in found if "entry" in each)
    assert pytest.approx(D("99123.5"), abs=D("0.001")) == entry


def test_market(folder):
    """The markets' words come as they were heard, with what the venue does by the clock."""
    settings = jobs(load(folder / "sweep.toml"))[0].settings
    instruments = resolve(settings)
    held = [instruments[each.instrument] for each in settings.holdings]
    place = folder / "state" / "flight"
    market = flights.open_flight(settings, place, instruments, held, Window())
    items = list(market.items)
    times = [ts for ts, _ in items]

    assert sorted(times) == times
    assert START == market.start
    counts = {kind: sum(isinstance(each, kind) for _, each in items) for kind in (Index, Depth)}
    assert {Index: 200, Depth: 200} == counts
    planned = (SessionEnd, Delivery, FundingAccrual)
    assert [EIGHT] * 3 == [ts for ts, each in items if isinstance(each, planned)]
    after = [each for ts, each in items if isinstance(each, OptionMark) and ts >= EIGHT]
    assert [LATER] == list(dict.fromkeys(each.instrument for each in after))


def test_swept(folder):
    """A wider band hedges less; the books of each point are right, and its run is its own."""
    found = {job.point.label: running.one(job) for job in jobs(load(folder / "sweep.toml"))}
    narrow, _, wide = sorted(found.values(), key=lambda each: -each["hedges"])

    assert narrow is found["band.{-lower, upper} 0.02"]
    assert wide is found["band.{-lower, upper} 0.5"]
    assert narrow["hedges"] > 2 * wide["hedges"]
    assert all(abs(each["accounting_residual"]) < 1e-5 for each in found.values())
    assert 3 == len({each["digest"] for each in found.values()})


def test_altered(folder, tmp_path):
    """A line that is not what was recorded is no word of a market."""
    kept = Kept(tmp_path / "state")
    kept.run()
    lines = kept.lines()
    row = next(each for each in lines if each[1]["type"] == "Index")
    row[1]["price"] = "1"
    kept.write(lines)
    (tmp_path / "book.toml").write_text(CONFIG)
    (tmp_path / "sweep.toml").write_text(SPEC.replace("{folder}", str(tmp_path)))

    with pytest.raises(DataError, match=r"as configured: .*must be what was recorded there"):
        running.play(jobs(load(tmp_path / "sweep.toml")), lambda _: None, None, running.here)


def test_outside_the_flight(folder):
    """Where nothing was recorded in the window it is said so."""
    told = (folder / "sweep.toml").read_text().replace("[values]", "to = 2021-01-01\n[values]")
    (folder / "early.toml").write_text(told)
    job = jobs(load(folder / "early.toml"))[0]

    assert "must hold something between from and to" in running.one(job)["failed"]


def test_later_than_the_flight(folder):
    """What a book held later than its flight's begin must be named: nobody tells it."""
    begun = datetime.fromtimestamp(START / 1e9 + 60, UTC).isoformat()
    told = (folder / "sweep.toml").read_text().replace("[values]", f'from = "{begun}"\n[values]')
    held = '[[holdings]]\ninstrument = "deribit:BTC"\nquantity = 3\n'
    (folder / "held.toml").write_text(CONFIG + held)
    (folder / "later.toml").write_text(told)
    (folder / "named.toml").write_text(told.replace("book.toml", "held.toml"))

    with pytest.raises(ConfigError, match=r"sweep.from: must be absent, or .* \[\[holdings\]\]"):
        jobs(load(folder / "later.toml"))
    (only,) = jobs(load(folder / "named.toml"))[0].settings.holdings
    assert ("deribit:BTC", 3) == (only.instrument, only.quantity)
