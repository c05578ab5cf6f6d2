"""A real release in an empty root: packages from wheels with their hashes, and nothing played.

What a Debian adds (users, systemd, another Python, no network) `make deploy-test` covers.
"""

import subprocess
from importlib import metadata

import pytest
from packaging.requirements import Requirement

from deploy.installer import source
from tests.architecture.tree import ROOT
from tests.deploy.trees import run

OLD, NEW = "0.1.0", "0.2.0"


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
