"""Results files with single tasks, planted by hand: one of each outcome, over three runs."""

from __future__ import annotations

from typing import Any

from results_samples import document, entry

TASKS = 6
BEFORE = {0: [0, 0, 0], 1: [1, 1, 1], 2: [1, 1, 1], 3: [0, 0, 0], 4: [0, 1, 0], 5: [1, 0, 1]}
AFTER = {0: [1, 1, 1], 1: [1, 1, 1], 2: [0, 0, 0], 3: [0, 0, 0], 4: [1, 1, 0], 5: [1, 0, 0]}
"""By task, in the three runs."""
OUTCOMES = {0: "won", 1: "kept", 2: "lost", 3: "never", 4: "won", 5: "lost"}
SURE = {0: 0.5, 1: 0.9, 2: 0.7, 3: 0.6, 4: 0.8, 5: 0.4}
WRONG = 7
"""Number of the wrong solution that is chosen where the right one is not; task 2 has it for its own."""
TYPES = ("code_completion", "bug_fix", "code_completion", "bug_fix", "code_completion", "bug_fix")


def run_of(seed: int, **changes: Any) -> dict[str, Any]:
    """A run of all six tasks. By retrieval only task 3 changes: it is won."""
    before, after = ([each[task][seed] for task in range(TASKS)] for each in (BEFORE, AFTER))
    run = entry(after, seed=seed, workload="jsonl")
    run["answers"] |= {
        "resolvedInitially": before,
        "confidence": [SURE[task] for task in range(TASKS)],
        "confidenceInitially": [0.25] * TASKS,
        "types": [["code_completion", "bug_fix"].index(kind) for kind in TYPES],
        "reciprocalRankInitially": [1.0, 1.0, 1.0, 0.25, 0.5, 1.0],
        "reciprocalRank": [1.0, 1.0, 1.0, 1.0, 0.5, 1.0],
        "chosenInitially": [task if right else WRONG for task, right in enumerate(before)],
        "chosen": [task if right else WRONG for task, right in enumerate(after)],
        "firstInitially": [0, 1, 2, WRONG, 0, 5],
        "first": [0, 1, 2, 3, 0, 5],
    }
    return {**run, **changes}


def task_table(**texts: str) -> dict[str, Any]:
    """`prompt3="..."` and the like replace the prompt, the id, the place or the right solution of a task."""
    return {
        "inputTasks": TASKS,
        "rule": "everything",
        "tasks": [
            {
                "task": task,
                "type": TYPES[task],
                "id": texts.get(f"id{task}", f"ticket-{task}"),
                "place": texts.get(f"place{task}", f"line {task + 1}"),
                "prompt": texts.get(f"prompt{task}", f"question {task}"),
            }
            for task in range(TASKS)
        ],
        "solutions": [
            *({"solution": task, "text": texts.get(f"right{task}", f"answer {task}")} for task in range(TASKS)),
            {"solution": WRONG, "text": texts.get("wrong", "a wrong answer")},
        ],
    }


def single_tasks(*seeds: int, texts: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
    """The results file of these seeds, of all three if none is named."""
    runs = [run_of(seed) for seed in seeds or (0, 1, 2)]
    return document(*runs, **{"tasks": task_table(**(texts or {})), "version": "0.3.0", **changes})
