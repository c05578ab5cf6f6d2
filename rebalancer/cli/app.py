"""The `rebalancer` command: gathers the groups and turns errors into exit codes.

A group is imported when one of its commands is asked for: whoever asks a book
how it stands does not wait until everything is loaded that a book runs on.
"""

import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Annotated

import typer

from rebalancer import __version__
from rebalancer.cli import outlets
from rebalancer.errors import Defect, RebalancerError, Unavailable

USAGE = 64
USAGE_OF_TYPER = 2
GROUPS: Mapping[str, tuple[str, ...]] = {
    "book": ("demo", "run"),
    "checking": ("check",),
    "live": ("doctor",),
    "alerting": ("alert",),
    "replaying": ("replay",),
    "running": (
        *("status", "positions", "orders"),
        *("pause", "resume", "reduce", "kill", "arm", "adopt", "reconcile"),
    ),
    "tuning": ("set",),
    "watching": ("top",),
    "panicking": ("panic",),
    "why": ("why",),
    "margins": ("guards", "stress"),
    "bands": ("band",),
    "journal": ("journal",),
    "pricing": ("greeks",),
    "size": ("size",),
    "overlaying": ("overlay",),
    "ratios": ("ratio",),
    "smile": ("smile",),
    "simulating": ("simulate",),
    "sweeping": ("sweep",),
    "events": ("events",),
    "logs": ("logs",),
    "init": ("init",),
}

app = typer.Typer(
    name="rebalancer",
    help="Keep a crypto portfolio's net delta inside a tolerance band.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def gather(arguments: Sequence[str]) -> None:
    """Register the group whose command is asked for, or every group where none is.

    Who asks for the version alone asks for none.
    """
    asked = next((each for each in arguments if not each.startswith("-")), None)
    if asked is None and "--version" in arguments:
        return
    groups = [name for name, commands in GROUPS.items() if asked in commands]
    for name in groups or GROUPS:
        import_module(f"rebalancer.cli.{name}").register(app)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rebalancer {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print it and leave."),
    ] = False,
) -> None:
    """Keep a crypto portfolio's net delta inside a tolerance band."""


def main() -> None:
    """Run the command line; leaves the process with the code of the outcome."""
    outlets.guard()
    code = _run()
    try:
        sys.stdout.flush()
    except OSError as error:
        code = _lost(error)
    sys.exit(code)


def _run() -> int | str | None:
    try:
        gather(sys.argv[1:])
        outlets.listen()
        app()
    except SystemExit as left:
        return USAGE if left.code == USAGE_OF_TYPER else left.code
    except RebalancerError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except OSError as error:
        return _lost(error)
    except Exception:  # noqa: BLE001 - a bug: say all that is known, and say that it is one
        traceback.print_exc()
        return Defect.exit_code
    return 0


def _lost(error: OSError) -> int:
    """Return the code for output that nobody takes, and let the rest of it go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):  # the reader of a pipe left; nothing to tell it
        return 0
    sys.stderr.write(f"{error.filename or 'output'}: {error.strerror}\n")
    return Unavailable.exit_code
