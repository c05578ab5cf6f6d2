"""Source trees of the version that a test wants, and a folder with every package they take."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from deploy.installer import source
from tests.architecture.tree import ROOT

REPORTS = ROOT / ".reports"
PYTHON = os.path.realpath(sys._base_executable)  # the one that made our environment
# Half of what a release weighs; the whole of it is installed by `make deploy-test`.
OF_EXTRAS = ("apprise", "narwhals", "plotly", "psycopg", "psycopg-binary", "pyarrow")


def plant(to, version, *, thin=False):
    """Write this tree to a folder, as another version of it; a thin one locks no extra."""
    for path in source.files(ROOT):
        target = to / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    project, package = to / "pyproject.toml", to / "rebalancer/__init__.py"
    for path, name in ((project, "version"), (package, "__version__")):
        text = path.read_text()
        path.write_text(re.sub(rf'^{name} = ".+"$', f'{name} = "{version}"', text, flags=re.M))
    if thin:
        lock = to / source.LOCK
        entries = re.split(r"^(?=[a-z])", lock.read_text(), flags=re.M)
        lock.write_text("".join(e for e in entries if e.partition("==")[0] not in OF_EXTRAS))
    return to


def run(tree, *words, env=None):
    """Run the installer of a tree with the interpreter that runs the tests."""
    return subprocess.run(
        [tree / "deploy/install", *words],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHON": PYTHON, **(env or {})},
    )


def wheels(python=None):
    """Return a folder with every package, fetched once for these locks and this interpreter.

    Fetched by pip as it is configured here, so that no address stands in a test.
    """
    python = python or PYTHON
    locks = (ROOT / source.LOCK).read_bytes() + source.builders(ROOT).encode()
    tag = subprocess.check_output([python, "-V"], text=True).split()[1].rpartition(".")[0]
    kept = REPORTS / f"wheels-{tag}-{hashlib.sha256(locks).hexdigest()[:12]}"
    if not kept.is_dir():
        part = kept.with_name(f"{kept.name}.{os.getpid()}.part")
        part.mkdir(parents=True)
        done = run(ROOT, "wheels", str(part), env={"PYTHON": python})
        assert (0, "") == (done.returncode, done.stderr if done.returncode else "")
        try:
            part.rename(kept)
        except OSError:  # another worker was first
            shutil.rmtree(part)
    return kept


def listing(root: Path):
    """Return every path below a root, with what would tell that it was touched."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            told = path.lstat()
            link = path.readlink() if path.is_symlink() else None
            changed = None if path.is_dir() else told.st_mtime_ns
            found[str(path.relative_to(root))] = (
                told.st_mode,
                told.st_uid,
                told.st_gid,
                changed,
                link,
            )
    return found
