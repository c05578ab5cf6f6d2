"""Tests of cash that moves without a trade: what is free may leave, and nothing is lost."""

import pytest

from rebalancer.core.instruments import Kind
from rebalancer.errors import DataError
from rebalancer.exchange.exchange import Exchange, OpeningAccount, OpeningPosition
from rebalancer.exchange.orders import CashRequest, TimeInForce
from rebalancer.exchange.pools import Pool
from rebalancer.exchange.records import CashKind, CashMoved, CashRefused
from rebalancer.exchange.terms import AccountTerms, MarginMode, Schedule, VenueTerms
from tests.exchange.listing import CALL, LINEAR, LISTED, NO_FEES, D, order, quote

CROSS = AccountTerms(leverage=D(10))
ISOLATED = AccountTerms(MarginMode.ISOLATED, D(10))
LINEAR_POOL = Pool("USDT", LINEAR.id)


def opened(cash=None, positions=(), terms=CROSS, mark="100"):
    """Return an exchange where `a` holds this, `b` 1,000 USDT, and `c` is asked for nothing."""
    balances = {currency: D(amount) for currency, amount in (cash or {"USDT": "1000"}).items()}
    held = tuple(OpeningPosition(each.id, D(size), D(entry)) for each, size, entry in positions)
    flat = Schedule(((D(0), D("0.005")),))
    accounts = [
        OpeningAccount("a", balances, held, terms),
        OpeningAccount("b", {"USDT": D(1000)}, (), CROSS),
        OpeningAccount("c"),
    ]
    venue = VenueTerms(maintenance={Kind.PERPETUAL: flat, Kind.FUTURE: flat})
    exchange = Exchange(LISTED, NO_FEES, accounts, venue)
    if mark is not None:
        exchange.set_mark(0, LINEAR.id, D(mark))
    return exchange


def request(kind, amount, other=None, key="", account="a", currency="USDT"):
    return CashRequest(account, kind, currency, D(amount), other, key)


def balanced(exchange, *currencies):
    return [exchange.imbalance(each) for each in currencies or ("USDT",)]


def test_deposit():
    """What comes in is cash at once."""
    exchange = opened()

    (moved,) = exchange.deposit(5, "a", "USDT", D(50))

    assert (5, "a", CashKind.DEPOSIT, D(50), "USDT") == (
        *(moved.ts, moved.account, moved.kind, moved.amount, moved.currency),
    )
    assert D(1050) == exchange.balance("a", "USDT")
    assert [0] == balanced(exchange)


# 1,000 USDT, and 50 contracts held at 100 and 10x: 500 of margin at a mark of 100.
@pytest.mark.parametrize(
    ("mark", "most"),
    [
        (None, "1000"),  # nothing held
        ("100", "500"),
        ("90", "50"),  # 500 lost, 450 needed
        ("89", "5"),  # 550 lost, 445 needed
        ("110", "950"),  # 500 gained, 550 needed
        ("120", "1000"),  # 1,000 gained, 600 needed: but open profit is no cash yet
    ],
)
def test_withdrawal(mark, most):
    """What leaves must be there as cash, and no margin may rest on it."""
    positions = [] if mark is None else [(LINEAR, "50", "100")]
    exchange = opened(None, positions, mark=mark)
    more = -D(most) - D("0.000001")

    (refused,) = exchange.deposit(0, "a", "USDT", more)
    assert CashRefused(0, "a", CashKind.WITHDRAWAL, more, "USDT") == refused
    assert D(1000) == exchange.balance("a", "USDT")

    (moved,) = exchange.deposit(0, "a", "USDT", -D(most))
    assert (CashKind.WITHDRAWAL, -D(most)) == (moved.kind, moved.amount)
    assert D(1000) - D(most) == exchange.balance("a", "USDT")
    assert [0] == balanced(exchange)


def test_withdrawal_from_under_an_order():
    """What an open order reserves does not leave: 40 at 10x are 400."""
    exchange = opened()
    quote(exchange, LINEAR, "99", "101")
    exchange.submit(0, order(LINEAR, "40", "100", TimeInForce.GTC))

    assert isinstance(exchange.deposit(0, "a", "USDT", D("-600.01"))[0], CashRefused)
    assert isinstance(exchange.deposit(0, "a", "USDT", D(-600))[0], CashMoved)


@pytest.mark.parametrize("currency", ["USDT", "BTC"])
def test_withdrawal_without_prices(currency):
    """While a mark is missing nobody can say what is free in that pool, and it stays."""
    cash = {"USDT": "1000", "BTC": "1"}
    exchange = opened(cash, [(LINEAR, "50", "100")], mark=None)
    expected = CashRefused if currency == "USDT" else CashMoved

    assert isinstance(exchange.deposit(0, "a", currency, D(-1))[0], expected)


def test_withdrawal_from_isolated():
    """What is locked for an isolated position does not leave, whatever it gained."""
    exchange = opened(None, [(LINEAR, "50", "100")], ISOLATED, mark="150")

    assert isinstance(exchange.deposit(0, "a", "USDT", D("-500.01"))[0], CashRefused)
    assert isinstance(exchange.deposit(0, "a", "USDT", D(-500))[0], CashMoved)
    assert D(3000) == exchange.standings("a")[LINEAR_POOL].balance


@pytest.mark.parametrize(
    ("currency", "most"),
    [
        ("USDT", "750"),  # 1,000 + 500 x 0.5 count; of 500 of margin 750 remain
        ("BTC", "0.005"),  # all of it: half of 500 USD is less than what is free
        ("USDC", "30"),  # not listed: no margin rests on it
    ],
)
def test_withdrawal_of_collateral(currency, most):
    """Of collateral that stands together what leaves is weighed at its share."""
    terms = AccountTerms(leverage=D(10), collateral={"USDT": D(1), "BTC": D("0.5")})
    cash = {"USDT": "1000", "BTC": "0.005", "USDC": "30"}
    exchange = opened(cash, [(LINEAR, "50", "100")], terms)
    exchange.set_index(0, "BTC", D(100_000))

    assert isinstance(exchange.deposit(0, "a", currency, -D(most) - D("1e-6"))[0], CashRefused)
    assert isinstance(exchange.deposit(0, "a", currency, -D(most))[0], CashMoved)


def test_collateral_that_margin_needs():
    """Coins that margin rests on leave only as far as their share is free."""
    terms = AccountTerms(leverage=D(10), collateral={"USDT": D(1), "BTC": D("0.5")})
    exchange = opened({"BTC": "0.02"}, [(LINEAR, "50", "100")], terms)
    exchange.set_index(0, "BTC", D(100_000))

    # 1,000 count, 500 are needed: half the coins may go
    assert isinstance(exchange.deposit(0, "a", "BTC", D("-0.010001"))[0], CashRefused)
    assert isinstance(exchange.deposit(0, "a", "BTC", D("-0.01"))[0], CashMoved)


def test_withdrawal_without_terms():
    """Nobody asks whether an account without terms can pay."""
    exchange = opened()

    assert isinstance(exchange.deposit(0, "c", "USDT", D(-5))[0], CashMoved)
    assert D(-5) == exchange.balance("c", "USDT")
    assert [0] == balanced(exchange)


@pytest.mark.parametrize(("amount", "a", "b"), [("-300", "700", "1300"), ("300", "1300", "700")])
def test_transfer(amount, a, b):
    """A transfer leaves one account and reaches the other: one record for each."""
    exchange = opened()

    first, second = exchange.move_cash(3, request(CashKind.TRANSFER, amount, "b"))

    assert (("a", D(amount)), ("b", -D(amount))) == (
        (first.account, first.amount),
        (second.account, second.amount),
    )
    assert CashKind.TRANSFER == first.kind == second.kind
    assert first.cash_id != second.cash_id
    assert (D(a), D(b)) == (exchange.balance("a", "USDT"), exchange.balance("b", "USDT"))
    assert [0] == balanced(exchange)


@pytest.mark.parametrize(
    ("amount", "passes"), [("-500", True), ("-500.01", False), ("1000", True), ("1000.01", False)]
)
def test_transfer_of_what_is_free(amount, passes):
    """Whichever side pays must have it free; the other is not asked."""
    exchange = opened(None, [(LINEAR, "50", "100")])

    records = exchange.move_cash(0, request(CashKind.TRANSFER, amount, "b"))

    assert (2 if passes else 1) == len(records)
    assert passes is not isinstance(records[0], CashRefused)
    assert D(2000) == exchange.balance("a", "USDT") + exchange.balance("b", "USDT")
    assert [0] == balanced(exchange)


@pytest.mark.parametrize("kind", [CashKind.INTEREST, CashKind.REBATE])
@pytest.mark.parametrize("amount", ["-999999", "-12.5", "12.5"])
def test_interest_and_rebate(kind, amount):
    """Interest and rebates are booked unasked, and come out of what the house collected."""
    exchange = opened(None, [(LINEAR, "50", "100")], mark="90")

    (moved,) = exchange.move_cash(0, request(kind, amount))

    assert (kind, D(amount)) == (moved.kind, moved.amount)
    assert D(1000) + D(amount) == exchange.balance("a", "USDT")
    collected = exchange.house.interest if kind is CashKind.INTEREST else exchange.house.fees
    assert {"USDT": -D(amount)} == collected
    assert [0] == balanced(exchange)


@pytest.mark.parametrize(
    ("kind", "other"),
    [
        (CashKind.DEPOSIT, None),
        (CashKind.TRANSFER, "b"),
        (CashKind.INTEREST, None),
        (CashKind.REBATE, None),
    ],
)
def test_key(kind, other):
    """What was asked under the same key before is not done again; another key or none is."""
    exchange = opened()
    for ts, key, count in ((0, "k", 1), (0, "k", 0), (9, "k", 0), (9, "l", 1), (9, "", 1)):
        records = exchange.move_cash(ts, request(kind, "10", other, key))
        assert count * (2 if other else 1) == len(records)

    assert D(1030) == exchange.balance("a", "USDT")
    assert [0] == balanced(exchange)


def test_key_of_a_refusal():
    """A key that was refused may be asked for again."""
    exchange = opened()
    wanted = request(CashKind.WITHDRAWAL, "-1001", None, "k")

    assert isinstance(exchange.move_cash(0, wanted)[0], CashRefused)
    exchange.deposit(0, "a", "USDT", D(1))
    assert isinstance(exchange.move_cash(0, wanted)[0], CashMoved)


def test_key_by_account():
    """A key belongs to its account."""
    exchange = opened()
    first = exchange.move_cash(0, request(CashKind.DEPOSIT, "1", None, "k"))
    second = exchange.move_cash(0, request(CashKind.DEPOSIT, "1", None, "k", "b"))

    assert (1, 1) == (len(first), len(second))


@pytest.mark.parametrize(
    "wanted",
    [
        request(CashKind.DEPOSIT, "NaN"),
        request(CashKind.DEPOSIT, "Infinity"),
        request(CashKind.DEPOSIT, "1", account="nobody"),
        request(CashKind.TRANSFER, "1", "nobody"),
        request(CashKind.TRANSFER, "1"),
        request(CashKind.DEPOSIT, "1", "b"),
        request(CashKind.INTEREST, "1", "b"),
    ],
)
def test_senseless_requests(wanted):
    """Only a transfer names another account, that is here, and every amount is a number."""
    exchange = opened()

    with pytest.raises(DataError):
        exchange.move_cash(0, wanted)
    assert D(1000) == exchange.balance("a", "USDT")


# 1,000 USDT, 50 contracts at 100 and 10x: 500 locked, 500 free. At 110 they have gained 500 and
# need 550, so of 1,000 there 450 may go; at 98 they lost 100 of 500 and need 490.
@pytest.mark.parametrize(
    ("mark", "amount", "passes"),
    [
        ("100", "500", True),
        ("100", "500.01", False),
        ("100", "-0.01", False),
        ("110", "500", True),  # what it gained is not free cash
        ("110", "500.01", False),
        ("110", "-450", True),
        ("110", "-450.01", False),
        ("98", "-0.01", False),
        ("98", "100", True),
        ("100", "0", True),
    ],
)
def test_add_margin(mark, amount, passes):
    """Free cash may be locked for an isolated position, and what it does not need freed."""
    exchange = opened(None, [(LINEAR, "50", "100")], ISOLATED, mark)
    before = exchange.standings("a")

    records = exchange.add_margin(0, "a", LINEAR.id, D(amount))

    after, moved = exchange.standings("a"), D(amount) if passes else D(0)
    refused = (CashRefused(0, "a", CashKind.TRANSFER, D(amount), "USDT"),)
    assert (() if passes else refused) == records
    assert before[LINEAR_POOL].balance + moved == after[LINEAR_POOL].balance
    assert before[Pool("USDT")].balance - moved == after[Pool("USDT")].balance
    assert D(1000) == exchange.balance("a", "USDT")
    assert [0] == balanced(exchange)


def test_add_margin_without_a_mark():
    """Nothing is freed while nobody can say what the position needs; adding needs no mark."""
    exchange = opened(None, [(LINEAR, "50", "100")], ISOLATED, mark=None)

    assert isinstance(exchange.add_margin(0, "a", LINEAR.id, D(-1))[0], CashRefused)
    assert () == exchange.add_margin(0, "a", LINEAR.id, D(500))


@pytest.mark.parametrize(
    ("positions", "terms", "instrument", "amount"),
    [
        ([], ISOLATED, LINEAR, "1"),
        ([(LINEAR, "1", "100")], CROSS, LINEAR, "1"),
        ([(CALL, "1", "0.05")], ISOLATED, CALL, "1"),  # options are always cross
        ([(LINEAR, "1", "100")], ISOLATED, LINEAR, "NaN"),
    ],
)
def test_senseless_margin(positions, terms, instrument, amount):
    """Margin is added to an isolated position that is held."""
    with pytest.raises(DataError, match="isolated position"):
        opened(None, positions, terms).add_margin(0, "a", instrument.id, D(amount))
