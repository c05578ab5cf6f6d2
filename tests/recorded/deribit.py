"""Who reads what was recorded of Deribit: frames, and the results inside their answers."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import msgspec

from rebalancer.venues import skew
from rebalancer.venues.deribit.account import DeribitAccount
from rebalancer.venues.outcome import Malformed
from rebalancer.wire.deribit import frames
from rebalancer.wire.deribit.values import Refused, Unknown
from tests.recorded.answers import (
    CLOCK,
    Desk,
    Freely,
    by_id,
    holdings,
    judged,
    listed,
    markets,
    parsed,
    rows_of,
    sitting,
)
from tests.recorded.lines import MARKS, Line, Told, decoded, named, refused, unknown

USUAL = dict.fromkeys(("private/get_positions", "public/get_currencies"), '{"result": []}')
Read = Callable[[Desk, Line], Awaitable[None]]


@asynccontextmanager
async def desk() -> AsyncIterator[Desk]:
    """Yield a desk before Deribit."""

    def account(connection: Any) -> DeribitAccount:
        return DeribitAccount("deribit", connection, Freely(), CLOCK, {}, lambda _: False)

    async with sitting("deribit", USUAL, account) as opened:
        yield opened


async def _summaries(at: Desk, line: Line) -> None:
    await holdings(at, "private/get_account_summaries", line.text)


async def _instrument(at: Desk, line: Line) -> None:
    name = rows_of(line, "result")["instrument_name"]
    await listed(at, "public/get_instrument", name, line.text)


async def _instruments(at: Desk, line: Line) -> None:
    await markets(at, "public/get_instruments", line.text, len(rows_of(line, "result")))


async def _placed(at: Desk, line: Line) -> None:
    """Read the answer to an order, as ccxt hands it on: the order, its trades inside."""
    told = parsed(line)["result"]
    at.account.answered({"info": {**told["order"], "trades": told["trades"]}})


async def _order(at: Desk, line: Line, *path: str) -> None:
    """Read an order's row as the answer to a question by its number."""
    row = rows_of(line, "result", *path)
    text = msgspec.json.encode({"result": row}).decode()
    known = [(row["order_id"], f"deribit:{row['instrument_name']}")]
    await by_id(at, "private/get_order_state", text, known)


async def _edited(at: Desk, line: Line) -> None:
    await _order(at, line, "order")


async def _time(at: Desk, line: Line) -> None:
    at.host.tell("public/get_time", *[line.text] * skew.SAMPLES)
    await skew.skew(at.connection, CLOCK)


async def _channels(_: Desk, line: Line) -> None:
    answer = frames.decode(line.msg)
    if isinstance(frames.read(answer.result, tuple[str, ...]), Refused):
        raise Malformed("channels must be texts")


async def _error(at: Desk, line: Line) -> None:
    """Read an error as the answer to a private question."""
    at.host.tell("private/get_account_summaries", line.text)
    await at.account.standing()


async def _frame(_: Desk, __: Line) -> None:
    """Read nothing more: that it is an answer is all that is asked."""


_NO_CALL = "nobody asks for it"
_CHANNEL = "nobody asks for it by REST: a channel tells it"
ANSWERS: dict[str, Read | str] = {
    "http_get_account_summaries.json": _summaries,
    "http_get_account_summaries_cross_margin.json": _summaries,
    "http_get_combos.json": _NO_CALL,
    "http_get_expirations_any.json": _NO_CALL,
    "http_get_expirations_btc_option.json": _NO_CALL,
    "http_get_instrument.json": _instrument,
    "http_get_instrument_option.json": _instrument,
    "http_get_instruments.json": _instruments,
    "http_get_instruments_future_combo.json": _instruments,
    "http_get_instruments_option_combo.json": _instruments,
    "http_get_last_trades.json": _CHANNEL,
    "http_get_last_trades_future_combo.json": _CHANNEL,
    "http_get_last_trades_historical_combo.json": _CHANNEL,
    "http_get_last_trades_option_combo.json": _CHANNEL,
    "http_get_last_trades_perpetual_with_combo_tags.json": _CHANNEL,
    "http_get_order_book.json": _CHANNEL,
    "http_get_time.json": _time,
    "http_get_tradingview_chart_data.json": _NO_CALL,
    "http_test.json": _frame,  # to a heartbeat
    "ws_error.json": _error,
    "ws_order_buy_response.json": _placed,
    "ws_order_cancel_response.json": _order,
    "ws_order_edit_response.json": _edited,
    "ws_order_sell_response.json": _placed,
    "ws_order_stop_market_no_filled_amount.json": _placed,
    "ws_order_stop_market_response.json": _placed,
    "ws_subscribe_response.json": _channels,
}


async def payload(at: Desk, line: Line) -> Told:
    """Return what becomes of a single payload."""
    told = frame(line)
    if not isinstance(frames.decode(line.msg), frames.Answer | frames.Failure):
        return told
    return await _answered(at, line, line.file)


async def session(at: Desk, line: Line) -> Told:
    """Return what becomes of a line of a session."""
    if line.kind in MARKS:
        return unknown(line.kind, MARKS[line.kind])
    if line.kind == "http":
        return await judged(at, "get_instruments", partial(_instruments, at, line))
    return frame(line)


async def _answered(at: Desk, line: Line, name: str) -> Told:
    read = named(ANSWERS, name)
    if isinstance(read, str):
        return unknown(name, read)
    return await judged(at, name, partial(read, at, line))


def frame(line: Line) -> Told:
    """Return what becomes of a frame."""
    match frames.decode(line.msg):
        case Refused(reason=reason):
            return refused(line.file or line.kind, reason)
        case Unknown(name=name):
            return unknown(name or line.file, "no channel that is followed")
        case frames.Told(body=(first, *_) | first):
            return decoded(type(first).__name__)
        case told:
            return decoded(type(told).__name__)
