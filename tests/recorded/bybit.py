"""Who reads what was recorded of Bybit: frames, and answers to the account's questions."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import msgspec

from rebalancer.venues.bybit import identity
from rebalancer.venues.bybit.account import BybitAccount
from rebalancer.wire.bybit import frames
from rebalancer.wire.bybit.values import Refused, Unknown
from tests.recorded.answers import (
    CLOCK,
    Desk,
    Freely,
    by_id,
    fills,
    holdings,
    judged,
    listed,
    markets,
    rows_of,
    shelf,
    sitting,
    wrapped,
)
from tests.recorded.lines import Line, Told, decoded, named, refused, unknown

EMPTY = '{"retCode": 0, "result": {"list": [], "rows": []}}'
FRAMES = {  # what a recording left out around its row
    "ws_account_position_with_open_time.json": '{"topic": "position", "data": [@]}'
}
WALLET = {"accountType": "UNIFIED", "accountMMRate": "0.1", "coin": []} | {
    f"total{each}": "1"
    for each in ("Equity", "MarginBalance", "MaintenanceMargin", "InitialMargin", "WalletBalance")
}
USUAL = {
    "account/wallet-balance": msgspec.json.encode(
        {"retCode": 0, "result": {"list": [WALLET]}}
    ).decode(),
    "user/query-api": '{"retCode": 0, "result": {"userID": 1}}',
    **dict.fromkeys(("position/list", "order/", "execution/list"), EMPTY),
    **dict.fromkeys(("market/instruments-info", "asset/coin/query-info"), EMPTY),
}
Read = Callable[[Desk, Line], Awaitable[None]]


@asynccontextmanager
async def desk() -> AsyncIterator[Desk]:
    """Yield a desk before Bybit."""

    def account(connection: Any) -> BybitAccount:
        return BybitAccount("bybit", connection, Freely(), CLOCK, {}, lambda _: False)

    async with sitting("bybit", USUAL, account) as opened:
        yield opened


async def _account(at: Desk, line: Line) -> None:
    at.host.tell("account/info", line.text)
    await identity.account(at.subject)


async def _executions(at: Desk, line: Line) -> None:
    await fills(at, "execution/list", line.text, "bybit:BTCUSDT")


async def _positions(at: Desk, line: Line) -> None:
    await holdings(at, "position/list", line.text)


async def _wallet(at: Desk, line: Line) -> None:
    await holdings(at, "account/wallet-balance", line.text)


async def _orders(at: Desk, line: Line, part: str) -> None:
    rows = rows_of(line, "result", "list")
    names = [(each["orderId"], "") for each in rows]
    await by_id(at, part, line.text, names)


async def _open(at: Desk, line: Line) -> None:
    await _orders(at, line, "order/realtime")
    count = len(rows_of(line, "result", "list"))
    await shelf(at, "order/realtime", line.text, count)


async def _ended(at: Desk, line: Line) -> None:
    await _orders(at, line, "order/history")


async def _instruments(at: Desk, line: Line) -> None:
    category = line.file.removeprefix("http_get_instruments_").partition("_")[0]
    category = category.partition(".")[0]
    rows = rows_of(line, "result", "list")
    await markets(at, f"category={category}", line.text, len(rows))
    for row in rows:
        text = msgspec.json.encode({"retCode": 0, "result": {"list": [row]}}).decode()
        name = row["symbol"] if category != "spot" else f"{row['baseCoin']}/{row['quoteCoin']}"
        await listed(at, f"category={category}", name, text)


_NO_CALL = "nobody asks for it"
_CHANNEL = "nobody asks for it by REST: a topic tells it"
ANSWERS: dict[str, Read | str] = {
    "http_get_account_info.json": _account,
    "http_get_executions.json": _executions,
    "http_get_fee_rate.json": _NO_CALL,
    "http_get_funding_history.json": _NO_CALL,
    "http_get_instruments_inverse.json": _instruments,
    "http_get_instruments_inverse_symbol_type.json": _instruments,
    "http_get_instruments_linear.json": _instruments,
    "http_get_instruments_linear_symbol_type.json": _instruments,
    "http_get_instruments_option.json": _instruments,
    "http_get_instruments_option_symbol_id.json": _instruments,
    "http_get_instruments_spot.json": _instruments,
    "http_get_instruments_spot_xstocks.json": _instruments,
    "http_get_klines_linear.json": _NO_CALL,
    "http_get_order_partially_filled_rejected.json": _ended,
    "http_get_orderbook.json": _CHANNEL,
    "http_get_orders_history.json": _ended,
    "http_get_orders_history_with_duplicate.json": _ended,
    "http_get_orders_realtime.json": _open,
    "http_get_orders_realtime_tp_sl.json": _open,
    "http_get_positions.json": _positions,
    "http_get_positions_with_open_time.json": _positions,
    "http_get_trades_recent.json": _CHANNEL,
    "http_get_wallet_balance.json": _wallet,
    "http_get_wallet_balance_spot_short.json": _wallet,
    "http_get_wallet_balance_with_spot_borrow.json": _wallet,
}


async def payload(at: Desk, line: Line) -> Told:
    """Return what becomes of a single payload."""
    if line.file.startswith("ws_"):
        return frame(line)
    read = named(ANSWERS, line.file)
    if isinstance(read, str):
        return unknown(line.file, read)
    return await judged(at, line.file, partial(read, at, line))


def frame(line: Line) -> Told:
    """Return what becomes of a frame."""
    match frames.decode(wrapped(line, FRAMES.get(line.file, "@")).encode()):
        case Refused(reason=reason):
            return refused(line.file, reason)
        case Unknown(name=name):
            return unknown(name or line.file, "no topic that is followed")
        case frames.Told(body=(first, *_) | first) | frames.Booked(records=(first, *_)):
            return decoded(type(first).__name__)
        case told:
            return decoded(type(told).__name__)
