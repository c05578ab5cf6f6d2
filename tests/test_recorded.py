"""Every line of every recording: how many are decoded, unknown and refused, and why."""

import gzip
from functools import cache, partial

import msgspec
import pytest

from tests.recorded import __main__ as command
from tests.recorded import binance, bybit, deribit, okx, reading
from tests.recorded.answers import judged
from tests.recorded.lines import Fate, Unnamed

COUNTS = {  # lines, decoded, unknown, refused
    "binance_coinm_btcusd_perp_2024-08-08": (48_270, 48_270, 0, 0),
    "binance_rest_2026-07-04": (5, 5, 0, 0),
    "binance_spot_btcusdt_2024-08-08": (41_249, 41_249, 0, 0),
    "binance_usdm_alts_2021-07-22": (1_541, 1_473, 68, 0),
    "binance_usdm_btcusdt_2022-08-11": (1_533, 1_533, 0, 0),
    "binance_usdm_btcusdt_2024-08-08": (93_954, 93_954, 0, 0),
    "deribit_options_2021-07-22": (142, 138, 2, 2),
    "okx_2022-05-13": (439, 435, 4, 0),
    "payloads_binance": (57, 36, 20, 1),
    "payloads_bybit": (57, 48, 9, 0),
    "payloads_deribit": (38, 26, 12, 0),
    "payloads_okx": (58, 32, 23, 3),
}
KINDS = {  # what was decoded of the captures, as their README counts it
    "binance_coinm_btcusd_perp_2024-08-08": {
        "DepthUpdate": 26_847,
        "BookTicker": 19_136,
        "TradePrint": 2_286,
        "DepthSnapshot": 1,
    },
    "binance_spot_btcusdt_2024-08-08": {
        "DepthUpdate": 3_451,
        "BookTicker": 28_040,
        "TradePrint": 9_757,
        "DepthSnapshot": 1,
    },
    "binance_usdm_alts_2021-07-22": {
        "DepthUpdate": 764,
        "BookTicker": 613,
        "AggTrade": 91,
        "/fapi/v1/depth": 4,
        "/fapi/v1/exchangeInfo": 1,
    },
    "binance_usdm_btcusdt_2022-08-11": {
        "DepthUpdate": 206,
        "TradePrint": 1_326,
        "DepthSnapshot": 1,
    },
    "binance_usdm_btcusdt_2024-08-08": {
        "DepthUpdate": 6_551,
        "BookTicker": 66_089,
        "TradePrint": 21_313,
        "DepthSnapshot": 1,
    },
}
# What is refused, by file and line. None of these is a message that a venue sends today.
REFUSED = {
    # Of 2021: rows name neither settlement nor counter currency, by which ccxt names a market.
    ("deribit_options_2021-07-22", 1): "must name markets, was none",
    ("deribit_options_2021-07-22", 2): "must name markets, was none",
    # An example of the documentation without its filters: neither lot nor tick.
    ("payloads_binance", 37): "must name markets, was none",
    # Long and short held apart; our ledger nets them, so no such position is believed.
    ("payloads_okx", 26): "posSide must be net",
    # Cut short by who recorded it: the venue tells what a fill is of, and its fee.
    ("payloads_okx", 36): "subType must be a text, was missing",
    ("payloads_okx", 37): "subType must be a text, was missing",
}
UNKNOWN_CHANNELS = {  # kinds that sockets tell and nobody follows
    "binance_usdm_alts_2021-07-22": {"open", "kline_1m"},
    "deribit_options_2021-07-22": {"open", "sent"},
    "okx_2022-05-13": {"open", "sent"},
    "payloads_binance": {
        *("kline", "forceOrder", "24hrTicker", "ALGO_UPDATE", "TRADE_LITE"),
        *("balanceUpdate", "listStatus"),
    },
    "payloads_bybit": {"execution.fast", "kline.5.BTCUSDT", "trade.linear.BTCUSDT"},
    "payloads_deribit": {"chart.trades.BTC-PERPETUAL.1", "deribit_volatility_index.btc_usd"},
    "payloads_okx": {"candle1D", "instruments", "orders-algo", "sprd-orders"},
}


@cache
def read(folder, name):
    """Return what became of a recording."""
    return reading.tally(reading.files(folder / "raw")[name])


@pytest.mark.parametrize("name", COUNTS)
def test_every_line(recordings, name):
    """Each line is decoded, unknown or refused; none is passed over, and no reader raises."""
    told = read(recordings, name)

    assert [] == told.faults
    assert COUNTS[name] == told.counts
    assert told.lines == sum(told.counts[1:])


def test_every_file(recordings):
    """Every file of the folder is in the table, and every one of the table is in the folder."""
    assert COUNTS.keys() == reading.files(recordings / "raw").keys() == reading.RECORDINGS.keys()


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.proves("binanceusdm", "market", "recorded")
@pytest.mark.proves("binancecoinm", "market", "recorded")
@pytest.mark.proves("binance", "market", "recorded")
def test_kinds(recordings, name):
    """Of a capture of Binance each kind of message is decoded as often as it was sent."""
    assert KINDS[name] == read(recordings, name).kinds


@pytest.mark.parametrize("name", COUNTS)
def test_what_is_refused(recordings, name):
    """A refused line is one that we looked at, for the reason that we know."""
    found = {
        number: group.reason
        for group, numbers in read(recordings, name).groups.items()
        for number in numbers
        if group.fate is Fate.REFUSED
    }
    known = {number: why for (file, number), why in REFUSED.items() if file == name}

    assert known.keys() == found.keys()
    assert [] == [number for number, why in known.items() if why not in found[number]]


@pytest.mark.parametrize("name", COUNTS)
def test_what_is_unknown(recordings, name):
    """Nobody reads these on purpose: channels that are not followed, calls that are not made."""
    groups = read(recordings, name).groups
    kinds = {each.kind for each in groups if each.fate is Fate.UNKNOWN}
    calls = {each for table in TABLES for each, who in table.items() if isinstance(who, str)}

    assert UNKNOWN_CHANNELS.get(name, set()) == kinds - calls


# --- the reading itself -------------------------------------------------------------------

TABLES = (binance.PAYLOADS, bybit.ANSWERS, deribit.ANSWERS, okx.ANSWERS)
IDLE = {  # answers of which nothing is read but that there is one
    "spot/http_json/cancel_order_response.json",
    "http_test.json",
}
VENUES = dict(
    zip(
        ("payloads_binance", "payloads_bybit", "payloads_deribit", "payloads_okx"),
        TABLES,
        strict=True,
    )
)
EMPTY = {
    "payloads_deribit": {"jsonrpc": "2.0", "id": 1, "result": {}},
    "payloads_bybit": {"retCode": 0, "result": {"list": [{}]}},
    "payloads_okx": {"code": "0", "data": [{}]},
}


def written(folder, name, *lines):
    """Return a recording of these lines."""
    path = folder / f"{name}.jsonl.gz"
    text = b"".join((each if isinstance(each, bytes) else msgspec.json.encode(each)) + b"\n"
                    for each in lines)  # fmt: skip
    path.write_bytes(gzip.compress(text))
    return path


@pytest.mark.parametrize("venue", VENUES)
def test_answers_are_read(tmp_path, venue):
    """An answer without its fields is not decoded: whoever reads it needs them."""
    names = [name for name, who in VENUES[venue].items() if not isinstance(who, str)]
    empty = EMPTY.get(venue, [{}])
    told = reading.tally(
        written(tmp_path, venue, *({"file": each, "msg": empty} for each in names))
    )

    assert set() == set(told.kinds) - IDLE


TICKER = {"e": "bookTicker", "u": 1, "s": "X", "b": "1", "B": "1", "a": "2", "A": "1", "E": 1}
LINES = [
    ({"recv_ns": 1, "msg": TICKER | {"T": 1}}, "decoded"),
    ({"recv_ns": 1, "msg": {"e": "kline"}}, "unknown"),
    ({"recv_ns": 1, "msg": TICKER}, "refused"),  # without T
    ({"recv_ns": 1, "msg": TICKER | {"T": 1, "a": "1"}}, "refused"),  # crossed
    ({"recv_ns": 1}, "refused"),
    (b'{"recv_ns": 1, "msg": {"e"', "refused"),
    (b"", "refused"),
    (b"\xff", "refused"),
]


@pytest.mark.parametrize(("line", "fate"), LINES)
def test_fates(tmp_path, line, fate):
    """What is read is decoded, what nobody reads is unknown, what is damaged is refused."""
    told = reading.tally(written(tmp_path, "binance_usdm_btcusdt_2024-08-08", line))

    assert {fate: 1} == {each: count for each, count in told.fates.items() if count}
    assert (1, []) == (told.lines, told.faults)


def test_what_raises_is_a_fault(tmp_path, monkeypatch):
    """A reader that raises is told with its line, and the lines after it are read."""

    def read(line):
        if line.kind:
            raise ZeroDivisionError("reckoned with nothing")
        return reading.binance.frame(reading.Market.FUTURES, line)

    name = "binance_usdm_btcusdt_2024-08-08"
    monkeypatch.setitem(reading.RECORDINGS, name, reading.Recording(read))
    good = {"msg": TICKER | {"T": 1}}
    told = reading.tally(written(tmp_path, name, good, good | {"kind": "x"}, good))

    assert (3, 2, 0, 0) == told.counts
    assert [f"{name}.jsonl.gz, line 2: ZeroDivisionError: reckoned with nothing"] == told.faults


def test_a_payload_without_a_reader(tmp_path):
    """A kind of payload that no table names is a fault with its name."""
    line = {"file": "http_get_something_new.json", "msg": {"code": "0", "data": []}}
    (fault,) = reading.tally(written(tmp_path, "payloads_okx", line)).faults

    assert "line 1" in fault
    assert "http_get_something_new.json" in fault


async def test_a_question_without_an_answer():
    """A reader that asks for what was not recorded is a fault, and no refusal of the venue's."""
    async with okx.desk() as desk:
        with pytest.raises(LookupError, match=r"made somebody ask .*trade/order"):
            await judged(desk, "x", partial(desk.account.by_id, "1", f"okx:{okx.SWAP}"))


def test_a_new_file(tmp_path, monkeypatch, capsys):
    """A file that nobody is named to read ends the command with 1, and is named."""
    folder = tmp_path / "raw"
    folder.mkdir()
    for name in reading.RECORDINGS:
        written(folder, name)
    assert COUNTS.keys() == reading.files(folder).keys()
    written(folder, "kraken_2027-01-01")
    monkeypatch.setenv("REBALANCER_DATA", str(tmp_path))

    assert 1 == command.main()
    assert "kraken_2027-01-01.jsonl.gz: nobody is named to read it" in capsys.readouterr().err


def test_a_file_that_is_gone(tmp_path):
    """A reader whose file is not there is told too: nothing would be counted for it."""
    for name in list(reading.RECORDINGS)[1:]:
        written(tmp_path, name)

    with pytest.raises(Unnamed, match=r"binance_coinm.*is not there"):
        reading.files(tmp_path)


def test_the_table(tmp_path, monkeypatch, capsys):
    """The command prints the counts with their total, then what was not decoded, and why."""
    folder = tmp_path / "raw"
    folder.mkdir()
    for name in reading.RECORDINGS:
        lines = [each for each, _ in LINES[:3]] if name.startswith("binance_usdm_btc") else []
        written(folder, name, *lines)
    monkeypatch.setenv("REBALANCER_DATA", str(tmp_path))

    assert 0 == command.main()
    told = capsys.readouterr().out.splitlines()
    assert ["total", "6", "2", "2", "2"] == told[len(COUNTS) + 1].split()
    assert any("1 x kline" in each and ", line 2): no stream" in each for each in told)
    assert any("line 3): Object missing required field `T`" in each for each in told)
