"""Reasons: why an operator did something is kept word for word, but for a secret in it."""

import pytest

from rebalancer.core.events import Verb
from rebalancer.storage.memory import MemoryJournal
from tests.runtime.stage import Lever
from tests.runtime.test_tuner import TARGET, WHEN, at, put

SECRET = "canary-12345"


def hide(words):
    return words.replace(SECRET, "***")


def kill(running, reason):
    return running.status.operate(Verb.KILL, reason, "1000", False)


def tune(running, reason):
    return put({TARGET: "0.5"}, reason=reason)(running)


@pytest.mark.parametrize("do", [kill, tune])
@pytest.mark.parametrize(
    ("reason", "kept"),
    [
        (f"pasted {SECRET} by mistake", "pasted *** by mistake"),
        ("the key: wrong, token = old; see 7 % of 12'345", None),
    ],
)
def test_reason(do, reason, kept):
    """No secret in it reaches journal, state or status; other words stay as they are."""
    journal = MemoryJournal()
    running, _, _ = at(WHEN, lambda book: do(book, reason), journal, hide=hide)
    told = [entry.payload.get("reason") for entry in journal.read("event")]

    assert (kept or reason) in told
    everything = [str(entry.payload) for entry in journal.read()]
    assert SECRET not in "".join([*everything, str(running.status.status())])


def test_a_brake_from_outside():
    """What stands in the kill file goes the same way."""
    brake, journal = Lever(), MemoryJournal()

    def pull(_running):
        brake.why = f"kill file: {SECRET}"

    running, _, _ = at(WHEN, pull, journal, hide=hide, brake=brake)

    assert ["book: kill file: ***"] == running.status.status()["latches"]
    assert SECRET not in "".join(str(entry.payload) for entry in journal.read())
