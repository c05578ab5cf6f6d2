"""One book over three venues at once, options on two of them, over real sockets."""

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

pytestmark = pytest.mark.waits(20)

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-c", "from rebalancer.cli import main; main()"]


def test_three_venues(tmp_path):
    """It is brought into its band by the leg listed first; the ledger equals all their books."""
    file = tmp_path / "outcome.json"
    ran = subprocess.run(
        [*COMMAND, "demo", "--wire", "three", "--for", "15s", "--json", str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    outcome = json.loads(file.read_text())

    assert 0 == ran.returncode, ran.stderr[-3000:]
    assert "the ledger equals the books of every venue, to the last unit" in ran.stdout
    margins = ran.stdout.partition("margin as the venues tell it")[2].partition("fills")[0]
    assert all(name in margins for name in ("bybit", "okx", "deribit"))
    told = outcome["status"]["underlyings"]["BTC"]
    assert told["lower"] <= told["net_delta"] <= told["upper"]
    held = {row["instrument"]: Decimal(row["quantity"]) for row in outcome["status"]["positions"]}
    assert held["bybit:BTCUSDT"] < Decimal("-9.5")
    options = [name for name in held if name.endswith(("-C", "-P"))]
    assert {"okx", "deribit"} == {name.partition(":")[0] for name in options}
