"""Profiles: what differs between venues as data, held against ccxt itself where it can be."""

import ccxt.pro
import pytest

from rebalancer.core.commands import TimeInForce
from rebalancer.core.ids import LENGTH
from rebalancer.core.instruments import Kind
from rebalancer.errors import ConfigError
from rebalancer.settings.models import Mode
from rebalancer.simulation.played import PLAYED
from rebalancer.venues.outcomes import CODES
from rebalancer.venues.parts import PARTS
from rebalancer.venues.profile import LOG, MATCHING, OTHER, DeadManKind, Unit
from rebalancer.venues.profiles import DERIBIT, PROFILES, matrix, profile_of

CCXT = {name: getattr(ccxt.pro, name)() for name in PROFILES}
each_venue = pytest.mark.parametrize("name", PROFILES)


@each_venue
def test_complete(name):
    """Every row says how orders travel, what may be sent, and what an answer's code proves."""
    profile = PROFILES[name]

    assert name == profile.venue
    assert set(TimeInForce) == set(profile.order_flags) == set(profile.wire_flags)
    assert {MATCHING, OTHER} <= set(profile.rates) <= {MATCHING, LOG, OTHER}
    assert {Kind.PERPETUAL, Kind.SPOT} & set(profile.amounts)
    assert LENGTH <= profile.client_id_length
    assert CODES[name].proofs
    assert CODES[name].key <= set(CODES[name].proofs)


@each_venue
def test_calls_exist(name):
    """Every call that a row names is one that ccxt has."""
    profile, exchange = PROFILES[name], CCXT[name]
    calls = (*profile.lookups, profile.figures.call, *profile.ledger)

    assert [] == [call for call in calls if not hasattr(exchange, call)]
    if profile.dead_man.kind not in (DeadManKind.CONNECTION, DeadManKind.NONE):
        assert hasattr(exchange, profile.dead_man.arm)


@each_venue
@pytest.mark.trap("X04", "deribit", "binanceusdm", "binancecoinm", "binance", "bybit", "okx")
def test_x04_unified_dead_man(name):
    """X04: ccxt's cancelAllOrdersAfter is there for bybit and okx only; the others' are raw."""
    assert (name in ("bybit", "okx")) is bool(CCXT[name].has.get("cancelAllOrdersAfter"))


@pytest.mark.parametrize("name", [name for name, each in PROFILES.items() if each.finished])
def test_numbers_are_read_once_more(name):
    """Quantity and price of an order are held against what was meant before it leaves."""
    assert PROFILES[name].wire_amount
    assert PROFILES[name].wire_price


@each_venue
@pytest.mark.trap("X07", "deribit", "binanceusdm", "binancecoinm", "binance", "bybit", "okx")
def test_x07_position_streams(name):
    """X07: where positions are streamed, ccxt and the row agree; Deribit does not."""
    assert PROFILES[name].streams_positions is bool(CCXT[name].has.get("watchPositions"))


@each_venue
def test_fill_or_kill(name):
    """What a row says of fill-or-kill is what ccxt says."""
    flags = CCXT[name].features["swap"]["linear"]["createOrder"]["timeInForce"]

    assert PROFILES[name].fill_or_kill is bool(flags["FOK"])


def test_what_is_finished_can_be_played():
    """No order of a live book passes through a row that was not proved at the wire."""
    finished = {name for name, each in PROFILES.items() if each.finished}

    assert DERIBIT is profile_of("deribit", Mode.LIVE)
    assert finished == set(PARTS)
    assert finished <= set(PLAYED)


@pytest.mark.trap("testnet-replaces-the-addresses", "binanceusdm", "binancecoinm", "binance")
def test_testnets():
    """A mode that a venue lacks is refused: ccxt dropped the testnet of Binance's futures."""
    for name in ("binanceusdm", "binancecoinm"):
        with pytest.raises(ConfigError, match="must know the mode"):
            profile_of(name, Mode.TESTNET)
    assert "binance" == profile_of("binance", Mode.TESTNET).venue


@pytest.mark.parametrize("name", ["kraken", "nowhere"])
@pytest.mark.parametrize("mode", [Mode.LIVE, Mode.TESTNET])
def test_others_are_refused_by_name(name, mode):
    """A venue that is not finished is refused, named, with what would do."""
    with pytest.raises(ConfigError, match=f"venues.{name}.*must be deribit or ") as raised:
        profile_of(name, mode)
    assert 78 == raised.value.exit_code


def test_deribit_amounts():
    """Deribit counts inverse futures in USD and options in coins."""
    assert (Unit.USD, Unit.USD, Unit.COIN) == tuple(
        DERIBIT.amounts[kind] for kind in (Kind.PERPETUAL, Kind.FUTURE, Kind.OPTION)
    )
    assert "label" == DERIBIT.client_id


def test_matrix():
    """Everything that a row claims is in one table, the same questions for every venue."""
    told = matrix()
    questions = {tuple(row) for row in told.values()}

    assert set(PROFILES) == set(told)
    assert 1 == len(questions)
    assert ("yes", "connection", "accepted") == tuple(
        told["deribit"][each] for each in ("finished", "dead_man", "duplicate_ids")
    )
