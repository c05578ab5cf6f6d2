"""The units as they ship: systemd takes every line, their sandbox is closed, and all is there."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNITS = sorted(each for each in (ROOT / "systemd").iterdir() if "@" in each.name)
SERVICES = [each for each in UNITS if each.suffix == ".service"]
SYSTEM = Path("/usr/lib/systemd/system")
COMMAND = "opt/rebalancer/releases/1/bin/rebalancer"
ALERTS = ("rebalancer-alert", "rebalancer-backup-alert")
THRESHOLD = 12  # tenths of systemd's ten points of exposure

analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None or not SYSTEM.is_dir(),
    reason="no systemd-analyze (Debian: apt-get install systemd)",
)


@pytest.fixture
def root(tmp_path):
    """Return a root with the system's own units, ours, and what they start."""
    (tmp_path / "usr/lib/systemd").mkdir(parents=True)
    shutil.copytree(SYSTEM, tmp_path / "usr/lib/systemd/system", symlinks=True)
    for path in (COMMAND, "bin/sh"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text("#!/bin/sh\n")
        (tmp_path / path).chmod(0o755)
    (tmp_path / "opt/rebalancer/current").symlink_to("releases/1")
    (tmp_path / "usr/local/lib/systemd/system").mkdir(parents=True)
    for each in UNITS:
        shutil.copy(each, tmp_path / "usr/local/lib/systemd/system")
    return tmp_path


def verified(root, unit):
    """Return what systemd says of a unit: exit code and complaints."""
    name = unit.replace("@", "@btc-desk")
    told = subprocess.run(
        ("systemd-analyze", "verify", "--man=no", f"--root={root}", name),
        capture_output=True,
        text=True,
        check=False,
    )
    return told.returncode, told.stdout + told.stderr


@analyze
@pytest.mark.parametrize("unit", [each.name for each in UNITS])
def test_verified(root, unit):
    """Systemd understands every line of a unit, and what it starts is there."""
    assert (0, "") == verified(root, unit)


@analyze
@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("WatchdogSec=20", "WatchdogSecs=20", "Unknown key"),
        ("MemoryMax=1G", "MemoryMax=lots", "Invalid memory limit"),
        ("bin/rebalancer run", "bin/rebalanced run", "is not executable"),
    ],
)
def test_verification_notices(root, old, new, complaint):
    """What is wrong in a unit is complained of, though it may not cost the exit code."""
    path = root / "usr/local/lib/systemd/system/rebalancer@.service"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))

    assert complaint in verified(root, path.name)[1]


@analyze
@pytest.mark.parametrize("kind", ["rebalancer", "rebalancer-panic", *ALERTS])
def test_encrypted_credentials(root, kind):
    """The drop-in for encrypted keys is one that systemd takes, for each unit that has keys."""
    drops = root / f"usr/local/lib/systemd/system/{kind}@btc-desk.service.d"
    drops.mkdir()
    text = (ROOT / "systemd/encrypted-credentials.conf").read_text()
    if kind in ALERTS:  # theirs stands in its head
        text = "\n".join(re.findall(r"^#   (\S.*)$", text, re.MULTILINE)) + "\n"
    (drops / "keys.conf").write_text(text)

    assert "LoadCredentialEncrypted=keys" in text
    assert (0, "") == verified(root, f"{kind}@.service")


@analyze
@pytest.mark.parametrize("unit", SERVICES, ids=lambda each: each.name)
def test_exposure(unit):
    """No service is exposed by more than 1.2 of ten points, by systemd's own reckoning."""
    told = subprocess.run(
        ("systemd-analyze", "security", "--offline=yes", f"--threshold={THRESHOLD}", str(unit)),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "") == (told.returncode, told.stderr), told.stdout[-200:]


@pytest.mark.parametrize("unit", UNITS, ids=lambda each: each.name)
def test_referenced(unit):
    """A unit that another one names ships with it: systemd says nothing of one that is missing."""
    named = re.findall(r"^(?:OnFailure|Unit)=(\S+)$", unit.read_text(), re.MULTILINE)
    needed = [each.replace("@%i", "@") for each in named]
    if unit.suffix == ".timer":
        needed.append(unit.with_suffix(".service").name)

    assert [] == [each for each in needed if not (ROOT / "systemd" / each).is_file()]


def directives(unit):
    """Return the directives of a unit, by name; lists of several lines are joined."""
    found = {}
    for line in unit.read_text().replace("\\\n", " ").splitlines():
        if line and line[0] not in "#[":
            name, _, value = line.partition("=")
            found[name] = f"{found[name]} {value}" if name in found else value
    return found


def test_main_unit():
    """What a book relies on: who pings, what never restarts, what is withdrawn, no core."""
    told = directives(ROOT / "systemd/rebalancer@.service")
    run = "/opt/rebalancer/current/bin/rebalancer"
    expected = {
        "Type": "notify",
        "NotifyAccess": "main",
        "WatchdogSec": "20",
        "WatchdogSignal": "SIGABRT",
        "Restart": "on-failure",
        "RestartPreventExitStatus": "64 65 77 78",
        "StartLimitBurst": "5",
        "KillMode": "mixed",
        "LimitCORE": "0",
        "PrivateUsers": "no",
        "ExecReload": "/bin/sh -c 'kill -HUP $MAINPID'",
        "ExecStart": f"{run} run /etc/rebalancer/%i.toml $RUN_OPTIONS",
        "ExecStopPost": f"{run} panic --if-unclean /etc/rebalancer/%i.toml",
        "StateDirectoryMode": "0700",
    }

    assert expected == {name: told[name] for name in expected}


def test_no_start_is_refused_in_silence():
    """A failed assertion is no failure of a unit: one that has OnFailure= has none."""
    watched = [each for each in SERVICES if "OnFailure" in directives(each)]

    assert ["rebalancer-backup@.service", "rebalancer@.service"] == [each.name for each in watched]
    assert [] == [
        (each.name, name) for each in watched for name in directives(each) if "Assert" in name
    ]


def test_starts_without_the_keys():
    """The folder whose loss ended the daemon keeps neither its alert nor the kill file back."""
    for name in (*ALERTS, "rebalancer-panic"):
        told = directives(ROOT / f"systemd/{name}@.service")
        loaded = told["LoadCredential"].partition(":")[0]

        assert f"{loaded}:none" == told["SetCredential"]


def test_an_alert_has_one_cause():
    """The system says what failed, and how, only where one unit alone can start an alert."""
    causes = {}
    for each in SERVICES:
        if "OnFailure" in (told := directives(each)):
            causes.setdefault(told["OnFailure"], []).append(each.name.replace("@", "@%i"))

    assert sorted(f"{name}@%i.service" for name in ALERTS) == sorted(causes)
    for name, units in causes.items():
        started = directives(ROOT / "systemd" / name.replace("@%i", "@"))["ExecStart"]
        assert [unit for unit in units if f" --unit {unit} " in started] == units
        assert 1 == len(units)


def test_alerts_are_alike():
    """Two units that alert differ in what they tell alone."""
    main, copies = (directives(ROOT / f"systemd/{name}@.service") for name in ALERTS)
    differing = {name for name in main.keys() | copies.keys() if main[name] != copies[name]}

    assert {"Description", "ExecStart"} == differing


@pytest.mark.parametrize("name", ALERTS)
def test_alert_is_tried_again(name):
    """Word of a failed unit is tried again whatever the configuration is, and not for ever."""
    told = directives(ROOT / f"systemd/{name}@.service")
    hours, minutes = told["StartLimitIntervalSec"], told["RestartSec"]
    longest = int(minutes.removesuffix("min")) * 60 + int(told["TimeoutStartSec"])

    assert "78" not in told["RestartPreventExitStatus"].split()
    assert "--state /var/lib/rebalancer/%i" in told["ExecStart"]
    assert int(told["StartLimitBurst"]) * longest < int(hours.removesuffix("h")) * 3_600
