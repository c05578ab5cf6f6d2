"""Requests: no limit is ever loosened, no quantity ever cut."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.core.commands import TimeInForce
from rebalancer.venues import requests
from rebalancer.venues.deribit import orders
from rebalancer.venues.profiles import BINANCE_USDM, BYBIT, DERIBIT, OKX
from rebalancer.venues.requests import Market, rounded
from tests.venues.loopback import CALL, INSTRUMENTS, PERP, order

D = Decimal
PERPETUAL = Market("BTC/USD:BTC", "BTC-PERPETUAL", True, D(10), D(10), D("0.5"))
OPTION = Market(
    *("x", "BTC-25DEC37-100000-C", True, D("0.1"), D("0.1"), D("0.0001")),
    ((D("0.005"), D("0.0005")),),
)


@pytest.mark.parametrize(
    ("where", "price", "buy", "sell"),
    [
        (PERPETUAL, "60000.17", "60000", "60000.5"),  # ccxt would send 60000.2 for a buy
        (PERPETUAL, "60000.5", "60000.5", "60000.5"),
        # above 0.005 a step of 0.0005, which ccxt does not know
        (OPTION, "0.0513", "0.051", "0.0515"),
        (OPTION, "0.0049", "0.0049", "0.0049"),
        (OPTION, "0.005", "0.005", "0.005"),
        (OPTION, "0.0051", "0.005", "0.0055"),
        (OPTION, "0.00495", "0.0049", "0.005"),
    ],
)
@pytest.mark.proves("deribit", "amounts", "documented")
@pytest.mark.trap("deribit-tick-grows", "deribit")
@pytest.mark.trap("price-is-rounded-to-the-nearest", "deribit")
def test_rounded_by_side(where, price, buy, sell):
    """A buy goes down to the venue's step and a sale up, also over a change of step."""
    assert D(buy) == rounded(D(price), D(1), where)
    assert D(sell) == rounded(D(price), D(-1), where)


@given(
    price=st.decimals(min_value="0.0001", max_value="2", places=6),
    sign=st.sampled_from([1, -1]),
)
@pytest.mark.trap("deribit-tick-grows", "deribit")
def test_never_loosened(price, sign):
    """Whatever the price: on a step of the venue, and no looser than asked."""
    sent = rounded(price, D(sign), OPTION)

    assert sent * sign <= price * sign
    assert 0 == sent % OPTION.tick_at(sent)
    assert abs(sent - price) <= D("0.0005")


@pytest.mark.parametrize(
    ("quantity", "sent"), [("47", None), ("40", "40"), ("-1E+3", "1000"), ("29.99999999", None)]
)
@pytest.mark.trap("amount-is-cut", "deribit")
def test_quantities_are_not_cut(quantity, sent):
    """What is no multiple of the lot is refused; ccxt would send 40 for 47."""
    told = order(quantity=D(quantity))
    refused = requests.refusal(told, INSTRUMENTS[PERP], PERPETUAL, DERIBIT)

    assert (sent is None) is (refused is not None)
    if sent is not None:
        assert sent == requests.request(told, PERPETUAL, DERIBIT, 0).amount


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"minimum": D(1_000)}, "at least 1000"),
        ({"active": False}, "not traded"),
        ({"tick": D(200_000)}, "at least one step"),
    ],
)
def test_venue_terms(changes, word):
    """The venue's own terms count beside those of the record."""
    told = order(quantity=D(100))
    refused = requests.refusal(told, INSTRUMENTS[PERP], replace(PERPETUAL, **changes), DERIBIT)

    assert word in refused


def test_kind_without_a_unit():
    """Where nobody says what a quantity counts, nothing is sent."""
    option = replace(INSTRUMENTS[CALL], lot=D("0.1"))
    told = order(instrument=CALL, quantity=D(1), price=D("0.05"))

    assert "takes no order" in requests.refusal(told, option, OPTION, BINANCE_USDM)
    assert requests.refusal(told, option, OPTION, DERIBIT) is None


@pytest.mark.parametrize("profile", [DERIBIT, BINANCE_USDM, BYBIT, OKX], ids=lambda it: it.venue)
@pytest.mark.parametrize("lifetime", TimeInForce)
def test_parameters(profile, lifetime):
    """Each order carries our id in the venue's parameter, its lifetime, and a deadline if any."""
    told = order(time_in_force=lifetime, reduce_only=True)
    sent = requests.request(told, PERPETUAL, profile, 1_000_000_000).params

    assert "rb01" == sent[profile.client_id]
    assert profile.order_flags[lifetime].items() <= sent.items()
    assert sent["reduceOnly"]
    assert (profile is DERIBIT) is (sent.get("valid_until") == 6_000)


def test_on_the_socket():
    """A resting order on a websocket says the same in the venue's own words."""
    told = order(time_in_force=TimeInForce.POST_ONLY, quantity=D(-40), reduce_only=True)
    method, params = orders.on_socket(told, PERPETUAL, DERIBIT, 0)

    assert "private/sell" == method
    assert {
        "instrument_name": "BTC-PERPETUAL",
        "amount": 40,
        "price": 100000.5,
        "type": "limit",
        "label": "rb01",
        "post_only": True,
        "reject_post_only": True,
        "reduce_only": True,
        "valid_until": 5_000,
    } == params


@pytest.mark.parametrize("precision", [{}, {"amount": "10"}, {"amount": "10", "price": "0"}])
def test_market_without_steps(precision):
    """A market that names no step is none that an order can be made of."""
    assert requests.market({"symbol": "x", "id": "x", "precision": precision}) is None
