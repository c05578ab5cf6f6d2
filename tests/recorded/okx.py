"""Who reads what was recorded of OKX: frames, and answers to the account's questions."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import msgspec

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.venues.okx import identity
from rebalancer.venues.okx.account import OkxAccount
from rebalancer.wire.okx import frames
from rebalancer.wire.okx.values import Refused, Unknown
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
    parsed,
    rows_of,
    shelf,
    sitting,
    wrapped,
)
from tests.recorded.lines import MARKS, Line, Told, decoded, named, refused, unknown

EMPTY = '{"code": "0", "data": []}'
USUAL = {
    "account/balance": '{"code": "0", "data": [{"adjEq": "", "details": []}]}',
    **dict.fromkeys(("account/positions", "trade/orders-", "trade/fills"), EMPTY),
    **dict.fromkeys(("public/instruments", "asset/currencies"), EMPTY),
}
ROW, DETAIL = '{"code": "0", "data": [@]}', '{"code": "0", "data": [{"adjEq": "", "details": [@]}]}'
FRAMES = {  # what a recording left out around its rows
    "ws_opt_summary.json": '{"arg": {"channel": "opt-summary", "instFamily": "BTC-USD"}, "data": @}'
}
SWAP = "BTC-USDT-SWAP"
Read = Callable[[Desk, Line], Awaitable[None]]


@asynccontextmanager
async def desk() -> AsyncIterator[Desk]:
    """Yield a desk before OKX."""

    def account(connection: Any) -> OkxAccount:
        connection.exchange.market = lambda _: {"id": SWAP}  # what an order's answer leaves out
        return OkxAccount("okx", connection, Freely(), CLOCK, {}, lambda _: False)

    async with sitting("okx", USUAL, account) as opened:
        yield opened


async def _balance(at: Desk, line: Line) -> None:
    await holdings(at, "account/balance", line.text)


async def _detail(at: Desk, line: Line) -> None:
    await holdings(at, "account/balance", wrapped(line, DETAIL))


async def _positions(at: Desk, line: Line) -> None:
    await holdings(at, "account/positions", line.text)


async def _order(at: Desk, line: Line) -> None:
    (row,) = rows_of(line, "data")
    await by_id(at, "trade/order", line.text, [(row["ordId"], f"okx:{row['instId']}")])


async def _open(at: Desk, line: Line, part: str = "trade/orders-pending") -> None:
    await shelf(at, part, line.text, len(rows_of(line, "data")))


async def _stops(at: Desk, line: Line) -> None:
    await _open(at, line, "trade/orders-algo-pending")


async def _placed(at: Desk, line: Line) -> None:
    at.account.answered({"info": parsed(line), "symbol": SWAP})


async def _fill(at: Desk, line: Line) -> None:
    await fills(at, "trade/fills", wrapped(line, ROW), "okx:BTC-USDT")


async def _mark(at: Desk, line: Line) -> None:
    at.host.tell("public/mark-price", line.text)
    await identity.mark(at.subject, Instrument(f"okx:{SWAP}", Kind.PERPETUAL, "BTC", "USDT"))


async def _instruments(at: Desk, line: Line) -> None:
    rows = rows_of(line, "data")
    part = f"instType={rows[0]['instType']}"
    await markets(at, part, line.text, len(rows))
    for row in rows:
        text = msgspec.json.encode({"code": "0", "data": [row]}).decode()
        await listed(at, part, row["instId"], text)


_NO_CALL = "nobody asks for it"
_CHANNEL = "nobody asks for it by REST: a channel tells it"
_NO_STOPS = "nobody places stop orders"
_NO_SPREADS = "nobody trades spreads"
ANSWERS: dict[str, Read | str] = {
    "http_balance_detail_new_fields.json": _detail,
    "http_balance_detail_old_fields.json": _detail,
    "http_cancel_algo_order_response.json": _NO_STOPS,
    "http_get_account_balance.json": _balance,
    "http_get_account_positions-history.json": _NO_CALL,
    "http_get_candlesticks.json": _NO_CALL,
    "http_get_candlesticks_full.json": _NO_CALL,
    "http_get_funding_rate_history.json": _NO_CALL,
    "http_get_index_price.json": _CHANNEL,
    "http_get_instruments_futures.json": _instruments,
    "http_get_instruments_margin.json": "nobody trades on loan",
    "http_get_instruments_option.json": _instruments,
    "http_get_instruments_spot.json": _instruments,
    "http_get_instruments_swap.json": _instruments,
    "http_get_mark_price.json": _mark,
    "http_get_option_summary.json": _CHANNEL,
    "http_get_order_book.json": _CHANNEL,
    "http_get_orders_algo_history.json": _NO_STOPS,
    "http_get_orders_algo_pending.json": _stops,
    "http_get_orders_algo_pending_attached_oco.json": _stops,
    "http_get_orders_algo_pending_close_fraction.json": _stops,
    "http_get_orders_history.json": _order,
    "http_get_orders_pending.json": _open,
    "http_get_orders_pending_with_attached_tp_sl.json": _open,
    "http_get_position_tiers.json": _NO_CALL,
    "http_get_positions.json": _positions,
    "http_get_spread_orders.json": _NO_SPREADS,
    "http_get_spread_trades.json": _NO_SPREADS,
    "http_get_spreads.json": _NO_SPREADS,
    "http_get_trade_fee_response.json": _NO_CALL,
    "http_get_trades.json": _CHANNEL,
    "http_place_algo_order_rejected.json": _NO_STOPS,
    "http_place_algo_order_response.json": _NO_STOPS,
    "http_place_order_response.json": _placed,
    "http_set_position_mode_response.json": "nobody sets the account's mode",
    "http_transaction_detail.json": _fill,
    "http_transaction_detail_empty_fee.json": _fill,
}


async def payload(at: Desk, line: Line) -> Told:
    """Return what becomes of a single payload."""
    if line.file.startswith("ws_"):
        return frame(line)
    read = named(ANSWERS, line.file)
    if isinstance(read, str):
        return unknown(line.file, read)
    return await judged(at, line.file, partial(read, at, line))


async def session(at: Desk, line: Line) -> Told:
    """Return what becomes of a line of a session."""
    if line.kind in MARKS:
        return unknown(line.kind, MARKS[line.kind])
    if line.kind == "http":
        return await judged(at, "instruments", partial(_instruments, at, line))
    return frame(line)


def frame(line: Line) -> Told:
    """Return what becomes of a frame."""
    match frames.decode(wrapped(line, FRAMES.get(line.file, "@")).encode()):
        case Refused(reason=reason):
            return refused(line.file or line.kind, reason)
        case Unknown(name=name):
            return unknown(name or line.file, "no channel that is followed")
        case frames.Told(rows=(row, *_)):
            return decoded(type(row).__name__)
        case told:
            return decoded(type(told).__name__)
