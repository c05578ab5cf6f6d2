"""What was decided and why: intents, verdicts and the decision, with its canonical line."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from rebalancer.core.commands import Purpose, Style, TimeInForce


class Action(StrEnum):
    """What a decision does."""

    HOLD = "hold"
    ORDER = "order"
    WITHDRAW = "withdraw"  # an order that rests
    REFUSE = "refuse"


class Reason(StrEnum):
    """Why a decision holds, orders or is refused; why a guard caps an intent."""

    # holds
    INSIDE_BAND = "inside_band"
    BELOW_MINIMUM = "below_minimum"
    ORDER_IN_FLIGHT = "order_in_flight"
    AFTER_REJECTION = "after_rejection"  # waits longer after each one in a row
    MIN_INTERVAL = "min_interval"
    MOVE_FILTERED = "move_filtered"
    SLICE_WAITS = "slice_waits"  # the last slice was a moment ago
    # orders
    OUTSIDE_BAND = "outside_band"
    MAX_INTERVAL = "max_interval"
    MOVE_TRIGGERED = "move_triggered"
    MARGIN_RATIO = "margin_ratio"  # a hedge is bought back: its account is near liquidation …
    LIQUIDATION_NEAR = "liquidation_near"  # … by the price that would do it …
    LIQUIDATION_LIKELY = "liquidation_likely"  # … by that price against what the market does
    CHEAPER_ELSEWHERE = "cheaper_elsewhere"  # the hedge moves to where it costs less to hold
    # what hurries: a hedge is taken at once, and what rests is withdrawn before
    FAR_OUTSIDE = "far_outside"  # of its band
    LIMIT_EXCEEDED = "limit_exceeded"  # of net delta
    MARGIN_STRAINED = "margin_strained"  # its account is too near liquidation to wait
    PRICE_JUMPED = "price_jumped"
    EXPIRY_NEAR = "expiry_near"  # of options whose delta turns fast
    FUNDING_NEAR = "funding_near"  # it would be paid for what the hedge closes
    PATIENCE_OVER = "patience_over"
    ACCOUNT_NEEDED = "account_needed"  # for the hedge of another underlying
    NOTHING_RESTS = "nothing_rests"  # post-only orders come to nothing, or the book has one side
    # why else an order that rests is withdrawn
    NEED_GONE = "need_gone"  # net delta came back by itself, or went past
    FELL_BEHIND = "fell_behind"  # the best price left it
    EARLIER_START = "earlier_start"  # who is gone put it there
    CANCEL_UNANSWERED = "cancel_unanswered"  # it was withdrawn before, and nobody heard of it
    # refusals
    NOT_ACTIVE = "not_active"
    KILLED = "killed"
    DISK_SHORT = "disk_short"  # too little room for the journal, which must hold every order
    VENUE_HELD = "venue_held"  # maintenance, a lock, a settlement: it takes no orders
    OUTCOME_UNKNOWN = "outcome_unknown"
    INDEX_MISSING = "index_missing"
    INDEX_STALE = "index_stale"
    QUOTE_MISSING = "quote_missing"
    QUOTE_STALE = "quote_stale"
    QUOTE_CROSSED = "quote_crossed"
    MARK_MISSING = "mark_missing"
    MARK_STALE = "mark_stale"
    OPTION_MISSING = "option_missing"
    OPTION_STALE = "option_stale"
    POSITIONS_MISSING = "positions_missing"  # not read since the stream of their account is back
    POSITIONS_STALE = "positions_stale"
    HOLDINGS_MISSING = "holdings_missing"  # of a source outside our venues
    HOLDINGS_STALE = "holdings_stale"
    REFERENCE_MISSING = "reference_missing"
    PRICE_OUTSIDE_COLLAR = "price_outside_collar"
    INDEX_IMPLAUSIBLE = "index_implausible"
    INDEX_JUMPED = "index_jumped"
    ORDER_TOO_LARGE = "order_too_large"
    POSITION_TOO_LARGE = "position_too_large"
    MARGIN_MISSING = "margin_missing"  # the venue's figures, or a price that they need
    MARGIN_STALE = "margin_stale"
    MARGIN_ABSURD = "margin_absurd"  # figures that cannot be true
    MARGIN_AWAITED = "margin_awaited"  # what an open order takes is not in the figures yet
    MARGIN_MODE = "margin_mode"  # the venue counts collateral otherwise than the settings say
    TIERS_MISSING = "tiers_missing"  # what a larger position is asked, nobody told
    MARGIN_TOO_THIN = "margin_too_thin"  # after the order the account would stand too near
    COLLATERAL_SHORT = "collateral_short"  # less is free than opening it needs
    SPREAD_TOO_WIDE = "spread_too_wide"
    DEPTH_MISSING = "depth_missing"  # nobody tells how much the book shows
    DEPTH_TOO_THIN = "depth_too_thin"
    OPEN_INTEREST_SHARE = "open_interest_share"  # too large a part of all there is of a contract
    BASIS_MISSING = "basis_missing"  # nobody tells how far from the index a contract is at home
    BASIS_TOO_WIDE = "basis_too_wide"
    INDEXES_DIVERGE = "indexes_diverge"
    STABLE_DEPEGGED = "stable_depegged"
    EQUITY_MISSING = "equity_missing"
    LEVERAGE_TOO_HIGH = "leverage_too_high"
    COUNTERPARTY_TOO_LARGE = "counterparty_too_large"  # too much of the book stands at one venue
    TURNOVER_SPENT = "turnover_spent"  # what may be traded in 24 h …
    FEES_SPENT = "fees_spent"  # … and what may be paid for it
    TOO_MANY_HEDGES = "too_many_hedges"  # within a minute
    FUNDING_UNKNOWN = "funding_unknown"  # the venue told no rate
    FUNDING_STALE = "funding_stale"
    FUNDING_TOO_DEAR = "funding_too_dear"  # the position would pay more than its cap
    FUNDING_BUDGET_SPENT = "funding_budget_spent"  # what funding may cost in a day was paid
    NO_HEDGE_INSTRUMENT = "no_hedge_instrument"
    HEDGE_OUT_OF_SCOPE = "hedge_out_of_scope"


# Reasons that are one leg's own and last: another leg may hedge what they keep from it. What
# a moment heals (an order under way, figures older than its fill) is waited for, so that a
# hedge stays on the leg where it is cheapest; what holds for the whole book holds elsewhere too.
OF_THE_LEG = frozenset(
    {
        Reason.QUOTE_CROSSED,
        Reason.REFERENCE_MISSING,
        Reason.PRICE_OUTSIDE_COLLAR,
        Reason.POSITION_TOO_LARGE,
        Reason.MARGIN_MISSING,
        Reason.MARGIN_ABSURD,
        Reason.MARGIN_MODE,
        Reason.TIERS_MISSING,
        Reason.MARGIN_TOO_THIN,
        Reason.COLLATERAL_SHORT,
        Reason.SPREAD_TOO_WIDE,
        Reason.DEPTH_MISSING,
        Reason.DEPTH_TOO_THIN,
        Reason.OPEN_INTEREST_SHARE,
        Reason.BASIS_MISSING,
        Reason.BASIS_TOO_WIDE,
        Reason.STABLE_DEPEGGED,
        Reason.COUNTERPARTY_TOO_LARGE,
        Reason.FUNDING_UNKNOWN,
        Reason.FUNDING_STALE,
        Reason.FUNDING_TOO_DEAR,
        Reason.FUNDING_BUDGET_SPENT,
        Reason.VENUE_HELD,
        Reason.HEDGE_OUT_OF_SCOPE,
    }
)


class Verdict(NamedTuple):
    """What one guard says of one intent; a tuple, since every decision makes a score of them."""

    guard: str
    allows: Decimal  # most of |quantity| that may pass, contracts
    reason: Reason | None = None  # None: all of it may
    measured: float | None = None
    limit: float | None = None
    subject: str = ""  # which input or instrument, where the guard looks at several


class Weighed(NamedTuple):
    """What a hedge would cost in one instrument, fractions of notional, + is paid.

    None is unknown.
    """

    instrument: str
    fee: float
    half_spread: float | None
    impact: float | None
    funding: float | None  # over the horizon
    margin: float  # what it locks would earn elsewhere meanwhile; below 0: it is set free
    saves: float | None = None  # against the leg that is held, where there is one …
    needs: float | None = None  # … and what it would have to, for the hedge to go there instead

    @property
    def trading(self) -> float:
        """What is paid once; what is unknown adds nothing."""
        return self.fee + (self.half_spread or 0.0) + (self.impact or 0.0)

    @property
    def total(self) -> float | None:
        """All of it; None while nobody knows the funding."""
        return None if self.funding is None else self.trading + self.funding + self.margin


@dataclass(frozen=True, slots=True)
class HedgeIntent:
    """One order that a proposal would like to send, before any guard has seen it."""

    purpose: Purpose
    underlying: str
    account: str
    instrument: str
    quantity: Decimal  # contracts, signed
    position: Decimal  # contracts held of the instrument now, signed
    closing: Decimal  # part of |quantity| that brings the position towards 0, contracts
    hedging: Decimal  # part of |quantity| that lowers |net delta|, contracts
    required: Decimal  # part that brings |net delta| back to its limit, contracts
    delta_per_contract: float  # coins
    price: Decimal  # worst acceptable, quote currency
    lifetime: TimeInForce = TimeInForce.IOC
    patient: bool = False  # whether another one ends what it begins: it rests, or is a slice


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome of one step for one underlying."""

    sequence: int
    ts: int  # ns
    underlying: str
    action: Action
    reason: Reason
    net_delta: float  # coins, without pending
    pending: float  # coins, worst case of orders whose outcome is open
    aim: float  # coins
    lower: float  # coins, absolute edge of the band
    upper: float
    price: float | None = None  # index, USD per coin
    instrument: str | None = None
    wanted: Decimal | None = None  # contracts, signed
    allowed: Decimal | None = None  # contracts, signed
    limit_price: Decimal | None = None
    client_order_id: str | None = None
    verdicts: tuple[Verdict, ...] = ()
    passed_over: tuple[Verdict, ...] = ()  # why better legs got nothing: each one's last word,
    #   its subject the instrument
    weighed: tuple[Weighed, ...] = ()  # what each leg would cost, where that decides; best first
    style: Style | None = None  # of an order that hedges …
    hurried: Reason | None = None  # … and why it is not as patient as the settings are


def canonical(decision: Decision) -> str:
    """Return the one line that stands for a decision in a digest.

    Floats are written with nine decimals: coarser than any platform's last
    bit, finer than any lot. Two runs agree when their lines agree.
    """
    told = (decision.net_delta, decision.pending, decision.aim, decision.lower, decision.upper)
    facts = (
        decision.sequence,
        decision.ts,
        decision.underlying,
        decision.action,
        decision.reason,
        *(f"{round(number, 9) + 0.0:.9f}" for number in told),  # + 0.0: there is one zero
        decision.instrument or "-",
        "-" if decision.wanted is None else decision.wanted,
        "-" if decision.allowed is None else decision.allowed,
        "-" if decision.limit_price is None else decision.limit_price,
        decision.client_order_id or "-",
        *(() if decision.style in (None, Style.IOC) else (decision.style,)),
    )
    return "|".join(str(fact) for fact in facts)
