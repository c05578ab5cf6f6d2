"""Alerts in words: short, harmless, without secrets."""

import pytest

from rebalancer.core.commands import Severity
from rebalancer.ops.messenger import lines, wording
from rebalancer.ops.messenger.channels import hiding
from rebalancer.ops.messenger.lines import Notice, Orders, Route
from rebalancer.ops.redaction import Redactor

BOT = "https://api.telegram.org/bot123456:AAcanary/sendMessage"
HOOK = "https://hooks.example.org/T0001/canarycanarycanary"
ROUTES = (
    Route("telegram", "telegram", BOT, "-1002003"),
    Route("webhook", "webhook", HOOK, "canary-bearer"),
    Route("query", "webhook", "https://x.example/n?to=desk&sig=canary%2Bcanary&token=canary7"),
    Route("mail", "apprise", "mailtos://canary-account:canary8@mail.example?to=a@b.example"),
    Route("chat", "apprise", "slack://canary-canary-a/canary-canary-b/%23desk"),
)
ALIVE = Route("heartbeat", "heartbeat", "https://hc.io/6f3a-canary-9d")
ORDERS = Orders("desk", "live", ROUTES, ALIVE)


def notice(text="net delta 1.84", more=0, action="hedge by hand"):
    """Return an alert."""
    return Notice(Severity.ERROR, "delta.unhedged", "BTC", text, action, 1_767_597_738.5, 7, more)


def test_body():
    """A message names the book, and of each alert when, what, where and what to do."""
    told = [notice(more=3), notice("again", action="none")]

    assert [
        "[desk]",
        "07:22:18 ERROR delta.unhedged BTC: net delta 1.84 (3 more within the minute)",
        "→ hedge by hand",
        "07:22:18 ERROR delta.unhedged BTC: again",
    ] == wording.body("desk", told, Redactor()).splitlines()
    assert "desk: ERROR delta.unhedged BTC and 1 more" == wording.subject("desk", told, Redactor())


@pytest.mark.parametrize("text", ["a\nb\x1b[2J", "right to left \u202e", "x" * 10_000])
def test_harmless(text):
    """A hostile text starts no line, moves no cursor, and fills no screen."""
    told = wording.body("desk", [notice(text)], Redactor())
    payload = wording.payload({"book": "desk"}, told, [notice(text)], Redactor())

    assert 3 == len(told.splitlines())
    assert len(told) <= wording.LONGEST
    for said in (told, payload["alerts"][0]["text"]):
        assert not {"\x1b", "\u202e"} & {*said}
    assert len(payload["alerts"][0]["text"]) <= lines.TEXT


@pytest.mark.parametrize(
    "secret",
    [
        *("123456:AAcanary", "bot123456:AAcanary", "-1002003", "canarycanarycanary"),
        *("canary-bearer", "6f3a-canary-9d", HOOK),
        *("canary%2Bcanary", "canary+canary", "canary7", "canary-account", "canary8"),
        *("canary-canary-a", "canary-canary-b"),
    ],
)
def test_hidden(secret):
    """No address or token of a channel is told on any channel, however it came into a text."""
    redactor = hiding(ORDERS)
    told = notice(f"could not reach {secret}")
    text = wording.body("desk", [told], redactor)
    payload = wording.payload({"book": "desk"}, text, [told], redactor)

    assert secret not in text
    assert secret not in str(payload)


def test_first_line():
    """The first line brings everything over; what is secret shows nowhere else."""
    kind, facts = lines.read(lines.first(ORDERS))

    assert ("orders", ORDERS) == (kind, lines.ordered(facts))
    assert "canary" not in repr(ORDERS)
    assert "-1002003" not in repr(ORDERS)


@pytest.mark.parametrize(
    "line", [b"", b"{}", b"[1]", b'{"a":1}', b'{"a":{},"b":{}}', b"\xff", b"[" * 100_000]
)
def test_no_line(line):
    """What is no line says nothing."""
    assert lines.read(line) is None
