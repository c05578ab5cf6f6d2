"""The machine: every change to it is made here, one at a time, and said when it is made.

What is already as it should be is left alone and not said. A file or a link
takes the place of an earlier one in one step: whoever looks sees the old one
or the new one. A dry run says the same and changes nothing.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rebalancer.errors import ConfigError, PermissionRefused, RebalancerError, Unavailable

GROUP = "rebalancer"  # of the user that books run as
PATIENCE = 900.0  # s that a command may take: a release's packages over a slow line


class Refused(RebalancerError):
    """The machine, or what is configured on it, is not as it must be; nothing was changed."""

    exit_code = ConfigError.exit_code


class Failed(RebalancerError):
    """A command that had to succeed did not."""

    exit_code = Unavailable.exit_code


class Overdue(Failed):
    """A command did not end in time; what it asked for may still go on."""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a command."""

    code: int
    out: str  # standard output
    err: str  # standard error


class Machine:
    """Changes what lies below a root.

    Args:
        root: `/`, or the folder that stands for it.
        dry: Whether changes are said and not made.
    """

    def __init__(self, root: Path, *, dry: bool = False) -> None:
        self.root = root
        self.dry = dry
        self.changes = 0

    @property
    def real(self) -> bool:
        """Whether the root is this machine's own."""
        return self.root == Path("/")

    def say(self, text: str) -> None:
        """Tell whoever runs the installer."""
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    def begin(self, what: str) -> bool:
        """Count and say a change; return whether it is to be made."""
        self.changes += 1
        self.say(f"would: {what}" if self.dry else what)
        return not self.dry

    # ------------------------------------------------------------------ files

    def folder(self, path: Path, mode: int = 0o755, group: str = "root") -> None:
        """Make a folder, and what it lies in, or give the one that is there its mode and owner."""
        if not path.parent.is_dir():
            self.folder(path.parent)
        if path.is_dir():
            self._own(path, mode, group)
        elif self.begin(f"make {path}/"):
            path.mkdir(mode=0o700)
            self._own(path, mode, group, quiet=True)
            settle(path.parent)

    def file(self, path: Path, content: bytes, mode: int = 0o644, group: str = "root") -> None:
        """Write a file whole, unless it is so already."""
        if path.is_file() and path.read_bytes() == content:
            self._own(path, mode, group)
            return
        if not self.begin(f"write {path}"):
            return
        part = path.with_name(f".{path.name}.part")
        part.unlink(missing_ok=True)
        part.touch(0o600)
        part.write_bytes(content)
        settle(part)
        self._own(part, mode, group, quiet=True)
        part.replace(path)
        settle(path.parent)

    def link(self, path: Path, target: str) -> None:
        """Let a link lead to `target`, in one step, unless it does."""
        if path.is_symlink() and str(path.readlink()) == target:
            return
        if path.exists() and not path.is_symlink():
            raise Refused(f"{path}: must be a link or absent, was a file of somebody else's")
        if self.begin(f"link {path} to {target}"):
            part = path.with_name(f".{path.name}.part")
            part.unlink(missing_ok=True)
            part.symlink_to(target)
            part.replace(path)
            settle(path.parent)

    def remove(self, path: Path) -> None:
        """Take a file, a link or a whole folder away, if it is there."""
        if not path.is_symlink() and not path.exists():
            return
        folder = path.is_dir() and not path.is_symlink()
        if not self.begin(f"remove {path}{'/' if folder else ''}"):
            return
        if folder:
            shutil.rmtree(path)
        else:
            path.unlink()
        settle(path.parent)

    def _own(self, path: Path, mode: int, group: str, *, quiet: bool = False) -> None:
        """Give a path its mode, and root and a group as its owner; only root can do the latter."""
        found = path.stat()
        owner = (found.st_uid, found.st_gid)
        gid = self.group(group)
        if os.geteuid() == 0 and gid is not None:
            owner = (0, gid)
        modes = (found.st_mode & 0o7777, mode)
        if modes[0] == mode and owner == (found.st_uid, found.st_gid):
            return
        if quiet or self.begin(f"protect {path}: {mode:04o} root:{group}"):
            os.chown(path, *owner)
            path.chmod(mode)

    def group(self, name: str) -> int | None:
        """Return the number of a group below the root; None where it has none."""
        if name == "root":
            return 0
        groups = self.root / "etc/group"
        lines = groups.read_text(encoding="utf-8").splitlines() if groups.is_file() else []
        return next((int(f[2]) for f in (line.split(":") for line in lines) if f[0] == name), None)

    # --------------------------------------------------------------- commands

    def ask(
        self,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        timeout: float = PATIENCE,
    ) -> Done:
        """Run a command that changes nothing of the machine; return what became of it.

        Raises:
            Overdue: It does not end.
            Failed: It does not exist.
        """
        words = [str(word) for word in argv]
        try:
            done = subprocess.run(
                words,
                check=False,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                env=None if env is None else dict(env),
                stdin=subprocess.DEVNULL,
                timeout=timeout,
            )
        except subprocess.TimeoutExpired as e:
            raise Overdue(f"{words[0]}: must end within {timeout:.0f} s") from e
        except OSError as e:
            raise Failed(f"{words[0]}: must be a program that runs: {e.strerror}") from e
        return Done(done.returncode, done.stdout, done.stderr)

    def call(
        self,
        argv: Sequence[str | Path],
        what: str,
        *,
        env: Mapping[str, str] | None = None,
        timeout: float = PATIENCE,
    ) -> Done:
        """Run a command that changes something, said as `what`; it must succeed.

        Raises:
            Failed: It did not; with the end of what it said.
        """
        if not self.begin(what):
            return Done(0, "", "")
        done = self.ask(argv, env=env, timeout=timeout)
        if done.code:
            said = "\n".join(f"  {line}" for line in (done.err or done.out).splitlines()[-12:])
            raise Failed(f"{what}: must succeed, ended with {done.code}\n{said}")
        return done


def settle(path: Path) -> None:
    """Return once a file, or the names in a folder, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def must_be_root() -> None:
    """Refuse whoever may not change this machine.

    Raises:
        PermissionRefused: The user is another one.
    """
    if os.geteuid() != 0:
        raise PermissionRefused(f"install: must be run by root, was user {os.geteuid()}")
