"""The examination: every question that decides whether a book may trade this account."""

from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace

import pytest

from rebalancer.core.params import BandKind
from rebalancer.settings.models import Fees, Venue
from rebalancer.simulation.faults import Kind, Plan
from rebalancer.venues.examination import examine
from rebalancer.venues.findings import Grade, Subject
from rebalancer.venues.profiles import DERIBIT
from rebalancer.venues.skew import skew
from tests.venues import loopback
from tests.venues.loopback import (
    CALL,
    INSTRUMENTS,
    PERP,
    answering,
    at,
    desk,
    json_of,
    order,
)
from tests.venues.test_connection import MARKETS, OPTION, PERPETUAL

D = Decimal
MS = 1_000_000
NEEDED = ("reach", "clock", "permission.trade", "permission.account", "permission.withdraw")


class Fast:
    """A clock that is ahead of the wall's."""

    def __init__(self, clock, ahead):
        self._clock, self._ahead = clock, ahead

    def now(self):
        return self._clock.now() + self._ahead

    def monotonic(self):
        return self._clock.monotonic()


def band(lower=-0.05, upper=0.05):
    """Return the settings of BTC with a fixed band."""
    return SimpleNamespace(
        hedge=SimpleNamespace(buy=(PERP,), sell=(PERP,)),
        band=SimpleNamespace(kind=BandKind.FIXED, lower=lower, upper=upper),
    )


def subject(opened, *, dead_man=None, ahead=0, **changes):
    """Return what is examined at an open desk."""
    settings = {"account": "12345", "leverage": 3.0, "fees": Fees(maker=0.0, taker=0.0005)}
    told = Subject(
        connection=opened.line.connection,
        profile=DERIBIT,
        settings=Venue(**{**settings, **changes.pop("settings", {})}),
        clock=Fast(opened.clock, ahead),
        instruments=tuple(INSTRUMENTS.values()),
        underlyings={"BTC": band()},
        dead_man=dead_man,
    )
    return replace(told, **changes)


async def graded(examined):
    """Return grade by name."""
    return {found.name: found for found in await examine(examined)}


def failed(found):
    """Return the names of what stands in the way."""
    return [name for name, each in found.items() if not each.ok]


@pytest.mark.proves("deribit", "identity", "loopback")
async def test_fit():
    """An account as the settings have it passes everything."""
    async with desk(resting=True) as opened:
        await opened.venue.submit(order(quantity=D(1_000)))
        found = await graded(subject(opened, dead_man=opened.line.dead_man))

    assert [] == failed(found)
    assert {Grade.PASSED} == {each.grade for each in found.values()}
    assert set(NEEDED) <= set(found)
    assert {f"instrument.{name}" for name in INSTRUMENTS} <= set(found)
    assert {"account", "positions", "margin.BTC", f"lot.{PERP}", "dead_man"} <= set(found)
    assert all(each.measured and each.must for each in found.values())


@pytest.mark.parametrize(
    ("ahead", "grade"),
    [
        (0, Grade.PASSED),
        (150, Grade.PASSED),
        (500, Grade.WARNED),
        (-500, Grade.WARNED),
        (3_000, Grade.FAILED),
        (-3_000, Grade.FAILED),
    ],
)
async def test_clock(ahead, grade):
    """250 ms apart warns, more than 1 s refuses, either way (F14)."""
    async with desk() as opened:
        found = await graded(subject(opened, ahead=ahead * MS))

    assert grade is found["clock"].grade


async def test_skew_is_the_middle():
    """The venue's time is held against the middle of the question."""
    async with desk() as opened:
        opened.loopback.script.add(Plan(Kind.SLOW, "public/get_time", seconds=0.3, times=2))
        apart, uncertain = await skew(opened.line.connection, opened.clock)

    assert abs(apart) <= uncertain + 2 * MS
    assert uncertain < 150 * MS  # of three questions the quickest counts


@pytest.mark.parametrize(
    ("key", "wrong"),
    [(loopback.READER, ["permission.trade"]), (loopback.WITHDRAWER, ["permission.withdraw"])],
)
async def test_permissions(key, wrong):
    """A key that cannot trade, or that can withdraw, is refused."""
    async with desk(key) as opened:
        found = await graded(subject(opened))

    assert wrong == failed(found)


async def test_wrong_key():
    """A key that the venue does not know is named, and the public questions are answered."""
    async with desk(replace(loopback.KEY, secret="something-else")) as opened:
        found = await graded(subject(opened))

    assert {"permission", "account", "positions"} <= set(failed(found))
    assert "refused our key" in found["permission"].measured
    assert "something-else" not in str(found)
    assert found["clock"].ok


async def test_secret_stays_here():
    """The secret itself is never sent: the token is asked for with a signature."""

    async def act(request):
        if "get_instruments" in request.path:
            return json_of(MARKETS)
        if "get_time" in request.path:
            return json_of('{"result": 1700000000000}')
        return json_of('{"result": {"scope": "account:read trade:read_write wallet:none"}}')

    async with answering(act) as (server, address), at_markets(address) as opened:
        found = await graded(subject(opened))

    assert 1 == len(server.asked("public/auth"))
    assert found["permission.trade"].ok
    assert not [each for each in server.seen if loopback.KEY.secret in str(each.url)]


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ({"account": "99999"}, ["account"]),  # F20: the wrong uid
        ({"account": None}, ["account"]),
        ({"margin": "isolated"}, ["margin.BTC", "margin.ETH"]),
        ({"margin": "portfolio"}, ["margin.BTC", "margin.ETH"]),
        ({"collateral": {"BTC": 1.0}}, ["margin.BTC", "margin.ETH"]),
        ({"leverage": 0.0001}, ["leverage.BTC"]),
    ],
)
async def test_account(settings, wrong):
    """An account that is not the pinned one, or that stands otherwise, is refused."""
    async with desk() as opened:
        await opened.venue.submit(order(quantity=D(1_000)))
        found = await graded(subject(opened, settings=settings))

    assert wrong == failed(found)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"lot": D(1)}, "lot 10"),
        ({"minimum": D(1)}, "minimum 10"),
        ({"tick": D("0.1")}, "tick 0.5"),
        ({"settle": "USDC"}, "settle BTC"),
        ({"size": D(10)}, "size 1"),
        ({"id": "deribit:BTC-PERPETUALS"}, "not traded"),
    ],
)
async def test_instruments(changes, word):
    """A constant that is not the venue's is a fault, by name: it is how a hedge goes wrong."""
    odd = replace(INSTRUMENTS[PERP], **changes)
    async with desk() as opened:
        found = await graded(subject(opened, instruments=(odd,), underlyings={}))

    assert [f"instrument.{odd.id}"] == failed(found)
    assert word in found[f"instrument.{odd.id}"].measured


@pytest.mark.parametrize("changes", [{"strike": D(90_000)}, {"sign": -1}, {"expiry": 5 * MS}])
async def test_options(changes):
    """Strike, type and expiry are held against the venue's too."""
    odd = replace(INSTRUMENTS[CALL], **changes)
    async with desk() as opened:
        found = await graded(subject(opened, instruments=(odd,), underlyings={}))

    assert [f"instrument.{CALL}"] == failed(found)


@asynccontextmanager
async def at_markets(address):
    """Yield a desk at a server of ours."""
    async with at(SimpleNamespace(address=address)) as opened:
        yield opened


@pytest.mark.parametrize(
    ("settle", "passes"), [("BTC", True), ("USD", True), ("ETH", False), ("USDT", False)]
)
@pytest.mark.trap("quanto-has-no-flag", "deribit")
async def test_quanto(settle, passes):
    """A contract that settles in neither of its currencies is refused."""
    row = PERPETUAL.replace('"settlement_currency": "BTC"', f'"settlement_currency": "{settle}"')

    async def act(request):
        if "get_instruments" in request.path:
            return json_of(f'{{"result": [{row}, {OPTION}]}}')
        return json_of('{"result": 1}')

    own = (INSTRUMENTS[PERP],)
    async with answering(act) as (_, address), at_markets(address) as opened:
        examined = subject(opened, instruments=own)
        found = await graded(examined)

    assert passes is found[f"settles.{PERP}"].ok


@pytest.mark.parametrize(("width", "passes"), [(0.1, True), (0.0001, True), (0.00005, False)])
async def test_lot_against_band(width, passes):
    """One lot wider than the band can never end inside it; 10 USD at 100,000 is 0.0001 BTC."""
    own = {"BTC": band(-width / 2, width / 2)}
    async with desk() as opened:
        found = await graded(subject(opened, underlyings=own))

    assert passes is found[f"lot.{PERP}"].ok


async def test_fees():
    """Dearer fees than the settings say are a warning."""
    async with desk() as opened:
        cheap = {"fees": Fees(maker=0.0, taker=0.0001)}
        found = await graded(subject(opened, settings=cheap))

    assert Grade.WARNED is found["fees.BTC-PERPETUAL"].grade


async def test_dead_man_cannot_be_armed():
    """A book that rests orders and cannot arm the switch is refused."""
    async with desk() as opened:
        found = await graded(subject(opened, dead_man=opened.line.dead_man))

    assert ["dead_man"] == failed(found)


async def test_nobody_there():
    """When nobody answers one finding says so, and no more is asked."""
    async with desk() as opened:
        await opened.loopback.server.stop()
        (found,) = await examine(subject(opened))

    assert ("reach", Grade.FAILED) == (found.name, found.grade)


@pytest.mark.parametrize(
    "where",
    ["public/auth", "private/get_account_summaries", "private/get_positions", "public/ticker"],
)
@pytest.mark.parametrize("kind", [Kind.HTML, Kind.ERROR_AFTER, Kind.TRUNCATE])
async def test_unanswered(where, kind):
    """A question without an answer fails by name, and the others are asked all the same."""
    async with desk() as opened:
        opened.loopback.script.add(Plan(kind, where, times=None))
        found = await graded(subject(opened))

    assert failed(found)
    assert "dead_man" in found
