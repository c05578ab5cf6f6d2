"""Credentials: from the name in the settings to a key that no text ever shows.

A key lies in a systemd credential (`$CREDENTIALS_DIRECTORY/NAME`), or in a file
that only its owner can read: NAME below `$REBALANCER_CREDENTIALS`, else below
`~/.config/rebalancer/credentials`. It is JSON with `key` and `secret` (and
`password` where a venue wants one), or those two or three on lines of their own.
"""

import json
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rebalancer.errors import ConfigError, Fault, PermissionRefused

SYSTEMD = "CREDENTIALS_DIRECTORY"
FOLDER = "REBALANCER_CREDENTIALS"
HOME = Path(".config/rebalancer/credentials")
_LARGEST = 16_384  # bytes; a key in PEM has 3,000
_FIELDS = ("key", "secret", "password")
_SHAPE = "must be JSON with key and secret, or these two on lines of their own"


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
class Credentials:
    """What signs for an account."""

    key: Secret
    secret: Secret
    password: Secret | None = None  # OKX calls it passphrase

    def __iter__(self) -> Iterator[Secret]:
        """Yield every secret, for the redactor."""
        yield from (each for each in (self.key, self.secret, self.password) if each is not None)


def load(name: str, environ: Mapping[str, str], home: Path) -> Credentials:
    """Return the credentials of this name.

    Args:
        name: As the settings have it; letters, digits, `.`, `_` and `-`.
        environ: The process's environment.
        home: The user's home folder.

    Raises:
        ConfigError: Nothing bears the name, or what does is no key.
        PermissionRefused: Others may read the file.
    """
    path = _place(name, environ, home)
    systemd = SYSTEMD in environ and path.parent == Path(environ[SYSTEMD])
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
            raise _fault(path, "must be a file of a few lines", "something else")
        _keep_private(path, status.st_mode, systemd=systemd)
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        raise _fault(path, _SHAPE, "no text") from None  # the cause shows what it read
    except OSError as error:
        raise _fault(path, "must be a file that can be read", str(error.strerror)) from None
    return _parsed(path, text)


def _place(name: str, environ: Mapping[str, str], home: Path) -> Path:
    if not name or Path(name).name != name or name.startswith("."):
        raise _fault(Path("credentials"), "must be a plain name", repr(name))
    if SYSTEMD in environ and (given := Path(environ[SYSTEMD]) / name).exists():
        return given
    folder = Path(environ[FOLDER]) if environ.get(FOLDER) else home / HOME
    return folder / name


def _keep_private(path: Path, mode: int, *, systemd: bool) -> None:
    """Refuse what others could read.

    systemd lets the unit's user in by an access list, which shows as the
    group's bits though no group may read it.
    """
    others = stat.S_IRWXO if systemd else stat.S_IRWXO | stat.S_IRWXG
    if mode & others:
        was = oct(stat.S_IMODE(mode))
        raise PermissionRefused(
            f"{path}: must be readable by its owner alone (chmod 400), was {was}; not read"
        )


def _parsed(path: Path, text: str) -> Credentials:
    fields = _from_json(path, text) if text.lstrip().startswith("{") else _from_lines(text)
    known = {name: value.strip() for name, value in fields.items() if value.strip()}
    if "key" not in known or "secret" not in known:
        found = " and ".join(known) or "neither"
        raise _fault(path, _SHAPE, found)
    password = Secret(known["password"]) if "password" in known else None
    return Credentials(Secret(known["key"]), Secret(known["secret"]), password)


def _from_json(path: Path, text: str) -> dict[str, str]:
    try:
        fields = json.loads(text)
    except ValueError:
        raise _fault(path, _SHAPE, "broken JSON") from None  # the cause shows what it read
    if any(name not in _FIELDS for name in fields):  # its name may be a key in the wrong place
        raise _fault(path, f"must have {', '.join(_FIELDS)} only", "another field")
    if not all(isinstance(value, str) for value in fields.values()):
        raise _fault(path, "must have texts only", "something else")
    return dict(fields)


def _from_lines(text: str) -> dict[str, str]:
    return dict(zip(_FIELDS, (line for line in text.splitlines() if line.strip()), strict=False))


def _fault(path: Path, must: str, was: str) -> ConfigError:
    return ConfigError(str(path), [Fault("credentials", must, was)])
