"""Credentials: from the name in the settings to a text that nothing shows.

It lies in a systemd credential (`$CREDENTIALS_DIRECTORY/keys_NAME`, as systemd calls
a file of the folder that our unit loads as `keys`, or `NAME`), or in a file
that only its owner can read: NAME below `$REBALANCER_CREDENTIALS`, else below
`~/.config/rebalancer/credentials`. A command by hand finds it last where the unit
takes it from: `/etc/rebalancer/credentials/BOOK`, for `/etc/rebalancer/BOOK.toml`.
What stands in it is its reader's business:
fields as JSON, or one after another on lines of their own.
"""

import binascii
import json
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rebalancer.errors import ConfigError, Fault, PermissionRefused

SYSTEMD = "CREDENTIALS_DIRECTORY"
FOLDER = "REBALANCER_CREDENTIALS"
HOME = Path(".config/rebalancer/credentials")
INSTALLED = Path("/etc/rebalancer")  # configurations of the units; credentials/BOOK beside them
PREFIX = "keys_"  # LoadCredential=keys:FOLDER of the unit
_LARGEST = 16_384  # bytes; a key in PEM has 3,000
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe keeps nobody waiting

# Who must know what a process may not show. There is one such list in a process: that of what
# it writes for people; a secret that a module reads by itself must be on it too.
_hearers: list[Callable[[str], None]] = []
_installed: list[Path] = []  # the one folder that the unit of this process's book reads
_SEALED = (32).to_bytes(4, "little") + bytes((1, 0, 0, 0, 12, 0, 0, 0, 16, 0, 0, 0))
#   at byte 16 of what systemd-creds encrypted: lengths of key, block, IV and tag of AES-256-GCM


def heard_by(hearer: Callable[[str], None]) -> None:
    """Let `hearer` be told each secret that this process reads from now on."""
    if hearer not in _hearers:
        _hearers.append(hearer)


def of_unit(config: Path) -> None:
    """Look last where the unit of this configuration has its keys; nowhere else for any other.

    Args:
        config: `/etc/rebalancer/BOOK.toml`; of one that lies elsewhere nothing is known.
    """
    _installed.clear()
    if config.absolute().parent == INSTALLED:
        _installed.append(INSTALLED / "credentials" / config.stem)


class Secret:
    """Text that shows itself only where it is asked for by name: `secret.reveal()`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself; for a signature, never for a line."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format("***", spec)

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a secret is not to be copied out of the program")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a credential must hold."""

    fields: Sequence[str]  # in the order of its lines
    needed: Sequence[str]
    must: str  # the same in words, from "must" on


def read(name: str, environ: Mapping[str, str], home: Path, shape: Shape) -> Mapping[str, Secret]:
    """Return the fields of the credential of this name.

    Args:
        name: As the settings have it; letters, digits, `.`, `_` and `-`.
        environ: The process's environment.
        home: The user's home folder.
        shape: What it must hold.

    Raises:
        ConfigError: Nothing bears the name, or what does has another shape.
        PermissionRefused: Others may read the file.
    """
    path = _place(name, environ, home)
    systemd = SYSTEMD in environ and path.parent == Path(environ[SYSTEMD])
    try:
        text = _text(path, systemd=systemd)
    except UnicodeDecodeError:
        raise _fault(path, shape.must, "no text") from None  # the cause shows what it read
    except OSError as error:
        raise _fault(path, "must be a file that can be read", str(error.strerror)) from None
    found = _parsed(path, text, shape)
    for secret in found.values():
        for hearer in _hearers:
            hearer(secret.reveal())
    return found


def _text(path: Path, *, systemd: bool) -> str:
    """Return what a file holds; it is judged when it is open, so that no other takes its place."""
    opened = os.open(path, _FLAGS)
    with os.fdopen(opened, "rb") as file:
        status = os.fstat(opened)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
            raise _fault(path, "must be a file of a few lines", "something else")
        _keep_private(path, status, systemd=systemd)
        return file.read(_LARGEST).decode("utf-8")


def _place(name: str, environ: Mapping[str, str], home: Path) -> Path:
    if not name or Path(name).name != name or name.startswith("."):
        raise _fault(Path("credentials"), "must be a plain name", repr(name))
    if SYSTEMD in environ:
        for told in (PREFIX + name, name):  # a unit's stand-in for no folder is called `keys`
            if (given := Path(environ[SYSTEMD]) / told).exists():
                return given
    folder = Path(environ[FOLDER]) if environ.get(FOLDER) else home / HOME
    for last in _installed:
        if not os.path.lexists(folder / name) and os.access(last, os.X_OK):
            return last / name
    return folder / name


def _keep_private(path: Path, status: os.stat_result, *, systemd: bool) -> None:
    """Refuse what others could read, and what another user could change at will.

    systemd lets the unit's user in by an access list, which shows as the
    group's bits though no group may read it.
    """
    others = stat.S_IRWXO if systemd else stat.S_IRWXO | stat.S_IRWXG
    if status.st_uid not in (os.geteuid(), 0):
        raise PermissionRefused(
            f"{path}: must belong to its reader or to root, was uid {status.st_uid}'s; not read"
        )
    if status.st_mode & others:
        was = oct(stat.S_IMODE(status.st_mode))
        raise PermissionRefused(
            f"{path}: must be readable by its owner alone (chmod 400), was {was}; not read"
        )


def _parsed(path: Path, text: str, shape: Shape) -> Mapping[str, Secret]:
    if _sealed(text):
        raise _fault(path, "must be plain here", "encrypted for the unit: see deploy/keys.md")
    json_ = text.lstrip().startswith("{")
    fields = _from_json(path, text, shape) if json_ else _from_lines(text, shape)
    known = {name: value.strip() for name, value in fields.items() if value.strip()}
    if any(name not in known for name in shape.needed):
        found = " and ".join(known) or ("neither" if len(shape.needed) > 1 else "nothing")
        raise _fault(path, shape.must, found)
    return {name: Secret(value) for name, value in known.items()}


def _sealed(text: str) -> bool:
    """Whether a text is what systemd-creds made of one: its lines would pass for key and secret."""
    try:
        return binascii.a2b_base64("".join(text.split()), strict_mode=True)[16:32] == _SEALED
    except ValueError:
        return False


def _from_json(path: Path, text: str, shape: Shape) -> dict[str, str]:
    try:
        fields = json.loads(text)
    except ValueError:
        raise _fault(path, shape.must, "broken JSON") from None  # the cause shows what it read
    if any(name not in shape.fields for name in fields):  # a name may be a key in the wrong place
        raise _fault(path, f"must have {', '.join(shape.fields)} only", "another field")
    if not all(isinstance(value, str) for value in fields.values()):
        raise _fault(path, "must have texts only", "something else")
    return dict(fields)


def _from_lines(text: str, shape: Shape) -> dict[str, str]:
    lines = (line for line in text.splitlines() if line.strip())
    return dict(zip(shape.fields, lines, strict=False))


def _fault(path: Path, must: str, was: str) -> ConfigError:
    return ConfigError(str(path), [Fault("credentials", must, was)])
