"""The floors of the house hold, and the contracts that guard them would notice a breach."""

import subprocess
import sys
import tomllib

import pytest

from tests.architecture.tree import ROOT

CONFIG = ROOT / "pyproject.toml"
LINT = "from importlinter.cli import lint_imports_command as lint; lint()"
FLOORS = (
    *("cli", "simulation", "research", "wiring", "runtime", "venues", "storage", "recordings"),
    *("ops", "exchange", "market", "wire", "ports", "settings", "core", "errors"),
)


def lint(folder, *options):
    """Run the contracts on the package in `folder`; return exit code and report."""
    ran = subprocess.run(
        [sys.executable, "-c", LINT, "--config", str(CONFIG), "--no-cache", *options],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
    )
    return ran.returncode, ran.stdout + ran.stderr


def plant(folder, **sources):
    """Write a package with every floor, empty but for `sources` (dots as double underscores)."""
    for name in ("", *FLOORS):
        place = folder / "rebalancer" / name
        place.mkdir(parents=True, exist_ok=True)
        (place / "__init__.py").touch()
    for name in ("instruments", "events"):
        (folder / "rebalancer" / "core" / f"{name}.py").touch()
    for name, source in sources.items():
        path = folder.joinpath("rebalancer", *name.split("__")).with_suffix(".py")
        path.write_text(source + "\n", encoding="utf-8")


def test_package():
    """Every contract is kept."""
    code, report = lint(ROOT)

    assert 0 == code, report


def test_contracts_have_ids():
    """Every contract can be run by itself."""
    tools = tomllib.loads(CONFIG.read_text(encoding="utf-8"))["tool"]
    contracts = tools["importlinter"]["contracts"]

    assert len(contracts) == len({contract["id"] for contract in contracts})


def test_empty_house(tmp_path):
    """A package with all its floors and nothing on them keeps every contract."""
    plant(tmp_path)
    code, report = lint(tmp_path)

    assert 0 == code, report


def test_allowed(tmp_path):
    """What the design allows breaks nothing."""
    plant(
        tmp_path,
        cli__run="from rebalancer import wiring, simulation",
        simulation__server="from rebalancer import wiring",
        wiring__live="from rebalancer.venues import orders",
        venues__orders="import ccxt\nfrom rebalancer.wire import deribit",
        wire__deribit="import datetime, msgspec\nfrom rebalancer.core import events",
        storage__journal="import sqlite3, psycopg\nfrom rebalancer import ports",
        runtime__schedule="import apscheduler, asyncio, time\nfrom rebalancer import ops",
        market__surface="import numpy\nfrom rebalancer.core import events",
        exchange__margin="from rebalancer.core.instruments import Instrument\nimport numpy",
        core__pricing="import numpy, scipy, math, decimal\nfrom rebalancer import errors",
    )
    code, report = lint(tmp_path)

    assert 0 == code, report


@pytest.mark.parametrize(
    ("contract", "module", "source"),
    [
        ("floors", "core__band", "from rebalancer import settings"),
        ("floors", "errors__tree", "from rebalancer.core import events"),
        ("floors", "exchange__book", "from rebalancer import market"),
        ("floors", "storage__journal", "from rebalancer import ops"),
        ("floors", "runtime__engine", "from rebalancer import wiring"),
        ("floors", "settings__read", "from rebalancer import ports"),
        ("floors", "research__replay", "from rebalancer import simulation"),
        ("floors", "surprise", ""),  # a new module must be given a floor
        *(
            ("pure", f"{package}__deep", f"import {name}")
            for package in ("core", "exchange", "market")
            for name in ("asyncio", "time", "logging", "socket.timeout")
        ),
        *(
            ("pure", "core__band", f"import {name}")
            for name in ("ccxt", "datetime", "random", "os.path", "threading", "structlog")
        ),
        ("pure", "core__band", "from concurrent.futures import Future"),
        ("pure", "core__band", "def f():\n    import time"),
        ("pure-wire", "wire__deribit", "import time"),
        ("pure-wire", "wire__deribit", "import ccxt"),
        ("oracle", "exchange__margin", "from rebalancer.core import events"),
        ("oracle", "exchange__margin", "from rebalancer.core.events import Fill"),
        ("oracle", "exchange__margin", "import rebalancer.core"),
        ("loopback", "simulation__server", "from rebalancer.wire import deribit"),
        ("ccxt", "runtime__engine", "import ccxt.pro"),
        ("scheduler", "ops__status", "from apscheduler.schedulers import asyncio"),
        ("database", "runtime__lease", "import sqlite3"),
        ("database", "research__replay", "import psycopg"),
    ],
)
def test_broken(tmp_path, contract, module, source):
    """Each breach of the floors is noticed by the contract that is there for it."""
    plant(tmp_path, wire__deribit="", core__events="Fill = 1")
    plant(tmp_path, **{module: source})
    code, report = lint(tmp_path, "--contract", contract)

    assert (1, True) == (code, "BROKEN" in report), report
