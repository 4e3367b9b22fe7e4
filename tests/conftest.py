"""Settings that all tests share."""

import signal
from collections.abc import Iterator

import pytest
from headless_browser import Browser, find_browser
from hypothesis import settings

from ruvllm.encoders import foreign

# The same examples on every run, and no time limit for each: a shared or emulated CPU must not fail a test.
settings.register_profile("ruvllm", derandomize=True, deadline=None)
settings.load_profile("ruvllm")

# Started in the background by a shell without job control, a process ignores Ctrl-C, and so do its children: the tests
# that interrupt a command would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# Started by nohup, it ignores that a terminal hangs up: the tests would find that no command ends for it.
if signal.getsignal(getattr(signal, "SIGHUP", signal.SIGINT)) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def foreign_code_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `--quiet` and `--json` say of foreign code holds for a process; here one process runs many commands."""
    monkeypatch.setattr(foreign, "_is_quiet", False)
    monkeypatch.setattr(foreign, "_is_kept_clean", False)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A real browser that opens pages; for tests that are skipped without one."""
    program = find_browser()
    assert program is not None
    with Browser(program, tmp_path_factory.mktemp("profile")) as opened:
        yield opened
