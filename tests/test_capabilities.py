"""The capability table of the README is made of the profiles and of what tests prove."""

import pytest

from rebalancer.venues.profile import DeadManKind
from tests import capabilities


def test_readme_is_up_to_date():
    """What the README says is what the tests say: `python -m tests.capabilities --write`."""
    text = capabilities.README.read_text()

    assert capabilities.written(text) == text


def test_markers_name_what_is_listed(tmp_path, monkeypatch):
    """A marker that names no venue, capability or level is an error that says where."""
    monkeypatch.setattr(capabilities, "ROOT", tmp_path)
    told = '@pytest.mark.proves("deribit", "lookup", "hearsay")\ndef test_it():\n    pass\n'
    (tmp_path / "test_one.py").write_text(f"import pytest\n\n\n{told}")

    with pytest.raises(ValueError, match=r"test_one\.py::test_it: proves.*hearsay"):
        capabilities.proofs(tmp_path)


def test_what_is_finished_is_proven():
    """A venue that live orders pass through has every row proven on its wire, or has no such.

    A timer at the venue is not wound up for a book that sends nothing that rests.
    """
    known = capabilities.proofs()
    finished = [each for each in capabilities.PROFILES.values() if each.finished]
    missing = [
        (profile.venue, capability)
        for profile in finished
        for capability in capabilities.CAPABILITIES
        if not capabilities.absent(profile, capability)
        and not (capability == "dead_man" and profile.dead_man.kind is DeadManKind.COUNTDOWN)
        and not {"loopback", "testnet", "live"} & set(known.get((profile.venue, capability), {}))
    ]

    assert [] == missing
