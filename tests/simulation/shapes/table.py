"""The audit's table: where the shape of each message comes from, and how ours differs.

*Recorded* shapes are captures; *documented* ones Deribit's reference; *parsed*
ones the fields that ccxt's parser asks for. A difference is `+name` (ours has
more), `-name` (theirs has more) or `~name` (another kind of value); each that
there is must stand here, and each that stands here must be there.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

CAPTURE = "raw/deribit_options_2021-07-22.jsonl.gz"
PAYLOADS = "raw/payloads_deribit.jsonl.gz"
BOOKS = "options/deribit_btc_order_books_2020-05-21.jsonl.gz"


@dataclass(frozen=True)
class Recorded:
    """A message that somebody captured."""

    name: str  # of ours
    file: str
    chosen: Callable[[dict], bool]  # line of the file
    theirs: Callable[[dict], Any]
    ours: Callable[[dict], Any] = lambda told: told
    differs: frozenset[str] = field(default_factory=frozenset)


def _of_file(name):
    return lambda line: line.get("file") == name


def _channel(prefix, kind=None):
    def chosen(line):
        params = (line.get("msg") or {}).get("params") or {}
        told = params.get("data")
        fits = str(params.get("channel", "")).startswith(prefix)
        return line.get("kind") == "recv" and fits and (kind is None or told["type"] == kind)

    return chosen


def _instruments(currency):
    return lambda line: line.get("kind") == "http" and f"currency={currency}" in line["url"]


def message(line):
    """Return the whole frame."""
    return line["msg"]


def data(told):
    """Return what a notification carries."""
    return told["params"]["data"]


def result(told):
    """Return what an answer carries."""
    return told["result"]


def _line(name, file, differs=(), theirs=message, ours=lambda told: told):
    return Recorded(name, PAYLOADS, _of_file(file), theirs, ours, frozenset(differs))


_NEWER = ("price_index", "instrument_type", "instrument_id", "max_leverage", "counter_currency")
_NEWER += ("max_liquidation_commission", "block_trade_min_trade_amount", "block_trade_tick_size")
_NEWER += ("settlement_currency", "tick_size_steps", "rfq")  # than 2021

RECORDED = (
    _line("time", "http_get_time.json", {"+usIn", "+usOut", "+usDiff", "+testnet"}),
    _line("test", "http_test.json", {"+usIn", "+usOut", "+usDiff", "+testnet"}),
    _line(
        "error",
        "ws_error.json",
        {"-error.data", "+usIn", "+usOut", "+usDiff", "+testnet"},
    ),
    _line("subscribe", "ws_subscribe_response.json"),
    _line("test request", "ws_test_request.json"),
    _line("quote", "ws_quote.json"),
    _line("ticker.perpetual", "ws_ticker.json"),
    _line("book.snapshot", "ws_book_snapshot.json", {"-params.data.prev_change_id"}),
    _line("book.change", "ws_book_delta.json"),
    _line("book.grouped", "ws_book_grouped_snapshot.json"),
    _line("rest book", "http_get_order_book.json"),
    _line("rest trades", "http_get_last_trades.json"),
    _line("trades", "ws_trades.json", {"-params.data[].combo_trade_id"}),
    _line("instrument.perpetual", "http_get_instrument.json", {"+result.rfq"}),
    _line("instrument.option", "http_get_instrument_option.json", {"+result.rfq"}),
    _line("buy", "ws_order_buy_response.json", {"+result.order.max_show"}),
    _line("edit", "ws_order_edit_response.json", {"+result.order.max_show"}),
    _line("cancel", "ws_order_cancel_response.json", {"+result.max_show"}),
    _line(
        "summaries",
        "http_get_account_summaries.json",
        {
            *("+result.summaries[].additional_reserve", "+result.summaries[].locked_balance"),
            "+result.summaries[].options_theta_map",
        },
    ),
    _line(
        "user.portfolio",
        "ws_portfolio.json",
        {
            *(  # of accounts whose currencies stand together
                f"-params.data.total_{name}_usd"
                for name in (
                    *("maintenance_margin", "delta_total", "initial_margin"),
                    *("equity", "margin_balance"),
                )
            ),
            "+params.data.estimated_liquidation_ratio",
            "+params.data.estimated_liquidation_ratio_map",
        },
    ),
    Recorded(
        "ticker.option",
        CAPTURE,
        _channel("ticker."),
        lambda line: data(line["msg"]),
        data,
        frozenset({"+stats.volume_usd"}),  # newer
    ),
    Recorded("book.snapshot", CAPTURE, _channel("book.", "snapshot"), message),
    Recorded("book.change", CAPTURE, _channel("book.", "change"), message),
    Recorded(
        "instrument.option",
        CAPTURE,
        _instruments("BTC"),
        lambda line: line["msg"]["result"][0],
        result,
        frozenset(f"+{each}" for each in _NEWER),
    ),
    Recorded(
        "rest book.option",
        BOOKS,
        lambda line: "bids" in line,
        lambda line: line,
        result,
        frozenset(
            {"+stats.volume_usd", "-expiration_timestamp", "-option_type", "-strike"}
        ),  # the last three its collector added
    ),
)

# https://docs.deribit.com/api-reference, read in January 2026; every name must be there.
DOCUMENTED = {
    "auth": (result, "access_token expires_in refresh_token scope token_type enabled_features"),
    "index": (data, "timestamp price index_name"),
    "perpetual": (data, "timestamp interest index_price"),
    "option marks": (lambda told: data(told)[0], "instrument_name iv mark_price timestamp"),
    "cancel on disconnect": (result, "scope enabled"),
    "heartbeat": (lambda told: told["params"], "type"),
    "rest envelope": (lambda told: told, "jsonrpc result usIn usOut usDiff testnet"),
    "currencies": (
        lambda told: result(told)[0],
        (
            "coin_type currency currency_long fee_precision in_cross_collateral_pool"
            " min_confirmations min_withdrawal_fee withdrawal_fee withdrawal_priorities"
        ),
    ),
    "book summary": (
        lambda told: result(told)[0],
        (
            "instrument_name base_currency quote_currency creation_timestamp bid_price ask_price"
            " mid_price mark_price last high low price_change volume volume_usd open_interest"
            " estimated_delivery_price current_funding funding_8h"
        ),
    ),
    "user.trades": (
        lambda told: data(told)[0],
        (
            "trade_seq trade_id timestamp tick_direction state self_trade risk_reducing reduce_only"
            " profit_loss price post_only order_type order_id mmp matching_id mark_price liquidity"
            " label instrument_name index_price fee_currency fee direction contracts api amount"
        ),
    ),
    "user.orders": (
        data,
        (
            "order_id instrument_name direction order_type order_state price amount contracts"
            " filled_amount average_price label time_in_force post_only reduce_only replaced"
            " creation_timestamp last_update_timestamp api web mmp is_liquidation"
        ),
    ),
    "user.changes": (data, "instrument_name orders trades positions"),
    "position.perpetual": (
        result,
        (
            "average_price delta direction estimated_liquidation_price floating_profit_loss"
            " index_price initial_margin instrument_name interest_value kind leverage"
            " maintenance_margin mark_price open_orders_margin realized_funding"
            " realized_profit_loss settlement_price size size_currency total_profit_loss"
        ),
    ),
    "position.option": (
        result,
        (
            "average_price average_price_usd delta direction floating_profit_loss gamma index_price"
            " initial_margin instrument_name kind maintenance_margin mark_price open_orders_margin"
            " realized_profit_loss settlement_price size theta total_profit_loss vega"
        ),
    ),
    "user trade page": (result, "trades has_more"),
    "log": (
        lambda told: result(told)["logs"][-1],
        (
            "username user_seq user_role user_id type trade_id timestamp side price position"
            " order_id interest_pl instrument_name info id fee_balance equity currency commission"
            " change cashflow balance amount session_upl session_rpl total_interest_pl mark_price"
            " index_price price_currency profit_as_cashflow contracts"
        ),
    ),
}

# What ccxt's parser asks for and a message of this kind does not have, on Deribit neither.
PARSED = {
    "rest ticker": ("parse_ticker", result, ""),
    "taken": ("parse_order", lambda told: told["result"]["order"], "commission trades stop_price"),
    "user.trades": ("parse_trade", lambda told: data(told)[0], ""),
    "trades": ("parse_trade", lambda told: data(told)[0], "liquidity fee order_id order_type"),
    "position.perpetual": ("parse_position", result, "contractSize"),
}
