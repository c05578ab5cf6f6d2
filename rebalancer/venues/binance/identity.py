"""Is this the Binance account that the settings mean, and may our key do what it must, no more?

One key opens spot and futures; what it may do and whose it is, spot's host tells for all.
"""

from collections.abc import Sequence
from decimal import Decimal

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.venues.binance.family import COINM, FAMILY, SPOT, USDM, Venue
from rebalancer.venues.findings import Finding, Grade, Questions, Subject, ask, finding
from rebalancer.venues.outcome import Malformed
from rebalancer.venues.payloads import Row, decimal, optional, rows, table, text

_FLOORS = ("notionalFloor", "qtyFloor", "qtylFloor")  # its spelling varies
RESTRICTIONS = "sapiGetAccountApiRestrictions"


def _venue(subject: Subject) -> Venue:
    return FAMILY[subject.profile.venue]


async def permissions(subject: Subject) -> Sequence[Finding]:
    """Read what the key may do; a testnet does not tell."""
    trades = "enableSpotAndMarginTrading" if _venue(subject) is SPOT else "enableFutures"
    if "sapi" not in subject.connection.exchange.urls["api"]:
        return (Finding("permission", Grade.WARNED, "not told by a testnet", "told"),)
    told = table(await ask(subject.connection, RESTRICTIONS, {}), RESTRICTIONS)
    may = {name: _flag(told, name) for name in ("enableReading", trades, "enableWithdrawals")}
    found = [
        finding("permission.account", may["enableReading"], _shown(may, "enableReading"), "true"),
        finding("permission.trade", may[trades], _shown(may, trades), "true"),
        finding(
            "permission.withdraw",
            not may["enableWithdrawals"],
            _shown(may, "enableWithdrawals"),
            "false: a key that can withdraw is refused",
        ),
    ]
    for name in ("enableInternalTransfer", "permitsUniversalTransfer"):
        if told.get(name) is True:
            must = "false: what such a key takes out of an account is missing to its margin"
            found.append(finding(f"permission.{name}", False, "true", must))
    return [*found, *_reach_of(subject, told)]


def _reach_of(subject: Subject, told: Row) -> Sequence[Finding]:
    """Hold against the book how an account is margined, and from where its key may be used.

    With portfolio margin it is neither futures account by itself that is liquidated, and
    what each of them tells of its margin is not what counts.
    """
    found: list[Finding] = []
    if _venue(subject) is not SPOT:
        pooled = told.get("enablePortfolioMarginTrading")
        must = "not true: figures of each account by itself are read"
        found.append(finding("permission.portfolio", pooled is not True, pooled, must))
    if told.get("ipRestrict") is not True:
        must = "True: a key should be good from this machine alone"
        found.append(Finding("permission.address", Grade.WARNED, str(told.get("ipRestrict")), must))
    return found


def _flag(row: Row, name: str) -> bool:
    if not isinstance(row.get(name), bool):
        raise Malformed(f"{RESTRICTIONS}: {name} must be true or false, was missing")
    return bool(row[name])


def _shown(may: dict[str, bool], name: str) -> str:
    return f"{name} {str(may[name]).lower()}"


async def account(subject: Subject) -> Sequence[Finding]:
    """Find out whose account it is: spot tells the uid, for futures too."""
    call, pinned = SPOT.profile.figures.call, subject.settings.account
    told = table(await ask(subject.connection, call, {"omitZeroBalances": "true"}), call)
    uid = text(told, "uid", call)
    found = [finding("account", uid == pinned, uid, f"uid {pinned}, as the settings pin it")]
    if _venue(subject) is SPOT:
        found.append(finding("trades", told.get("canTrade") is True, told.get("canTrade"), "True"))
        margin = subject.settings.margin
        found.append(finding("margin", margin == "cross", margin, "cross: spot has no margin"))
    return found


async def positions(subject: Subject) -> Sequence[Finding]:
    """Find out how positions are held: netted, by which margin, and how far levered."""
    venue = _venue(subject)
    if venue is SPOT:
        return ()
    margined = [each for each in subject.instruments if each.margined]
    if venue is USDM:
        return [*await _usdm(subject), *[await _symbol(subject, each) for each in margined]]
    return await _coinm(subject, margined)


def _one_way(dual: object) -> Finding:
    must = "dualSidePosition False: long and short of a symbol are netted"
    return finding("positions", dual is False, f"dualSidePosition {dual}", must)


async def _usdm(subject: Subject) -> Sequence[Finding]:
    call = "fapiPrivateGetAccountConfig"
    told = table(await ask(subject.connection, call, {}), call)
    together, pooled = told.get("multiAssetsMargin"), subject.settings.collateral is not None
    must = f"{pooled}: {'assets count together' if pooled else 'each asset by itself'}"
    return (
        finding("trades", told.get("canTrade") is True, told.get("canTrade"), "True"),
        _one_way(told.get("dualSidePosition")),
        finding("collateral", together is pooled, f"multiAssetsMargin {together}", must),
    )


async def _symbol(subject: Subject, instrument: Instrument) -> Finding:
    call = "fapiPrivateGetSymbolConfig"
    told = rows(await ask(subject.connection, call, {"symbol": instrument.name}), call)
    row = next((each for each in told if each.get("symbol") == instrument.name), None)
    if row is None:
        raise Malformed(f"{call}: must be about {instrument.name}")
    isolated = text(row, "marginType", call) != "CROSSED"
    return _margin(subject, instrument, isolated, decimal(row, "leverage", call))


async def _coinm(subject: Subject, margined: Sequence[Instrument]) -> Sequence[Finding]:
    call = "dapiPrivateGetPositionSideDual"
    told = table(await ask(subject.connection, call, {}), call)
    found = [_one_way(told.get("dualSidePosition"))]
    call = COINM.profile.figures.call
    told = table(await ask(subject.connection, call, {}), call)
    found.append(finding("trades", told.get("canTrade") is True, told.get("canTrade"), "True"))
    listed = rows(told.get("positions"), call)
    for instrument in margined:
        row = next((each for each in listed if each.get("symbol") == instrument.name), None)
        if row is None or not isinstance(row.get("isolated"), bool):
            raise Malformed(f"{call}: must tell the margin of {instrument.name}")
        leverage = decimal(row, "leverage", call)
        found.append(_margin(subject, instrument, bool(row["isolated"]), leverage))
    return found


def _margin(subject: Subject, instrument: Instrument, isolated: bool, leverage: Decimal) -> Finding:
    """Hold margin type and leverage of a contract against the settings."""
    settings = subject.settings
    agrees = isolated == (settings.margin == "isolated") and settings.margin != "portfolio"
    most = settings.leverage
    agrees = agrees and (most is None or leverage == Decimal(str(most)))
    measured = f"{'isolated' if isolated else 'cross'}, leverage {leverage}"
    must = f"{settings.margin}, leverage {'any' if most is None else f'{most:g}'}"
    return finding(f"margin.{instrument.id}", agrees, measured, must)


async def tiers(subject: Subject) -> Sequence[Finding]:
    """Hold the maintenance that the settings reckon with against the venue's own brackets."""
    venue, told = _venue(subject), subject.settings.tiers
    if venue is SPOT or told is None:
        return ()
    found: list[Finding] = []
    call = venue.call("Get" if venue is USDM else "V2Get", "LeverageBracket")
    for instrument in (each for each in subject.instruments if each.margined):
        listed = rows(await ask(subject.connection, call, {"symbol": instrument.name}), call)
        row = next((each for each in listed if each.get("symbol") == instrument.name), None)
        if row is None:
            raise Malformed(f"{call}: must be about {instrument.name}")
        price = 1.0 if venue is USDM else await mark(subject, instrument)
        found.append(_tiers(instrument, told, _brackets(row, call, price)))
    return found


def _brackets(row: Row, call: str, price: float) -> list[tuple[float, float]]:
    """Return floors, USD, and rates; COIN-M counts its floors in coins."""
    told = []
    for each in rows(row.get("brackets"), call):
        floor = next((name for name in _FLOORS if each.get(name) is not None), _FLOORS[0])
        rate = float(decimal(each, "maintMarginRatio", call))
        told.append((float(decimal(each, floor, call)) * price, rate))
    return sorted(told)


def _tiers(
    instrument: Instrument, ours: Sequence[Sequence[float]], theirs: Sequence[tuple[float, float]]
) -> Finding:
    """Warn where the venue asks for more at a floor than the settings reckon with."""
    floors = sorted({0.0, *(each[0] for each in ours), *(each[0] for each in theirs)})
    apart = [
        (floor, _rate(ours, floor), _rate(theirs, floor))
        for floor in floors
        if _rate(theirs, floor) > _rate(ours, floor)
    ]
    measured = ", ".join(f"{rate:g} from {floor:g} USD" for floor, _, rate in apart[:3])
    must = ", ".join(f"at most {rate:g}" for _, rate, _ in apart[:3]) or "at most the settings'"
    grade = Grade.WARNED if apart else Grade.PASSED
    return Finding(f"tiers.{instrument.id}", grade, measured or "as the settings have it", must)


def _rate(tiers_of: Sequence[Sequence[float]], notional: float) -> float:
    """Return the rate of the slice that a notional is in."""
    return max((each[1] for each in tiers_of if each[0] <= notional), default=0.0)


async def mark(subject: Subject, instrument: Instrument) -> float:
    """Return the mark of a contract, or the middle of a pair, USD per coin."""
    venue, params = _venue(subject), {"symbol": instrument.name}
    if instrument.kind is Kind.SPOT:
        call = venue.ask("TickerBookTicker")
        told = table(await ask(subject.connection, call, params), call)
        return float((decimal(told, "bidPrice", call) + decimal(told, "askPrice", call)) / 2)
    call = venue.ask("PremiumIndex")
    answer = await ask(subject.connection, call, params)
    row = rows(answer, call)[0] if isinstance(answer, list) and answer else table(answer, call)
    price = optional(row, "markPrice")
    if not price or price <= 0:
        raise Malformed(f"{call}: markPrice of {instrument.id} must be above 0")
    return float(price)


QUESTIONS: Questions = (
    ("permission", permissions),
    ("account", account),
    ("positions", positions),
    ("tiers", tiers),
)
