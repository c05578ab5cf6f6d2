"""The site: what every verb is given, and what more than one of them does."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.installer import books, release
from deploy.installer.books import Book, Verdict
from deploy.installer.layout import Layout
from deploy.installer.machine import GROUP, Machine, Refused
from deploy.installer.release import Maker, Release
from deploy.installer.systemd import Services
from rebalancer.errors import Unavailable

TRIED = ("debian 12", "debian 13", "ubuntu 24.04")
COMMAND = "../../../opt/rebalancer/current/bin/rebalancer"
INSTALLER = f"../../../opt/rebalancer/current/{release.SOURCE}/deploy/install"


@dataclass(frozen=True, slots=True)
class Site:
    """A machine, where everything lies on it, and who does what there."""

    machine: Machine
    layout: Layout
    services: Services
    maker: Maker

    @property
    def current(self) -> Release | None:
        """The release that is started next; None where nothing is installed."""
        return release.find(self.layout.current)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let no other installer work meanwhile.

        Raises:
            Unavailable: One does.
        """
        if self.machine.dry:
            yield
            return
        self.machine.folder(self.layout.home)
        descriptor = os.open(self.layout.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as e:
            raise Unavailable(f"{self.layout.lock}: another installer works here") from e
        finally:
            os.close(descriptor)

    def must_have(self) -> Release:
        """Return the release that is current.

        Raises:
            Refused: Nothing is installed.
        """
        found = self.current
        if found is None:
            raise Refused(f"{self.layout.current}: must lead to a release; run install first")
        return found

    def judge(self, by: Release) -> dict[str, Verdict]:
        """Return what a release says of each configuration here.

        Raises:
            Refused: It refuses one; every fault of every book is told.
        """
        verdicts = {
            book.name: books.judge(self.machine, by, book.config)
            for book in books.configured(self.layout)
        }
        faults = [
            f"  {name}: {fault.path}: {fault.must}" + (f", was {fault.was}" if fault.was else "")
            for name, verdict in verdicts.items()
            for fault in verdict.faults
        ]
        if faults:
            head = f"{by.name} refuses configurations in {self.layout.config}; nothing was changed"
            raise Refused("\n".join([head, *faults]))
        return verdicts

    def protect(self, book: Book) -> None:
        """Give a book's configuration its owner and mode, and its credentials a private folder."""
        self.machine.file(book.config, book.config.read_bytes(), 0o640, GROUP)
        self.machine.folder(self.layout.credentials / book.name, 0o700)

    def place_units(self, of: Release) -> None:
        """Let the machine have the units of a release, and none that only another one has."""
        folder = self.layout.units
        self.machine.folder(folder)
        before = self.machine.changes
        wanted = {path.name: path for path in of.units}
        known = {unit.name for each in release.installed(self.layout) for unit in each.units}
        for name, path in wanted.items():
            self.machine.file(folder / name, path.read_bytes())
        for name in sorted(known - set(wanted)):
            self.machine.remove(folder / name)
        if self.machine.changes > before:
            self.services.reload()

    def place_commands(self) -> None:
        """Let a shell find the program and this installer, of whichever release is current."""
        for path, target in ((self.layout.command, COMMAND), (self.layout.installer, INSTALLER)):
            self.machine.folder(path.parent)
            self.machine.link(path, target)

    def lead(self, link: Path, to: Release) -> None:
        """Let a link lead to a release."""
        self.machine.link(link, f"releases/{to.name}")

    def distribution(self) -> str | None:
        """Return the system, as "debian 12"; None where it does not say."""
        try:
            text = (self.layout.root / "etc/os-release").read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        told = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        return f"{told.get('ID', '').strip(chr(34))} {told.get('VERSION_ID', '').strip(chr(34))}"


def opened(root: Path, *, dry: bool, wheels: Path | None, settles: float) -> Site:
    """Return the site below a root."""
    machine, layout = Machine(root, dry=dry), Layout(root)
    services = Services(machine, layout, settles)
    return Site(machine, layout, services, Maker(machine, layout, wheels))
