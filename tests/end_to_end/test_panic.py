"""`panic`, from outside: what is ours leaves every venue, what is not stays, whatever hangs."""

import signal
import time
from pathlib import Path

import pytest

from rebalancer.core.ids import ClientOrderId, encode
from rebalancer.settings import load
from rebalancer.simulation.menu import Scene
from rebalancer.storage import ownership
from rebalancer.storage.sqlite import open_journal
from tests.end_to_end.standing import command, daemon, fingerprint, venues

CONFIG = Path(__file__).parents[2] / "config"
DESKS = ("deribit", "binance", "bybit", "okx")


def rest(played, desk, venue, label):
    """Let an order with a label rest at a venue, far from the market."""
    deed = Scene(CONFIG / f"demo-{desk}.toml", venue).deed(0.01, label)
    told = {"instrument": deed.instrument, "quantity": str(deed.quantity)}
    played.ask(venue=venue, deed=told | {"price": str(deed.price), "label": label})


def labels(played):
    """Return the labels of what rests, by venue."""
    return {name: [o["label"] for o in each] for name, each in played.ask(ask="orders").items()}


def was_here(played, state):
    """Leave the journal of a daemon that ran a played book."""
    state.mkdir()
    journal = open_journal(state / "journal.sqlite")
    ownership.claim(journal, load(played.config).book.id, "loopback")
    journal.close()


def own(place, sequence=1, epoch=7):
    """Return a client order id of the account at a place of its book."""
    return encode(ClientOrderId(place, epoch, sequence))


@pytest.mark.waits(60)
@pytest.mark.parametrize("desk", DESKS)
def test_sweeps(desk, tmp_path):
    """Our orders are withdrawn at each venue, those of others are not.

    Nor are those with an id of ours for another place, and of them nothing is proved.
    """
    config = CONFIG / f"demo-{desk}.toml"
    state = tmp_path / "state"
    with venues(str(config), str(tmp_path / "stand")) as played:
        was_here(played, state)
        places = dict(enumerate(load(config).venues))
        for place, venue in places.items():
            for label in (own(place), own(place, 2), "hand", own(place)[:-1] + "zz"):
                rest(played, desk, venue, label)
        before = labels(played)
        told = command(played, "panic", str(played.config), "--state", str(state))
        after = labels(played)
        for place, venue in places.items():
            rest(played, desk, venue, own(place + 1))
        unsure = command(played, "panic", str(played.config), "--state", str(state))
        last = labels(played)

    kept = {venue: ["hand", own(place)[:-1] + "zz"] for place, venue in places.items()}
    assert 4 * len(before) == sum(map(len, before.values()))
    assert kept == after
    assert (0, "") == (told.returncode, told.stderr)
    assert "panic\n" == (state / "kill").read_text()
    assert {venue: [*kept[venue], own(place + 1)] for place, venue in places.items()} == last
    assert (75, len(places)) == (unsure.returncode, unsure.stdout.count("1 bear an id of ours"))


@pytest.mark.waits(60)
def test_another_account_or_folder(tmp_path):
    """A key of another account withdraws nothing; a folder without its journal proves nothing."""
    config = CONFIG / "demo-deribit.toml"
    state = tmp_path / "state"
    with venues(str(config), str(tmp_path / "stand")) as played:
        rest(played, "deribit", "deribit", own(0))
        was_here(played, state)
        text = played.config.read_text()
        pinned = load(played.config).venues["deribit"].account
        other = tmp_path / "other.toml"
        other.write_text(text.replace(f'"{pinned}"', '"nobody"'))
        foreign = command(played, "panic", str(other), "--state", str(state))
        between = labels(played)
        empty = tmp_path / "empty"
        empty.mkdir()
        astray = command(played, "panic", str(played.config), "--state", str(empty))
        after = labels(played)

    assert (75, {"deribit": [own(0)]}) == (foreign.returncode, between), foreign.stdout
    assert "account must be uid nobody" in foreign.stdout
    assert (75, {"deribit": []}) == (astray.returncode, after), astray.stdout
    assert "may run in another folder" in astray.stdout


def patient(desk, folder):
    """Return a desk in a market that hardly moves, whose hedge of BTC rests where nobody comes."""
    text = (CONFIG / f"demo-{desk}.toml").read_text(encoding="utf-8")
    calm = ", ".join(f"{coin} = 0.01" for coin in ("BTC", "ETH") if f"[underlyings.{coin}]" in text)
    for old, new in (
        ("order = 5.0", "order = 20.0"),
        ("net_delta = 2.0", "net_delta = 50.0"),
        ("lower = -0.30, upper = 0.30", "lower = -1_000.0, upper = 1_000.0"),
        ("[market]\n", f"[market]\nvols = {{ {calm} }}\n"),
    ):
        text = text.replace(old, new)
    text += """
[guards.staleness]
quote = "30s"
index = "30s"
mark = "30s"
option = "30s"

[underlyings.BTC.execution]
style = "post_only"
patience = "45s"
urgent = 1e6
offset_ticks = 100
"""
    folder.mkdir()
    path = folder / f"patient-{desk}.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def resting(played, seconds=40):
    """Return the labels that rest, once one does."""
    for _ in range(seconds * 10):
        found = [label for each in labels(played).values() for label in each]
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError("nothing ever rested")


@pytest.fixture(params=["deribit", "binance"])
def patience(request, tmp_path):
    """Return the venues of a patient desk."""
    with venues(patient(request.param, tmp_path / "desk"), str(tmp_path / "stand")) as played:
        yield played


@pytest.mark.waits(60)
def test_sigterm(patience):
    """A book that is told to end leaves no order of its own, and ends with 0; told twice too."""
    with daemon(patience, "--confirm", fingerprint(patience)) as book:
        (label,) = resting(patience)
        book.process.send_signal(signal.SIGTERM)
        time.sleep(0.05)
        assert 0 == book.stop()
        assert not (book.state / "running").exists()

    assert label.startswith("rb")
    assert {()} == {tuple(each) for each in labels(patience).values()}


@pytest.mark.waits(90)
def test_wedged(patience):
    """Where the daemon hangs its order is withdrawn; let go again it sends nothing, and is killed.

    While the kill file is there nobody arms it; when it is gone it stays killed until armed.
    """
    venue = next(iter(patience.ask(ask="orders")))
    with daemon(patience, "--confirm", fingerprint(patience)) as book:
        (ours,) = resting(patience)
        book.process.send_signal(signal.SIGSTOP)
        desk = "deribit" if venue == "deribit" else "binance"
        rest(patience, desk, venue, "hand")
        began = time.monotonic()
        told = command(
            *(patience, "panic", str(patience.config), "--state", str(book.state)),
            *("--reason", "it hangs"),
        )
        took = time.monotonic() - began
        count = patience.ask(ask="count")
        kept = [label for each in labels(patience).values() for label in each]
        assert (0, ["hand"]) == (told.returncode, kept), told.stdout
        assert f"{ours}  " in told.stdout
        assert took < 20

        book.process.send_signal(signal.SIGCONT)
        book.until("state.changed", state="halted", reason="kill file: it hangs")
        time.sleep(5)
        assert count == patience.ask(ask="count")

        arm = ("arm", "--reason", "looked", "--state", str(book.state))
        assert 77 == command(patience, *arm).returncode
        (book.state / "kill").unlink()
        time.sleep(2)
        status = ("status", "--state", str(book.state))
        assert "halted" in command(patience, *status).stdout
        assert count == patience.ask(ask="count")
        assert 0 == command(patience, *arm).returncode
        assert 0 == book.stop()


@pytest.mark.waits(90)
def test_killed(tmp_path):
    """What a killed daemon left resting is withdrawn after it; the next start says how it ended.

    After an end in order nothing is done, and nothing while a daemon runs.
    """
    desk = patient("binance", tmp_path / "desk")
    with venues(desk, str(tmp_path / "stand")) as played:
        state = str(played.folder / "state")
        unclean = ("panic", str(played.config), "--if-unclean", "--state", state)
        with daemon(played, "--confirm", fingerprint(played)) as first:
            (label,) = resting(played)
            told = command(played, *unclean)
            assert (0, [label]) == (told.returncode, resting(played, 1)), told.stdout
            assert f"process {first.process.pid} runs this book" in told.stdout
            first.process.kill()
            first.process.wait()
        assert [label] == resting(played, 1)
        played.environment |= {"SERVICE_RESULT": "watchdog", "EXIT_CODE": "killed"}
        told = command(played, *unclean)
        assert 0 == told.returncode, told.stdout
        assert {()} == {tuple(each) for each in labels(played).values()}
        assert not (Path(state) / "kill").exists()

        with daemon(played) as second:
            said = second.until("daemon.recovered")["text"]
            assert f"process {first.process.pid}, " in said
            assert "service_result watchdog, exit_code killed" in said
            second.until("state.changed", state="active")
            assert 0 == second.stop()
        told = command(played, *unclean)
        assert (0, "the last start ended in order; nothing to withdraw\n") == (
            told.returncode,
            told.stdout,
        )
