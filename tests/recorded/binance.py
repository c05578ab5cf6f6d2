"""Who reads what was recorded of Binance's three venues: frames, and answers of REST."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

import msgspec

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.venues import skew
from rebalancer.venues.binance import build, identity
from rebalancer.venues.binance.beside import MarketBeside
from rebalancer.venues.binance.family import SPOT, USDM, Venue
from rebalancer.venues.outcome import Malformed
from rebalancer.venues.seats import AccountSeat
from rebalancer.wire.binance import frames
from rebalancer.wire.binance.market import Market
from rebalancer.wire.binance.values import Refused, Unknown
from tests.recorded.answers import (
    CLOCK,
    NOW,
    Desk,
    Freely,
    by_id,
    fills,
    holdings,
    judged,
    markets,
    parsed,
    rows_of,
    shelf,
    sitting,
)
from tests.recorded.lines import MARKS, Line, Told, decoded, named, refused, unknown
from tests.runtime.stage import Lines

ALONE = '{"multiAssetsMargin": false}'
USUAL = {
    "/accountConfig": ALONE,
    "/positionRisk": "[]",
    "/v3/account": '{"assets": [], "positions": []}',
}
Desks = Mapping[str, Desk]
Read = Callable[[Desk, Line], Awaitable[None]]


@asynccontextmanager
async def desks() -> AsyncIterator[Desks]:
    """Yield a desk before spot and one before USD-M, by the word that a payload begins with."""
    async with AsyncExitStack() as stack:
        found = {}
        for name, venue in (("spot", SPOT), ("futures", USDM)):
            opened = sitting(venue.name, USUAL, partial(_account, venue))
            found[name] = await stack.enter_async_context(opened)
        yield found


def _account(venue: Venue, connection: Any) -> Any:
    seat = AccountSeat(venue.name, connection, Freely(), CLOCK, {}, lambda _: False)
    return build.account(venue, seat)


# --- answers ------------------------------------------------------------------------------


async def _holdings(at: Desk, line: Line) -> None:
    await holdings(at, "/account?", line.text)


async def _risks(at: Desk, line: Line) -> None:
    """Read positions, with an account that holds the same."""
    account = {"assets": [], "positions": rows_of(line)}
    for ask in (at.account.positions, at.account.figures):
        at.host.tell("/positionRisk", line.text)
        at.host.told["/account?"] = [msgspec.json.encode(account).decode()]
        await ask()


async def _placed(at: Desk, line: Line) -> None:
    """Read the answer to an order, and the fills in it."""
    at.account.answered({"info": parsed(line)})


async def _order(at: Desk, line: Line) -> None:
    row = parsed(line)
    known = [(f"{row['symbol']}-{row['orderId']}", "")]
    await by_id(at, "/order?", line.text, known)


async def _cancel(at: Desk, line: Line) -> None:
    at.host.tell("/order?", line.text)
    if await at.account.cancel("rb01", "binance:LTCBTC") != 1:
        raise LookupError("nothing was canceled")


async def _open(at: Desk, line: Line) -> None:
    await shelf(at, "/openOrders?", line.text, len(rows_of(line)))


async def _trades(at: Desk, line: Line) -> None:
    row, *_ = rows_of(line)
    await fills(at, "/myTrades?", line.text, f"binance:{row['symbol']}")


async def _mark_of_pair(at: Desk, line: Line) -> None:
    at.host.tell("/ticker/bookTicker", line.text)
    name = parsed(line)["symbol"]
    await identity.mark(at.subject, Instrument(f"binance:{name}", Kind.SPOT, "LTC", "BTC"))


async def _time(at: Desk, line: Line) -> None:
    at.host.tell("/time", *[line.text] * skew.SAMPLES)
    await skew.skew(at.connection, CLOCK)


async def _markets(at: Desk, line: Line) -> None:
    await markets(at, "/exchangeInfo", line.text, len(rows_of(line, "symbols")))


async def _premiums(at: Desk, line: Line) -> None:
    """Read the mark of each contract as an examination does, one by one."""
    faults, rows = [], rows_of(line)
    for row in rows:
        at.host.tell("/premiumIndex", msgspec.json.encode(row).decode())
        contract = Instrument(f"binanceusdm:{row['symbol']}", Kind.PERPETUAL, "BTC", "USDT")
        try:
            await identity.mark(at.subject, contract)
        except Malformed as error:
            faults.append(str(error))
    if faults:
        raise Malformed(f"{len(faults)} of {len(rows)} contracts: {faults[0]}")


async def _beside(at: Desk, line: Line, part: str, *, prices: bool) -> None:
    """Let what stands beside a market's socket ask for a snapshot, or for the intervals."""
    words = SimpleNamespace(bare=("BTCUSDT",) if prices else (), snapshot=lambda *_: None)
    wanted = SimpleNamespace(hedge=())
    stream = SimpleNamespace(now=NOW, prices=prices, marks=not prices, words=words, wanted=wanted)
    venue, log = SPOT if at.connection.venue == "binance" else USDM, Lines()
    at.host.tell(part, line.text)
    await MarketBeside(venue, at.connection, stream, log).look()
    for _, _, facts in log.said:
        raise Malformed(str(facts["why"]))


async def _depth(at: Desk, line: Line) -> None:
    await _beside(at, line, "/depth", prices=True)


async def _intervals(at: Desk, line: Line) -> None:
    await _beside(at, line, "/fundingInfo", prices=False)


_NO_CALL = "nobody asks for it"
_CHANNEL = "nobody asks for it by REST: a stream tells it"
PAYLOADS: dict[str, Read | str] = {
    "futures/http_json/account_info_v2.json": _holdings,
    "futures/http_json/balance.json": "the account tells its balances",
    "futures/http_json/open_algo_orders.json": "nobody places stop orders",
    "futures/http_json/order_response.json": _placed,
    "futures/http_json/position_risk.json": _risks,
    "spot/http_json/account_response.json": _holdings,
    "spot/http_json/account_trades_response.json": _trades,
    "spot/http_json/all_orders_response.json": _NO_CALL,
    "spot/http_json/avg_price_response.json": _NO_CALL,
    "spot/http_json/book_ticker_response.json": _mark_of_pair,
    "spot/http_json/cancel_open_orders_response.json": _NO_CALL,
    "spot/http_json/cancel_order_response.json": _cancel,
    "spot/http_json/depth_response.json": _depth,
    "spot/http_json/exchange_info_response.json": _markets,
    "spot/http_json/klines_response.json": _NO_CALL,
    "spot/http_json/new_order_full_response.json": _placed,
    "spot/http_json/open_orders_response.json": _open,
    "spot/http_json/order_response.json": _order,
    "spot/http_json/ping_response.json": _NO_CALL,
    "spot/http_json/server_time_response.json": _time,
    "spot/http_json/ticker_24hr_response.json": _NO_CALL,
    "spot/http_json/ticker_price_response.json": _NO_CALL,
    "spot/http_json/trades_response.json": _CHANNEL,
}
CALLS: dict[str, Read] = {
    "/fapi/v1/exchangeInfo": _markets,
    "/fapi/v1/premiumIndex": _premiums,
    "/fapi/v1/fundingInfo": _intervals,
    "/fapi/v1/depth": _depth,
    "/api/v3/exchangeInfo": _markets,
}
STREAMED = ("market_data_json", "user_data_json")  # folders of payloads that sockets carry


async def payload(at: Desks, line: Line) -> Told:
    """Return what becomes of a single payload."""
    venue, folder, _ = line.file.split("/")
    if folder in STREAMED:
        return frame(Market(venue), line)
    read = named(PAYLOADS, line.file)
    if isinstance(read, str):
        return unknown(line.file, read)
    return await judged(at[venue], line.file, partial(read, at[venue], line))


async def answer(at: Desks, line: Line) -> Told:
    """Return what becomes of an answer of REST that names its endpoint."""
    return await _called(at, line, line.endpoint)


async def session(at: Desks, line: Line) -> Told:
    """Return what becomes of a line of a session with USD-M."""
    if line.kind in MARKS:
        return unknown(line.kind, MARKS[line.kind])
    if line.kind == "http":
        return await _called(at, line, line.url.partition("binance.com")[2])
    return frame(Market.FUTURES, line)


async def _called(at: Desks, line: Line, address: str) -> Told:
    call = address.partition("?")[0]
    desk = at["spot" if call.startswith("/api/") else "futures"]
    return await judged(desk, call, partial(named(CALLS, call), desk, line))


def frame(dialect: Market, line: Line) -> Told:
    """Return what becomes of a frame; a capture's snapshot is the answer to the depth call."""
    match frames.decode(line.msg, dialect):
        case Refused(reason=reason):
            return refused(line.file or dialect, reason)
        case Unknown(name=name):
            return unknown(name or line.file, "no stream that is followed")
        case told:
            return decoded(type(told).__name__)
