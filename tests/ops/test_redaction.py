"""No planted secret comes through, in whatever form it is dressed."""

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.ops.redaction import HIDDEN, Redactor, names_secret

CANARY = 'Zk9/q+W"7é\\x3Lr2=='
PEM = "-----BEGIN KEY-----\nMHcCAQEEIBkg0Zqk7canary\nAwEHoUQDQgAE5canary2\n-----END KEY-----\n"

FORMS = {
    "raw": lambda secret: secret,
    "reversed": lambda secret: secret[::-1],
    "hex": lambda secret: secret.encode().hex(),
    "HEX": lambda secret: secret.encode().hex().upper(),
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64url": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
    "url": lambda secret: quote(secret, safe=""),
    "url path": quote,
    "form": quote_plus,
    "json": json.dumps,
    "json utf-8": lambda secret: json.dumps(secret, ensure_ascii=False),
    "repr": repr,
    "bytes": lambda secret: repr(secret.encode()),
    "basic, 1": lambda secret: base64.b64encode(b"u:" + secret.encode()).decode(),
    "basic, 2": lambda secret: base64.b64encode(b"us:" + secret.encode() + b"x").decode(),
    "basic, 3": lambda secret: base64.b64encode(b"user:" + secret.encode() + b"xy").decode(),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", [CANARY, "s3cr3tk3y"])
def test_canary(form, secret):
    """A secret is hidden raw, as hex, in base64 at any place, in a URL, in JSON, in a repr."""
    dressed = FORMS[form](secret)
    shown = Redactor([secret]).text(f"GET /x?k={dressed} HTTP/1.1")

    assert HIDDEN in shown
    assert shown.startswith("GET /x?k=")
    assert dressed[3:-4] not in shown


letters = st.characters(min_codepoint=33, max_codepoint=126)


@given(st.text(letters, min_size=8, max_size=64), st.binary(max_size=7), st.binary(max_size=7))
def test_base64_at_any_place(secret, before, after):
    """Whatever stands around a secret, most of its base64 never shows."""
    whole = base64.b64encode(before + secret.encode() + after).decode()
    own = base64.b64encode(bytes(len(before) % 3) + secret.encode()).decode()[4:-4]

    assert own not in Redactor([secret]).text(whole)


@given(st.text(min_size=6, max_size=40).filter(lambda secret: len(secret.strip()) >= 6))
def test_any_secret(secret):
    """Any text that may be a secret is hidden, and never breaks the search."""
    assert secret not in Redactor([secret]).text(f"a {secret} b")


def test_lines_of_a_key():
    """A key of many lines is hidden line by line as well."""
    shown = Redactor([PEM]).text("| MHcCAQEEIBkg0Zqk7canary\n| AwEHoUQDQgAE5canary2")

    assert "canary" not in shown


def test_several():
    """The longer of two secrets is hidden whole, though the shorter is its start."""
    redactor = Redactor(["canary-1"])
    redactor.add("canary-1-and-more")

    assert "*** ***" == redactor.text("canary-1-and-more canary-1")


@pytest.mark.parametrize("secret", ["", "abc", "  ab   "])
def test_too_short(secret):
    """What would be found in innocent words is refused."""
    with pytest.raises(ValueError, match="6"):
        Redactor([secret])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://x/?apiKey=abc&n=1", "https://x/?apiKey=***&n=1"),
        ("https://x/?n=1&signature=00ff", "https://x/?n=1&signature=***"),
        ('{"api_secret": "abc", "n": 1}', '{"api_secret": "***", "n": 1}'),
        (r"{\"password\":\"abc\"}", r"{\"password\":\"***\"}"),
        ("{'apiKey': 'abc'}", "{'apiKey': '***'}"),
        ("Authorization: Bearer abc.def", "Authorization: ***"),
        ("OK-ACCESS-PASSPHRASE: abc", "OK-ACCESS-PASSPHRASE: ***"),
        ("X-MBX-APIKEY: abc", "X-MBX-APIKEY: ***"),
        ("access_token=abc, x", "access_token=***, x"),
        ("redirect=a%3Ftoken%3Dabc", "redirect=a%3Ftoken%3D***"),
        ("the secret is out", "the secret is out"),
        ("hedge=deribit:BTC-PERPETUAL", "hedge=deribit:BTC-PERPETUAL"),
    ],
)
def test_named(text, shown):
    """What stands beside a telling name is hidden, registered or not."""
    assert shown == Redactor().text(text)


@pytest.mark.parametrize(
    ("key", "secret"),
    [
        *[(key, True) for key in ("api_key", "apiKey", "SECRET", "refresh_token", "passphrase")],
        *[(key, True) for key in ("private_key", "x-bapi-sign", "Authorization")],
        *[(key, False) for key in ("key", "keys", "instrument", "account")],
    ],
)
def test_names(key, secret):
    """Names that keep secrets are known; a plain key is not one of them."""
    assert secret == names_secret(key)
