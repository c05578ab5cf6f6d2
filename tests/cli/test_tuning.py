"""`set`: what a person leaves is not changed, and is no difference that a check found."""

import pytest
from typer.testing import CliRunner

from rebalancer.cli import tuning
from rebalancer.cli.app import app, gather

SETTING = "underlyings.BTC.target"


@pytest.fixture(scope="module", autouse=True)
def commands():
    """Register the commands."""
    gather(["set"])


def answered(monkeypatch, typed, again):
    """Return how `set` ended when a person typed this, and what the daemon was asked."""
    calls = []
    change = {"setting": SETTING, "before": 0.0, "after": 9.0}
    told = {"changes": [change], "underlyings": [], "state": "active", "again": again}

    class Client:
        def call(self, verb, **args):
            calls.append(args)
            return {**told, "expect": "x", "decisions": []}

    monkeypatch.setattr(tuning, "reach", lambda _folder: Client())
    monkeypatch.setattr(tuning, "_seen", lambda: True)
    ran = CliRunner().invoke(app, ["set", f"{SETTING}=9", "--reason", "x"], input=typed)
    return ran, calls


@pytest.mark.parametrize(
    ("typed", "again"),
    [("n\n", []), ("\n", []), ("", []), ("\n", [SETTING]), ("", [SETTING])],
    ids=["no", "nothing", "end of input", "not again", "end of input when asked again"],
)
def test_declined(monkeypatch, typed, again):
    """Who leaves it is told that nothing was changed, and that is in order."""
    ran, calls = answered(monkeypatch, typed, again)

    assert 0 == ran.exit_code
    assert ran.output.endswith("nothing was changed\n")
    assert [{"values": {SETTING: "9"}}] == calls


@pytest.mark.parametrize(
    ("typed", "again", "twice"), [("y\n", [], {}), ("9\n", [SETTING], {SETTING: "9"})]
)
def test_confirmed(monkeypatch, typed, again, twice):
    """Who confirms it has it."""
    ran, calls = answered(monkeypatch, typed, again)

    assert 0 == ran.exit_code
    assert twice == calls[1]["again"]
