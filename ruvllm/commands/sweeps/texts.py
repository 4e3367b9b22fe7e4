"""The help of the subcommands for many machines, as texts of their own: `python -OO` keeps no docstrings."""

__all__ = ["MERGE", "PLAN", "RUN"]

PLAN = """\
Which cells would a run have? Prints a plan: a line of JSON for each, with a key that names it.

Takes the options of a run (or, with --ablate, of ruvllm-bench ablate) and reads the input once, so that a worker with
another input refuses to work. Nothing is run. ruvllm-bench run --plan makes the cells, merge puts them together.

\b
Examples:
  ruvllm-bench plan --protocol all --seeds 5 > plan.jsonl
  ruvllm-bench plan --workload code --folds 5 > plan.jsonl
  ruvllm-bench plan --ablate --seeds 10 > plan.jsonl
"""

RUN = """\
The same as ruvllm-bench without a subcommand: runs models beside three controls. Or makes the cells of a plan.

With --plan, DIR gets one file for each cell, written whole and once: a finished one is never made again, and a file
that is broken or not of the plan is named and refused. A cell whose worker is killed is made again. Any number of these
commands may share DIR at the same time.

\b
Examples:
  ruvllm-bench run --profile quick
  ruvllm-bench run --workload jsonl:my-tasks.jsonl
  ruvllm-bench run --plan plan.jsonl sweep --jobs 2           here, in two processes
  ruvllm-bench run --plan plan.jsonl sweep --shard 2/8        every 8th cell, from the 2nd
  ruvllm-bench run --plan plan.jsonl sweep --executor dask:tcp://10.0.0.1:8786
"""

MERGE = """\
Are all cells of a plan there? Then they become the results file that one core would have written.

Names each cell that is missing and each file that is broken or not of the plan, and writes nothing until there are
none: a part is never called a whole. The plan is the one that the first run has put into DIR.

\b
Examples:
  ruvllm-bench merge sweep
  ruvllm-bench merge sweep --plan plan.jsonl --out results

Exit codes: 0 done, 1 something is missing or broken, 2 wrong usage, 3 a model ended below its frozen start.
"""
