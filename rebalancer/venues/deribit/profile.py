"""Deribit: what differs there."""

from rebalancer.core.commands import TimeInForce
from rebalancer.core.instruments import Kind
from rebalancer.venues.budget import Rate
from rebalancer.venues.profile import (
    LOG,
    MATCHING,
    OTHER,
    UNIFIED,
    DeadMan,
    DeadManKind,
    Figures,
    Listing,
    Opening,
    Profile,
    Unit,
)

DERIBIT = Profile(
    venue="deribit",
    finished=True,
    amounts={Kind.PERPETUAL: Unit.USD, Kind.FUTURE: Unit.USD, Kind.OPTION: Unit.COIN},
    client_id="label",  # ccxt forwards clientOrderId as a key that Deribit ignores
    client_id_length=64,
    order_flags=UNIFIED,
    wire_flags={
        TimeInForce.IOC: {"time_in_force": "immediate_or_cancel"},
        TimeInForce.GTC: {"time_in_force": "good_til_cancelled"},
        TimeInForce.POST_ONLY: {"post_only": "true", "reject_post_only": "true"},
    },
    reduce_only=("reduce_only", "true"),
    lookups=(
        "private_get_get_order_state_by_label",
        "private_get_get_open_orders_by_label",
        "private_get_get_user_trades_by_currency_and_time",
    ),
    figures=Figures(
        call="private_get_get_account_summaries",
        equity="equity",
        balance="margin_balance",
        maintenance="maintenance_margin",
        # `balance` is without what the session realised: payloads_deribit.jsonl.gz,
        # http_get_account_summaries: equity = balance + futures_session_rpl
        # + futures_session_upl + options_value to 1e-8.
        cash=("balance", "futures_session_rpl"),
    ),
    currencies=("BTC", "ETH", "USDC", "USDT"),
    currencies_in="private_get_get_account_summaries",
    ledger=(
        "private_get_get_user_trades_by_currency_and_time",
        "private_get_get_transaction_log",
    ),
    dead_man=DeadMan(
        DeadManKind.CONNECTION,
        arm="private/enable_cancel_on_disconnect",
        read="private/get_cancel_on_disconnect",
        params={"scope": "connection"},
    ),
    rates={MATCHING: Rate(5, 20), LOG: Rate(1, 8), OTHER: Rate(20, 100)},  # the lowest tier
    deadline="valid_until",
    wire_amount="amount",
    wire_price="price",
    opening=Opening(
        call="public_get_status",
        open=frozenset({"false"}),
        partly=frozenset({"partial"}),
        named=("locked_indices", "locked_currencies"),  # the schema's word, and the example's
        codes=frozenset({"10041", "11051"}),
    ),
    listing=Listing(
        call="public_get_get_instrument",
        name="instrument_name",
        active="is_active",
        state="state",
        open=frozenset({"open"}),
        passing=frozenset({"settlement", "locked", "halted"}),  # docs, "book_state"
        grave={
            "contract size": "contract_size",
            "settle currency": "settlement_currency",
            "base currency": "base_currency",
            "quote currency": "quote_currency",
            "kind": "kind",
            "type": "instrument_type",
            "expiry": "expiration_timestamp",
            "strike": "strike",
            "option type": "option_type",
        },
        steps={
            "tick": "tick_size",
            "tick steps": "tick_size_steps",
            "minimum": "min_trade_amount",
        },
        unknown=frozenset({"10020", "13020"}),
        denied=frozenset({"10012", "10020", "13019", "13020"}),
    ),
)
