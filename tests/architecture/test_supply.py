"""What the program is made of: every package known by its hash, none that runs by itself."""

import json
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT
from tests.audited import verdict
from tests.bill_of_materials import bill, components

LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PROJECT = {"name": "rebalancer", "version": "1.2.3", "license": "Apache-2.0"}
SITE = Path(sysconfig.get_paths()["purelib"])
# What the interpreter runs when it starts, by a file of that name.
RUN_AT_START = {
    "_rebalancer.pth",  # the package itself, where it is developed
    "distutils-precedence.pth",  # setuptools
    "__editable__.rebalancer-0.1.0.pth",
    "a1_coverage.pth",
}
QUIET = """
import socket, sys
def refuse(*told, **more):
    raise AssertionError(f"the network was asked at import: {told}")
for name in ("connect", "connect_ex", "sendto", "bind"):
    setattr(socket.socket, name, refuse)
socket.getaddrinfo = refuse
import importlib, pkgutil, rebalancer
for each in pkgutil.walk_packages(rebalancer.__path__, "rebalancer."):
    if not each.name.endswith("__main__"):
        importlib.import_module(each.name)
import ccxt.pro, ccxt.async_support, aiohttp, websockets, structlog, apscheduler, uvloop
print("quiet", len([each for each in sys.modules if each.startswith("rebalancer")]))
"""


@pytest.mark.secures("bill-and-audit")
def test_every_package_is_in_the_bill():
    """The bill names each package of the lock with its version and its hashes."""
    told = bill(LOCK, PROJECT)
    pins = re.findall(r"^([a-z0-9-]+)==([^\s;\\]+)", LOCK, re.MULTILINE)

    assert pins == [(each["name"], each["version"]) for each in told["components"]]
    assert all(each["hashes"] for each in told["components"])
    assert LOCK.count("--hash=sha256:") == sum(len(each["hashes"]) for each in told["components"])


def test_the_bill_is_of_one_piece():
    """Every reference leads somewhere, all is needed by the project, and it is always the same."""
    told = bill(LOCK, PROJECT)
    needs = {each["ref"]: each["dependsOn"] for each in told["dependencies"]}
    known = {each["bom-ref"] for each in told["components"]}
    reached, waiting = set(), ["pkg:pypi/rebalancer@1.2.3"]
    while waiting:
        for each in needs[waiting.pop()]:
            if each not in reached:
                reached.add(each)
                waiting.append(each)

    assert known == reached
    assert told == bill(LOCK, PROJECT)
    assert [] == re.findall(r"https?:|file:|index-url", json.dumps(told))


def test_a_lock_without_hashes():
    """What has no hash is in no bill."""
    with pytest.raises(ValueError, match="had none for \\['b'\\]"):
        components("a==1 \\\n    --hash=sha256:" + "0" * 64 + "\nb==2\n")


SOUND = {"name": "a", "version": "1", "vulns": []}
BAD = {"name": "a", "version": "1", "vulns": [{"id": "X-1", "fix_versions": ["2"]}]}


@pytest.mark.parametrize(
    ("rows", "code", "word"),
    [
        ([SOUND], 0, "1 packages looked up"),
        ([BAD], 1, "a 1: X-1, mended in 2"),
        ([{"name": "a", "skip_reason": "not found"}], 75, "0 of 1 packages"),
        ([], 75, "nothing is proved"),
        (None, 75, "nothing is proved"),
    ],
)
def test_an_audit_that_asked_nobody(rows, code, word):
    """An auditor that could ask nobody proves nothing, whatever it says."""
    found, lines = verdict(["a"], None if rows is None else {"dependencies": rows})

    assert (code, True) == (found, word in "\n".join(lines))


@pytest.mark.secures("nothing-at-start")
def test_nothing_runs_at_start():
    """No package brings code that the interpreter runs before ours: there keys were stolen."""
    found = {each.name for each in SITE.glob("*.pth") if "import" in each.read_text()}
    customs = [
        name for name in ("sitecustomize", "usercustomize") if (SITE / f"{name}.py").exists()
    ]

    assert set() == found - RUN_AT_START
    assert [] == customs


@pytest.mark.secures("no-network-at-import")
def test_no_network_at_import():
    """Nothing of ours, nor of what we use, asks the network because it is imported."""
    ran = subprocess.run(
        [sys.executable, "-c", QUIET], capture_output=True, text=True, check=False, cwd=ROOT
    )

    assert 0 == ran.returncode, ran.stderr[-2000:]
    assert re.match(r"quiet \d{3}", ran.stdout)
