"""From files and settings to one stream of market items."""

from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rebalancer.core import pricing
from rebalancer.core.events import FundingRate, Index, Mark, OptionMark, Quote
from rebalancer.errors import ConfigError, DataError
from rebalancer.research.markets import MINUTE, SECOND, Window, open_market
from rebalancer.settings import load, resolve
from rebalancer.venues.paper import Delivery, Depth, FundingStamp, SessionEnd

HOUR = 3_600 * SECOND
EXPIRY = 1_772_179_200 * SECOND  # 2026-02-27 08:00 UTC
CALL = "deribit:BTC-27FEB26-98000-C"
PERPETUAL = "deribit:BTC-PERPETUAL"
TABLES = """
[book]
id = "markets"
mode = "paper"
[venues.deribit]
margin = "cross"
leverage = 10
fees = { maker = 0.0, taker = 0.0005 }
tiers = [[0, 0.01]]
[venues.binanceusdm]
margin = "cross"
leverage = 10
fees = { maker = 0.0, taker = 0.0005 }
tiers = [[0, 0.01]]
[underlyings.BTC]
numeraire = "usd"
target = 0.0
hedge = ["HEDGE"]
band = { kind = "fixed", lower = -0.05, upper = 0.05, reset = 0.0 }
[underlyings.BTC.limits]
order = 5.0
position = 20.0
net_delta = 2.0
[limits]
leverage = 10.0
turnover_per_day = 1e7
loss_per_day = 1e6
drawdown = 1e6
"""
OPTION_BOOK = """
[[holdings]]
instrument = "deribit:BTC-27FEB26-98000-C"
quantity = -1
role = "book"
[[holdings]]
instrument = "deribit:BTC"
quantity = 2
role = "book"
"""
BARS = {PERPETUAL: "bars.csv"}


def table(name, files):
    return f"{name} = {{ {', '.join(f'{key!r} = {file!r}' for key, file in files.items())} }}"


def opened(folder, replay, book=OPTION_BOOK, hedge=PERPETUAL, window=Window()):  # noqa: B008
    """Return the market of a configuration with this `[replay]`."""
    config = folder / "book.toml"
    config.write_text("\n".join([TABLES.replace("HEDGE", hedge), book, "[replay]", *replay]))
    settings = load(config)
    instruments = resolve(settings)
    held = [instruments[each.instrument] for each in settings.holdings]
    return open_market(settings, folder, instruments, held, window)


def write_bars(folder, start, *closes, name="bars.csv"):
    """Write hourly bars from an open time, s."""
    rows = [f"{start + place * 3_600},{c},{c},{c},{c},1" for place, c in enumerate(closes)]
    (folder / name).write_text("\n".join(["ts,open,high,low,close,volume", *rows]) + "\n")


def write_funding(folder, *settled):
    """Write settlements of (s, rate) each."""
    rows = [f"{ts},{rate}" for ts, rate in settled]
    (folder / "funding.csv").write_text("\n".join(["ts,funding_rate", *rows]) + "\n")


def write_chain(folder, *marks):
    """Write snapshots of the call: (s, coin price, vol, forward) each."""
    columns = {
        "ts": pa.array([ts * 1_000 for ts, *_ in marks], pa.timestamp("ms", "UTC")),
        "instrument_name": pa.array([CALL.partition(":")[2]] * len(marks)),
        "mark_price": pa.array([price for _, price, _, _ in marks]),
        "mark_iv": pa.array([vol for *_, vol, _ in marks]),
        "underlying_price": pa.array([forward for *_, forward in marks]),
        "index_price": pa.array([forward for *_, forward in marks]),
    }
    pq.write_table(pa.table(columns), folder / "chain.parquet")


def around_expiry(folder, **more):
    """Return three hours of items about the expiry of the call, with its last two chains."""
    start = EXPIRY // SECOND - 3 * 3_600
    write_bars(folder, start, 97_000, 98_500, 99_000.5, 90_000, 91_000)
    write_funding(folder, (start - 4 * 3_600, 0.0003), (start + 4 * 3_600, 0.0001))
    write_chain(folder, (start + 5_400, 0.02, 0.5, 98_600.0), (start + 14_400, 0.0, 0.5, 90_000.0))
    replay = [table("bars", BARS), table("funding", {PERPETUAL: "funding.csv"})]
    replay += ['chains = ["chain.parquet"]', 'settlement = "index"']
    return opened(folder, replay, **more)


def test_known_at_the_close(tmp_path):
    """A bar is mark, depth and quote one bar after it opened, a spread apart on ticks.

    The index comes last: it moves the delta, and an order has to meet the book of its moment.
    """
    market = around_expiry(tmp_path)
    items = [item for ts, item in market.items if ts == EXPIRY - 2 * HOUR]

    ts, price = EXPIRY - 2 * HOUR, Decimal("97000.0")
    bid, ask, size = Decimal("96995.0"), Decimal("97005.0"), Decimal(10**9)
    assert [
        Mark(ts, ts, PERPETUAL, price),
        Depth(PERPETUAL, ((bid, size),), ((ask, size),)),
        Quote(ts, ts, PERPETUAL, bid, size, ask, size),
        Index(ts, ts, "deribit", "BTC", price),
    ] == items


def test_spread_never_rounds_inwards(tmp_path):
    """Bid and ask are at least half the spread away from the close, on the venue's ticks."""
    market = around_expiry(tmp_path)
    for _, item in market.items:
        if isinstance(item, Quote):
            bid, ask = item.bid, item.ask
            assert 0 == bid % Decimal("0.5") == ask % Decimal("0.5")
            assert ask - bid >= Decimal("0.0001") * bid


def test_order_of_time(tmp_path):
    """Whatever the series, items come in time order, the first at the start."""
    market = around_expiry(tmp_path)
    times = [ts for ts, _ in market.items]

    assert sorted(times) == times
    assert market.start == times[0]


def test_calendar(tmp_path):
    """At 08:00 profit is settled and what expires is delivered, at what was known before."""
    market = around_expiry(tmp_path)
    items = [(ts, item) for ts, item in market.items if isinstance(item, SessionEnd | Delivery)]

    # The bar of 07:00 to 08:00 is known at the same moment, and after it.
    known = Decimal("98500.0")
    ends = [SessionEnd(PERPETUAL, known), Delivery(CALL)]
    assert sorted(map(str, ends)) == sorted(str(item) for _, item in items)
    assert {EXPIRY} == {ts for ts, _ in items}


def test_no_mark_after_the_end(tmp_path):
    """A chain that still names an option that ended is passed over."""
    market = around_expiry(tmp_path)
    marks = [(ts, item.vol) for ts, item in market.items if isinstance(item, OptionMark)]

    assert [(EXPIRY - 3 * HOUR // 2, 0.5)] == marks


def test_funding(tmp_path):
    """Each settlement tells its rate and is charged, in this order."""
    market = around_expiry(tmp_path)
    items = [
        (ts, item) for ts, item in market.items if isinstance(item, FundingRate | FundingStamp)
    ]

    assert [EXPIRY - 7 * HOUR] * 2 + [EXPIRY + HOUR] * 2 == [ts for ts, _ in items]
    assert ["FundingRate", "FundingStamp"] * 2 == [type(item).__name__ for _, item in items]
    assert [0.0003, 0.0001] == [item.rate for _, item in items if isinstance(item, FundingRate)]


def test_window(tmp_path):
    """A window holds its first moment and not its last."""
    window = Window(EXPIRY - 2 * HOUR, EXPIRY - HOUR)
    market = around_expiry(tmp_path, window=window)

    assert {window.start, EXPIRY - 3 * HOUR // 2} == {ts for ts, _ in market.items}


def test_sources(tmp_path):
    """Every file and every proxy in use is told."""
    told = "\n".join(around_expiry(tmp_path).sources)

    for word in ("bars.csv", "funding.csv", "chain.parquet", "1 bp", "without end"):
        assert word in told
    assert f"index of BTC: price of {PERPETUAL}" in told
    assert "settlement prices: the average index" in told


@pytest.mark.parametrize(
    ("replay", "path"),
    [
        ([], f"replay.bars.{PERPETUAL}"),
        ([], f"replay.funding.{PERPETUAL}"),
        ([], "replay.chains"),
        ([table("bars", BARS), 'chains = ["chain.parquet"]'], f"replay.funding.{PERPETUAL}"),
    ],
)
def test_missing(tmp_path, replay, path):
    """A series that nobody named is a fault of the configuration, told by its key."""
    with pytest.raises(ConfigError) as caught:
        opened(tmp_path, replay)

    assert path in [fault.path for fault in caught.value.faults]


def test_nothing_in_the_window(tmp_path):
    """A window without anything in it is a fault, and no empty success."""
    with pytest.raises(ConfigError, match="between --from and --to"):
        around_expiry(tmp_path, window=Window(1, 2))


def test_back_in_time(tmp_path):
    """A series that goes back in time is bad data."""
    write_bars(tmp_path, 1_767_225_600, 1, 2, 3)
    text = (tmp_path / "bars.csv").read_text().splitlines()
    (tmp_path / "bars.csv").write_text("\n".join([text[0], *reversed(text[1:])]) + "\n")
    write_funding(tmp_path, (1_767_225_600, 0.0001), (1_767_254_400, 0.0001))
    write_chain(tmp_path, (1_767_225_600, 0.02, 0.5, 98_600.0))
    replay = [table("bars", BARS), table("funding", {PERPETUAL: "funding.csv"})]

    with pytest.raises(DataError, match=r"bars\.csv"):
        opened(tmp_path, [*replay, 'chains = ["chain.parquet"]'])


# --- a fixed vol ----------------------------------------------------------------------

OWN_OPTION = """
[[instruments]]
id = "binanceusdm:BTC-27FEB26-98000-C"
kind = "option"
underlying = "BTC"
settle = "USDT"
size = 1
lot = 0.1
tick = 0.1
expiry = "2026-02-27T08:00:00Z"
strike = 98_000
type = "call"
[[holdings]]
instrument = "binanceusdm:BTC-27FEB26-98000-C"
quantity = -1
role = "book"
"""


def test_fixed_vol(tmp_path):
    """An option of a named vol is marked by its model whenever the index is told."""
    start = EXPIRY // SECOND - 240 * 3_600
    write_bars(tmp_path, start, 97_000, 98_500)
    write_funding(tmp_path, (start, 0.0003), (start + 28_800, 0.0001))
    name = "binanceusdm:BTC-27FEB26-98000-C"
    replay = [table("bars", {"binanceusdm:BTCUSDT": "bars.csv"})]
    replay.append(table("funding", {"binanceusdm:BTCUSDT": "funding.csv"}))
    replay.append(f'vols = {{ "{name}" = 0.6 }}')
    market = opened(tmp_path, replay, book=OWN_OPTION, hedge="binanceusdm:BTCUSDT")

    marks = [item for _, item in market.items if isinstance(item, OptionMark)]

    years = 239 / (365 * 24)
    expected = float(pricing.price(97_000.0, 98_000.0, years, 0.6, 1))
    assert pytest.approx(expected) == float(marks[0].price)
    assert [0.6, 0.6] == [each.vol for each in marks]
    assert [97_000.0, 98_500.0] == [each.forward for each in marks]


@pytest.mark.parametrize("kind", ["bars", "chains"])
def test_pace(tmp_path, kind):
    """Samples are taken where the scarcest series has its news; the clock is as fine as them."""
    if kind == "chains":
        market = around_expiry(tmp_path)
    else:
        write_bars(tmp_path, 1_767_225_600, 1, 2)
        write_funding(tmp_path, (1_767_225_600, 0.0001), (1_767_254_400, 0.0001))
        replay = [table("bars", BARS), table("funding", {PERPETUAL: "funding.csv"})]
        market = opened(tmp_path, replay, book="")

    assert (kind, 5 * MINUTE) == (market.sampled, market.tick)  # hourly bars
    assert {} == market.tallies
