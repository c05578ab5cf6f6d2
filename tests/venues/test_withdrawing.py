"""An account opened to withdraw from: whose it is."""

import asyncio
from types import SimpleNamespace

import pytest

from rebalancer.errors import DataError
from rebalancer.runtime.clock import WallClock
from rebalancer.settings.profiling import FactTable
from rebalancer.venues import withdrawing
from rebalancer.venues.connection import Connection
from rebalancer.venues.findings import Finding, Grade, Subject
from rebalancer.venues.profiles import row_of
from rebalancer.venues.withdrawing import BareAccount
from tests.venues.test_generic import TABLE, Told

PINNED = "777"


def asked(name, subject):
    """Return what an account answers when it is asked whose it is."""
    return asyncio.run(BareAccount(name, 0, None, None, subject).mistaken())


def answering(**findings):
    """Return questions of which each answers so: name of a finding → its grade."""

    def question(found):
        async def ask(_subject):
            return [Finding(each, grade, "778", "777") for each, grade in found.items()]

        return ask

    return SimpleNamespace(questions=[(each, question(it)) for each, it in findings.items()])


def test_nobody_pinned():
    """Without a pinned uid no account is another one: that is told apart from a difference."""
    subject = SimpleNamespace(settings=SimpleNamespace(account=None))

    with pytest.raises(DataError, match=r"venues\.deribit\.account: must be pinned"):
        asked("deribit", subject)


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ({"account": {"account": Grade.PASSED, "trades": Grade.FAILED}}, None),
        ({"facts": {"account": Grade.PASSED}}, None),
        ({"account": {"account": Grade.FAILED}}, "account must be 777, was 778"),
        (
            {"account": {"account": Grade.PASSED}, "facts": {"account": Grade.FAILED}},
            "account must",
        ),
        ({"account": {"account": Grade.WARNED}}, DataError),
        ({"facts": {"permission.trade": Grade.PASSED}}, DataError),
        ({"positions": {"account": Grade.PASSED}}, DataError),
        ({}, DataError),
    ],
)
def test_whose(monkeypatch, answers, told):
    """Only an answer that passes says that it is the pinned account; a warning says nothing."""
    monkeypatch.setattr(withdrawing, "parts_of", lambda _name: answering(**answers))
    subject = SimpleNamespace(settings=SimpleNamespace(account=PINNED))

    if told is DataError:
        with pytest.raises(DataError, match=r"^venues\.gate: nobody tells whose account it is"):
            asked("gate", subject)
    else:
        found = asked("gate", subject)
        assert told == (found and found[: len(told or "")])


@pytest.mark.parametrize(
    ("wallet", "told"), [(PINNED, None), ("778", "account must be ours, was 778")]
)
def test_a_profile(wallet, told):
    """A venue by its profile tells whose account it is by its fact; without one nobody does."""
    fact = FactTable(name="account", value="={wallet}", one_of=["{account}"], must="ours")
    known = TABLE.model_copy(update={"facts": (fact,)})

    assert told == asked("gate", subject_of(known, wallet))
    with pytest.raises(DataError, match="nobody tells"):
        asked("gate", subject_of(TABLE, wallet))


def subject_of(table, wallet):
    """Return an account of a wallet, at a venue that is read by a table."""
    row, exchange = row_of("gate", table), Told()
    exchange.walletAddress = wallet
    connection = Connection("gate", exchange, SimpleNamespace(), row)
    return Subject(connection, row, SimpleNamespace(account=PINNED), WallClock(), (), {})
