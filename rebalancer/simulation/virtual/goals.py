"""Goals: what must happen sometimes; a simulator that never gets there proves nothing of it."""

from collections.abc import Mapping
from types import MappingProxyType

from rebalancer.exchange.records import (
    AutoDeleveraged,
    ContractDelivered,
    FundingBooked,
    Liquidated,
    SessionSettled,
)

FILLED, ABSENT = "unknown, then filled", "unknown, then absent"
PARTLY, WHOLE = "filled in part", "filled whole"
PROTECTED, LIQUIDATED = "protect order", "liquidated"
DELEVERAGED, DELIVERED = "deleveraged", "option delivered"
OVERFILLED, RESURRECTED = "overfilled", "filled after its end"
ON_ITS_WAY = "killed with an order on its way"
UNKNOWN_AT_START = "started with an order unknown"
DISK, DISK_AT_START = "disk failed while it ran", "disk failed at the start"
KILLED, PAUSED, REDUCED, HALTED = "kill", "pause", "reduce", "halted, then armed"
VETOED = "hedge refused by a guard"
READOPTED = "adopted again: others traded just then"
BY_HAND, CASH = "traded by hand", "cash moved"
FUNDING, SETTLED = "funding booked", "session settled"
CLOCK, STOPPED, BARRED = "refused by its clock", "stopped and went on", "key refused"
AT_WRITE, SHORT = "killed while it wrote", "disk nearly full"
GAP_TOLD = "a person heard of a gap"
HELD, CLOSED, BANNED = "venue or contract held", "contract closed", "banned"
BANNED_AT_START = "banned at a start"
ARMED = "halted, then armed while things go wrong"
LEVERED, SLOW, TUNED = "leverage set by hand", "a write took seconds", "tuned"
LIMITED_REDUCING = "limited while it had to protect"
CUT_MID_ORDER = "deleveraged with an order open"
KILLED_AT_START, TAKEN = "killed before its start", "coins taken while it ran"
KILLED_THIN = "killed, and its margin asks for a cut"
AVERAGED = "begun while a settlement is averaged"
PARTLY_WITHDRAWN = "filled in part, then withdrawn"
CROSSED_RECONCILED = "left its band while it is reconciled"
DRIFTED, PART_TOLD = "a clock gained or lost", "bookings told in part"
FUNDING_VETO, STALE_BACK = "hedge refused for its funding", "stale, then hedged again"
RESTED, MADE, CROSSED = "rested", "filled as it rested", "would have crossed"
WITHDRAWN, RACED = "withdrawn as it rested", "filled before its withdrawal came"
BOOKED: Mapping[type, str] = MappingProxyType(
    {
        Liquidated: LIQUIDATED,
        AutoDeleveraged: DELEVERAGED,
        ContractDelivered: DELIVERED,
        FundingBooked: FUNDING,
        SessionSettled: SETTLED,
    }
)
TOLD = MappingProxyType(
    {"order.overfilled": OVERFILLED, "order.resurrected": RESURRECTED, "delta.unhedged": GAP_TOLD}
)
GOALS = (
    *(FILLED, ABSENT, PARTLY, WHOLE, PROTECTED, ON_ITS_WAY, UNKNOWN_AT_START),
    *(DISK, DISK_AT_START, KILLED, PAUSED, REDUCED, HALTED, VETOED),
    *(BY_HAND, CASH, FUNDING, SETTLED, DELIVERED, LIQUIDATED, DELEVERAGED),
    *(OVERFILLED, RESURRECTED, READOPTED, CLOCK, STOPPED, BARRED, AT_WRITE, SHORT, GAP_TOLD),
    *(RESTED, MADE, CROSSED, WITHDRAWN, RACED),
    *(HELD, CLOSED, BANNED, BANNED_AT_START, LEVERED, SLOW, TUNED, ARMED),
    *(LIMITED_REDUCING, CUT_MID_ORDER, FUNDING_VETO, STALE_BACK),
    *(KILLED_AT_START, TAKEN, KILLED_THIN, AVERAGED, PARTLY_WITHDRAWN, CROSSED_RECONCILED),
    *(DRIFTED, PART_TOLD),
)
