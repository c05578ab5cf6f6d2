"""`[alerts]`: what it means, and every fault of it at once."""

import json
import tomllib
from decimal import Decimal

import pytest

from rebalancer.settings.alerting import Alerts, Channel, alone, names, spelled
from rebalancer.settings.report import judge
from tests.settings.test_settings import DESIGN

SECOND = 1_000_000_000
HOOK = {"kind": "webhook", "url": "https://alerts.example.org/desk"}
CHAT = {"kind": "telegram", "credentials": "tg"}


def faults(alerts):
    """Return (path, must, was) of all that is wrong with a table."""
    raw = tomllib.loads(DESIGN, parse_float=Decimal)
    told = judge({**raw, "alerts": alerts}, "x.toml").faults
    return [(each.path, each.must, each.was) for each in told if each.path.startswith("alerts")]


def test_defaults():
    """Without the table nothing leaves; with channels the rest suits an unattended desk."""
    told = Alerts()

    assert not told.outward
    assert Alerts(channels=[HOOK]).outward
    assert Alerts(heartbeat={"url": "https://hc.example.org/6f"}).outward
    assert ("warning", 10 * SECOND, 900 * SECOND, 7 * 3600) == (
        *(told.least, told.silence, told.remind, told.digest),
    )


@pytest.mark.parametrize(("text", "hour"), [("00:00", 0), ("23:59", 86_340), ("off", None)])
def test_digest(text, hour):
    """The digest has an hour, or is off."""
    assert hour == Alerts(digest=text).digest


def test_names():
    """A channel is called as it says, else by its kind and number."""
    told = Alerts(channels=[HOOK, CHAT, {**HOOK, "name": "desk"}, HOOK])

    assert ("webhook", "telegram", "desk", "webhook-2") == names(told)


@pytest.mark.parametrize(
    ("table", "path", "must"),
    [
        ({"silence": "4s"}, "silence", "must be 5s to 300s"),
        ({"silence": "301s"}, "silence", "must be 5s to 300s"),
        ({"remind": "59s"}, "remind", "must be 60s to 86400s"),
        (
            {"digest": "7:00"},
            "digest",
            'must be a time of the day in UTC such as "07:00", or "off"',
        ),
        (
            {"digest": "24:00"},
            "digest",
            'must be a time of the day in UTC such as "07:00", or "off"',
        ),
        ({"least": "info"}, "least", "must be warning or error"),
        ({"lest": "error"}, "lest", "unknown key; did you mean least?"),
        ({"channels": [HOOK] * 9}, "channels", "must be at most 8"),
        (
            {"channels": [{"kind": "sms"}]},
            "channels.0.kind",
            "must be telegram, webhook or apprise",
        ),
        (
            {"channels": [{"kind": "webhook"}]},
            "channels.0",
            "must have one of credentials, url, loopback",
        ),
        (
            {"channels": [{**HOOK, "credentials": "x"}]},
            "channels.0",
            "must have one of credentials, url, loopback",
        ),
        (
            {"channels": [{"kind": "telegram"}]},
            "channels.0.credentials",
            "must name a credential for telegram",
        ),
        (
            {"channels": [{**CHAT, **HOOK, "kind": "telegram"}]},
            "channels.0.url",
            "must not be set for telegram",
        ),
        (
            {
                "channels": [
                    {"kind": "apprise", "credentials": "x", "loopback": "http://127.0.0.1:1/"}
                ]
            },
            "channels.0.loopback",
            "must not be set for apprise",
        ),
        (
            {"channels": [{**HOOK, "name": "a"}, {**CHAT, "name": "a"}]},
            "channels.1.name",
            "must be another name: two channels of one name cannot be told apart",
        ),
        (
            {"channels": [{**CHAT, "token": "123:AA"}]},
            "channels.0.token",
            "a key never stands in a configuration",
        ),
        ({"heartbeat": {}}, "heartbeat", "must have one of credentials, url, loopback"),
        (
            {"heartbeat": {"credentials": "x", "every": "5s"}},
            "heartbeat.every",
            "must be 10s to 3600s",
        ),
    ],
)
def test_faults(table, path, must):
    """Each fault is told where it is, with what must hold."""
    assert [(f"alerts.{path}", must)] == [each[:2] for each in faults(table)]


@pytest.mark.parametrize(
    ("url", "sound"),
    [
        ("https://alerts.example.org", True),
        ("https://alerts.example.org:8443/desk?x=1", True),
        ("http://alerts.example.org/desk", False),
        ("https://user:word@example.org/", False),
        ("https://alerts.example.org:0/", False),
        ("https://alerts.example.org:70000/", False),
        ("ftp://example.org/", False),
        ("https://", False),
    ],
)
def test_url(url, sound):
    """An address in a configuration is https, and has no user."""
    assert sound is (not faults({"channels": [{"kind": "webhook", "url": url}]}))


@pytest.mark.parametrize(
    ("address", "sound"),
    [
        ("http://127.0.0.1:8080/alerts", True),
        ("http://localhost:8080", True),
        ("http://[::1]:8080/x", True),
        ("http://127.0.0.1/alerts", False),
        ("http://10.0.0.1:8080/", False),
        ("http://127.0.0.1.example.org:80/", False),
        ("https://127.0.0.1:8080/", False),
    ],
)
def test_loopback(address, sound):
    """A loopback is on this machine, with a port."""
    assert sound is (not faults({"channels": [{"kind": "webhook", "loopback": address}]}))


def test_all_at_once():
    """All faults are told together, in the order of the keys."""
    table = {
        "silence": "1s",
        "digest": "x",
        "channels": [{"kind": "webhook"}, {"kind": "telegram"}],
    }

    assert 4 == len(faults(table))


@pytest.mark.parametrize(
    ("raw", "outward"),
    [
        ({"alerts": {"channels": [HOOK]}, "limits": {"nonsense": 1}}, True),
        ({"alerts": {"channels": [HOOK], "silence": "1s"}}, None),
        ({"alerts": {"channels": [{"kind": "sms"}]}}, None),
        ({"alerts": 5}, None),
        ({}, False),
    ],
)
def test_alone(raw, outward):
    """The table is read by itself, where the rest of a file keeps a book from starting."""
    told = alone(raw)

    assert outward is (None if told is None else told.outward)


def test_example():
    """A channel stands in for one that is missing its kind."""
    assert "webhook" == Channel(**HOOK).kind


@pytest.mark.parametrize(
    "table",
    [
        {},
        {"digest": "off", "least": "error", "silence": "1500ms", "remind": "90s"},
        {
            "digest": "23:59",
            "silence": "30s",
            "channels": [
                {"kind": "telegram", "credentials": "tg", "name": "boss", "least": "error"},
                {"kind": "webhook", "loopback": "http://127.0.0.1:8080/x"},
            ],
            "heartbeat": {"url": "https://hc.example.org/a", "every": "90s"},
        },
    ],
)
def test_spelled(table):
    """What is kept of the table means what the configuration meant."""
    told = Alerts.model_validate(table)

    assert told == Alerts.model_validate(json.loads(json.dumps(spelled(told))))
