"""`run --live`, from outside: who may trade for money, and who goes on doing so unattended."""

from pathlib import Path

import pytest

from rebalancer.cli.trading import refuse_unfit
from rebalancer.errors import ConfigError
from rebalancer.settings import load
from rebalancer.venues.findings import Finding, Grade
from tests.end_to_end.standing import command, daemon, fingerprint, venues

CONFIG = Path(__file__).parents[2] / "config"
DESK = str(CONFIG / "demo-deribit.toml")


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    with venues(DESK, str(tmp_path_factory.mktemp("stand")), "--wild") as opened:
        yield opened


def refused(played, *options):
    """Return the exit code of a start that must not come to trade, and its last words."""
    told = command(
        *(played, "run", str(played.config), "--live", *options),
        *("--state", str(played.folder / "state")),
    )
    return told.returncode, told.stderr.splitlines()[-2:]


@pytest.mark.waits(60)
def test_go_live(played):
    """A person confirms once; after that a start needs nobody, until the settings change."""
    name = fingerprint(played)
    must = f"  --confirm: must be the fingerprint of this file ({name})"

    assert (78, ["demo-deribit: 1 fault", f"{must}, was missing"]) == refused(played)
    assert 78 == refused(played, "--confirm", "0123456789abcdef")[0]
    assert {"deribit": 0} == played.ask(ask="count")

    with daemon(played, "--confirm", name) as first:
        first.until("order.filled")
        assert 0 == first.stop()
    assert {"deribit": []} == played.ask(ask="orders")

    with daemon(played) as second:
        second.until("state.changed", state="active")
        assert 0 == second.stop()

    text = played.config.read_text(encoding="utf-8")
    played.config.write_text(text.replace("order = 5.0", "order = 4.5"), encoding="utf-8")
    other = fingerprint(played)
    code, words = refused(played)
    played.config.write_text(text, encoding="utf-8")
    assert 78 == code
    assert words[-1].endswith(f"({other}), was missing; confirmed was {name}")


@pytest.mark.parametrize(
    ("config", "options", "fault"),
    [
        ("paper.toml", ("--live",), "book.mode: must be live or testnet with --live, was paper"),
        (
            "live.example.toml",
            (),
            "book.mode: must be paper, or --live be given: this book trades for money, was live",
        ),
    ],
)
def test_mode(played, config, options, fault):
    """Neither does a book on paper trade for money, nor one for money without being told to."""
    told = command(
        *(played, "run", str(CONFIG / config), *options, "--state", str(played.folder / "none"))
    )

    assert (78, f"  {fault}") == (told.returncode, told.stderr.splitlines()[-1])
    assert not (played.folder / "none").exists()


@pytest.mark.parametrize(
    ("grade", "faults"),
    [
        ("passed", ["alerts"]),
        ("warned", ["alerts"]),
        ("failed", ["venues.deribit: permissions", "alerts"]),
    ],
)
def test_unfit(grade, faults):
    """What fails an examination keeps a book from trading; so does that nobody would be woken."""
    unheard = Finding("alerts", Grade.FAILED, "the log alone", "must leave this machine")
    row = {"venue": "deribit", "name": "permissions", "grade": grade, "measured": "x", "must": "y"}

    with pytest.raises(ConfigError) as told:
        refuse_unfit(load(CONFIG / "live.example.toml"), [row], [unheard])

    assert faults == [each.path for each in told.value.faults]
