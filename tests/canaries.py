"""Planted secrets: how one may be dressed, and where it is looked for.

Everything that left a program is gathered in a folder; `hits` names each place where
a secret shows, in whatever dress. Packed files and databases are looked into as well
as over.
"""

import base64
import gzip
import sqlite3
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from urllib.parse import quote, quote_plus

PIECE = 12  # characters of a secret that are too many already: it may have been cut
ALPHABET = string.ascii_letters + string.digits + "+/=-_"
PAD = b"user:"  # what may stand before a secret in base64: one byte, two, or three


@dataclass(frozen=True)
class Canary:
    """A secret that was planted."""

    name: str
    secret: str

    def dresses(self) -> Mapping[str, bytes]:
        """Return every form in which it is looked for, by name."""
        raw = self.secret.encode()
        forms = {
            "raw": raw,
            "reversed": raw[::-1],
            "start": raw[:PIECE],
            "end": raw[-PIECE:],
            "hex": raw.hex().encode(),
            "HEX": raw.hex().upper().encode(),
            "url": quote(self.secret, safe="").encode(),
            "form": quote_plus(self.secret).encode(),
        }
        for before in range(3):
            for name, encode in (("base64", base64.b64encode), ("url64", base64.urlsafe_b64encode)):
                padded = PAD[:before] + raw
                first, last = -(-before * 8 // 6), len(padded) * 8 // 6
                forms[f"{name}, {before} before"] = encode(padded)[first:last]
        return forms


def planted(name: str, chance: Random, length: int = 40) -> Canary:
    """Return a new secret; what percent encoding changes stands in it."""
    inner = "".join(chance.choice(ALPHABET) for _ in range(length - 2))
    return Canary(name, f"{chance.choice(string.ascii_letters)}{inner[:20]}/{inner[20:]}q")


def dressed(canary: Canary) -> list[str]:
    """Return texts that hold a secret as libraries and venues may write it."""
    secret = canary.secret
    return [
        secret,
        secret[::-1],
        secret.encode().hex(),
        quote(secret, safe=""),
        *(base64.b64encode(PAD[:before] + secret.encode()).decode() for before in range(3)),
        f"https://user:{secret}@host.example/path?key={quote(secret, safe='')}",
        repr({"Authorization": f"Bearer {secret}", "body": secret}),
    ]


def hits(folder: Path, canaries: list[Canary]) -> list[str]:
    """Return `FILE: NAME FORM` for each form of each secret that any file shows."""
    looked = [(c.name, form, dress) for c in canaries for form, dress in c.dresses().items()]
    return [
        f"{path.relative_to(folder)}: {name} {form}"
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        for content in [b"\0".join(_contents(path))]
        for name, form, dress in looked
        if dress in content
    ]


def _contents(path: Path) -> Iterator[bytes]:
    raw = path.read_bytes()
    yield raw
    if raw.startswith(b"\x1f\x8b"):
        yield gzip.decompress(raw)
    if raw.startswith(b"SQLite format 3\0"):  # a long value lies over several pages
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            yield "\n".join(database.iterdump()).encode()
        finally:
            database.close()
