"""The command line from outside: outputs, exit codes, one message a fault, never a traceback."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-c", "from rebalancer.cli import main; main()"]


def ask(*args: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command and require its exit code."""
    ran = subprocess.run(
        [*COMMAND, *args], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert code == ran.returncode, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr
    return ran


@pytest.fixture
def book(tmp_path):
    """A book that runs as a service, and its state folder."""
    state = tmp_path / "state"
    service = subprocess.Popen(
        [*COMMAND, "run", "config/paper.toml", "--state", str(state)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for _ in range(100):
        if (state / "control.sock").exists():
            break
        time.sleep(0.1)
    time.sleep(1.5)
    yield service, str(state)
    if service.poll() is None:
        service.kill()
    service.wait()
    for stream in (service.stdout, service.stderr):
        stream.close()


def test_help_has_an_example_for_every_command():
    """Whoever asks a command for help is shown how it is typed."""
    top = ask("--help").stdout
    for name in ("demo", "run", "check", "replay", "status", "positions", "orders", "why"):
        assert name in top
        assert "Example: rebalancer " + name in ask(name, "--help").stdout


@pytest.mark.parametrize(
    "args",
    [
        ("demo", "--for", "soon"),
        ("demo", "--speed", "-1"),
        ("demo", "--speed", "inf"),
        ("demo", "--seed", "-1"),
        ("demo", "--for", "5s", "--json", "/no-such-folder/x.json"),
        ("replay", "config", "--config", "config/replay-spot.toml", "--steps", "x", "--json", "x"),
        ("replay", "config", "--config", "config/replay-spot.toml", "--report", "x", "--json", "x"),
        (
            "greeks",
            "--forward",
            "1",
            "--strike",
            "1",
            "--days",
            "-1",
            "--type",
            "put",
            "--vol",
            "1",
        ),
        ("nothing",),
        ("replay", "no-such-folder", "--config", "config/replay-spot.toml"),
        ("greeks", "--forward", "1", "--strike", "1", "--days", "1", "--type", "call"),
        ("greeks", "--forward", "1", "--strike", "1", "--days", "1", "--type", "x", "--vol", "1"),
        (
            "greeks",
            "--forward",
            "-1",
            "--strike",
            "1",
            "--days",
            "1",
            "--type",
            "put",
            "--vol",
            "1",
        ),
        (
            "greeks",
            "--forward",
            "1",
            "--strike",
            "1",
            "--days",
            "1",
            "--type",
            "put",
            "--vol",
            "60",
        ),
    ],
)
def test_wrong_usage(args):
    """What makes no sense ends with 64 and says so."""
    assert ask(*args, code=64).stderr


def test_greeks_of_an_inverse_call():
    """One day, S 100,000, K 103,000, premium 0.003: delta 0.178, adjusted 0.175, vol 60.2 %."""
    args = ("--forward", "100000", "--strike", "103000", "--days", "1", "--type", "call")
    told = json.loads(ask("greeks", *args, "--price", "0.0030", "--inverse", "--json").stdout)
    assert 0.178 == pytest.approx(told["delta"], abs=5e-4)
    assert 0.175 == pytest.approx(told["adjusted_delta"], abs=5e-4)
    assert 0.602 == pytest.approx(told["vol"], abs=5e-4)


def test_check_prints_a_fingerprint():
    """A sound configuration has a fingerprint, and says which guards are not set."""
    told = json.loads(ask("check", "config/demo.toml", "--json").stdout)
    assert [] == told["faults"]
    assert told["fingerprint"] in ask("check", "config/demo.toml").stdout
    assert "nobody watches there" in ask("check", "config/replay-spot.toml").stdout


def test_check_names_every_fault(tmp_path):
    """A wrong configuration ends with 78; so does a start with it, and nothing is written."""
    text = (ROOT / "config" / "demo.toml").read_text()
    path = tmp_path / "wrong.toml"
    path.write_text(text.replace("[venues.deribit]\naccount", "[venues.deribit]\nacount"))
    told = json.loads(ask("check", str(path), "--json", code=78).stdout)
    assert "did you mean account?" in told["faults"][0]["must"]
    state = tmp_path / "state"
    assert "did you mean account?" in ask("run", str(path), "--state", str(state), code=78).stderr
    assert not state.exists()


def test_live_is_refused(tmp_path):
    """A book that is not on paper does not start: no venue is reached in this release."""
    path = ROOT / "config" / "live.example.toml"
    assert "book.mode" in ask("run", str(path), "--state", str(tmp_path / "s"), code=78).stderr


def test_live_market_has_no_price_yet(tmp_path):
    """A book without a seeded world follows its venues live; what it holds needs an entry."""
    told = ask("run", "config/replay-spot.toml", "--state", str(tmp_path / "s"), code=78).stderr
    assert "holdings.0.entry: must have an entry" in told


def test_live_market_that_nobody_answers(tmp_path):
    """Without a network a paper book says that its stream is lost, and trades nothing."""
    text = (ROOT / "config" / "paper-live.toml").read_text()
    config = tmp_path / "paper.toml"
    address = 'loopback = "http://127.0.0.1:9"\n'
    config.write_text(text.replace("[venues.deribit] ", address.join(("[venues.deribit]\n", "#"))))
    told = ask("run", str(config), "--for", "2s", "--state", str(tmp_path / "s")).stderr
    assert "feed.lost" in told
    assert "index_missing" in told
    assert "hedge.submitted" not in told


def test_one_folder_one_book(tmp_path):
    """The folder of one book refuses another: its journal would explain the wrong decisions."""
    state = str(tmp_path / "state")
    ask("demo", "--for", "2s", "--speed", "0", "--state", state)
    told = ask("run", "config/paper.toml", "--for", "1s", "--state", state, code=78).stderr
    assert "demo-desk" in told


def test_full_disk():
    """Output that cannot be written is said in one line."""
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [*COMMAND, "check", "config/demo.toml"],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (75, 1) == (ran.returncode, len(ran.stderr.splitlines()))


@pytest.mark.parametrize("verb", ["status", "positions", "orders", "pause"])
def test_nobody_answers(verb, tmp_path):
    """Without a daemon on the socket a command ends with 75."""
    assert str(tmp_path) in ask(verb, "--state", str(tmp_path), code=75).stderr


def test_a_running_book(book):
    """A service answers while it runs, obeys, keeps a kill over a restart, and stops in order."""
    service, state = book
    where = ("--state", state)
    status = json.loads(ask("status", "--json", *where).stdout)
    assert {"book", "mode", "state", "seq", "underlyings", "latches", "feeds"} <= set(status)
    assert "active" == status["state"]
    assert "net_delta" in ask("status", *where).stdout
    orders = json.loads(ask("orders", "--json", *where).stdout)
    assert {"client_order_id", "instrument", "quantity", "filled", "state"} <= set(orders[0])
    assert "filled" in ask("orders", *where).stdout
    positions = json.loads(ask("positions", "--json", *where).stdout)
    assert {"instrument", "quantity", "entry", "mark", "delta"} <= set(positions[0])
    bands = json.loads(ask("band", "--json", *where).stdout)
    assert set(status["underlyings"]) == {each["underlying"] for each in bands}
    words = ask("band", *where).stdout
    assert all(f"kind {each['kind']}" in words for each in bands)
    assert "cost of a hedge, one way" in words
    told = json.loads(ask("why", orders[0]["client_order_id"], "--json", *where).stdout)
    assert orders[0]["client_order_id"] == told["decision"]["client_order_id"]
    assert "guards" in ask("why", orders[0]["client_order_id"], *where).stdout
    ask("why", "nothing", *where, code=64)
    ask("pause", "--reason", "lunch", *where)
    time.sleep(0.3)
    assert "paused" == json.loads(ask("status", "--json", *where).stdout)["state"]
    ask("kill", *where)  # never waits for words
    ask("arm", *where, code=64)
    time.sleep(0.3)
    ask("resume", *where, code=77)
    second = ("run", "config/paper.toml", "--for", "1s", *where)
    assert ask(*second, code=75).stderr
    service.send_signal(signal.SIGTERM)
    assert 0 == service.wait(timeout=30)
    assert '"daemon.stopped"' in service.stderr.read()
    again = ask(*second)
    assert "halted" in again.stderr
    assert "hedge.submitted" not in again.stderr
