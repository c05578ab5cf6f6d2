"""`rollback`: back to the release before, or to one that is named."""

from deploy.installer import release
from deploy.installer.confirming import must_begin_again
from deploy.installer.machine import Failed, Refused
from deploy.installer.release import Release
from deploy.installer.site import Site
from deploy.installer.switching import back_up, must_read_journals, switch, unfinished
from rebalancer.errors import UsageError


def rollback(site: Site, name: str | None, stamp: str) -> None:
    """Go back to a release that is still installed.

    Raises:
        Refused: There is none to go back to, it refuses a configuration, or a running book
            that trades would wait to be confirmed.
        DataError: A journal is too new for it; nothing was changed.
        Failed: A book does not come back on it either.
    """
    machine, layout = site.machine, site.layout
    current = site.must_have()
    with site.alone():
        to = _target(site, name)
        begun = unfinished(layout)
        if to.name == current.name and begun is None:
            machine.say(f"{to.name} is current already; nothing had to be changed")
            return
        site.judge(to)
        must_read_journals(site, to)
        if begun is None:  # else a book may be down already: nothing may stand in its way back
            must_begin_again(site, to, f"rebalancer-install rollback {to.name}")
            back_up(site, current, to.name, stamp)
        if machine.dry:
            up = ", ".join(site.services.running()) or "-"
            machine.say(f"would: make {to.name} current and restart one by one: {up}")
            return
        failed = switch(site, to, to)
        if failed is not None:
            raise Failed(
                f"{to.name} is current, but rebalancer@{failed} did not come back: it is DOWN.\n"
                f"  journalctl -u rebalancer@{failed} -n 50 tells why; then run rollback again, or "
                f"rollback {current.name}"
            )
        previous = release.find(layout.previous)
        if previous is not None and previous.name == to.name:
            machine.remove(layout.previous)
        machine.remove(layout.unfinished)
    machine.say(f"{to.name} is current, was {current.name}")


def _target(site: Site, name: str | None) -> Release:
    """Return what to go back to: what is named, what a broken switch left, or what was before."""
    layout = site.layout
    have = ", ".join(each.name for each in release.installed(layout))
    if name is not None:
        if "/" in name or name.startswith("."):
            raise UsageError(f"rollback: must be the name of a release, was {name}")
        found = release.find(layout.releases / name)
        if found is None:
            raise Refused(f"{layout.releases / name}: must be installed; there are: {have}")
        return found
    begun = unfinished(layout)
    found = release.find(layout.releases / begun.good if begun else layout.previous)
    if found is None:
        raise Refused(f"{layout.previous}: no release before is known; name one of: {have}")
    return found
