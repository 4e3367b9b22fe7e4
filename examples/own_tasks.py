"""Learns from tasks of your own: one JSON object per line, with a prompt and its solution."""

import argparse
import inspect
import json
import statistics
import subprocess
from pathlib import Path

with Path("tasks.jsonl").open("w", encoding="utf-8") as file:
    for module in (argparse, statistics):
        lines = [line for line in inspect.getsource(module).splitlines() if line.strip()]
        for i in range(3, len(lines) - 2, 12):  # complete the code: which two lines follow these three?
            task = {"prompt": "\n".join(lines[i - 3 : i]), "solution": "\n".join(lines[i : i + 2])}
            file.write(json.dumps(task | {"type": "code_completion", "category": "python"}) + "\n")

subprocess.run(["ruvllm-bench", "--workload", "jsonl:tasks.jsonl", "--profile", "quick", "--seeds", "2"], check=True)
