"""What a book follows on a venue: its hedges and what it holds, each for as long as it lasts."""

from dataclasses import replace

import pytest

from rebalancer.ports import SECOND
from rebalancer.runtime.clock import MarketClock
from rebalancer.settings import known, resolve
from rebalancer.settings.models import Smile
from rebalancer.venues.following import Following
from rebalancer.venues.wanted import Wanted, followed
from tests.end_to_end import scripted_book as book

PERP, CALL = (name.partition(":")[2] for name in (book.PERP, book.CALL))


@pytest.mark.parametrize("ends", [None, 0, -1])
def test_a_hedge_ends(ends):
    """A dated hedge is followed until its expiry, and from then on nobody waits for it."""
    settings = book.settings_of(book.table())
    instruments, now = dict(resolve(settings)), book.EIGHT
    expiry = None if ends is None else now + ends
    instruments[book.PERP] = replace(instruments[book.PERP], expiry=expiry)

    wanted = followed(book.VENUE, settings, instruments, (book.PERP,), now)

    assert Wanted((PERP,) if ends is None else ()) == wanted


class Told:
    """A stream that keeps what it is told to follow."""

    def __init__(self):
        self.wanted = []

    def want(self, wanted, _now):
        self.wanted.append(wanted)

    def flush(self):
        """Send it."""


@pytest.mark.parametrize(("later", "lasts"), [(-SECOND, True), (0, False)])
def test_what_is_over(later, lasts):
    """An option that is held is followed until its expiry by the clock of the market."""
    settings, stream = book.settings_of(book.table()), Told()
    instruments = resolve(settings)
    clock = MarketClock(instruments[book.CALL].expiry + later)
    Following(book.VENUE, settings, [(stream, stream)], clock).hold([book.CALL], instruments)

    (wanted,) = stream.wanted
    assert ((PERP,), lasts) == (wanted.hedge, CALL in wanted.options)
    assert len(wanted.options) == 1 + lasts


@pytest.mark.parametrize(
    ("point", "follows"),
    [
        ("BTC-30JAN26-60000-P", True),  # of the expiry that is held
        ("BTC-27FEB26-60000-P", False),
        ("ETH-30JAN26-2000-P", False),
    ],
)
def test_points_of_a_smile(point, follows):
    """Options that draw a smile are followed while their expiry is held."""
    name, table = f"{book.VENUE}:{point}", book.table()
    settings = book.settings_of(table)
    own = settings.underlyings["BTC"]
    smile = Smile(delta="sticky_moneyness", points=(name,))
    told = {**settings.underlyings, "BTC": own.model_copy(update={"smile": smile})}
    settings = settings.model_copy(update={"underlyings": told})
    instruments = resolve(settings)
    held = replace(instruments[book.CALL], expiry=known("deribit:BTC-30JAN26-60000-P").expiry)

    wanted = followed(book.VENUE, settings, instruments | {book.CALL: held}, [book.CALL], 0)

    assert follows is (point in wanted.options)
