"""Settings that all tests share."""

import signal

import pytest
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
