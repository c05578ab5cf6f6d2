"""`install` and `book`: what has to be there, made where it is not."""

from pathlib import Path

from deploy.installer import books
from deploy.installer.machine import GROUP, Refused
from deploy.installer.site import TRIED, Site
from deploy.installer.source import Source
from deploy.installer.switching import unfinished
from rebalancer.errors import UsageError


def install(site: Site, tree: Source) -> None:
    """Put the release of a tree on a machine that has none; or see to it that all of it is there.

    Raises:
        Refused: Another release is current, a configuration here is refused, or systemd is old.
        Failed: A step did not succeed.
    """
    machine, layout = site.machine, site.layout
    site.services.must_be_new_enough()
    _greet(site)
    there = unfinished(layout)
    if there is not None:
        must = "must be finished first: run upgrade or rollback"
        raise Refused(f"{layout.unfinished}: a switch to {there.to} {must}")
    with site.alone():
        current = site.current
        if current is not None and current.digest != tree.digest:
            was = f"{current.name} is current, this tree is another one ({tree.version})"
            raise Refused(f"{layout.current}: {was}; to change to it run upgrade")
        _user(site)
        machine.folder(layout.releases)
        release = site.maker.make(tree)
        if release is None:
            machine.say("would: write its units, link it as current")
            return
        machine.folder(layout.config, 0o750, GROUP)
        machine.folder(layout.credentials, 0o700)
        machine.folder(layout.backups, 0o700)
        site.judge(release)
        for book in books.configured(layout):
            site.protect(book)
        site.place_units(release)
        site.lead(layout.current, release)
        site.place_commands()
    if not machine.changes:
        machine.say(f"{release.name} is installed; nothing had to be changed")
        return
    machine.say(f"{release.name} is installed")
    machine.say("next:  rebalancer-install book FILE      a configuration becomes a book")
    machine.say("       systemctl enable --now rebalancer@BOOK")


def book(site: Site, config: Path, *, replace: bool = False) -> None:
    """Make a configuration a book: check it, put it where its unit looks, make its folders.

    A running daemon is not touched: it reads its configuration when it starts.

    Raises:
        Refused: The current release refuses it, or another one has its name already.
        UsageError: There is no such file.
    """
    machine, layout = site.machine, site.layout
    if not config.is_file():
        raise UsageError(f"{config}: must be a file")
    release = site.must_have()
    verdict = books.judge(machine, release, config)
    if verdict.faults:
        raise Refused(f"{config}: refused; rebalancer check {config} tells why")
    name = books.identity(config)
    target, content = layout.config / f"{name}.toml", config.read_bytes()
    with site.alone():
        if target.is_file() and target.read_bytes() != content and not replace:
            raise Refused(f"{target}: must be absent or the same; --replace writes over it")
        machine.file(target, content, 0o640, GROUP)
        machine.folder(layout.credentials / str(name), 0o700)
    if str(name) in site.services.running():
        machine.say(f"rebalancer@{name} runs and goes on with what it read; restart it yourself")
    machine.say(f"{name}: fingerprint {verdict.fingerprint}")
    if books.mode(config) in books.MONEY:
        options = f"RUN_OPTIONS=--live --confirm {verdict.fingerprint}"
        machine.say(f"to trade {target.with_suffix('.env')} must say {options}")
    machine.say(f"next:  systemctl enable --now rebalancer@{name}")


def _greet(site: Site) -> None:
    """Say what is unusual about the machine."""
    found = site.distribution()
    if found is not None and found not in TRIED:
        site.machine.say(f"note: tried on {', '.join(TRIED)}; this is {found}")
    if not site.services.there:
        site.machine.say("note: no systemd runs here; units are written, nothing is started")


def _user(site: Site) -> None:
    """Make the user that books run as."""
    machine = site.machine
    if machine.group(GROUP) is not None:
        return
    if not (machine.root / "etc/passwd").is_file():
        machine.say(f"note: no users below {machine.root}; everything there stays root's")
        return
    words = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    if not machine.real:
        words += ["--prefix", str(machine.root)]
    machine.call(
        ["useradd", *words, "--shell", "/usr/sbin/nologin", GROUP], f"make the user {GROUP}"
    )
