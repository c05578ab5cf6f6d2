"""The page: one light file that loads nothing, and runs nothing but its own script."""

import base64
import hashlib
import re

from rebalancer.ops.web.document import document

HEAVIEST = 80_000  # bytes; a phone far away has to load it


def parts(tag):
    """Return what stands in each element of a kind."""
    return re.findall(rf"<{tag}>(.*?)</{tag}>", document().body.decode(), re.DOTALL)


def test_only_its_own():
    """The browser is told the digests of the one script and the one style, and to take no other."""
    told = document()
    for tag in ("script", "style"):
        (text,) = parts(tag)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in told.policy
    assert "unsafe" not in told.policy
    for rule in ("default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'"):
        assert rule in told.policy


def test_loads_nothing():
    """It is light, names no other host, sets no markup from text, and has no place for a token."""
    text = document().body.decode()
    found = re.findall(r"""https?://[^\s"'`]+""", text)
    markup = text.partition("<script>")[0]

    assert len(text) < HEAVIEST
    assert {"http://www.w3.org/2000/svg"} == set(found)  # a name and no address
    for sink in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert sink not in text
    assert [] == re.findall(r"<[^>]+\s(?:src|on\w+|style)=", markup)
    assert [] == re.findall(r"(?:fetch|WebSocket)\([^)]*token", text)
