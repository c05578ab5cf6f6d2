"""A real release from its first install to its end; minutes of pip: `make deploy-test` runs it."""

import json
import os
import signal
import subprocess
import time

import pytest

from deploy.installer import release
from tests.architecture.tree import ROOT
from tests.deploy.trees import PYTHON, listing, plant, run, wheels

OLD, NEW = "0.1.0", "0.2.0"


@pytest.mark.timeout(900)
def test_release(tmp_path, monkeypatch):
    """Ended in the middle, installed, changed for the next one, gone back from, and uninstalled."""
    monkeypatch.setenv("PIP_NO_COMPILE", "1")  # half of the time that it takes
    root, packages = tmp_path / "root", str(wheels())
    root.mkdir()
    old, new = (plant(tmp_path / version, version, thin=True) for version in (OLD, NEW))
    where = ("--root", str(root))
    made = root / "opt/rebalancer/releases" / OLD

    words = [old / "deploy/install", "install", *where, "--wheels", packages]
    begun = subprocess.Popen(
        words,
        env={**os.environ, "PYTHON": PYTHON},
        start_new_session=True,
        stdout=subprocess.DEVNULL,
    )
    while not (made / "lib").is_dir():
        assert begun.poll() is None
        time.sleep(0.05)
    os.killpg(begun.pid, signal.SIGKILL)
    begun.wait()
    assert (None, 1) == (release.find(made), run(old, "status", *where).returncode)

    done = run(old, "install", *where, "--wheels", packages)
    assert (0, "") == (done.returncode, done.stderr)
    assert b"#!/opt/rebalancer/releases/0.1.0/bin/python\n" == _head(made / "bin/rebalancer")
    site = next(made.glob("lib/python3*/site-packages"))
    assert [] == [path.name for path in site.glob("*.pth")]
    assert [] == [name for name in ("pip", "setuptools", "hatchling") if (site / name).exists()]
    assert {"rebalancer", "numpy", "ccxt"} <= {path.name for path in site.iterdir()}

    before = listing(root)
    again = run(old, "install", *where, "--wheels", packages)
    assert "nothing had to be changed" in again.stdout
    assert before == listing(root)

    assert 0 == run(old, "book", str(ROOT / "config/paper.toml"), *where).returncode
    config = root / "etc/rebalancer/other.toml"
    config.write_text('[book]\nid = "other"\ncolour = "red"\n')
    refused = run(new, "upgrade", *where, "--wheels", packages)
    assert 78 == refused.returncode
    assert "other: book.colour: unknown key" in refused.stderr
    config.unlink()

    assert 0 == run(new, "upgrade", *where, "--wheels", packages).returncode
    told = json.loads(run(new, "status", "--json", *where).stdout)
    assert (NEW, OLD, []) == (told["current"], told["previous"], told["amiss"])

    assert 0 == run(new, "rollback", *where).returncode
    assert OLD == release.find(root / "opt/rebalancer/current").version

    assert 0 == run(new, "uninstall", *where).returncode
    assert not (root / "opt/rebalancer").exists()
    assert (root / "etc/rebalancer/paper-desk.toml").is_file()
    assert 0 == run(new, "uninstall", "--purge", *where).returncode
    assert [] == [path for path in root.rglob("*") if not path.is_dir()]


def _head(path):
    with path.open("rb") as file:
        return file.readline()
