"""Pinned hashes of one small run per protocol: what a change of anything that is hashed would change.

They were obtained by running. test_reproducible.py says that equal arguments give equal hashes today; this says that
they are those of yesterday, on every instruction set.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bench_samples import hashes, stored
from json_samples import run_cell
from simulated_samples import STRONG_MODEL

from ruvllm._core import available_isas
from ruvllm.benchmark.plan import Options, make_cells
from ruvllm.checkpoints.hashes import run_hash
from ruvllm.version import __version__

GOLDEN = {
    "v1": (
        "7f40bb5afbfb315ee4a48d98d9ed991c2a6928baba0d8455bd71ef40755e7244",
        "a75b9e95c35118c0960da9d986de9269fa5c26c1cf72b4d5ec2141ee0439604d",
    ),
    "v2": (
        "13fde764162512a00945768905ad82e0b61a9b821bf97868ebd5242a743ac885",
        "dd4e2ed44e69037479289ba2b52d49b8f6977a9cf893ebfee10597e37c93a25c",
    ),
    "v3": (
        "5904960a2d385585619275d2b99357e900fceac208b052d69150c8dfd365f07d",
        "a770a5be315b06958b768ace5d38a3427375f6497f7a93446e44c1234af9b419",
    ),
}
"""stateHash, and runHash as it would be without a package version."""


def run_hash_of_any_version(document: dict[str, Any]) -> str:
    """The runHash of a checkpoint but for the package's version, which is hashed too: a release changes no result.

    Nor does a further array of the state that learning goes on from: its hash is left out.
    """
    assert document["run"]["packageVersion"] == __version__
    document = {key: value for key, value in document.items() if key != "resumeHash"}
    return run_hash({**document, "run": {**document["run"], "packageVersion": "any"}})


@pytest.mark.parametrize("isa", available_isas())
@pytest.mark.parametrize("protocol", list(GOLDEN))
def test_the_hashes_of_a_small_run_are_pinned(protocol: str, isa: str, tmp_path: Path) -> None:
    (cell,) = make_cells(Options((protocol,), "quick", (STRONG_MODEL,), "simulated", seeds=(4,), isa=isa))
    entry = run_cell(cell, tmp_path)
    document = stored(entry)
    assert hashes(entry) == (document["stateHash"], run_hash(document))
    assert (document["stateHash"], run_hash_of_any_version(document)) == GOLDEN[protocol]
