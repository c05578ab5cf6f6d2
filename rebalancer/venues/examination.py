"""Examination: is this account fit to be traded by this book? Asked before anything is sent.

Each question is a finding with what was measured and what must hold, so that a
person can see all of it at once. A question that the venue does not answer is a
finding too. `doctor` prints them; going live needs every one to pass.
"""

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from rebalancer.core.instruments import STABLE, Instrument, Kind
from rebalancer.errors import ConfigError, Fault, RebalancerError, Unavailable
from rebalancer.ports import Clock
from rebalancer.settings.cross import lot_in_coins
from rebalancer.settings.models import Underlying, Venue
from rebalancer.venues.connection import Connection
from rebalancer.venues.dead_man import DeadManSwitch
from rebalancer.venues.deribit_rows import settle_currency
from rebalancer.venues.outcomes import Malformed, explain
from rebalancer.venues.payloads import MILLISECOND, Row, decimal, optional, rows, table, text
from rebalancer.venues.profiles import DeadManKind, Profile
from rebalancer.venues.skew import REFUSES, WARNS, skew, surely


class Grade(StrEnum):
    """How a finding ends."""

    PASSED = "passed"
    WARNED = "warned"  # may be traded, a person should look
    FAILED = "failed"  # must not be traded


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one question."""

    name: str  # e.g. instrument.deribit:BTC-PERPETUAL
    grade: Grade
    measured: str
    must: str

    @property
    def ok(self) -> bool:
        """Whether it does not stand in the way."""
        return self.grade is not Grade.FAILED


@dataclass(frozen=True, slots=True)
class Subject:
    """What is examined, and what the settings say of it."""

    connection: Connection
    profile: Profile
    settings: Venue
    clock: Clock
    instruments: Sequence[Instrument]  # that the book names on this venue
    underlyings: Mapping[str, Underlying]
    dead_man: DeadManSwitch | None = None  # None: nothing of this book rests


Question = Callable[[Subject], Awaitable[Sequence[Finding]]]


async def examine(subject: Subject) -> Sequence[Finding]:
    """Return every finding; stops early only when nobody answers at all."""
    found: list[Finding] = []
    for name, question in QUESTIONS:
        try:
            found += await question(subject)
        except RebalancerError as error:
            found.append(Finding(name, Grade.FAILED, str(error), "must be answered"))
            if name == "reach":
                break
    return found


async def identify(subject: Subject) -> None:
    """See that this is the account that the settings mean, and fit: before anything is traded.

    Raises:
        ConfigError: It is not; all that is wrong.
        KeyRefused: The venue does not accept the key.
        Unavailable: It did not answer, or the clocks are too far apart: what is
            signed would be refused, and no setting mends it, but time does.
    """
    found: list[Finding] = []
    place = f"venues.{subject.profile.venue}"
    for name, ask in QUESTIONS:
        found += await ask(subject) if name in IDENTITY else ()
        for clock in (each for each in found if each.name == "clock" and not each.ok):
            raise Unavailable(f"{place}: clock must be {clock.must}, was {clock.measured}")
    wrong = [Fault(place, f"{each.name} must be {each.must}", each.measured) for each in found
             if not each.ok]  # fmt: skip
    if wrong:
        raise ConfigError(place, wrong)


def finding(name: str, passes: bool, measured: object, must: str) -> Finding:
    """Return a finding that passes or fails."""
    return Finding(name, Grade.PASSED if passes else Grade.FAILED, str(measured), must)


async def _reach(subject: Subject) -> Sequence[Finding]:
    apart, uncertain = await skew(subject.connection, subject.clock)
    sure = surely(apart, uncertain)
    grade = Grade.PASSED if sure < WARNS else Grade.WARNED
    grade = Grade.FAILED if sure > REFUSES else grade
    told = f"{apart / MILLISECOND:+.0f} ms (± {uncertain / MILLISECOND:.0f})"
    return (
        finding("reach", True, f"{2 * uncertain / MILLISECOND:.0f} ms there and back", "answers"),
        Finding("clock", grade, told, "within 250 ms; more than 1 s is refused"),
    )


async def _permissions(subject: Subject) -> Sequence[Finding]:
    """Ask for a token with a signature, never with the secret, and read what it may do."""
    exchange, stamp = subject.connection.exchange, subject.clock.now() // MILLISECOND
    secret, stamped = exchange.secret.encode(), f"{stamp}\n0\n".encode()
    signed = hmac.new(secret, stamped, hashlib.sha256).hexdigest()
    login = {
        "grant_type": "client_signature",
        "client_id": exchange.apiKey,
        "timestamp": stamp,
        "nonce": "0",
        "data": "",
        "signature": signed,
    }
    told = table(await _ask(subject.connection, "public_get_auth", login), "public/auth")
    result = table(told.get("result"), "public/auth")
    scope = text(result, "scope", "public/auth").split()
    may = {name: level for name, _, level in (each.partition(":") for each in scope) if level}
    wallet = may.get("wallet", "none")
    return (
        finding(
            "permission.trade",
            may.get("trade") == "read_write",
            f"trade:{may.get('trade', 'none')}",
            "trade:read_write",
        ),
        finding(
            "permission.account",
            may.get("account", "none") != "none",
            f"account:{may.get('account', 'none')}",
            "account:read",
        ),
        finding(
            "permission.withdraw",
            wallet in ("none", "read"),
            f"wallet:{wallet}",
            "wallet:none or wallet:read: a key that can withdraw is refused",
        ),
    )


async def _account(subject: Subject) -> Sequence[Finding]:
    call, settings = subject.profile.figures.call, subject.settings
    told = table(await _ask(subject.connection, call, {"extended": "true"}), call)
    result = table(told.get("result"), call)
    uid = text(result, "id", call)
    pinned = settings.account
    found = [finding("account", uid == pinned, uid, f"uid {pinned}, as the settings pin it")]
    for row in rows(result.get("summaries"), call):
        currency = text(row, "currency", call)
        found.append(_margin_mode(currency, row, settings))
    return found


def _margin_mode(currency: str, row: Row, settings: Venue) -> Finding:
    """Hold the venue's margin model against the settings; Deribit nets, and has no hedge mode."""
    model = str(row.get("margin_model") or "unknown")
    portfolio = model.endswith("_pm")
    agrees = portfolio == (settings.margin == "portfolio") and settings.margin != "isolated"
    pooled = model.startswith("cross")
    agrees = agrees and model != "unknown" and pooled == (settings.collateral is not None)
    must = f"{settings.margin}, {'one pool' if settings.collateral else 'each currency by itself'}"
    return finding(f"margin.{currency}", agrees, model, must)


async def _positions(subject: Subject) -> Sequence[Finding]:
    """Find out whether positions are netted, and how far each currency is levered.

    Deribit has no leverage to set: it is what is held ÷ what is owned.
    """
    call, figures = "private_get_get_positions", subject.profile.figures
    told = table(await _ask(subject.connection, call, {"currency": "any"}), call)
    held = rows(told.get("result"), call)
    names = [text(each, "instrument_name", call) for each in held]
    netted = len(names) == len(set(names))
    must = "one row an instrument: long and short are netted"
    found = [finding("positions", netted, f"{len(held)} rows", must)]
    told = table(await _ask(subject.connection, figures.call, {}), figures.call)
    summaries = rows(table(told.get("result"), figures.call).get("summaries"), figures.call)
    currencies = [text(each, "currency", figures.call) for each in summaries]
    for row in summaries:
        currency, equity = str(row["currency"]), decimal(row, figures.equity, figures.call)
        exposed = sum(
            (
                abs(optional(each, "size_currency") or Decimal(0))
                * (1 if currency not in STABLE else optional(each, "index_price") or Decimal(0))
                for each in held
                if settle_currency(str(each["instrument_name"]), currencies)[0] == currency
            ),
            Decimal(0),
        )
        if exposed:
            found.append(_leverage(currency, exposed, equity, subject.settings))
    return found


def _leverage(currency: str, exposed: Decimal, equity: Decimal, settings: Venue) -> Finding:
    most = settings.leverage
    if equity <= 0:
        return finding(f"leverage.{currency}", False, "no equity", "equity above 0")
    used = exposed / equity
    passes = most is None or used <= Decimal(str(most))
    must = "any: the settings name none" if most is None else f"at most {most:g}"
    return finding(f"leverage.{currency}", passes, f"{used:.2f}", must)


async def _instruments(subject: Subject) -> Sequence[Finding]:
    markets = await _ask(subject.connection, "load_markets")
    by_name = {str(each["id"]): each for each in markets.values()}
    found: list[Finding] = []
    for instrument in subject.instruments:
        if instrument.kind is Kind.CASH:
            continue
        raw = by_name.get(instrument.name)
        if raw is None or raw.get("active") is False:
            found.append(
                finding(f"instrument.{instrument.id}", False, "not traded", "traded there")
            )
            continue
        found += [_constants(instrument, raw), _settles(instrument, raw), *_fees(subject, raw)]
    return found


def _constants(instrument: Instrument, raw: Row) -> Finding:
    """Hold size, lot, tick, settle currency, strike and expiry against the venue's."""
    precision, info = raw.get("precision") or {}, raw.get("info") or {}
    ours: dict[str, object] = {
        "lot": instrument.lot,
        "minimum": instrument.minimum,
        "tick": instrument.tick,
        "settle": instrument.settle,
        "size": instrument.size,
    }
    theirs: dict[str, object] = {
        "lot": optional(precision, "amount"),
        "minimum": optional((raw.get("limits") or {}).get("amount") or {}, "min"),
        "tick": _finest(optional(precision, "price"), info),
        "settle": raw.get("settle"),
        "size": Decimal(1),  # amounts are USD or coins, whatever contract_size says
    }
    if instrument.expiry is not None:
        ours["expiry"] = instrument.expiry // MILLISECOND
        theirs["expiry"] = raw.get("expiry")
    if instrument.strike is not None:
        ours["strike"], theirs["strike"] = instrument.strike, optional(raw, "strike")
        ours["type"] = "call" if instrument.sign > 0 else "put"
        theirs["type"] = raw.get("optionType")
    wrong = [name for name in ours if ours[name] != theirs[name]]
    measured = ", ".join(f"{name} {theirs[name]}" for name in wrong or ("lot", "tick", "settle"))
    must = ", ".join(f"{name} {ours[name]}" for name in wrong) or "as the settings have it"
    return finding(f"instrument.{instrument.id}", not wrong, measured, must)


def _finest(tick: Decimal | None, info: Row) -> Decimal | None:
    steps = [optional(each, "tick_size") for each in info.get("tick_size_steps") or ()]
    known = [each for each in (tick, *steps) if each is not None]
    return min(known) if known else None


def _settles(instrument: Instrument, raw: Row) -> Finding:
    """Refuse a quanto: what settles in a third currency has a delta that we do not know."""
    base, quote, settle = raw.get("base"), raw.get("quote"), raw.get("settle")
    passes = instrument.kind is Kind.SPOT or settle in (base, quote)
    must = f"its base ({base}) or quote ({quote}) currency"
    return finding(f"settles.{instrument.id}", passes, settle or "nothing", must)


def _fees(subject: Subject, raw: Row) -> Sequence[Finding]:
    """Hold the listed fees against the settings'; the account's own may be lower."""
    fees = subject.settings.fees
    if fees is None or raw.get("option"):
        return ()
    taker, name = optional(raw, "taker"), f"fees.{raw['id']}"
    passes = taker is not None and taker <= Decimal(str(fees.taker))
    grade = Grade.PASSED if passes else Grade.WARNED
    return (Finding(name, grade, f"taker {taker}", f"at most {fees.taker}, as the settings say"),)


async def _lots(subject: Subject) -> Sequence[Finding]:
    """Hold one lot against the band: a hedge that cannot be small enough never ends."""
    found: list[Finding] = []
    for name, own in subject.underlyings.items():
        hedges = {*own.hedge.buy, *own.hedge.sell}
        for instrument in (each for each in subject.instruments if each.id in hedges):
            price = await _price(subject, instrument)
            lot = lot_in_coins(instrument, price)
            width = Decimal(str(own.band.upper)) - Decimal(str(own.band.lower))
            if lot is None or own.band.kind != "fixed":
                continue
            must = f"at most the band's width ({width} {name})"
            measured = f"one lot is {lot:.8f} {name}"
            found.append(finding(f"lot.{instrument.id}", lot <= width, measured, must))
    return found


async def _price(subject: Subject, instrument: Instrument) -> float | None:
    """Return the mark of an inverse instrument, USD per coin."""
    if not instrument.inverse:
        return None
    params = {"instrument_name": instrument.name}
    told = table(await _ask(subject.connection, "public_get_ticker", params), "public/ticker")
    result = table(told.get("result"), "public/ticker")
    mark = optional(result, "mark_price")
    if not mark or mark <= 0:
        raise Malformed(f"public/ticker: mark_price of {instrument.id} must be above 0")
    return float(mark)


async def _dead_man(subject: Subject) -> Sequence[Finding]:
    kind, switch = subject.profile.dead_man.kind, subject.dead_man
    must = "arm and read back, or nothing may rest"
    if switch is None:
        measured = f"{kind}, not armed: this book sends nothing that rests"
        grade = Grade.WARNED if kind is DeadManKind.NONE else Grade.PASSED
        return (Finding("dead_man", grade, measured, must),)
    await switch.arm()
    return (finding("dead_man", switch.armed, f"{kind}, armed", must),)


QUESTIONS: Sequence[tuple[str, Question]] = (
    ("reach", _reach),
    ("permission", _permissions),
    ("account", _account),
    ("positions", _positions),
    ("instrument", _instruments),
    ("lot", _lots),
    ("dead_man", _dead_man),
)


IDENTITY = ("reach", "permission", "account", "positions", "instrument")
"""What is asked at each start; the rest is `doctor`'s."""


async def _ask(connection: Connection, call: str, params: Row | None = None) -> Any:
    """Return ccxt's answer to a call; raises `Unavailable` and says no secret."""
    try:
        own = getattr(connection.exchange, call)
        return await (own() if params is None else own(dict(params)))
    except Exception as error:  # noqa: BLE001 - ccxt's texts carry signed addresses
        raise explain(connection.venue, call, error) from None
