"""Rows: what a venue tells, by the paths of its profile, as our records.

A side gives a quantity its sign, unless the venue's own figure has one. A word
that the profile does not know is no word: a status that nobody can read is
`Malformed`, and so is a row without what it must have.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase

from rebalancer.core.commands import Submit
from rebalancer.core.events import CashMoved, Ending, Fill, Forced, FundingPaid
from rebalancer.core.figures import TOGETHER, LegFigures, PoolFigures
from rebalancer.errors import brief
from rebalancer.settings.profiling import ProfileTable, ReadingTable, RuleTable
from rebalancer.venues.accounts import Placed, Resting
from rebalancer.venues.generic import paths
from rebalancer.venues.generic.calls import Values, filled
from rebalancer.venues.generic.names import Names
from rebalancer.venues.labels import Spelling
from rebalancer.venues.outcome import Malformed
from rebalancer.venues.payloads import Row

_ENDINGS = {"filled": Ending.FILLED, "canceled": Ending.CANCELED, "expired": Ending.EXPIRED}
_HASTY = ("ioc", "fok", "immediate_or_cancel", "fill_or_kill")  # whose rest expires by itself


@dataclass(frozen=True, slots=True)
class Held:
    """A position as the venue tells it."""

    instrument: str  # id
    quantity: Decimal  # contracts, signed
    entry: Decimal | None  # price from which profit has not moved into cash
    leg: LegFigures
    mode: str  # of its margin, the venue's word; none: it tells none
    leverage: Decimal | None
    value: Decimal | None  # USD at the mark, >= 0; None: not told


@dataclass(frozen=True, slots=True)
class Reader:
    """What must be known to read the rows of an account."""

    account: str
    table: ProfileTable
    names: Names
    spelling: Spelling
    ours: Callable[[str], bool]  # whether a label is one of our client order ids
    code: Callable[[str], str]  # the currency that a venue's word stands for

    def placed(self, row: Row, reading: ReadingTable) -> Placed:
        """Return an order; raises Malformed."""
        at, where = reading.fields, f"{self.account} order"
        status = _meant(paths.word(row, at["status"], where), self.table.statuses, where, "status")
        sign = self._sign(row, at, where)
        rejected = ""
        if status == "rejected":
            reason = paths.word(row, at["reason"], where) if "reason" in at else ""
            rejected = reason or paths.word(row, at["status"], where)
        return Placed(
            order_id=paths.word(row, at["id"], where),
            label=self.label(row, at, where),
            instrument=self.names.instrument(paths.word(row, at["name"], where)),
            quantity=sign * paths.number(row, at["amount"], where),
            filled=sign * paths.number(row, at["filled"], where),
            ts=paths.moment(row, at["ts"], where),
            ending=_hastily(_ENDINGS.get(status), row, at, where),
            rejected=rejected,
        )

    def resting(self, row: Row, reading: ReadingTable) -> Resting:
        """Return an open order; raises Malformed where it cannot even be named."""
        at, where = reading.fields, f"{self.account} open order"
        try:
            told = self.placed(row, reading)
            left = told.quantity - told.filled
        except Malformed:
            left = None
        return Resting(
            order_id=paths.word(row, at["id"], where),
            label=self.label(row, at, where),
            instrument=self.names.instrument(paths.word(row, at["name"], where)),
            left=left,
        )

    def answered(self, answer: Row, sent: Submit, ts: int) -> Placed:
        """Return the order that an answer is about: the one that was sent.

        Filled in full it is over. An answer that does not say how much was filled
        says nothing of its end; nor does one to less, for it may still be told.
        """
        reading = self.table.readings.get("answer")
        at = {"id": "id"} if reading is None else reading.fields
        where = f"{self.account} answer to an order"
        sign = 1 if sent.quantity > 0 else -1
        told = paths.amount(answer, at["filled"], where) if "filled" in at else None
        done = sign * told if told is not None else Decimal(0)
        if abs(done) > abs(sent.quantity):
            raise Malformed(f"{where}: filled must be at most {sent.quantity}, was {done}")
        whole = done == sent.quantity
        told_status = paths.word(answer, at["status"], where) if "status" in at else ""
        meant = told_status and _meant(told_status, self.table.statuses, where, "status")
        return Placed(
            order_id=paths.word(answer, at["id"], where),
            label=sent.client_order_id,
            instrument=sent.instrument,
            quantity=sent.quantity,
            filled=done,
            ts=paths.moment(answer, at["ts"], where) if "ts" in at else ts,
            ending=Ending.FILLED if whole else None,
            rejected=told_status if meant == "rejected" else "",
        )

    def label(self, row: Row, at: Mapping[str, str], where: str) -> str:
        """Return the label of a row in our form; empty where it bears none."""
        return self.spelling.read(paths.word(row, at["label"], where)) if "label" in at else ""

    def fill(self, row: Row, ts: int, fee: tuple[Decimal, str], label: str) -> Fill:
        """Return an execution as it is learnt at `ts`; raises Malformed.

        Args:
            row: As it was told.
            ts: ns.
            fee: Paid, and in what.
            label: Of its order.
        """
        at, where = self.table.readings["fills"].fields, f"{self.account} fill"
        forced = paths.word(row, at["forced"], where) if "forced" in at else ""
        cause = next(
            (own for each, own in self.table.forced.items() if fnmatchcase(forced, each)), None
        )
        return Fill(
            ts_local=ts,
            ts_venue=paths.moment(row, at["ts"], where),
            account=self.account,
            instrument=self.names.instrument(paths.word(row, at["name"], where)),
            trade_id=paths.word(row, at["id"], where),
            client_order_id=label if label and self.ours(label) else None,
            quantity=self._sign(row, at, where) * paths.number(row, at["amount"], where),
            price=paths.number(row, at["price"], where),
            fee=fee[0],
            fee_currency=fee[1],
            forced=None if cause is None else Forced(cause),
        )

    def held(self, row: Row) -> Held:
        """Return a position; raises Malformed."""
        at, where = self.table.readings["positions"].fields, f"{self.account} position"
        name = self.names.instrument(paths.word(row, at["name"], where))
        if "quantity" in at:
            quantity = paths.number(row, at["quantity"], where)
        else:
            size = paths.number(row, at["amount"], where)
            if size < 0:
                raise Malformed(f"{where}: amount must have no sign beside a side, was {size}")
            quantity = self._sign(row, at, where) * size if size else Decimal(0)
        value, liquidation = _maybe(row, at, "value", where), _maybe(row, at, "liquidation", where)
        mode = paths.value(row, at["mode"], where) if "mode" in at else None
        return Held(
            instrument=name,
            quantity=quantity,
            entry=_entry(row, at, quantity, where),
            leg=LegFigures(name, _maybe(row, at, "maintenance", where), liquidation or None),
            mode="none" if mode is None else str(mode),
            leverage=_maybe(row, at, "leverage", where),
            value=None if value is None else abs(value),
        )

    def cash(self, row: Row) -> tuple[str, Decimal]:
        """Return a currency and what there is of it without open profit; raises Malformed."""
        at, where = self.table.readings["cash"].fields, f"{self.account} cash"
        currency = self.code(paths.word(row, at["currency"], where))
        return currency, paths.number(row, at["amount"], where)

    def pool(self, row: Row) -> PoolFigures:
        """Return what stands together for losses; raises Malformed."""
        at, where = self.table.readings["figures"].fields, f"{self.account} margin"
        currency = self.code(paths.word(row, at["currency"], where))
        return PoolFigures(
            currency=TOGETHER if self.table.together else currency,
            equity=paths.number(row, at["equity"], where),
            balance=paths.number(row, at["balance"], where),
            maintenance=paths.number(row, at["maintenance"], where),
            initial=paths.number(row, at["initial"], where),
            together=self.table.together,
        )

    def funding(self, row: Row, ts: int) -> FundingPaid | None:
        """Return a payment; None where a row that may hold one holds none; raises Malformed."""
        at, where = self.table.readings["funding"].fields, f"{self.account} funding"
        amount = paths.amount(row, at["amount"], where)
        currency = paths.word(row, at["currency"], where)
        if not amount or self.names.market(currency) is not None:
            return None
        name = paths.word(row, at["name"].removesuffix("?"), where)
        if self.names.elsewhere(name):
            return None
        return FundingPaid(
            ts_local=ts,
            ts_venue=paths.moment(row, at["ts"], where),
            account=self.account,
            instrument=self.names.instrument(name),
            payment_id=paths.word(row, at["id"], where),
            amount=amount,
            currency=self.code(currency),
        )

    def moved(self, row: Row, ts: int, values: Values) -> CashMoved | None:
        """Return what a row of the ledger moved.

        None where something else tells it, where nothing moved, where it is a row
        of a position, and where no rule knows its sign: then it is a difference.

        Raises:
            Malformed: Something is missing that must be there.
        """
        at, where = self.table.readings["ledger"].fields, f"{self.account} ledger"
        currency = paths.word(row, at["currency"], where)
        kind = paths.word(row, at["kind"], where)
        rule = next((each for each in self.table.rules if _fits(each, kind, row, values)), None)
        if rule is None or not rule.amount or self.names.market(currency) is not None:
            return None
        amount = paths.number(row, rule.amount, where)
        if not amount:
            return None
        return CashMoved(
            ts_local=ts,
            ts_venue=paths.moment(row, at["ts"], where),
            account=self.account,
            cash_id=paths.word(row, at["id"], where),
            kind=kind,
            amount=amount,
            currency=self.code(currency),
            flow=rule.flow,
        )

    def _sign(self, row: Row, at: Mapping[str, str], where: str) -> int:
        side = _meant(paths.word(row, at["side"], where), self.table.sides, where, "side")
        return 1 if side == "buy" else -1


def _meant(told: str, words: Mapping[str, str], where: str, what: str) -> str:
    """Return what a venue's word means; the exact one before a pattern; raises Malformed."""
    if told in words:
        return words[told]
    for pattern, own in words.items():
        if fnmatchcase(told, pattern):
            return own
    raise Malformed(f"{where}: {what} must be a word of the profile, was {brief(repr(told))}")


def _hastily(ending: Ending | None, row: Row, at: Mapping[str, str], where: str) -> Ending | None:
    """Return how an order ended: what is canceled of one that may not rest has expired."""
    if ending is not Ending.CANCELED or "lifetime" not in at:
        return ending
    hasty = paths.word(row, at["lifetime"], where).lower() in _HASTY
    return Ending.EXPIRED if hasty else ending


def _maybe(row: Row, at: Mapping[str, str], name: str, where: str) -> Decimal | None:
    return paths.amount(row, at[name], where) if name in at else None


def _entry(row: Row, at: Mapping[str, str], quantity: Decimal, where: str) -> Decimal | None:
    """Return the price that open profit counts from.

    Where the venue tells worth and profit it is what explains them: a shown entry is
    rounded, and what is adopted by it would not add up.
    """
    if not quantity:
        return None
    if "value" in at and "profit" in at:
        value = abs(paths.number(row, at["value"], where))
        profit = paths.number(row, at["profit"], where)
        return (value - profit * (1 if quantity > 0 else -1)) / abs(quantity)
    return paths.amount(row, at["entry"], where) if "entry" in at else None


def _fits(rule: RuleTable, kind: str, row: Row, values: Values) -> bool:
    if not fnmatchcase(kind, rule.kind):
        return False
    for path, meant in rule.when.items():
        try:
            told = paths.word(row, path, "ledger")
        except Malformed:
            return False
        if told.lower() != str(filled(meant, values)).lower():
            return False
    return True
