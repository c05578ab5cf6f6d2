"""Whatever is written to a stream of the process, no secret comes through, whole or in halves."""

import io
import logging
import traceback
import warnings

import pytest

from rebalancer.ops.outlet import Outlet
from rebalancer.ops.redaction import Redactor

CANARY = "canary-7f3a9b2c-secret"


@pytest.fixture
def outlet():
    """Return an outlet, and what came out of it."""
    stream = io.StringIO()
    return Outlet(stream, Redactor([CANARY]).text), stream


def test_in_pieces(outlet):
    """A secret that is written letter by letter is found; what is no line yet waits."""
    out, stream = outlet
    for letter in f"a {CANARY} b":
        out.write(letter)
    assert "" == stream.getvalue()
    out.write("\n")

    assert "a *** b\n" == stream.getvalue()


def test_questions_are_shown(outlet):
    """What waits for an answer is shown when it is flushed."""
    out, stream = outlet
    print("How many [1]: ", end="", file=out, flush=True)

    assert "How many [1]: " == stream.getvalue()


def test_all_that_python_says(outlet):
    """Tracebacks, warnings and loggers of libraries come out without it."""
    out, stream = outlet
    try:
        raise ValueError(CANARY) from OSError(f"https://x/?k={CANARY}")
    except ValueError:
        traceback.print_exc(file=out)
    out.writelines([warnings.formatwarning(CANARY, UserWarning, "x.py", 1), "\n"])
    handler = logging.StreamHandler(out)
    handler.emit(logging.LogRecord("x", 10, "x.py", 1, "%s", (CANARY,), None))
    out.flush()

    assert 4 == stream.getvalue().count("***")
    assert "canary" not in stream.getvalue()
    assert "Traceback" in stream.getvalue()


def test_only_text(outlet):
    """What is no text is refused, as a stream of text does."""
    with pytest.raises(TypeError, match="takes text"):
        outlet[0].write(b"x")


def test_it_passes_for_the_stream(outlet):
    """What else is asked of it, the stream behind it answers."""
    assert not outlet[0].isatty()
    assert outlet[0].writable()
