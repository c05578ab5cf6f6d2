"""Apprise: the channels that it speaks and we do not, as far as they are on this list.

What it can do beyond sending a text to one address is left out: no attachment,
no template or plugin from a file, no configuration from elsewhere, and no word
in an address that loosens its TLS. It works in a thread, since it waits while
it sends.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import parse_qsl, urlsplit

from rebalancer.errors import ConfigError, Fault
from rebalancer.ops.messenger.lines import Notice, Route
from rebalancer.ops.messenger.posting import PATIENCE, Outcome

SCHEMES = (
    *("betterstack", "discord", "gchat", "gotifys", "mailtos", "matrixs", "mmosts", "ntfys"),
    *("opsgenie", "pagerduty", "pbul", "pover", "rockets", "sendgrid", "signl4", "slack"),
    *("splunk", "twilio", "victorops", "webex", "zulip"),
)
WORDS = ("from", "name", "priority", "region", "smtp", "to", "user")  # that an address may hold
EXTRA = 'needs apprise: pip install "rebalancer[notify]"'


def sender(route: Route) -> Callable[[str, str, Sequence[Notice]], Awaitable[Outcome]]:
    """Return what sends one message by apprise.

    Raises:
        ConfigError: It is not installed, or its address is none that is allowed.
    """
    wrong = refused(route.url)
    if wrong is not None:
        raise _fault(route, *wrong)
    try:
        import apprise
    except ImportError:
        raise _fault(route, EXTRA, "not installed") from None
    logging.getLogger("apprise").disabled = True  # its lines show addresses
    asset = apprise.AppriseAsset(async_mode=False)
    asset.http_redirects = False
    told = apprise.Apprise(asset=asset)
    if not told.add(route.url):
        raise _fault(route, "must be an address as apprise spells it", "one that it does not know")
    busy = asyncio.Lock()

    def notify(subject: str, text: str) -> bool:
        return bool(told.notify(body=text, title=subject, body_format=apprise.NotifyFormat.TEXT))

    async def wait(subject: str, text: str) -> bool:
        async with busy:
            return await asyncio.to_thread(notify, subject, text)

    async def send(subject: str, text: str, _of: Sequence[Notice]) -> Outcome:
        if busy.locked():
            return Outcome(False, "the attempt before has not ended", again=True)
        work = asyncio.create_task(wait(subject, text))
        done, _ = await asyncio.wait({work}, timeout=PATIENCE)
        if not done:  # a thread cannot be ended; the next attempt waits for it
            return Outcome(False, f"no answer within {PATIENCE:g} s", again=True)
        try:
            sent = work.result()
        except Exception as error:  # noqa: BLE001 - of a hundred plugins; its text shows addresses
            return Outcome(False, type(error).__name__, again=True)
        return Outcome(sent, "" if sent else "apprise could not deliver it", again=not sent)

    return send


def refused(url: str) -> tuple[str, str] | None:
    """Return what an address must be and what it was, where it is not allowed; else None."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "must be one address", "no address"
    if parts.scheme not in SCHEMES:
        return f"must begin with one of {', '.join(SCHEMES)}", "another scheme"
    if any(each in url for each in (" ", ",", "\n", "\t")):
        return "must be one address", "several"
    words = (key for key, _ in parse_qsl(parts.query, keep_blank_values=True))
    if any(key.lower() not in WORDS for key in words) or ";" in parts.query:
        return f"may hold only the words {', '.join(WORDS)}", "another word"
    return None


def _fault(route: Route, must: str, was: str) -> ConfigError:
    return ConfigError(f"alerts.channels {route.name}", [Fault("credentials", must, was)])
