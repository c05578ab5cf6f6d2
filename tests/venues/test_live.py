"""Live venues put together: each part goes where the mode of the book says."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from rebalancer.core.commands import Style
from rebalancer.runtime.clock import MarketClock
from rebalancer.runtime.randomness import SeededRandomness
from rebalancer.settings import resolve
from rebalancer.settings.models import Mode
from rebalancer.settings.styles import Execution
from rebalancer.venues import live, native
from rebalancer.venues.dead_man import DeadManKeeper
from rebalancer.venues.native import NativeFeed
from rebalancer.venues.polling import AccountPoll
from tests.end_to_end import scripted_book as book
from tests.runtime.stage import Lines


def feeds_of(mode):
    """Return the feeds of a book of a mode, before anything is dialled."""
    settings = book.settings_of(book.table())
    told = settings.book.model_copy(update={"mode": mode})
    settings = settings.model_copy(update={"book": told})
    around = live.Surroundings(MarketClock(0), None, SeededRandomness(1), Lines(), None)
    watches = {
        "skew": object(),
        "hold": object(),
        "listings": SimpleNamespace(hold=lambda *_: None),
    }
    line = SimpleNamespace(dead_man=None, sent=None, **watches)
    opened = live.LiveVenue(book.VENUE, None, None, line, {}, (), 0)
    return live.feeds(opened, settings, resolve(settings), None, around, 1)


def test_a_stream_may_ask_for_a_look(monkeypatch):
    """What a stream cannot tell has whoever reads the account look at once."""
    seats, parts = [], live.parts_of(book.VENUE)

    def streams(seat):
        seats.append(seat)
        return parts.streams(seat)

    monkeypatch.setattr(live, "parts_of", lambda _: replace(parts, streams=streams))
    poll = feeds_of(Mode.LIVE).bookings

    assert [poll.now] == [each.look for each in seats]


@pytest.mark.parametrize(
    ("mode", "address"),
    [
        (Mode.LIVE, "wss://www.deribit.com/ws/api/v2"),
        (Mode.TESTNET, "wss://test.deribit.com/ws/api/v2"),
    ],
)
@pytest.mark.trap("testnet-replaces-the-addresses", "deribit")
def test_streams_go_where_the_keys_belong(mode, address):
    """A testnet's keys and prices are the testnet's: its stream does not go to production."""
    stream, poll, keeper, *_ = feeds_of(mode)

    assert (NativeFeed, AccountPoll, DeadManKeeper) == (type(stream), type(poll), type(keeper))
    assert address == native.address(stream._stream.path)
    assert poll.now == stream._reconcile  # what happened while it was lost is asked for at once


@pytest.mark.parametrize(
    ("style", "venue", "expected"),
    [
        (Style.POST_ONLY, book.VENUE, True),
        (Style.CHASE, book.VENUE, True),
        (Style.TWAP, book.VENUE, False),
        (Style.IOC, book.VENUE, False),
        (Style.POST_ONLY, "okx", False),  # nothing that rests hedges there
    ],
)
def test_where_orders_may_rest(style, venue, expected):
    """A dead-man switch is armed beforehand only where a hedge may rest."""
    settings = book.settings_of(book.table())
    underlyings = {
        name: own.model_copy(update={"execution": Execution(style=style)})
        for name, own in settings.underlyings.items()
    }

    told = settings.model_copy(update={"underlyings": underlyings})
    assert expected == live.rest_at(told, venue)
