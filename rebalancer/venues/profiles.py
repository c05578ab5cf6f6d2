"""Profiles: what differs between venues, as data, and which of them are finished.

A row says what a quantity counts on the wire, how our order id travels, which
flags ccxt must be given and what must then stand in the request, how an order is
found again, which figures of an account mean what, and what cancels our orders
when we fall silent. A venue that is not finished has its row, read off ccxt and
its documentation, but no live order passes through it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from rebalancer.core.commands import TimeInForce
from rebalancer.core.instruments import Kind
from rebalancer.errors import ConfigError, Fault
from rebalancer.settings.models import Mode
from rebalancer.venues.budget import Rate

# Classes of endpoints: orders and cancels, a log of bookings with a limit of its own, all else.
MATCHING, LOG, OTHER = "matching", "log", "other"
PERPETUALS = (Kind.PERPETUAL,)


class Unit(StrEnum):
    """What one contract of ours is on the wire."""

    COIN = "coin"
    USD = "USD"
    CONTRACT = "contract"  # of the venue's contract size


class DeadManKind(StrEnum):
    """What cancels resting orders when we fall silent."""

    CONNECTION = "connection"  # the end of the websocket that placed them
    COUNTDOWN = "countdown"  # a timer that we must wind up again and again
    SERVICE = "service"  # a stream that the venue must have enabled for us
    NONE = "none"


@dataclass(frozen=True, slots=True)
class DeadMan:
    """How the dead-man switch of a venue is worked."""

    kind: DeadManKind
    arm: str = ""  # call, with `params`
    read: str = ""  # call that tells whether it is armed
    params: Mapping[str, object] = field(default_factory=dict)
    armed_by: str = "enabled"  # field of what `read` answers


@dataclass(frozen=True, slots=True)
class Figures:
    """Which of an account's figures mean what; margin ratio is maintenance ÷ balance."""

    call: str
    equity: str  # with open profit and option value
    balance: str  # that margin is held against
    maintenance: str
    cash: tuple[str, ...]  # fields whose sum is cash without open profit
    per_currency: bool = True
    ratio: str = ""  # the venue's own, where there is one


@dataclass(frozen=True, slots=True)
class Opening:
    """How a venue says whether it takes orders at all."""

    call: str = ""  # tells it; empty: the venue does not, only its answers do
    locked: str = "locked"  # field of what the call answers
    open: frozenset[str] = frozenset()  # its words for "nothing is locked"
    partly: frozenset[str] = frozenset()  # its words for "some are", named by …
    named: tuple[str, ...] = ()  # … these fields: lists of coins, or of names that begin with one
    codes: frozenset[str] = frozenset()  # of any answer that says: not now


@dataclass(frozen=True, slots=True)
class Listing:
    """How a venue tells the terms of one instrument, and that it trades none of the name."""

    call: str = ""  # tells them; empty: nobody looks
    name: str = ""  # its parameter
    active: str = ""  # field: whether it is traded
    state: str = ""  # field: the state of its book, where it is told
    open: frozenset[str] = frozenset()  # states in which it takes orders
    passing: frozenset[str] = frozenset()  # states that end by themselves, without a delisting
    grave: Mapping[str, str] = field(default_factory=dict)  # what → field: its worth hangs on it
    steps: Mapping[str, str] = field(default_factory=dict)  # what → field: only orders do
    unknown: frozenset[str] = frozenset()  # codes of the call: there is none of this name
    denied: frozenset[str] = frozenset()  # codes of an order: none of this name, or its book closed


@dataclass(frozen=True, slots=True)
class Profile:
    """One venue. Calls are ccxt's names; a `{label}` or `{currency}` in them is filled in."""

    venue: str  # ccxt id
    finished: bool
    amounts: Mapping[Kind, Unit]
    client_id: str  # parameter of create_order that carries our id
    client_id_length: int  # most characters
    order_flags: Mapping[TimeInForce, Mapping[str, object]]  # given to create_order
    wire_flags: Mapping[TimeInForce, Mapping[str, object]]  # that must then be in the request
    reduce_only: tuple[str, object]  # in the request
    lookups: tuple[str, ...]  # calls that find an order by our id, in this order
    figures: Figures
    currencies: tuple[str, ...]  # that orders, trades and positions are asked for one by one
    currencies_in: str  # where else currencies show
    ledger: tuple[str, ...]  # calls that tell funding, settlements and cash
    dead_man: DeadMan
    rates: Mapping[str, Rate]
    modes: tuple[Mode, ...] = (Mode.PAPER, Mode.TESTNET, Mode.LIVE)
    deadline: str = ""  # parameter (ms since 1970) after which the venue must not accept
    fill_or_kill: bool = True
    streams_positions: bool = False
    refuses_duplicates: bool = False  # of a client id among open orders
    opening: Opening = Opening()
    listing: Listing = Listing()


_UNIFIED: Mapping[TimeInForce, Mapping[str, object]] = {
    TimeInForce.IOC: {"timeInForce": "IOC"},
    TimeInForce.GTC: {"timeInForce": "GTC"},
    TimeInForce.POST_ONLY: {"postOnly": True},
}

DERIBIT = Profile(
    venue="deribit",
    finished=True,
    amounts={Kind.PERPETUAL: Unit.USD, Kind.FUTURE: Unit.USD, Kind.OPTION: Unit.COIN},
    client_id="label",  # ccxt forwards clientOrderId as a key that Deribit ignores
    client_id_length=64,
    order_flags=_UNIFIED,
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

BINANCE_USDM = Profile(
    venue="binanceusdm",
    finished=False,
    amounts={Kind.PERPETUAL: Unit.COIN, Kind.FUTURE: Unit.COIN},
    client_id="newClientOrderId",
    client_id_length=36,
    order_flags=_UNIFIED,
    wire_flags={
        TimeInForce.IOC: {"timeInForce": "IOC"},
        TimeInForce.GTC: {"timeInForce": "GTC"},
        TimeInForce.POST_ONLY: {"timeInForce": "GTX"},
    },
    reduce_only=("reduceOnly", "true"),  # one-way mode only
    lookups=("fetch_order_with_client_order_id",),
    figures=Figures(
        call="fapiPrivateV3GetAccount",
        equity="totalMarginBalance",
        balance="totalMarginBalance",
        maintenance="totalMaintMargin",
        cash=("walletBalance",),
        per_currency=False,
    ),
    currencies=("USDT", "USDC"),
    currencies_in="assets",
    ledger=("fapiPrivateGetUserTrades", "fapiPrivateGetIncome"),
    dead_man=DeadMan(
        DeadManKind.COUNTDOWN,
        arm="fapiPrivatePostCountdownCancelAll",  # ccxt's unified call does not know it
        params={"countdownTime": 60_000},
        armed_by="countdownTime",
    ),
    rates={MATCHING: Rate(5, 50), OTHER: Rate(10, 100)},  # half of what the venue allows
    streams_positions=True,
    refuses_duplicates=True,
)

BYBIT = Profile(
    venue="bybit",
    finished=False,
    amounts={Kind.PERPETUAL: Unit.COIN, Kind.OPTION: Unit.COIN, Kind.FUTURE: Unit.USD},
    client_id="orderLinkId",
    client_id_length=36,
    order_flags=_UNIFIED,
    wire_flags={
        TimeInForce.IOC: {"timeInForce": "IOC"},
        TimeInForce.GTC: {"timeInForce": "GTC"},
        TimeInForce.POST_ONLY: {"timeInForce": "PostOnly"},
    },
    reduce_only=("reduceOnly", True),
    lookups=("fetch_open_orders", "fetch_canceled_and_closed_orders"),
    figures=Figures(
        call="privateGetV5AccountWalletBalance",
        equity="totalEquity",
        balance="totalMarginBalance",
        maintenance="totalMaintenanceMargin",
        cash=("walletBalance",),
        per_currency=False,
        ratio="accountMMRate",
    ),
    currencies=("USDT", "USDC"),
    currencies_in="coin",
    ledger=("privateGetV5ExecutionList", "privateGetV5AccountTransactionLog"),
    dead_man=DeadMan(DeadManKind.SERVICE, arm="privatePostV5OrderDisconnectedCancelAll"),
    rates={MATCHING: Rate(5, 10), OTHER: Rate(10, 50)},
    streams_positions=True,
    refuses_duplicates=True,
)

OKX = Profile(
    venue="okx",
    finished=False,
    amounts={
        Kind.PERPETUAL: Unit.CONTRACT,
        Kind.FUTURE: Unit.CONTRACT,
        Kind.OPTION: Unit.CONTRACT,  # of ctVal x ctMult; ccxt's contractSize leaves ctMult out
    },
    client_id="clOrdId",
    client_id_length=32,
    order_flags=_UNIFIED,
    wire_flags={
        TimeInForce.IOC: {"ordType": "ioc"},
        TimeInForce.GTC: {"ordType": "limit"},
        TimeInForce.POST_ONLY: {"ordType": "post_only"},
    },
    reduce_only=("reduceOnly", True),
    lookups=("fetch_order_with_client_order_id",),
    figures=Figures(
        call="privateGetAccountBalance",
        equity="eq",
        balance="adjEq",
        maintenance="mmr",
        cash=("cashBal",),
        ratio="mgnRatio",  # the other way round: 41 is safe
    ),
    currencies=("USDT", "USDC", "BTC", "ETH"),
    currencies_in="details",
    ledger=("privateGetTradeFills", "privateGetAccountBills"),
    dead_man=DeadMan(
        DeadManKind.COUNTDOWN,
        arm="privatePostTradeCancelAllAfter",
        params={"timeOut": "60"},
        armed_by="triggerTime",
    ),
    rates={MATCHING: Rate(20, 40), OTHER: Rate(5, 10)},
    streams_positions=True,
    refuses_duplicates=True,
)

PROFILES: Mapping[str, Profile] = {each.venue: each for each in (DERIBIT, BINANCE_USDM, BYBIT, OKX)}


def profile_of(venue: str, mode: Mode) -> Profile:
    """Return the profile that orders of a mode may go through.

    Raises:
        ConfigError: There is none, it is not finished, or it lacks the mode.
    """
    profile = PROFILES.get(venue)
    ready = " or ".join(name for name, each in PROFILES.items() if each.finished)
    if profile is None or not profile.finished:
        was = "unknown" if profile is None else "not finished"
        must = f"must be {ready} in mode {mode}: no other venue is proved at the wire"
        raise ConfigError("venues", [Fault(f"venues.{venue}", must, was)])
    if mode not in profile.modes:
        raise ConfigError("venues", [Fault(f"venues.{venue}", "must know the mode", str(mode))])
    return profile


def matrix() -> dict[str, dict[str, str]]:
    """Return what each venue can do: venue → capability → a word."""
    return {
        name: {
            "finished": _word(each.finished),
            "immediate_or_cancel": _word(TimeInForce.IOC in each.wire_flags),
            "post_only": _word(TimeInForce.POST_ONLY in each.wire_flags),
            "fill_or_kill": _word(each.fill_or_kill),
            "reduce_only": _word(bool(each.reduce_only)),
            "client_id": f"{each.client_id} ({each.client_id_length})",
            "duplicate_ids": "refused while open" if each.refuses_duplicates else "accepted",
            "deadline": each.deadline or "no",
            "positions_stream": _word(each.streams_positions),
            "dead_man": each.dead_man.kind.value,
            "units": ", ".join(f"{kind} {unit}" for kind, unit in each.amounts.items()),
        }
        for name, each in PROFILES.items()
    }


def _word(yes: bool) -> str:
    return "yes" if yes else "no"
