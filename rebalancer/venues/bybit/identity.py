"""Is this the Bybit account that the settings mean, and may our key do what it must, no more?"""

from collections.abc import Sequence
from decimal import Decimal

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.settings.models import Venue
from rebalancer.venues.bybit import rows as bybit_rows
from rebalancer.venues.bybit.account import POSITIONS
from rebalancer.venues.bybit.manners import mannered
from rebalancer.venues.bybit.profile import BYBIT
from rebalancer.venues.findings import Finding, Grade, Questions, Subject, ask, finding, pairs
from rebalancer.venues.outcome import Malformed
from rebalancer.venues.payloads import Row, decimal, optional, rows, table, text
from rebalancer.venues.requests import plain
from rebalancer.wire.bybit.values import category_of, symbol_of

KEY, ACCOUNT = "privateGetV5UserQueryApi", "privateGetV5AccountInfo"
WITHDRAW = "Withdraw"
TICKERS = "publicGetV5MarketTickers"
UNIFIED = ("5", "6")  # unified accounts of the second kind: inverse contracts are in the pool too
MODES = {"cross": "REGULAR_MARGIN", "portfolio": "PORTFOLIO_MARGIN"}
_TRADING = {  # kind of an instrument → group and right that a key needs to trade it
    Kind.PERPETUAL: ("ContractTrade", "Order"),
    Kind.FUTURE: ("ContractTrade", "Order"),
    Kind.OPTION: ("Options", "OptionsTrade"),
    Kind.SPOT: ("Spot", "SpotTrade"),
}


async def permissions(subject: Subject) -> Sequence[Finding]:
    """Read what the key may do."""
    mannered(subject.connection)
    result = await _told(subject, KEY, {})
    groups = table(result.get("permissions"), KEY)
    hedges = {name for own in subject.underlyings.values() for name in (*own.hedge.buy,
              *own.hedge.sell)}  # fmt: skip
    needed = dict.fromkeys(_TRADING[each.kind] for each in subject.instruments if each.id in hedges)
    lacking = [right for group, right in needed if right not in _rights(groups, group)]
    writes = str(result.get("readOnly")) == "0"
    measured = "reads only" if not writes else f"lacks {', '.join(lacking)}" if lacking else "all"
    wallet = _rights(groups, "Wallet")
    moving = ", ".join(each for each in wallet if each != WITHDRAW)
    must = "none: what such a key takes out of an account is missing to its margin"
    moves = (finding("permission.transfer", False, moving, must),) if moving else ()
    return (
        finding("permission.trade", writes and not lacking, measured, "read and write, all"),
        finding(
            "permission.withdraw",
            WITHDRAW not in wallet,
            f"wallet: {', '.join(wallet) or 'none'}",
            "no Withdraw: a key that can withdraw is refused",
        ),
        *moves,
    )


def _rights(groups: Row, name: str) -> Sequence[str]:
    found = groups.get(name) or []
    if not isinstance(found, list):
        raise Malformed(f"{KEY}: {name} must be a list, was {type(found).__name__}")
    return [str(each) for each in found]


async def account(subject: Subject) -> Sequence[Finding]:
    """Find out which account it is, how it is margined, and what a coin of it is told as."""
    key, settings = await _told(subject, KEY, {}), subject.settings
    uid, pinned = text(key, "userID", KEY), settings.account
    told = await _told(subject, ACCOUNT, {})
    status = text(told, "unifiedMarginStatus", ACCOUNT)
    return (
        finding("account", uid == pinned, uid, f"uid {pinned}, as the settings pin it"),
        finding("unified", status in UNIFIED, f"status {status}", "5 or 6: a unified account"),
        _margin_mode(text(told, "marginMode", ACCOUNT), settings),
        await _borrowed(subject),
        *pairs(subject.instruments),
    )


async def _borrowed(subject: Subject) -> Finding:
    """Find out whether the account owes coins: interest runs, and its collateral is spoken for."""
    told = bybit_rows.wallet(await _told(subject, BYBIT.figures.call, {"accountType": "UNIFIED"}))
    owed = ", ".join(f"{coin} {plain(owes)}" for coin, owes in bybit_rows.borrowed(told).items())
    return Finding("borrowed", Grade.WARNED if owed else Grade.PASSED, owed or "nothing", "nothing")


def _margin_mode(mode: str, settings: Venue) -> Finding:
    """Hold the account's margin mode against the settings: there is one pool, or none of ours."""
    agrees = mode == MODES.get(settings.margin) and settings.collateral is not None
    must = MODES.get(settings.margin, "cross or portfolio in the settings")
    pooled = "" if settings.collateral is not None else ", with collateral in the settings"
    return finding("margin", agrees, mode, f"{must}, one pool{pooled}")


async def positions(subject: Subject) -> Sequence[Finding]:
    """Find out whether positions are netted, and which leverage each contract is set to."""
    found: list[Finding] = []
    for each in subject.instruments:
        if not each.margined:
            continue
        params = {"category": category_of(each.name), "symbol": symbol_of(each.name)}
        listed = rows((await _told(subject, POSITIONS, params)).get("list"), POSITIONS)
        sides = [text(row, "positionIdx", POSITIONS) for row in listed]
        must = "0, one row: long and short are netted"
        netted = sides == ["0"]
        found.append(finding(f"positions.{each.id}", netted, ", ".join(sides) or "none", must))
        set_to = optional(listed[0], "leverage") if listed else None
        if set_to is not None and set_to:
            found.append(_leverage(each.id, set_to, subject.settings))
    return found


def _leverage(name: str, set_to: Decimal, settings: Venue) -> Finding:
    most = settings.leverage
    passes = most is None or set_to == Decimal(str(most))
    must = "any: the settings name none" if most is None else f"{most:g}, as the settings say"
    return finding(f"leverage.{name}", passes, f"{set_to:g}", must)


async def mark(subject: Subject, instrument: Instrument) -> float:
    """Return the mark of an instrument, USD per coin; of a pair its last price."""
    category = category_of(instrument.name)
    params = {"category": category, "symbol": symbol_of(instrument.name)}
    listed = rows((await _told(subject, TICKERS, params)).get("list"), TICKERS)
    if len(listed) != 1 or listed[0].get("symbol") != params["symbol"]:
        raise Malformed(f"{TICKERS}: must be about {instrument.id}")
    price = decimal(listed[0], "lastPrice" if category == "spot" else "markPrice", TICKERS)
    if price <= 0:
        raise Malformed(f"{TICKERS}: price of {instrument.id} must be above 0")
    return float(price)


async def _told(subject: Subject, call: str, params: Row) -> Row:
    answer = table(await ask(subject.connection, call, params), call)
    return table(answer.get("result"), call)


QUESTIONS: Questions = (
    ("permission", permissions),
    ("account", account),
    ("positions", positions),
)
