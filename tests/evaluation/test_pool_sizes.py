"""How many solutions each query is ranked among."""

import numpy as np

from ruvllm.evaluation.retrieval import pool_sizes
from ruvllm.workloads.workload import Retrieval


def test_a_query_has_the_solutions_of_its_group_but_others_that_are_right_too() -> None:
    rows = np.eye(6, 8, dtype=np.float32)
    question = Retrieval(
        queries=rows[:3], solutions=rows, types=np.array([0, 0, 1], np.uint8), right=np.array([0, 1, 4], np.int32),
        groups=np.array([0, 0, 1], np.int32), solution_groups=np.array([0, 0, 0, 0, 1, 1], np.int32),
        right_too=np.array([[1, 2]], np.int32),
    )  # fmt: skip
    assert pool_sizes(question).tolist() == [4, 3, 2]
