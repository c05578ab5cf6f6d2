"""The document: the page as one file, and what a browser is told that it may do.

Style and script are written into it, so that it is the only thing that is ever
loaded. It holds nothing of the book. A browser runs no other script than the one
whose digest it is told, and no text that comes later can become one.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SCRIPTS = ("words.js", "gauge.js", "chart.js", "panels.js", "why.js", "page.js")
_HERE = Path(__file__).parent / "page"


@dataclass(frozen=True, slots=True)
class Document:
    """The page and the policy that it is sent with."""

    body: bytes
    policy: str


def document() -> Document:
    """Return the page, put together from its parts."""
    style = (_HERE / "page.css").read_text(encoding="utf-8")
    script = "\n".join((_HERE / name).read_text(encoding="utf-8") for name in SCRIPTS)
    page = (_HERE / "page.html").read_text(encoding="utf-8")
    whole = page.replace("/*style*/", style).replace("/*script*/", script)
    rules = {
        "default-src": "'none'",
        "script-src": f"'{_digest(script)}'",
        "style-src": f"'{_digest(style)}'",
        "img-src": "data:",  # the icon, drawn in the colour of the state
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",  # nothing that is told becomes markup
        "trusted-types": "'none'",
    }
    policy = "; ".join(f"{name} {value}" for name, value in rules.items())
    return Document(whole.encode(), policy)


def headers(policy: str) -> Mapping[str, str]:
    """Return what every answer is sent with."""
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Server": "rebalancer",  # and not the library's name and number
    }


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
