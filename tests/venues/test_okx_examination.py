"""The examination of an OKX account, and the two watches that ask the venue about itself."""

from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace

import pytest

from rebalancer.core.events import InstrumentUnfit, Unfit, VenueHeld
from rebalancer.core.params import BandKind
from rebalancer.errors import ConfigError
from rebalancer.settings.models import Fees, Mode, Venue
from rebalancer.simulation.faults import Kind, Plan
from rebalancer.simulation.okx import protocol
from rebalancer.venues.budget import Budget
from rebalancer.venues.connection import connect
from rebalancer.venues.examination import examine, identify
from rebalancer.venues.findings import Subject
from rebalancer.venues.hold import VenueHold
from rebalancer.venues.listings import ListingWatch, Seat
from rebalancer.venues.okx.profile import OKX
from rebalancer.venues.outcome import KeyRefused
from rebalancer.venues.profiles import profile_of
from tests.simulation.okx_fair import (
    CALL,
    FUTURE,
    INSTRUMENTS,
    INVERSE,
    KEY,
    LINEAR,
    PAIR,
    POOR,
    RICH,
)
from tests.venues.deribit_frames import Lines
from tests.venues.okx_loopback import FAST, KNOWN, credentials_of, desk, order

D = Decimal
ALL = (INVERSE, LINEAR, FUTURE, CALL)


def band(lower=-0.05, upper=0.05):
    """Return the settings of BTC with a fixed band."""
    return SimpleNamespace(
        hedge=SimpleNamespace(buy=(INVERSE,), sell=(INVERSE,)),
        band=SimpleNamespace(kind=BandKind.FIXED, lower=lower, upper=upper),
    )


def subject(opened, names=ALL, **changes):
    """Return what is examined at an open desk."""
    settings = {"account": "12345", "leverage": 10.0, "fees": Fees(maker=0.0002, taker=0.0005)}
    return Subject(
        connection=opened.line.connection,
        profile=OKX,
        settings=Venue(**{**settings, **changes.pop("settings", {})}),
        clock=opened.clock,
        instruments=tuple(INSTRUMENTS[each] for each in names),
        underlyings={"BTC": changes.pop("band", band())},
    )


async def graded(examined):
    """Return finding by name."""
    return {found.name: found for found in await examine(examined)}


def failed(found):
    """Return the names of what stands in the way."""
    return [name for name, each in found.items() if not each.ok]


@pytest.mark.proves("okx", "identity", "loopback")
async def test_a_fit_account():
    """Everything that is asked of an account that is as the settings say passes."""
    async with desk() as opened:
        await opened.venue.submit(order())
        found = await graded(subject(opened))
        await identify(subject(opened))

    assert [] == failed(found)
    assert {"permission.withdraw", "account", "margin", "position_mode", "positions"} <= set(found)
    assert {f"leverage.{INSTRUMENTS[each].name}" for each in (INVERSE, LINEAR)} <= set(found)
    assert {f"instrument.{each}" for each in ALL} <= set(found)
    assert {f"settles.{each}" for each in ALL} <= set(found)


@pytest.mark.parametrize(
    ("key", "wrong"), [(POOR, ["permission.trade"]), (RICH, ["permission.withdraw"])]
)
async def test_keys(key, wrong):
    """A key must trade, and one that can withdraw is refused."""
    async with desk(key) as opened:
        found = await graded(subject(opened))

    assert wrong == failed(found)


@pytest.mark.parametrize(
    ("mode", "settings", "wrong"),
    [
        ("2", {}, []),
        ("3", {}, ["margin"]),
        ("3", {"collateral": {"BTC": 0.9}}, []),
        ("2", {"collateral": {"BTC": 0.9}}, ["margin"]),
        ("4", {"collateral": {"BTC": 0.9}, "margin": "portfolio"}, []),
        ("4", {"margin": "portfolio"}, ["margin"]),
        ("1", {}, ["margin"]),
        ("2", {"margin": "isolated"}, ["margin"]),
        ("2", {"account": "777"}, ["account"]),
    ],
)
async def test_account_levels(mode, settings, wrong):
    """Whether currencies stand together must be as the settings have it, and the uid the pinned."""
    async with desk() as opened:
        opened.loopback.host.desk.mode = mode
        found = await graded(subject(opened, settings=settings))

    assert wrong == failed(found)


@pytest.mark.trap("hedge-mode", "okx")
async def test_hedge_mode():
    """An account that holds long and short apart is refused."""
    async with desk() as opened:
        opened.loopback.host.desk.hedged = True
        found = await graded(subject(opened))
        with pytest.raises(ConfigError, match="position_mode must be net_mode"):
            await identify(subject(opened))

    assert ["position_mode"] == failed(found)


async def test_leverage_must_match():
    """What is set at the venue for a contract must be what the settings say."""
    async with desk() as opened:
        opened.loopback.host.desk.leverage[LINEAR] = "3"
        found = await graded(subject(opened))

    assert ["leverage.BTC-USDT-SWAP"] == failed(found)
    assert ("3", "10, as the settings say") == (
        found["leverage.BTC-USDT-SWAP"].measured,
        found["leverage.BTC-USDT-SWAP"].must,
    )


@pytest.mark.trap("okx-option-multiplier", "okx")
async def test_the_multiplier_counts():
    """An option's contract is ctVal x ctMult; whoever leaves one out is off by a hundred."""
    async with desk() as opened:
        wrong = replace(INSTRUMENTS[CALL], size=D(1))  # as ccxt's contractSize has it
        told = replace(subject(opened), instruments=(wrong,))
        found = await graded(told)

    assert [f"instrument.{CALL}"] == failed(found)
    assert "size 0.01" in found[f"instrument.{CALL}"].measured


@pytest.mark.parametrize(
    ("names", "wrong"),
    [
        ((PAIR,), []),
        ((PAIR, LINEAR), []),
        ((PAIR, INVERSE), ["spot.BTC"]),
    ],
)
async def test_one_balance_of_a_coin(names, wrong):
    """A coin cannot be held as a pair beside contracts that settle in it."""
    async with desk() as opened:
        found = await graded(subject(opened, names))

    assert wrong == failed(found)


@pytest.mark.trap("okx-margin-mode-is-chosen", "okx")
async def test_isolated_positions(monkeypatch):
    """What is held isolated, or on loan, is none of what this reads."""
    before = protocol.READING["GET account/positions"]

    def isolated(asking):
        return [{**each, "mgnMode": "isolated"} for each in before(asking)]

    async with desk() as opened:
        await opened.venue.submit(order())
        monkeypatch.setitem(protocol.READING, "GET account/positions", isolated)
        found = await graded(subject(opened))

    assert ["positions"] == failed(found)


async def test_a_lot_too_large():
    """A lot of 100 USD is 0.001 BTC: a narrower band would never be hit."""
    async with desk() as opened:
        found = await graded(subject(opened, band=band(-0.0001, 0.0001)))

    assert [f"lot.{INVERSE}"] == failed(found)


async def test_unanswered():
    """A question that is not answered is a finding too, and by no means a pass."""
    async with desk() as opened:
        opened.loopback.script.add(Plan(Kind.ERROR_BEFORE, "GET account/config", times=None))
        found = await graded(subject(opened))

    assert {"permission", "account"} == set(failed(found))


async def test_a_key_that_is_none():
    """A key that the venue does not accept ends a start."""
    async with desk() as opened:
        opened.line.connection.exchange.password = "wrong"
        with pytest.raises(KeyRefused):
            await identify(subject(opened))


# --- is it open, and is it traded ---------------------------------------------------


def held(opened, events):
    """Return the hold of a desk's venue."""
    return VenueHold(
        opened.line.connection, OKX, [INSTRUMENTS[LINEAR]], opened.clock, events.append
    )


@pytest.mark.proves("okx", "hold", "loopback")
async def test_a_maintenance_is_told():
    """While a maintenance of trading is under way no order leaves; afterwards they do again."""
    events = []
    async with desk() as opened:
        hold = held(opened, events)
        opened.line = replace(opened.line, hold=hold)
        opened.venue._line = opened.line
        await hold.look()
        before = hold.refusal()
        opened.loopback.script.add(Plan(Kind.MAINTENANCE, "GET public/time", seconds=60))
        await opened.line.connection.exchange.fetch_time()
        await hold.look()
        answer = await opened.venue.submit(order())

    assert before is None
    assert "locked" in hold.refusal()
    assert [True] == [each.said for each in events if isinstance(each, VenueHeld)]
    assert not answer.sent


@pytest.mark.parametrize(
    ("state", "service", "locked"),
    [
        ("ongoing", "5", "true"),
        ("ongoing", "3", "true"),
        ("pre_open", "5", "true"),
        ("scheduled", "5", "false"),
        ("completed", "5", "false"),
        ("ongoing", "0", "false"),  # websockets
        ("ongoing", "8", "false"),  # of some accounts
        ("ongoing", "99", "false"),
    ],
)
def test_which_maintenance_matters(state, service, locked):
    """Only a maintenance of swaps, or of trading as a whole, that is under way is a lock."""
    answer = {"data": [{"state": state, "serviceType": service, "env": "1"}]}

    assert {"locked": locked} == OKX.opening.read(answer)


@pytest.mark.parametrize(
    ("mode", "env", "locked"),
    [
        (Mode.LIVE, "1", "true"),
        (Mode.LIVE, "2", "false"),
        (Mode.TESTNET, "1", "false"),
        (Mode.TESTNET, "2", "true"),
        (Mode.LIVE, "", "true"),  # it does not say where
        (Mode.TESTNET, "", "true"),
    ],
)
def test_a_maintenance_of_elsewhere(mode, env, locked):
    """What is under way in demo trading locks no production, nor the other way round."""
    event = {"state": "ongoing", "serviceType": "5"} | ({"env": env} if env else {})

    assert {"locked": locked} == profile_of("okx", mode).opening.read({"data": [event]})


async def test_demo_trading_may_rest():
    """Orders leave while the one list of events tells a maintenance of demo trading."""
    event = {"state": "ongoing", "serviceType": "5", "env": "2", "maintType": "2"}
    async with desk() as opened:
        opened.loopback.host.desk.events.append(event)
        hold = held(opened, [])
        await hold.look()

    assert hold.refusal() is None
    assert {"locked": "false"} == OKX.opening.read({"data": []})
    assert OKX.opening.read({"data": None}) is None


async def test_an_answer_that_says_not_now():
    """A settlement under way refuses orders, and nothing leaves for a while."""
    events = []
    async with desk() as opened:
        hold = held(opened, events)
        opened.venue._line = replace(opened.line, hold=hold)
        opened.loopback.script.add(Plan(Kind.SETTLEMENT, "POST trade/batch-orders", seconds=1))
        first = await opened.venue.submit(order())
        second = await opened.venue.submit(order("rb02"))

    assert "51029" in first.reason
    assert first.sent
    assert "51029" in second.reason
    assert not second.sent


async def listed(opened, events, names):
    """Return a watch that looked once."""
    seat = Seat(
        *(opened.line.connection, OKX, Budget(FAST, opened.clock), opened.clock, Lines()),
        held(opened, events),
    )
    watch = ListingWatch(seat, [LINEAR], {each: INSTRUMENTS[each] for each in names}, {})
    watch.hold(names, INSTRUMENTS)
    await watch.look(events.append)
    return watch


@pytest.mark.parametrize(
    ("change", "how", "word"),
    [
        (lambda desk: desk.delist(CALL), Unfit.GONE, "none of this name"),
        (lambda desk: desk.retold.update({CALL: {"ctMult": "0.1"}}), Unfit.CHANGED, "multiplier"),
        (lambda desk: desk.retold.update({CALL: {"tickSz": "0.0005"}}), Unfit.CHANGED, "tick"),
        (lambda desk: desk.retold.update({CALL: {"state": "test"}}), Unfit.CLOSED, "test"),
    ],
)
@pytest.mark.proves("okx", "listing", "loopback")
async def test_listings(change, how, word):
    """An instrument that is gone, closed, or of other terms is told to the book."""
    events = []
    async with desk() as opened:
        watch = await listed(opened, events, (LINEAR, CALL))
        fit = [each for each in events if isinstance(each, InstrumentUnfit)]
        change(opened.loopback.host.desk)
        watch.now()
        await watch.look(events.append)

    (told,) = [each for each in events if isinstance(each, InstrumentUnfit)]
    assert [] == fit
    assert (CALL, how) == (told.instrument, told.how)
    assert word in told.what


async def test_a_suspended_contract_comes_back():
    """A contract that is suspended takes no orders for now, and is not called delisted."""
    events = []
    async with desk() as opened:
        opened.loopback.host.desk.retold[LINEAR] = {"state": "suspend"}
        watch = await listed(opened, events, (LINEAR,))

        assert [] == [each for each in events if isinstance(each, InstrumentUnfit)]
        assert "suspend" in watch.refusal(LINEAR)


@pytest.mark.trap("testnet-replaces-the-addresses", "okx")
@pytest.mark.trap("X05", "okx")
async def test_x05_and_the_testnet():
    """X05: orders wait 5 s and no longer. A testnet is the same hosts with a header of its own."""
    settings = Venue(account="1")
    live = connect("okx", settings, Mode.LIVE, credentials_of(KEY))
    test = connect("okx", settings, Mode.TESTNET, credentials_of(KEY))
    try:
        assert 5_000 == live.exchange.timeout
        assert "x-simulated-trading" not in live.exchange.headers
        assert "1" == test.exchange.headers["x-simulated-trading"]
    finally:
        await live.close()
        await test.close()
    assert set(KNOWN) == set(ALL)
