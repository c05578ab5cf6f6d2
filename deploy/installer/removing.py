"""`uninstall`: the code goes; what a book is and was stays, unless it is told to go as well."""

from contextlib import nullcontext

from deploy.installer import release
from deploy.installer.machine import GROUP
from deploy.installer.site import Site
from deploy.installer.systemd import TEMPLATE
from rebalancer.errors import Unavailable


def uninstall(site: Site, *, purge: bool = False, stop: bool = False) -> None:
    """Take every release, the units and the commands away.

    Raises:
        Unavailable: A book runs, and nobody said that it may be stopped.
    """
    machine, layout, services = site.machine, site.layout, site.services
    running = services.running()
    if running and not stop:
        units = " ".join(f"rebalancer@{name}" for name in running)
        raise Unavailable(
            f"{units}: must not run; nothing was changed.\n"
            f"  systemctl stop {units}, or --stop here: own orders are cancelled, positions stay "
            "and nobody hedges them"
        )
    with site.alone() if layout.home.is_dir() else nullcontext():
        for unit in (*map(TEMPLATE.format, running), *services.beside()):
            services.stop(unit)
        if services.there:
            for unit in services.enabled():
                services.disable(unit)
        _take_code(site)
        if purge:
            _purge(site)
    if not machine.dry:
        layout.lock.unlink(missing_ok=True)
        if layout.home.is_dir():
            layout.home.rmdir()
    _tell(site)


def _take_code(site: Site) -> None:
    """Remove what `install` put there; the units last that a half-done removal still needs."""
    machine, layout = site.machine, site.layout
    units = sorted({unit.name for each in release.installed(layout) for unit in each.units})
    before = machine.changes
    for name in units:
        machine.remove(layout.units / name)
    if machine.changes > before:
        site.services.reload()
    for path in (layout.command, layout.installer, layout.current, layout.previous):
        machine.remove(path)
    machine.remove(layout.unfinished)
    machine.remove(layout.releases)
    for folder in (layout.units, layout.units.parent):
        if not machine.dry and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _purge(site: Site) -> None:
    """Remove what operators and books made, and the user."""
    machine, layout = site.machine, site.layout
    for path in (layout.config, layout.state, layout.copies, layout.backups):
        machine.remove(path)
    if machine.group(GROUP) is not None:
        words = [] if machine.real else ["--prefix", str(machine.root)]
        machine.call(["userdel", *words, GROUP], f"remove the user {GROUP}")


def _tell(site: Site) -> None:
    """Say what was kept."""
    layout = site.layout
    kept = {
        layout.config: "configurations and credentials",
        layout.state: "journals and flights",
        layout.copies: "daily copies of journals",
        layout.backups: "copies of journals from before upgrades",
    }
    for path, what in kept.items():
        if path.exists():
            site.machine.say(f"kept: {path}  {what}")
    for path in sorted(layout.overrides.glob("rebalancer*.d")):
        site.machine.say(f"kept: {path}  an override of yours")
    if not site.machine.changes:
        site.machine.say("nothing is installed; nothing had to be changed")
