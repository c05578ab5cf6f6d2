"""What is published: pinned, hashed, addressless, and silent about the machine it was made on."""

import importlib
import re
import subprocess
import tomllib

import pytest

from tests.architecture.tree import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
LOCKED_EXTRAS = ("notify", "postgres", "replay", "report")
LOCKS = ("requirements.lock", "requirements-dev.lock")
PIN = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>[^\s;]+)(?: ; .+)? \\$")

# Spelled in halves, so that this list does not find itself.
GIVEAWAYS = tuple(
    left + right
    for left, right in [("/wo", "rk/"), ("/opt/", "pypi"), ("/opt/", "wheels"), ("/root/", ".")]
)


def named(requirement):
    """Return the normal form of the name in a requirement line."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\s\[<>=!~;]", requirement, maxsplit=1)[0]).lower()


def locked(lock):
    """Return name → the lines of its entry in a lock file."""
    entries = {}
    entry = []
    for line in (ROOT / lock).read_text(encoding="utf-8").splitlines():
        if match := PIN.match(line):
            entry = entries.setdefault(match["name"], [])
        if not line.lstrip().startswith("#"):
            entry.append(line)
    return entries


def published():
    """Return the files that a commit would hold, as paths from the project's root."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    if listed.returncode == 0:
        paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    else:  # an unpacked archive: everything but what the tools leave behind
        ours = {".venv", ".reports", "__pycache__"}
        paths = [path for path in ROOT.rglob("*") if not ours.intersection(path.parts)]
    return sorted(path for path in paths if path.is_file())


def test_few_direct_dependencies():
    """The daemon asks for at most fourteen packages by name."""
    assert len(PROJECT["dependencies"]) <= 14


@pytest.mark.parametrize("lock", LOCKS)
@pytest.mark.trap("collateral-changed-its-meaning", "every")
def test_lock_is_hashed(lock):
    """Every package in a lock is pinned to one version and carries its hashes."""
    entries = locked(lock)

    assert entries
    assert [] == [name for name, lines in entries.items() if "--hash=sha256:" not in lines[1]]


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_has_no_address(lock):
    """A lock names packages, not where to fetch them: any mirror may serve it."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    strays = [
        line
        for line in text.splitlines()
        if line.strip() and not re.match(r"[a-z0-9]|    (--hash=sha256:[0-9a-f]{64}|#)", line)
    ]

    assert [] == strays
    assert [] == re.findall(r"https?:|file:|git\+|-index-url|--find-links|--trusted-host| @ ", text)


@pytest.mark.parametrize(
    ("lock", "requirements"),
    [
        ("requirements.lock", PROJECT["dependencies"]),
        *(("requirements.lock", EXTRAS[extra]) for extra in LOCKED_EXTRAS),
        ("requirements-dev.lock", PROJECT["dependencies"]),
        *(("requirements-dev.lock", requirements) for requirements in EXTRAS.values()),
    ],
)
def test_lock_has_what_is_asked_for(lock, requirements):
    """Every direct dependency has its pin."""
    entries = locked(lock)

    assert [] == [name for name in map(named, requirements) if name not in entries]


def test_locks_agree():
    """What runs in production is what was tested: one version a package."""
    production, development = (
        {name: lines[0] for name, lines in locked(lock).items()} for lock in LOCKS
    )

    assert production == {name: development.get(name) for name in production}


def test_command():
    """The `rebalancer` command leads to a function."""
    module, _, name = PROJECT["scripts"]["rebalancer"].partition(":")

    assert callable(getattr(importlib.import_module(module), name))


def test_version():
    """The package and its metadata tell one version."""
    assert PROJECT["version"] == importlib.import_module("rebalancer").__version__


def test_no_machine_paths():
    """No published file says on whose machine, and where, it was written."""
    found = [
        f"{path.relative_to(ROOT)}: {giveaway}"
        for path in published()
        for giveaway in GIVEAWAYS
        if giveaway.encode() in path.read_bytes()
    ]

    assert [] == found


def test_promised_targets():
    """Every `make TARGET` that a page or the Makefile's own head names is there."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    pages = (ROOT / "README.md").read_text(encoding="utf-8")
    head = "".join(line for line in makefile.splitlines(keepends=True) if line.startswith("#"))
    promised = set(re.findall(r"`make ([a-z-]+)", pages))
    promised |= set(re.findall(r"^# make ([a-z-]+)", head, re.M))
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.M))

    assert {"demo", "test", "faults"} <= promised
    assert set() == promised - targets
