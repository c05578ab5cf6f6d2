"""A webhook on this machine that remembers what it was told, and when."""

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Webhook:
    """What a webhook was told so far.

    Args:
        port: Where it listens.
    """

    def __init__(self, port):
        self.address = f"http://127.0.0.1:{port}/desk"
        self.heard = []  # (s since 1970, payload)
        self.beats = []  # s since 1970 of each GET

    def alerts(self):
        """Return (s since 1970 when it was heard, alert) of each alert."""
        return [(at, each) for at, payload in list(self.heard) for each in payload["alerts"]]

    def until(self, event, patience, **facts):
        """Return when an alert was heard, and the alert, once it is there."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            for at, alert in self.alerts():
                if alert["event"] == event and facts.items() <= alert.items():
                    return at, alert
            time.sleep(0.05)
        raise AssertionError(f"{event} {facts} was never heard; heard was {self.alerts()}")


@contextmanager
def webhook():
    """Serve a webhook while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.heard.append((time.time(), json.loads(body)))
            self._answer()

        def do_GET(self):
            hook.beats.append(time.time())
            self._answer()

        def _answer(self):
            self.send_response(204)
            self.end_headers()

        def log_message(self, *told):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hook = Webhook(server.server_port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
