"""Credentials: found by name, private or refused, and never shown."""

import copy
import json
import os
import pickle
import stat
import traceback

import pytest

from rebalancer.errors import ConfigError, PermissionRefused
from rebalancer.ops.redaction import Redactor
from rebalancer.settings import credentials as settings_credentials
from rebalancer.venues.credentials import Credentials, Secret, load

JSON = json.dumps({"key": "canary-key-1", "secret": "canary-secret-1"})
LINES = "canary-key-1\ncanary-secret-1\n"


def keep(folder, text, mode=0o400, name="desk"):
    """Write a credential."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("text", [JSON, LINES, f"\n{LINES}\n"], ids=["json", "lines", "blanks"])
@pytest.mark.parametrize("where", ["systemd", "systemd's folder", "folder", "home"])
def test_load(tmp_path, text, where):
    """A name leads to systemd's credential, to the named folder, or to the one at home."""
    places = {
        "systemd": (tmp_path / "run", {"CREDENTIALS_DIRECTORY": str(tmp_path / "run")}),
        "folder": (tmp_path / "own", {"REBALANCER_CREDENTIALS": str(tmp_path / "own")}),
        "home": (tmp_path / ".config/rebalancer/credentials", {}),
    }
    folder, environ = places[where.partition("'")[0]]
    keep(folder, text, name="keys_desk" if "'" in where else "desk")
    found = load("desk", environ, tmp_path)

    assert ("canary-key-1", "canary-secret-1") == (found.key.reveal(), found.secret.reveal())
    assert found.password is None


def test_password(tmp_path):
    """A third line is the password that some venues want."""
    keep(tmp_path, LINES + "canary-pass-1\n")
    found = load("desk", {"REBALANCER_CREDENTIALS": str(tmp_path)}, tmp_path)

    assert 3 == len(list(found))
    assert "canary-pass-1" == found.password.reveal()


def test_systemd_comes_first(tmp_path):
    """Where systemd gave a credential of the name, no other file is looked at."""
    keep(tmp_path / "run", LINES)
    keep(tmp_path / "own", LINES.replace("canary", "other"))
    environ = {
        "CREDENTIALS_DIRECTORY": str(tmp_path / "run"),
        "REBALANCER_CREDENTIALS": str(tmp_path / "own"),
    }

    assert "canary-key-1" == load("desk", environ, tmp_path).key.reveal()


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o644, 0o640, 0o600 | 0o020])
def test_public_file(tmp_path, mode):
    """What a group or the world may touch is refused, unread."""
    keep(tmp_path, LINES, mode)

    with pytest.raises(PermissionRefused, match="chmod 400") as raised:
        load("desk", {"REBALANCER_CREDENTIALS": str(tmp_path)}, tmp_path)
    assert 77 == raised.value.exit_code


@pytest.mark.parametrize(("mode", "passes"), [(0o400, True), (0o440, True), (0o444, False)])
def test_systemd_access_list(tmp_path, mode, passes):
    """Systemd's access list shows as group bits, which let no group in; the world's do not pass."""
    keep(tmp_path, LINES, mode)
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    if passes:
        assert load("desk", environ, tmp_path)
    else:
        with pytest.raises(PermissionRefused):
            load("desk", environ, tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "canary-only-1\n",
        '{"key": "canary-only-1"}',
        '{"key": "canary-only-1", "secret": ""}',
        '{"key": "canary-only-1", "secret": 5}',
        '{"key": "canary-only-1", "sekret": "canary-only-2"}',
        '{"key": "canary-only-1"',
        "x" * 20_000,
    ],
    ids=range(8),
)
def test_no_key(tmp_path, text):
    """What is no key is named, and nothing of it is shown."""
    keep(tmp_path, text)

    with pytest.raises(ConfigError) as raised:
        load("desk", {"REBALANCER_CREDENTIALS": str(tmp_path)}, tmp_path)
    assert "canary" not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize("name", ["absent", "../desk", "a/b", "", ".hidden", "/etc/passwd"])
def test_bad_name(tmp_path, name):
    """A name leads to one file in one folder, or nowhere."""
    keep(tmp_path, LINES)

    with pytest.raises(ConfigError):
        load(name, {"REBALANCER_CREDENTIALS": str(tmp_path / "sub")}, tmp_path)


def test_not_text(tmp_path):
    """Bytes that are no text are no key."""
    keep(tmp_path, "").chmod(0o600)
    (tmp_path / "desk").write_bytes(b"\xff\xfecanary")

    with pytest.raises(ConfigError) as raised:
        load("desk", {"REBALANCER_CREDENTIALS": str(tmp_path)}, tmp_path)
    assert "canary" not in "".join(traceback.format_exception(raised.value))


SECRETS = Credentials(Secret("canary-key-1"), Secret("canary-secret-1"), Secret("canary-pass-1"))


@pytest.mark.parametrize(
    "shown",
    [repr, str, lambda it: f"{it.key} {it.secret:>40}", lambda it: f"{it.key!s} {it.secret!r}"],
)
def test_never_shown(shown):
    """No way of writing it down shows a secret."""
    assert "canary" not in shown(SECRETS)


@pytest.mark.parametrize("leak", [pickle.dumps, copy.deepcopy, json.dumps])
def test_never_copied(leak):
    """A secret is not serialised, nor copied out."""
    with pytest.raises(TypeError) as raised:
        leak(SECRETS.key)
    assert "canary" not in str(raised.value)


def test_redaction():
    """What a credential holds can be handed to the redactor, which then hides all of it."""
    redactor = Redactor(each.reveal() for each in SECRETS)
    text = redactor.text("canary-key-1 and 'canary-secret-1' at canary-pass-1")

    assert "canary" not in text


def test_equality():
    """Two secrets are equal by what they hold, and nothing else is."""
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert 1 == len({Secret("a"), Secret("a")})


@pytest.mark.secures("secrets-from-files")
def test_link(tmp_path):
    """A link is not followed: it may lead to what somebody else wants read."""
    keep(tmp_path / "elsewhere", LINES)
    (tmp_path / "desk").symlink_to(tmp_path / "elsewhere" / "desk")

    with pytest.raises(ConfigError, match="must be a file that can be read"):
        load("desk", {"REBALANCER_CREDENTIALS": str(tmp_path)}, tmp_path)


@pytest.mark.secures("secrets-from-files")
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_no_file(tmp_path, make):
    """A pipe or a folder is no credential, and keeps nobody waiting."""
    make(tmp_path / "desk", 0o400)

    with pytest.raises(ConfigError):
        load("desk", {"REBALANCER_CREDENTIALS": str(tmp_path)}, tmp_path)


@pytest.mark.secures("secrets-from-files")
def test_judged_when_it_is_open(tmp_path, monkeypatch):
    """What is read is what was judged: a file put in its place meanwhile changes nothing."""
    path = keep(tmp_path, LINES, 0o444)
    opened = os.open

    def swapped(place, *flags, **more):
        found = opened(place, *flags, **more)
        path.unlink()
        keep(tmp_path, LINES, 0o400)  # private, but not what was opened
        return found

    monkeypatch.setattr(os, "open", swapped)
    with pytest.raises(PermissionRefused, match="0o444"):
        load("desk", {"REBALANCER_CREDENTIALS": str(tmp_path)}, tmp_path)


@pytest.mark.secures("secrets-from-files")
@pytest.mark.parametrize(("owner", "passes"), [(0, True), (os.geteuid(), True), (12345, False)])
def test_owner(tmp_path, monkeypatch, owner, passes):
    """A credential belongs to its reader or to root: another could change it at will."""
    keep(tmp_path, LINES)
    told = os.fstat

    def as_of(descriptor):
        found = list(told(descriptor))
        found[stat.ST_UID] = owner
        return os.stat_result(found)

    monkeypatch.setattr(os, "fstat", as_of)
    environ = {"REBALANCER_CREDENTIALS": str(tmp_path)}
    if passes:
        assert load("desk", environ, tmp_path)
    else:
        with pytest.raises(PermissionRefused, match="was uid 12345's"):
            load("desk", environ, tmp_path)


def test_who_must_know(tmp_path):
    """Whoever hides secrets is told each one that is read."""
    keep(tmp_path, LINES)
    heard = []
    settings_credentials.heard_by(heard.append)
    try:
        load("desk", {"REBALANCER_CREDENTIALS": str(tmp_path)}, tmp_path)
    finally:
        settings_credentials._hearers.remove(heard.append)

    assert ["canary-key-1", "canary-secret-1"] == heard
