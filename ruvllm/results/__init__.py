"""The results file: its records, what runs say together, reading and comparing files.

Imports `evaluation`, `workloads` (task types), `encoders` and `files`. Never `benchmark`: records come to it.
"""
