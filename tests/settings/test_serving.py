"""What [web] may say: nothing is open unasked, and nothing is open to others unguarded."""

import pytest

from rebalancer.settings import check, load
from tests.settings.test_executing import CONFIG

DESK = CONFIG.format(execution="")
FAR = 'listen = "0.0.0.0:9464"'


@pytest.mark.parametrize(
    ("web", "faults"),
    [
        ("", []),
        ('listen = "127.0.0.1:1"', []),
        ('listen = "[::1]:9464"', []),
        ('listen = "localhost:9464"', []),
        ('reader = "web-reader"\noperator = "web-operator"', []),
        ('operator = "web-operator"', []),  # on loopback anybody may look, and one may act
        (FAR, ["expose must be true", "reader must name a credential"]),
        (f"{FAR}\nexpose = true", ["reader must name a credential"]),
        (f'{FAR}\nreader = "web-reader"', ["expose must be true"]),
        (f'{FAR}\nexpose = true\nreader = "web-reader"', []),
        (f'{FAR}\nexpose = true\nreader = "r"\nhosts = ["desk.example"]', []),
        ('listen = "[::]:9464"\nreader = "r"', ["expose must be true"]),
        ('reader = "one"\noperator = "one"', ["operator must be another credential than reader"]),
        ('listen = "127.0.0.1"', ["listen must be an address and a port"]),
        ('listen = "127.0.0.1:0"', ["listen must be an address and a port"]),
        ('listen = "127.0.0.1:65536"', ["listen must be an address and a port"]),
        ('listen = "300.0.0.1:80"', ["listen must be an address and a port"]),
        ('listen = "desk.example:80"', ["listen must be an address and a port"]),
        ("listen = 9464", ["listen must be an address and a port"]),
        ('hosts = ["desk.example:80"]', ["hosts must be host names without a port"]),
        ('hosts = ["*"]', ["hosts must be host names without a port"]),
        ('reader = "a token with spaces"', ["reader must be the name of a credential"]),
        ('reader = "../key"', ["reader must be the name of a credential"]),
        ('port = "80"', ["port unknown key"]),
    ],
)
def test_web(tmp_path, web, faults):
    """An address that others reach needs two words more: that it is meant, and who may look."""
    file = tmp_path / "desk.toml"
    file.write_text(f"{DESK}\n[web]\n{web}\n")
    found = [
        f"{each.path.rpartition('.')[2]} {each.must}"
        for each in check(file).faults
        if each.path.startswith("web")
    ]

    assert len(faults) == len(found), found
    for start, told in zip(faults, found, strict=True):
        assert told.startswith(start)


def test_closed(tmp_path):
    """Without the table no port is opened; with an empty one, on loopback only."""
    file = tmp_path / "desk.toml"
    paper = DESK.replace("[venues.deribit]", "[venues.deribit]\nfees = { maker = 0, taker = 0 }")
    file.write_text(paper)
    assert load(file).web is None

    file.write_text(f"{paper}\n[web]\nhosts = ['Desk.Example']\n")
    web = load(file).web
    assert ("127.0.0.1:9464", False, ("desk.example",)) == (web.listen, web.expose, web.hosts)
