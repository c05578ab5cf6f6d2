"""Is a Binance account fit: every question, against the loopback, and what fails it."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from rebalancer.core.params import BandKind
from rebalancer.exchange.terms import Schedule
from rebalancer.settings.catalogue import known
from rebalancer.settings.models import Fees, Mode, Venue
from rebalancer.venues.connection import connect
from rebalancer.venues.examination import examine
from rebalancer.venues.findings import Grade, Subject
from rebalancer.venues.profiles import PROFILES
from tests.venues.binance_desk import (
    COINM,
    FIRST,
    LISTED,
    MOVER,
    READER,
    SPOT,
    USDM,
    WITHDRAWER,
    D,
    desk,
    make,
    order,
)

ALL = (USDM, COINM, SPOT)


def band(venue):
    """Return the settings of BTC with a fixed band."""
    names = (FIRST[venue],)
    return SimpleNamespace(
        hedge=SimpleNamespace(buy=names, sell=names),
        band=SimpleNamespace(kind=BandKind.FIXED, lower=-0.05, upper=0.05),
    )


def subject(found, **settings):
    """Return what is examined at an open desk."""
    told = {"account": "12345", "fees": Fees(maker=0.001, taker=0.001), **settings}
    if found.name != SPOT:
        told.setdefault("leverage", 10.0)
    return Subject(
        connection=found.line.connection,
        profile=PROFILES[found.name],
        settings=Venue(**told),
        clock=found.clock,
        instruments=tuple(known(each) for each in LISTED[found.name]),
        underlyings={"BTC": band(found.name)},
    )


async def failed(examined):
    """Return the names of what stands in the way."""
    return [each.name for each in await examine(examined) if not each.ok]


@pytest.mark.parametrize("venue", ALL)
@pytest.mark.proves("binanceusdm", "identity", "loopback")
@pytest.mark.proves("binancecoinm", "identity", "loopback")
@pytest.mark.proves("binance", "identity", "loopback")
async def test_fit(venue):
    """An account as the settings have it passes every question, and all are answered."""
    async with desk(venue) as found:
        told = await examine(subject(found))
    names = {each.name for each in told}

    assert [] == [(each.name, each.measured) for each in told if not each.ok]
    assert {"clock", "permission.trade", "permission.withdraw", "account"} <= names
    assert {f"instrument.{name}" for name in LISTED[venue]} <= names
    assert f"lot.{FIRST[venue]}" in names
    assert venue == SPOT or "positions" in names


@pytest.mark.parametrize("venue", ALL)
@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        (READER, "permission.trade"),
        (WITHDRAWER, "permission.withdraw"),
        (MOVER, "permission.enableInternalTransfer"),
        (MOVER, "permission.permitsUniversalTransfer"),
    ],
)
async def test_keys(venue, key, wrong):
    """A key that may not trade is refused, and so is one that can withdraw or transfer."""
    async with desk(venue, key) as found:
        names = await failed(subject(found))

    assert wrong in names


@pytest.mark.parametrize("venue", ALL)
async def test_an_account_that_may_not_trade(venue):
    """It is refused, though its key may do all that a key must."""
    async with desk(venue) as found:
        found.host.locked = True
        names = await failed(subject(found))

    assert ["trades"] == names


@pytest.mark.parametrize(("venue", "wrong"), [(USDM, True), (COINM, True), (SPOT, False)])
async def test_portfolio_margin(venue, wrong):
    """Where accounts are margined as one, the figures of one alone are worth nothing."""
    async with desk(venue) as found:
        found.host.portfolio = True
        names = await failed(subject(found))

    assert ["permission.portfolio"] * wrong == names


@pytest.mark.parametrize("venue", ALL)
async def test_a_key_that_is_good_from_anywhere(venue):
    """A key that is bound to no address is a warning."""
    async with desk(venue) as found:
        found.host.anywhere = True
        told = await examine(subject(found))

    warned = [each.name for each in told if each.grade is Grade.WARNED]
    assert ["permission.address"] == [each for each in warned if each.startswith("permission")]
    assert all(each.ok for each in told)


@pytest.mark.parametrize("venue", ALL)
async def test_another_account(venue):
    """An account of another uid is refused."""
    async with desk(venue) as found:
        names = await failed(subject(found, account="777"))

    assert ["account"] == names


@pytest.mark.parametrize("venue", [USDM, COINM])
@pytest.mark.trap("hedge-mode", "binanceusdm", "binancecoinm")
async def test_hedge_mode(venue):
    """Long and short side by side are refused: the ledger nets, and reduce-only is one-way's."""
    async with desk(venue) as found:
        found.host.hedged = True
        names = await failed(subject(found))

    assert ["positions"] == names


@pytest.mark.parametrize("venue", [USDM, COINM])
@pytest.mark.parametrize("settings", [{"leverage": 3.0}, {"margin": "isolated"}])
async def test_margin(venue, settings):
    """Margin type and leverage of each contract must be those of the settings."""
    async with desk(venue) as found:
        names = await failed(subject(found, **settings))

    assert [f"margin.{name}" for name in LISTED[venue]] == names


@pytest.mark.parametrize("venue", [USDM, COINM])
async def test_tiers(venue):
    """Maintenance below the venue's brackets is a warning: our sums would be too kind."""
    kind, strict = [[0, 0.001]], [[0, 0.005], [1000, 0.2]]
    async with desk(venue) as found:
        graded = [
            [each.grade for each in await examine(subject(found, tiers=own))
             if each.name.startswith("tiers")]
            for own in (kind, strict)
        ]  # fmt: skip

    assert [["warned"] * 2, ["passed"] * 2] == graded


TIERS = ((D(0), D("0.004")), (D(250_000), D("0.02")))


@pytest.mark.parametrize("venue", [USDM, COINM])
@pytest.mark.parametrize(("floor", "grade"), [(250_000, "passed"), (260_000, "warned")])
async def test_floors_of_tiers(venue, floor, grade):
    """A venue that counts its floors in coins means them at the mark."""
    schedule = Schedule(TIERS, in_usd=True)
    loopback = make(venue, maintenance=schedule)
    async with desk(venue, loopback=loopback) as found:
        told = await examine(subject(found, tiers=[[0, 0.004], [floor, 0.02]]))

    name = f"tiers.{FIRST[venue]}"
    assert [grade] == [each.grade for each in told if each.name == name]


async def test_assets_that_count_together():
    """Multi-assets mode must be what the settings say of collateral."""
    async with desk(USDM) as found:
        found.host.together = True
        names = await failed(subject(found))
        agreed = await failed(subject(found, collateral={"USDT": 1.0}))
        pools, _ = await found.books.figures()

    assert ["collateral"] == names
    assert [] == agreed
    assert [("USD", True)] == [(each.currency, each.together) for each in pools]


@pytest.mark.parametrize("venue", ALL)
async def test_terms_that_differ(venue):
    """An instrument whose terms are not the venue's is found, with what differs."""
    async with desk(venue) as found:
        told = subject(found)
        wrong = replace(known(FIRST[venue]), lot=D("0.5"), size=D(7))
        names = await failed(replace(told, instruments=(wrong,)))

    assert f"instrument.{FIRST[venue]}" in names


@pytest.mark.proves("binanceusdm", "amounts", "loopback")
async def test_the_least_that_an_order_is_worth():
    """A band that is narrower than 20 USDT of ether is found, and no such order leaves."""
    ether = "binanceusdm:ETHUSDT"
    async with desk(USDM) as found:
        told = subject(found)
        own = told.underlyings["BTC"]
        own.hedge.buy = own.hedge.sell = (ether,)
        own.band.lower, own.band.upper = -0.002, 0.002
        (measured,) = [each.measured for each in await examine(told) if not each.ok]
        own.band.lower, own.band.upper = -0.003, 0.003

        assert "the least that an order is worth is 0.0057" in measured
        assert [] == await failed(told)
        tiny = order(USDM, "rb01", instrument=ether, quantity=D("0.005"), price=D(3_600))
        answer = await found.venue.submit(tiny)
        assert "must be worth at least 20, was 18" in answer.reason
        assert [] == found.held()


@pytest.mark.trap("testnet-replaces-the-addresses", "binance")
async def test_what_a_testnet_lacks():
    """No wallet can be asked on spot's testnet: that is said, and the real one's is not asked."""
    test = connect(SPOT, Venue(loopback="http://127.0.0.1:1"), Mode.TESTNET)
    await test.close()
    async with desk(SPOT) as found:
        del found.exchange.urls["api"]["sapi"]
        before = len(found.loopback.server.calls)
        graded = {each.name: each.grade for each in await examine(subject(found))}
        told = await found.books.history(found.clock.now() - 10**9)
        asked = [method for method, _ in found.loopback.server.calls][before:]

    assert "sapi" not in test.exchange.urls["api"]
    assert Grade.WARNED is graded["permission"]
    assert told.fault is None
    assert asked
    assert [] == [each for each in asked if "sapi" in each]
