"""The installer's verbs on a played machine, ended at every point and run again."""

import contextlib
import shutil

import pytest

from deploy.installer import books, machine, systemd
from deploy.installer.installing import book, install
from deploy.installer.layout import Layout
from deploy.installer.machine import Failed, Machine, Refused
from deploy.installer.removing import uninstall
from deploy.installer.returning import rollback
from deploy.installer.switching import unfinished
from deploy.installer.telling import status
from deploy.installer.upgrading import TakenBack, upgrade
from rebalancer.errors import DataError, Unavailable, UsageError
from rebalancer.storage import ownership
from rebalancer.storage.sqlite import open_journal
from tests.deploy.stage import (
    UNIT,
    Killed,
    Played,
    copy,
    kill_points,
    open_site,
    snapshot,
    tree,
    with_book,
    write_journal,
)

OLD, NEW = "0.1.0", "0.2.0"
STAMP = "2026-01-30T07-15-00Z"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Wait for no disk: these machines lose no power."""
    monkeypatch.setattr(machine, "settle", lambda path: None)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


@pytest.fixture
def desk(root):
    """Return a machine with the old release, and two books that run on it."""
    played = Played(books={"btc-desk": OLD, "eth-desk": OLD})
    for name in played.books:
        with_book(root, name)
        write_journal(Layout(root), name, 2)
    install(open_site(root, played), tree(OLD))
    return played


def current(root):
    return open_site(root, Played()).current.name


def unit(root):
    return (Layout(root).units / "rebalancer@.service").read_text()


def copies(root, name):
    return sorted(path.name for path in (Layout(root).backups / name).glob("*"))


# ------------------------------------------------------------------------ install


def test_install(root):
    """Everything is where it belongs, and private where it must be."""
    with_book(root, "btc-desk")
    install(open_site(root, Played()), tree(OLD))
    layout = Layout(root)

    assert OLD == current(root)
    assert UNIT.format(OLD) == unit(root)
    assert (
        layout.releases / OLD / "bin"
        == layout.command.parent.joinpath(layout.command.readlink()).parent.resolve()
    )
    assert 0o750 == layout.config.stat().st_mode & 0o7777
    assert 0o640 == (layout.config / "btc-desk.toml").stat().st_mode & 0o7777
    assert 0o700 == (layout.credentials / "btc-desk").stat().st_mode & 0o7777


def test_install_twice(root, desk):
    """What is there is left alone."""
    before = snapshot(root)
    site = open_site(root, desk)
    install(site, tree(OLD))

    assert 0 == site.machine.changes
    assert before == snapshot(root)
    assert [] == desk.restarts


def test_install_repairs(root, desk):
    """What somebody changed or lost is put back; what is theirs is not touched."""
    layout, before = Layout(root), snapshot(root)
    (layout.units / "rebalancer@.service").write_text("[Service]\n")
    layout.command.unlink()
    layout.credentials.chmod(0o755)
    install(open_site(root, desk), tree(OLD))

    assert before == snapshot(root)


def test_install_is_no_upgrade(root, desk):
    """Another tree is refused: changing releases is a decision."""
    before = snapshot(root)
    with pytest.raises(Refused):
        install(open_site(root, desk), tree(NEW))

    assert before == snapshot(root)


@pytest.mark.parametrize("said", ["systemd 249 (249.11-0ubuntu3.12)", "systemd 250", "", "busy"])
def test_install_with_an_old_systemd(root, said):
    """A systemd that cannot hand a folder of keys to a book would start none."""
    with pytest.raises(Refused):
        install(open_site(root, Played(systemd=said)), tree(OLD))

    assert {} == snapshot(root)


@pytest.mark.parametrize("said", ["systemd 251 (251.4-1)", "systemd 257 (257.9-1~deb13u1)", None])
def test_install_with_a_new_systemd_or_none(root, said):
    """One that can is as good as none at all, where an image is made."""
    install(open_site(root, Played(systemd=said)), tree(OLD))

    assert OLD == current(root)


def test_dry_run(root):
    """A dry run tells and changes nothing."""
    played = Played()
    site = open_site(root, played, dry=True)
    install(site, tree(OLD))

    assert {} == snapshot(root)
    assert site.machine.changes
    assert [] == [line for line in played.told if line.startswith("make ")]


def test_dry_upgrade(root, desk):
    """So does that of an upgrade."""
    before = snapshot(root)
    upgrade(open_site(root, desk, dry=True), tree(NEW), STAMP)

    assert before == snapshot(root)
    assert [] == desk.restarts


def test_one_installer_at_a_time(root, desk):
    """A second installer does not begin."""
    with open_site(root, desk).alone(), pytest.raises(Unavailable):
        upgrade(open_site(root, desk), tree(NEW), STAMP)


def test_somebody_elses_command(root):
    """A file that is not ours is not replaced."""
    command = Layout(root).command
    command.parent.mkdir(parents=True)
    command.write_text("theirs")
    with pytest.raises(Refused):
        install(open_site(root, Played()), tree(OLD))

    assert "theirs" == command.read_text()


# --------------------------------------------------------------------------- book


def test_book(root, desk, tmp_path):
    """A configuration becomes a book under the name that it gives itself."""
    config = with_book(tmp_path / "elsewhere", "third")
    book(open_site(root, desk), config)
    layout = Layout(root)

    assert config.read_bytes() == (layout.config / "third.toml").read_bytes()
    assert 0o700 == (layout.credentials / "third").stat().st_mode & 0o7777
    assert [] == desk.restarts


@pytest.mark.parametrize(("mode", "asks"), [("paper", False), ("testnet", True), ("live", True)])
def test_book_for_money(root, desk, tmp_path, mode, asks):
    """Whoever adds a live book is told what lets it trade; nothing lets it by itself."""
    book(open_site(root, desk), with_book(tmp_path / "elsewhere", "third", mode=mode))

    assert asks == any("--live --confirm as-before" in line for line in desk.told)
    assert not (Layout(root).config / "third.env").exists()


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("third", f"refused by {OLD}", Refused),
        ("btc-desk", "another one", Refused),  # of that name there is one already
    ],
)
def test_book_refused(root, desk, tmp_path, name, text, fault):
    """What the program refuses, and what would replace a book unasked, is not put there."""
    before = snapshot(root)
    with pytest.raises(fault):
        book(open_site(root, desk), with_book(tmp_path / "elsewhere", name, text))

    assert before == snapshot(root)


def test_book_absent(root, desk, tmp_path):
    """A file that is not there is the caller's mistake."""
    with pytest.raises(UsageError):
        book(open_site(root, desk), tmp_path / "nothing.toml")


# ------------------------------------------------------------------------ upgrade


def test_upgrade(root, desk):
    """Each journal is copied, books that run are restarted one by one, the old release stays."""
    upgrade(open_site(root, desk), tree(NEW), STAMP)
    site = open_site(root, desk)

    assert NEW == current(root)
    assert UNIT.format(NEW) == unit(root)
    assert {"btc-desk": NEW, "eth-desk": NEW} == desk.books
    assert [("btc-desk", NEW), ("eth-desk", NEW)] == desk.restarts
    assert [f"{STAMP}-before-{NEW}.sqlite"] == copies(root, "eth-desk")
    assert None is unfinished(site.layout)
    assert "releases/0.1.0" == str(site.layout.previous.readlink())


def test_unit_that_a_release_no_longer_has(root):
    """It goes with the release that had it, and comes back with it; an admin's own stays."""
    played, units = Played(with_timer=OLD), Layout(root).units
    install(open_site(root, played), tree(OLD))
    (units / "theirs.timer").touch()
    upgrade(open_site(root, played), tree(NEW), STAMP)

    assert ["rebalancer@.service", "theirs.timer"] == sorted(path.name for path in units.iterdir())

    rollback(open_site(root, played), None, STAMP)

    assert (units / "rebalancer-old.timer").is_file()


def test_stopped_book_stays_down(root, desk):
    """A book that does not run is not started."""
    del desk.books["eth-desk"]
    upgrade(open_site(root, desk), tree(NEW), STAMP)

    assert {"btc-desk": NEW} == desk.books


def test_upgrade_to_itself(root, desk):
    """The same tree changes nothing and restarts nobody."""
    before = snapshot(root)
    upgrade(open_site(root, desk), tree(OLD), STAMP)

    assert before == snapshot(root)
    assert [] == desk.restarts


def test_same_version_of_another_tree(root, desk):
    """What is called the same and is not gets a name of its own."""
    upgrade(open_site(root, desk), tree(OLD, "feed" * 16), STAMP)

    assert f"{OLD}-feedfeed" == current(root)


def test_upgrade_refused_configuration(root, desk):
    """A configuration that the new code refuses stops it before anything is touched."""
    with_book(root, "eth-desk", f"refused by {NEW}")
    with pytest.raises(Refused) as refused:
        upgrade(open_site(root, desk), tree(NEW), STAMP)

    assert "eth-desk: band.kind: must be newer, was old" in str(refused.value)
    assert OLD == current(root)
    assert UNIT.format(OLD) == unit(root)
    assert [] == desk.restarts
    assert [] == copies(root, "btc-desk")


def trading(root, text="", confirmed="as-before", mode="live", env=None):
    """Let eth-desk be a book that trades, with what its journal and its options confirm."""
    config = with_book(root, "eth-desk", text, mode=mode)
    write_journal(Layout(root), "eth-desk", 2, confirmed)
    if env is not None:
        config.with_suffix(".env").write_text(env)


OTHER = f"means {OLD}: other means {NEW}: other"  # as a file that was edited


@pytest.mark.parametrize("mode", ["live", "testnet"])
@pytest.mark.parametrize(
    ("text", "env"),
    [
        (f"means {NEW}: other", None),  # the new release gives it another one
        (f"means {NEW}: other", "RUN_OPTIONS=--live --confirm as-before\n"),
        (f"means {NEW}: other", "RUN_OPTIONS=--live --confirm other\n"),  # not to be taken back
        (OTHER, None),  # it was edited, and nobody confirmed it
        (OTHER, "RUN_OPTIONS=--live\n"),
        (OTHER, "RUN_OPTIONS=--live --confirm as-before\n"),
        (OTHER, "RUN_OPTIONS=--live --confirm other\nRUN_OPTIONS=--live\n"),
        ("", "RUN_OPTIONS=--live --confirm other\n"),  # what it had before, and no longer has
    ],
)
def test_trading_book_would_wait(root, desk, text, env, mode):
    """A running book that would ask to be confirmed is not restarted into waiting."""
    trading(root, text, mode=mode, env=env)
    with pytest.raises(Refused):
        upgrade(open_site(root, desk), tree(NEW), STAMP)

    assert [] == desk.restarts
    assert OLD == current(root)
    assert UNIT.format(OLD) == unit(root)
    assert [] == copies(root, "eth-desk")


@pytest.mark.parametrize(
    ("text", "env"),
    [
        ("", None),
        ("", "# RUN_OPTIONS=--live --confirm other\nRUN_OPTIONS=--live\n"),
        ("", "RUN_OPTIONS=--live --confirm=as-before\n"),
        (OTHER, "RUN_OPTIONS=--live --confirm other\n"),
        (OTHER, 'RUN_OPTIONS="--live \\\n  --confirm other"\n'),
    ],
)
def test_trading_book_is_confirmed(root, desk, text, env):
    """One that is confirmed, by its journal or its options, is upgraded as any other."""
    trading(root, text, env=env)
    upgrade(open_site(root, desk), tree(NEW), STAMP)

    assert {"btc-desk": NEW, "eth-desk": NEW} == desk.books


@pytest.mark.parametrize("env", ['RUN_OPTIONS="--live\n', b"RUN_OPTIONS=\xff\n"])
def test_options_that_cannot_be_read(root, desk, env):
    """What nobody can read confirms nothing."""
    trading(root)
    (Layout(root).config / "eth-desk.env").write_bytes(
        env if isinstance(env, bytes) else env.encode()
    )
    with pytest.raises(DataError):
        upgrade(open_site(root, desk), tree(NEW), STAMP)

    assert [] == desk.restarts


def test_trading_book_turned_to_paper(root, desk):
    """A book that trades now, and whose file says paper, is one that was edited."""
    trading(root, OTHER, mode="paper")
    with pytest.raises(Refused):
        upgrade(open_site(root, desk), tree(NEW), STAMP)

    assert [] == desk.restarts


def test_stopped_book_may_wait(root, desk):
    """What was refused is done as it says: stopped, upgraded, confirmed, started."""
    trading(root, f"means {NEW}: other")
    del desk.books["eth-desk"]
    upgrade(open_site(root, desk), tree(NEW), STAMP)

    assert {"btc-desk": NEW} == desk.books


def test_what_was_confirmed(tmp_path):
    """The installer finds what the program keeps of a confirmation, while a book runs."""
    path = tmp_path / "journal.sqlite"
    before = books.permitted(path)
    journal = open_journal(path)
    empty = books.permitted(path)
    ownership.permit(journal, "3f9a1c0be77d2a45")
    kept = books.permitted(path)
    journal.close()

    assert (None, None, "3f9a1c0be77d2a45") == (before, empty, kept)


def test_paper_book_does_not_wait(root, desk):
    """Nobody confirms a paper book."""
    with_book(root, "eth-desk", f"means {NEW}: other")
    upgrade(open_site(root, desk), tree(NEW), STAMP)

    assert {"btc-desk": NEW, "eth-desk": NEW} == desk.books


def test_taken_back(root, desk):
    """A book that does not come up takes the upgrade back, and every book runs as before."""
    with_book(root, "eth-desk", f"dies on {NEW}")
    with pytest.raises(TakenBack) as told:
        upgrade(open_site(root, desk), tree(NEW), STAMP)

    assert Unavailable.exit_code == told.value.exit_code
    assert OLD == current(root)
    assert UNIT.format(OLD) == unit(root)
    assert {"btc-desk": OLD, "eth-desk": OLD} == desk.books
    assert None is unfinished(Layout(root))
    assert not Layout(root).previous.is_symlink()


def test_taken_back_in_vain(root, desk):
    """Where the old release does not help either, that is said; the next run knows the books."""
    with_book(root, "btc-desk", f"dies on {NEW}, dies on {OLD}")
    with pytest.raises(TakenBack) as told:
        upgrade(open_site(root, desk), tree(NEW), STAMP)

    assert "DOWN" in str(told.value)
    assert OLD == current(root)
    assert ("btc-desk", "eth-desk") == unfinished(Layout(root)).books


def test_hanging_book_is_taken_back(root, desk):
    """A book that begins and is never ready did not come back; every book runs as before."""
    with_book(root, "eth-desk", f"hangs on {NEW}")
    with pytest.raises(TakenBack):
        upgrade(open_site(root, desk), tree(NEW), STAMP)

    assert OLD == current(root)
    assert UNIT.format(OLD) == unit(root)
    assert {"btc-desk": OLD, "eth-desk": OLD} == desk.books
    assert [] == desk.beginning
    assert None is unfinished(Layout(root))


def test_hanging_book_is_no_finished_one(root, desk):
    """An upgrade that was ended while a book hung is not done with it: it is tried again."""
    with_book(root, "eth-desk", f"hangs on {NEW}")
    for ends in range(1, 100):
        now, copied = copy(desk), root.with_name(f"root-{ends}")
        shutil.copytree(root, copied, symlinks=True)
        with contextlib.suppress(Killed, TakenBack):
            upgrade(open_site(copied, now, kill_at=ends), tree(NEW), STAMP)
        if now.beginning:
            break
    assert ["eth-desk"] == now.beginning

    with pytest.raises(TakenBack):
        upgrade(open_site(copied, now), tree(NEW), STAMP)

    assert {"btc-desk": OLD, "eth-desk": OLD} == now.books
    assert [] == now.beginning


@pytest.mark.waits(0.3)
def test_restart_that_does_not_end(tmp_path, monkeypatch):
    """A service manager that does not answer in time has not brought the book back."""
    program = tmp_path / "systemctl"
    program.write_text('#!/bin/sh\ncase "$*" in restart*) exec sleep 30;; esac\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(systemd, "START", 0.3)
    services = systemd.Services(Machine(tmp_path), Layout(tmp_path), 0.0)

    assert not services.restart("btc-desk")


def test_migration_needs_a_word(root, desk):
    """Tables that the old release cannot read are no surprise after the fact."""
    desk.migrates[NEW] = 3
    with pytest.raises(DataError):
        upgrade(open_site(root, desk), tree(NEW), STAMP)

    assert OLD == current(root)
    assert [] == desk.restarts

    upgrade(open_site(root, desk), tree(NEW), STAMP, migrate=True)

    assert NEW == current(root)


def test_migrated_is_not_taken_back(root, desk):
    """Once a journal was migrated the old release would lose what was booked since: it stays."""
    desk.migrates[NEW] = 3
    with_book(root, "eth-desk", f"dies on {NEW}")
    with pytest.raises(DataError) as told:
        upgrade(open_site(root, desk), tree(NEW), STAMP, migrate=True)

    assert "DOWN" in str(told.value)
    assert NEW == current(root)
    assert ("btc-desk", NEW) == desk.restarts[0]
    assert {"btc-desk": NEW} == desk.books


def test_damaged_journal(root, desk):
    """A journal that cannot be read stops it: it could not be copied."""
    Layout(root).journal("btc-desk").write_bytes(b"not a journal" * 100)
    with pytest.raises(DataError):
        upgrade(open_site(root, desk), tree(NEW), STAMP)

    assert OLD == current(root)
    assert [] == desk.restarts


def test_few_copies_and_releases_stay(root, desk):
    """Of copies the newest three stay, of releases the present one and the one before."""
    for number in range(2, 7):
        upgrade(open_site(root, desk), tree(f"0.{number}.0"), f"2026-01-0{number}T00-00-00Z")

    assert [f"2026-01-0{n}T00-00-00Z-before-0.{n}.0.sqlite" for n in (4, 5, 6)] == copies(
        root, "btc-desk"
    )
    assert ["0.5.0", "0.6.0"] == sorted(p.name for p in Layout(root).releases.iterdir())


def test_upgrade_of_nothing(root):
    """Where nothing is installed there is nothing to upgrade."""
    with pytest.raises(Refused):
        upgrade(open_site(root, Played()), tree(NEW), STAMP)


# ----------------------------------------------------------------------- rollback


def test_rollback(root, desk):
    """The release before is current again, with its units, and the books run on it."""
    upgrade(open_site(root, desk), tree(NEW), STAMP)
    rollback(open_site(root, desk), None, STAMP)

    assert OLD == current(root)
    assert UNIT.format(OLD) == unit(root)
    assert {"btc-desk": OLD, "eth-desk": OLD} == desk.books
    assert 2 == len(copies(root, "btc-desk"))
    with pytest.raises(Refused):
        rollback(open_site(root, desk), None, STAMP)  # nothing lies before it
    rollback(open_site(root, desk), NEW, STAMP)
    assert NEW == current(root)


def test_rollback_refused_configuration(root, desk):
    """The old code is asked as well: a key that it does not know would stop its book."""
    upgrade(open_site(root, desk), tree(NEW), STAMP)
    with_book(root, "eth-desk", f"refused by {OLD}")
    with pytest.raises(Refused):
        rollback(open_site(root, desk), None, STAMP)

    assert NEW == current(root)
    assert {"btc-desk": NEW, "eth-desk": NEW} == desk.books


def test_rollback_behind_a_migration(root, desk):
    """A journal is never brought back to older tables; what can be done is told."""
    desk.migrates[NEW] = 3
    upgrade(open_site(root, desk), tree(NEW), STAMP, migrate=True)
    aside = Layout(root).state / "btc-desk/journal.schema-2.sqlite"
    aside.touch()
    with pytest.raises(DataError) as told:
        rollback(open_site(root, desk), None, STAMP)

    assert str(aside) in str(told.value)
    assert "journal restore" in str(told.value)
    assert NEW == current(root)
    assert {"btc-desk": NEW, "eth-desk": NEW} == desk.books


def test_rollback_that_fails(root, desk):
    """A book that is down after it is named, and the next run tries it again."""
    upgrade(open_site(root, desk), tree(NEW), STAMP)
    with_book(root, "btc-desk", f"dies on {OLD}")
    with pytest.raises(Failed):
        rollback(open_site(root, desk), None, STAMP)
    with_book(root, "btc-desk")
    rollback(open_site(root, desk), None, STAMP)

    assert {"btc-desk": OLD, "eth-desk": OLD} == desk.books
    assert None is unfinished(Layout(root))


@pytest.mark.parametrize("mode", ["live", "testnet"])
def test_rollback_of_a_trading_book(root, desk, mode):
    """A running book that would ask to be confirmed stays up; what to do is told, and works."""
    trading(root, f"means {NEW}: other", confirmed="other", mode=mode)
    del desk.books["eth-desk"]
    upgrade(open_site(root, desk), tree(NEW), STAMP)
    desk.books["eth-desk"] = NEW  # stopped, upgraded, confirmed, started
    desk.restarts.clear()
    with pytest.raises(Refused) as refused:
        rollback(open_site(root, desk), None, STAMP)

    assert NEW == current(root)
    assert {"btc-desk": NEW, "eth-desk": NEW} == desk.books
    assert [] == desk.restarts
    steps = (
        "systemctl stop rebalancer@eth-desk",
        "rollback 0.1.0",
        "eth-desk.env",
        "systemctl start",
    )
    places = [str(refused.value).find(step) for step in steps]
    assert sorted(places) == places
    assert -1 not in places

    del desk.books["eth-desk"]
    rollback(open_site(root, desk), None, STAMP)
    assert {"btc-desk": OLD} == desk.books


def test_rollback_of_what_was_interrupted(root, desk):
    """Nothing stands in the way of a book that a broken switch left down."""
    trading(root)
    with_book(root, "btc-desk", f"hangs on {NEW}, hangs on {OLD}")
    with pytest.raises(TakenBack):
        upgrade(open_site(root, desk), tree(NEW), STAMP)
    trading(root, OTHER)
    with_book(root, "btc-desk")
    rollback(open_site(root, desk), None, STAMP)

    assert {"btc-desk": OLD, "eth-desk": OLD} == desk.books


@pytest.mark.parametrize("name", ["../../etc", ".", "0.9.9"])
def test_rollback_to_what_is_not_there(root, desk, name):
    """Only an installed release can be named."""
    with pytest.raises((Refused, UsageError)):
        rollback(open_site(root, desk), name, STAMP)


# ---------------------------------------------------------------------- uninstall


def test_uninstall_of_a_running_book(root, desk):
    """A book that runs is not stopped unasked."""
    before = snapshot(root)
    with pytest.raises(Unavailable):
        uninstall(open_site(root, desk))

    assert before == snapshot(root)
    assert {"btc-desk", "eth-desk"} == set(desk.books)


def test_uninstall(root, desk):
    """The program goes; configurations, credentials and journals stay, and that is said."""
    timer = "rebalancer-backup@btc-desk.timer"
    wants = Layout(root).overrides / "timers.target.wants"
    wants.mkdir(parents=True)
    (wants / timer).symlink_to("nowhere")
    desk.beside = [timer]
    uninstall(open_site(root, desk), stop=True)
    layout = Layout(root)

    assert ({}, []) == (desk.books, desk.beside)
    assert [] == list(wants.iterdir())
    assert not layout.home.exists()
    assert not layout.units.exists()
    assert not layout.command.is_symlink()
    assert not layout.installer.is_symlink()
    assert (layout.config / "btc-desk.toml").is_file()
    assert layout.credentials.is_dir()
    assert layout.journal("btc-desk").is_file()
    assert any(str(layout.state) in line for line in desk.told if line.startswith("kept: "))


def test_purge(root, desk):
    """Told to, everything goes, and a second time nothing is left to do."""
    uninstall(open_site(root, desk), stop=True, purge=True)
    left = {name for name, what in snapshot(root).items() if " b'" in what or "->" in what}
    site = open_site(root, desk)
    uninstall(site, purge=True)

    assert 0 == site.machine.changes
    assert set() == left
    assert not Layout(root).config.exists()
    assert not Layout(root).state.exists()


# ------------------------------------------------------------------------- status


def test_status(root, desk):
    """All is well, or what is amiss is named."""
    assert status(open_site(root, desk))

    (Layout(root).units / "rebalancer@.service").write_text("[Service]\n")
    desk.books["btc-desk"] = "0.0.9"
    with_book(root, "eth-desk", f"refused by {OLD}")
    desk.told.clear()

    assert not status(open_site(root, desk))
    assert 3 == len([line for line in desk.told if line.startswith("amiss")])


# -------------------------------------------------------------------- interrupted


def _install(site):
    install(site, tree(OLD))


def _upgrade(site):
    upgrade(site, tree(NEW), STAMP)


def _failing(site):
    with pytest.raises(TakenBack):
        upgrade(site, tree(NEW), STAMP)


def _rollback(site):
    rollback(site, OLD, STAMP)


def _uninstall(site):
    uninstall(site, stop=True)


@pytest.mark.parametrize(
    ("verb", "least"),
    [(_install, 20), (_upgrade, 20), (_rollback, 15), (_uninstall, 10)],
)
def test_killed_anywhere(tmp_path, monkeypatch, verb, least):
    """Ended at any point and run again, a verb ends as if it had not been ended."""
    begun, played = tmp_path / "begun", Played(books={"btc-desk": OLD, "eth-desk": OLD})
    for name in played.books:
        with_book(begun, name)
        write_journal(Layout(begun), name, 2)
    if verb is not _install:
        install(open_site(begun, played), tree(OLD))
    if verb is _rollback:
        upgrade(open_site(begun, played), tree(NEW), STAMP)
    wanted, ends = None, 0
    while True:
        root, now = tmp_path / f"root-{ends}", copy(played)
        shutil.copytree(begun, root, symlinks=True)
        site = open_site(root, now, kill_at=ends or None)
        with monkeypatch.context() as patched:
            kill_points(patched, site)
            try:
                verb(site)
            except Killed:
                _must_be_startable(root, now, verb)
                verb(open_site(root, now))
            else:
                if wanted is not None:
                    break
        if wanted is None:
            wanted = (snapshot(root), now.books)
        assert wanted == (snapshot(root), now.books), f"ended at {ends}"
        ends += 1
        shutil.rmtree(root)

    assert least <= ends


def _must_be_startable(root, played, verb):
    """Whatever is started now finds a whole release; a book that is down is not forgotten."""
    site = open_site(root, played)
    if verb in (_install, _uninstall):
        return
    assert site.current is not None
    down = {"btc-desk", "eth-desk"} - set(played.books)
    begun = unfinished(site.layout)
    assert down <= set(begun.books if begun else ())


def test_killed_while_taking_back(root, desk, monkeypatch):
    """An upgrade that fails, ended anywhere, is taken back by the next run or by rollback."""
    with_book(root, "eth-desk", f"dies on {NEW}")
    begun = root.with_name("begun")
    shutil.copytree(root, begun, symlinks=True)
    for ends in range(1, 200):
        shutil.rmtree(root)
        shutil.copytree(begun, root, symlinks=True)
        now = copy(desk)
        site = open_site(root, now, kill_at=ends)
        with monkeypatch.context() as patched:
            kill_points(patched, site)
            try:
                _failing(site)
            except Killed:
                pass
            else:
                break
            if unfinished(Layout(root)) is not None:
                rollback(open_site(root, now), None, STAMP)
        assert {"btc-desk": OLD, "eth-desk": OLD} == now.books, f"ended at {ends}"
        assert OLD == current(root)
        assert UNIT.format(OLD) == unit(root)

    assert 30 <= ends
