"""The status page of a running book, as a person meets it: looks, asks why, pauses, kills."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from rebalancer.storage.sqlite import open_journal
from tests.end_to_end.contrast import PALE
from tests.end_to_end.test_report import DESK, PHONE, beyond

ROOT = Path(__file__).resolve().parents[2]
READER, OPERATOR = "reader-" + "r" * 40, "operator-" + "o" * 40
LIVE = "document.readyState === 'complete' && document.body.dataset.live === 'yes'"
FULL = f"{LIVE} && document.querySelector('#positions td') && document.querySelector('#guards li')"
NET = "document.querySelector('#coins [aria-selected=true] .net').textContent"
STATE = "document.querySelector('#state').textContent"


def free_port():
    """Return a port that nobody listens on."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return asked.getsockname()[1]


class Book:
    """The demo's desk with a status page, in a process of its own."""

    def __init__(self, folder, *tokens):
        self.port, self.state = free_port(), folder / "state"
        self.address = f"http://127.0.0.1:{self.port}/"
        keys = folder / "credentials"
        keys.mkdir()
        named = []
        for name, token in tokens:
            (keys / name).write_text(f"{token}\n")
            (keys / name).chmod(0o400)
            named.append(f'{name} = "{name}"')
        config = folder / "desk.toml"
        web = "\n".join(["[web]", f'listen = "127.0.0.1:{self.port}"', *named])
        config.write_text(f"{(ROOT / 'config/demo.toml').read_text()}\n{web}\n")
        told = ("demo", str(config), "--for", "9h", "--speed", "20", "--state", str(self.state))
        self.errors = (folder / "errors.txt").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from rebalancer.cli import main; main()", *told],
            env={**os.environ, "REBALANCER_CREDENTIALS": str(keys)},
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=self.errors,
        )
        late = time.monotonic() + 60
        while not self.answers():
            assert self.process.poll() is None, (folder / "errors.txt").read_text()[-2000:]
            assert time.monotonic() < late, "the page never answered"
            time.sleep(0.1)

    def answers(self):
        """Tell whether the page lives."""
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(f"{self.address}livez", timeout=2).status == 200
        return False

    def end(self):
        """End the process in order; return what it said of operators."""
        self.process.send_signal(signal.SIGTERM)
        assert 0 == self.process.wait(60)
        self.errors.close()
        journal = open_journal(self.state / "journal.sqlite")
        try:
            told = [each.payload for each in journal.read("event")]
        finally:
            journal.close()
        return [
            (each["verb"], each["reason"], each["who"])
            for each in told
            if each["type"] == "Operator"
        ]


@pytest.fixture
def running(tmp_path, browser):
    """Return a maker of one running book; it is killed when the test leaves it."""
    browser.visit("about:blank")  # a page of before goes on asking for a book that is gone
    made = []

    def make(*tokens):
        made.append(Book(tmp_path, *tokens))
        return made[0]

    yield make
    for book in made:
        book.process.kill()
        book.process.wait(30)
        book.errors.close()


@pytest.mark.waits(120)
def test_looking(running, browser):
    """A person sees net delta move, asks why, looks at the other coin; on a phone and at night."""
    book = running(("operator", OPERATOR))
    browser.scheme("light")
    browser.size(*DESK)
    browser.visit(book.address, FULL)
    before = browser.value(NET)
    browser.until(f"{NET} !== {json.dumps(before)}")
    browser.until("document.querySelectorAll('#chart path.line').length > 0")
    assert "ACTIVE" in browser.value(STATE)
    assert browser.value("document.title").endswith("demo-desk")
    assert browser.value("document.querySelector('#chart').ariaLabel").startswith(
        "Net delta of BTC"
    )
    assert "kill" not in browser.value("document.body.innerText").lower()  # nobody signed in

    browser.until("document.querySelector('#decisions button')")
    browser.click("#decisions button")
    browser.until("document.querySelectorAll('#whybody table').length >= 2")
    why = browser.value("document.querySelector('#whybody').innerText")
    assert {"Inputs", "Holdings"} <= set(why.splitlines())
    assert "step " in why
    browser.click("#why .close")

    browser.value("document.querySelector('#coins [aria-selected=true]').focus()")
    browser.key("ArrowRight")
    browser.until("document.querySelector('#charted').textContent.includes('ETH')")
    assert "ETH" == browser.value("document.activeElement.dataset.coin")
    browser.until("document.querySelectorAll('#chart path.line').length > 0")
    browser.value("document.querySelector('#chart').focus()")
    browser.key("ArrowLeft")
    browser.until("document.querySelector('#read').textContent.includes('band')")

    for scheme in ("light", "dark"):
        browser.scheme(scheme)
        told = browser.value(PALE)
        assert (True, []) == (told["looked"] > 150, told["pale"]), scheme
    paper = browser.value("getComputedStyle(document.body).backgroundColor")
    assert sum(map(int, paper[4:-1].split(","))) < 100  # night is dark

    browser.size(*PHONE, phone=True)
    browser.until(f"document.documentElement.clientWidth === {PHONE[0]}")
    assert PHONE[0] == browser.value("document.documentElement.scrollWidth")
    assert [] == beyond(browser)
    asked = [urlsplit(each) for each in browser.requests]
    hosts = {each.netloc for each in asked if each.scheme != "data"}
    assert ({f"127.0.0.1:{book.port}"}, []) == (hosts, browser.complaints)


@pytest.mark.waits(120)
def test_acting(running, browser):
    """Who has the operator's token pauses, resumes, and kills after a second thought."""
    book = running(("reader", READER), ("operator", OPERATOR))
    browser.scheme("light")
    browser.size(*DESK)
    browser.visit(book.address, "document.querySelector('#login')?.open")
    assert "demo-desk" not in browser.value("document.body.innerText")
    assert browser.value("document.querySelector('#main').hidden")

    def sign_in(token):
        browser.value("document.querySelector('#token').focus()")
        browser.write(token)
        browser.click("#login [type=submit]")

    sign_in("guess" * 10)
    browser.until("document.querySelector('#loginbad').textContent.includes('not known')")
    sign_in(READER)
    browser.until(FULL)
    assert browser.value("document.querySelector('#kill').hidden")
    browser.click("#sign")
    sign_in(OPERATOR)
    browser.until("!document.querySelector('#kill').hidden")

    def deed(selector, reason):
        browser.click(selector)
        browser.until("document.querySelector('#act').open")
        browser.write(reason)

    deed("#pause", "venue maintenance")
    browser.click("#actyes")
    browser.until(f"{STATE}.includes('PAUSED')")
    assert "venue maintenance" in browser.value("document.querySelector('#troubles').innerText")
    browser.until("document.querySelector('#pause').textContent === 'Resume'")
    deed("#pause", "over")
    browser.click("#actyes")
    browser.until(f"{STATE}.includes('ACTIVE')")
    deed("#kill", "second thought")
    browser.click("#act .close")
    assert "ACTIVE" in browser.value(STATE)
    deed("#kill", "wrong account")
    browser.click("#actyes")
    browser.until(f"{STATE}.includes('HALTED')")
    browser.until("document.querySelector('#verdict').textContent.includes('need')")
    assert browser.value("document.querySelector('#pause').disabled")

    secrets = (READER, OPERATOR)
    assert [] == [each for each in browser.requests if any(token in each for token in secrets)]
    assert [] == [each for each in browser.complaints if "401" not in each]  # of the page itself
    assert [
        ("pause", "venue maintenance", "web"),
        ("resume", "over", "web"),
        ("kill", "wrong account", "web"),
    ] == book.end()
    said = (book.state.parent / "errors.txt").read_text()
    assert [] == [token for token in secrets if token in said]


@pytest.mark.waits(120)
def test_stale(running, browser):
    """A page whose book is stuck or gone says so loudly, turns grey, and comes back with it."""
    book = running()
    browser.scheme("light")
    browser.size(*DESK)
    browser.visit(book.address, FULL)
    assert browser.value("document.querySelector('#lost').hidden")

    book.process.send_signal(signal.SIGSTOP)
    browser.until("document.body.dataset.live === 'no'")
    assert "NOT live" in browser.value("document.querySelector('#lost').innerText")
    assert browser.value("document.title").startswith("▲ LOST")
    assert "was ACTIVE" in browser.value(STATE)
    grey = "getComputedStyle(document.querySelector('#main')).filter"
    assert "grayscale(1)" == browser.value(grey)
    told = browser.value(PALE)
    assert [] == told["pale"]

    book.process.send_signal(signal.SIGCONT)
    browser.until(LIVE)
    assert browser.value("document.querySelector('#lost').hidden")
    assert ("none", True) == (browser.value(grey), "ACTIVE" in browser.value(STATE))
    book.process.kill()
    browser.until("document.body.dataset.live === 'no'")
    assert browser.value("document.title").startswith("▲ LOST")
