"""Examination: is this account fit to be traded by this book? Asked before anything is sent.

Each question is a finding with what was measured and what must hold, so that a
person can see all of it at once. A question that the venue does not answer is a
finding too. `doctor` prints them; going live needs every one to pass.
"""

from collections.abc import Sequence
from decimal import Decimal

from rebalancer.core.instruments import Instrument, Kind
from rebalancer.errors import ConfigError, Fault, RebalancerError, Unavailable
from rebalancer.settings.cross import lot_in_coins
from rebalancer.venues.findings import Finding, Grade, Questions, Subject, ask, finding
from rebalancer.venues.parts import parts_of
from rebalancer.venues.payloads import MILLISECOND, Row, optional
from rebalancer.venues.profile import DeadManKind, Profile
from rebalancer.venues.requests import market, named, traded
from rebalancer.venues.skew import REFUSES, WARNS, skew, surely
from rebalancer.venues.terms import terms


async def examine(subject: Subject, *, public: bool = False) -> Sequence[Finding]:
    """Return every finding; stops early only when nobody answers at all.

    Args:
        subject: What is asked, and by what it is judged.
        public: Whether only what needs no key is asked.
    """
    found: list[Finding] = []
    asked = (("reach", _reach), ("instrument", _instruments)) if public else questions(subject)
    for name, question in asked:
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
    for name, question in questions(subject):
        found += await question(subject) if name not in ONLY_DOCTOR else ()
        for clock in (each for each in found if each.name == "clock" and not each.ok):
            raise Unavailable(f"{place}: clock must be {clock.must}, was {clock.measured}")
    wrong = [Fault(place, f"{each.name} must be {each.must}", each.measured) for each in found
             if not each.ok]  # fmt: skip
    if wrong:
        raise ConfigError(place, wrong)


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


async def _instruments(subject: Subject) -> Sequence[Finding]:
    markets = await ask(subject.connection, "load_markets")
    profile = subject.profile
    own = (each for each in markets.values() if traded(each, profile))
    by_name = {named(each, profile): each for each in own}
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
        same = _constants(instrument, raw, subject.profile)
        found += [same, _settles(instrument, raw), *_fees(subject, raw)]
    return found


def _constants(instrument: Instrument, raw: Row, profile: Profile) -> Finding:
    """Hold size, lot, tick, settle currency, strike and expiry against the venue's."""
    precision, info = raw.get("precision") or {}, raw.get("info") or {}
    lot, where = optional(precision, "amount"), market(raw, profile)
    least = optional((raw.get("limits") or {}).get("amount") or {}, "min")
    tick = _finest(optional(precision, "price"), info)
    if profile.significant_digits:
        tick = None if where is None else where.tick
    ours, theirs = terms(instrument, raw, profile)
    ours |= {"lot": instrument.lot, "minimum": instrument.minimum, "tick": instrument.tick}
    theirs |= {"lot": lot, "minimum": lot if least is None else least, "tick": tick}
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
    """Hold the smallest order against the band: a hedge that cannot be small enough never ends."""
    found: list[Finding] = []
    listed = (await ask(subject.connection, "load_markets")).values()
    worths = {
        named(each, subject.profile): where.worth
        for each in listed
        if (where := market(each, subject.profile)) is not None
    }
    for name, own in subject.underlyings.items():
        hedges = {*own.hedge.buy, *own.hedge.sell}
        for instrument in (each for each in subject.instruments if each.id in hedges):
            worth = None if instrument.inverse else worths.get(instrument.name)
            price = await _mark(subject, instrument) if instrument.inverse or worth else None
            lot = lot_in_coins(instrument, price)
            if lot is None or own.band.kind != "fixed":
                continue
            width = Decimal(str(own.band.upper or 0)) - Decimal(str(own.band.lower or 0))
            must = f"at most the band's width ({width} {name})"
            measured = f"one lot is {lot:.8f} {name}"
            if worth and price and (least := worth / Decimal(str(price))) > lot:
                lot, measured = least, f"the least that an order is worth is {least:.8f} {name}"
            found.append(finding(f"lot.{instrument.id}", lot <= width, measured, must))
    return found


async def _mark(subject: Subject, instrument: Instrument) -> float:
    return await parts_of(subject.profile.venue).mark(subject, instrument)


async def _dead_man(subject: Subject) -> Sequence[Finding]:
    kind, switch = subject.profile.dead_man.kind, subject.dead_man
    must = "arm and read back, or nothing may rest"
    if switch is None:
        measured = f"{kind}, not armed: this book sends nothing that rests"
        grade = Grade.WARNED if kind is DeadManKind.NONE else Grade.PASSED
        return (Finding("dead_man", grade, measured, must),)
    await switch.arm()
    return (finding("dead_man", switch.armed, f"{kind}, armed", must),)


def questions(subject: Subject) -> Questions:
    """Return what is asked of an account: common questions around those of its venue."""
    own = parts_of(subject.profile.venue).questions
    return (("reach", _reach), *own, ("instrument", _instruments), ("lot", _lots),
            ("dead_man", _dead_man))  # fmt: skip


ONLY_DOCTOR = ("lot", "dead_man")
"""What is not asked at each start."""
