"""Whatever a venue does, shut or open: what is sent rests on a reading from after it opened."""

from hypothesis import given, settings
from hypothesis import strategies as st

from rebalancer.core.commands import Submit
from rebalancer.core.events import AccountRead, VenueHeld
from tests.scenarios.desk import SECOND, SPOT, build

VENUE = "binanceusdm"
WORDS = st.sampled_from(["shut", "silent", "open", "read", "late read", "gap", "wait", "execute"])


@settings(max_examples=200, deadline=None)
@given(st.lists(WORDS, max_size=40))
def test_no_order_while_shut_or_unread(words):
    """No order is decided while it is shut, nor before the account was read since it opened."""
    desk = build()
    shut, opened, read = False, 0, desk.now
    for word in words:
        desk.now += SECOND
        match word:
            case "shut" | "silent":
                desk.take(VenueHeld(desk.now, VENUE, word, said=word == "shut"))
                shut = True
            case "open":
                desk.take(VenueHeld(desk.now, VENUE, None))
                opened, shut = desk.now if shut else opened, False
            case "read" | "late read":
                asked = desk.now - (2 * SECOND if word == "late read" else 0)
                read = asked if not shut and asked >= opened else read
                desk.take(AccountRead(desk.now, asked, VENUE))
            case "gap":
                desk.trade_by_hand(SPOT, "0.2")
            case "execute":
                for order in desk.state.open_orders():
                    desk.execute(order.submit)
            case _:
                pass
        desk.quiet = {VENUE}
        before = len(desk.outcomes)
        desk.market()
        sent = [c for each in desk.outcomes[before:] for c in each.commands]
        if any(isinstance(each, Submit) for each in sent):
            assert not shut
            assert read >= opened
