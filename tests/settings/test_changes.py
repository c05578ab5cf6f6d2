"""Changes: the keys by which two settings differ."""

import pytest

from rebalancer.settings import changes, load
from tests.conftest import ROOT

PAPER = ROOT / "config" / "paper.toml"


@pytest.mark.parametrize(
    ("old", "new", "keys"),
    [
        ("", "", ()),
        ("[book]", "# words\n[book]", ()),
        ("position = 10.0", "position = 10", ()),
        ("order = 1.0", "order = 0.9", ("underlyings.BTC.limits.order",)),
        ("drawdown = 5e4", "drawdown = 4e4", ("limits.drawdown",)),
        ("seed = 7", "seed = 8", ("market.seed",)),
        ("quantity = 2", "quantity = 3", ("holdings",)),
    ],
)
def test_changes(tmp_path, old, new, keys):
    """What means the same is no change; what does not is told by its key."""
    path, text = tmp_path / "other.toml", PAPER.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))

    assert keys == changes(load(PAPER), load(path))
