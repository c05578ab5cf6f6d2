"""What a Binance account is made of, on each of its three venues."""

from collections.abc import Sequence
from functools import partial

from rebalancer.settings.models import Mode
from rebalancer.venues.accounts import pairs_of
from rebalancer.venues.binance import channels, identity
from rebalancer.venues.binance.account import BinanceAccount
from rebalancer.venues.binance.beside import ListenKey, MarketBeside
from rebalancer.venues.binance.calls import BinanceCalls
from rebalancer.venues.binance.family import COINM, SPOT, TESTNET, USDM, Venue
from rebalancer.venues.binance.futures import Futures
from rebalancer.venues.binance.history import FuturesHistory
from rebalancer.venues.binance.orders import Orders
from rebalancer.venues.binance.spot import Spot, SpotHistory
from rebalancer.venues.binance.stream import MarketStream
from rebalancer.venues.binance.user import Access, UserStream
from rebalancer.venues.native import Pace
from rebalancer.venues.seats import AccountSeat, Spoken, StreamSeat, VenueParts

QUIET = Pace(silent=24 * 3_600 * 1_000_000_000)  # an account may have nothing to say for a day


def account(venue: Venue, seat: AccountSeat) -> BinanceAccount:
    """Return the reader of an account."""
    calls = BinanceCalls(venue, seat.connection, seat.budget, seat.clock)
    own = [each for each in seat.instruments.values() if each.venue == venue.name]
    settled = dict.fromkeys(each.settle for each in own)
    orders = Orders(calls, seat.ours)
    if venue is SPOT:
        pairs = pairs_of(own)
        held = Spot(calls, pairs, settled)
        names = [each.name for each in pairs.values()]
        return BinanceAccount(orders, held, SpotHistory(calls, orders, names))
    positions = Futures(calls, settled, [each.name for each in own if each.margined])
    return BinanceAccount(orders, positions, FuturesHistory(calls, orders, positions))


def streams(venue: Venue, seat: StreamSeat) -> Sequence[Spoken]:
    """Return the sockets: one a path of the market, opened once something is followed there.

    And one of the account.
    """
    found: list[Spoken] = []
    for socket in channels.sockets(venue):
        if socket.borrowed and seat.mode is Mode.TESTNET:
            continue  # it is the real one's
        stream = MarketStream(venue, socket, seat.wanted, seat.log, seat.depth)
        stream.path = _path(seat, stream.path)
        beside = None
        if seat.connection is not None:
            beside = MarketBeside(venue, seat.connection, stream, seat.log).look
        own = not socket.borrowed
        found.append(Spoken(stream, beside=beside, needed=stream.needed, vital=own))
    if seat.keys is not None and seat.connection is not None:
        found.append(_user(venue, seat))
    return found


def _user(venue: Venue, seat: StreamSeat) -> Spoken:
    """Return the socket of the account."""
    keys, connection = seat.keys, seat.connection
    if keys is None or connection is None:
        raise ValueError("an account's stream must have keys and a connection")
    if venue is not SPOT:
        stream = UserStream(venue, Access(seat.account), seat.log)
        key = ListenKey(venue, connection, stream)
        return Spoken(stream, key.route, QUIET, key.look)
    access = Access(seat.account, lambda: (keys.key.reveal(), keys.secret.reveal()))
    stream = UserStream(venue, access, seat.log)
    stream.path = _path(seat, stream.path)
    return Spoken(stream, pace=QUIET)


def _path(seat: StreamSeat, path: str) -> str:
    return TESTNET.get(path, path) if seat.mode is Mode.TESTNET else path


def _parts(venue: Venue) -> VenueParts:
    reads, hears = partial(account, venue), partial(streams, venue)
    return VenueParts(reads, hears, identity.QUESTIONS, identity.mark, asks=True)


PARTS, COINM_PARTS, SPOT_PARTS = _parts(USDM), _parts(COINM), _parts(SPOT)
