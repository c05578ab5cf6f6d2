"""How patient the settings may let hedges be."""

import pytest

from rebalancer.settings import check

CONFIG = """
[book]
id = "desk"
[venues.deribit]
[underlyings.BTC]
numeraire = "usd"
hedge = ["deribit:BTC-PERPETUAL"]
band = {{ kind = "fixed", lower = -0.5, upper = 0.5 }}
execution = {{ {execution} }}
[underlyings.BTC.limits]
order = 1.0
position = 50.0
net_delta = 2.0
[limits]
leverage = 5.0
turnover_per_day = 5e6
loss_per_day = 5e4
drawdown = 1e5
"""


@pytest.mark.parametrize(
    ("execution", "faults"),
    [
        ('style = "ioc"', []),
        ('style = "post_only"', []),
        ('style = "chase"', []),
        ('style = "twap", slice = 0.5', []),
        ('style = "ioc", patience = "10m"', []),  # nobody waits
        ('style = "post_only", patience = "50s"', []),
        ('style = "post_only", patience = "51s"', ["patience must be at most 50s"]),
        ('style = "post_only", urgent = 1.0', ["urgent must be above 1"]),
        ('style = "post_only", urgent = 0.5', ["urgent must be at least 1"]),
        ('style = "twap"', ["slice must be given for style twap"]),
        (
            'style = "twap", slice = 0.5, every = "20s"',
            ["every must be shorter than patience (20s)"],
        ),
        ('style = "chase", reprice = "4s"', []),
        ('style = "chase", reprice = "3s"', ["reprice must be at least 3.8s"]),
        ('style = "chase", patience = "34s"', []),
        ('style = "chase", patience = "40s"', ["patience must be at most 34s under 20 hedges"]),
        ('style = "post_only", patience = "40s"', []),
        ('style = "twap", slice = 0.01, every = "3s"', ["every must be at least 3.8s under 20"]),
        ('style = "twap", slice = 0.01, every = "4s"', []),
        ('style = "iceberg"', ["style must be ioc, post_only, twap or chase"]),
        ('style = "post_only", offset_ticks = -1', ["offset_ticks must be a whole number"]),
        ('style = "post_only", patients = "5s"', ["patients unknown key; did you mean patience?"]),
    ],
)
def test_execution(tmp_path, execution, faults):
    """A patience that outlasts the alarm, and slices that are none, are told."""
    file = tmp_path / "desk.toml"
    file.write_text(CONFIG.format(execution=execution))
    found = [
        f"{each.path.rpartition('.')[2]} {each.must}"
        for each in check(file).faults
        if ".execution." in each.path
    ]

    assert len(faults) == len(found), found
    for start, told in zip(faults, found, strict=True):
        assert told.startswith(start)
