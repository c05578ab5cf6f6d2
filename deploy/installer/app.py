"""The command line of the installer, and what a fault ends with."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from deploy.installer import source
from deploy.installer.installing import book, install
from deploy.installer.machine import must_be_root
from deploy.installer.removing import uninstall
from deploy.installer.returning import rollback
from deploy.installer.site import Site, opened
from deploy.installer.telling import status
from deploy.installer.upgrading import upgrade
from rebalancer.errors import RebalancerError, UsageError

TREE = Path(__file__).resolve().parents[2]
READING = ("status", "wheels")
EPILOG = """\
from a checkout:   deploy/install install            the first time
                   deploy/install upgrade            from a newer checkout
afterwards:        rebalancer-install book FILE      a configuration becomes a book
                   rebalancer-install rollback
without a network: deploy/install wheels DIR         where there is one
                   deploy/install install --wheels DIR

Exit codes: 0 ok, 1 status found something amiss, 64 usage, 65 a journal, 70 bug,
75 a step or a book failed and may be tried again, 77 not root, 78 configuration.
"""


class Parser(argparse.ArgumentParser):
    """Tells a wrong command line as everything else is told."""

    def error(self, message: str) -> NoReturn:
        """Refuse."""
        raise UsageError(f"install: {message}; --help says how")


def main() -> NoReturn:
    """Run the installer; leaves the process with the code of the outcome."""
    try:
        sys.exit(_run(sys.argv[1:]))
    except RebalancerError as e:
        sys.stderr.write(f"{e}\n")
        sys.exit(e.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("install: interrupted; run it again\n")
        sys.exit(75)


def _run(words: list[str]) -> int:
    told = _parser().parse_args(words)
    if told.root == Path("/") and told.verb not in READING and not told.dry_run:
        must_be_root()
    wheels = None if told.verb == "wheels" else getattr(told, "wheels", None)
    if wheels is not None and not wheels.is_dir():
        raise UsageError(f"--wheels {wheels}: must be a folder")
    if not told.root.is_dir():
        raise UsageError(f"--root {told.root}: must be a folder")
    settles = getattr(told, "settle", 0.0)
    site = opened(told.root.resolve(), dry=told.dry_run, wheels=wheels, settles=settles)
    return _do(site, told)


def _do(site: Site, told: argparse.Namespace) -> int:
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    if told.verb == "install":
        install(site, source.read(TREE))
    elif told.verb == "upgrade":
        upgrade(site, source.read(TREE), stamp, migrate=told.migrate)
    elif told.verb == "rollback":
        rollback(site, told.release, stamp)
    elif told.verb == "book":
        book(site, told.config, replace=told.replace)
    elif told.verb == "uninstall":
        uninstall(site, purge=told.purge, stop=told.stop)
    elif told.verb == "wheels":
        site.maker.fetch(source.read(TREE), told.folder)
    else:
        return 0 if status(site, as_json=told.json) else 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="install",
        description="Install, upgrade, roll back or uninstall rebalancer on Debian or Ubuntu.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    verb = {name: verbs.add_parser(name, help=what, description=what) for name, what in VERBS}
    for each in verb.values():
        each.add_argument("--root", type=Path, default=Path("/"), help="another root than /")
        each.add_argument("--dry-run", action="store_true", help="say what would be done")
    for name in ("install", "upgrade"):
        verb[name].add_argument("--wheels", type=Path, help="take packages from a folder only")
    for name in ("upgrade", "rollback"):
        verb[name].add_argument(
            *("--settle",), type=float, default=10.0, help="s that a restarted book must stay up"
        )
    verb["upgrade"].add_argument(
        *("--migrate",),
        action="store_true",
        help="even if the present release cannot read journals",
    )
    verb["rollback"].add_argument("release", nargs="?", help="which; the one before when left out")
    verb["book"].add_argument("config", type=Path, help="TOML file")
    verb["book"].add_argument("--replace", action="store_true", help="write over another one")
    verb["uninstall"].add_argument(
        *("--purge",), action="store_true", help="configurations, credentials and journals as well"
    )
    verb["uninstall"].add_argument("--stop", action="store_true", help="stop books that run")
    verb["wheels"].add_argument("folder", type=Path, help="where to")
    verb["status"].add_argument("--json", action="store_true", help="print JSON")
    return parser


VERBS = (
    ("install", "put this release on the machine, or see to it that all of it is there"),
    ("upgrade", "change to the release of this tree; books that run are restarted one by one"),
    ("rollback", "go back to the release before"),
    ("uninstall", "take the program away; configurations, credentials and journals stay"),
    ("book", "make a configuration a book: check it and put it where its unit looks"),
    ("status", "what is installed and how every book stands"),
    ("wheels", "fetch every package into a folder, for a machine without a network"),
)
