"""From settings and credentials to where alerts go; nothing secret stands in a configuration."""

import sys
import threading
import warnings

import pytest

from rebalancer.core.commands import Severity
from rebalancer.errors import ConfigError, PermissionRefused
from rebalancer.ops.messenger import apprised
from rebalancer.ops.messenger.apprised import SCHEMES, refused, sender
from rebalancer.ops.messenger.lines import Route
from rebalancer.ops.messenger.orders import orders
from rebalancer.settings.alerting import Alerts

MINUTE = 60_000_000_000


def ordered(folder, channels=(), heartbeat=None, **credentials):
    """Return what a messenger is told of these channels."""
    for name, text in credentials.items():
        path = folder / name
        path.write_text(text)
        path.chmod(0o400)
    told = Alerts(channels=channels, heartbeat=heartbeat)
    environ = {"REBALANCER_CREDENTIALS": str(folder)}
    return orders(("desk", "live"), told, MINUTE, environ, folder)


def test_routes(tmp_path):
    """Each channel leads where its credential, its address or its loopback says."""
    told = ordered(
        tmp_path,
        [
            {"kind": "telegram", "credentials": "tg", "least": "error"},
            {"kind": "webhook", "credentials": "hook"},
            {"kind": "webhook", "url": "https://alerts.example.org/desk"},
            {"kind": "webhook", "loopback": "http://127.0.0.1:8080/x", "name": "here"},
            {"kind": "apprise", "credentials": "pager"},
            {"kind": "telegram", "credentials": "tg", "loopback": "http://127.0.0.1:8081"},
        ],
        {"credentials": "alive", "every": "30s"},
        tg="123:AA\n-1002003\n",
        hook='{"url": "https://hooks.example.org/T1", "token": "bearer"}',
        pager="pagerduty://key@routing\n",
        alive="https://hc.example.org/6f3a\n",
    )

    assert [
        Route("telegram", "telegram", "https://api.telegram.org/bot123:AA/sendMessage", "-1002003",
              Severity.ERROR),
        Route("webhook", "webhook", "https://hooks.example.org/T1", "bearer"),
        Route("webhook-2", "webhook", "https://alerts.example.org/desk"),
        Route("here", "webhook", "http://127.0.0.1:8080/x", loopback=True),
        Route("apprise", "apprise", "pagerduty://key@routing"),
        Route("telegram-2", "telegram", "http://127.0.0.1:8081/bot123:AA/sendMessage", "-1002003",
              loopback=True),
    ] == list(told.routes)  # fmt: skip
    assert (30.0, "https://hc.example.org/6f3a") == (told.every, told.heartbeat.url)
    assert (10.0, 900.0, 60.0, 25_200) == (told.silence, told.remind, told.unhedged, told.digest)


def test_faults(tmp_path):
    """All credentials that are missing or wrong are told at once, at the keys that name them."""
    with pytest.raises(ConfigError) as told:
        ordered(
            tmp_path,
            [
                {"kind": "telegram", "credentials": "tg"},
                {"kind": "webhook", "credentials": "hook"},
                {"kind": "apprise", "credentials": "pager"},
                {"kind": "webhook", "credentials": "missing"},
                {"kind": "webhook", "credentials": "long", "name": "long"},
            ],
            {"credentials": "alive"},
            tg="canary-token\n",
            hook="http://hooks.example.org/canary\n",
            pager="json://canary.example.org\n",
            alive="canary\n",
            long=f"https://hooks.example.org/{'canary' * 400}\n",
        )

    assert [
        *(f"alerts.channels.{n}.credentials" for n in range(5)),
        "alerts.heartbeat.credentials",
    ] == [each.path for each in told.value.faults]
    assert "canary" not in str(told.value)


def test_private(tmp_path):
    """A credential that others may read is refused."""
    (tmp_path / "hook").write_text("https://hooks.example.org/T1\n")
    (tmp_path / "hook").chmod(0o644)
    with pytest.raises(PermissionRefused):
        orders(
            ("desk", "live"),
            Alerts(channels=[{"kind": "webhook", "credentials": "hook"}]),
            MINUTE,
            {"REBALANCER_CREDENTIALS": str(tmp_path)},
            tmp_path,
        )


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("mailtos://user:word@example.org?to=a@example.org", True),
        ("discord://1234/abcd", True),
        ("ntfys://ntfy.sh/topic?priority=high", True),
        ("json://example.org", False),
        ("jsons://example.org", False),
        ("file:///etc/passwd", False),
        ("syslog://", False),
        ("dbus://", False),
        ("mailto://user:word@example.org", False),  # without TLS
        ("mailtos://user:word@example.org?mode=insecure", False),
        ("mailtos://user:word@example.org?verify=no", False),
        ("mailtos://user:word@example.org?VERIFY=no", False),
        ("slack://a/b/c?template=/etc/passwd", False),
        ("discord://1234/abcd?redirect=yes", False),
        ("ntfys://ntfy.sh/topic?attach=file:///etc/passwd", False),
        ("matrixs://host?+header=x", False),
        ("discord://1234/abcd, file:///x", False),
        ("discord://1234/abcd\nfile:///x", False),
    ],
)
def test_apprise_address(url, allowed):
    """Apprise is given addresses of the list alone, without a word that loosens anything."""
    assert allowed is (refused(url) is None)


@pytest.fixture
def apprise():
    """Return apprise, where it is installed; some of its hundred modules warn when they load."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = pytest.importorskip("apprise", reason="the extra notify is not installed")
        found.Apprise().details()
        yield found


def spoken(apprise):
    """Yield every scheme that apprise speaks over TLS."""
    for plugin in apprise.Apprise().details()["schemas"]:
        yield from plugin["secure_protocols"] or ()


def test_apprise_schemes(apprise):
    """Every scheme of the list is one that apprise speaks over TLS."""
    assert set(SCHEMES) <= set(spoken(apprise))


DISCORD = Route("d", "apprise", "discord://1234567890/abcdefgh")


async def test_apprise_sends(apprise, monkeypatch):
    """A message is told to apprise as plain text, with redirects off."""
    said = []

    def notify(self, body, title, body_format):
        said.append((body, title, body_format, [each.redirects for each in self]))
        return True

    monkeypatch.setattr(apprise.Apprise, "notify", notify)
    outcome = await sender(DISCORD)("about", "text", ())

    assert outcome.ok
    assert [("text", "about", apprise.NotifyFormat.TEXT, [False])] == said


async def test_apprise_fails(apprise, monkeypatch):
    """What breaks in a plugin is a failure of its channel, told without its text."""

    def notify(self, **_told):
        raise ValueError("https://discord.com/canary")

    monkeypatch.setattr(apprise.Apprise, "notify", notify)
    outcome = await sender(DISCORD)("about", "text", ())

    assert (False, "ValueError", True) == (outcome.ok, outcome.why, outcome.again)


async def test_apprise_hangs(apprise, monkeypatch):
    """A plugin that waits is left after a while; no second one is sent after it."""
    release = threading.Event()
    monkeypatch.setattr(apprised, "PATIENCE", 0.05)
    monkeypatch.setattr(apprise.Apprise, "notify", lambda self, **_told: release.wait(5))
    send = sender(DISCORD)
    first, second = [await send("about", "text", ()) for _ in range(2)]
    release.set()

    assert ["no answer within 0.05 s", "the attempt before has not ended"] == [
        first.why,
        second.why,
    ]
    assert first.again
    assert second.again


def test_apprise_missing(monkeypatch):
    """Where apprise is not installed the error names what to install."""
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(ConfigError, match=r"rebalancer\[notify\]"):
        sender(DISCORD)
