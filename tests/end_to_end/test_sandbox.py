"""The sandbox of the unit: a daemon that trades does nothing that its unit would forbid."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.standing import daemon, fingerprint, venues

DESK = Path(__file__).parents[2] / "config" / "demo-deribit.toml"
UNIT = Path(__file__).parents[2] / "systemd" / "rebalancer@.service"
ROOTS_ALONE = {"fchown"}  # which SQLite asks for as root, and else not
HARMLESS = {"mbind"}  # linear algebra asks where memory lies; it lives with a no
# prctl(PR_SET_MDWE): memory that can be written is never run, here and in what is started from here
NO_FRESH_CODE = (
    "import ctypes, os, sys\n"
    "if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0): sys.exit(99)\n"
    "os.execv(sys.argv[1], sys.argv[1:])\n"
)
TRACED = (
    *("strace", "-D", "-f", "-qq", "-o", "TRACE"),  # the daemon stays our child
    *(f"--inject={name}:error=EPERM" for name in sorted(HARMLESS)),
)


def listed(group, seen):
    """Return the system calls of one of systemd's groups."""
    told = subprocess.run(
        ("systemd-analyze", "syscall-filter", group), capture_output=True, text=True, check=True
    )
    found = set()
    for line in (each.strip() for each in told.stdout.splitlines()[1:]):
        if line.startswith("@") and line not in seen:
            seen.add(line)
            found |= listed(line, seen)
        elif line and line[0] not in "#@":
            found.add(line)
    return found


def allowed():
    """Return the system calls that the filter of the unit lets pass."""
    found = set()
    for line in re.findall(r"^SystemCallFilter=(.+)$", UNIT.read_text(), re.MULTILINE):
        for group in line.removeprefix("~").split():
            own = listed(group, {group})
            found = found - own if line.startswith("~") else found | own
    return found


def traded(folder, before):
    """Run a daemon in live dress, started by a command, until it was filled; return its end."""
    with (
        venues(str(DESK), str(folder), "--wild") as played,
        daemon(played, "--confirm", fingerprint(played), before=before) as book,
    ):
        book.until("order.filled")
        return book.stop()


@pytest.mark.waits(90)
@pytest.mark.skipif(
    not (shutil.which("strace") and shutil.which("systemd-analyze")),
    reason="no strace, or no systemd-analyze (Debian: apt-get install strace systemd)",
)
def test_system_calls(tmp_path):
    """Every system call of a daemon that trades passes the filter of its unit."""
    trace = tmp_path / "trace"
    command = tuple(str(trace) if each == "TRACE" else each for each in TRACED)
    assert 0 == traded(tmp_path / "stand", command)
    made = {
        found[1]
        for line in trace.read_text(errors="replace").splitlines()
        if (found := re.match(r"\d+ +(?:<\.\.\. )?(\w+)[ (]", line))
    }
    spared = HARMLESS | (ROOTS_ALONE if os.geteuid() == 0 else set())

    assert {"bind", "connect", "fdatasync"} <= made
    assert set() == made - allowed() - spared


@pytest.mark.waits(60)
def test_no_fresh_code(tmp_path):
    """A daemon trades without ever running memory that could be written."""
    told = subprocess.run(
        (sys.executable, "-c", NO_FRESH_CODE, sys.executable, "-c", ""), check=False
    )
    if told.returncode == 99:
        pytest.skip("a kernel that cannot forbid it")

    assert 0 == traded(tmp_path / "stand", (sys.executable, "-c", NO_FRESH_CODE))
