"""The examination of a Bybit account: every question that decides whether a book may trade it."""

from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace

import pytest

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.params import BandKind
from rebalancer.settings.models import Fees, Venue
from rebalancer.simulation.faults import Kind as Fault
from rebalancer.simulation.faults import Plan
from rebalancer.venues.bybit.identity import account, mark
from rebalancer.venues.bybit.profile import BYBIT
from rebalancer.venues.examination import examine, identify
from rebalancer.venues.findings import Grade, Subject
from rebalancer.venues.outcome import Malformed
from tests.venues.bybit_loopback import (
    CALL,
    INSTRUMENTS,
    INVERSE,
    MOVER,
    PAIR,
    PERP,
    READER,
    USDC,
    WITH_PAIR,
    WITHDRAWER,
    desk,
)

D = Decimal
PAIRED = {name: each for name, each in WITH_PAIR.items() if name != INVERSE}
OTHER = Instrument("bybit:BTC/USDC", Kind.SPOT, "BTC", "USDC")
CROSS = Instrument("bybit:ETH/BTC", Kind.SPOT, "ETH", "BTC")
COIN = Instrument("bybit:USDC/USDT", Kind.SPOT, "USDC", "USDT")


def band():
    """Return the settings of BTC with a fixed band."""
    return SimpleNamespace(
        hedge=SimpleNamespace(buy=(PERP, INVERSE), sell=(PERP,)),
        band=SimpleNamespace(kind=BandKind.FIXED, lower=-0.05, upper=0.05),
    )


def subject(opened, *, settings=None, **changes):
    """Return what is examined at an open desk."""
    told = {
        "account": "12345",
        "leverage": 10.0,
        "fees": Fees(maker=0.0002, taker=0.001),
        "collateral": {"USDT": 1.0},
    }
    found = Subject(
        connection=opened.line.connection,
        profile=BYBIT,
        settings=Venue(**(told | (settings or {}))),
        clock=opened.clock,
        instruments=tuple(INSTRUMENTS.values()),
        underlyings={"BTC": band()},
    )
    return replace(found, **changes)


async def graded(examined):
    """Return findings by name."""
    return {found.name: found for found in await examine(examined)}


def failed(found):
    """Return the names of what stands in the way."""
    return [name for name, each in found.items() if not each.ok]


@pytest.mark.parametrize("book", [INSTRUMENTS, PAIRED])
@pytest.mark.proves("bybit", "identity", "loopback")
async def test_fit(book):
    """An account as the settings have it passes everything; no question is left out."""
    async with desk(instruments=WITH_PAIR) as opened:
        told = subject(opened, instruments=tuple(book.values()))
        found = await graded(told)
        await identify(told)

    assert [] == failed(found)
    assert {Grade.PASSED} == {each.grade for each in found.values()}
    assert {"reach", "clock", "permission.trade", "permission.withdraw", "account"} <= set(found)
    assert {"unified", "margin", f"positions.{PERP}", f"leverage.{PERP}"} <= set(found)
    assert {f"instrument.{name}" for name in book} <= set(found)
    assert {f"lot.{PERP}", "dead_man"} <= set(found)
    assert (INVERSE in book) == (f"lot.{INVERSE}" in found)


@pytest.mark.parametrize(
    ("book", "faults"),
    [
        ((WITH_PAIR[PAIR], WITH_PAIR[PERP], WITH_PAIR[CALL]), []),
        ((WITH_PAIR[INVERSE], WITH_PAIR[PERP]), []),
        ((WITH_PAIR[PAIR], WITH_PAIR[INVERSE]), ["spot.BTC"]),
        ((WITH_PAIR[PAIR], OTHER), ["spot.BTC"]),
        ((WITH_PAIR[PAIR], CROSS), ["spot.BTC"]),
        ((COIN, WITH_PAIR[USDC]), ["spot.USDC"]),
    ],
)
async def test_a_coin_that_is_a_position(book, faults):
    """Its pair must be the only one, and nothing may settle in the coin: there is one balance."""
    async with desk(instruments=WITH_PAIR) as opened:
        found = await account(subject(opened, instruments=book))

    assert faults == [each.name for each in found if not each.ok]


@pytest.mark.parametrize(
    ("key", "name"),
    [(WITHDRAWER, "permission.withdraw"), (READER, "permission.trade")],
)
async def test_keys(key, name):
    """A key that can withdraw is refused, and so is one that cannot trade."""
    async with desk(key) as opened:
        found = await graded(subject(opened, instruments=tuple(INSTRUMENTS.values())))

    assert [name] == failed(found)


async def test_a_key_that_moves_coins():
    """S01: one that may transfer could take an account's margin away; it is refused."""
    async with desk(MOVER) as opened:
        found = await graded(subject(opened))

    assert ["permission.transfer"] == failed(found)
    assert "AccountTransfer, SubMemberTransfer" == found["permission.transfer"].measured


async def test_an_account_that_has_borrowed():
    """Interest runs: a person is told what is owed, and the book may be traded."""
    async with desk() as opened:
        opened.loopback.host.desk.borrowed |= {"BTC": D("0.5"), "USDT": D(200)}
        found = await graded(subject(opened))

    assert [] == failed(found)
    assert (Grade.WARNED, "USDT 200, BTC 0.5") == (
        found["borrowed"].grade,
        found["borrowed"].measured,
    )


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"account": "777"}, ["account"]),
        ({"margin": "portfolio"}, ["margin"]),
        ({"margin": "isolated"}, ["margin"]),
        ({"collateral": None}, ["margin"]),
        ({"leverage": None}, []),
    ],
)
async def test_settings_that_differ(settings, names):
    """Another account, another margin mode, no pool: each is found by name."""
    async with desk() as opened:
        told = subject(opened, settings=settings, instruments=tuple(INSTRUMENTS.values()))
        found = await graded(told)

    assert names == failed(found)


async def test_leverage_that_differs():
    """What a contract is set to must be what the settings say."""
    async with desk() as opened:
        found = await graded(subject(opened, settings={"leverage": 5.0}, instruments=(
            INSTRUMENTS[PERP], INSTRUMENTS[CALL])))  # fmt: skip

    assert [f"leverage.{PERP}"] == failed(found)
    assert ("10", "5, as the settings say") == (
        found[f"leverage.{PERP}"].measured,
        found[f"leverage.{PERP}"].must,
    )


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"hedged": True}, [f"positions.{PERP}"]),
        ({"margin": "ISOLATED_MARGIN"}, ["margin"]),
        ({"margin": "PORTFOLIO_MARGIN"}, ["margin"]),
        ({"unified": 4}, ["unified"]),
        ({"unified": 1}, ["unified"]),
    ],
)
@pytest.mark.trap("hedge-mode", "bybit")
@pytest.mark.trap("bybit-margin-mode-is-the-accounts", "bybit")
async def test_an_account_that_is_unfit(changes, names):
    """Hedge mode, isolated margin, an account that is not unified: none may be traded."""
    async with desk() as opened:
        for name, value in changes.items():
            setattr(opened.loopback.host.desk, name, value)
        found = await graded(subject(opened, instruments=(INSTRUMENTS[PERP],)))

    assert names == failed(found)


async def test_portfolio_margin_is_fit_where_it_is_meant():
    """Both pools are known; the settings say which."""
    async with desk() as opened:
        opened.loopback.host.desk.margin = "PORTFOLIO_MARGIN"
        told = subject(opened, settings={"margin": "portfolio"}, instruments=(INSTRUMENTS[PERP],))
        assert [] == failed(await graded(told))


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        (PERP, {"lot": D("0.01")}, "lot 0.001"),
        (PERP, {"tick": D("0.5")}, "tick 0.1"),
        (PERP, {"settle": "USDC"}, "settle USDT"),
        (CALL, {"strike": D(90_000)}, "strike 100000"),
        (CALL, {"sign": -1}, "type call"),
        (CALL, {"expiry": 1_800_000_000_000_000_000}, "expiry"),
        (PAIR, {"minimum": D("0.000001")}, "minimum 0.00004"),
    ],
)
async def test_terms_that_differ(name, changes, words):
    """Lot, tick, settle currency, strike, type and expiry are held against the venue's."""
    wrong = replace(WITH_PAIR[name], **changes)
    async with desk(instruments=WITH_PAIR) as opened:
        found = await graded(subject(opened, instruments=(wrong,)))

    assert f"instrument.{name}" in failed(found)
    assert words in found[f"instrument.{name}"].measured


async def test_what_is_not_listed():
    """An instrument of the book that the venue does not list is found."""
    other = Instrument("bybit:XYZUSDT", Kind.PERPETUAL, "XYZ", "USDT")
    async with desk() as opened:
        found = await graded(subject(opened, instruments=(other,)))

    assert "instrument.bybit:XYZUSDT" in failed(found)


async def test_a_question_without_an_answer():
    """A question that the venue does not answer is a finding too."""
    async with desk() as opened:
        opened.loopback.script.add(Plan(Fault.ERROR_BEFORE, "*user/query-api", times=None))
        found = await graded(subject(opened, instruments=(INSTRUMENTS[PERP],)))

    assert ["permission", "account"] == failed(found)


@pytest.mark.parametrize(
    ("name", "price"),
    [(PERP, 100_000.0), (INVERSE, 99_990.0), (CALL, 35_000.0)],
)
async def test_marks(name, price):
    """The mark of an instrument is asked for in its category."""
    async with desk() as opened:
        assert price == await mark(subject(opened), INSTRUMENTS[name])


async def test_a_pair_without_a_trade_has_no_price():
    """A pair has no mark; before its first trade nobody says what it is worth."""
    async with desk(instruments=WITH_PAIR) as opened:
        with pytest.raises(Malformed, match="lastPrice"):
            await mark(subject(opened), WITH_PAIR[PAIR])


@pytest.mark.trap("bybit-options-in-pages", "bybit")
@pytest.mark.trap("X05", "bybit")
async def test_manners():
    """X02, X05: nothing is sent again, what is signed lives two seconds, all options are read."""
    async with desk() as opened:
        exchange = opened.line.connection.exchange
        opened.line.connection.check()

        assert 0 < BYBIT.window <= 2_000
        assert (BYBIT.window, True) == (
            exchange.options["recvWindow"],
            exchange.options["fetchMarkets"]["loadAllOptions"],
        )
        assert not exchange.options.get("maxRetriesOnFailure")
