"""From one release to another: the links, the units, and each running book restarted.

`switch.json` is there while a switch goes on. It holds the books that ran when it
began: one that is down in the middle of it must come up again, and only this file
knows. An installer that was ended is run again and goes on from it.
"""

import json
from dataclasses import asdict, dataclass

from deploy.installer import books
from deploy.installer.layout import Layout
from deploy.installer.machine import GROUP
from deploy.installer.release import Release
from deploy.installer.site import Site
from rebalancer.errors import DataError

KEPT = 3  # copies of a journal from before a switch


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A switch that goes on, or was interrupted."""

    to: str  # name of the release that is to be current
    good: str  # of the one that ran before, and that is gone back to
    books: tuple[str, ...]  # that must run when it is over


def unfinished(layout: Layout) -> Unfinished | None:
    """Return the switch that was begun here and not finished.

    Raises:
        DataError: What tells of it cannot be read.
    """
    try:
        told = json.loads(layout.unfinished.read_text(encoding="utf-8"))
        return Unfinished(told["to"], told["good"], tuple(told["books"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as e:
        raise DataError(f"{layout.unfinished}: must be what an installer wrote: {e}") from e


def wanted(site: Site) -> tuple[str, ...]:
    """Return the books that must run after a switch: that run now, or ran when one was begun."""
    begun = unfinished(site.layout)
    return tuple(sorted({*site.services.running(), *(begun.books if begun else ())}))


def switch(site: Site, to: Release, good: Release) -> str | None:
    """Make a release current and restart every running book on it, one after another.

    Args:
        site: Where.
        to: The release.
        good: What is gone back to where a book does not come back.

    Returns:
        The first book that did not come back; then the others were left as they are.
        None when all did.
    """
    machine, layout = site.machine, site.layout
    up = wanted(site)
    plan = asdict(Unfinished(to.name, good.name, up))
    machine.file(layout.unfinished, json.dumps(plan).encode(), 0o600)
    site.place_units(to)
    site.lead(layout.current, to)
    site.place_commands()
    for name in up:
        there = site.services.runs(name) == to.name and site.services.unit(name).active == "active"
        if there and name in site.services.running():
            continue  # it came back before this installer was ended
        if not site.services.restart(name):
            return name
    return None


def back_up(site: Site, by: Release, before: str, stamp: str) -> None:
    """Copy every journal before a switch; the newest copies of each book are kept.

    Raises:
        DataError: A journal could not be copied; nothing was changed.
    """
    machine, layout = site.machine, site.layout
    names = sorted(path.name for path in layout.state.iterdir()) if layout.state.is_dir() else []
    for name in names:
        if not layout.journal(name).exists():
            continue
        folder = layout.backups / name
        machine.folder(folder, 0o700)
        target = folder / f"{stamp}-before-{before}.sqlite"
        if not machine.begin(f"copy the journal of {name} to {target}"):
            continue
        done = by.command(machine, "journal", "backup", target, "--state", layout.state / name)
        if done.code:
            raise DataError(
                f"{name}: its journal must be copied first; nothing was changed\n"
                f"  {(done.err or done.out).strip()}"
            )
        for old in sorted(folder.glob("*-before-*.sqlite"))[:-KEPT]:
            machine.remove(old)


def must_read_journals(site: Site, to: Release) -> None:
    """Refuse a release that cannot read a journal that is here.

    Raises:
        DataError: A newer release migrated one; what can be done is told.
    """
    found = books.newer(site.layout, to)
    if not found:
        return
    lines = [f"{to.name} reads journals up to schema {to.schema}; a newer release migrated these:"]
    for name, number in found:
        journal = site.layout.journal(name)
        aside = journal.with_name(f"{journal.stem}.schema-{to.schema}{journal.suffix}")
        beside = (
            f"{aside} is as it was before" if aside.exists() else "no older copy lies beside it"
        )
        lines += [f"  {name}: {journal} has schema {number}; {beside}"]
    command = f"{to.path}/bin/rebalancer journal restore COPY --force --state STATE"
    lines += [
        "What was sent and booked since is in the newer journal alone: none is put back by itself.",
        "Better stay, and upgrade to a release with the fault mended. To go back all the same:",
        "  1. systemctl stop rebalancer@BOOK; look at the venue: positions, resting orders",
        f"  2. runuser -u {GROUP} -- {command}",
        f"  3. rebalancer-install rollback {to.name}; start rebalancer@BOOK: it is halted",
        "  4. compare ledger and venue (rebalancer reconcile, adopt), then rebalancer arm --reason",
    ]
    raise DataError("\n".join(lines))
