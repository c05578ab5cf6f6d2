# ruff: noqa: E501 -- a table of a configuration on one line
"""Profiles in the configuration: laid over what is shipped, and every fault of them named."""

import pytest

from rebalancer.settings import check
from rebalancer.settings.profiling import NEEDED, ProfileTable, lacking, merged, plain
from rebalancer.settings.shipped import SHIPPED

BOOK = """
[book]
id = "small"
mode = "live"
[venues.{venue}]
account = "1"
credentials = "key"
{profile}
[underlyings.BTC]
numeraire = "usd"
hedge = ["{venue}:PERP"]
band = {{ kind = "fixed", lower = -0.02, upper = 0.02 }}
limits = {{ order = 5, position = 50, net_delta = 2 }}
[limits]
leverage = 5
turnover_per_day = 1e9
loss_per_day = 1e9
drawdown = 1e9
[[instruments]]
id = "{venue}:PERP"
kind = "perpetual"
underlying = "BTC"
settle = "USDT"
lot = "0.001"
tick = "0.1"
"""

HALF = """
[venues.gate.profile]
finished = true
[venues.gate.profile.readings.fills]
call = "fetch_my_trades"
bucket = "log"
fields = { id = "id", name = "symbol", ts = "timestamp" }
[venues.gate.profile.readings.cash]
call = "fetch_balance"
"""


@pytest.fixture
def report(tmp_path):
    """Return what `check` says of a profile."""

    def of(profile, venue="gate"):
        path = tmp_path / "book.toml"
        path.write_text(BOOK.format(venue=venue, profile=profile))
        return check(path)

    return of


@pytest.mark.parametrize("venue", SHIPPED)
def test_shipped_tables(venue):
    """They lack nothing, and still are not finished: nobody proved them at the venue."""
    table = merged(venue, None)

    assert [] == list(lacking(table))
    assert not table.finished


def test_nothing_is_known_of_a_venue_without_a_table():
    """Neither shipped nor in the configuration: there is none."""
    assert merged("gate", None) is None
    assert {("readings", each, "call") for each in ("cash", "figures", "ledger")} <= set(
        lacking(merged("gate", ProfileTable()))
    )


def test_own_keys_lie_over_the_shipped():
    """Table by table; a list and a question take the other's place whole."""
    own = ProfileTable.model_validate(
        {
            "finished": True,
            "never": ["builder", "vaultAddress"],
            "options": {"builderFee": True},
            "stream": {"funding_interval": "8h"},
            "readings": {"fills": {"call": "publicPostInfo", "fields": {"id": "tid"}}},
        }
    )
    table = merged("hyperliquid", own)

    assert table.finished
    assert ("builder", "vaultAddress") == table.never
    assert table.options["builderFee"] is True
    assert table.options["refSet"] is True
    assert (8 * 3_600 * 10**9, "info.markPx") == (table.stream.funding_interval, table.stream.mark)
    assert ({"id": "tid"}, 0) == (table.readings["fills"].fields, table.readings["fills"].page)
    assert table.readings["cash"] == merged("hyperliquid", None).readings["cash"]


def test_good_profile(report):
    """A whole profile of a venue that nobody ships has no fault."""
    told = report(
        """
        [venues.gate.profile]
        finished = true
        client_id = "text"
        client_id_prefix = "t-"
        client_id_length = 28
        credentials = ["apiKey", "secret"]
        units = { perpetual = "contract" }
        reduce_only = { name = "reduce_only", value = true }
        rates = { matching = [5, 20], other = [5, 20] }
        rules = [{ kind = "*", amount = "info.change" }]
        [venues.gate.profile.flags.ioc]
        wire = { tif = "ioc" }
        [venues.gate.profile.readings.cash]
        call = "fetch_balance"
        fields = { currency = "=USDT", amount = "info.total - info.unrealised_pnl" }
        [venues.gate.profile.readings.figures]
        call = "fetch_balance"
        fields = { currency = "=USDT", equity = "info.total", balance = "info.total", maintenance = "info.mm", initial = "info.im" }
        [venues.gate.profile.readings.ledger]
        call = "fetch_ledger"
        fields = { id = "id", ts = "timestamp", currency = "currency", kind = "type" }
        """
    )

    assert () == told.faults
    assert "ioc" == told.settings.venues["gate"].profile.flags["ioc"].wire["tif"]


@pytest.mark.parametrize(
    ("profile", "fault"),
    [
        ("profile = { finished = true }", "venues.gate.profile.readings.cash.call: must be there"),
        ("profile = { finished = true }", "venues.gate.profile.flags.ioc.wire: must be there"),
        (HALF, "profile.readings.fills.fields.order: must be there in a finished profile"),
        (HALF, "profile.readings.fills.fields.fee: must be there in a finished profile"),
        (HALF, "profile.readings.cash.fields.amount: must be there in a finished profile"),
        (HALF, "profile.rates.log: must be there in a finished profile"),
        ("profile = { finish = true }", "venues.gate.profile.finish: unknown key; did you mean"),
        ('profile = { units = { swap = "coin" } }', "profile.units.swap: must be spot, perpetual"),
        ('profile = { units = { spot = "kg" } }', "profile.units.spot: must be coin, USD or contr"),
        ('profile = { statuses = { done = "over" } }', "profile.statuses.done: must be open, fil"),
        ('profile = { sides = { B = "long" } }', "profile.sides.B: must be buy or sell, was 'lon"),
        ('profile = { lookups = ["fills"] }', "profile.lookups: must be of by_label, by_id, open"),
        ('profile = { stream = { funding = "f" } }', "stream.funding_interval: must be there bes"),
        ('profile = { rates = { other = [0, 5] } }', "profile.rates.other: must be above 0 a sec"),
        ('profile = { client_id_form = "base64" }', "profile.client_id_form: must be plain or he"),
        ('profile = { codes = { text = "(" } }', "profile.codes.text: must be a regular express"),
        (
            'profile = { readings = { cash = { params = { a = "{balance}" } } } }',
            "profile.readings.cash.params.a: must name account, label",
        ),
        (
            'profile = { readings = { cash = { fields = { a = "x..y" } } } }',
            "profile.readings.cash.fields.a: must be a path through the answer",
        ),
        ('profile = { readings = { gold = {} } }', "profile.readings.gold: must be by_label"),
        ('profile = { options = { apiKey = "x" } }', "options.apiKey: a key never stands in a co"),
    ],
)  # fmt: skip
def test_faults(report, profile, fault):
    """Each is told by where it stands, what must hold and what was found."""
    lines = [f"{each.path}: {each.must}, was {each.was}" for each in report(profile).faults]

    assert any(fault in each for each in lines), lines


def test_plain():
    """What ccxt is given are lists and floats."""
    table = ProfileTable.model_validate({"options": {"a": [1, {"b": True}]}, "finished": False})

    assert {"a": [1, {"b": True}]} == plain(table.options)
    assert len(NEEDED) == len(set(NEEDED))
