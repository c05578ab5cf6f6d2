"""Options at a venue without a package: marked by what it says, or refused, and never made up."""

import asyncio
import math
from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core.events import OptionMark
from rebalancer.errors import ConfigError
from rebalancer.runtime.clock import WallClock
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.settings import resolve
from rebalancer.settings.profiling import OptionsTable
from rebalancer.venues.generic.options import marked
from rebalancer.venues.observed import observed
from rebalancer.venues.outcome import Malformed
from tests.runtime.stage import Lines
from tests.venues import standin
from tests.venues.derive import OPTION, Derive, worth
from tests.venues.paper_book import book_of, configured, until

D = Decimal
HELD = f"""
[[instruments]]
id = "{OPTION}"
kind = "option"
underlying = "BTC"
settle = "USDC"
lot = "0.01"
tick = "0.1"
expiry = "2030-12-17T08:00:00Z"
strike = 100000
type = "call"

[[holdings]]
instrument = "{OPTION}"
quantity = 1
entry = 9000
"""


def asked(server):
    return [each for each in server.seen if "get_ticker" in each[1]]


def marks(heard):
    return [each for each in heard if isinstance(each, OptionMark)]


async def test_option_is_marked_and_hedged(tmp_path):
    """Price, vol and forward are the venue's, what it adds is hedged; no question is private."""
    at = Derive()
    async with standin.serving(at.handle, at.stream) as (server, address):
        settings = configured(tmp_path, at, address, described=HELD)
        async with book_of(at, settings, WallClock()) as (running, heard, log):

            def held():
                return running.exchanges["derive"].position("derive", at.hedge).quantity

            assert await until(held), log.said
            assert await until(lambda: len(marks(heard)) >= 2)
            told, before = marks(heard)[0], len(asked(server))
            await asyncio.sleep(2.2)

            assert (OPTION, 0.62, 66_000.0) == (told.instrument, told.vol, told.forward)
            assert abs(float(told.price) - worth(standin.now())) < 1
            assert told.ts_venue is not None
            assert -1.3 < held() < -0.5  # 0.3 coins, and a call's delta beside them
            assert 2 <= len(asked(server)) - before <= 3  # once a second, as its profile says
            assert {"/api.derive.xyz/v3/public"} == {
                each[1].rpartition("/")[0] for each in server.seen
            }
            assert {"ticker_slim.BTC-PERP.100", "orderbook.BTC-PERP.10.10"} == set(at.subscribed)


@pytest.mark.parametrize("wrong", ["i", "f"])
async def test_option_that_is_not_told_is_not_hedged(wrong, tmp_path):
    """Without a vol, or a forward, there is no mark; the book holds, and the log says why, once."""
    at = Derive()
    at.pricing = {wrong: None}
    async with standin.serving(at.handle, at.stream) as (server, address):
        settings = configured(tmp_path, at, address, described=HELD)
        async with book_of(at, settings, WallClock()) as (running, heard, log):
            assert await until(lambda: len(asked(server)) >= 3)
            said = [each[2] for each in log.said if each[1] == "feed.malformed"]

            assert [OPTION] == [each["instrument"] for each in said]
            assert f"option_pricing.{wrong} must be there" in said[0]["why"]
            assert [] == marks(heard)
            assert not running.exchanges["derive"].position("derive", at.hedge).quantity
            at.pricing = {}
            assert await until(lambda: marks(heard))


async def test_venue_that_does_not_answer(tmp_path):
    """It is asked on, and the log says once that it is away, and once that it is back."""
    at = Derive()
    at.refuses = True
    async with standin.serving(at.handle, at.stream) as (server, address):
        settings = configured(tmp_path, at, address, described=HELD)
        async with book_of(at, settings, WallClock()) as (_, heard, log):
            assert await until(lambda: len(asked(server)) >= 2)
            assert [] == marks(heard)
            at.refuses = False
            assert await until(lambda: marks(heard))
            await until(lambda: "feed.recovered" in {each[1] for each in log.said})
        told = [each[1] for each in log.said if each[2].get("channel") == "options"]
        assert ["feed.lost", "feed.recovered"] == told


async def test_option_that_the_venue_does_not_list(tmp_path):
    """A wrong name is asked for by nobody, and said."""
    at = Derive()
    described = HELD.replace("100000-C", "110000-C")
    async with standin.serving(at.handle, at.stream) as (server, address):
        settings = configured(tmp_path, at, address, described=described)
        async with book_of(at, settings, WallClock()) as (_, heard, log):
            assert await until(lambda: [e for e in log.said if "lists no option" in str(e[2])])
        assert ([], []) == (marks(heard), asked(server))


# --- what a row says -------------------------------------------------------------

TABLE = OptionsTable(
    call="fetch_greeks",
    given={"symbol": "{symbol}"},
    fields={"mark": "m", "vol": "v", "forward": "f", "ts": "t"},
    vol_unit="fraction",
    mark_unit="USD",
)
ROW = {"m": "12.5", "v": "0.625", "f": "65000", "t": 1_700_000_000_000}


@pytest.mark.parametrize(("unit", "told"), [("fraction", "0.625"), ("percent", "62.5")])
def test_units_of_a_vol(unit, told):
    """A fraction or percent, as the profile says; inside it is a fraction."""
    table = TABLE.model_copy(update={"vol_unit": unit})
    event = marked(ROW | {"v": told}, table, OPTION, 7)

    assert OptionMark(7, 1_700_000_000_000 * 10**6, OPTION, D("12.5"), 0.625, 65_000.0) == event
    assert replace(event, ts_venue=None) == marked(
        ROW, TABLE.model_copy(update={"fields": dict(list(TABLE.fields.items())[:3])}), OPTION, 7
    )


@pytest.mark.parametrize(
    ("changes", "unit"),
    [
        ({"v": None}, "fraction"),
        ({"v": ""}, "fraction"),
        ({"v": "0"}, "fraction"),
        ({"v": "-0.5"}, "fraction"),
        ({"v": "62.5"}, "fraction"),  # that is percent
        ({"v": "0.625"}, "percent"),  # and that is none
        ({"v": "NaN"}, "fraction"),
        ({"f": "0"}, "fraction"),
        ({"f": None}, "fraction"),
        ({"m": "-1"}, "fraction"),
        ({"m": None}, "fraction"),
        ({"t": None}, "fraction"),
    ],
)
def test_rows_that_mark_nothing(changes, unit):
    """What is missing or cannot be is an error, and neither 0 nor a guess."""
    table = TABLE.model_copy(update={"vol_unit": unit})
    with pytest.raises(Malformed, match=f"fetch_greeks of {OPTION}"):
        marked(ROW | changes, table, OPTION, 7)
    assert math.isfinite(marked(ROW, TABLE, OPTION, 7).vol)


# --- what a configuration may name -----------------------------------------------


def told_by(folder, changed, described=HELD):
    """Return what is wrong with a configuration; nothing where it is right."""
    try:
        configured(folder, Derive(), "http://127.0.0.1:1", more=changed, described=described)
    except ConfigError as error:
        return [f"{each.path}: {each.must}" for each in error.faults]
    return []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('call = "fetch_greeks"', 'call = ""', "options.call: must say how derive:BTC-2030"),
        (', forward = "info.option_pricing.f"', "", "options.fields.forward: must say how derive"),
        ('vol_unit = "fraction"', "", "options.vol_unit: must say how derive"),
        ('"info.option_pricing.f"', '"underlyingPrice"', "fields.forward: must be of what the ve"),
        ('mark_unit = "USD"', 'mark_unit = "coin"', "mark_unit: must be USD: derive:BTC-20301217"),
        ('vol_unit = "fraction"', 'vol_unit = "points"', "vol_unit: must be fraction or percent"),
    ],
)
def test_options_that_nobody_can_value(old, new, fault, tmp_path):
    """One clear word where it does not say how options are marked; without options it may."""
    changed = Derive.more.replace(old, new)
    (told,) = told_by(tmp_path, changed)

    assert fault in told
    assert "points" in new or [] == told_by(tmp_path, changed, described="")


def test_venue_without_a_word_about_options(tmp_path):
    """A shipped profile says nothing of options: a book that names one there does not start."""
    described = HELD.replace("derive:", "hyperliquid:")
    (told,) = told_by(tmp_path, Derive.more + "[venues.hyperliquid]\nfees = { maker = 0, taker = 0 }\n", described)  # fmt: skip  # noqa: E501
    assert "venues.hyperliquid.profile.stream.options.call: must say how hyperliquid:BTC" in told
    assert told_by(tmp_path, Derive.more) == []


@pytest.mark.parametrize("call", ["fetch_all_greeks", "publicGetNothing"])
def test_call_that_ccxt_does_not_have(call, tmp_path):
    """It has every name for every venue, and most only to refuse it: that stops the start."""
    more = Derive.more.replace('"fetch_greeks"', f'"{call}"')
    settings = configured(tmp_path, Derive(), "http://127.0.0.1:1", more=more, described=HELD)
    with pytest.raises(
        ConfigError, match=r"stream\.options\.call: must be a call of ccxt's derive"
    ):
        observed(settings, resolve(settings), 0, SeededRandomness(1), Lines())
