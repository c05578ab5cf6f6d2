"""Second opinion on a replay: work its worth out again from the rows of `--steps` alone.

    python recompute_steps.py STEPS.csv [--tolerance 0.01]

Two roads lead to the same dollars, and neither is the program's. The first
counts stocks: at every `sample` the coins, dollars and contracts held are
valued at the prices that stand in the rows before it. The second counts flows:
from the first sample to the last it adds up, trade by trade, what prices did
to the positions held, what each fill lost against the next mark, fees,
funding, and what coins gained in dollars. The first is held against the
columns `equity` and `unhedged_equity`, the second against the change of
`equity`; what it leaves is the accounting residual.

Everything is exact arithmetic on the digits of the file. Contract terms come
from the names: on Deribit everything pays in coin, futures count in USD and
options in coins; Binance coin-margined contracts are 100 USD (BTC) or 10 USD;
whatever else there is pays in dollars and counts in coins.

Exit code: 0 agreed, 1 a difference above the tolerance or a file that cannot
be read. Imports nothing of the program.
"""

import argparse
import csv
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation, localcontext
from pathlib import Path

HEADER = [
    *("ts", "underlying", "net_delta", "lower", "upper", "instrument", "quantity", "price"),
    *("fee", "funding", "equity", "unhedged_equity", "reason"),
]
DOLLARS = ("USD", "USDT", "USDC")
COINS = ("BTC", "ETH", "SOL", "XRP", "BNB", "DOGE")
COIN_MARGINED = {"BTCUSD_PERP": ("BTC", 100), "ETHUSD_PERP": ("ETH", 10)}
ZERO = Decimal(0)


class Malformed(Exception):
    """The file is not what `--steps` writes."""


@dataclass(frozen=True)
class Terms:
    """What one contract is."""

    shape: str  # cash, straight (pays dollars) or reciprocal (a USD amount that pays coin)
    coin: str  # what it is about; of dollars ""
    pays: str  # currency of its cash flows
    size: Decimal = Decimal(1)  # coins, or USD where reciprocal
    strike: Decimal | None = None
    side: int = 0  # +1 call, -1 put


def terms(name: str) -> Terms:
    """Return the terms that a name stands for.

    >>> terms("deribit:BTC-PERPETUAL").shape, terms("deribit:BTC-27FEB26-98000-C").pays
    ('reciprocal', 'BTC')
    """
    venue, _, own = name.partition(":")
    if own in DOLLARS:
        return Terms("cash", "", own)
    if own in COINS:
        return Terms("cash", own, own)
    if own in COIN_MARGINED:
        coin, dollars = COIN_MARGINED[own]
        return Terms("reciprocal", coin, coin, Decimal(dollars))
    coin = next((each for each in COINS if own.startswith(each)), "")
    if not venue or not coin:
        raise Malformed(f"{name!r} names no contract known here")
    parts = own.split("-")
    if len(parts) == 4 and parts[3] in "CP":
        pays = coin if venue == "deribit" else "USDT"
        side = 1 if parts[3] == "C" else -1
        return Terms("straight", coin, pays, strike=Decimal(parts[2]), side=side)
    if venue == "deribit":
        return Terms("reciprocal", coin, coin)
    return Terms("straight", coin, "USDT")


# --- reading ------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One line of the file."""

    line: int
    ts: int  # ns
    reason: str
    name: str
    cells: dict[str, str]

    def number(self, column: str) -> Decimal:
        """Return a cell that must hold a finite number."""
        try:
            value = Decimal(self.cells[column])
        except InvalidOperation:
            raise Malformed(f"line {self.line}: {column} is no number") from None
        if not value.is_finite():
            raise Malformed(f"line {self.line}: {column} is not finite")
        return value

    def charge(self) -> Decimal:
        """Return the fee; what is delivered free of charge may leave it empty."""
        return self.number("fee") if self.cells["fee"] else ZERO

    def price(self) -> Decimal:
        """Return the price, which is positive; an option's premium and mark may be nothing."""
        value = self.number("price")
        premium = self.reason in ("open", "open_hedge", "fill", "mark") and terms(self.name).side
        if value < 0 or (value == 0 and not premium):
            raise Malformed(f"line {self.line}: price is not positive")
        return value


def rows(path: Path) -> Iterator[Row]:
    """Yield the rows; they never go back in time."""
    last = 0
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        if next(reader, None) != HEADER:
            raise Malformed("line 1: not the header of a steps file")
        for line, values in enumerate(reader, 2):
            if len(values) != len(HEADER):
                raise Malformed(f"line {line}: {len(values)} fields, not {len(HEADER)}")
            cells = dict(zip(HEADER, values, strict=True))
            if not cells["ts"].isdigit() or int(cells["ts"]) < last:
                raise Malformed(f"line {line}: ts goes back or is no time")
            last = int(cells["ts"])
            yield Row(line, last, cells["reason"], cells["instrument"], cells)


# --- first road: stocks ---------------------------------------------------------


@dataclass
class Holding:
    """One contract: what is held, and what was turned over to hold it."""

    terms: Terms
    held: Decimal = ZERO  # contracts
    started: Decimal = ZERO  # of them there from the start, not as hedges
    paid: Decimal = ZERO  # currency of payment: turned over by everything held
    paid_at_start: Decimal = ZERO  # the same of what was there from the start
    delivered: Decimal = ZERO  # USD: what was paid out on the part from the start


def turnover(what: Terms, contracts: Decimal, price: Decimal) -> Decimal:
    """Return what contracts come to at a price, in the currency they pay."""
    if what.shape == "reciprocal":
        return -contracts * what.size / price  # coins: a buyer owes dollars, is owed coins
    return contracts * what.size * price


@dataclass
class Stocks:
    """What is owned at any moment."""

    cash: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    earned: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    holdings: dict[str, Holding] = field(default_factory=dict)
    index: dict[str, Decimal] = field(default_factory=dict)
    mark: dict[str, Decimal] = field(default_factory=dict)

    def holding(self, name: str) -> Holding:
        """Return a holding, empty where nothing is held yet."""
        return self.holdings.setdefault(name, Holding(terms(name)))

    def take(self, row: Row) -> None:
        """Take one row that is not a sample."""
        match row.reason:
            case "index":
                self.index[row.name] = row.price()
            case "mark":
                self.mark[row.name] = row.price()
            case "open" | "open_hedge":
                self._open(row)
            case "fill":
                holding, contracts = self.holding(row.name), row.number("quantity")
                holding.held += contracts
                holding.paid += turnover(holding.terms, contracts, row.price())
                self.cash[holding.terms.pays] -= row.number("fee")
            case "funding":
                self.cash[terms(row.name).pays] += row.number("funding")
                holding = self.holding(row.name)
                if holding.held:  # what was there from the start has its part of it for good
                    part = holding.started / holding.held
                    self.earned[holding.terms.pays] += row.number("funding") * part
            case "delivered":
                self._deliver(row)
                self.cash[terms(row.name).pays] -= row.charge()
            case "cash":
                self.cash[terms(row.name).pays] += row.number("quantity")
            case _:
                raise Malformed(f"line {row.line}: {row.reason!r} is no reason")

    def _open(self, row: Row) -> None:
        what, contracts = terms(row.name), row.number("quantity")
        if what.shape == "cash":
            self.cash[what.pays] += contracts
            return
        margined = what.shape == "reciprocal" or perpetual(row.name)
        owed = turnover(what, contracts, row.price()) if margined else ZERO
        holding = self.holding(row.name)
        holding.held += contracts
        holding.paid += owed
        if row.reason == "open":
            holding.started += contracts
            holding.paid_at_start += owed

    def _deliver(self, row: Row) -> None:
        holding, price = self.holding(row.name), row.price()
        what = holding.terms
        worth, started = (
            payout(what, contracts, price) for contracts in (holding.held, holding.started)
        )
        self.cash[what.pays] += worth - holding.paid
        dollars = Decimal(1) if what.pays in DOLLARS else price
        # Only what an option paid is kept by the unhedged book: a future's cash is its margin's.
        gained = started * dollars if what.side else ZERO
        ended = Holding(what, delivered=holding.delivered + gained)
        self.holdings[row.name] = ended

    def rate(self, currency: str) -> Decimal:
        """Return dollars for one unit of a currency."""
        if currency in DOLLARS or not currency:
            return Decimal(1)
        if currency not in self.index:
            raise Malformed(f"no index row of {currency} before it is needed")
        return self.index[currency]

    def _worth(self, name: str, contracts: Decimal, paid: Decimal) -> Decimal:
        """Return what contracts that cost `paid` are worth in dollars."""
        if not contracts and not paid:
            return ZERO
        what = self.holdings[name].terms
        if contracts and name not in self.mark:
            raise Malformed(f"no mark row of {name} before it is needed")
        mark = self.mark.get(name, Decimal(1))
        debt = paid * self.rate(what.pays)
        if what.shape == "reciprocal":
            return turnover(what, contracts, mark) * self.rate(what.coin) - debt
        return contracts * what.size * mark - debt

    def equity(self) -> Decimal:
        """Return the worth of everything, USD."""
        cash = sum((amount * self.rate(each) for each, amount in self.cash.items()), ZERO)
        return cash + sum((self._worth(n, h.held, h.paid) for n, h in self.holdings.items()), ZERO)

    def unhedged(self) -> Decimal:
        """Return the worth of what was there from the start, without cash and hedges, USD.

        Cash that it earned as funding is its own.
        """
        carry = sum((amount * self.rate(each) for each, amount in self.earned.items()), ZERO)
        return carry + sum(
            (
                self._worth(name, each.started, each.paid_at_start) + each.delivered
                for name, each in self.holdings.items()
            ),
            ZERO,
        )


def perpetual(name: str) -> bool:
    """Whether a contract that pays dollars is margined and not paid for in full."""
    return name.startswith("binanceusdm:") and not terms(name).side


def payout(what: Terms, contracts: Decimal, price: Decimal) -> Decimal:
    """Return what contracts that end at a price pay, in the currency they pay."""
    if what.strike is None:
        return turnover(what, contracts, price)
    inside = max(what.side * (price - what.strike), ZERO) * what.size * contracts
    return inside if what.pays in DOLLARS else inside / price


# --- second road: flows ---------------------------------------------------------


@dataclass
class Trade:
    """Contracts whose price has been known since the last mark, or since they were filled."""

    contracts: Decimal
    price: Decimal | None  # USD per coin; where a premium is in coin, coin; None: no mark yet


@dataclass
class Flows:
    """What was gained since the first sample, USD, by where it came from."""

    profit: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    coins: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    rate: dict[str, Decimal] = field(default_factory=dict)  # USD per coin, at the last sample
    marked: dict[str, Trade] = field(default_factory=dict)  # positions at their last mark
    fresh: list[tuple[str, Trade]] = field(default_factory=list)  # fills since the last sample
    waiting: list[tuple[str, str, Decimal]] = field(default_factory=list)  # source, currency, sum
    news: dict[str, Decimal] = field(default_factory=dict)  # marks since the last sample
    rates: dict[str, Decimal] = field(default_factory=dict)  # indexes since the last sample

    def take(self, row: Row) -> None:
        """Take one row that is not a sample."""
        what = None if row.reason == "index" else terms(row.name)
        if what is None:
            self.rates[row.name] = row.price()
        elif row.reason == "mark":
            self.news[row.name] = row.price()
        elif row.reason == "fill":
            self.fresh.append((row.name, Trade(row.number("quantity"), row.price())))
            self.waiting.append(("fees", what.pays, -row.number("fee")))
        elif row.reason == "funding":
            self.waiting.append(("funding", what.pays, row.number("funding")))
        elif row.reason == "delivered":
            self._deliver(row.name, what, row.price())
            self.waiting.append(("fees", what.pays, -row.charge()))
        elif row.reason == "cash":
            self.waiting.append(("cash", what.pays, row.number("quantity")))
        elif what.shape == "cash":
            self.coins[what.coin] += row.number("quantity")
        elif what.shape == "reciprocal" or perpetual(row.name):
            self.fresh.append((row.name, Trade(row.number("quantity"), row.price())))
        else:  # held and paid for before the story begins: its first mark is its price
            held = self.marked.setdefault(row.name, Trade(ZERO, None))
            held.contracts += row.number("quantity")

    def _deliver(self, name: str, what: Terms, price: Decimal) -> None:
        """Let a contract end at the price that its delivery row tells."""
        self._settle_fills(name, what, price)
        position = self.marked.pop(name, Trade(ZERO, price))
        if what.strike is None:
            self._moved(what, position, price)
            return
        inside = max(what.side * (price - what.strike), ZERO)
        self._moved(what, position, inside)
        if what.pays not in DOLLARS:  # paid in coins at this price, worth the next index later
            coins = position.contracts * what.size * inside / price
            self.waiting.append(("coins", what.pays, coins))
            self.profit["coins"] -= coins * price

    def _settle_fills(self, name: str, what: Terms, mark: Decimal) -> None:
        """Book what fills lost against a mark, and hold them at it from now on."""
        for _, trade in [each for each in self.fresh if each[0] == name]:
            held = self.marked.setdefault(name, Trade(ZERO, mark))
            if what.side and what.pays not in DOLLARS:  # premium in coin, worth in dollars
                self.waiting.append(
                    ("slippage", what.pays, -turnover(what, trade.contracts, trade.price or ZERO))
                )
                self.profit["slippage"] += trade.contracts * what.size * mark
            else:
                self._moved(what, trade, mark, "slippage")
            held.contracts += trade.contracts
        self.fresh = [each for each in self.fresh if each[0] != name]

    def _moved(self, what: Terms, trade: Trade, price: Decimal, source: str = "prices") -> None:
        """Book what some contracts gained from their price to a new one."""
        if not trade.contracts or trade.price is None:
            return
        if what.shape == "reciprocal":
            coins = trade.contracts * what.size * (price - trade.price) / (price * trade.price)
            self.waiting.append((source, what.pays, coins))
        else:
            self.profit[source] += trade.contracts * what.size * (price - trade.price)

    def close(self) -> None:
        """Close an interval at the marks and indexes told in it."""
        for name, mark in self.news.items():
            what, held = terms(name), self.marked.get(name)
            if held is not None:
                self._moved(what, held, mark)
                held.price = mark
            self._settle_fills(name, what, mark)
        if self.fresh:
            raise Malformed(f"no mark row of {self.fresh[0][0]} after its fill")
        for coin, rate in self.rates.items():
            if coin in self.rate:
                self.profit["coins"] += self.coins[coin] * (rate - self.rate[coin])
            self.rate[coin] = rate
        for source, currency, amount in self.waiting:
            if currency in DOLLARS:
                self.profit[source] += amount
                continue
            self.profit[source] += amount * self.rate[currency]
            self.coins[currency] += amount
        self.waiting, self.news, self.rates = [], {}, {}


# --- both together ----------------------------------------------------------------


@dataclass(frozen=True)
class Opinion:
    """What the two roads say of a file."""

    samples: int
    worst: Decimal  # USD: largest difference of either column
    worst_line: int
    residual: Decimal  # USD: change of equity less the sum of flows
    flows: dict[str, Decimal]  # USD by source
    uncovered: int  # rows after the last sample: nothing says what they come to


def recompute(path: Path) -> Opinion:
    """Return the second opinion on a file.

    Raises:
        Malformed: It is not what `--steps` writes.
    """
    stocks, flows = Stocks(), Flows()
    samples, uncovered, line = 0, 0, 0
    first = last = worst = ZERO
    told: dict[str, Decimal] = {}
    for row in rows(path):
        if row.reason != "sample":
            stocks.take(row)
            flows.take(row)
            uncovered += 1
            continue
        flows.close()
        last, uncovered = row.number("equity"), 0
        samples += 1
        if samples == 1:
            first = last
            flows.profit.clear()
        told = dict(flows.profit)
        apart = max(
            abs(last - stocks.equity()), abs(row.number("unhedged_equity") - stocks.unhedged())
        )
        if apart > worst:
            worst, line = apart, row.line
    if not samples:
        raise Malformed("no sample row")
    residual = last - first - sum(told.values(), ZERO)
    return Opinion(samples, worst, line, residual, told, uncovered)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the opinion on a file in one line; return the exit code."""
    parser = argparse.ArgumentParser(description="Work the worth of a replay out again.")
    parser.add_argument("steps", type=Path, help="file that replay --steps wrote")
    parser.add_argument("--tolerance", type=Decimal, default=Decimal("0.01"), help="USD")
    told = parser.parse_args(arguments)
    try:
        with localcontext() as context:
            context.prec = 50
            found = recompute(told.steps)
    except (Malformed, OSError, UnicodeDecodeError, csv.Error) as error:
        print(f"{told.steps}: malformed: {error}")
        return 1
    agreed = max(found.worst, abs(found.residual)) <= told.tolerance
    flows = " ".join(f"{name} {amount:.2f}" for name, amount in sorted(found.flows.items()))
    print(
        f"{'agreed' if agreed else 'DIFFERS'}: samples {found.samples}"
        f" worst {found.worst:.3g} USD at line {found.worst_line}"
        f" residual {found.residual:.3g} USD uncovered {found.uncovered} ({flows})"
    )
    return 0 if agreed else 1


if __name__ == "__main__":
    sys.exit(main())
