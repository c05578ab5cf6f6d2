"""Text from elsewhere made harmless for a screen and for one line.

What could start a line, move the cursor, colour it or turn the direction of
reading is shown as its code instead.
"""

import re

# C0, DEL, C1, marks of direction and of no width, line and paragraph separators, surrogates
_OUTSIDE_C0 = "\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff"
_UNSAFE = re.compile(f"[\x00-\x1f{_OUTSIDE_C0}]")
_UNSAFE_IN_LINES = re.compile(f"[\x00-\x09\x0b-\x1f{_OUTSIDE_C0}]")
_SHORT = {"\t": r"\t", "\n": r"\n", "\r": r"\r"}


def escaped(text: str) -> str:
    r"""Return a text that stays on its line.

    >>> escaped("filled\x1b[2J\nnext")
    'filled\\x1b[2J\\nnext'
    """
    return _UNSAFE.sub(_code, text)


def escaped_lines(text: str) -> str:
    """Return a text of several lines; all but its line ends is made harmless."""
    return _UNSAFE_IN_LINES.sub(_code, text)


def _code(match: re.Match[str]) -> str:
    code = ord(match[0])
    return _SHORT.get(match[0]) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")
