"""What an OKX account is made of."""

from collections.abc import Sequence

from rebalancer.settings.models import Mode
from rebalancer.venues.okx import identity, stream
from rebalancer.venues.okx.account import OkxAccount
from rebalancer.venues.okx.stream import Access
from rebalancer.venues.seats import AccountSeat, Spoken, StreamSeat, VenueParts
from rebalancer.wire.okx.values import instrument_id, is_pair


def account(seat: AccountSeat) -> OkxAccount:
    """Return the reader of an account."""
    asks = (seat.connection, seat.budget, seat.clock)
    return OkxAccount(seat.account, *asks, seat.instruments, seat.ours)


def streams(seat: StreamSeat) -> Sequence[Spoken]:
    """Return the streams: of the market, and of the account where there are keys."""
    host = stream.TESTNET if seat.mode is Mode.TESTNET else stream.HOST
    told = stream.market(host, seat.wanted, seat.log, seat.depth)
    market = Spoken(told, needed=told.needed)
    keys = seat.keys
    if keys is None:
        return (market,)

    def signs() -> tuple[str, str, str]:
        password = "" if keys.password is None else keys.password.reveal()
        return keys.key.reveal(), keys.secret.reveal(), password

    pairs = frozenset(map(instrument_id, filter(is_pair, seat.wanted.hedge)))
    own = stream.account(host, Access(seat.account, signs, pairs), seat.log, look=seat.look)
    return market, Spoken(own)


PARTS = VenueParts(account, streams, identity.QUESTIONS, identity.mark)
