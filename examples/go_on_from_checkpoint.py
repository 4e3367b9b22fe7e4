"""Goes on learning where a checkpoint left off, and says what the next epochs brought."""

import subprocess
from pathlib import Path

import ruvllm

if not Path("results/checkpoints").exists():
    subprocess.run(["ruvllm-bench", "--profile", "quick", "--models", "Phi-3-mini-4k", "--no-controls"], check=True)
path = next(Path("results/checkpoints").glob("*.json"))

learner = ruvllm.load_checkpoint(path)
done = len(learner.history)
for i, epoch in enumerate(learner.learn(epochs=2), start=done + 1):
    rate, confidence = epoch["test"]["resolveRate"], epoch["test"]["confidence"]
    print(f"epoch {i}: {rate:.1%} of the test tasks, confidence {confidence:.1%}")
