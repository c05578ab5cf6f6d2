"""`upgrade`: a new release beside the old one, taken back when a book does not come up on it."""

from deploy.installer import release
from deploy.installer.confirming import must_begin_again
from deploy.installer.machine import Failed
from deploy.installer.release import Release
from deploy.installer.site import Site
from deploy.installer.source import Source
from deploy.installer.switching import back_up, must_read_journals, switch, unfinished
from rebalancer.errors import DataError


class TakenBack(Failed):
    """A book did not come up on a new release; the old one is current again."""


def upgrade(site: Site, tree: Source, stamp: str, *, migrate: bool = False) -> None:
    """Change to the release of a tree.

    Everything that can refuse comes first: the release is made, judges every
    configuration, and every journal is copied. Then the books that run are
    restarted one by one. One that does not come back takes all of it back.

    Args:
        site: Where.
        tree: Of the new release.
        stamp: Time, for the names of copies; sorts by time.
        migrate: Whether journals may be brought to tables that the present release cannot read.

    Raises:
        Refused: The new release refuses a configuration; nothing was changed.
        DataError: A journal cannot be read or copied; nothing was changed.
        TakenBack: A book did not come back.
        Failed: A step did not succeed.
    """
    machine, layout = site.machine, site.layout
    current = site.must_have()
    with site.alone():
        begun = unfinished(layout)
        good = current
        if begun is not None:
            machine.say(f"a switch to {begun.to} was interrupted; going on")
            good = release.find(layout.releases / begun.good) or current
        new = site.maker.make(tree)
        if new is None:
            machine.say("would: check every configuration with it, copy every journal, switch,")
            machine.say(f"would: restart one by one: {', '.join(site.services.running()) or '-'}")
            return
        if begun is None and new.name == current.name:
            _settle(site, new)
            return
        _must_fit(site, good, new, migrate=migrate)
        if begun is None:
            back_up(site, current, new.name, stamp)
        if machine.dry:
            return
        failed = switch(site, new, good)
        if failed is not None:
            _take_back(site, failed, new, good)
        _keep(site, new, good)
    machine.say(f"{new.name} is current, was {good.name}; rebalancer-install rollback goes back")


def _settle(site: Site, current: Release) -> None:
    """See to the units and links of the release that is current already."""
    site.place_units(current)
    site.place_commands()
    if not site.machine.changes:
        site.machine.say(f"{current.name} is current already; nothing had to be changed")


def _must_fit(site: Site, old: Release, new: Release, *, migrate: bool) -> None:
    """Refuse a release with which a book that is here would not come back.

    Raises:
        Refused: A configuration is refused, or would have to be confirmed again.
        DataError: A journal is too new, or would become too new to go back.
    """
    site.judge(new)
    must_read_journals(site, new)
    for each in (new, old):  # the old one as well: a book that fails is taken back to it
        must_begin_again(site, each, "deploy/install upgrade")
    if new.schema > old.schema and not migrate:
        raise DataError(
            f"{new.name} brings journals from schema {old.schema} to {new.schema}, which "
            f"{old.name} cannot read: a book that does not come back could not be taken back by "
            "itself; nothing was changed.\n"
            "  --migrate does it all the same: each journal is set aside first."
        )


def _take_back(site: Site, failed: str, new: Release, good: Release) -> None:
    """Go back to the release before, because a book did not come up.

    Raises:
        TakenBack: Always; it says how the books stand now.
        DataError: The new release migrated a journal, so that nothing is gone back to.
    """
    machine = site.machine
    machine.say(f"rebalancer@{failed} did not come back on {new.name}: going back to {good.name}")
    look = f"journalctl -u rebalancer@{failed} -n 50 tells why"
    try:
        must_read_journals(site, good)
    except DataError as e:
        raise DataError(
            f"rebalancer@{failed} did not come back on {new.name}; {look}\n"
            f"{new.name} stays current and the book is DOWN: {e}"
        ) from e
    again = switch(site, good, good)
    if again is not None:
        raise TakenBack(
            f"rebalancer@{failed} did not come back on {new.name}, and rebalancer@{again} does not "
            f"on {good.name} either: it is DOWN.\n  {good.name} is current again; {look}"
        )
    machine.remove(site.layout.unfinished)
    raise TakenBack(
        f"the upgrade to {new.name} was taken back: rebalancer@{failed} did not come up on it.\n"
        f"  {good.name} is current again and every book that ran runs on it; {look}"
    )


def _keep(site: Site, new: Release, good: Release) -> None:
    """End a switch: remember what to go back to, and let releases go that nobody needs."""
    layout = site.layout
    if good.name != new.name:
        site.lead(layout.previous, good)
    kept = {new.name, good.name, *(site.services.runs(name) for name in site.services.running())}
    for path in sorted(layout.releases.iterdir()):
        if path.name not in kept:
            site.machine.remove(path)
    site.machine.remove(layout.unfinished)
