"""The ledger: fills, funding and settlements become positions and cash, to the last unit.

Every booking is an amount in a currency. Amounts that a division makes are
rounded to 1e-12 and whatever is released from a basis is what leaves it, so
nothing is lost between the two.

A fill that is told after a settlement that came after it at the venue has its
profit up to that settlement's price in cash there, and so it has here; one
that is told after its contract ended is cash altogether. A settlement that is
told after fills which came after it is booked as if it had been told before
them, and so is a fill: what a trade realises depends on those before it, and a
venue books them in the order in which they came to it (those of one moment, in
that of their numbers, where it tells any). A pair whose fee is taken
in its own coin puts fewer coins there than were bought. What is from before the
moment at which an account was adopted (see `adopting`) is in what was adopted.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, localcontext

from rebalancer.core.booked import LATE, Booked, again, later_than
from rebalancer.core.events import (
    CashMoved,
    Delivered,
    Fill,
    FundingPaid,
    Settled,
)
from rebalancer.core.instruments import Instrument, Kind
from rebalancer.core.positions import (
    EXACT,
    Position,
    joined,
    open_profit,
    payoff,
    traded,
    worth,
)

_ZERO, _NOTHING = Decimal(0), Position()


@dataclass(slots=True)
class Ledger:
    """Positions, cash and running totals of all accounts; written by the functions below only."""

    positions: dict[tuple[str, str], Position] = field(default_factory=dict)  # account, instrument
    cash: dict[tuple[str, str], Decimal] = field(default_factory=dict)  # account, currency
    credits: dict[tuple[str, str], int] = field(default_factory=dict)  # amounts in each balance
    aside: dict[tuple[str, str], Decimal] = field(default_factory=dict)  # of it: not to be hedged
    realised: dict[str, Decimal] = field(default_factory=dict)  # currency → profit booked
    fees: dict[str, Decimal] = field(default_factory=dict)  # currency → paid, + is a cost
    funding: dict[str, Decimal] = field(default_factory=dict)  # currency → received
    seen: set[tuple[str, str, str, str]] = field(default_factory=set)  # bookings already made
    settled: dict[tuple[str, str], tuple[Settled, Decimal]] = field(
        default_factory=dict
    )  # the last of each, and how many contracts it settled
    recent: dict[tuple[str, str], deque[Booked]] = field(default_factory=dict)  # fills, as booked
    delivered: dict[tuple[str, str], Delivered] = field(default_factory=dict)  # what has ended
    adopted: dict[str, int] = field(default_factory=dict)  # account → as of when, ns
    version: int = 0  # grows with each booking

    def position(self, account: str, instrument: str) -> Position:
        """Return the position; an empty one where nothing is held."""
        return self.positions.get((account, instrument), _NOTHING)

    def balance(self, account: str, currency: str) -> Decimal:
        """Return the cash of an account in one currency, without open profit."""
        return self.cash.get((account, currency), _ZERO)


def credit(ledger: Ledger, account: str, currency: str, amount: Decimal) -> None:
    """Add `amount` to a cash balance; negative takes away."""
    with localcontext(EXACT):
        ledger.cash[account, currency] = ledger.balance(account, currency) + amount
    if amount:
        ledger.credits[account, currency] = ledger.credits.get((account, currency), 0) + 1
    ledger.version += 1


def _add(totals: dict[str, Decimal], currency: str, amount: Decimal) -> None:
    with localcontext(EXACT):
        totals[currency] = totals.get(currency, _ZERO) + amount


def _first_time(ledger: Ledger, kind: str, account: str, instrument: str, key: str) -> bool:
    """Note a booking; False when it was made before."""
    mark = (kind, account, instrument, key)
    if mark in ledger.seen:
        return False
    ledger.seen.add(mark)
    ledger.version += 1
    return True


def _adopted_over(ledger: Ledger, account: str, ts: int | None) -> bool:
    """Whether a booking is from before its account was adopted, and so is in it already."""
    since = ledger.adopted.get(account)
    return since is not None and ts is not None and ts < since


def keep(ledger: Ledger, account: str, instrument: str, position: Position) -> None:
    """Let a position be this one; an empty one is none."""
    if position.quantity or position.hedge:
        ledger.positions[account, instrument] = position
    else:
        ledger.positions.pop((account, instrument), None)


def book_fill(
    ledger: Ledger,
    fill: Fill,
    instrument: Instrument,
    *,
    ours: bool,
    unwound: Decimal = _ZERO,
) -> bool:
    """Book one execution: position, premium or realised profit, and fee.

    A fee in the coin of a pair leaves the position, not the cash: a venue has one
    balance of a coin, and a pair's position is that balance.

    Args:
        ledger: Is written.
        fill: The execution; keyed by account, instrument and trade id.
        instrument: Contract of the fill.
        ours: Whether an order of ours made it, so that all of it counts as hedge.
        unwound: Else the part that took away what hedging had put there,
            contracts, signed like the fill.

    Returns:
        False when this fill was booked before. Nothing changes then, nor when
        it is from before its account was adopted.
    """
    if not _first_time(ledger, "fill", fill.account, fill.instrument, fill.trade_id):
        return False
    if _adopted_over(ledger, fill.account, fill.ts_venue):
        return True
    ended = ledger.delivered.get((fill.account, fill.instrument))
    if ended is not None:
        _book_late(ledger, fill, instrument, ended)
        return True
    if _book_settled(ledger, fill, instrument, fill.quantity if ours else unwound):
        return True
    hedge = fill.quantity if ours else unwound
    if instrument.margined:
        profit = _book_in_order(ledger, fill, instrument, hedge)
        credit(ledger, fill.account, instrument.settle, profit)
    else:
        before, kept = ledger.position(fill.account, fill.instrument), _withheld(fill, instrument)
        with localcontext(EXACT):
            arrived, hedge = fill.quantity - kept, hedge - kept if ours else hedge
        after, profit = traded(before, instrument, arrived, fill.price, hedge)
        keep(ledger, fill.account, fill.instrument, after)
        credit(
            ledger, fill.account, instrument.settle, -worth(instrument, fill.quantity, fill.price)
        )
    _earn(ledger, fill, instrument, profit)
    return True


def _book_in_order(ledger: Ledger, fill: Fill, instrument: Instrument, hedge: Decimal) -> Decimal:
    """Book a fill where it came, those that came after it once more; return the profit of it all.

    Fills are kept for as long as something from before them may still be told.
    """
    key = (fill.account, fill.instrument)
    kept = ledger.recent.setdefault(key, deque())
    held, later = ledger.position(*key), later_than(kept, fill.ts_venue, fill.number)
    for _ in later:
        kept.pop()
    start = later[0].before if later else held
    after, gained = again(kept, start, instrument, (Booked(fill, start, _ZERO), *later))
    keep(ledger, *key, replace(after, hedge=held.hedge + hedge))
    while kept[0].fill.ts_local < fill.ts_local - LATE:
        kept.popleft()
    return gained


def _withheld(fill: Fill, instrument: Instrument) -> Decimal:
    """Return the coins that a fee takes out of a pair's position; 0 where the fee is cash."""
    coins = instrument.kind is Kind.SPOT and fill.fee_currency == instrument.underlying
    return fill.fee if coins else _ZERO


def _earn(ledger: Ledger, fill: Fill, instrument: Instrument, profit: Decimal) -> None:
    """Book the fee of a fill, and add up what it realised."""
    if not _withheld(fill, instrument):
        credit(ledger, fill.account, fill.fee_currency, -fill.fee)
    _add(ledger.realised, instrument.settle, profit)
    _add(ledger.fees, fill.fee_currency, fill.fee)


def _book_late(ledger: Ledger, fill: Fill, instrument: Instrument, ended: Delivered) -> None:
    """Book a fill that is told after its contract ended: it was delivered with the rest."""
    alone = Position(fill.quantity, worth(instrument, fill.quantity, fill.price))
    if instrument.kind is Kind.OPTION:
        with localcontext(EXACT):
            gain = fill.quantity * payoff(instrument, ended.price) - alone.basis
    else:
        gain = open_profit(instrument, alone, ended.price)
    credit(ledger, fill.account, instrument.settle, gain)
    _earn(ledger, fill, instrument, gain)


def _book_settled(ledger: Ledger, fill: Fill, instrument: Instrument, hedge: Decimal) -> bool:
    """Book a fill from before the last settlement as if it had been settled too.

    Its profit up to then is cash already, and it stands in the basis at the
    settlement price with what was settled: rounding each by itself would leave a
    unit. What came after the settlement is booked once more, upon that. False where
    the fill is younger, and nothing is booked.
    """
    key = (fill.account, fill.instrument)
    last, settled = ledger.settled.get(key, (None, _ZERO))
    if last is None or last.ts_venue is None or fill.ts_venue is None:
        return False
    if fill.ts_venue > last.ts_venue:
        return False
    if fill.ts_venue == last.ts_venue and not _was_settled(last, settled, fill):
        return False
    alone = Position(fill.quantity, worth(instrument, fill.quantity, fill.price))
    held, later = ledger.position(*key), tuple(ledger.recent.get(key, ()))
    before = later[0].before if later else held
    with localcontext(EXACT):
        whole = settled + fill.quantity
        added = worth(instrument, whole, last.price) - worth(instrument, settled, last.price)
        start = Position(before.quantity + fill.quantity, before.basis + added)
    kept = ledger.recent[key] = deque[Booked]()
    after, gained = again(kept, start, instrument, later)
    with localcontext(EXACT):
        profit = open_profit(instrument, alone, last.price) + gained
        after = replace(after, hedge=held.hedge + hedge)
    ledger.settled[key] = (last, whole)
    keep(ledger, *key, after)
    credit(ledger, fill.account, instrument.settle, profit)
    _earn(ledger, fill, instrument, profit)
    return True


def book_funding(ledger: Ledger, paid: FundingPaid) -> bool:
    """Book a funding payment; False when it was booked before."""
    if not _first_time(ledger, "funding", paid.account, paid.instrument, paid.payment_id):
        return False
    if _adopted_over(ledger, paid.account, paid.ts_venue):
        return True
    credit(ledger, paid.account, paid.currency, paid.amount)
    _add(ledger.funding, paid.currency, paid.amount)
    return True


def book_cash(ledger: Ledger, moved: CashMoved, pair: Instrument | None = None) -> bool:
    """Book what moved without a trade; False when it was booked before.

    Args:
        ledger: Is written.
        moved: Cash, or coins.
        pair: By which the account holds these coins; None: they are cash.
    """
    if not _first_time(ledger, "cash", moved.account, moved.currency, moved.cash_id):
        return False
    if _adopted_over(ledger, moved.account, moved.ts_venue):
        return True
    if pair is None:
        credit(ledger, moved.account, moved.currency, moved.amount)
    else:
        held = ledger.position(moved.account, pair.id)
        keep(ledger, moved.account, pair.id, joined(held, moved.amount))
    return True


def book_settlement(ledger: Ledger, settled: Settled, instrument: Instrument) -> bool:
    """Move open profit into cash at the settlement price; False when booked before.

    Neither equity nor delta changes: what leaves the basis arrives as cash.
    """
    key = settled.settlement_id
    if not _first_time(ledger, "settlement", settled.account, settled.instrument, key):
        return False
    if not instrument.margined:
        return True  # what is paid in full has no open profit to move
    if _adopted_over(ledger, settled.account, settled.ts_venue):
        return True
    later = _unsettled(ledger, settled)
    held = ledger.position(settled.account, settled.instrument)
    before = later[0].before if later else held
    ledger.settled[settled.account, settled.instrument] = (settled, before.quantity)
    start = replace(before, basis=worth(instrument, before.quantity, settled.price))
    kept = ledger.recent[settled.account, settled.instrument] = deque[Booked]()
    after, gained = again(kept, start, instrument, later)  # as if it had been told in its turn
    profit = open_profit(instrument, before, settled.price) + gained
    keep(ledger, settled.account, settled.instrument, replace(after, hedge=held.hedge))
    credit(ledger, settled.account, instrument.settle, profit)
    _add(ledger.realised, instrument.settle, profit)
    return True


def _unsettled(ledger: Ledger, settled: Settled) -> Sequence[Booked]:
    """Return the fills, in order, that a settlement did not settle though they are booked already.

    Which of those of its own moment were in it, shows how many contracts the venue says
    that it settled; where it does not say, none of them was.
    """
    key = (settled.account, settled.instrument)
    moment = settled.ts_venue
    later = later_than(ledger.recent.get(key, ()), None if moment is None else moment - 1)
    if settled.size is None:
        return later
    tied = sum(each.fill.ts_venue == moment for each in later)
    held = [*(each.before.quantity for each in later), ledger.position(*key).quantity]
    apart = [abs(abs(each) - settled.size) for each in held[: tied + 1]]
    return later[apart.index(min(apart)) :]


def _was_settled(last: Settled, settled: Decimal, fill: Fill) -> bool:
    """Whether a fill of a settlement's own moment was in it: with it more of the size is there."""
    if last.size is None:
        return False
    return abs(abs(settled + fill.quantity) - last.size) < abs(abs(settled) - last.size)


def book_delivery(ledger: Ledger, ended: Delivered, instrument: Instrument) -> bool:
    """End a dated contract at its settlement price; False when booked before."""
    if not _first_time(ledger, "delivery", ended.account, ended.instrument, ended.delivery_id):
        return False
    before = ledger.position(ended.account, ended.instrument)
    ledger.delivered[ended.account, ended.instrument] = ended
    if not before.quantity and _adopted_over(ledger, ended.account, ended.ts_venue):
        return True
    if instrument.kind is Kind.OPTION:
        with localcontext(EXACT):
            value = before.quantity * payoff(instrument, ended.price)
            profit = value - before.basis
    else:
        value = profit = open_profit(instrument, before, ended.price)
    ledger.positions.pop((ended.account, ended.instrument), None)
    credit(ledger, ended.account, instrument.settle, value - ended.fee)
    _add(ledger.realised, instrument.settle, profit)
    _add(ledger.fees, instrument.settle, ended.fee)
    return True


def set_aside(ledger: Ledger, before: Mapping[tuple[str, str], Decimal]) -> None:
    """Note that what moved each balance since `before` came from what is not hedged."""
    for key, total in ledger.cash.items():
        change = total - before.get(key, _ZERO)
        if change:
            ledger.aside[key] = ledger.aside.get(key, _ZERO) + change
