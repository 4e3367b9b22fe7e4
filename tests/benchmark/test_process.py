"""Memory that is freed stays with the process where the C library can keep it, and nothing happens elsewhere."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

PROGRAM = """
import sys
{setup}
from ruvllm.benchmark.process import keep_freed_memory
print(keep_freed_memory())
"""


def said(setup: str = "") -> str:
    program = PROGRAM.format(setup=setup)
    return subprocess.check_output([sys.executable, "-c", program], env=dict(os.environ), text=True).strip()


def test_the_gnu_c_library_takes_both_options_and_others_none() -> None:
    gnu = platform.libc_ver()[0] == "glibc"
    assert said() == str(gnu and sys.platform == "linux")
    assert said("sys.platform = 'darwin'") == "False"
    assert said("import ctypes; ctypes.CDLL = lambda name: object()") == "False"
