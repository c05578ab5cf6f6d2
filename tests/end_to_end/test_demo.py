"""The demo as a newcomer runs it: one command, a hedged desk, the same decisions at any pace."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-c", "from rebalancer.cli import main; main()"]
LAST = re.compile(r"^events (\d+) hedges (\d+) refusals (\d+) digest ([0-9a-f]{64})$")


def demo(*args: str) -> tuple[int, int, int, str]:
    """Run the demo and return what its last line counts."""
    ran = subprocess.run(
        [*COMMAND, "demo", *args], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert 0 == ran.returncode, ran.stderr[-2000:]
    found = LAST.match(ran.stdout.strip().splitlines()[-1])
    assert found is not None, ran.stdout[-500:]
    return int(found[1]), int(found[2]), int(found[3]), found[4]


def with_band(tmp_path: Path, lower: str, upper: str) -> str:
    """Write the demo's configuration with another BTC band and nothing else changed."""
    text = (ROOT / "config" / "demo.toml").read_text()
    changed = text.replace("lower = -0.10, upper = 0.10", f"lower = {lower}, upper = {upper}")
    assert text != changed
    path = tmp_path / "demo.toml"
    path.write_text(changed)
    return str(path)


@pytest.fixture(scope="session")
def hour(tmp_path_factory) -> dict:
    """An hour of the demo, as JSON, and its last line."""
    file = tmp_path_factory.mktemp("demo") / "outcome.json"
    line = demo("--for", "1h", "--seed", "7", "--speed", "0", "--json", str(file))
    return {"line": line, **json.loads(file.read_text())}


def test_an_hour_hedges(hour):
    """An hour of market time makes at least ten hedges and leaves the book inside its bands."""
    assert hour["hedges"] >= 10
    assert (hour["events"], hour["hedges"], hour["refusals"], hour["digest"]) == hour["line"]
    for told in hour["status"]["underlyings"].values():
        width = told["upper"] - told["lower"]
        assert abs(told["net_delta"] - told["aim"]) < 2 * width


def test_an_hour_is_the_same_twice(hour):
    """Two runs of one seed make the same decisions."""
    assert hour["line"] == demo("--for", "1h", "--seed", "7", "--speed", "0")


def test_every_order_has_an_end(hour):
    """No order of the hour is left without an end that the venue told."""
    assert hour["orders"]
    assert {"filled", "expired", "canceled", "rejected"} >= {o["state"] for o in hour["orders"]}
    assert len(hour["orders"]) == len({o["client_order_id"] for o in hour["orders"]})


def test_an_hour_of_faults(hour):
    """Each kind of fault strikes within the hour; none of them halts, and no hedge counts twice."""
    status = hour["status"]
    filled = [order for order in hour["orders"] if float(order["filled"])]

    assert 6 == len(status["faults"]["deribit"])
    assert all(count >= 2 for count in status["faults"]["deribit"].values())
    assert {} == status["faults"]["binance"] == status["faults"]["binanceusdm"]
    assert [] == status["latches"]
    assert {"draining"} == {status["state"], *(u["state"] for u in status["underlyings"].values())}
    assert len(filled) == hour["hedges"]
    assert status["counters"]["unknowns"] == status["counters"]["resolved"] > 2


def test_pace_changes_nothing():
    """The wall clock only paces: market time, events and decisions stay as they are."""
    slow = demo("--for", "20s", "--seed", "7", "--speed", "5")
    assert slow == demo("--for", "20s", "--seed", "7", "--speed", "0")


def test_another_seed_or_band_differs(tmp_path):
    """Another seed, or only another band, makes other decisions."""
    plain = demo("--for", "5m", "--speed", "0")
    digests = {
        plain[3],
        demo("--for", "5m", "--speed", "0", "--seed", "8")[3],
        demo(with_band(tmp_path, "-0.12", "0.12"), "--for", "5m", "--speed", "0")[3],
    }
    assert 3 == len(digests)


def test_hash_seed_changes_nothing(monkeypatch):
    """The order of sets and dictionaries has no say in a decision."""
    outcomes = []
    for seed in ("0", "1", "4242"):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        outcomes.append(demo("--for", "1m", "--seed", "3", "--speed", "0"))
    assert outcomes[0] == outcomes[1] == outcomes[2]


def test_the_hour_has_its_dates(hour):
    """Within one run: rejects, unknown orders that were resolved, a funding payment, an expiry."""
    status = hour["status"]
    struck = status["faults"]["deribit"]

    assert struck["reject"] >= 1
    assert struck["lost_ack"] + struck["slow"] >= 1
    assert all(order["state"] != "unknown" for order in hour["orders"])
    assert status["counters"]["funding"]
    held = {row["instrument"] for row in status["positions"]}
    assert not held & {"deribit:BTC-30JAN26-100000-C", "deribit:ETH-30JAN26-3500-P"}
