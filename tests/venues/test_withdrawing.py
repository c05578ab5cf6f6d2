"""An account opened to withdraw from: whose it is."""

import asyncio
from types import SimpleNamespace

import pytest

from rebalancer.errors import DataError
from rebalancer.venues.withdrawing import BareAccount


def test_nobody_pinned():
    """Without a pinned uid no account is another one: that is told apart from a difference."""
    subject = SimpleNamespace(settings=SimpleNamespace(account=None))
    account = BareAccount("deribit", 0, None, None, subject)

    with pytest.raises(DataError, match=r"venues\.deribit\.account: must be pinned"):
        asyncio.run(account.mistaken())
