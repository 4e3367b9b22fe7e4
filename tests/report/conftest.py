"""What tests of the report share: a real browser that opens its page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from headless_browser import Browser, find_browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = find_browser()
    assert program is not None
    with Browser(program, tmp_path_factory.mktemp("profile")) as opened:
        yield opened
