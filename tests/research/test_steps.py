"""The rows of a replay."""

import csv
import io
from decimal import Decimal

import pytest

from rebalancer.research.steps import COLUMNS, Steps
from tests.oracles.recompute_steps import HEADER


def written(*rows):
    """Return the rows of a file after these were written."""
    file = io.StringIO(newline="")
    steps = Steps(file)
    for row in rows:
        steps.write(*row)
    file.seek(0)
    return list(csv.DictReader(file))


def test_columns():
    """The columns are those that others read."""
    assert tuple(HEADER) == COLUMNS


def test_exact():
    """Numbers read back as what they were; what is not named stays empty."""
    price, fee = 0.1 + 0.2, Decimal("0.000953915240")

    (row,) = written((1_769_558_400_000_000_000, "fill", {"price": price, "fee": fee}))

    assert "1769558400000000000" == row["ts"]
    assert price == float(row["price"])
    assert fee == Decimal(row["fee"])
    assert "" == row["quantity"] == row["equity"]
    assert "fill" == row["reason"]


def test_unknown_column():
    """A fact without a column is a defect and not lost."""
    with pytest.raises(ValueError, match="colour"):
        written((1, "fill", {"colour": "red"}))
