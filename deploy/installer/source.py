"""The tree that a release is made from: a checkout, or an unpacked source archive."""

import hashlib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from deploy.installer.machine import Refused

# What the wheel is built with, and what those need; pinned in requirements-dev.lock.
BUILDERS = ("hatchling", "packaging", "pathspec", "pluggy", "tomlkit", "trove-classifiers")
LOCK, DEV_LOCK = "requirements.lock", "requirements-dev.lock"
# What a release is made of. The wheel has the code and no more; units, examples and this installer
# come from the tree, and a release keeps them all.
PARTS = (
    *("rebalancer", "config", "systemd", "deploy"),
    *("pyproject.toml", "README.md", "LICENSE", LOCK, DEV_LOCK),
)
UNITS = (".service", ".timer", ".path", ".socket", ".target", ".slice")


@dataclass(frozen=True, slots=True)
class Source:
    """A tree, and what it says of itself."""

    tree: Path
    version: str
    digest: str  # SHA-256, hex, of everything that a release is made of


def read(tree: Path) -> Source:
    """Return what a tree holds.

    Raises:
        Refused: It is not whole, with everything that it lacks.
    """
    missing = [name for name in PARTS if not (tree / name).exists()]
    if missing:
        raise Refused(
            f"{tree}: must be a checkout or a source archive of rebalancer, lacks "
            + ", ".join(missing)
        )
    project = tomllib.loads((tree / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return Source(tree, str(project["version"]), _digest(tree))


def files(tree: Path) -> tuple[Path, ...]:
    """Return every file that a release is made of, in order."""
    found: list[Path] = []
    for part in (tree / name for name in PARTS):
        found += [part] if part.is_file() else sorted(p for p in part.rglob("*") if p.is_file())
    return tuple(path for path in found if not _left_behind(path))


def units(folder: Path) -> tuple[Path, ...]:
    """Return the units in a folder, in order; none where there is no such folder."""
    if not folder.is_dir():
        return ()
    return tuple(sorted(path for path in folder.iterdir() if path.suffix in UNITS))


def builders(tree: Path) -> str:
    """Return the pins of what builds the wheel, with their hashes, as a requirements file.

    Raises:
        Refused: The lock lacks some.
    """
    text = (tree / DEV_LOCK).read_text(encoding="utf-8")
    entries = re.findall(r"^([a-z0-9-]+)(==.+\n(?:    --hash=.+\n)+)", text, re.MULTILINE)
    found = {name: name + rest for name, rest in entries}
    missing = [name for name in BUILDERS if name not in found]
    if missing:
        raise Refused(f"{tree / DEV_LOCK}: must pin {', '.join(missing)}")
    return "".join(found[name] for name in BUILDERS)


def _digest(tree: Path) -> str:
    total = hashlib.sha256()
    for path in files(tree):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.relative_to(tree)} {content}\n".encode())
    return total.hexdigest()


def _left_behind(path: Path) -> bool:
    """Tell whether a file is a tool's or somebody's own, and no part of what is published."""
    return "__pycache__" in path.parts or path.name.endswith(".local.toml")
