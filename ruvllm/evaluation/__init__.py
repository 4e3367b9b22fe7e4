"""What a number means: answers to tasks, ranks, calibration, statistics and the methods that need no learning loop.

Imports `workloads`, `encoders` and `files`.
"""
