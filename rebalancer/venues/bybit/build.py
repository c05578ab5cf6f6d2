"""What a Bybit account is made of."""

from collections.abc import Sequence

from rebalancer.settings.models import Mode
from rebalancer.venues.bybit import identity
from rebalancer.venues.bybit.account import BybitAccount
from rebalancer.venues.bybit.manners import mannered
from rebalancer.venues.bybit.private import Access, BybitPrivate
from rebalancer.venues.bybit.protection import Protection
from rebalancer.venues.bybit.stream import HOST, TESTNET, BybitMarket
from rebalancer.venues.seats import AccountSeat, Spoken, StreamSeat, VenueParts
from rebalancer.wire.bybit.values import Category, category_of, instrument_id, symbol_of

CATEGORIES: tuple[Category, ...] = ("linear", "option", "inverse", "spot")


def account(seat: AccountSeat) -> BybitAccount:
    """Return the reader of an account."""
    mannered(seat.connection)
    asks = (seat.connection, seat.budget, seat.clock)
    return BybitAccount(seat.account, *asks, seat.instruments, seat.ours)


def streams(seat: StreamSeat) -> Sequence[Spoken]:
    """Return the sockets: one a category, and one of the account.

    One of a category is opened once something of it is followed: contracts and
    options can be met at any time, by a trade of somebody else's.
    """
    host = TESTNET if seat.mode is Mode.TESTNET else HOST
    wanted, log = seat.wanted, seat.log
    pairs = frozenset(instrument_id("spot", each) for each in _pairs(wanted.hedge))
    heard = [BybitMarket(each, wanted, log, seat.depth, host) for each in CATEGORIES]
    market = [Spoken(each, needed=each.needed) for each in heard]
    keys = seat.keys
    if keys is None:
        return market
    access = Access(seat.account, lambda: (keys.key.reveal(), keys.secret.reveal()), pairs)
    return (*market, Spoken(BybitPrivate(access, log, host)))


def _pairs(names: Sequence[str]) -> Sequence[str]:
    """Return the symbols of pairs among native names."""
    return [symbol_of(each) for each in names if category_of(each) == "spot"]


PARTS = VenueParts(account, streams, identity.QUESTIONS, identity.mark, guardian=Protection)
