"""Fixtures of the stories."""

import pytest

from tests.scenarios import desk as desks


@pytest.fixture
def desk():
    """Return an active desk with two coins of spot that nobody has hedged."""
    return desks.build(holdings=[(desks.SPOT, "2")])


@pytest.fixture
def calm():
    """Return an active desk inside its band."""
    return desks.build(holdings=[(desks.SPOT, "0.01")])
