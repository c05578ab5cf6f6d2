"""Bookings: what each kind of event does to quantities, basis and cash, to the last unit."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.core import adopting, bookings, positions
from rebalancer.core import ledger as books
from rebalancer.core.events import (
    Adopted,
    CashMoved,
    Delivered,
    Fill,
    FundingPaid,
    PositionReport,
    Settled,
)
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.ledger import Ledger
from rebalancer.core.positions import Position

D = Decimal

PERP = Instrument("v:PERP", Kind.PERPETUAL, "BTC", "BTC", size=D(10))
LINEAR = Instrument("v:LINEAR", Kind.PERPETUAL, "BTC", "USDT", size=D("0.1"))
SPOT = Instrument("v:SPOT", Kind.SPOT, "BTC", "USDT")
CALL = Instrument("v:CALL", Kind.OPTION, "BTC", "BTC", strike=D(80_000), sign=+1)
PUT = Instrument("v:PUT", Kind.OPTION, "BTC", "USDT", size=D("0.1"), strike=D(80_000), sign=-1)
DATED = Instrument("v:DATED", Kind.FUTURE, "BTC", "USDT")
COINS = Instrument("v:BTC", Kind.CASH, "BTC", "BTC")


def book(ledger, instrument, *trades, ours=False):
    """Book trades of (quantity, price) or (quantity, price, fee)."""
    for quantity, price, *fee in trades:
        key = f"t{len(ledger.seen)}"
        paid = D(fee[0]) if fee else D(0)
        fill = Fill(
            1, 1, "v", instrument.id, key, None, D(quantity), D(price), paid, instrument.settle
        )
        assert books.book_fill(ledger, fill, instrument, ours=ours)


@pytest.mark.parametrize(
    ("instrument", "trades", "quantity", "basis", "cash"),
    [
        # linear: the basis is what the coins cost, profit is cash when it is realised
        (LINEAR, [("20", "100000")], "20", "200000", "0"),
        (LINEAR, [("20", "100000"), ("10", "130000")], "30", "330000", "0"),
        (LINEAR, [("20", "100000"), ("-5", "110000")], "15", "150000", "5000"),
        (LINEAR, [("20", "100000"), ("-20", "90000")], "0", "0", "-20000"),
        (LINEAR, [("20", "100000"), ("-30", "110000")], "-10", "-110000", "20000"),
        (LINEAR, [("-20", "100000"), ("5", "90000")], "-15", "-150000", "5000"),
        (LINEAR, [("-20", "100000"), ("30", "110000")], "10", "110000", "-20000"),
        # inverse: the basis is the coins that the USD bought; a rise pays longs
        (PERP, [("10000", "100000")], "10000", "1", "0"),
        (PERP, [("10000", "100000"), ("-5000", "125000")], "5000", "0.5", "0.1"),
        (PERP, [("10000", "100000"), ("-10000", "80000")], "0", "0", "-0.25"),
        (PERP, [("10000", "100000"), ("-20000", "125000")], "-10000", "-0.8", "0.2"),
        (PERP, [("-10000", "100000"), ("10000", "80000")], "0", "0", "0.25"),
        (PERP, [("-10000", "100000"), ("10000", "125000")], "0", "0", "-0.2"),
        # paid in full: the premium or price leaves the cash at once
        (SPOT, [("2", "100000")], "2", "200000", "-200000"),
        (SPOT, [("2", "100000"), ("-1", "110000")], "1", "100000", "-90000"),
        (CALL, [("5", "0.04")], "5", "0.2", "-0.2"),
        (CALL, [("-5", "0.04"), ("2", "0.05")], "-3", "-0.12", "0.1"),
        (PUT, [("-10", "3000")], "-10", "-3000", "3000"),
        # fees
        (LINEAR, [("20", "100000", "100")], "20", "200000", "-100"),
        (PERP, [("10000", "100000", "-0.0001")], "10000", "1", "0.0001"),
    ],
)
def test_fills(instrument, trades, quantity, basis, cash):
    """A fill moves the position, realises profit on what closes, and pays its fee."""
    ledger = Ledger()
    book(ledger, instrument, *trades)
    held = ledger.position("v", instrument.id)

    assert (D(quantity), D(basis)) == (held.quantity, held.basis)
    assert D(cash) == ledger.balance("v", instrument.settle)


@pytest.mark.parametrize(
    ("instrument", "trades", "realised"),
    [
        (LINEAR, [("20", "100000"), ("-5", "110000")], "5000"),
        (PERP, [("10000", "100000"), ("-20000", "125000")], "0.2"),
        (CALL, [("5", "0.04"), ("-5", "0.05")], "0.05"),
        (PUT, [("-10", "3000"), ("10", "2000")], "1000"),
        (SPOT, [("2", "100000"), ("-1", "90000")], "-10000"),
    ],
)
def test_realised(instrument, trades, realised):
    """Profit is counted when it is realised, whatever way the premium went."""
    ledger = Ledger()
    book(ledger, instrument, *trades)

    assert D(realised) == ledger.realised[instrument.settle]


def test_doubled_fill():
    """A fill that is told again is booked once."""
    ledger = Ledger()
    fill = Fill(1, 1, "v", "v:LINEAR", "t1", None, D(1), D(100_000), D(5), "USDT")

    told = [books.book_fill(ledger, fill, LINEAR, ours=False) for _ in range(3)]

    assert [True, False, False] == told
    assert D(1) == ledger.position("v", "v:LINEAR").quantity
    assert D(5) == ledger.fees["USDT"]


@pytest.mark.parametrize(
    ("quantity", "fee", "ours", "left"),
    [
        ("1", "0.001", True, "0.999"),
        ("1", "0.001", False, "0.999"),
        ("1", "-0.0001", True, "1.0001"),  # a rebate in coins
        ("-1", "0.001", True, "-1.001"),
    ],
)
def test_fee_in_coins_of_the_pair(quantity, fee, ours, left):
    """It leaves the position and no cash: a venue has one balance of a coin."""
    ledger = Ledger()
    fill = Fill(1, 1, "v", "v:SPOT", "t1", None, D(quantity), D(100_000), D(fee), "BTC")
    books.book_fill(ledger, fill, SPOT, ours=ours)
    held = ledger.position("v", "v:SPOT")

    assert D(left) == held.quantity
    assert D(left if ours else 0) == held.hedge
    assert ("v", "BTC") not in ledger.cash
    assert -D(quantity) * 100_000 == ledger.balance("v", "USDT")
    assert {"BTC": D(fee)} == ledger.fees


def test_fee_in_another_currency():
    """A fee in a currency that is neither coin nor quote leaves the cash of that currency."""
    ledger = Ledger()
    fill = Fill(1, 1, "v", "v:SPOT", "t1", None, D(1), D(100_000), D("0.2"), "BNB")
    books.book_fill(ledger, fill, SPOT, ours=False)

    assert D(1) == ledger.position("v", "v:SPOT").quantity
    assert D("-0.2") == ledger.balance("v", "BNB")
    assert D(-100_000) == ledger.balance("v", "USDT")


def test_fee_of_a_contract_in_coins():
    """A coin is cash where a contract settles in it: nothing leaves the contract."""
    ledger = Ledger()
    fill = Fill(1, 1, "v", "v:LINEAR", "t1", None, D(1), D(100_000), D("0.001"), "BTC")
    books.book_fill(ledger, fill, LINEAR, ours=True)

    assert D(1) == ledger.position("v", "v:LINEAR").quantity
    assert D("-0.001") == ledger.balance("v", "BTC")


@pytest.mark.parametrize(
    ("ours", "hedge"),
    [
        ([True], "3"),
        ([False], "0"),
        ([True, False], "3"),
        ([True, True], "6"),
    ],
)
def test_hedge_part(ours, hedge):
    """Only what our own orders did counts as hedge."""
    ledger = Ledger()
    for own in ours:
        book(ledger, LINEAR, ("3", "100000"), ours=own)

    assert D(hedge) == ledger.position("v", "v:LINEAR").hedge


def test_hedge_against_its_own_instrument():
    """A hedge that nets a position of the book to nothing is not forgotten."""
    ledger = Ledger()
    book(ledger, LINEAR, ("-3", "100000"))
    book(ledger, LINEAR, ("3", "100000"), ours=True)

    assert Position(D(0), D(0), D(3)) == ledger.position("v", "v:LINEAR")

    book(ledger, LINEAR, ("3", "100000"))
    book(ledger, LINEAR, ("-3", "100000"), ours=True)

    assert {} == ledger.positions


def test_funding():
    """Funding is cash, once."""
    ledger = Ledger()
    paid = FundingPaid(1, 1, "v", "v:PERP", "f1", D("-0.0003"), "BTC")

    assert books.book_funding(ledger, paid)
    assert not books.book_funding(ledger, paid)
    assert D("-0.0003") == ledger.balance("v", "BTC") == ledger.funding["BTC"]


@pytest.mark.parametrize(
    ("instrument", "trade", "price", "basis", "cash"),
    [
        (LINEAR, ("20", "100000"), "110000", "220000", "20000"),
        (LINEAR, ("-20", "100000"), "110000", "-220000", "-20000"),
        (PERP, ("10000", "100000"), "125000", "0.8", "0.2"),
        (PERP, ("-10000", "100000"), "125000", "-0.8", "-0.2"),
        (SPOT, ("1", "100000"), "125000", "100000", "-100000"),  # nothing to move
        (CALL, ("1", "0.04"), "125000", "0.04", "-0.04"),
    ],
)
def test_settlement(instrument, trade, price, basis, cash):
    """A session's end moves open profit into cash, once, and starts a new basis."""
    ledger = Ledger()
    book(ledger, instrument, trade)
    settled = Settled(2, 2, "v", instrument.id, "s1", D(price))

    assert books.book_settlement(ledger, settled, instrument)
    assert not books.book_settlement(ledger, settled, instrument)
    assert D(basis) == ledger.position("v", instrument.id).basis
    assert D(cash) == ledger.balance("v", instrument.settle)


@pytest.mark.parametrize(
    ("instrument", "trade", "price", "cash", "realised"),
    [
        (CALL, ("5", "0.04"), "100000", "0.8", "0.8"),  # 5·(0.2 - 0.04)
        (CALL, ("-5", "0.04"), "100000", "-0.8", "-0.8"),
        (CALL, ("5", "0.04"), "70000", "-0.2", "-0.2"),
        (PUT, ("-10", "3000"), "70000", "-7000", "-7000"),  # 3000 - 10·0.1·10000
        (PUT, ("-10", "3000"), "90000", "3000", "3000"),
        (DATED, ("2", "100000"), "90000", "-20000", "-20000"),
    ],
)
def test_delivery(instrument, trade, price, cash, realised):
    """A dated contract pays what it is worth and is gone, once."""
    ledger = Ledger()
    book(ledger, instrument, trade)
    ended = Delivered(1, 1, "v", instrument.id, "d1", D(price))

    assert books.book_delivery(ledger, ended, instrument)
    assert not books.book_delivery(ledger, ended, instrument)
    assert {} == ledger.positions
    assert D(cash) == ledger.balance("v", instrument.settle)
    assert D(realised) == ledger.realised[instrument.settle]


@pytest.mark.parametrize(
    ("instrument", "trades", "price", "profit", "entry"),
    [
        (LINEAR, [("20", "100000")], "110000", "20000", "100000"),
        (LINEAR, [("-20", "100000")], "110000", "-20000", "100000"),
        (PERP, [("10000", "100000")], "125000", "0.2", "100000"),
        (PERP, [("-10000", "100000")], "80000", "0.25", "100000"),
        (PERP, [("10000", "100000"), ("10000", "50000")], "100000", "1", "200000/3"),
        (CALL, [("5", "0.04")], "125000", "0", "0.04"),
        (SPOT, [], "125000", "0", None),
    ],
)
def test_open_profit_and_entry(instrument, trades, price, profit, entry):
    """Open profit is in the settle currency; the entry of an inverse contract is harmonic."""
    ledger = Ledger()
    book(ledger, instrument, *trades)
    held = ledger.position("v", instrument.id)
    told = positions.entry_price(instrument, held)

    assert D(profit) == positions.open_profit(instrument, held, D(price))
    if entry is None:
        assert told is None
    else:
        above, _, below = entry.partition("/")
        assert float(above) / float(below or 1) == pytest.approx(float(told))


def test_adopted():
    """What is adopted replaces what was known, its hedge part too."""
    ledger = Ledger()
    book(ledger, LINEAR, ("5", "100000"), ours=True)
    flat = PositionReport(1, None, "v", "v:LINEAR", D(0))
    three = PositionReport(1, None, "v", "v:LINEAR", D(-3))

    adopting.adopt(ledger, flat, LINEAR, D(90_000))
    assert {} == ledger.positions

    adopting.adopt(ledger, three, LINEAR, D(90_000), hedge=True)
    assert Position(D(-3), D("-27000"), D(-3)) == ledger.position("v", "v:LINEAR")

    adopting.adopt(ledger, flat, LINEAR, D(90_000), hedge=True)
    assert {} == ledger.positions


EARLY = 5  # ns


@pytest.mark.parametrize(
    "late",
    [
        Fill(9, EARLY, "v", LINEAR.id, "t9", None, D(2), D(90_000), D("0.5"), "USDT"),
        FundingPaid(9, EARLY, "v", LINEAR.id, "p9", D(7), "USDT"),
        Settled(9, EARLY, "v", LINEAR.id, "s9", D(80_000)),
    ],
)
def test_told_after_it_was_adopted(late):
    """A booking from before its position was adopted is in it already, however late it is told."""
    ledger = Ledger()
    adopting.book_adopted(ledger, Adopted(6, 6, "v", LINEAR.id, D(3), D(90_000)), LINEAR)
    before = (dict(ledger.positions), dict(ledger.cash))

    for _ in range(2):
        _book(ledger, late)
    assert before == (ledger.positions, ledger.cash)

    _book(ledger, replace(late, ts_venue=7, **_other_key(late)))
    assert before != (ledger.positions, ledger.cash)


def _book(ledger, event):
    match event:
        case Fill():
            books.book_fill(ledger, event, LINEAR, ours=False)
        case FundingPaid():
            books.book_funding(ledger, event)
        case Settled():
            books.book_settlement(ledger, event, LINEAR)
        case CashMoved():
            books.book_cash(ledger, event)


def _other_key(event):
    names = {Fill: "trade_id", FundingPaid: "payment_id", Settled: "settlement_id"}
    return {names[type(event)]: "other"}


def test_a_deposit_told_after_the_cash_was_adopted():
    """A deposit from before the balance was adopted is not added to it once more."""
    ledger = Ledger()
    adopting.book_adopted(ledger, Adopted(6, 6, "v", "v:BTC", D(3), D(1)), COINS)

    _book(ledger, CashMoved(9, EARLY, "v", "c1", "deposit", D(1), "BTC"))
    assert D(3) == ledger.balance("v", "BTC")
    _book(ledger, CashMoved(9, 7, "v", "c2", "deposit", D(1), "BTC"))
    assert D(4) == ledger.balance("v", "BTC")


def test_adopted_cash():
    """An adopted balance is the balance, whatever was there."""
    ledger = Ledger()
    for told in ("7", "5"):
        adopting.adopt(ledger, PositionReport(1, None, "v", "v:BTC", D(told)), COINS, D(1))

    assert D(5) == ledger.balance("v", "BTC")
    assert {} == ledger.positions


def test_thirds():
    """What a division cannot say exactly is lost nowhere: three parts make the whole."""
    ledger = Ledger()
    book(ledger, PERP, ("3", "70001"), ("-1", "70001"), ("-1", "70001"), ("-1", "70001"))

    assert D(0) == sum(ledger.cash.values()) + ledger.position("v", "v:PERP").basis
    assert {} == ledger.positions


def test_cash_that_moved():
    """Cash that moves without a trade is booked once, by its id, and is neither profit nor fee."""
    ledger = Ledger()
    moved = CashMoved(1, 1, "v", "c1", "deposit", D("1.5"), "BTC")

    assert books.book_cash(ledger, moved)
    assert not books.book_cash(ledger, replace(moved, ts_local=9))
    assert books.book_cash(ledger, replace(moved, cash_id="c2", amount=D("-0.5")))

    assert D(1) == ledger.balance("v", "BTC")
    assert ({}, {}) == (ledger.realised, ledger.fees)


def test_delivery_fee():
    """What an ended contract costs comes out of cash, as a fee and not as a loss."""
    ledger = Ledger()
    book(ledger, CALL, ("1", "0.04"))

    assert books.book_delivery(
        ledger, Delivered(2, 2, "v", CALL.id, "d1", D(100_000), D("0.0003")), CALL
    )

    assert D("0.1597") == ledger.balance("v", "BTC")  # 0.2 - 0.04 less the fee
    assert ({"BTC": D("0.16")}, {"BTC": D("0.0003")}) == (ledger.realised, ledger.fees)


@pytest.mark.parametrize(
    ("instrument", "quantity", "price", "ended", "cash"),
    [
        (CALL, "2", "0.04", "100000", "0.32"),  # 2·(0.2 - 0.04)
        (CALL, "2", "0.04", "80000", "-0.08"),  # worthless: the premium is gone
        (DATED, "-2", "100000", "90000", "20000"),
    ],
)
def test_fill_told_after_the_end(instrument, quantity, price, ended, cash):
    """A fill that is heard once its contract is gone is cash, and revives nothing."""
    ledger = Ledger()
    book(ledger, instrument, ("1", price))
    books.book_delivery(ledger, Delivered(5, 5, "v", instrument.id, "d1", D(ended)), instrument)
    settled = ledger.balance("v", instrument.settle)

    book(ledger, instrument, (quantity, price))

    assert {} == ledger.positions
    assert D(cash) == ledger.balance("v", instrument.settle) - settled


@pytest.mark.parametrize("instrument", [PERP, LINEAR])
def test_fills_told_after_their_settlement(instrument):
    """However late fills are told, they stand in the basis as if they had been settled in time."""
    early = [
        Fill(9, n, "v", instrument.id, f"t{n}", None, D(7 + n), D(99_000 + n), D(0), "BTC")
        for n in range(20)
    ]
    settled = Settled(9, 20, "v", instrument.id, "s1", D("100892.5"))
    in_time, late = Ledger(), Ledger()
    for each in early:
        books.book_fill(in_time, each, instrument, ours=True)
    books.book_settlement(in_time, settled, instrument)
    books.book_fill(late, early[0], instrument, ours=True)
    books.book_settlement(late, settled, instrument)
    for each in early[1:]:
        books.book_fill(late, each, instrument, ours=True)

    assert in_time.positions == late.positions
    apart = in_time.balance("v", instrument.settle) - late.balance("v", instrument.settle)
    assert abs(apart) <= D("20e-12")  # one rounding a booking


def told(instrument, size, moments, order):
    """Return a ledger that heard of two fills and a settlement, in an order."""
    ledger = Ledger()
    held = Fill(9, 8, "v", instrument.id, "t0", None, D(-5000), D(98_000), D(0), "BTC")
    books.book_fill(ledger, held, instrument, ours=True)
    rows = {
        "a": Fill(9, moments[0], "v", instrument.id, "t1", None, D(-700), D(106_231), D(0), "BTC"),
        "b": Fill(9, moments[1], "v", instrument.id, "t2", None, D(-900), D(104_017), D(0), "BTC"),
    }
    for each in order:
        if each == "s":
            settled = Settled(9, 20, "v", instrument.id, "s1", D("105000"), size)
            books.book_settlement(ledger, settled, instrument)
        else:
            books.book_fill(ledger, rows[each], instrument, ours=True)
    return ledger


@pytest.mark.parametrize("instrument", [PERP, LINEAR])
@pytest.mark.parametrize("order", ["abs", "asb", "sab"])
@pytest.mark.parametrize(
    ("size", "moments"),
    [
        (None, (21, 21)),  # nobody says: they came after it
        (D(5000), (21, 21)),
        (D(5700), (19, 21)),
        (D(6600), (19, 19)),
    ],
)
def test_fills_at_the_moment_of_a_settlement(instrument, order, size, moments):
    """What the venue settled tells which of them were in it, in whichever order they are told."""
    found = told(instrument, size, (20, 20), order)
    sure = told(instrument, size, moments, "".join(sorted(order, key="asb".index)))

    one, other = (each.position("v", instrument.id) for each in (sure, found))
    paid, got = (each.balance("v", instrument.settle) for each in (sure, found))
    assert (one.quantity, one.hedge) == (other.quantity, other.hedge)
    assert abs(one.basis - other.basis) <= D("1e-12")  # one rounding a booking
    assert abs(paid - got) <= D("2e-12")


@pytest.mark.parametrize(
    ("held", "amount", "quantity", "basis"),
    [
        ("2", "1", "3", "300000"),  # worth what those beside it cost
        ("2", "-0.5", "1.5", "150000"),
        ("2", "-2", "0", "0"),
        ("0", "1", "1", "0"),
    ],
)
def test_coins_of_a_pair_that_come_and_go(held, amount, quantity, basis):
    """Coins that a pair holds are no cash, whatever brings them; nothing is earned by it."""
    ledger, named = Ledger(), {SPOT.id: SPOT, LINEAR.id: LINEAR}
    if D(held):
        book(ledger, SPOT, (held, "100000"))
    before = dict(ledger.cash)
    moved = CashMoved(2, 2, "v", "c1", "deposit", D(amount), "BTC", flow=True)

    assert bookings.book_moved(ledger, moved, named)
    assert not bookings.book_moved(ledger, moved, named)
    after = ledger.position("v", SPOT.id)
    assert (D(quantity), D(basis)) == (after.quantity, after.basis)
    assert before == ledger.cash
    assert D(0) == ledger.realised.get("USDT", D(0))


@pytest.mark.parametrize("named", [[LINEAR], [SPOT, replace(SPOT, id="v:OTHER")]])
def test_coins_without_one_pair(named):
    """They are cash where no pair, or more than one, might be meant; so is a dollar."""
    ledger = Ledger()
    for key, currency in (("c1", "BTC"), ("c2", "USDT")):
        moved = CashMoved(2, 2, "v", key, "deposit", D(1), currency, flow=True)
        bookings.book_moved(ledger, moved, {each.id: each for each in named})

    assert {("v", "BTC"): D(1), ("v", "USDT"): D(1)} == ledger.cash
    assert {} == ledger.positions
