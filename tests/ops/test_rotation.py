"""The shipped rotation of a log file is understood by what rotates it, and loses nothing."""

import shutil
import subprocess

import pytest

from rebalancer.ops.tail import Tail
from tests.markers import ROOT

SHIPPED = ROOT / "deploy" / "rebalancer.logrotate"
PROGRAM = shutil.which("logrotate", path="/usr/sbin:/usr/bin")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="logrotate absent")


def rotate(tmp_path, *options, text=None):
    """Run the program over the shipped file, its folder ours; return what it says."""
    told = tmp_path / "conf"
    shipped = SHIPPED.read_text() if text is None else text
    told.write_text(shipped.replace("/var/log/rebalancer", str(tmp_path)))
    told.chmod(0o644)
    tmp_path.chmod(0o755)
    asked = [PROGRAM, *options, "-s", str(tmp_path / "state"), str(told)]
    ran = subprocess.run(asked, check=False, capture_output=True, text=True)
    return ran.returncode, ran.stdout + ran.stderr


def test_dry_run(tmp_path):
    """It is read without a fault, and finds the log."""
    (tmp_path / "desk.jsonl").write_text("{}\n")
    code, said = rotate(tmp_path, "-d")

    assert 0 == code
    assert "error" not in said.lower()
    assert "desk.jsonl" in said


def test_a_fault_is_found(tmp_path):
    """A word that it does not know would be told."""
    _, said = rotate(tmp_path, "-d", text=SHIPPED.read_text().replace("daily", "dayly"))

    assert "error" in said.lower()


def test_nothing_is_lost(tmp_path):
    """A log that is rotated while somebody follows it is followed on."""
    path = tmp_path / "desk.jsonl"
    with path.open("a") as log:
        log.write("one\n")
        log.flush()
        tail = Tail(path)
        assert ["one"] == list(tail.take())
        code, said = rotate(tmp_path, "-f")
        assert 0 == code, said
        log.write("two\n")
        log.flush()

        assert ["two"] == list(tail.take())
        tail.close()
    assert "one\n" in [each.read_text() for each in tmp_path.glob("desk.jsonl-*")]
