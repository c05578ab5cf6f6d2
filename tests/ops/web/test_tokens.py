"""Who asks: tokens that are long, told apart, read from private files, and shown nowhere."""

import hmac

import pytest

from rebalancer.errors import ConfigError, PermissionRefused
from rebalancer.ops.redaction import Redactor
from rebalancer.ops.web import tokens
from rebalancer.ops.web.tokens import Right, Tokens
from rebalancer.settings.serving import Web
from rebalancer.wiring.page import page
from tests.ops.web.serving import OPERATOR, READER, Book, ask, bearer

SHORT = "s" * 31


@pytest.mark.parametrize(
    ("reader", "operator", "token", "right"),
    [
        (None, None, None, Right.LOOK),
        (None, None, READER, Right.NOTHING),
        (None, OPERATOR, None, Right.LOOK),
        (None, OPERATOR, OPERATOR, Right.ACT),
        (READER, OPERATOR, None, Right.NOTHING),
        (READER, OPERATOR, READER, Right.LOOK),
        (READER, OPERATOR, OPERATOR, Right.ACT),
        (READER, OPERATOR, "", Right.NOTHING),
        (READER, OPERATOR, READER + OPERATOR, Right.NOTHING),
        (READER, None, OPERATOR, Right.NOTHING),
        (READER, OPERATOR, "\udce4\u00e4\u4e2d", Right.NOTHING),
    ],
)
def test_right(reader, operator, token, right):
    """A token lets somebody do what it is for, and a wrong one nothing at all."""
    assert right is Tokens(reader, operator).right(token)


@pytest.mark.parametrize(
    ("reader", "operator", "fault"),
    [
        (SHORT, None, r"web\.reader: must be a token of at least 32 bytes.*, was 31 bytes"),
        (READER, SHORT, r"web\.operator: must be a token of at least 32 bytes"),
        (READER, READER, r"web\.operator: must be another token than reader's"),
        ("ä" * 40, None, r"web\.reader: must be a token of printable ASCII"),
        ("x" * 40 + " " + "y", None, r"web\.reader: must be a token of printable ASCII"),
    ],
)
def test_tokens_that_are_none(reader, operator, fault):
    """A token that could be guessed, or not be said, is refused at the start; nothing shows it."""
    with pytest.raises(ConfigError, match=fault) as raised:
        Tokens(reader, operator)

    assert [] == [each for each in (reader, operator) if each and each in str(raised.value)]


def test_compared_in_constant_time(monkeypatch):
    """Both tokens are compared whole, whichever it is, and neither is kept as it is."""
    compared, constant = [], hmac.compare_digest

    def compare(one, other):
        compared.append((len(one), len(other)))
        return constant(one, other)

    monkeypatch.setattr(tokens.hmac, "compare_digest", compare)
    made = Tokens(READER, OPERATOR)
    for token in (READER, OPERATOR, "x", READER[:-1]):
        made.right(token)

    assert [(32, 32)] * 8 == compared
    kept = repr([getattr(made, name) for name in Tokens.__slots__])
    assert READER not in kept
    assert OPERATOR not in kept


@pytest.fixture
def folder(tmp_path):
    """Return a folder of credentials."""
    for name, text in (("look", READER), ("act", OPERATOR), ("short", SHORT)):
        (tmp_path / name).write_text(f"{text}\n")
        (tmp_path / name).chmod(0o400)
    return tmp_path


def made(folder, log, redactor=None, book=None, **keys):
    """Return the page that settings make."""
    web = Web.model_validate({"listen": "127.0.0.1:1", **keys})
    told = (book or Book(), log, redactor or Redactor())
    return page(web, *told, {"REBALANCER_CREDENTIALS": str(folder)}, folder)


async def test_what_the_process_knows(folder, read_log, monkeypatch):
    """The page shows no secret that the process has read, whoever in it; nor its own tokens."""
    monkeypatch.setattr("rebalancer.wiring.page.place_of", lambda _: ("127.0.0.1", 0))
    redactor, book = Redactor(), Book(note=f"pasted canary-12345 and {READER}")
    server = made(folder, read_log().log, redactor, book=book, reader="look")
    redactor.add("canary-12345")  # read later, as on a second reading of the settings
    await server.start()
    try:
        told = await ask(server.port, "GET", "/status", **bearer(READER))
    finally:
        await server.close()

    assert "pasted *** and ***" == told.json["note"]


async def test_wired(folder, read_log, monkeypatch):
    """The settings name files; what stands in them is what has to be said."""
    monkeypatch.setattr("rebalancer.wiring.page.place_of", lambda _: ("127.0.0.1", 0))
    server = made(folder, read_log().log, reader="look", operator="act")
    await server.start()
    try:
        assert 401 == (await ask(server.port, "GET", "/status")).status
        told = await ask(server.port, "GET", "/status", **bearer(READER))
        assert (200, "desk") == (told.status, told.json["book"])
        body, kind = b"{}", {"Content_Type": "application/json"}
        told = await ask(server.port, "POST", "/pause", body, **kind, **bearer(OPERATOR))
        assert 200 == told.status
    finally:
        await server.close()


@pytest.mark.parametrize("key", ["reader", "operator"])
def test_files_that_are_none(folder, read_log, key):
    """A token that is missing, short, or open to others keeps the book from starting."""
    log = read_log().log
    with pytest.raises(ConfigError, match="must be a file that can be read"):
        made(folder, log, **{key: "nothing"})
    with pytest.raises(ConfigError, match="at least 32 bytes"):
        made(folder, log, **{key: "short"})
    (folder / "look").chmod(0o444)
    with pytest.raises(PermissionRefused, match="by its owner alone"):
        made(folder, log, **{key: "look"})
