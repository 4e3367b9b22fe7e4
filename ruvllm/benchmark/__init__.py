"""Which runs a command asks for, how they are run, kept, replayed and gone on from.

Imports `results`, `learning`, `checkpoints`, `evaluation`, `workloads`, `encoders` and `files`.
"""
