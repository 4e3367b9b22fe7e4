"""Pinned hashes of one small run per protocol: what a change of anything that is hashed would change.

They were obtained by running. test_reproducible.py says that equal arguments give equal hashes today; this says that
they are those of yesterday, on every instruction set.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bench_samples import hashes, stored
from simulated_samples import STRONG_MODEL

from ruvllm._core import available_isas
from ruvllm.benchmark import Options, make_cells
from ruvllm.cell import run_cell
from ruvllm.checkpoint_hash import run_hash
from ruvllm.version import __version__

GOLDEN = {
    "v1": (
        "39f7c0b98e5820e9f342c132e239529bd3b1d5b8e9677d5336247798397afa3c",
        "aec6e1084c303811d33906168d30b73737f4b09cf444c123dee31ffbf84f27d2",
    ),
    "v2": (
        "6cf0e3ddad37d1052a4c0adf7c0b1eebbf3127c6bf06c0ade72a4173db120cfa",
        "56f248b8f6dd460ef71e1571c5c987a5c86be3cd0058b0e862f4421ab5edea25",
    ),
    "v3": (
        "7d2d60b12bd3dfbcb69dddc865d0138bc2c4288976a4c0da39782c8764c248db",
        "ac8ea40f0eb2dce9ccff10839d8d4046f5217711e11a74f76eaf84bae6c23122",
    ),
}
"""stateHash, and runHash as it would be without a package version."""


def run_hash_of_any_version(document: dict[str, Any]) -> str:
    """The runHash of a checkpoint but for the package's version, which is hashed too: a release changes no result."""
    assert document["run"]["packageVersion"] == __version__
    return run_hash({**document, "run": {**document["run"], "packageVersion": "any"}})


@pytest.mark.parametrize("isa", available_isas())
@pytest.mark.parametrize("protocol", list(GOLDEN))
def test_the_hashes_of_a_small_run_are_pinned(protocol: str, isa: str, tmp_path: Path) -> None:
    (cell,) = make_cells(Options((protocol,), "quick", (STRONG_MODEL,), "simulated", seeds=(4,), isa=isa))
    entry = run_cell(cell, tmp_path)
    document = stored(entry)
    assert hashes(entry) == (document["stateHash"], run_hash(document))
    assert (document["stateHash"], run_hash_of_any_version(document)) == GOLDEN[protocol]
