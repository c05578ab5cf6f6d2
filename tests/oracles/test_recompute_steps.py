"""The second opinion on a replay's worth, on books small enough to work out by hand."""

import pytest

from tests.oracles.recompute_steps import HEADER, main

CALL = "deribit:BTC-27FEB26-98000-C"
PERPETUAL = "deribit:BTC-PERPETUAL"


def row(ts, reason, instrument="", **cells):
    return {"ts": ts, "reason": reason, "instrument": instrument, **cells}


# One coin, a short call, then half a coin's worth of perpetual sold before a fall of a fifth:
# 1 - 0.00025 + 0.0001 coins, + 50,000 (1/80,000 - 1/100,000) = 0.125 coins, - 200 of the call.
COIN_BOOK = (
    row(1, "open", "deribit:BTC", quantity="1.0", price="1.0"),
    row(1, "open", CALL, quantity="-1.0", price="0.01"),
    row(2, "index", "BTC", price="100000"),
    row(2, "mark", CALL, price="1000"),
    row(2, "sample", equity="99000", unhedged_equity="-1000"),
    row(3, "fill", PERPETUAL, quantity="-50000", price="100000", fee="0.00025"),
    row(4, "funding", PERPETUAL, funding="0.0001"),
    row(5, "index", "BTC", price="80000"),
    row(5, "mark", CALL, price="200"),
    row(5, "mark", PERPETUAL, price="80000"),
    row(5, "sample", equity="89788", unhedged_equity="-200"),
)
FILL, FUNDING, LAST = 5, 6, 10  # rows of it

# Two coins of spot against dollars of margin, and one more bought: what it cost is gone as cash.
DOLLAR_BOOK = (
    row(1, "open", "binance:BTCUSDT", quantity="2", price="9"),
    row(1, "open", "binanceusdm:USDT", quantity="50", price="1"),
    row(1, "open_hedge", "binanceusdm:BTCUSDT", quantity="-2", price="11"),  # has gained 2
    row(2, "mark", "binance:BTCUSDT", price="10"),
    row(2, "mark", "binanceusdm:BTCUSDT", price="10"),
    row(2, "sample", equity="72", unhedged_equity="20"),
    row(3, "fill", "binance:BTCUSDT", quantity="1", price="12", fee="0.25"),
    row(4, "mark", "binance:BTCUSDT", price="13"),
    row(4, "mark", "binanceusdm:BTCUSDT", price="14"),
    # 50 - 0.25 - 12 cash, 39 of coins, short from 11 to 14
    row(4, "sample", equity="70.75", unhedged_equity="26"),
)

# Options end: a short call pays (100,000 - 98,000) ÷ 100,000 = 0.02 coins, then the coin falls.
ENDING_BOOK = (
    row(1, "open", "deribit:BTC", quantity="1", price="1"),
    row(1, "open", CALL, quantity="-1", price="0.05"),
    row(2, "index", "BTC", price="99000"),
    row(2, "mark", CALL, price="1500"),
    row(2, "sample", equity="97500", unhedged_equity="-1500"),
    row(3, "delivered", CALL, price="100000"),
    row(4, "index", "BTC", price="50000"),
    row(4, "sample", equity="49000", unhedged_equity="-2000"),
)

# A contract of 100 USD on Binance: 10 of them from 20,000 to 25,000 gain 0.01 coins.
COIN_MARGINED_BOOK = (
    row(1, "open", "binancecoinm:BTC", quantity="1", price="1"),
    row(2, "index", "BTC", price="20000"),
    row(2, "sample", equity="20000", unhedged_equity="0"),
    row(3, "fill", "binancecoinm:BTCUSD_PERP", quantity="10", price="20000", fee="0"),
    row(4, "index", "BTC", price="25000"),
    row(4, "mark", "binancecoinm:BTCUSD_PERP", price="25000"),
    row(4, "sample", equity="25250", unhedged_equity="0"),
)


# Four perpetuals from the start and two sold: what is left pays 6, the four would have paid 12.
CARRY_BOOK = (
    row(1, "open", "binanceusdm:USDT", quantity="100", price="1"),
    row(1, "open", "binanceusdm:BTCUSDT", quantity="4", price="10"),
    row(2, "mark", "binanceusdm:BTCUSDT", price="10"),
    row(2, "sample", equity="100", unhedged_equity="0"),
    row(3, "fill", "binanceusdm:BTCUSDT", quantity="-2", price="10", fee="0"),
    row(4, "funding", "binanceusdm:BTCUSDT", funding="-6"),
    row(5, "mark", "binanceusdm:BTCUSDT", price="11"),
    row(5, "sample", equity="96", unhedged_equity="-8"),
)

BOOKS = (COIN_BOOK, DOLLAR_BOOK, ENDING_BOOK, COIN_MARGINED_BOOK, CARRY_BOOK)


def text(rows):
    """Return a steps file of these rows."""
    lines = [",".join(str(each.get(name, "")) for name in HEADER) for each in rows]
    return "\n".join([",".join(HEADER), *lines]) + "\n"


def judge(folder, told):
    """Return the exit code for a file of this text."""
    path = folder / "steps.csv"
    path.write_text(told)
    return main([str(path)])


@pytest.mark.parametrize("book", BOOKS)
def test_agrees(tmp_path, capsys, book):
    """Books worked out by hand are agreed with, to the last digit."""
    assert 0 == judge(tmp_path, text(book))
    assert "worst 0 USD" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("place", "column", "value"),
    [
        (FILL, "fee", "0.0002503"),
        (FILL, "fee", "0.0002497"),
        (FILL, "price", "99999.9"),
        (FILL, "quantity", "-50010"),
        (FILL, "quantity", "50000"),
        (FUNDING, "funding", "0.0001003"),
        (FUNDING, "funding", "-0.0001"),
        (0, "quantity", "1.000001"),
        (1, "quantity", "-1.1"),
        (7, "price", "80001"),
        (8, "price", "200.02"),
        (9, "price", "80000.1"),
        (LAST, "equity", "89788.02"),
        (LAST, "unhedged_equity", "-200.02"),
    ],
)
def test_altered(tmp_path, capsys, place, column, value):
    """One altered number is a difference."""
    rows = list(COIN_BOOK)
    rows[place] = {**rows[place], column: value}

    assert 1 == judge(tmp_path, text(rows))
    assert capsys.readouterr().out.startswith("DIFFERS")


@pytest.mark.parametrize("missing", [FILL, FUNDING, 0, 1])
def test_left_out(tmp_path, missing):
    """A row left out is a difference."""
    assert 1 == judge(tmp_path, text(COIN_BOOK[:missing] + COIN_BOOK[missing + 1 :]))


@pytest.mark.parametrize("missing", [2, 3, 9])
def test_price_left_out(tmp_path, capsys, missing):
    """Nothing can be worked out without a price."""
    assert 1 == judge(tmp_path, text(COIN_BOOK[:missing] + COIN_BOOK[missing + 1 :]))
    assert "malformed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ts,underlying", "time,underlying"),
        ("fill", "filled"),
        ("0.00025", "nan"),
        ("0.00025", ""),
        ("100000,0.00025", "0,0.00025"),
        (PERPETUAL, "deribit:DOGS-PERPETUAL"),
        ("\n3,", "\n1,"),
        ("sample", "index"),
    ],
)
def test_malformed(tmp_path, capsys, old, new):
    """What is no steps file is told so, in one line."""
    told = text(COIN_BOOK)
    assert old in told

    assert 1 == judge(tmp_path, told.replace(old, new))
    assert 1 == capsys.readouterr().out.count("\n")


def test_worthless_option(tmp_path):
    """An option may be marked at nothing; nothing else may."""
    rows = [dict(each) for each in COIN_BOOK]
    rows[8]["price"], rows[LAST]["equity"], rows[LAST]["unhedged_equity"] = "0", "89988", "0"

    assert 0 == judge(tmp_path, text(rows))


def test_after_the_last_sample(tmp_path, capsys):
    """Rows that no sample closes are counted and not judged."""
    assert 0 == judge(tmp_path, text([*COIN_BOOK, {**COIN_BOOK[FILL], "ts": 6}]))
    assert "uncovered 1" in capsys.readouterr().out
