"""What a replayed book is worth, worked out from what was booked and not from any ledger.

Coins, dollars and positions are followed record by record in floats, by sums
that the exchange model does not use: a contract's profit is the sum over its
fills, held against its last price. The difference between this and the
model's own books is the accounting residual, and it has to be nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rebalancer.core.instruments import STABLE, Instrument, Kind
from rebalancer.exchange.records import (
    AutoDeleveraged,
    CashKind,
    CashMoved,
    ContractDelivered,
    Filled,
    FundingBooked,
    Liquidated,
    Record,
)

Traded = Filled | Liquidated | AutoDeleveraged
FLOWS = (CashKind.DEPOSIT, CashKind.WITHDRAWAL, CashKind.TRANSFER)


@dataclass(slots=True)
class Line:
    """One contract, followed from the start."""

    instrument: Instrument
    quantity: float  # contracts held now, signed
    own: float  # of them not put there by hedging: what the book would hold unhedged
    spent: float  # settle currency: sum of what each fill turned over, + bought; of an option 0
    own_spent: float  # the same of what the book began with
    mark: float | None = None  # USD per coin; option: USD value per coin of contract
    ended: bool = False


@dataclass(slots=True)
class Sums:
    """Running totals in USD, each booked at the price of its moment."""

    fees: float = 0.0
    funding: float = 0.0
    turnover: float = 0.0
    collateral: float = 0.0  # coins held as cash, times how their price moved
    payoffs: float = 0.0  # options that ended
    closed: float = 0.0  # open profit of futures that ended
    cash: float = 0.0  # that moved without a trade, as interest does
    flows: float = 0.0  # that somebody brought or took: no profit, no loss
    carried: float = 0.0  # the part of funding that was received for hedges
    fills: int = 0


@dataclass(slots=True)
class Worth:
    """The follower's books; `begin` fills them, records and prices move them."""

    lines: dict[str, Line] = field(default_factory=dict)
    coins: dict[str, float] = field(default_factory=dict)  # cash by coin, without open profit
    dollars: float = 0.0  # stable cash, without open profit
    indexes: dict[str, float] = field(default_factory=dict)  # USD per coin
    kept: dict[str, float] = field(default_factory=dict)  # funding of the book's own, by currency
    sums: Sums = field(default_factory=Sums)
    starting_coins: dict[str, float] = field(default_factory=dict)


def turned_over(instrument: Instrument, quantity: float, price: float) -> float:
    """Return what `quantity` contracts at `price` come to, settle currency, + bought.

    An inverse perpetual or future turns coins over (USD ÷ price), everything
    else price times coins: an inverse option's price is in coin.
    """
    amount = quantity * float(instrument.size)
    if instrument.inverse and instrument.margined:
        return amount / price
    return amount * price


def begin(held: Iterable[tuple[Instrument, float, bool]], entries: Mapping[str, float]) -> Worth:
    """Return the books at the start.

    Args:
        held: (instrument, contracts or cash, whether hedging put it there).
        entries: Entry price by instrument id.
    """
    worth = Worth()
    for instrument, quantity, hedge in held:
        if instrument.kind is Kind.CASH:
            if instrument.settle in STABLE:
                worth.dollars += quantity
            else:
                worth.coins[instrument.settle] = worth.coins.get(instrument.settle, 0.0) + quantity
            continue
        spent = 0.0
        if instrument.margined:
            spent = turned_over(instrument, quantity, entries[instrument.id])
        line = worth.lines.setdefault(instrument.id, Line(instrument, 0.0, 0.0, 0.0, 0.0))
        line.quantity += quantity
        line.spent += spent
        if not hedge:
            line.own += quantity
            line.own_spent += spent
    worth.starting_coins = dict(worth.coins)
    return worth


def price_index(worth: Worth, coin: str, price: float) -> None:
    """Take a new index price; cash in that coin gains or loses by it."""
    before = worth.indexes.get(coin)
    if before is not None:
        worth.sums.collateral += worth.coins.get(coin, 0.0) * (price - before)
    worth.indexes[coin] = price


def dollars(worth: Worth, currency: str, amount: float) -> float:
    """Return an amount of a currency in USD, coins at their index."""
    return amount if currency in STABLE else amount * worth.indexes.get(currency, 0.0)


def _receive(worth: Worth, currency: str, amount: float) -> None:
    if currency in STABLE:
        worth.dollars += amount
    else:
        worth.coins[currency] = worth.coins.get(currency, 0.0) + amount


def book(worth: Worth, record: Record, instruments: Mapping[str, Instrument]) -> None:
    """Follow one record; what moves no money is passed over."""
    match record:
        case Filled() | Liquidated() | AutoDeleveraged():
            _book_fill(worth, record, instruments[record.instrument])
        case FundingBooked():
            _receive(worth, record.currency, float(record.amount))
            told = dollars(worth, record.currency, float(record.amount))
            own = _own(worth.lines.get(record.instrument))
            kept = worth.kept.get(record.currency, 0.0)
            worth.kept[record.currency] = kept + float(record.amount) * own
            worth.sums.funding += told
            worth.sums.carried += told * (1.0 - own)
        case CashMoved():
            _receive(worth, record.currency, float(record.amount))
            moved = dollars(worth, record.currency, float(record.amount))
            if record.kind in FLOWS:
                worth.sums.flows += moved
            else:
                worth.sums.cash += moved
        case ContractDelivered():
            _book_delivery(worth, record)
        case _:
            pass


def _own(line: Line | None) -> float:
    """Return the share of a position that hedging did not put there.

    Above 1 where hedging took from it, below 0 where hedging turned it around:
    what funding the book alone would have had is told apart all the same.
    """
    return 0.0 if line is None or not line.quantity else line.own / line.quantity


def _book_fill(worth: Worth, fill: Traded, instrument: Instrument) -> None:
    line = worth.lines.setdefault(instrument.id, Line(instrument, 0.0, 0.0, 0.0, 0.0))
    (quantity, fee), price = cost(fill, instrument), float(fill.price)
    spent = turned_over(instrument, quantity, price)
    line.quantity += quantity
    if instrument.kind is Kind.OPTION:
        _receive(worth, instrument.settle, -spent)  # a premium is gone when the option is there
    else:
        line.spent += spent
    _receive(worth, instrument.settle, -fee)
    worth.sums.fees += dollars(worth, instrument.settle, fee)
    worth.sums.turnover += abs(dollars(worth, instrument.settle, spent))
    worth.sums.fills += 1


def cost(fill: Traded, instrument: Instrument) -> tuple[float, float]:
    """Return the contracts that an execution moved, and its fee in settle currency.

    Who is deleveraged pays nothing. Coins that a pair's fee takes are sold at the
    price of the fill, and pay it.
    """
    quantity = float(fill.quantity)
    if isinstance(fill, AutoDeleveraged):
        return quantity, 0.0
    if fill.fee_currency == instrument.settle:
        return quantity, float(fill.fee)
    return quantity - float(fill.fee), float(fill.fee) * float(fill.price)


def _book_delivery(worth: Worth, ended: ContractDelivered) -> None:
    line = worth.lines[ended.instrument]
    instrument, price = line.instrument, float(ended.price)
    if instrument.kind is Kind.OPTION:
        strike = float(instrument.strike or 0)
        inside = max(instrument.sign * (price - strike), 0.0) * float(instrument.size)
        paid = line.quantity * (inside / price if instrument.inverse else inside)
        line.mark = inside / float(instrument.size)
        worth.sums.payoffs += line.quantity * inside
        if instrument.inverse:  # coins paid at the settlement price, and held at the index
            worth.sums.collateral += paid * (index_of(worth, line) - price)
    else:
        now = turned_over(instrument, line.quantity, price)
        paid = line.spent - now if instrument.inverse else now - line.spent
        worth.sums.closed += dollars(worth, instrument.settle, paid)
    fee = float(ended.fee)
    _receive(worth, instrument.settle, paid - fee)
    worth.sums.fees += dollars(worth, instrument.settle, fee)
    line.quantity, line.own, line.spent, line.own_spent = 0.0, 0.0, 0.0, 0.0
    line.ended = True


def _value(line: Line, quantity: float, spent: float, index: float) -> float | None:
    """Return the USD value of `quantity` contracts at their mark; None where nobody told it."""
    if not quantity and not spent:
        return 0.0
    if line.mark is None:
        return None
    return worth_of(line.instrument, quantity, spent, line.mark, index)


def worth_of(
    instrument: Instrument, quantity: float, spent: float, mark: float, index: float
) -> float:
    """Return the USD value of contracts that `spent` was turned over for.

    Args:
        instrument: Their terms.
        quantity: Contracts, signed.
        spent: Settle currency, + bought: see `turned_over`.
        mark: USD per coin; option: USD value per coin of contract.
        index: USD per coin.
    """
    if instrument.kind is Kind.OPTION:
        premium = spent * (index if instrument.inverse else 1.0)
        return quantity * float(instrument.size) * mark - premium
    now = turned_over(instrument, quantity, mark)
    return (spent - now) * index if instrument.inverse else now - spent


def equity(worth: Worth) -> float | None:
    """Return what the whole book is worth, USD; None while a price is missing.

    What a position was paid for counts as spent only where fills paid it: an
    option or spot pair held from the start begins at its full worth.
    """
    total = worth.dollars
    for coin, amount in worth.coins.items():
        if amount and coin not in worth.indexes:
            return None
        total += amount * worth.indexes.get(coin, 0.0)
    for line in worth.lines.values():
        value = _value(line, line.quantity, line.spent, index_of(worth, line))
        if value is None:
            return None
        total += value
    return total


def unhedged(worth: Worth) -> float | None:
    """Return what the book is worth without its hedges and its collateral, USD.

    Options that ended keep what they paid, and perpetuals of the book the
    funding that they had.
    """
    total = worth.sums.payoffs
    for currency, amount in worth.kept.items():
        if amount and currency not in STABLE and currency not in worth.indexes:
            return None
        total += dollars(worth, currency, amount)
    for line in worth.lines.values():
        value = _value(line, line.own, line.own_spent, index_of(worth, line))
        if value is None:
            return None
        total += value
    return total


@dataclass(frozen=True, slots=True)
class Families:
    """Worth by family, USD, what ended included."""

    options: float
    spot: float
    margined: float  # open and realised profit of perpetuals and futures


def families(worth: Worth) -> Families:
    """Return what each family of contracts is worth now; every price is known."""
    sums = {Kind.OPTION: worth.sums.payoffs, Kind.SPOT: 0.0}
    margined = worth.sums.closed
    for line in worth.lines.values():
        value = _value(line, line.quantity, line.spent, index_of(worth, line)) or 0.0
        if line.instrument.margined:
            margined += value
        else:
            sums[line.instrument.kind] += value
    return Families(sums[Kind.OPTION], sums[Kind.SPOT], margined)


def index_of(worth: Worth, line: Line) -> float:
    """Return the index that a line is valued at, USD per coin; 0 before it is told."""
    return worth.indexes.get(line.instrument.underlying, 0.0)
