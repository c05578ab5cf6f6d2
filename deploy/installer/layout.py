"""Where everything lies on a machine."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Layout:
    """The places below a root; `/` but for images and tests."""

    root: Path

    @property
    def home(self) -> Path:
        """Where the code is."""
        return self.root / "opt/rebalancer"

    @property
    def releases(self) -> Path:
        """One folder a release."""
        return self.home / "releases"

    @property
    def current(self) -> Path:
        """The link to the release that is started next."""
        return self.home / "current"

    @property
    def previous(self) -> Path:
        """The link to the release that `rollback` goes to."""
        return self.home / "previous"

    @property
    def unfinished(self) -> Path:
        """What a switch that goes on now has to finish."""
        return self.home / "switch.json"

    @property
    def lock(self) -> Path:
        """Held while an installer works."""
        return self.home / ".lock"

    @property
    def command(self) -> Path:
        """What a shell finds."""
        return self.root / "usr/local/bin/rebalancer"

    @property
    def installer(self) -> Path:
        """What a shell finds of the installer that the current release brought."""
        return self.root / "usr/local/sbin/rebalancer-install"

    @property
    def units(self) -> Path:
        """The units; a folder of the machine's own software, below what its admin overrides."""
        return self.root / "usr/local/lib/systemd/system"

    @property
    def overrides(self) -> Path:
        """Where an admin enables and overrides units; never written here."""
        return self.root / "etc/systemd/system"

    @property
    def config(self) -> Path:
        """BOOK.toml, one a book."""
        return self.root / "etc/rebalancer"

    @property
    def credentials(self) -> Path:
        """One folder a book."""
        return self.config / "credentials"

    @property
    def state(self) -> Path:
        """One folder a book; the units make them."""
        return self.root / "var/lib/rebalancer"

    @property
    def copies(self) -> Path:
        """Daily copies of journals; the backup unit makes them."""
        return self.root / "var/lib/rebalancer-backups"

    @property
    def backups(self) -> Path:
        """Copies of journals from before a switch, one folder a book."""
        return self.root / "var/backups/rebalancer"

    def journal(self, book: str) -> Path:
        """Return the journal of a book."""
        return self.state / book / "journal.sqlite"

    def inside(self, path: Path) -> str:
        """Return what a path below the root is called on the machine itself."""
        return f"/{path.relative_to(self.root)}"
