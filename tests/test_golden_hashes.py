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
        "b88f857f72f4909587daae2f046a8d229ee837a30c8f1a31b6fa404396b57897",
        "8d3aeec4e52477c121608902cfbadf0d9e74942dc3ac495b66f539d9f116d9b0",
    ),
    "v2": (
        "956f5cde5a398618394c6137ab954ef9c6e816baadbec30e087858343bcfa686",
        "4428b3e373e56bde9d8538f8698f71ed1927c03fec562d37ca3d0d0bfa5df536",
    ),
    "v3": (
        "c9623b10ad18f3240e2066a022f0025c3d37a2f1904e2bfdb77f943d40931f6f",
        "664ba9bde0c87cc129616125bfa45003245640a14d6ceae2beb0294e79224dfc",
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
