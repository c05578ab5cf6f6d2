"""Where a credential is looked for, and what is none though its lines look like one."""

import base64
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from rebalancer.errors import ConfigError, PermissionRefused
from rebalancer.settings import credentials
from rebalancer.settings.credentials import Shape, of_unit, read

ROOT = Path(__file__).resolve().parents[2]
SHAPE = Shape(("key", "secret"), ("key", "secret"), "must be two lines")


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Return a folder that stands for /etc/rebalancer, with the key of one book."""
    monkeypatch.setattr(credentials, "INSTALLED", tmp_path / "etc")
    put(tmp_path / "etc/credentials/btc/desk", "of the unit")
    yield tmp_path / "etc"
    of_unit(Path("/nowhere/x.toml"))


def put(path, key, mode=0o400):
    """Write a key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{key}\nsecret\n")
    path.chmod(mode)


def found(environ, home):
    """Return the key that is found."""
    return read("desk", environ, home, SHAPE)["key"].reveal()


def test_key_of_the_unit(installed, tmp_path):
    """By hand a key is found where the unit has it, and only where nothing else bears its name."""
    of_unit(installed / "btc.toml")
    assert "of the unit" == found({}, tmp_path)

    put(tmp_path / ".config/rebalancer/credentials/desk", "at home")
    assert "at home" == found({}, tmp_path)
    put(tmp_path / "named/desk", "named")
    assert "named" == found({"REBALANCER_CREDENTIALS": str(tmp_path / "named")}, tmp_path)
    put(tmp_path / "systemd/keys_desk", "systemd's")
    assert "systemd's" == found({"CREDENTIALS_DIRECTORY": str(tmp_path / "systemd")}, tmp_path)


def test_stand_in_of_the_folder(tmp_path):
    """What an alert's unit has instead of a folder hides no key of the same name, and is none."""
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    (tmp_path / "keys").write_text("none")
    (tmp_path / "keys").chmod(0o400)
    with pytest.raises(ConfigError):
        read("keys", environ, tmp_path, SHAPE)

    put(tmp_path / "keys_keys", "systemd's")
    assert "systemd's" == read("keys", environ, tmp_path, SHAPE)["key"].reveal()


@pytest.mark.parametrize("config", ["eth.toml", "../btc.toml", "sub/btc.toml"])
def test_key_of_another(installed, tmp_path, config):
    """A configuration of another name, or that lies elsewhere, does not reach the key."""
    of_unit(installed / config)

    with pytest.raises(ConfigError):
        found({}, tmp_path)


def test_key_of_the_unit_that_others_may_read(installed, tmp_path):
    """It is judged as any other."""
    of_unit(installed / "btc.toml")
    (installed / "credentials/btc/desk").chmod(0o440)

    with pytest.raises(PermissionRefused):
        found({}, tmp_path)


def test_encrypted(tmp_path):
    """What systemd-creds encrypted has two lines and more, and is no key and secret."""
    header = bytes.fromhex("5a1c6a86df9d4096b1d5a65e0862f19a20000000010000000c00000010000000")
    text = base64.b64encode(header + bytes(range(60))).decode()
    path = tmp_path / "desk"
    path.write_text(f"{text[:79]}\n{text[79:]}\n")
    path.chmod(0o400)

    with pytest.raises(ConfigError, match="encrypted for the unit"):
        found({"REBALANCER_CREDENTIALS": str(tmp_path)}, tmp_path)


def recipe():
    """Return the commands of the documentation that encrypt a key."""
    blocks = (ROOT / "deploy/keys.md").read_text().split("```")[1::2]
    (told,) = [each for each in blocks if "systemd-creds encrypt" in each]
    return (
        told.replace("BOOK", "btc")
        .replace("NAME", "desk")
        .replace("encrypt --", "encrypt --with-key=host --")
    )


def alone(folder, script):
    """Run a script where it sees a machine of its own: its host key and /etc/rebalancer."""
    head = f"mount --bind {folder}/lib /var/lib/systemd && mount --bind {folder}/etc /etc\n"
    asked = ("unshare", "--mount", "sh", "-c", f"set -e\n{head}{script}")
    return subprocess.run(asked, capture_output=True, text=True, check=False)


@pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("systemd-creds", "unshare"))),
    reason="not root, or no systemd-creds (Debian: apt-get install systemd)",
)
@pytest.mark.parametrize("broken", [False, True])
def test_recipe(tmp_path, broken):
    """The documented commands leave one file, which the unit can read; no other copy is lost."""
    plain = tmp_path / "etc/rebalancer/credentials/btc/desk"
    put(plain, "key")
    (tmp_path / "lib").mkdir()
    (tmp_path / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    if alone(tmp_path, "true").returncode != 0:
        pytest.skip("no mount may be made here")
    script = recipe()
    if broken:
        script = script.replace("decrypt --name=keys_desk", "decrypt --name=other", 1)
    alone(tmp_path, script)
    inside = "/etc/rebalancer/credentials/btc/desk"
    opened = alone(tmp_path, f"systemd-creds decrypt --name=keys_desk {inside} -")

    names = sorted(each.name for each in plain.parent.iterdir())
    assert ["desk"] == names
    assert 0o400 == plain.stat().st_mode & 0o777
    if broken:
        assert "key\nsecret\n" == plain.read_text()
    else:
        assert "key\nsecret\n" == opened.stdout
        assert [plain.parent] == list(plain.parent.parent.iterdir())
