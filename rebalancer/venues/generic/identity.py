"""Is this the account that the settings mean, as far as its profile can ask?

What the profile has no question for is a finding of its own: a person must see
to it that the key can withdraw nothing.
"""

from collections.abc import Sequence
from decimal import Decimal

from rebalancer.core.instruments import Instrument
from rebalancer.settings.profiling import FactTable, ReadingTable
from rebalancer.venues.accounts import Account
from rebalancer.venues.budget import Budget, Lane
from rebalancer.venues.findings import Finding, Grade, Questions, Subject, finding
from rebalancer.venues.generic import paths
from rebalancer.venues.generic.account import GenericAccount
from rebalancer.venues.generic.calls import GenericCalls, filled
from rebalancer.venues.outcome import Malformed
from rebalancer.venues.seats import AccountSeat

ASKED = {
    "account": "whose account it is",
    "permission.withdraw": "that the key can withdraw nothing",
}
"""What must be known of an account, whatever its venue."""


async def facts(subject: Subject) -> Sequence[Finding]:
    """Hold what the profile asks of the account against what must be so."""
    calls = _calls(subject)
    values = {**calls.own(), "account": subject.settings.account or ""}
    found = [await _fact(each, calls, values) for each in calls.table.facts]
    known = {each.name for each in found}
    return [*found, *(_unasked(name, words) for name, words in ASKED.items() if name not in known)]


def _unasked(name: str, words: str) -> Finding:
    return Finding(name, Grade.WARNED, "its profile has no question", f"see to it: {words}")


async def _fact(fact: FactTable, calls: GenericCalls, values: dict[str, object]) -> Finding:
    told: object = None
    if fact.call:
        told = await calls.ask(ReadingTable(call=fact.call, params=fact.params), values, Lane.HEDGE)
    if fact.value.startswith("="):
        was = str(filled(fact.value[1:], values))
    else:
        there = paths.value(told, fact.value, f"{subject_of(calls)} {fact.name}")
        was = "nothing" if there is None else str(there).strip('"')
    wanted = [str(each) for each in filled(fact.one_of, values)]
    passes = was.lower() in [each.lower() for each in wanted]
    return finding(fact.name, passes, was, fact.must)


def subject_of(calls: GenericCalls) -> str:
    """Return the name of the venue that is asked."""
    return calls.connection.venue


async def positions(subject: Subject) -> Sequence[Finding]:
    """Find out how positions are margined, how far they are levered, and what is read of cash."""
    account, settings = _account(subject), subject.settings
    held = [each for each in await account.held(Lane.HEDGE) if each.quantity]
    found = [finding("positions", True, f"{len(held)} rows", "one row an instrument")]
    modes = _calls(subject).table.margin_modes
    must = f"cross, by the venue's word: {' or '.join(modes)}"
    for each in held:
        if modes:
            passes = each.mode in modes and settings.margin == "cross"
            found.append(finding(f"margin.{each.instrument}", passes, each.mode, must))
        most = settings.leverage
        if most is not None and each.leverage is not None:
            passes = each.leverage <= Decimal(str(most))
            told = f"{each.leverage:f}"
            found.append(finding(f"leverage.{each.instrument}", passes, told, f"at most {most:g}"))
    return [*found, *await _settled(subject, account)]


async def _settled(subject: Subject, account: Account) -> Sequence[Finding]:
    """Hold the currencies in which the book's instruments settle against the cash that is told."""
    told = {each.instrument.partition(":")[2] for each in await account.positions()}
    currencies = dict.fromkeys(each.settle for each in subject.instruments)
    must = "a currency whose cash the venue tells of this account"
    return [
        finding(f"cash.{each}", each in told, "told" if each in told else "not told", must)
        for each in currencies
    ]


async def mark(subject: Subject, instrument: Instrument) -> float:
    """Return the mark of an instrument, USD per coin."""
    calls, account = _calls(subject), _account(subject)
    reading = calls.reading("mark")
    told = await calls.ask(reading, account.named(instrument.id), Lane.HEDGE)
    price = paths.number(told, reading.fields["price"], f"{calls.connection.venue} mark")
    if price <= 0:
        raise Malformed(f"{calls.connection.venue} mark of {instrument.id} must be above 0")
    return float(price)


def _calls(subject: Subject) -> GenericCalls:
    budget = Budget(subject.profile.rates, subject.clock)
    return GenericCalls(subject.connection, budget, subject.clock)


def _account(subject: Subject) -> GenericAccount:
    budget = Budget(subject.profile.rates, subject.clock)
    named = {each.id: each for each in subject.instruments}
    name = subject.connection.venue
    seat = AccountSeat(name, subject.connection, budget, subject.clock, named, lambda _: False)
    return GenericAccount(seat)


QUESTIONS: Questions = (("facts", facts), ("positions", positions))
