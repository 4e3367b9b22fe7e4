"""One learning run: the protocols with their constants, the order of tasks, the loop over epochs, snapshots.

Imports `evaluation`, `workloads`, `encoders` and `files`.
"""
