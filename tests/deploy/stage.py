"""A machine to install on: real files below a folder; releases, systemd and books are played.

A played release is a folder with its mark. What it says of a configuration stands in
the configuration: `refused by VERSION`, and `means VERSION: OTHER` for another
fingerprint. A book comes up on a release unless its configuration says `dies on VERSION`,
or `hangs on VERSION`: then it begins and is never ready. One that trades does not come up
either unless its fingerprint is confirmed, in its .env or by what its journal keeps.
"""

import json
import re
import sqlite3
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from deploy.installer import machine as real
from deploy.installer import release
from deploy.installer.layout import Layout
from deploy.installer.machine import Done, Machine, Overdue
from deploy.installer.release import Release
from deploy.installer.site import Site
from deploy.installer.source import Source
from deploy.installer.systemd import Services

UNIT = "[Service]\nExecStart=/usr/local/bin/rebalancer run {}\n"


class Killed(BaseException):
    """The installer was ended here, by a signal that nothing can catch."""


@dataclass
class Played:
    """What the machine is besides its files; it outlives an installer that was killed."""

    books: dict[str, str] = field(default_factory=dict)  # running book → its release
    beginning: list[str] = field(default_factory=list)  # of them, those that are not ready yet
    failed: list[str] = field(default_factory=list)  # tried, and down
    restarts: list[tuple[str, str]] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)  # active units that are no book's
    reloads: int = 0
    systemd: str | None = "systemd 252 (252.39-1~deb12u2)"  # what it says of itself; None: absent
    told: list[str] = field(default_factory=list)  # what installers said
    with_timer: str | None = None  # version that brings a timer besides
    migrates: dict[str, int] = field(default_factory=dict)  # version → schema that it brings


class Stage(Machine):
    """Plays programs; `kill_at` ends the installer at the nth point where it could be ended."""

    def __init__(self, root, played, *, dry=False, kill_at=None):
        super().__init__(root, dry=dry)
        self.played = played
        self.points = 0
        self._kill_at = kill_at

    def point(self):
        self.points += 1
        if self.points == self._kill_at:
            raise Killed

    def say(self, text):
        self.played.told.append(text)

    def begin(self, what):
        made = super().begin(what)
        if made:
            self.point()
        return made

    def ask(self, argv, *, env=None, timeout=0.0):
        program, *words = [str(word) for word in argv]
        if program.endswith("bin/python"):
            return self._release(Path(program).parents[1], words[3:] if "-c" in words else words)
        assert "systemctl" == program, program
        if "--version" in words:
            return Done(0, f"{self.played.systemd}\n+PAM +AUDIT\n", "")
        return self._systemctl([word for word in words if not word.startswith("--")])

    def _release(self, path, words):
        this = release.find(path)
        if words[:1] == ["check"]:
            text = Path(words[1]).read_text()
            refused = f"refused by {this.version}" in text
            faults = [{"path": "band.kind", "must": "must be newer", "was": "old"}] * refused
            told = {"fingerprint": meant(text, this.version), "faults": faults}
            return Done(78 * refused, json.dumps(told), "")
        if words[:2] == ["journal", "backup"]:
            Path(words[2]).write_bytes((Path(words[4]) / "journal.sqlite").read_bytes())
        return Done(0, "", "")

    def _systemctl(self, words):
        verb, *rest = words
        played, layout = self.played, Layout(self.root)
        name = rest[-1].removeprefix("rebalancer@").removesuffix(".service") if rest else ""
        if verb == "list-units":
            if "rebalancer-*" in rest:
                return Done(0, "\n".join(f"{unit} loaded active" for unit in played.beside), "")
            lines = [f"rebalancer@{book}.service loaded active running" for book in played.books]
            return Done(0, "\n".join(lines), "")
        if verb == "show":
            state = "activating" if name in played.beginning else "active"
            state = state if name in played.books else "failed"
            return Done(0, f"ActiveState={state}\nMainPID=0\nNRestarts=0\n", "")
        if verb == "daemon-reload":
            played.reloads += 1
        if verb == "stop":
            played.books.pop(name, None)
            played.beside = [unit for unit in played.beside if unit != rest[-1]]
        if verb == "disable":
            for wanted in layout.overrides.glob(f"*.wants/*{rest[-1]}"):
                wanted.unlink()
        if verb == "restart":
            return self._restart(name, release.find(layout.current), layout)
        return Done(0, "", "")

    def _restart(self, name, on, layout):
        self.played.books.pop(name, None)
        self.point()  # it is down just now
        self.played.restarts.append((name, on.name))
        schema = self.played.migrates.get(on.version)
        if schema is not None:
            write_journal(layout, name, schema)
        text = (layout.config / f"{name}.toml").read_text()
        dies = f"dies on {on.version}" in text or not confirmed(layout, name, on.version)
        hangs = f"hangs on {on.version}" in text
        self.played.beginning = [name] * hangs
        if dies:
            self.played.failed.append(name)
        else:
            self.played.books[name] = on.name
        self.point()
        if hangs:
            raise Overdue("systemctl: must end within 300 s")
        return Done(int(dies), "", "")


class StageServices(Services):
    """A service manager that is there."""

    @property
    def there(self):
        return True

    @property
    def installed(self):
        return self._machine.played.systemd is not None

    def runs(self, book):
        return self._machine.played.books.get(book)


class StageMaker:
    """Makes releases of a mark, a unit and nothing else."""

    def __init__(self, machine, layout):
        self._machine = machine
        self._layout = layout

    def make(self, tree):
        path = self._layout.releases / release.named(self._layout, tree)
        if release.find(path) is not None:
            return release.find(path)
        if not self._machine.begin(f"make release {path.name}"):
            return None
        (path / release.SOURCE / "systemd").mkdir(parents=True, exist_ok=True)
        self._machine.point()
        schema = self._machine.played.migrates.get(tree.version, 2)
        made = Release(path, path.name, tree.version, tree.digest, "3.11.2", schema)
        unit = path / release.SOURCE / "systemd/rebalancer@.service"
        unit.write_text(UNIT.format(tree.version))
        if tree.version == self._machine.played.with_timer:
            unit.with_name("rebalancer-old.timer").write_text("[Timer]\n")
        facts = {key: told for key, told in asdict(made).items() if key not in ("path", "name")}
        (path / release.MARK).write_text(json.dumps(facts))
        return made


def tree(version, digest=None):
    """Return what a release is made from."""
    return Source(Path("/nowhere"), version, digest or version.replace(".", "") * 20)


def open_site(root, played, *, dry=False, kill_at=None):
    """Return a site on a played machine."""
    machine, layout = Stage(root, played, dry=dry, kill_at=kill_at), Layout(root)
    services = StageServices(machine, layout, settles=0.0)
    return Site(machine, layout, services, StageMaker(machine, layout))


def with_book(root, name, text="", mode="paper"):
    """Write a book's configuration."""
    config = Layout(root).config / f"{name}.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(f'# {text}\n[book]\nid = "{name}"\nmode = "{mode}"\n')
    return config


def meant(text, version):
    """Return the fingerprint that a release gives a configuration."""
    found = re.search(rf"means {version}: (\w+)", text)
    return found[1] if found else "as-before"


def confirmed(layout, name, version):
    """Tell whether a book may begin: it is on paper, or its fingerprint is the confirmed one."""
    text, env = ((layout.config / f"{name}.{kind}") for kind in ("toml", "env"))
    mode, words = re.search(r'mode = "(\w+)"', text.read_text())[1], ""
    if mode == "paper":
        return True
    if env.is_file():
        words = env.read_text()
    options = re.findall(r"^RUN_OPTIONS=((?:.*\\\n)*.*)", words, re.M)[-1:]
    asked = re.search(r"--confirm[ =]([\w-]+)", "".join(options))
    with closing(sqlite3.connect(layout.journal(name))) as connection:
        kept = connection.execute("SELECT value FROM meta WHERE key = 'live'").fetchone()
    known = asked[1] if asked else kept and kept[0]
    return known == meant(text.read_text(), version)


def write_journal(layout, name, schema, confirmed=None):
    """Write a journal of some version; that of a book that trades keeps what was confirmed."""
    path = layout.journal(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous = 0")  # these machines lose no power
        connection.execute(f"PRAGMA user_version = {schema}")
        connection.execute("CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT)")
        if confirmed is not None:
            connection.execute("REPLACE INTO meta VALUES ('live', ?)", (confirmed,))
        connection.commit()


def kill_points(monkeypatch, site):
    """Let the installer be killable also where it waits for the disk."""
    monkeypatch.setattr(real, "settle", lambda path: site.machine.point())


def snapshot(root):
    """Return every path below a root with its mode and what it is; copies of journals left out."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if name.endswith("/.lock") or "var/backups/rebalancer/" in name:
            continue
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        else:
            mode = f"{path.stat().st_mode & 0o7777:o}"
            found[name] = mode if path.is_dir() else f"{mode} {path.read_bytes()!r}"
    return found


def copy(played):
    """Return the same machine once more."""
    return replace(
        played,
        books=dict(played.books),
        beside=list(played.beside),
        beginning=list(played.beginning),
        failed=list(played.failed),
        restarts=list(played.restarts),
        told=[],
    )
