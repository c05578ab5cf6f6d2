"""A browser for tests: Debian's chromium without a screen, driven over its DevTools socket.

    with opened() as browser:
        browser.visit(path.as_uri())
        browser.value("document.title")

It says what a person would meet: what the console complained of, what the
page asked the network for, what stands where.
"""

import base64
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE = 30.0  # s, for anything at all
ABSENT = "no chromium here (Debian: apt-get install chromium)"
QUIET = (
    "--headless=new",
    "--no-sandbox",  # tests run as root in a container
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)


def program() -> str | None:
    """Return where the browser is, or None."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


class Browser:
    """One tab. What it heard of console and network since the last visit is kept."""

    def __init__(self, socket: ClientConnection) -> None:
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self._socket = socket
        self._asked = 0
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Return the answer to one command."""
        self._asked += 1
        self._socket.send(json.dumps({"id": self._asked, "method": method, "params": params}))
        while True:
            told = json.loads(self._socket.recv(timeout=PATIENCE))
            if told.get("id") == self._asked:
                assert "error" not in told, f"{method}: {told['error']}"
                return told["result"]
            self._hear(told)

    def _hear(self, told: dict[str, Any]) -> None:
        facts = told.get("params", {})
        match told.get("method"):
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(facts["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if facts["type"] in ("error", "warning", "assert"):
                self.complaints.append(json.dumps(facts["args"]))
            case "Log.entryAdded" if facts["entry"]["level"] in ("error", "warning"):
                self.complaints.append(facts["entry"]["text"])
            case "Network.requestWillBeSent":
                self.requests.append(facts["request"]["url"])

    def visit(self, address: str, ready: str = "document.readyState === 'complete'") -> None:
        """Open a page and wait until an expression is true of it."""
        self.complaints, self.requests = [], []
        self.ask("Page.navigate", url=address)
        self.until(ready)

    def value(self, expression: str) -> Any:
        """Return what an expression comes to on the page."""
        told = self.ask(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def until(self, expression: str) -> None:
        """Wait until an expression is true."""
        late = time.monotonic() + PATIENCE
        while not self.value(f"Boolean({expression})"):
            assert time.monotonic() < late, f"never came true: {expression}"
            time.sleep(0.02)

    def scheme(self, name: str) -> None:
        """Prefer dark or light colours, as the system of a reader does."""
        features = [{"name": "prefers-color-scheme", "value": name}]
        self.ask("Emulation.setEmulatedMedia", features=features)

    def size(self, width: int, height: int, *, phone: bool = False) -> None:
        """Be a screen of so many pixels; a phone is touched, and has no pointer."""
        screen = {"width": width, "height": height, "mobile": phone}
        self.ask(
            "Emulation.setDeviceMetricsOverride", **screen, deviceScaleFactor=2 if phone else 1
        )
        self.ask("Emulation.setTouchEmulationEnabled", enabled=phone)

    def point(self, x: float, y: float) -> None:
        """Move the pointer there."""
        for place in (x - 3, x):  # it has to come from somewhere
            self.ask("Input.dispatchMouseEvent", type="mouseMoved", x=place, y=y)

    def click(self, selector: str) -> None:
        """Click in the middle of an element, where nothing may lie over it."""
        place = f"document.querySelector({json.dumps(selector)})"
        self.value(f"{place}.scrollIntoView({{block: 'center'}})")
        x, y = self.value(
            f"(() => {{ const at = {place}.getBoundingClientRect();"
            " return [at.x + at.width / 2, at.y + at.height / 2]; })()"
        )
        over = f"{place}.contains(document.elementFromPoint({x}, {y}))"
        assert self.value(over), f"{selector}: something lies over it"
        self.point(x, y)
        for kind in ("mousePressed", "mouseReleased"):
            told = {"x": x, "y": y, "button": "left", "clickCount": 1}
            self.ask("Input.dispatchMouseEvent", type=kind, **told)

    def key(self, name: str) -> None:
        """Press a key and let it go."""
        told = {"key": name, "code": name, "windowsVirtualKeyCode": _KEYS[name]}
        for kind in ("rawKeyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, **told)

    def write(self, text: str) -> None:
        """Write into what has the focus."""
        self.ask("Input.insertText", text=text)

    def picture(self, path: Path, height: int | None = None) -> None:
        """Keep what is seen as a PNG; `height` pixels of the page, or what the screen shows."""
        args: dict[str, Any] = {}
        if height is not None:
            width = self.value("document.documentElement.clientWidth")
            args["clip"] = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
            args["captureBeyondViewport"] = True
        told = self.ask("Page.captureScreenshot", format="png", **args)
        path.write_bytes(base64.b64decode(told["data"]))


_KEYS = {"ArrowLeft": 37, "ArrowRight": 39, "Escape": 27}


@contextmanager
def opened() -> Iterator[Browser]:
    """Start a browser of its own, and end it."""
    found = program()
    assert found is not None, ABSENT
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        process = subprocess.Popen(
            [found, *QUIET, f"--user-data-dir={home}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            with connect(_tab(process, Path(home)), max_size=None) as socket:
                yield Browser(socket)
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _tab(process: subprocess.Popen[bytes], home: Path) -> str:
    """Return the address of the first tab's socket, once there is one."""
    late = time.monotonic() + PATIENCE
    told = home / "DevToolsActivePort"
    while not (told.exists() and len(told.read_text().split()) == 2):
        assert process.poll() is None, "chromium ended before it began"
        assert time.monotonic() < late, "chromium told no port"
        time.sleep(0.02)
    port, path = told.read_text().split()
    with connect(f"ws://127.0.0.1:{port}{path}") as socket:
        socket.send(json.dumps({"id": 1, "method": "Target.getTargets"}))
        tabs = json.loads(socket.recv(timeout=PATIENCE))["result"]["targetInfos"]
    page = next(each["targetId"] for each in tabs if each["type"] == "page")
    return f"ws://127.0.0.1:{port}/devtools/page/{page}"
