"""The past of an account: what it held at each moment of the last seconds."""

import pytest

from rebalancer.ports import SECOND
from rebalancer.venues.past import KEPT, Past


@pytest.mark.parametrize(
    ("second", "held"),
    [(0, 0), (9.9, 0), (10, 1), (11, 1), (12, 3), (15, 3), (-5, 0)],
)
def test_at(second, held):
    """What holds is what was booked last before; bookings of one instant count as one."""
    account = [("coins", 0)]
    past = Past(lambda: tuple(account), 0)
    for at, quantity in ((10, 1), (12, 2), (12, 3)):
        account[0] = ("coins", quantity)
        past.note(at * SECOND)

    assert (("coins", held),) == past.at(int(second * SECOND))


def test_all_that_a_snapshot_can_need_is_kept():
    """Within what is kept, the past is exact however much was booked since."""
    account = [0]
    past = Past(lambda: tuple(account), 0)
    for second in range(1, 100):
        account[0] = second
        past.note(second * SECOND)
        for ago in range(min(second, KEPT // SECOND) + 1):
            assert (second - ago,) == past.at((second - ago) * SECOND)
