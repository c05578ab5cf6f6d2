"""Whatever a venue does, shut or open: what is sent rests on a reading from after it opened."""

from hypothesis import given, settings
from hypothesis import strategies as st

from rebalancer.core.events import AccountRead, VenueHeld
from tests.scenarios.desk import SECOND, SPOT, build

VENUE = "binanceusdm"
WORDS = st.sampled_from(["shut", "silent", "open", "read", "late read"])


@settings(max_examples=200, deadline=None)
@given(st.lists(WORDS, max_size=20))
def test_no_order_while_shut_or_unread(words):
    """There is a gap at each moment; it is hedged exactly when the venue is open and was read."""
    desk = build()
    desk.quiet = {VENUE}
    shut, opened, read = False, desk.now, desk.now
    for word in words:
        desk.now += SECOND
        match word:
            case "shut" | "silent":
                desk.take(VenueHeld(desk.now, VENUE, word, said=word == "shut"))
                shut = True
            case "open":
                desk.take(VenueHeld(desk.now, VENUE, None))
                opened, shut = desk.now if shut else opened, False
            case _:
                asked = desk.now - (2 * SECOND if word == "late read" else 0)
                read = asked if not shut and asked >= opened else read
                desk.take(AccountRead(desk.now, asked, VENUE))
        before = len(desk.orders)
        desk.market()
        desk.trade_by_hand(SPOT, "0.2")
        sent = desk.orders[before:]
        assert (not shut and read >= opened) == bool(sent)
        while working := desk.state.open_orders():
            desk.execute(working[0].submit)
