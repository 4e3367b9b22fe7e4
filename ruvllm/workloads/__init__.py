"""Where tasks come from: the simulated world, a Python source tree, a file of tasks, SWE-bench.

Imports `encoders` and `files`. A new workload is one file here and one line in `registry`.
"""
