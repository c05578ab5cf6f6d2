"""The table of metrics: each name with its kind, its labels and what it means.

Base units in the names, few values a label: accounts, underlyings, instruments
that are held, reasons and events of closed lists. No order id is ever a label.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

PREFIX = "rebalancer_"


class Kind(StrEnum):
    """What a metric is to Prometheus."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric."""

    name: str  # without the prefix
    kind: Kind
    labels: tuple[str, ...]
    help: str

    @property
    def full(self) -> str:
        """Its name as Prometheus knows it."""
        return PREFIX + self.name


# (labels, name → meaning) of metrics that belong together; the kind follows from the name.
_GROUPS: tuple[tuple[tuple[str, ...], Mapping[str, str]], ...] = (
    (
        ("book", "version", "config_hash", "mode"),
        {
            "build_info": "Always 1: which release runs, on which settings, in which dress.",
        },
    ),
    (
        ("state",),
        {
            "state": "1 for the trading state of the whole book, 0 for every other.",
        },
    ),
    (
        ("event", "severity"),
        {
            "log_events_total": "Lines of the log by event, but for debug.",
        },
    ),
    (
        (),
        {
            "process_start_time_seconds": "When this start of the book began, Unix time.",
            "process_cpu_seconds_total": "CPU time that the process took.",
            "process_resident_memory_bytes": "Memory of the process that is in RAM.",
            "process_virtual_memory_bytes": "Memory that the process has addresses for.",
            "process_open_fds": "File descriptors that are open.",
            "process_max_fds": "File descriptors that may be open.",
            "epoch": "Start counter of the book, which is in every client order id.",
            "kill_latched": "1 while a kill lets nothing leave, until an operator arms.",
            "halt_latched": "1 while the whole book is halted, until an operator arms.",
            "limits_reached": "Limits of the book that were reached and are latched.",
            "protection_paused": "1 while `pause --all` holds protecting orders too.",
            "steps_total": "Events that the engine took.",
            "conflated_total": "Market events that made room for a newer one.",
            "engine_turn_age_seconds": "Time since the engine last took a tick of the clock.",
            "loop_lag_seconds": (
                "How late calls of the event loop came; a long stall counts as all that it kept "
                "from being made."
            ),
            "tick_to_decision_seconds": (
                "From the arrival of a market event to what was decided of it."
            ),
            "tick_to_send_seconds": (
                "From the arrival of what an order was decided of until it went to its venue, on "
                "disk before."
            ),
            "journal_commit_seconds": "Time until what an order or a latch waits for is on disk.",
            "journal_writable": "1 while decisions can be written down and orders may leave.",
            "disk_free_bytes": "Room for the journal on its disk.",
            "disk_least_bytes": "Room that must be there for a hedge to leave.",
            "disk_short": "1 while hedges wait for room on the disk of the journal.",
        },
    ),
    (
        ("underlying", "edge"),
        {
            "delta_band": "Edges of the tolerance band, coins: lower and upper.",
        },
    ),
    (
        ("underlying",),
        {
            "net_delta": "Net delta, coins, without orders that are open.",
            "pending_delta": "Delta of orders whose outcome is open at its worst, coins.",
            "delta_aim": "What net delta should be, coins.",
            "net_delta_limit": "How far net delta may be from its aim, coins.",
            "delta_out_of_band_seconds": (
                "For how long net delta has been outside its band, as far as anybody knows; 0 "
                "inside."
            ),
            "delta_unknown_seconds": (
                "For how long an input of the delta has been missing or too old; 0 while all are "
                "young."
            ),
            "underlying_halted": "1 while an underlying is halted, until an operator arms.",
            "stale_inputs": "Inputs of the delta that are missing or too old now.",
            "index_price_dollars": "Index price that the delta is worked out at.",
            "gamma": "Gamma of the book, coins per dollar.",
            "vega_dollars": "Vega of the book, per point of volatility.",
            "theta_dollars": "Theta of the book, per day.",
            "orders_open": "Orders whose outcome is not whole.",
            "orders_unknown": "Orders of which nobody knows whether the venue has them.",
            "order_unknown_age_seconds": (
                "For how long the oldest unknown outcome has been unknown; 0 where none is."
            ),
        },
    ),
    (
        ("account", "instrument"),
        {
            "position_contracts": "Contracts held, signed.",
        },
    ),
    (
        ("instrument",),
        {
            "position_limit_ratio": "Position of a hedge instrument as a part of its limit.",
            "deleveraging_rank_ratio": (
                "Place in the venue's deleveraging queue, 1 is its front; absent where it is not "
                "told."
            ),
            "funding_rate_per_day": (
                "Funding rate, fraction of notional a day; above 0 longs pay shorts."
            ),
        },
    ),
    (
        ("guard", "scope"),
        {
            "guard_used_ratio": (
                "Part of a guard's limit that the smallest next hedge would use; refused above 1."
            ),
        },
    ),
    (
        ("limit",),
        {
            "loss_limit_ratio": "Part of a limit of loss that is used; it latches from 1 on.",
        },
    ),
    (
        ("pool", "among"),
        {
            "margin_ratio": (
                "Maintenance margin by margin balance of a pool, by the coin that moves; 1 is "
                "liquidation."
            ),
            "margin_rung": (
                "Rung of the margin ladder: 0 calm, 1 warn, 2 widen, 3 reduce, 4 derisk, 5 halt."
            ),
            "liquidation_distance_ratio": (
                "How far the price is from liquidation, fraction; absent where no price liquidates."
            ),
            "liquidation_distance_sigmas": (
                "The same in standard deviations over the reaction time."
            ),
        },
    ),
    (
        ("currency",),
        {
            "funding_received": "Funding booked since the ledger began, received less paid.",
            "fees_paid": "Fees booked since the ledger began, paid less rebates.",
            "realised_profit": "Profit that trades and settlements booked since the ledger began.",
        },
    ),
    (
        (),
        {
            "gross_leverage": "Notional of all margined positions by equity.",
            "gross_leverage_limit": "What gross leverage may be at most.",
            "profit_dollars": "What the book earned since this start, open profit in it.",
            "order_ack_seconds": (
                "From handing an order to its venue until the venue accepted or rejected it."
            ),
            "unknown_resolution_seconds": (
                "For how long outcomes were unknown that a venue then proved."
            ),
            "slippage_basis_points": (
                "Price of a fill against the middle of the book when its order left; above 0 is "
                "worse."
            ),
            "hedges_total": "Orders of this start that were filled, in part at least.",
            "reconcile_age_seconds": (
                "Time since ledger and venues were last found to agree; at first since the start."
            ),
        },
    ),
    (
        ("account", "result"),
        {
            "orders_total": (
                "Orders of this start that are over; unsent: held back by our own last check."
            ),
        },
    ),
    (
        ("reason",),
        {
            "refusals_total": "Refusals that were told.",
        },
    ),
    (
        ("kind",),
        {
            "reconcile_mismatch_total": (
                "Differences between ledger and venues that lasted: cash or position."
            ),
        },
    ),
    (
        ("account",),
        {
            "fills_total": "Fills that were booked.",
            "account_stream_lost": "1 while the stream of an account is gone.",
            "account_read_age_seconds": (
                "Time since an account was read and found as the ledger has it; absent while no "
                "reading counts."
            ),
            "margin_age_seconds": "Age of a venue's own figures of the margin of an account.",
            "venue_held": "1 while a venue takes no orders.",
        },
    ),
    (
        ("venue",),
        {
            "feed_age_seconds": "Time since any top of book or index of a venue advanced.",
            "feed_reconnects_total": "Times that the stream of a venue was lost and came back.",
            "clock_skew_seconds": "By how much our clock and a venue's differ at least.",
            "rate_complaints_total": "Times that a venue said: too many requests.",
            "dead_man_wanted": "1 while a dead-man switch is to be kept armed.",
            "dead_man_armed": "1 while a venue takes our resting orders away if we vanish.",
            "dead_man_age_seconds": (
                "Time since a dead-man switch was last renewed; absent where it is not."
            ),
        },
    ),
    (
        ("venue", "bucket"),
        {
            "rate_budget_used_ratio": "Part of what a venue allows that is spent.",
        },
    ),
    (
        ("channel", "result"),
        {
            "alerts_sent_total": "Messages by channel: sent or failed.",
        },
    ),
)
_SPREADS = (
    "loop_lag_seconds",
    "tick_to_decision_seconds",
    "tick_to_send_seconds",
    "order_ack_seconds",
    "unknown_resolution_seconds",
    "journal_commit_seconds",
    "slippage_basis_points",
)


def _rows() -> Iterator[Metric]:
    for labels, meanings in _GROUPS:
        for name, meaning in meanings.items():
            kind = Kind.COUNTER if name.endswith("_total") else Kind.GAUGE
            yield Metric(name, Kind.HISTOGRAM if name in _SPREADS else kind, labels, meaning)


TABLE: Mapping[str, Metric] = {each.name: each for each in _rows()}
