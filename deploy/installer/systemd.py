"""What the machine's service manager is asked and told; where none runs, that is said once."""

import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from deploy.installer.layout import Layout
from deploy.installer.machine import Done, Machine, Overdue, Refused

TEMPLATE = "rebalancer@{}.service"
LEAST = 251  # version whose LoadCredential= takes a folder
START = 300.0  # s that a restart may take: it stops in 45 s and is ready in 120 s at most
_UNIT = re.compile(r"^rebalancer@([a-z0-9-]+)\.service\b")
_RELEASE = re.compile(r"/opt/rebalancer/releases/([^/\0]+)/")
# A book that waits to be started again counts: somebody wants it to run.
_WANTED = "active,activating,reloading,deactivating"


@dataclass(frozen=True, slots=True)
class Unit:
    """How the unit of a book stands."""

    active: str  # as ActiveState: active, activating, failed, inactive, …
    pid: int  # of its main process; 0 where there is none
    restarts: int  # by the service manager, since it was last started by hand


class Services:
    """The units of books.

    Args:
        machine: Whose.
        layout: Its places.
        settles: s for which a restarted book must stay up before it counts as back.
    """

    def __init__(self, machine: Machine, layout: Layout, settles: float = 10.0) -> None:
        self._machine = machine
        self._layout = layout
        self._settles = settles

    @property
    def there(self) -> bool:
        """Whether a service manager runs on the machine that is set up."""
        return self._machine.real and Path("/run/systemd/system").is_dir()

    @property
    def installed(self) -> bool:
        """Whether there is a service manager on the machine, running or not."""
        return self._machine.real and shutil.which("systemctl") is not None

    def must_be_new_enough(self) -> None:
        """Refuse a service manager that cannot start the units.

        Raises:
            Refused: It is too old, or does not say which it is.
        """
        if not self.installed:
            return
        said = self._machine.ask(["systemctl", "--version"], timeout=60.0).out.partition("\n")[0]
        found = re.match(r"systemd (\d+)", said)
        if found is None or int(found[1]) < LEAST:
            must = f"must be {LEAST} or newer, to hand a folder of keys to a book"
            raise Refused(f"systemd: {must}, was {said or 'silent'}; nothing was changed")

    def running(self) -> tuple[str, ...]:
        """Return the books that run, or are about to."""
        if not self.there:
            return ()
        listed = self._ask("list-units", "--plain", "--no-legend", "--full", f"--state={_WANTED}")
        return tuple(sorted({m[1] for m in map(_UNIT.match, listed.out.splitlines()) if m}))

    def enabled(self) -> tuple[str, ...]:
        """Return the units of ours that the machine starts by itself: books, timers."""
        wants = self._layout.overrides.glob("*.target.wants/rebalancer*@*.*")
        return tuple(sorted({path.name for path in wants}))

    def beside(self) -> tuple[str, ...]:
        """Return what else of ours is active now: timers, an alert that goes on."""
        if not self.there:
            return ()
        listed = self._ask("list-units", "--plain", "--no-legend", "--full", "rebalancer-*")
        return tuple(sorted(line.split()[0] for line in listed.out.splitlines() if line.split()))

    def unit(self, book: str) -> Unit:
        """Return how the unit of a book stands."""
        shown = self._ask("show", "-p", "ActiveState,MainPID,NRestarts", TEMPLATE.format(book))
        told = dict(line.split("=", 1) for line in shown.out.splitlines() if "=" in line)
        pid, restarts = (int(told.get(key) or 0) for key in ("MainPID", "NRestarts"))
        return Unit(told.get("ActiveState", "unknown"), pid, restarts)

    def runs(self, book: str) -> str | None:
        """Return the name of the release that a running book was started from; None: not known."""
        pid = self.unit(book).pid
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes() if pid else b""
        except OSError:
            return None
        found = _RELEASE.search(words.decode(errors="replace"))
        return found[1] if found else None

    def reload(self) -> None:
        """Let the service manager read its units anew."""
        if self.there:
            self._machine.call(["systemctl", "daemon-reload"], "read units anew")

    def restart(self, book: str) -> bool:
        """Restart a book; return whether it said that it is ready, and stayed up.

        It says so when its first reconciliation is over. Its own orders are
        cancelled when it stops; positions stay. One that still begins after START
        did not come back.
        """
        unit = TEMPLATE.format(book)
        if not self._machine.begin(f"restart {unit} and wait until it is ready"):
            return True
        self._ask("reset-failed", unit)  # else a start that is tried too often is refused
        try:
            done = self._machine.ask(["systemctl", "restart", unit], timeout=START)
        except Overdue:
            return False
        return done.code == 0 and self._stays(book)

    def disable(self, unit: str) -> None:
        """Let the machine no longer start a unit by itself."""
        self._machine.call(["systemctl", "disable", "--quiet", unit], f"disable {unit}")

    def stop(self, unit: str) -> None:
        """Stop a unit; one of a book cancels its orders first, positions stay."""
        self._machine.call(["systemctl", "stop", unit], f"stop {unit}", timeout=START)

    def _stays(self, book: str) -> bool:
        first = self.unit(book)
        end = time.monotonic() + self._settles
        while (now := self.unit(book)) == first and now.active == "active":
            if time.monotonic() >= end:
                return True
            time.sleep(0.5)
        return False

    def _ask(self, *words: str) -> Done:
        return self._machine.ask(["systemctl", "--no-pager", *words], timeout=60.0)
