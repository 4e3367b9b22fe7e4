"""The help of ruvllm-online, as texts of their own: `python -OO` keeps no docstrings."""

__all__ = ["EXPORT", "FREEZE", "ONLINE", "REPORT", "REVIEW", "ROLLBACK", "STATUS", "VERIFY"]

ONLINE = """\
Look after a ranking that learns from use: is it better, what is served, can it be proved?

STORE is the folder that a ruvllm.AdaptiveRanker(store=...) writes. It serves a champion, which starts as the frozen
encoder itself; feedback trains a challenger; champion, challenger and encoder are scored on each feedback before it is
learned from. The challenger is promoted, and a champion rolled back, only on evidence that holds however often one
looks.

\b
Examples:
  ruvllm-online status suggestions                is it better, and by how much?
  ruvllm-online review suggestions --dry-run      what does the evidence allow? for CI, with exit codes
  ruvllm-online rollback suggestions              serve the state before this one; --to identity: the encoder alone
  ruvllm-online freeze suggestions                nothing that is served changes until --off
  ruvllm-online verify suggestions --replay       prove every state from the log, to the bit
  ruvllm-online report suggestions --html r.html  gain over time, promotions, feedback per day and source
  ruvllm-online export suggestions --npz w.npz    the served state as a matrix, for any other program

Exit codes: 0 done, 1 the store is damaged or cannot be used, 2 wrong usage; review: 3 harm was found, 4 the evidence
does not say.
"""

STATUS = """\
What is served, what it gains over the frozen encoder, and what the evidence for a change is.

Other processes may go on meanwhile. Nothing is written.

\b
Examples:
  ruvllm-online status suggestions
  ruvllm-online status suggestions --json         for other programs
"""

REVIEW = """\
Do what the evidence allows: promote the challenger, roll the champion back, or start the challenger anew.

A ranker with Guard(automatic=True), the default, does this by itself after each feedback; with automatic=False nothing
changes but by this command or AdaptiveRanker.review(). Feedback that no process has learned from is learned from first.

\b
Examples:
  ruvllm-online review suggestions
  ruvllm-online review suggestions --dry-run      only say it

Exit codes: 0 the challenger is better and was promoted, 1 the store cannot be used (another process learns from it),
2 wrong usage, 3 harm was found and ended, 4 the evidence does not say, so that nothing changed.
"""

ROLLBACK = """\
Serve an earlier state from now on, and let the challenger start anew from it.

Without --to it is the state before the present one. A decision is written to the audit log, and nothing is removed.

\b
Examples:
  ruvllm-online rollback suggestions
  ruvllm-online rollback suggestions --to identity
  ruvllm-online rollback suggestions --to 3f1e56e0     the beginning of a state's name, as in status
"""

FREEZE = """\
Stop that what is served changes, whatever the evidence says. Feedback is recorded and learned from meanwhile.

RUVLLM_FREEZE=1 in the environment of a process does the same for that process.

\b
Examples:
  ruvllm-online freeze suggestions
  ruvllm-online freeze suggestions --off
"""

VERIFY = """\
Check that a store is what it was written as.

Every ranking, candidate, feedback and decision is covered by a digest, feedback and decisions by hash chains, states
by their names. With --replay the log is learned from again: each base, state and outcome must come out the same, to
the bit, on this instruction set too. A hash shows that nothing changed since it was taken, not who took it.

\b
Examples:
  ruvllm-online verify suggestions
  RUVLLM_ISA=scalar ruvllm-online verify suggestions --replay

Exit codes: 0 all is well, 1 it is not, 2 wrong usage.
"""

EXPORT = """\
Write a state, or the audit log, for other programs.

\b
Examples:
  ruvllm-online export suggestions --npz adapter.npz            W, and its factors: adapted = W @ query
  ruvllm-online export suggestions --npz a.npz --state 3f1e56e0 another state than the served one
  ruvllm-online export suggestions --onnx adapter.onnx          from queries to adapted queries of length 1
  ruvllm-online export suggestions --sentence-transformers adapted --base my-model
  ruvllm-online export suggestions --peft lora                  a LoRA adapter of an identity layer
  ruvllm-online export suggestions --audit audit.jsonl          one decision per line, each with its link of the chain

Documents stay as they are in all of them: no index has to be built again.
"""

REPORT = """\
Is it better from use, since when, and who says so?

Prints the gain over the frozen encoder with its 95% confidence sequence, all decisions, and feedback per source.
--html writes the same as one page: the gain over time with promotions and rollbacks marked, feedback per day and
source. It needs the report extra: pip install 'ruvllm[report]'.

\b
Examples:
  ruvllm-online report suggestions
  ruvllm-online report suggestions --html report.html
"""
