"""`size` and `overlay`: tables, JSON, a page; every fault of what is typed at once."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

from rebalancer.cli import overlaying, size
from rebalancer.errors import ConfigError, DataError, UsageError
from tests.cli.test_commands import ask

PLAIN = ("size", "--price", "100000", "--vol", "0.6")
ROWS = {  # name, then bid, ask, mark in coin, and vol; ten days after 2026-02-17T08:00Z
    "BTC-27FEB26-80000-P": (0.0200, 0.0210, 0.0205, 0.62),
    "BTC-27FEB26-90000-P": (0.0480, 0.0500, 0.0490, 0.60),
    "BTC-27FEB26-90000-C": (0.0480, 0.0500, 0.0490, 0.60),
    "BTC-27FEB26-100000-C": (0.0180, 0.0190, 0.0185, 0.61),
    "BTC-20FEB26-90000-C": (0.0270, 0.0280, 0.0275, 0.60),
}
TEXT = """
[book]
id = "desk"
mode = "paper"
[venues.deribit]
account = "1"
margin = "cross"
leverage = 3
fees = { maker = 0.0, taker = 0.0005 }
[underlyings.BTC]
numeraire = "usd"
hedge = ["deribit:BTC-PERPETUAL"]
band = { kind = "fixed", lower = -0.05, upper = 0.05 }
"""


@pytest.fixture
def run():
    """Return a runner of the two commands: (exit code, output), or what was raised."""
    app = typer.Typer()
    app.callback()(lambda: None)
    for group in (size, overlaying):
        group.register(app)

    def invoke(*arguments):
        ran = CliRunner().invoke(app, [str(each) for each in arguments])
        if ran.exception is not None and not isinstance(ran.exception, SystemExit):
            raise ran.exception
        return ran.exit_code, ran.stdout

    return invoke


@pytest.fixture
def chain(tmp_path):
    """Return a recorded chain of one moment."""
    names = list(ROWS)
    columns = {
        "ts": pa.array([1_771_315_200_000] * len(names)).cast(pa.timestamp("ms", "UTC")),
        "instrument_name": names,
        **{
            name: [ROWS[each][place] for each in names]
            for place, name in enumerate(("bid_price", "ask_price", "mark_price", "mark_iv"))
        },
        "underlying_price": [90_000.0] * len(names),
        "index_price": [90_000.0] * len(names),
    }
    pq.write_table(pa.table(columns), tmp_path / "chain.parquet")
    return ("--chain", tmp_path / "chain.parquet", "--at", "2026-02-17T09:00")


def test_table(run):
    """The table has the worked numbers, to the digit."""
    costs = ("--funding", "0.10", "--fee-bp", "5")
    code, told = run(*PLAIN, *costs, "--put", "0.9", "--put", "1", "--call", "1.12")
    rows = {line.split("  ")[0]: line.split()[-8:] for line in told.splitlines() if line}

    assert 0 == code
    assert ["0", "17,329", "25,750", "30,763", "100,000"] == rows["none"][:5]
    assert ["-722", "0", "-722", "-722", "-722", "0"] == rows["short perp 1"][:6]
    assert ["0", "14,182", "12,692", "12,692", "12,692", "2,692"] == rows["put 0.9"][:6]
    assert ["0", "11,123", "6,854", "6,854", "6,854", "6,854"] == rows["put 1"][:6]
    assert "8,990   9,910   9,910" in told
    assert "costs what put 0.9 does at a funding of +1.22% a year" in told
    assert "put 0.9 gains more than short perp 1 above 103,413." in told


def test_own_vol_of_a_strike(run):
    """A strike's own vol prices it; the price moves as --vol says, or as --real-vol."""
    for given in (("--iv", "0.9=0.7"), ("--iv", "90000=0.7")):
        _, told = run(*PLAIN, *given, "--json", "-")
        assert [920, 14182, 13612] == pytest.approx(put_of(told), abs=0.5)
    _, told = run("size", "--price", 1e5, "--vol", 0.7, "--real-vol", 0.6, "--json", "-")
    assert [920, 14182, 13612] == pytest.approx(put_of(told), abs=0.5)


def put_of(text):
    put = next(each for each in json.loads(text)["hedges"] if each["name"] == "put 0.9")
    return [put["cost"], put["sd"], put["cvar95"]]


def test_json_is_strict(run, tmp_path):
    """The document is JSON that any reader takes: what has no end is null."""
    code, shown = run(*PLAIN, "--fat-tails", "--json", tmp_path / "x.json", "--ratio", "1.2")

    told = json.loads((tmp_path / "x.json").read_text(), parse_constant=pytest.fail)
    assert 0 == code
    assert "cost" in shown
    assert told["hedges"][1]["worst"] is None  # more is sold than held
    assert told["accounts"][3]["liquidation"] is None or told["accounts"][3]["liquidation"] > 0
    assert [None] == [high for _, high in told["break_even"][0]["option_gains_more"]][-1:]


def test_mix(run):
    """A limit asks for the cheapest mix; where none keeps it the exit code says so."""
    args = (*PLAIN, "--funding", "-0.2", "--real-vol", "0.5", "--cvar-limit")
    code, told = run(*args, "9000", "--json", "-")
    mix = json.loads(told)["mix"]
    least, words = run(*PLAIN, "--cvar-limit", "-10")

    assert (0, 1) == (code, least)
    assert 9000 + 0.02 >= mix["cvar95"]
    assert all(each["quantity"] < 0 for each in mix["options"] if each["name"][0] == "c")
    assert "No mix keeps CVaR95 within -10 USD: the least is" in words


def test_safest_mix(run, monkeypatch):
    """A mix that is not known to be the cheapest is not called so."""
    monkeypatch.setattr("rebalancer.research.sizing_mix._ROUNDS", 0)
    code, told = run(*PLAIN, "--cvar-limit", "9000")

    assert 0 == code
    assert "Mix with the least CVaR95; no cheaper one was found within 9,000 USD: " in told
    assert "heapest mix" not in told


def test_margin_of_a_mix(run):
    """A mix of perpetual and calls shows both what is put down and what is covered by coins."""
    args = ("--funding", "0.06", "--real-vol", "0.45", "--skew", "-0.8", "--cvar-limit", "9000")
    _, told = run(*PLAIN, *args)
    _, document = run(*PLAIN, *args, "--json", "-")
    mix = json.loads(document)["mix"]
    shown = f"{mix['margin']:,.0f} + {mix['coins_locked']:.4g} BTC"

    assert mix["margin"] > 0 < mix["coins_locked"]
    assert shown in next(line for line in told.splitlines() if line.startswith("cheapest mix"))


def test_page(run, tmp_path):
    """The page stands alone, and names every hedge."""
    pytest.importorskip("plotly")
    run(*PLAIN, "--report", tmp_path / "x.html", "--cvar-limit", "9000", "--json", "-")
    page = (tmp_path / "x.html").read_text()

    assert all(f'id="{chart}"' in page for chart in ("profit", "risk"))
    assert "<script src=" not in page
    for name in ("short perp 0.5", "collar 0.9/1.12", "cheapest mix", "inverse, all the coins"):
        assert name in page


def test_chain(run, chain):
    """From a chain puts cost the ask and calls bring the bid, each with its fee."""
    _, text = run("size", *chain, "--quantity", "2", "--days", "9", "--json", "-")
    told = json.loads(text)
    put, collar = told["hedges"][3:]

    assert 10 == told["holding"]["days"]
    assert 90_000 == told["holding"]["price"]
    assert 0.6 == told["real_vol"]
    assert "BTC-27FEB26-80000-P" == put["options"][0]["name"]
    assert 2 * (0.0210 * 90_000 + 27) == pytest.approx(put["premium"])
    assert 2 * ((0.0210 - 0.0180) * 90_000 + 54) == pytest.approx(collar["premium"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("size",), ["2 faults", "--price: must be given without --chain", "--vol"]),
        ((*PLAIN, "--put", "90"), ["--put: must be above 0 and at most 10, was 90"]),
        ((*PLAIN, "--vol", "60"), ["--vol: must be above 0 and at most 10, was 60"]),
        ((*PLAIN, "--days", "nan"), ["--days"]),
        ((*PLAIN, "--quantity", "inf"), ["--quantity"]),
        ((*PLAIN, "--price", "inf"), ["--price"]),
        ((*PLAIN, "--funding", "nan"), ["--funding: must be a fraction per year"]),
        ((*PLAIN, "--leverage", "0"), ["--leverage"]),
        ((*PLAIN, "--maintenance", "1"), ["--maintenance"]),
        ((*PLAIN, "--iv", "0.9"), ["--iv: must be STRIKE=VOL such as 0.9=0.7", "was 0.9"]),
        ((*PLAIN, "--iv", "0.9=70"), ["--iv"]),
        ((*PLAIN, "--skew", "6"), ["--skew: must leave every vol above 0, lowest was -0.032"]),
        ((*PLAIN, "--capital-limit", "5"), ["--cvar-limit: must be given beside"]),
        ((*PLAIN, "--at", "2026-01-01"), ["--at: must be absent without --chain"]),
        ((*PLAIN, "--chain", "x"), ["3 faults", "--at: must be given", "--price", "--vol"]),
        ((*PLAIN, "--json", "x", "--report", "x"), ["--report: must be another file"]),
        (("overlay", "--chain", "x", "--at", "2026-01-01"), ["--gamma: must be given"]),
        (
            ("overlay", "--chain", "x", "--at", "2026-01-01", "--vega", "nan", "--config", "y"),
            ["2 faults", "--vega: must be finite", "--vega: must be absent beside --config"],
        ),
    ],
)
def test_faults(run, arguments, words):
    """What makes no sense is one error with all that is wrong."""
    with pytest.raises(UsageError) as error:
        run(*arguments)

    for each in words:
        assert each in str(error.value)


def test_data_that_is_not_there(run, chain):
    """A coin or a moment that the chain does not hold is named."""
    with pytest.raises(DataError, match="must hold SOL options"):
        run("size", *chain, "--coin", "SOL")
    with pytest.raises(DataError, match="until 2026-01-01T00:00:00Z"):
        run("size", *chain[:2], "--at", "2026-01-01")


def test_overlay(run, chain):
    """A short book is told what to buy, what then is left, and what to do with the perpetual."""
    book = ("--gamma", "-0.5", "--vega", "-600", "--gamma-limit", "0.2", "--vega-limit", "400")
    code, text = run("overlay", *chain, *book, "--least-days", "2", "--json", "-")
    told = json.loads(text)
    inside, calm = run("overlay", *chain, *book[:-4], "--gamma-limit", "1", "--vega-limit", "900")
    none, words = run("overlay", *chain, *book, "--least-days", "90")

    assert (0, 0, 1) == (code, inside, none)
    assert 0.2 >= -told["after"]["gamma"]
    assert 400 >= -told["after"]["vega"]
    assert all(leg["contracts"] > 0 for leg in told["legs"])
    assert "nothing to do" in calm
    assert "No two listed options" in words


def test_overlay_of_a_configuration(run, chain, tmp_path):
    """A configuration tells the options that are held, and the limits."""
    config = tmp_path / "desk.toml"
    limits = "order = 1.0\nposition = 50.0\nnet_delta = 2.0\n"
    rest = (
        "[limits]\nleverage = 5.0\nturnover_per_day = 5e6\nloss_per_day = 5e4\ndrawdown = 1e5\n"
        '[[holdings]]\ninstrument = "deribit:BTC-27FEB26-90000-C"\nquantity = -20\n'
        '[[holdings]]\ninstrument = "deribit:BTC"\nquantity = 5\n'
    )
    config.write_text(
        f"{TEXT}[underlyings.BTC.limits]\n{limits}gamma = 0.1\n{rest}", encoding="utf-8"
    )
    code, text = run("overlay", *chain, "--config", config, "--json", "-")
    told = json.loads(text)

    assert 0 == code
    assert told["before"]["gamma"] < -0.1
    assert 0.1 >= abs(told["after"]["gamma"])
    config.write_text(f"{TEXT}[underlyings.BTC.limits]\n{limits}{rest}", encoding="utf-8")
    with pytest.raises(UsageError, match="must set gamma or vega"):
        run("overlay", *chain, "--config", config)
    with pytest.raises(UsageError, match=r"must have \[underlyings.ETH\]"):
        run("overlay", *chain, "--config", config, "--coin", "ETH", "--gamma-limit", "1")
    with pytest.raises((ConfigError, UsageError)):
        run("overlay", *chain, "--config", tmp_path / "none.toml")


@pytest.mark.parametrize("name", ["size", "overlay"])
def test_from_outside(name):
    """Both are commands of the program, with an example; a fault ends with 64."""
    assert f"Example: rebalancer {name}" in ask(name, "--help").stdout
    assert ask(name, "--days", "-1", code=64).stderr
