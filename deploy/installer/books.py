"""Books: what is configured on a machine, and how a release judges it."""

import json
import shlex
import sqlite3
import tomllib
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.installer.layout import Layout
from deploy.installer.machine import Machine
from deploy.installer.release import Release
from rebalancer.errors import DataError, Fault

MONEY = ("live", "testnet")  # modes of a book that a person confirms


@dataclass(frozen=True, slots=True)
class Book:
    """One configuration; its name is that of its file, its unit and its state folder."""

    name: str
    config: Path
    mode: str | None  # paper, testnet or live; None where the file does not tell


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a release says of a configuration."""

    fingerprint: str | None
    faults: tuple[Fault, ...]


def configured(layout: Layout) -> tuple[Book, ...]:
    """Return every book that has a configuration, by name."""
    if not layout.config.is_dir():
        return ()
    return tuple(Book(path.stem, path, mode(path)) for path in sorted(layout.config.glob("*.toml")))


def identity(config: Path) -> str | None:
    """Return the id that a configuration gives its book; None where it does not tell."""
    return _told(config, "id")


def mode(config: Path) -> str | None:
    """Return where a configuration sends orders; None where it does not tell."""
    return _told(config, "mode")


def judge(machine: Machine, release: Release, config: Path) -> Verdict:
    """Return what a release says of a configuration.

    Raises:
        Failed: It does not run.
        DataError: It does not answer as `check --json` does.
    """
    done = release.command(machine, "check", config, "--json")
    try:
        told = json.loads(done.out)
        faults = tuple(Fault(f["path"], f["must"], f["was"]) for f in told["faults"])
    except (ValueError, KeyError, TypeError) as e:
        said = (done.err or done.out).strip()
        raise DataError(f"{config}: {release.name} must judge it, ended with {said}") from e
    return Verdict(told.get("fingerprint"), faults)


def schema(journal: Path) -> int | None:
    """Return the version of a journal's tables; None where there is no journal.

    Raises:
        DataError: It cannot be read.
    """
    found = _row(journal, "PRAGMA user_version")
    return None if found is None else int(found[0])


def permitted(journal: Path) -> str | None:
    """Return the fingerprint that a person confirmed to trade with; None where nobody did.

    Raises:
        DataError: It cannot be read.
    """
    found = _row(journal, "SELECT value FROM meta WHERE key = 'live'")
    return None if found is None else str(found[0])


def _row(journal: Path, question: str) -> Any:
    """Return the first row of an answer; None where there is none, or no journal."""
    if not journal.exists():
        return None
    try:
        with closing(sqlite3.connect(f"{journal.as_uri()}?mode=ro", uri=True)) as connection:
            return connection.execute(question).fetchone()
    except sqlite3.Error as e:
        raise DataError(f"{journal}: must be a journal that can be read: {e}") from e


def confirming(env: Path) -> str | None:
    """Return the fingerprint that the options of a unit confirm; None where they confirm none.

    Args:
        env: BOOK.env, as systemd reads it: the last RUN_OPTIONS counts.

    Raises:
        DataError: It cannot be read.
    """
    try:
        lines = env.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
        told = [
            value
            for name, _, value in (line.partition("=") for line in lines)
            if name.strip() == "RUN_OPTIONS"
        ]
        words = " ".join(shlex.split(told[-1])).split() if told else []
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as e:
        raise DataError(f"{env}: RUN_OPTIONS must be options that can be read: {e}") from e
    found = None
    for word, after in zip(words, [*words[1:], ""], strict=True):
        if word == "--confirm":
            found = after
        elif word.startswith("--confirm="):
            found = word.partition("=")[2]
    return found


def newer(layout: Layout, release: Release) -> tuple[tuple[str, int], ...]:
    """Return the books whose journals a release cannot read, with their versions.

    A book counts whether or not its configuration is still there.

    Raises:
        DataError: A journal cannot be read.
    """
    if not layout.state.is_dir():
        return ()
    found = (
        (path.name, schema(layout.journal(path.name))) for path in sorted(layout.state.iterdir())
    )
    return tuple((name, n) for name, n in found if n is not None and n > release.schema)


def _told(config: Path, key: str) -> str | None:
    try:
        told = tomllib.loads(config.read_text(encoding="utf-8"))["book"][key]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return told if isinstance(told, str) else None
