"""Is this the Deribit account that the settings mean, and may our key do what it must, no more?"""

import hashlib
import hmac
from collections.abc import Sequence
from decimal import Decimal

from rebalancer.core.instruments import STABLE, Instrument
from rebalancer.settings.models import Venue
from rebalancer.venues.deribit.rows import settle_currency
from rebalancer.venues.findings import Finding, Questions, Subject, ask, finding
from rebalancer.venues.outcome import Malformed
from rebalancer.venues.payloads import MILLISECOND, Row, decimal, optional, rows, table, text


async def permissions(subject: Subject) -> Sequence[Finding]:
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
    told = table(await ask(subject.connection, "public_get_auth", login), "public/auth")
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


async def account(subject: Subject) -> Sequence[Finding]:
    """Find out which account it is, and by which model each currency of it is margined."""
    call, settings = subject.profile.figures.call, subject.settings
    told = table(await ask(subject.connection, call, {"extended": "true"}), call)
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


async def positions(subject: Subject) -> Sequence[Finding]:
    """Find out whether positions are netted, and how far each currency is levered.

    Deribit has no leverage to set: it is what is held ÷ what is owned.
    """
    call, figures = "private_get_get_positions", subject.profile.figures
    told = table(await ask(subject.connection, call, {"currency": "any"}), call)
    held = rows(told.get("result"), call)
    names = [text(each, "instrument_name", call) for each in held]
    netted = len(names) == len(set(names))
    must = "one row an instrument: long and short are netted"
    found = [finding("positions", netted, f"{len(held)} rows", must)]
    told = table(await ask(subject.connection, figures.call, {}), figures.call)
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


async def mark(subject: Subject, instrument: Instrument) -> float:
    """Return the mark of an instrument, USD per coin."""
    params = {"instrument_name": instrument.name}
    told = table(await ask(subject.connection, "public_get_ticker", params), "public/ticker")
    result = table(told.get("result"), "public/ticker")
    mark = optional(result, "mark_price")
    if not mark or mark <= 0:
        raise Malformed(f"public/ticker: mark_price of {instrument.id} must be above 0")
    return float(mark)


QUESTIONS: Questions = (
    ("permission", permissions),
    ("account", account),
    ("positions", positions),
)
