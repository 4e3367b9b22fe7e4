"""The docstring question as a run needs it: tasks behind a source, parts, and the retrieval question."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ruvllm._core import CorpusSource
from ruvllm.encoders.base import Encoder
from ruvllm.workloads.code.docstring_workload import build_code_workload
from ruvllm.workloads.code.functions import Corpus
from ruvllm.workloads.inputs import InputOptions
from ruvllm.workloads.splits import ORDINARY, Fold, Numbers
from ruvllm.workloads.tasks import texts_digest
from ruvllm.workloads.text import CANDIDATES, transfer_question
from ruvllm.workloads.workload import TASK_TYPES, Details, Question, Retrieval, Vectors, Workload, validation_sample

__all__ = ["DocstringInput"]


@dataclass(frozen=True, slots=True, eq=False)
class DocstringInput:
    """Docstring to code: which of the functions does a docstring describe? All tasks are of one type."""

    corpus: Corpus
    options: InputOptions = InputOptions()  # noqa: RUF009 -- frozen
    name: str = "code"
    kind: str = "docstring"

    @property
    def encoder(self) -> Encoder | None:
        return self.options.encoder

    @property
    def n_tasks(self) -> int:
        return len(self.corpus.functions)

    def build(self, *, dim: int, seed: int, split: str, fold: Fold = ORDINARY) -> Workload:
        """Makes the workload of one run at dimension d. Raises ValueError."""
        code = build_code_workload(
            self.corpus.functions,
            dim=dim,
            seed=seed,
            split=split,
            fold=fold,
            n_candidates=CANDIDATES,
            encoder=self.encoder,
        )
        n, transfer = len(code.tasks), self.options.transfer
        types = np.full(n, TASK_TYPES.index("code_completion"), dtype=np.uint8)
        categories = np.zeros(n, dtype=np.uint8)  # all Python
        source = CorpusSource(
            queries=code.queries, solutions=code.solutions, candidates=code.candidates, right=code.right, types=types
        )

        def retrieval(part: Numbers) -> Retrieval:
            return Retrieval.by_type(code.queries[part], code.solutions[part], types[part])

        details: Details = {
            "kind": "docstring",
            "split": split,
            "dim": dim,
            "encoder": code.encoder_name,
            "candidates": CANDIDATES,
            "tasks": n,
            "inputDigest": code.digest,
        }
        if transfer:
            details["transferDigest"] = texts_digest(transfer)
        return Workload(
            "code",
            source,
            types,
            code.difficulty.astype(np.float32),
            categories,
            code.parts,
            digest=code.digest,
            details=details,
            question=Question(
                test=retrieval(code.parts.test),
                validation=retrieval(validation_sample(code.parts.valid)),
                vectors=Vectors(code.queries, code.solutions),
                transfer=transfer_question(transfer, code.encoder, dim) if transfer else None,
            ),
        )
