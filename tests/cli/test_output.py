"""Files that commands write: an earlier one is there until a new one is whole."""

import os
from pathlib import Path

import pytest
import typer

from rebalancer.cli.output import emit_json, opened
from rebalancer.errors import UsageError


@pytest.fixture(params=["plain", "linked"])
def earlier(request, tmp_path):
    """Return a file that was written before, or a link to one."""
    path = tmp_path / "report.html"
    path.write_text("earlier")
    path.chmod(0o640)
    if request.param == "plain":
        return path
    link = tmp_path / "latest.html"
    link.symlink_to(path)
    return link


def fail(path, text, failure):
    """Write some of a file, then fail."""
    with opened(path) as file:
        file.write(text)
        raise failure


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("written", ["", "half of"])
def test_failure(earlier, failure, written):
    """A command that fails leaves what was there before, and nothing else."""
    files = sorted(earlier.parent.iterdir())
    with pytest.raises(failure):
        fail(earlier, written, failure)

    assert "earlier" == earlier.read_text()
    assert files == sorted(earlier.parent.iterdir())


def test_failure_of_the_first(tmp_path):
    """Where there was no file there is none after a failure."""
    with pytest.raises(ValueError, match="no"):
        fail(tmp_path / "x", "half of", ValueError("no"))

    assert [] == [*tmp_path.iterdir()]


@pytest.mark.parametrize("leaving", [None, typer.Exit(1)])
def test_success(earlier, leaving):
    """What is whole takes the place of what was there, whatever the exit code."""
    files, link = sorted(earlier.parent.iterdir()), earlier.is_symlink()
    try:
        with opened(earlier) as file:
            emit_json({"new": 1}, file)
            assert "earlier" == earlier.read_text()
            if leaving is not None:
                raise leaving
    except typer.Exit:
        pass

    assert '{\n  "new": 1\n}\n' == earlier.read_text()
    assert (files, link) == (sorted(earlier.parent.iterdir()), earlier.is_symlink())
    assert 0o640 == earlier.stat().st_mode & 0o777


def test_nothing_written(tmp_path):
    """A command that wrote nothing leaves no empty file."""
    with opened(tmp_path / "x"):
        pass

    assert [] == [*tmp_path.iterdir()]


def test_device():
    """What is no file is written as it is."""
    with opened(Path(os.devnull)) as file:
        file.write("x")

    assert not Path(os.devnull).is_file()


@pytest.mark.parametrize("name", [".", "absent/x"])
def test_not_a_file(tmp_path, name):
    """What cannot be written is refused before the work."""
    with (
        pytest.raises(UsageError, match="must be a file that can be written"),
        opened(tmp_path / name),
    ):
        pytest.fail("the work had begun")
