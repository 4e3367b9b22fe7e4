"""Names and bounds that the help of the commands shows are those of the modules that they belong to."""

from ruvllm import _core
from ruvllm.benchmark import rebuild
from ruvllm.commands import limits
from ruvllm.encoders.models import LARGEST_DIM
from ruvllm.files.json_writing import MAX_SAFE_INTEGER
from ruvllm.learning.prequential import TIME
from ruvllm.learning.protocols import PROTOCOLS
from ruvllm.learning.stream import STREAMS
from ruvllm.results import outcomes
from ruvllm.workloads import candidates, splits
from ruvllm.workloads.workload import TASK_TYPES


def test_limits_are_the_truth() -> None:
    assert limits.PROFILES == rebuild.PROFILES
    assert [PROTOCOLS["v3"].size(profile).epochs for profile in limits.PROFILES] == [6, 8, 12]
    assert tuple(PROTOCOLS) == limits.PROTOCOLS
    assert (*STREAMS, TIME) == limits.STREAMS
    assert limits.MAX_SEED == MAX_SAFE_INTEGER
    assert limits.MAX_RANK == rebuild.MOST_RANK
    assert limits.MAX_DIM == LARGEST_DIM
    assert (limits.MIN_FOLDS, limits.MAX_FOLDS) == (splits.SMALLEST, splits.LARGEST)
    assert (candidates.FEWEST, candidates.CANDIDATES) == limits.CANDIDATES
    assert limits.TYPES == TASK_TYPES
    assert (limits.OUTCOMES, limits.MEASURES) == (outcomes.OUTCOMES, outcomes.MEASURES)
    assert set(_core.available_isas()) <= set(limits.ISAS.split("|"))
