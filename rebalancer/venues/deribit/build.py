"""What a Deribit account is made of."""

from collections.abc import Sequence

from rebalancer.settings.models import Mode
from rebalancer.venues.deribit import identity, stream
from rebalancer.venues.deribit.account import DeribitAccount
from rebalancer.venues.deribit.channels import Wanted
from rebalancer.venues.deribit.socket import DeribitSocket
from rebalancer.venues.deribit.stream import Access, DeribitStream
from rebalancer.venues.deribit.told import Taps
from rebalancer.venues.seats import AccountSeat, SocketSeat, Spoken, StreamSeat, VenueParts


def account(seat: AccountSeat) -> DeribitAccount:
    """Return the reader of an account."""
    asks = (seat.connection, seat.budget, seat.clock)
    return DeribitAccount(seat.account, *asks, seat.instruments, seat.ours)


def streams(seat: StreamSeat) -> Sequence[Spoken]:
    """Return the one stream: market and account share a socket."""
    keys, access = seat.keys, None
    if keys is not None:
        access = Access(seat.account, lambda: (keys.key.reveal(), keys.secret.reveal()))
    wanted = Wanted(seat.wanted.hedge, seat.wanted.options)
    own = DeribitStream(wanted, seat.log, access, Taps(depth=seat.depth))
    if seat.mode is Mode.TESTNET:
        own.path = stream.TESTNET
    return (Spoken(own),)


def socket(seat: SocketSeat) -> DeribitSocket:
    """Return the websocket on which the dead-man switch holds."""
    return DeribitSocket(seat.connection, seat.keys, seat.clock, seat.tasks, seat.lost)


PARTS = VenueParts(account, streams, identity.QUESTIONS, identity.mark, socket)
