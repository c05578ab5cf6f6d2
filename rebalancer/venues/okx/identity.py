"""Is this the OKX account that the settings mean, and may our key do what it must, no more?"""

from collections.abc import Sequence
from decimal import Decimal

from rebalancer.core.instruments import Instrument
from rebalancer.settings.models import Venue
from rebalancer.venues.findings import Finding, Questions, Subject, ask, finding, pairs
from rebalancer.venues.okx.account import POSITIONS
from rebalancer.venues.okx.profile import kind_of
from rebalancer.venues.outcome import Malformed
from rebalancer.venues.payloads import Row, decimal, optional, rows, table, text
from rebalancer.venues.requests import plain

CONFIG, LEVERAGE = "privateGetAccountConfig", "privateGetAccountLeverageInfo"
MARK = "publicGetPublicMarkPrice"
LEVELS = {"1": "spot", "2": "single-currency", "3": "multi-currency", "4": "portfolio"}
NET = "net_mode"


async def _rows(subject: Subject, call: str, params: Row) -> Sequence[Row]:
    told = table(await ask(subject.connection, call, params), call)
    return rows(told.get("data"), call)


async def _config(subject: Subject) -> Row:
    told = await _rows(subject, CONFIG, {})
    if len(told) != 1:
        raise Malformed(f"{CONFIG}: must have one row, had {len(told)}")
    return told[0]


async def permissions(subject: Subject) -> Sequence[Finding]:
    """Read what the key may do."""
    told = text(await _config(subject), "perm", CONFIG)
    may = [each.strip() for each in told.split(",")]
    withdraw = "read_only, trade: a key that can withdraw is refused"
    return (
        finding("permission.trade", "trade" in may, told, "trade"),
        finding("permission.account", "read_only" in may, told, "read_only"),
        finding("permission.withdraw", "withdraw" not in may, told, withdraw),
    )


async def account(subject: Subject) -> Sequence[Finding]:
    """Find out which account it is, how it is margined, and whether it nets long and short."""
    told, settings = await _config(subject), subject.settings
    uid, mode = text(told, "uid", CONFIG), text(told, "posMode", CONFIG)
    pinned = settings.account
    netted = "net_mode: long and short are netted"
    return (
        finding("account", uid == pinned, uid, f"uid {pinned}, as the settings pin it"),
        _margin_mode(text(told, "acctLv", CONFIG), settings),
        finding("position_mode", mode == NET, mode, netted),
        *pairs(subject.instruments),
    )


def _margin_mode(level: str, settings: Venue) -> Finding:
    """Hold the account's level against the settings: what stands together for losses."""
    pooled = settings.collateral is not None
    wanted = {"cross": "3" if pooled else "2", "portfolio": "4"}.get(settings.margin)
    agrees = level == wanted and (pooled or settings.margin != "portfolio")
    pool = "one pool" if pooled else "each currency by itself"
    must = f"{settings.margin}, {pool} ({LEVELS.get(wanted or '', 'none is read here')})"
    return finding("margin", agrees, f"{level} ({LEVELS.get(level, 'unknown')})", must)


async def positions(subject: Subject) -> Sequence[Finding]:
    """Find out whether all that is held is held across, and how far each contract is levered."""
    held = [each for each in await _rows(subject, POSITIONS, {}) if optional(each, "pos") != 0]
    apart = [
        text(each, "instId", POSITIONS)
        for each in held
        if each.get("mgnMode") != "cross" or each.get("instType") == "MARGIN"
    ]
    told = f"isolated or on loan: {', '.join(apart)}" if apart else f"{len(held)} rows"
    found = [finding("positions", not apart, told, "cross margin, nothing on loan")]
    most = subject.settings.leverage
    for each in subject.instruments:
        if each.margined and most is not None:
            found.append(await _leverage(subject, each.name, Decimal(str(most))))
    return found


async def _leverage(subject: Subject, name: str, must: Decimal) -> Finding:
    """Hold the leverage that is set for a contract against the settings'."""
    told = await _rows(subject, LEVERAGE, {"instId": name, "mgnMode": "cross"})
    levels = list(dict.fromkeys(decimal(each, "lever", LEVERAGE) for each in told))
    said = ", ".join(plain(each) for each in levels) or "none"
    return finding(
        f"leverage.{name}", levels == [must], said, f"{plain(must)}, as the settings say"
    )


async def mark(subject: Subject, instrument: Instrument) -> float:
    """Return the mark of an instrument, USD per coin."""
    params = {"instType": kind_of(instrument.name), "instId": instrument.name}
    told = await _rows(subject, MARK, params)
    found = optional(told[0], "markPx") if told else None
    if not found or found <= 0:
        raise Malformed(f"{MARK}: markPx of {instrument.id} must be above 0")
    return float(found)


QUESTIONS: Questions = (
    ("permission", permissions),
    ("account", account),
    ("positions", positions),
)
