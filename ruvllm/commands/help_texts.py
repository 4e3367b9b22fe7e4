"""The help of the commands, as texts of their own: `python -OO` keeps no docstrings."""

__all__ = ["ABLATE", "BENCH", "COMPARE", "PROTOCOLS", "REPORT", "SHOW", "SIMD", "TASKS", "VERIFY"]

BENCH = """\
Does a small model get better from use, and is that true?

Runs the learning stack on tasks, simulated for up to six models or your own, beside three controls: nothing learned,
random gradients, shuffled answers. Prints whether it got better, and saves the results and a checkpoint per model,
which ruvllm-verify checks. The simulated workload takes some seconds, your own few hundred tasks about as long;
--workload code, on the standard library with its three seeds, takes ten times as long as --profile full. Published
figures are those of the RuvLLM Self-Improvement Benchmark Report (December 2025), which came with the npm package
ruvllm; the system behind it simulated its models.

\b
Examples:
  ruvllm-bench --profile full                     the table of final results
  ruvllm-bench --protocol all --seeds 5 --jobs 2  v1, v2 and v3 beside the published figures, with intervals
  ruvllm-bench --folds 5                          5-fold cross-validation
  ruvllm-bench --stream blocked                   what is forgotten of one task type while others are learned
  ruvllm-bench --workload jsonl:log.jsonl --stream time   your own tasks as they came: answered, then learned from
  ruvllm-bench ablate                             what each component brings
  ruvllm-bench protocols                          all constants of v1, v2 and v3
  ruvllm-bench simd                               how fast the kernels are on this machine
  ruvllm-bench --workload code                    the four task types, made from the standard library
  ruvllm-bench --workload code --tasks docstring  which function does a docstring describe?
  ruvllm-bench --workload jsonl:my-tasks.jsonl    your own tasks
  ruvllm-bench --workload swebench:issues.json --repos DIR   SWE-bench: all source files are candidates
  ruvllm-bench --train a.jsonl --test b.jsonl     learn from the tasks of one file, test on those of another
  ruvllm-bench --models Phi-3-mini-4k --json      for other programs
  ruvllm-bench plan --protocol all > plan.jsonl   the cells of a run as data, for many machines: run --plan, merge
  ruvllm-bench --seeds 10 --resume                after Ctrl-C: finished epochs are not run again

Exit codes: 0 done, 1 something failed, 2 wrong usage, 3 a model ended below its frozen start (the 95% interval of
its gain in resolve rate, or on real input in recall@1, lies below 0).
"""

ABLATE = """\
What does each component bring?

Removes every component in turn and compares with the full system on the same tasks and seeds: final resolve rate,
training tasks until 90% are resolved, calibration error (ECE), each with a 95% interval over the seeds. A component
without an effect is shown as such. All six models and 10 seeds take some minutes.

\b
Examples:
  ruvllm-bench ablate --jobs 2
  ruvllm-bench ablate --protocol v2 --models StarCoder2-3B
  ruvllm-bench ablate --workload code --tasks docstring --seeds 5 --part bm25,lexical-view
  ruvllm-bench ablate --workload jsonl:pairs.jsonl --folds 5
"""

PROTOCOLS = """\
All constants of v1, v2 and v3 side by side.

\b
Examples:
  ruvllm-bench protocols
  ruvllm-bench protocols > protocols.txt
"""

SIMD = """\
How fast are the kernels here, on each instruction set?

Dot products per second at 256, 1536 and 4096 elements, and the speed-up over a plain loop; then the cosine with a
bank, a LoRA learning step, the Fisher average and k-means. One thread; some seconds. Every answer is first compared
with a naive one in double precision: a wrong one ends the command with exit code 1. All other commands give the
same bits on each instruction set.

\b
Examples:
  ruvllm-bench simd
  ruvllm-bench simd --isa sse4.1,avx2 --repetitions 25
"""

VERIFY = """\
Check that checkpoint files are intact - form, shapes and hashes - and with --replay that they are true.

Prints a summary of each FILE, what each hash covers and what none does. A file that does not verify gets one line
on standard error, and the others are verified all the same. Nothing that a file names is opened or imported.

\b
Examples:
  ruvllm-verify results/checkpoints/*.json
  ruvllm-verify --list                          one line each: model, protocol, id, rate, state
  ruvllm-verify --compare A.json B.json         rates, patterns, norms, the first setting that differs
  ruvllm-verify --replay FILE --isa scalar      run it again, here on another instruction set
  ruvllm-verify --replay FILE --corpus TREE     a run of --workload code:TREE; --encoder and --transfer as there

Exit codes: 0 all is well, 1 a file does not verify or its numbers are not those of its run, 2 wrong usage, 4 a file
cannot be replayed here: another corpus, another version's numbers, a file of the original system.
"""

REPORT = """\
What do the results of ruvllm-bench say?

RESULTS are results files, or folders with results files in them. Without an option the verdict and the main tables
are printed. The options write the whole report: tables, curves with intervals, reliability, task types, ablation,
forgetting, instruction sets, and where every number comes from. Results stand in one table if they are of the same
input, encoder and settings; what is not shown is named, with the reason, on standard error and in the report.

\b
Examples:
  ruvllm-report results --html report.html         one page, to open in a browser or to send to someone
  ruvllm-report results --markdown docs/README.md  the leaderboard, and small-model-comparison.md beside it
  ruvllm-report a.json b.json --plots plots        every figure as PNG and SVG
  ruvllm-report results --csv results.csv          every number of every run, one per row
  ruvllm-report results                            the main tables, here
  ruvllm-report compare old.json new.json          is the new run worse, better, or is it chance?
  ruvllm-report compare --help                     all about it
  ruvllm-report tasks results                      which tasks were won, which were lost?

A file that is broken, empty or of another format is left out, and one line says why. --html and --plots need the
report extra: pip install 'ruvllm[report]'.

Exit codes: 0 done, 1 a file cannot be read or is broken, 2 wrong usage, 3 measured and worse, 4 could not measure.
"""

SHOW = "Prints or writes the report. This is the default command: its help is that of ruvllm-report."

COMPARE = """\
Is B worse than A? Two results files, paired by task.

A and B are results files of ruvllm-bench (benchmark-*.json) of the same workload. Tasks are paired by model, seed
and number; folds of a seed are put together. If each file holds one protocol these two are compared, else each
protocol with itself. What only one file has is left out, and a note says so.

For each model: the exact McNemar test of the resolve rates, adjusted over the models by Holm's method; the
differences in resolve rate, confidence and (code workload) MRR with 95% intervals by paired bootstrap; the smallest
difference that so many tasks could have shown.

Without --margin B is worse if a model's resolve rate is lower with a Holm p of at most 0.05, or its whole interval
of MRR lies below 0. That nothing is shown does not prove that nothing is there. To show that B is not worse, name
the loss that you would accept with --margin M: a model is worse if its whole interval of resolve rate lies below
-M points, not worse if none of it does, and otherwise it cannot be told.

\b
Examples:
  ruvllm-report compare results/benchmark-old.json results/benchmark-new.json
  ruvllm-report compare v2.json v3.json                one protocol in each: v3 against v2
  ruvllm-report compare old.json new.json --margin 2   for CI: fails unless new is at most 2 points worse
  ruvllm-report compare old.json new.json --json       for other programs

Exit codes: 0 not worse, 1 a file cannot be read or is broken, 2 wrong usage, 3 worse, 4 could not measure (nothing
to pair, too few tasks, or no verdict within the margin).
"""

TASKS = """\
Which tasks did learning win, and which did it lose?

RESULTS are results files of ruvllm-bench, or folders with such files in them. For each task that a run was tested on:
its id or its line, how its prompt and its right answer begin, what was chosen before and after learning, how sure the
answer was. Won tasks were right after learning and not before, lost ones the other way round. Under several seeds
that counts which most runs gave. The surest answers come first: a task that was lost for sure is worth a look.

Single tasks show what changed, not whether it got better: chance alone wins some and loses some. The intervals of
ruvllm-report tell the two apart.

\b
Examples:
  ruvllm-report tasks results                                    won and lost, ten of each
  ruvllm-report tasks results --outcome lost --type bug_fix      the lost bug fixes
  ruvllm-report tasks results --outcome never --limit 50         what no run ever gets right
  ruvllm-report tasks results --measure retrieval                won and lost among all solutions
  ruvllm-report tasks results --id ticket-4711                   one task in full, run by run
  ruvllm-report tasks results --outcome all --csv tasks.csv      a row for each task, with its id
  ruvllm-report tasks a.json --json                              for other programs

An id is the key `id` of a line of your own tasks, or the instance_id of an issue; without one the line or the path
stands for it. Simulated tasks are numbers, and so are tasks of files without texts (ruvllm-bench --no-texts, version
0.2.0 and before).

Exit codes: 0 done, 1 a file cannot be read or is broken or has no such task, 2 wrong usage.
"""
