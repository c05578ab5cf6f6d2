"""Redaction: no secret leaves in a line, however it is written or wherever it hides.

Two nets. Registered secrets are found by content, as they are and in the forms
in which libraries tend to print them. What stands beside a name like
`api_key` or `signature` is found by that name, registered or not.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

HIDDEN = "***"
SHORTEST = 6  # characters; anything shorter would be found in innocent words

_NAMES = (
    r"api_?key|secret|token|pass(?:word|phrase|wd)|private_?key|signature|authorization|cookie"
    r"|x-[a-z-]*(?:key|sign)"
)
_NAME = re.compile(_NAMES, re.IGNORECASE)
# name, then quotes, then = or :, then quotes; a scheme of HTTP authentication belongs to the value
_NAMED = re.compile(
    rf"""((?:{_NAMES})[\w-]*[\\"']*\s*(?:[=:]|%3D)\s*[\\"']*)((?:Bearer|Basic)\s+)?[^\s&"'\\,;}})\]\x1b]+""",
    re.IGNORECASE,
)


def names_secret(key: str) -> bool:
    """Tell whether what is kept under this name is nobody's business."""
    return _NAME.search(key) is not None


class Redactor:
    """Finds secrets in text and puts `***` in their place.

    Args:
        secrets: Credentials of at least six characters; more may be added while
            the program learns them.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: dict[str, None] = {}
        self._pattern: re.Pattern[str] | None = None
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        """Hide this secret from now on.

        Raises:
            ValueError: It is too short to be told from innocent text.
        """
        if len(secret.strip()) < SHORTEST:
            raise ValueError(f"a secret must have at least {SHORTEST} characters to be hidden")
        self._forms.update((form, None) for form in _forms(secret))
        longest_first = sorted(self._forms, key=lambda form: (-len(form), form))
        # Case does not matter: hex and %XX come in both, and more is hidden rather than less.
        self._pattern = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE)

    def known(self, text: str) -> str:
        """Return the text without the secrets that were added, whatever it calls them."""
        return text if self._pattern is None else self._pattern.sub(HIDDEN, text)

    def text(self, text: str) -> str:
        """Return the text without its secrets."""
        text = self.known(text)
        return _NAMED.sub(rf"\1{HIDDEN}", text)


def hiding(secrets: Iterable[str]) -> Redactor:
    """Return what hides these secrets; one too short to be told from innocent text is left out."""
    return Redactor(each for each in secrets if len(each.strip()) >= SHORTEST)


def _forms(secret: str) -> Iterator[str]:
    """Yield every spelling under which a secret is looked for."""
    # A key in PEM is printed line by line in a traceback.
    lines = [line.strip() for line in secret.splitlines() if len(line.strip()) >= 2 * SHORTEST]
    for text in {secret: None, secret.strip(): None, **dict.fromkeys(lines)}:
        raw = text.encode("utf-8", "surrogatepass")
        yield text
        yield text[::-1]
        yield json.dumps(text)[1:-1]
        yield json.dumps(text, ensure_ascii=False)[1:-1]
        yield json.dumps(text)[1:-1].replace("/", r"\/")  # as PHP writes it
        yield repr(text)[1:-1]
        yield repr(raw)[2:-1]
        yield quote(raw, safe="")
        yield quote(raw)
        yield quote_plus(raw)
        yield raw.hex()
        yield raw[::-1].hex()
        yield from _base64_forms(raw)


def _base64_forms(raw: bytes) -> Iterator[str]:
    """Yield what a secret looks like inside base64 of something longer.

    Three bytes become four letters, so it can start at three places. Letters
    that also depend on a neighbour are left out.
    """
    for before in range(3):
        padded = bytes(before) + raw
        first = -(-before * 8 // 6)
        letters = base64.b64encode(padded)[first : len(padded) * 8 // 6].decode("ascii")
        if len(letters) >= SHORTEST:
            yield letters
            yield letters.replace("+", "-").replace("/", "_")
            yield quote(letters, safe="")
