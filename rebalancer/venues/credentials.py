"""Credentials of an account: a key and a secret that no text ever shows.

They lie where `settings.credentials` finds what the settings name, as JSON with
`key` and `secret` (and `password` where a venue wants one), or those two or
three on lines of their own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rebalancer.settings.credentials import Secret, Shape, read

__all__ = ["Credentials", "Secret", "load"]

_SHAPE = Shape(
    fields=("key", "secret", "password"),
    needed=("key", "secret"),
    must="must be JSON with key and secret, or these two on lines of their own",
)


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
    known = read(name, environ, home, _SHAPE)
    return Credentials(known["key"], known["secret"], known.get("password"))
