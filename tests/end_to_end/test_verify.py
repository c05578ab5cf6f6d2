"""A demo is recorded and verified from outside; what is altered afterwards is found and named."""

import gzip
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-c", "from rebalancer.cli import main; main()"]


def ask(*args: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command and require its exit code."""
    ran = subprocess.run(
        [*COMMAND, *args], cwd=ROOT, capture_output=True, text=True, check=False, timeout=90
    )
    assert code == ran.returncode, ran.stdout + ran.stderr[-2000:]
    assert "Traceback" not in ran.stderr
    return ran


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> tuple[Path, str]:
    """Two minutes of the demo: the folder, and its last line."""
    folder = tmp_path_factory.mktemp("demo") / "state"
    ran = ask("demo", "--for", "2m", "--seed", "7", "--speed", "0", "--state", str(folder))
    return folder, ran.stdout.strip().splitlines()[-1]


@pytest.fixture
def folder(recorded, tmp_path) -> Path:
    """A copy that may be altered."""
    return shutil.copytree(recorded[0], tmp_path / "state")


def test_a_recorded_demo_verifies(recorded):
    """Every event is stepped again, and the digest is the one that the demo ended with."""
    folder, last = recorded
    told = re.fullmatch(r"events (\d+) hedges \d+ refusals \d+ digest (\w+)", last)
    found = ask("replay", str(folder / "journal.sqlite"), "--verify").stdout.strip()

    assert re.fullmatch(
        rf"verified {told[1]} events \d+ decisions digest {told[2]} \(same as journal\)", found
    )


def test_json(recorded):
    """A program is told the same."""
    told = json.loads(
        ask("replay", str(recorded[0] / "journal.sqlite"), "--verify", "--json", "-").stdout
    )

    assert told["verified"]
    assert told["digest"] == told["digest_of_journal"]
    assert [1] == [each["epoch"] for each in told["starts"]]


def test_one_stored_price_altered(folder):
    """One price is another: exit code 1, the place, what came in, the decision and its inputs."""
    (path,) = (folder / "flight").iterdir()
    lines = gzip.decompress(path.read_bytes()).decode().splitlines(keepends=True)
    index = [n for n, line in enumerate(lines) if '"Index"' in line and '"ETH"' in line]
    place = index[len(index) // 2]
    before, after = '"price":"3', '"price":"4'
    assert before in lines[place]
    lines[place] = lines[place].replace(before, after)
    path.write_bytes(gzip.compress("".join(lines).encode()))
    found = ask("replay", str(folder / "journal.sqlite"), "--verify", code=1).stdout
    step = json.loads(lines[place])[0]

    assert f"ALTERED   start 1, step {step}, " in found
    assert f"line {place + 1}: " in found
    assert "underlying=ETH price=4" in found
    assert re.search(r"^DIFFERS   start 1, step \d+, ", found, re.M)
    for word in ("came in ", "stored ", "computed ", "inputs, "):
        assert re.search(f"^{word}", found, re.M)


def test_no_flight(folder):
    """Without a flight there is nothing to verify; a folder is no journal."""
    shutil.rmtree(folder / "flight")

    assert "flight" in ask("replay", str(folder / "journal.sqlite"), "--verify", code=65).stderr
    assert "JOURNAL" in ask("replay", str(folder), "--verify", code=64).stderr


@pytest.mark.parametrize(
    ("args", "names"),
    [
        (("--verify", "--config", "config/replay-spot.toml"), "--config"),
        (("--verify", "--from", "2026-01-01"), "--from"),
        ((), "--config"),
        (("--config", "config/replay-spot.toml"), "FOLDER"),
    ],
)
def test_usage(recorded, args, names):
    """What does not go together is said."""
    assert names in ask("replay", str(recorded[0] / "journal.sqlite"), *args, code=64).stderr


def test_nothing_is_kept_unasked(tmp_path, monkeypatch):
    """A demo without a folder of its own leaves nothing behind."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    ask("demo", "--for", "5s", "--speed", "0")

    assert [] == list(tmp_path.iterdir())
