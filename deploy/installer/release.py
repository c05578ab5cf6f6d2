"""A release: an environment of its own, made once and never changed.

It is made where it stays, because an environment cannot be moved. Its last file,
`release.json`, makes it count: without it the folder is what an interrupted
installer left, and goes before the next try. When it is whole nothing is left in
it that could install anything: no pip, no setuptools, no builder.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from deploy.installer import source
from deploy.installer.layout import Layout
from deploy.installer.machine import Done, Failed, Machine, Refused, settle
from deploy.installer.source import Source
from rebalancer.errors import DataError

MARK = "release.json"
SOURCE = "source"  # the tree that it was made from, in it: its units, its examples, its installer
ROOM = 1_500  # MiB that making one takes at most
_MAIN = "import sys; from rebalancer.cli import main; sys.argv[0] = 'rebalancer'; main()"
_SCHEMA = "from rebalancer.storage.schema import VERSION; print(VERSION)"
_QUIET = {
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_INPUT": "1",
    "PIP_ROOT_USER_ACTION": "ignore",
    "PIP_NO_CACHE_DIR": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "LC_ALL": "C.UTF-8",
}


@dataclass(frozen=True, slots=True)
class Release:
    """One that is whole."""

    path: Path
    name: str  # of its folder
    version: str
    digest: str  # of the tree that it was made from
    python: str  # with which it runs, 3.11.2
    schema: int  # of journals: the newest that it reads, and what it brings older ones to

    @property
    def units(self) -> tuple[Path, ...]:
        """Its units, in order."""
        return source.units(self.path / SOURCE / "systemd")

    def sound(self, machine: Machine) -> bool:
        """Tell whether its interpreter is still there: a newer Debian takes the old one away."""
        try:
            return machine.ask([self.path / "bin/python", "-I", "-c", "import numpy"]).code == 0
        except Failed:
            return False

    def command(self, machine: Machine, *arguments: str | Path) -> Done:
        """Run `rebalancer` of this release, whichever is current; it must not change the machine.

        Raises:
            Failed: It does not run.
        """
        argv = [self.path / "bin/python", "-I", "-c", _MAIN, *arguments]
        return machine.ask(argv, env=clean())


def clean() -> dict[str, str]:
    """Return the environment without what would lead another Python astray."""
    return {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}


def find(path: Path) -> Release | None:
    """Return the release in a folder, or that a link leads to; None where there is no whole one.

    Raises:
        DataError: What says so cannot be read.
    """
    try:
        path = path.resolve(strict=True)
        told = json.loads((path / MARK).read_text(encoding="utf-8"))
        return Release(path, path.name, **told)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as e:
        raise DataError(f"{path / MARK}: must be what an installer wrote: {e}") from e


def installed(layout: Layout) -> tuple[Release, ...]:
    """Return every release that is whole, by name."""
    if not layout.releases.is_dir():
        return ()
    found = (find(path) for path in sorted(layout.releases.iterdir()))
    return tuple(release for release in found if release is not None)


def named(layout: Layout, tree: Source) -> str:
    """Return the name for what a tree makes: its version, unless another tree has that already."""
    there = find(layout.releases / tree.version)
    if there is None or there.digest == tree.digest:
        return tree.version
    return f"{tree.version}-{tree.digest[:8]}"


class Maker:
    """Makes releases.

    Args:
        machine: Where.
        layout: Its places.
        wheels: Folder to take every package from; None asks pip's configured index.
    """

    def __init__(self, machine: Machine, layout: Layout, wheels: Path | None = None) -> None:
        self._machine = machine
        self._layout = layout
        self._wheels = wheels

    def make(self, tree: Source) -> Release | None:
        """Return the release of a tree, made unless it is there; None in a dry run that lacks it.

        Raises:
            Refused: Python lacks what it takes.
            Failed: A step did not succeed; what was begun does not count, and goes next time.
        """
        path = self._layout.releases / named(self._layout, tree)
        there = find(path)
        if there is not None and there.sound(self._machine):
            return there
        if there is not None:
            self._machine.say(f"{path}: its Python is gone ({there.python}); made anew")
        _must_make_environments()
        self._must_have_room()
        if not self._machine.begin(f"make release {path.name} (some 700 MB, a minute or two)"):
            return None
        if path.exists():
            (path / MARK).unlink(missing_ok=True)
            settle(path)
            shutil.rmtree(path)
        self._build(path, tree)
        return find(path)

    def fetch(self, tree: Source, folder: Path) -> None:
        """Put every package that a release takes into a folder, for a machine without a network.

        Raises:
            Failed: The index did not give one of them.
        """
        self._machine.folder(folder)
        lists = folder / ".builders.txt"
        self._machine.file(lists, source.builders(tree.tree).encode())
        for requirements in (lists, tree.tree / source.LOCK):
            argv = ["-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
            argv += ["--only-binary", ":all:", "--dest", str(folder), "-r", str(requirements)]
            what = f"fetch {'what builds' if requirements == lists else 'packages'} into {folder}"
            self._machine.call([sys.executable, *argv], what, env=self._pip())
        self._machine.remove(lists)

    def _build(self, path: Path, tree: Source) -> None:
        python: str | Path = path / "bin/python"
        build = path / ".build"
        self._step([sys.executable, "-I", "-m", "venv", path], "an environment")
        shutil.copytree(tree.tree, path / SOURCE, ignore=_only(tree), symlinks=False)
        build.mkdir()
        (build / "builders.txt").write_text(source.builders(tree.tree), encoding="utf-8")
        pip: list[str | Path] = [python, "-m", "pip"]
        offline: list[str | Path] = (
            [] if self._wheels is None else ["--no-index", "--find-links", self._wheels]
        )
        pinned = ["--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
        install: list[str | Path] = [*pip, "install", "--no-compile", *offline]
        builders, lock = build / "builders.txt", tree.tree / source.LOCK
        tools = {"PYTHONPATH": str(build / "tools")}
        wheel: list[str | Path] = [
            *pip,
            "wheel",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "--no-index",
        ]
        self._step([*install, *pinned, "--target", build / "tools", "-r", builders], "what builds")
        self._step([*wheel, "--wheel-dir", build, path / SOURCE], "its wheel", tools)
        self._step([*install, *pinned, "-r", lock], "packages")
        (made,) = build.glob("rebalancer-*.whl")
        self._step([*pip, "install", "--quiet", "--no-deps", "--no-index", made], "the wheel")
        self._step([*pip, "check"], "whole")
        self._step([*pip, "uninstall", "--quiet", "--yes", "setuptools", "wheel", "pip"], "order")
        shutil.rmtree(build)
        if os.environ.get("PIP_NO_COMPILE", "0") in ("", "0"):  # else each start compiles anew
            argv = [python, "-I", "-m", "compileall", "-q", "-q", "-j", "0", path / "lib"]
            self._machine.ask(argv, env=clean())  # what some packages ship does not compile
        self._settle_paths(path)
        self._finish(path, tree)

    def _finish(self, path: Path, tree: Source) -> None:
        """Ask the release what it is; write its mark when all of it is on disk."""
        told = self._step([path / "bin/python", "-I", "-c", _SCHEMA], "its schema").out
        python = ".".join(map(str, sys.version_info[:3]))
        release = Release(path, path.name, tree.version, tree.digest, python, int(told))
        said = release.command(self._machine, "--version")
        if said.code or said.out.split() != ["rebalancer", tree.version]:
            must = f"must say that it is rebalancer {tree.version}"
            raise Failed(f"{path}: {must}, said {said.out or said.err}")
        facts = {k: v for k, v in asdict(release).items() if k not in ("path", "name")}
        os.sync()
        part = path / f"{MARK}.part"
        part.write_text(f"{json.dumps(facts, indent=2)}\n", encoding="utf-8")
        os.sync()
        part.replace(path / MARK)
        settle(path)

    def _step(
        self, argv: Sequence[str | Path], what: str, more: Mapping[str, str] | None = None
    ) -> Done:
        """Run one step of making a release; it must succeed."""
        done = self._machine.ask(argv, env={**self._pip(), **(more or {})})
        if done.code:
            said = "\n".join(f"  {line}" for line in (done.err or done.out).splitlines()[-12:])
            raise Failed(f"making a release ({what}): must succeed, ended with {done.code}\n{said}")
        return done

    def _pip(self) -> dict[str, str]:
        """Return pip's environment; with a folder of wheels nothing else is looked at."""
        env = {**clean(), **_QUIET}
        if self._wheels is not None:
            env = {name: text for name, text in env.items() if not name.startswith("PIP_")}
            env |= {**_QUIET, "PIP_CONFIG_FILE": os.devnull}
        return env

    def _settle_paths(self, path: Path) -> None:
        """Let what was made below a root name the paths that it has when that is the machine."""
        if self._machine.real:
            return
        before, after = f"{self._layout.root}/opt/".encode(), b"/opt/"
        for file in (*(path / "bin").iterdir(), path / "pyvenv.cfg"):
            if not file.is_symlink() and before in (text := file.read_bytes()):
                file.write_bytes(text.replace(before, after))

    def _must_have_room(self) -> None:
        place = self._layout.releases
        while not place.exists():
            place = place.parent
        free = shutil.disk_usage(place).free // 1024**2
        if free < ROOM:
            raise Failed(f"{place}: must have {ROOM} MiB free for a release, was {free} MiB")


def _only(tree: Source) -> Callable[[str, list[str]], list[str]]:
    """Return what lets `copytree` take what a release is made of and nothing else."""
    wanted = {tree.tree, *source.files(tree.tree)}
    wanted |= {parent for path in tuple(wanted) for parent in path.parents}

    def ignore(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if Path(folder) / name not in wanted]

    return ignore


def _must_make_environments() -> None:
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError as e:
        package = f"python3.{sys.version_info.minor}-venv"
        raise Refused(f"Python must have its venv module: apt-get install {package}") from e
