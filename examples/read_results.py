"""Reads a results file with typed records: who gained most, and on which tasks does the best model still fail?"""

import subprocess
from pathlib import Path

from ruvllm.results.reading import read_document
from ruvllm.results.summary_records import BenchmarkDocument

if not list(Path("results").glob("benchmark-*.json")):
    subprocess.run(["ruvllm-bench", "--profile", "quick", "--quiet"], check=True)
document = read_document(next(Path("results").glob("benchmark-*.json")))
assert isinstance(document, BenchmarkDocument)

for run in sorted(document.results, key=lambda run: run.final.resolve_rate - run.initial.resolve_rate, reverse=True):
    print(f"{run.model}: {run.initial.resolve_rate:.1%} -> {run.final.resolve_rate:.1%}")
best = max(document.results, key=lambda run: run.final.resolve_rate)
assert best.answers is not None  # trimmed files have none
failed = [task for task, resolved in zip(best.answers.tasks, best.answers.resolved, strict=True) if not resolved]
print(f"{best.model} fails at {len(failed)} of {len(best.answers.tasks)} test tasks, among them {failed[:5]}")
