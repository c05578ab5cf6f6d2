"""Hands: what people do with an account past the daemon."""

from decimal import Decimal

from rebalancer.exchange import orders as requests
from rebalancer.ports import Clock
from rebalancer.simulation.virtual import book, goals
from rebalancer.simulation.virtual.dice import Dice
from rebalancer.simulation.virtual.oracle import Oracle
from rebalancer.simulation.virtual.wire import Wire

BROUGHT = Decimal(20)  # coins that make an account sound again
DOLLARS = Decimal(5_000_000)  # with which the linear leg alone can carry every hedge


class Hands:
    """Somebody who has the keys too.

    Args:
        wire: Of the account that they trade on.
        other: Of the one that has dollars.
        oracle: Is told.
        clock: Virtual time.
        dice: Say what and how much.
    """

    def __init__(self, wire: Wire, other: Wire, oracle: Oracle, clock: Clock, dice: Dice) -> None:
        self._wire, self._other = wire, other
        self._oracle, self._clock, self._dice = oracle, clock, dice
        self._trades = 0
        self.taken = False  # whether coins were

    def trade(self, *, listed: bool = True) -> None:
        """Trade the hedge at the market; unlisted, only the position tells of it."""
        self._trades += 1
        self._oracle.goals[goals.BY_HAND] += 1
        self._oracle.note(self._clock.now(), "somebody trades by hand")
        sign = 1 if self._dice.chance(0.5) else -1
        order = requests.Order(
            client_order_id=f"hand{self._trades}",
            account=self._wire.account,
            instrument=book.INVERSE,
            quantity=Decimal(sign * 1000 * self._dice.between(1, 30)),
            price=None,
            time_in_force=requests.TimeInForce.IOC,
        )
        booked = self._wire.exchange.submit(self._clock.now(), order)
        self._wire.book(booked, tells=listed, lists=listed)
        if not listed:
            self._oracle.silence.hidden(self._clock.now())

    def take(self, coins: int) -> None:
        """Take coins away, once."""
        if self.taken:
            return
        self.taken = True
        self._oracle.note(self._clock.now(), f"{coins} {book.COIN} are taken away")
        self._move(Decimal(-coins))

    def bring(self) -> None:
        """Bring coins as collateral to an account that is near its liquidation."""
        self._oracle.note(self._clock.now(), f"{BROUGHT} {book.COIN} are brought")
        self._move(BROUGHT)

    def bring_dollars(self) -> None:
        """Bring dollars as collateral, where margin lets nothing leave any more."""
        self._oracle.note(self._clock.now(), f"{DOLLARS} {book.DOLLAR} are brought")
        wire = self._other
        told = (self._clock.now(), wire.account, book.DOLLAR, DOLLARS)
        wire.book(wire.exchange.deposit(*told))

    def _move(self, amount: Decimal) -> None:
        told = (self._clock.now(), self._wire.account, book.COIN, amount)
        self._wire.book(self._wire.exchange.deposit(*told))

    def move_coins(self) -> None:
        """Bring coins, or take some."""
        amount = Decimal(self._dice.between(-100, 100)) / 1000
        if not amount:
            return
        self._oracle.goals[goals.CASH] += 1
        self._oracle.note(self._clock.now(), f"{amount} {book.COIN} come in")
        self._move(amount)
