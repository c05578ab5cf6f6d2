"""The outside of a book, on this machine: a webhook, Telegram, and what apprise speaks to.

Each of them refuses first, and repeats in its page whatever it was sent: where it was
asked, with which token, and what for. Then it takes what comes.
"""

import json
from urllib.parse import quote

from aiohttp import web

CHANNELS = ("webhook", "telegram", "apprise")
CHAT = "-1002003004005"
REFUSED = 4  # requests of a channel: enough for it to be called failing
AFTER = 330  # characters behind an address that the messenger says aloud: its end is told
STAND_IN = """
import http.client, json, sys


class NotifyFormat:
    TEXT = "text"


class AppriseAsset:
    def __init__(self, **_options):
        self.http_redirects = True


class Apprise:
    def __init__(self, asset=None):
        self.url, self.asked = "", 0

    def add(self, url):
        self.url = url
        return True

    def notify(self, body, title, body_format=None):
        self.asked += 1
        said = f"{{self.url}} {after}"
        print(said)
        print(said, file=sys.stderr, flush=True)
        if self.asked == 1:
            raise RuntimeError(said)
        connection = http.client.HTTPConnection("127.0.0.1", {port}, timeout=5)
        connection.request("POST", "/apprise", json.dumps({{"subject": title, "text": body}}))
        return connection.getresponse().status < 300
"""  # the module `apprise`, for a process that is not to reach anybody


class Outside:
    """Who is told.

    Args:
        folder: Where the stand-in for apprise is laid.
        bot: Token of the Telegram bot.
        pager: Password of the address that apprise is given.
    """

    def __init__(self, folder, bot, pager):
        self.told = {name: [] for name in CHANNELS}  # what each was told, also where it refused
        self.path, self._bot, self._pager = folder, bot, pager
        self._runner, self._port = None, 0

    async def start(self):
        """Listen."""
        app = web.Application()
        app.router.add_post("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._port = self._runner.addresses[0][1]
        self.path.mkdir()
        module = STAND_IN.format(port=self._port, after="x" * AFTER)
        (self.path / "apprise.py").write_text(module)

    async def stop(self):
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()

    def settings(self, keys):
        """Write the credentials; return the table of alerts."""
        address = f"http://127.0.0.1:{self._port}"
        pager = f"ntfys://desk:{quote(self._pager, safe='')}@ntfy.example/desk"
        files = {"bot": json.dumps({"token": self._bot, "chat": CHAT}), "pager": pager}
        for name, text in files.items():
            (keys / name).write_text(text)
            (keys / name).chmod(0o400)
        rows = (
            f'kind = "webhook"\nloopback = "{address}/webhook"',
            f'kind = "telegram"\ncredentials = "bot"\nloopback = "{address}"',
            'kind = "apprise"\ncredentials = "pager"',
        )
        return "\n[alerts]\n" + "".join(f"[[alerts.channels]]\n{each}\n" for each in rows)

    def heard(self, *words):
        """Whether every channel was told all of these, in one message."""
        return all(
            any(all(word in text for word in words) for text in told) for told in self.told.values()
        )

    async def _answer(self, request):
        name = "telegram" if request.path.startswith("/bot") else request.path.strip("/")
        text = await request.text()
        told = self.told[name]
        told.append(text)
        if len(told) > REFUSED:
            return web.Response(status=204)
        before = "." * (40 * len(told))  # a cut falls into another part each time
        seen = f"{before} no {request.method} {request.raw_path} {dict(request.headers)}"
        return web.Response(status=503, text=f"{seen} {text}")
