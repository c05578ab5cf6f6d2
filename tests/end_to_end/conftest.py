"""One browser for all tests of pages."""

import pytest

from tests.end_to_end import browser as browsers


@pytest.fixture(scope="session")
def browser():
    if browsers.program() is None:
        pytest.skip(browsers.ABSENT)
    with browsers.opened() as found:
        yield found
