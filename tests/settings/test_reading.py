"""Files that are no configuration at all: one fault for the file, with its line."""

import pytest

from rebalancer.errors import Fault
from rebalancer.settings import check


@pytest.mark.parametrize(
    ("text", "where", "must", "was"),
    [
        ("[book\n", ":1", "must be valid TOML", "expected ']' at the end of a table declaration"),
        ("a = 1\nb c\n", ":2", "must be valid TOML", "expected '=' after a key"),
        ("a = 1\na = 2\n", ":2", "must be valid TOML", "cannot overwrite a value"),
        ('a = """\n', ":2", "must be valid TOML", ""),
        ("a = " + "[" * 4000, "", "must nest at most 16 deep", "deeper"),
        ("a." * 20 + "b = 1", "", "must nest at most 16 deep", "deeper"),
        ("a." * 100 + "b = 1", ":1", "must nest at most 16 deep", "deeper"),
        ("x = 1\n#" + "x" * 5000, ":2", "must be at most 4096 characters", "more"),
        ("#\n" * 600_000, "", "must be at most 1 MiB", "larger"),
        ("a = [\n" + "1,\n" * 20_000 + "]", "", "must hold at most 20000 values", "more"),
    ],
)  # fmt: skip
def test_file_as_a_whole(tmp_path, text, where, must, was):
    """A file that is no table of a fair size has one fault, with its line where there is one."""
    path = tmp_path / "book.toml"
    path.write_text(text)

    faults = check(path).faults

    assert 1 == len(faults)
    assert (f"{path}{where}", must) == (faults[0].path, faults[0].must)
    assert faults[0].was.startswith(was)


def test_not_text(tmp_path):
    """A file that is not UTF-8 names the line of the first wrong byte."""
    path = tmp_path / "book.toml"
    path.write_bytes(b"a = 1\nb = '\xff'\n")

    assert (Fault(f"{path}:2", "must be UTF-8 text", "other bytes"),) == check(path).faults


@pytest.mark.parametrize(("name", "was"), [("none.toml", "missing"), (".", "a folder")])
def test_no_file(tmp_path, name, was):
    """A file that is missing or no file is a fault of the configuration."""
    path = tmp_path / name

    assert (Fault(str(path), "must be a readable file", was),) == check(path).faults
