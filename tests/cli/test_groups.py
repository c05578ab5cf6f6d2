"""Groups of commands: each is where the table says, and costs only what it needs."""

import subprocess
import sys
from importlib import import_module

import pytest
import typer

from rebalancer.cli.app import GROUPS

LOADED = """
import sys
from rebalancer.cli.app import gather
gather(sys.argv[1:])
print(*(name for name in ("ccxt", "scipy", "rebalancer.wiring") if name in sys.modules))
"""


@pytest.mark.parametrize("group", GROUPS)
def test_table(group):
    """The commands of a group are those that it registers."""
    app = typer.Typer()
    import_module(f"rebalancer.cli.{group}").register(app)

    commands = (each.name or each.callback.__name__ for each in app.registered_commands)
    groups = (each.typer_instance.info.name for each in app.registered_groups)
    assert GROUPS[group] == (*commands, *groups)


@pytest.mark.parametrize(
    ("arguments", "loaded"),
    [
        (("status",), ""),
        (("panic",), ""),
        (("--help", "why"), ""),
        (("alert", "test"), "scipy"),  # settings are made with it
        (("greeks",), "scipy"),
        (("journal", "check"), ""),
        (("events",), ""),
        (("logs",), ""),
        (("init",), "scipy"),
        (("--version",), ""),
        (("demo",), "scipy rebalancer.wiring"),  # its venues are played
        (("run",), "scipy rebalancer.wiring"),  # until its venues are known to be real
        (("doctor",), "ccxt scipy"),
        (("nothing",), "ccxt scipy rebalancer.wiring"),
        ((), "ccxt scipy rebalancer.wiring"),
    ],
)
def test_loaded(arguments, loaded):
    """Who asks a book how it stands does not load what a book runs on."""
    ran = subprocess.run(
        [sys.executable, "-c", LOADED, *arguments], capture_output=True, text=True, check=True
    )

    assert loaded == ran.stdout.strip()
