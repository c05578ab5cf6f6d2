"""A kill through the real socket, of a live book whose venue does not answer."""

import pytest

from tests.end_to_end.killing import trials

MOST = 0.2  # s until it is acknowledged


@pytest.mark.waits(60)
async def test_a_kill_is_acknowledged_at_once_and_holds(tmp_path):
    """It is latched in memory and in the journal when it is answered; nothing begins after."""
    told = await trials(4, tmp_path)

    assert [True] * 4 == [each.latched for each in told]
    assert [(0, 0)] * 4 == [(each.begun, each.heard) for each in told]
    assert sorted(each.seconds for each in told)[1] < MOST  # of two cores that others use too
