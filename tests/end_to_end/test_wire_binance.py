"""The daemon in live dress on three Binances at once, as `demo --wire binance` runs it."""

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

pytestmark = pytest.mark.waits(20)

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-c", "from rebalancer.cli import main; main()"]


def test_three_accounts_are_one_book(tmp_path):
    """Coins on spot and on COIN-M are hedged on USD-M; the ledger equals all three books."""
    file = tmp_path / "outcome.json"
    ran = subprocess.run(
        [*COMMAND, "demo", "--wire", "binance", "--for", "15s", "--json", str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    outcome = json.loads(file.read_text())

    assert 0 == ran.returncode, ran.stderr[-3000:]
    assert "the ledger equals the books of every venue, to the last unit" in ran.stdout
    for told in outcome["status"]["underlyings"].values():
        assert told["lower"] <= told["net_delta"] <= told["upper"]
    held = {row["instrument"]: Decimal(row["quantity"]) for row in outcome["status"]["positions"]}
    assert Decimal(12) == held["binance:BTCUSDT"]
    assert Decimal("-11.95") < held["binanceusdm:BTCUSDT"] < Decimal("-11.8")
    assert Decimal(-5000) == held["binancecoinm:BTCUSD_PERP"]
    assert "loopback" not in ran.stdout
