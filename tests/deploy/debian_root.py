"""A story in a Debian root made by debootstrap: `make deploy-test`, not `make test`.

Making the root takes a minute and is done once: it stays in .reports/. In it there is
no network; the packages come from a folder that pip fetched outside, and the address
that debootstrap asks is the one of this machine's apt. `SUITE=trixie` names another Debian.
"""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.deploy.trees import REPORTS, listing, plant, wheels

SUITE = os.environ.get("SUITE", "bookworm")
PACKAGES = "python3,python3-venv,systemd,ca-certificates"
OLD, NEW = "0.1.0", "0.2.0"
STATE = "/var/lib/rebalancer/paper-desk"
COPIES = "var/backups/rebalancer/paper-desk"
ENV = ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8")
# What useradd, userdel and a first run leave in any Debian; everything else must be as before.
TRACES = re.compile(
    r"etc/\.pwd\.lock|etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$|.*/__pycache__(/|$)|(src|run|tmp)(/|$)"
)

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.geteuid() != 0, reason="debootstrap needs root"),
    pytest.mark.skipif(shutil.which("debootstrap") is None, reason="debootstrap is not installed"),
]


def mirror():
    """Return where this machine's apt finds Debian."""
    form = "$(CREATED_BY) $(COMPONENT) $(REPO_URI)"
    listed = subprocess.check_output(["apt-get", "indextargets", "--format", form], text=True)
    found = [line.split()[2] for line in listed.splitlines() if line.startswith("Packages main ")]
    assert found, "apt must know where Debian is"
    return found[0]


def base():
    """Return a bare root, made when it is not there."""
    tag = hashlib.sha256(PACKAGES.encode()).hexdigest()[:8]
    kept = REPORTS / f"debian-{SUITE}-{tag}"
    if not kept.is_dir():
        part = kept.with_name(f"{kept.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        part.parent.mkdir(exist_ok=True)
        words = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE]
        done = subprocess.run([*words, part, mirror()], check=False, capture_output=True, text=True)
        assert 0 == done.returncode, done.stdout[-2000:]
        shutil.rmtree(part / "var/cache/apt/archives")
        part.rename(kept)
    return kept


class Debian:
    """A root of one's own, with what is run in it kept from everything else."""

    def __init__(self, path):
        self.path = path

    def begin(self, *words):
        """Start a command in the root: no network, no processes but its own."""
        apart = ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child"]
        apart += [f"--mount-proc={self.path}/proc", "chroot", self.path, "env", "-i", *ENV]
        return subprocess.Popen(
            [*apart, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, *words, code=0):
        """Run a command to its end; return its output."""
        ran = self.begin(*words)
        out, err = ran.communicate()
        assert code == ran.returncode, f"{' '.join(words)}\n{out}\n{err}"
        return out + err

    def user(self, command, *more, code=0):
        """Run a command as the user that books run as; return its output."""
        return self.run("runuser", "-u", "rebalancer", "--", *command.split(), *more, code=code)

    def install(self, verb, *words, tree=OLD, code=0):
        """Run the installer of a tree."""
        packages = ("--wheels", "/src/wheels") if verb in ("install", "upgrade") else ()
        return self.run(f"/src/{tree}/deploy/install", verb, *packages, *words, code=code)

    def listing(self):
        """Return everything that is there, but for what any use of a Debian leaves."""
        return {name: told for name, told in listing(self.path).items() if not TRACES.match(name)}


@pytest.fixture(scope="module")
def debian(tmp_path_factory):
    """Return a bare Debian with two source trees and a folder of packages in it."""
    made = Debian(tmp_path_factory.mktemp("debian") / "root")
    subprocess.run(["cp", "-a", base(), made.path], check=True)
    for version in (OLD, NEW):
        plant(made.path / "src" / version, version)
    python = "/usr/bin/python3" if SUITE == "bookworm" else sys.executable
    subprocess.run(["cp", "-r", wheels(python), made.path / "src/wheels"], check=True)
    made.before = made.listing()
    yield made
    shutil.rmtree(made.path)


def test_ended_in_the_middle(debian):
    """Installing that is killed in the middle has installed nothing."""
    ran = debian.begin(f"/src/{OLD}/deploy/install", "install", "--wheels", "/src/wheels")
    while not (debian.path / f"opt/rebalancer/releases/{OLD}/lib").is_dir():
        assert None is ran.poll()
        time.sleep(0.05)
    time.sleep(3.0)
    ran.send_signal(signal.SIGKILL)
    ran.communicate()

    assert "nothing is installed" in debian.install("status", code=1)


def test_install(debian):
    """Run again, it installs; the command is there for every user, and nothing that installs is."""
    told = debian.install("install")
    site = next((debian.path / f"opt/rebalancer/releases/{OLD}/lib").glob("python3*/site-packages"))

    assert f"{OLD} is installed" in told
    assert f"rebalancer {OLD}" in debian.run(
        "runuser", "-u", "nobody", "--", "rebalancer", "--version"
    )
    assert [] == [path.name for path in site.glob("*.pth")]
    assert [] == [name for name in ("pip", "setuptools", "hatchling") if (site / name).exists()]
    assert "rebalancer" in debian.run("id", "-Gn", "rebalancer")


def test_install_twice(debian):
    """Run once more, it changes nothing."""
    before = debian.listing()
    told = debian.install("install")

    assert "nothing had to be changed" in told
    assert before == debian.listing()


def test_demo(debian):
    """The user that books run as can run the demo."""
    told = debian.user("rebalancer demo --for 2m --speed 0")

    assert re.search(r"^events \d+ hedges \d+ refusals \d+ digest [0-9a-f]{64}$", told, re.M)


@pytest.mark.parametrize("name", ["paper.toml", "paper-live.toml", "live.example.toml"])
def test_shipped_configuration(debian, name):
    """What a release ships passes its own check."""
    config = f"/opt/rebalancer/current/source/config/{name}"

    assert "no faults" in debian.run("rebalancer", "check", config)


def test_book(debian):
    """A configuration becomes a book that its user can read and nobody else."""
    debian.install("book", "/opt/rebalancer/current/source/config/paper.toml")
    shown = debian.run("stat", "-c", "%U:%G %a", "/etc/rebalancer/paper-desk.toml")

    assert "root:rebalancer 640" == shown.strip()
    debian.run("runuser", "-u", "nobody", "--", "cat", "/etc/rebalancer/paper-desk.toml", code=1)


def test_units(debian):
    """Systemd of this Debian finds nothing to say about the units that were written."""
    units = sorted(path.name for path in (debian.path / "usr/local/lib/systemd/system").iterdir())
    names = [unit.replace("@.", "@paper-desk.") for unit in units]

    assert names
    assert "" == debian.run("systemd-analyze", "verify", "--man=no", *names)


def test_daemon(debian):
    """A book runs as its user, and leaves a journal."""
    debian.run("install", "-d", "-o", "rebalancer", "-m", "0700", STATE)
    debian.user(f"rebalancer run /etc/rebalancer/paper-desk.toml --for 5s --state {STATE}")

    assert "paper-desk  paper  -  schema" in debian.install("status")


def test_upgrade_refused(debian):
    """A configuration that the new code refuses stops the upgrade before anything is touched."""
    book = debian.path / "etc/rebalancer/other.toml"
    book.write_text('[book]\nid = "other"\ncolour = "red"\n')
    told = debian.install("upgrade", tree=NEW, code=78)
    book.unlink()

    assert "other: book.colour: unknown key" in told
    assert f"rebalancer {OLD}" in debian.run("rebalancer", "--version")


def test_upgrade(debian):
    """The new release is current, the journal was copied before, and its copy is sound."""
    debian.install("upgrade", tree=NEW)
    (copy,) = (debian.path / COPIES).iterdir()

    assert f"rebalancer {NEW}" in debian.run("rebalancer", "--version")
    assert 0o600 == copy.stat().st_mode & 0o777
    assert "sound" in debian.run("rebalancer", "journal", "check", f"/{COPIES}/{copy.name}")
    assert "nothing had to be changed" in debian.install("upgrade", tree=NEW)


def test_rollback_behind_a_migration(debian):
    """A journal of newer tables is not given to the old release."""

    def version(number):
        change = f"connect('{STATE}/journal.sqlite').execute('PRAGMA user_version = {number}')"
        debian.user("python3 -c", f"from sqlite3 import connect; {change}")

    version(99)
    told = debian.install("rollback", tree=NEW, code=65)
    version(2)

    assert "journal restore" in told
    assert f"rebalancer {NEW}" in debian.run("rebalancer", "--version")


def test_rollback(debian):
    """The installer that the release brought goes back; its journal is readable."""
    debian.run("rebalancer-install", "rollback")

    assert f"rebalancer {OLD}" in debian.run("rebalancer", "--version")
    assert "sound" in debian.user(f"rebalancer journal check --state {STATE}")
    assert "current   0.1.0" in debian.install("status")


def test_restore(debian):
    """The copy from before a switch is put back, as the book's user; the book is halted."""
    copy = min((debian.path / COPIES).iterdir())
    debian.run(*f"install -o rebalancer -m 0600 /{COPIES}/{copy.name} /tmp/copy".split())
    told = debian.user(f"rebalancer journal restore /tmp/copy --force --state {STATE}")
    (debian.path / "tmp/copy").unlink()

    assert "halted" in told


def test_uninstall(debian):
    """The program goes; what belongs to books stays, and is named."""
    told = debian.run("rebalancer-install", "uninstall")

    assert "kept: /etc/rebalancer" in told
    assert not (debian.path / "opt/rebalancer").exists()
    assert (debian.path / STATE[1:] / "journal.sqlite").is_file()


def test_purge(debian):
    """Told to, everything goes: the machine is as it was before."""
    debian.install("uninstall", "--purge", tree=NEW)
    after = debian.listing()
    changed = sorted(
        name
        for name in debian.before.keys() | after.keys()
        if debian.before.get(name) != after.get(name)
    )

    assert [] == changed
    debian.run("id", "rebalancer", code=1)
