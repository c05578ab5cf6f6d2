"""`alert`: whether alerts arrive, and word of a unit that failed."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rebalancer.cli.app import app, gather
from rebalancer.cli.proving import proofs
from rebalancer.errors import ConfigError
from rebalancer.runtime.clock import run_wall
from rebalancer.settings import load
from rebalancer.venues.findings import Grade
from rebalancer.wiring.channels import KeptChannels
from tests.end_to_end.webhook import webhook

CONFIG = Path(__file__).parents[2] / "config"
TELEGRAM = '\n[[alerts.channels]]\nkind = "telegram"\ncredentials = "nowhere"\n'


@pytest.fixture(scope="module", autouse=True)
def commands():
    """Register the commands."""
    gather(["alert"])


def config(folder, *addresses, base="paper.toml", before=""):
    """Write a configuration whose channels end at these addresses."""
    path = folder / "desk.toml"
    rows = (f'[[alerts.channels]]\nkind = "webhook"\nloopback = "{each}"\n' for each in addresses)
    path.write_text(before + (CONFIG / base).read_text() + "\n" + "".join(rows))
    return path


def ran(*arguments):
    """Return the exit code and what was printed, or the error."""
    told = CliRunner().invoke(app, ["alert", *map(str, arguments)])
    if told.exception is not None and not isinstance(told.exception, SystemExit):
        raise told.exception
    return told.exit_code, told.stdout


@pytest.mark.waits(20)
@pytest.mark.parametrize(("broken", "code"), [(False, 0), (True, 1)])
def test_test(tmp_path, broken, code):
    """Each channel is tried; one that does not deliver is a difference."""
    with webhook() as hook:
        nobody = ["http://127.0.0.1:1/x"] if broken else []
        told = ran("test", config(tmp_path, hook.address, *nobody), "--json")

    rows = json.loads(told[1])
    assert code == told[0]
    assert ["webhook", "webhook-2"][: len(rows)] == [row["channel"] for row in rows]
    assert [True, False][: len(rows)] == [row["ok"] for row in rows]
    assert "alert.tested" == hook.alerts()[0][1]["event"]


@pytest.mark.waits(20)
@pytest.mark.parametrize("sound", [True, False])
def test_failed(tmp_path, monkeypatch, sound):
    """That a unit failed is told, also where the configuration is why it did."""
    monkeypatch.setenv("MONITOR_UNIT", "rebalancer@desk.service")
    monkeypatch.setenv("MONITOR_SERVICE_RESULT", "watchdog")
    with webhook() as hook:
        path = config(tmp_path, hook.address)
        if not sound:
            path.write_text(path.read_text().replace("leverage = 3.0", 'leverage = "three"'))
        code, said = ran("failed", path)
    ((_, alert),) = hook.alerts()

    assert (0, "unit.failed", "error") == (code, alert["event"], alert["severity"])
    assert "rebalancer@desk.service failed; nobody hedges (result watchdog)" == alert["text"]
    assert "yes" in said


@pytest.mark.waits(10)
def test_failed_unheard(tmp_path):
    """Where no channel delivers, it says so by its exit code."""
    assert 1 == ran("failed", config(tmp_path, "http://127.0.0.1:1/x"))[0]


def with_heartbeat(path, address):
    """Add a heartbeat that is heard at an address."""
    path.write_text(path.read_text() + f'[alerts.heartbeat]\nloopback = "{address}"\n')
    return path


@pytest.mark.waits(20)
@pytest.mark.parametrize("reached", [True, False])
def test_failed_is_no_heartbeat(tmp_path, reached):
    """Of a unit that failed nobody outside hears that all is well, nor does that count as told."""
    with webhook() as hook:
        path = config(tmp_path, hook.address if reached else "http://127.0.0.1:1/x")
        code, said = ran("failed", with_heartbeat(path, hook.address), "--json")

    assert (0 if reached else 1, 0) == (code, len(hook.beats))
    assert [("webhook", reached)] == [(row["channel"], row["ok"]) for row in json.loads(said)]


@pytest.mark.parametrize("text", ["", TELEGRAM])
def test_failed_by_a_heartbeat_alone(tmp_path, monkeypatch, text):
    """A heartbeat is no way to tell anything: without a channel beside it nobody is told."""
    monkeypatch.setenv("REBALANCER_CREDENTIALS", str(tmp_path))
    with webhook() as hook:
        path = config(tmp_path)
        path.write_text(path.read_text() + text)
        with pytest.raises(ConfigError):
            ran("failed", with_heartbeat(path, hook.address))

    assert [] == hook.beats


@pytest.mark.waits(20)
def test_test_tries_the_heartbeat(tmp_path):
    """Whoever tries the channels by hand hears of the heartbeat too."""
    with webhook() as hook:
        code, said = ran("test", with_heartbeat(config(tmp_path), hook.address), "--json")

    assert (0, ["heartbeat"]) == (code, [row["channel"] for row in json.loads(said)])
    assert hook.beats


@pytest.mark.waits(20)
def test_proofs_leave_the_heartbeat_alone(tmp_path):
    """What is asked before a start, or of a book that is down, does not put off the alarm."""
    with webhook() as hook:
        found = run_wall(proofs(load(with_heartbeat(config(tmp_path, hook.address), hook.address))))

    assert ["alerts.webhook", "alerts"] == [each.name for each in found]
    assert [] == hook.beats


@pytest.mark.parametrize("verb", ["test", "failed"])
@pytest.mark.parametrize("text", ["", '[alerts]\nleast = "loud"\n', "[alerts\n"])
def test_without(tmp_path, verb, text):
    """Without a channel there is nothing to send by; that is a fault of the configuration."""
    path = tmp_path / "desk.toml"
    path.write_text((CONFIG / "paper.toml").read_text() + text)

    with pytest.raises(ConfigError):
        ran(verb, path)


@pytest.mark.waits(20)
@pytest.mark.parametrize(
    ("addresses", "played", "grades"),
    [
        ([], True, {}),
        ([], False, {"alerts": "failed"}),
        (["HOOK"], True, {"alerts.webhook": "passed"}),
        (["HOOK"], False, {"alerts.webhook": "passed", "alerts": "failed"}),
        (["http://127.0.0.1:1/x"], True, {"alerts.webhook": "failed"}),
        (
            ["HOOK", "http://127.0.0.1:1/x"],
            True,
            {"alerts.webhook": "passed", "alerts.webhook-2": "warned"},
        ),
    ],
)
def test_proofs(tmp_path, addresses, played, grades):
    """A channel must deliver before money is traded; one that ends here is none, but in play."""
    with webhook() as hook:
        named = [each.replace("HOOK", hook.address) for each in addresses]
        path = config(tmp_path, *named)
        if played:
            text = path.read_text()
            own = '[venues.deribit]\nloopback = "http://127.0.0.1:8700"\n'
            path.write_text(text.replace("[venues.deribit]", own, 1))
        found = run_wall(proofs(load(path)))

    assert grades == {each.name: str(each.grade) for each in found}
    assert all(each.grade in Grade for each in found)


@pytest.mark.waits(20)
def test_a_copy_that_failed(tmp_path, monkeypatch):
    """A unit beside the daemon's leaves the book hedged, and says so."""
    monkeypatch.setenv("MONITOR_UNIT", "rebalancer-backup@desk.service")
    with webhook() as hook:
        ran("failed", config(tmp_path, hook.address))
    ((_, alert),) = hook.alerts()

    told = "rebalancer-backup@desk.service failed; the book is hedged, its journal was not copied"
    assert told == alert["text"]


@pytest.mark.waits(20)
def test_failed_beside_a_channel_that_lacks_its_credential(tmp_path, monkeypatch):
    """A credential that is not there takes its own channel away and says so; others deliver."""
    monkeypatch.setenv("REBALANCER_CREDENTIALS", str(tmp_path))
    with webhook() as hook:
        path = config(tmp_path, hook.address)
        path.write_text(path.read_text() + TELEGRAM)
        told = CliRunner().invoke(app, ["alert", "failed", str(path), "--json"])
    ((_, alert),) = hook.alerts()

    assert (0, "unit.failed") == (told.exit_code, alert["event"])
    assert "alerts.channels.1.credentials: must be a file that can be read" in told.output


def test_failed_with_no_channel_left(tmp_path, monkeypatch):
    """Where no channel has its credential, every fault is told and nothing is called sent."""
    monkeypatch.setenv("REBALANCER_CREDENTIALS", str(tmp_path))
    path = config(tmp_path)
    path.write_text(path.read_text() + TELEGRAM + TELEGRAM.replace("nowhere", "neither"))

    with pytest.raises(ConfigError) as told:
        ran("failed", path)
    assert ["alerts.channels.0.credentials", "alerts.channels.1.credentials"] == [
        each.path for each in told.value.faults
    ]


@pytest.mark.waits(20)
@pytest.mark.parametrize("broken", ["[alerts\n", '[alerts]\nleast = "loud"\n', None])
@pytest.mark.parametrize("place", ["--state", "STATE_DIRECTORY", "installed"])
def test_failed_by_the_copy(tmp_path, monkeypatch, broken, place):
    """Of a file that says nothing sound of alerts, the copy of the last start is used."""
    state = tmp_path / "states" / "desk"
    state.mkdir(parents=True)
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setattr("rebalancer.cli.output.INSTALLED", tmp_path / "states")
    if place == "STATE_DIRECTORY":
        monkeypatch.setenv(place, str(state))
    with webhook() as hook:
        path = config(tmp_path, hook.address)
        run_wall(KeptChannels(load(path), state, None).start())
        if broken is None:
            path.unlink()
        else:
            path.write_text((CONFIG / "paper.toml").read_text() + broken)
        code, _ = ran("failed", path, *(("--state", state) if place == "--state" else ()))
    ((_, alert),) = hook.alerts()

    assert (0, "unit.failed") == (code, alert["event"])
    assert 0o600 == (state / "alerts.json").stat().st_mode & 0o777


@pytest.mark.waits(20)
def test_failed_without_file_and_keys(tmp_path, monkeypatch):
    """Where file and keys are gone, the copy's channels that need no credential deliver."""
    given = tmp_path / "given"
    given.mkdir()
    (given / "keys").write_text("none")  # what the unit has in place of their folder
    (given / "keys").chmod(0o400)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(given))
    with webhook() as hook:
        path = config(tmp_path, hook.address)
        path.write_text(path.read_text() + TELEGRAM)
        run_wall(KeptChannels(load(path), tmp_path, None).start())
        path.unlink()
        told = CliRunner().invoke(app, ["alert", "failed", "--state", str(tmp_path), str(path)])
    ((_, alert),) = hook.alerts()

    assert (0, "unit.failed") == (told.exit_code, alert["event"])
    assert "alerts.channels.1.credentials" in told.output


def test_the_copy_goes_with_the_channels(tmp_path):
    """A start whose alerts do not leave keeps nobody to be told of later."""
    run_wall(KeptChannels(load(config(tmp_path, "http://127.0.0.1:1/x")), tmp_path, None).start())
    assert (tmp_path / "alerts.json").exists()
    run_wall(KeptChannels(load(config(tmp_path)), tmp_path, None).start())
    assert not (tmp_path / "alerts.json").exists()


def test_a_copy_that_cannot_be_kept(tmp_path):
    """A folder that takes no copy is warned of, and costs the start nothing."""
    log = Heard()
    settings = load(config(tmp_path, "http://127.0.0.1:1/x"))
    run_wall(KeptChannels(settings, tmp_path / "nowhere", log).start())

    assert ["channels.unkept"] == log.said


class Heard:
    """A log that notes what it was warned of."""

    def __init__(self):
        self.said = []

    def warning(self, event, **facts):
        """Note it."""
        self.said.append(event)
