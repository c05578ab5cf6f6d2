"""Stories of an expiry: what an option settles on, and how little a late move can change.

Everything ends at 08:00 on the average index of the half hour before it.
"""

from decimal import Decimal

import pytest

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.exchange import fixing, grid
from rebalancer.exchange.exchange import Exchange, OpeningAccount, OpeningPosition
from rebalancer.exchange.fees import FeeSchedule
from rebalancer.exchange.orders import Order, TimeInForce
from rebalancer.exchange.records import ContractDelivered, Ended, Ending, RejectReason
from rebalancer.exchange.terms import Grid, VenueTerms

D = Decimal
MINUTE = 60 * 1_000_000_000
EXPIRY = 8 * 60 * MINUTE


def option(name, strike, sign, settle="BTC"):
    size = (D(1), D("0.1"), D("0.1"), D("0.0001"), EXPIRY, D(strike), sign)
    return Instrument(f"x:{name}", Kind.OPTION, "BTC", settle, *size)


CALL, PUT = option("CALL", 100_000, +1), option("PUT", 100_000, -1)
USDC_CALL = option("USDC-CALL", 100_000, +1, "USDC")
FUTURE = Instrument(
    *("x:FUTURE", Kind.FUTURE, "BTC", "BTC", D(1), D(10), D(10), D("0.5")), expiry=EXPIRY
)
OPTIONS = FeeSchedule(D("0.0003"), D("0.0003"), D("0.125"), delivery=D("0.00015"))
FEES = {Kind.OPTION: OPTIONS, Kind.FUTURE: FeeSchedule(D(0), D(0), delivery=D("0.00025"))}


def at(hour, minute):
    """Return a time of the day in ns."""
    return (hour * 60 + minute) * MINUTE


def desk(*held):
    """Return an exchange where `desk` holds contracts (instrument, quantity, entry) and cash."""
    opened = tuple(OpeningPosition(each.id, D(size), D(price)) for each, size, price in held)
    cash = {"BTC": D(5), "USDC": D(100_000)}
    account = OpeningAccount("desk", cash, opened)
    return Exchange((CALL, PUT, USDC_CALL, FUTURE), FEES, [account], VenueTerms())


def test_a_morning_expiry():
    """A short call and a short put meet one settlement price; only one of them pays.

    The index stands at 99,000 until 07:40, at 102,000 until 07:55, then at 108,000: the average of
    the half hour is (10 x 99,000 + 15 x 102,000 + 5 x 108,000) / 30 = 102,000. The call owes
    2,000 / 102,000 = 0.019607843137 BTC a coin, two of them twice that, and 0.00015 BTC a coin
    for the delivery (less than an eighth of the payoff). The put owes nothing, not even a fee.
    """
    exchange = desk((CALL, "-2", "0.02"), (PUT, "-1", "0.02"))
    exchange.set_index(at(6, 0), "BTC", D(99_000))
    exchange.set_book(at(6, 0), CALL.id, [(D("0.01"), D(5))], [(D("0.03"), D(5))])
    exchange.submit(at(6, 1), Order("bid", "desk", CALL.id, D(1), D("0.005"), TimeInForce.GTC))

    exchange.set_index(at(7, 40), "BTC", D(102_000))
    assert D(99_000) == exchange.delivery_price(CALL.id)  # a third of the window is known
    exchange.set_index(at(7, 55), "BTC", D(108_000))
    assert D(100_800) == exchange.delivery_price(CALL.id)  # (10 x 99,000 + 15 x 102,000) / 25
    ended, paid = exchange.deliver(at(8, 0), CALL.id)
    (nothing,) = exchange.deliver(at(8, 0), PUT.id)

    assert (Ended, Ending.EXPIRED) == (type(ended), ended.how)
    assert (D(102_000), D("-0.039215686274"), D("0.0003")) == (paid.price, paid.amount, paid.fee)
    assert (D(102_000), D(0), D(0)) == (nothing.price, nothing.amount, nothing.fee)
    assert D(5) - D("0.039215686274") - D("0.0003") == exchange.balance("desk", "BTC")
    assert () == exchange.positions("desk")
    late = exchange.submit(at(8, 1), Order("x", "desk", CALL.id, D(1), None, TimeInForce.IOC))
    assert RejectReason.EXPIRED_INSTRUMENT == late[0].reason
    assert 0 == exchange.imbalance("BTC")


def test_a_spike_at_the_bell():
    """Ten thousand dollars in the last minute move the settlement by a thirtieth of them."""
    exchange = desk((USDC_CALL, "-1", "500"))
    exchange.set_index(at(7, 0), "BTC", D(100_300))
    exchange.set_index(at(7, 59), "BTC", D(110_300))

    (paid,) = exchange.deliver(at(8, 0), USDC_CALL.id)

    assert D("100633.333333333333") == paid.price
    assert D("-633.333333333333") == paid.amount
    # a delivery told late settles on the same half hour
    exchange = desk((USDC_CALL, "-1", "500"))
    for hour, minute, price in ((7, 0, 100_300), (7, 59, 110_300), (8, 4, 150_000)):
        exchange.set_index(at(hour, minute), "BTC", D(price))
    assert paid.price == exchange.deliver(at(8, 5), USDC_CALL.id)[0].price


@pytest.mark.parametrize(
    ("clock", "share"),
    [((7, 0), 1.0), ((7, 30), 1.0), ((7, 45), 0.5), ((7, 57), 0.1), ((8, 0), 0.0), ((8, 9), 0.0)],
)
def test_the_delta_runs_out(clock, share):
    """What a move can still do to an option deep in the money is the part of the half hour ahead.

    Under a portfolio margin without contingencies a short call of a strike far below loses 16 % of
    the forward before the window, half of that in its middle and nothing at the end. The damped
    extremes are left out, and so is vol, which means nothing so deep.
    """
    call = option("DEEP", 10, +1, "USDC")
    plain = Grid(extended=(0.5,), linear_contingency=0.0, short_option_contingency=0.0)
    leg = grid.Leg(call, -1.0, 99_990.0, grid.OptionModel(0.5, 100_000.0))

    found = grid.requirement(plain, [leg], 100_000.0, at(*clock))

    assert share == fixing.open_share(EXPIRY, at(*clock))
    assert pytest.approx(16_000 * share, abs=1e-6) == float(found)


def test_a_future_ends():
    """A dated future pays what it gained until the average, and its fee, and is gone.

    100,000 USD long at 100,000 and delivered at 104,000: 1 - 100,000 / 104,000 = 0.038461538462
    BTC gained, a fee of 0.025 % of 0.961538461538 BTC.
    """
    exchange = desk((FUTURE, "100000", "100000"))
    exchange.set_index(at(7, 0), "BTC", D(104_000))

    (paid,) = exchange.deliver(at(8, 0), FUTURE.id)

    assert isinstance(paid, ContractDelivered)
    assert (D("0.038461538462"), D("0.000240384615")) == (paid.amount, paid.fee)
    assert D(5) + paid.amount - paid.fee == exchange.balance("desk", "BTC")
    assert 0 == exchange.imbalance("BTC")
