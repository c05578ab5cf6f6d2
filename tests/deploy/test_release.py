"""A real release in an empty root: packages from wheels with their hashes, and nothing played.

What a Debian adds (users, systemd, another Python, no network) `make deploy-test` covers.
"""

import json
import os
import signal
import subprocess
import time
from importlib import metadata

import pytest
from packaging.requirements import Requirement

from deploy.installer import release, source
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


def test_wheel_is_built_by_what_is_locked():
    """What builds the wheel is pinned with its hashes, and so is all that it needs."""
    pins = source.builders(ROOT)
    wanted = [
        Requirement(text) for each in source.BUILDERS for text in metadata.requires(each) or ()
    ]
    needed = {
        each.name for each in wanted if each.marker is None or each.marker.evaluate({"extra": ""})
    }

    assert needed <= set(source.BUILDERS)
    assert len(source.BUILDERS) == pins.count("==")
    assert len(source.BUILDERS) <= pins.count("--hash=sha256:")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["nonsense"], 64),
        (["install", "--root", "/nowhere"], 64),
        (["install", "--wheels", "/nowhere"], 64),
        (["rollback", "--root", "ROOT"], 78),
        (["upgrade", "--root", "ROOT"], 78),
        (["uninstall", "--root", "ROOT"], 0),
        (["status", "--root", "ROOT"], 1),
        (["--help"], 0),
    ],
)
def test_codes(tmp_path, words, code):
    """A fault is one clear line and a code of the house."""
    done = run(ROOT, *(str(tmp_path) if word == "ROOT" else word for word in words))

    assert code == done.returncode
    assert "Traceback" not in done.stderr
    assert bool(done.stderr) == (code > 1)


def test_no_python(tmp_path):
    """Where no Python is new enough the packages to install are named."""
    (tmp_path / "deploy").mkdir()
    script = (ROOT / "deploy/install").read_text().replace("/usr/bin/python3", "/nowhere/python3")
    (tmp_path / "deploy/install").write_text(script)
    done = subprocess.run(
        ["/bin/sh", tmp_path / "deploy/install"],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": _without_python(tmp_path)},
    )

    assert 78 == done.returncode
    assert "apt-get install" in done.stderr


def _without_python(tmp_path):
    """Return a path with what the script needs and no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("readlink", "dirname"):
        (folder / name).symlink_to(f"/usr/bin/{name}")
    return str(folder)


def _head(path):
    with path.open("rb") as file:
        return file.readline()
