"""The daemon in live dress: real sockets, unmodified ccxt, a Deribit that runs on this machine."""

import asyncio
import json
import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from rebalancer.runtime.clock import WallClock
from rebalancer.settings import load, resolve
from rebalancer.simulation.key import Key
from rebalancer.simulation.loopback import seeded_loopback

pytestmark = pytest.mark.waits(16)

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-c", "from rebalancer.cli import main; main()"]
OWN = ROOT / "config" / "demo-deribit.toml"


@pytest.mark.proves("deribit", "ledger", "loopback")
@pytest.mark.proves("deribit", "positions", "loopback")
def test_options_are_hedged_over_the_wire(tmp_path):
    """A book with options is brought back into its band; the ledger equals the venue's books."""
    file = tmp_path / "outcome.json"
    ran = subprocess.run(
        [*COMMAND, "demo", "--wire", "deribit", "--for", "12s", "--json", str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    outcome = json.loads(file.read_text())

    assert 0 == ran.returncode, ran.stderr[-3000:]
    assert "the ledger equals the books of every venue, to the last unit" in ran.stdout
    told = outcome["status"]["underlyings"]["BTC"]
    assert told["lower"] <= told["net_delta"] <= told["upper"]
    assert outcome["hedges"] >= 1
    held = {row["instrument"]: Decimal(row["quantity"]) for row in outcome["status"]["positions"]}
    assert held["deribit:BTC-PERPETUAL"] < -500_000  # seven coins of options and collateral
    assert re.search(
        r"-1300000 deribit:BTC-PERPETUAL of deribit at 98(500(\.0{6}\d*)?|499\.9{6}\d*)", ran.stderr
    )
    assert "switch.armed" in ran.stderr
    assert not re.search(r"loopback.{0,40}secret", ran.stderr)


def test_wire_plays_what_it_can(tmp_path):
    """A book of a venue that nobody plays here is refused by name."""
    told = tmp_path / "elsewhere.toml"
    told.write_text(OWN.read_text().replace("deribit", "kraken"))
    ran = subprocess.run(
        [*COMMAND, "demo", str(told), "--wire", "deribit", "--for", "1s"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 78 == ran.returncode
    assert "kraken" in ran.stderr


async def examined(tmp_path, key, told="loopback", **table):
    """Run doctor on a book whose Deribit is played here; return its code, rows and errors."""
    settings, clock = load(OWN), WallClock()
    loopback = seeded_loopback(settings, resolve(settings), [key], clock, 7)
    await loopback.start()
    try:
        text = OWN.read_text().replace('mode = "paper"', 'mode = "live"')
        own = {"loopback": loopback.address, "credentials": "deribit", **table}
        lines = "".join(f'{name} = "{value}"\n' for name, value in own.items())
        text = text.replace("[venues.deribit]\n", f"[venues.deribit]\n{lines}")
        text = text[: text.index("[[holdings]]")]
        config = tmp_path / "live.toml"
        config.write_text(text)
        secret = tmp_path / "deribit"
        secret.write_text(json.dumps({"key": "loopback", "secret": told}))
        secret.chmod(0o400)
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            "doctor",
            str(config),
            "--json",
            cwd=ROOT,
            env={**os.environ, "REBALANCER_CREDENTIALS": str(tmp_path)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        rows = json.loads(out) if out.strip() else []
        return process.returncode, {row["name"]: row for row in rows}, err.decode()
    finally:
        await loopback.stop()


def failed(rows):
    return sorted(name for name, row in rows.items() if row["grade"] == "failed")


MISSING = ("guards.margin", "guards.funding")


async def test_doctor_of_a_good_account(tmp_path):
    """Everything at the venue passes; what this release cannot enforce is listed as missing."""
    key = Key("loopback", "loopback", "deribit", 12345)

    code, rows, err = await examined(tmp_path, key)

    assert 1 == code, err
    assert [] == [name for name in failed(rows) if name not in MISSING]
    assert set(MISSING) <= set(rows)
    assert any(name.startswith("instrument.") for name in rows)
    assert ("passed", "connection, armed") == tuple(
        rows["dead_man"][each] for each in ("grade", "measured")
    )


async def test_doctor_of_a_key_that_withdraws(tmp_path):
    """A key that can withdraw is refused."""
    key = Key("loopback", "loopback", "deribit", 12345, withdraws=True)

    code, rows, _ = await examined(tmp_path, key)

    assert 1 == code
    assert [name for name in failed(rows) if name not in MISSING]


async def test_doctor_of_another_account(tmp_path):
    """An account that is not the pinned one is refused."""
    code, rows, _ = await examined(tmp_path, Key("loopback", "loopback", "deribit", 999))

    assert 1 == code
    assert [name for name in failed(rows) if name not in MISSING]


async def test_doctor_of_a_wrong_key(tmp_path):
    """A key that the venue does not know is a finding, and no secret is printed."""
    key = Key("loopback", "loopback", "deribit", 12345)

    code, rows, err = await examined(tmp_path, key, told="wr0ng-s3cret")

    assert code in (1, 77)
    assert "wr0ng-s3cret" not in json.dumps(rows) + err
    assert [name for name in failed(rows) if name not in MISSING] or "key" in err


def test_live_is_refused(tmp_path):
    """Real orders do not leave before a person has confirmed these very settings."""
    for name, lines in (("deribit", "key\nsecret\n"), ("telegram", "123456:AAA\n-100200\n")):
        (tmp_path / name).write_text(lines)
        (tmp_path / name).chmod(0o400)
    ran = subprocess.run(
        [
            *(*COMMAND, "run", "config/live.example.toml", "--live", "--confirm", "0" * 16),
            *("--state", str(tmp_path / "state")),
        ],
        cwd=ROOT,
        env={**os.environ, "REBALANCER_CREDENTIALS": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert 78 == ran.returncode
    assert "--confirm: must be the fingerprint of this file" in ran.stderr


async def test_paper_on_live_data(tmp_path):
    """A paper book follows a real stream and hedges there; no order and no key reach the venue."""
    settings, clock = load(OWN), WallClock()
    key = Key("loopback", "loopback", "deribit", 12345)
    loopback = seeded_loopback(settings, resolve(settings), [key], clock, 7)
    await loopback.start()
    try:
        text = OWN.read_text()
        text = text[: text.index("[market]")].replace("-1_300_000", "-1_450_000")
        address = f'loopback = "{loopback.address}"\n'
        text = text.replace("[venues.deribit]\n", f"[venues.deribit]\n{address}")
        for name, entry in (("105000-C", 0.05), ("90000-P", 0.02), ("110000-C", 0.08)):
            text = re.sub(rf"({name}\"\nquantity = .*\n)", rf"\g<1>entry = {entry}\n", text)
        config = tmp_path / "paper.toml"
        config.write_text(text)
        process = await asyncio.create_subprocess_exec(
            *(*COMMAND, "run", str(config), "--for", "10s", "--state", str(tmp_path / "state")),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        _, err = await process.communicate()
        lines = [json.loads(line) for line in err.decode().splitlines()]
        names = [line["event"] for line in lines]
        orders = loopback.place.orders("deribit")
    finally:
        await loopback.stop()

    assert 0 == process.returncode, err.decode()[-3000:]
    assert {"feed.connected", "order.filled", "daemon.stopped"} <= set(names)
    wrong = {"feed.lost", "feed.malformed", "order.rejected", "quote.refused", "delta.unhedged"}
    assert not wrong & set(names)
    hedges = [line for line in lines if line["event"] == "hedge.submitted"]
    assert hedges[0]["net_delta"] > hedges[0]["upper"]
    assert hedges[0]["quantity"].startswith("-")
    assert 0 == len(orders)


async def test_doctor_of_a_book_on_paper(tmp_path):
    """Without a key it asks what is public, and says that the rest is for live."""
    settings = load(OWN)
    key = Key("loopback", "loopback", "deribit", 12345)
    loopback = seeded_loopback(settings, resolve(settings), [key], WallClock(), 7)
    await loopback.start()
    try:
        config = tmp_path / "paper.toml"
        own = f'[venues.deribit]\nloopback = "{loopback.address}"\n'
        config.write_text(OWN.read_text().replace("[venues.deribit]\n", own))
        asked = (*COMMAND, "doctor", str(config))
        process = await asyncio.create_subprocess_exec(
            *asked, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, err = await process.communicate()
    finally:
        await loopback.stop()

    assert 0 == process.returncode, err.decode()
    assert "reach" in out.decode()
    assert "instrument.deribit:BTC-PERPETUAL" in out.decode()
    assert "a book on paper: keys, account and alerts are for mode live or testnet" in out.decode()
    assert "permission" not in out.decode()
