"""A first configuration is sound whatever was answered, and its limits follow from the answers."""

import itertools
from decimal import Decimal

import pytest

from rebalancer.errors import UsageError
from rebalancer.settings import first
from rebalancer.settings.reading import parse
from rebalancer.settings.report import judge

D = Decimal


def answers(**changes):
    """Return the answers of a holder of two bitcoins."""
    told = {
        "book": "desk", "coin": "BTC", "held": D(2), "place": "outside", "numeraire": "usd",
        "venue": "deribit", "price": D(100_000), "band": D("0.04"), "mode": "paper",
        "alerts": "none",
    }  # fmt: skip
    return first.Answers(**{**told, **changes})


EVERY = [
    {"venue": venue, "place": place, "coin": coin, "numeraire": numeraire, "mode": mode}
    for venue, place, coin, numeraire, mode in itertools.product(
        first.OFFERS, first.PLACES, first.PRICES, first.NUMERAIRES, first.MODES
    )
    if place == "outside" or first.OFFERS[venue].coins
]


@pytest.mark.parametrize("changes", EVERY, ids=lambda told: "-".join(told.values()))
@pytest.mark.parametrize("held", ["0.05", "2", "12345.678"])
def test_sound(changes, held):
    """Each combination of answers makes a book without a fault, with every guard set."""
    own, price = D(held), first.PRICES[changes["coin"]]
    hedge = first.hedge_of(changes["venue"], changes["coin"])
    band = first.proposed_band(own, hedge, price)
    text = first.written(answers(held=own, band=band, price=price, alerts="webhook", **changes))
    report = judge(parse(text, "book.toml"), "book.toml", None, {changes["coin"]: float(price)})

    assert () == tuple(report.faults)
    assert "guards.margin" not in report.not_enforced
    assert "guards.funding" not in report.not_enforced
    assert changes["mode"] == report.settings.book.mode


def test_limits():
    """Limits follow from what is held and what it is worth."""
    assert first.Limits(
        order=D("0.50"), position=D(4), net_delta=D("0.50"), leverage=D(3),
        turnover_per_day=D(800_000), loss_per_day=D(10_000), drawdown=D(30_000),
    ) == first.limits_of(answers())  # fmt: skip


@pytest.mark.parametrize(
    ("band", "net_delta"), [("0.04", "0.50"), ("0.2", "0.60"), ("0.25", "0.75"), ("0.5", "1.0")]
)
def test_limits_of_a_wide_band(band, net_delta):
    """Whatever the band, an order stays a quarter of what is held and net delta below half."""
    told = first.limits_of(answers(band=D(band)))

    assert (D("0.50"), D(net_delta)) == (told.order, told.net_delta)
    assert first.widest_band(D(2)) == D("0.5")


@pytest.mark.parametrize(
    ("held", "venue", "band"),
    [
        ("2", "deribit", "0.040"),
        ("0.001", "deribit", "0.0002"),  # two lots of 10 USD
        ("0.01", "binanceusdm", "0.0020"),  # two lots of 0.001
        ("33.33", "okx", "0.67"),
    ],
)
def test_band(held, venue, band):
    """The proposed band is a fiftieth of what is held, and never below two lots."""
    hedge = first.hedge_of(venue, "BTC")

    assert D(band) == first.proposed_band(D(held), hedge, D(100_000))


def test_unknown_hedge():
    """A coin that a venue has no perpetual of is refused."""
    with pytest.raises(UsageError, match="known perpetual of NOPE"):
        first.hedge_of("okx", "NOPE")


@pytest.mark.parametrize("number", ["1", "0.05432", "123456", "9.99", "1e-8", "999999999"])
def test_short(number):
    """A derived number has two digits that count, and is near the exact one."""
    short = first.short(D(number))

    assert len(short.normalize().as_tuple().digits) <= 2
    assert abs(short / D(number) - 1) <= D("0.05")


@pytest.mark.parametrize(
    ("old", "new", "note"),
    [
        ("net_delta = 0.50", "net_delta = 0.50", None),
        ("net_delta = 0.50", "net_delta = 9.0", "net_delta (9) is above position (4)"),
        ("lower = -0.04, upper = 0.04", "lower = -4.0, upper = 4.0", "are more than the 3 that"),
    ],
)
def test_notes_on_what_stops_nothing(old, new, note):
    """Limits and bands that are wider than what they guard are noted."""
    text = first.written(answers())
    assert old in text
    told = judge(parse(text.replace(old, new), "x.toml"), "x.toml", None, {"BTC": 100_000.0}).notes
    own = [each for each in told if each.startswith("underlyings.BTC")]

    assert ([] if note is None else [True]) == [note in each for each in own]


HEARTBEAT = '[alerts.heartbeat]\nurl = "https://hc.example.org/6f"\n'
LOOPBACK = '[venues.deribit]\nloopback = "http://127.0.0.1:8700"'


@pytest.mark.parametrize(
    ("mode", "beside", "noted"),
    [
        ("live", "", True),
        ("live", HEARTBEAT, False),
        ("live", LOOPBACK, False),  # played: nobody's money
        ("testnet", "", False),
        ("paper", "", False),
    ],
)
def test_notes_on_a_book_of_whose_end_nobody_hears(mode, beside, noted):
    """A book for money without a heartbeat is noted: its channels end with its machine."""
    text = first.written(answers(mode="live", alerts="webhook"))
    text = text.replace('mode = "live"', f'mode = "{mode}"', 1)
    if beside == LOOPBACK:
        text = text.replace("[venues.deribit]", LOOPBACK, 1)
    else:
        text += beside
    told = judge(parse(text, "x.toml"), "x.toml", None, {"BTC": 100_000.0})

    assert () == tuple(told.faults)
    assert noted is any(each.startswith("alerts.heartbeat: not set") for each in told.notes)
