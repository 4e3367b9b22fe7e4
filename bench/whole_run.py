"""What a whole run costs: processor time and memory of `ruvllm-bench --profile full --no-controls`, and where it goes.

The command runs in processes of its own, medians of --repetitions. With --beside TREE, the folder of another version's
package with its extension, both versions run in turn, and the ratio of each pair of runs is shown: only times of one
machine and one hour can be compared. Then one model (--model, the largest by default) runs in this process, and the
processor time of each engine call is summed.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ruvllm import active_isa
from ruvllm.benchmark.plan import dataset_size, lora_rank
from ruvllm.encoders.models import MODELS, find_models
from ruvllm.learning import training, training_run
from ruvllm.learning.protocols import PROTOCOLS
from ruvllm.workloads.simulated import build_simulated_workload

COMMAND = """
import sys
try:
    from ruvllm.commands.bench import main
except ImportError:  # version 0.1.0
    from ruvllm.cli import main
sys.exit(main())
"""
ARGUMENTS = ("--profile", "full", "--no-controls", "--quiet")
DESCRIPTIONS = {
    "logits": "answers without learning",
    "train": "attempts that are learned from",
    "replay": "replays",
    "learn_patterns": "patterns",
}


def one_run(tree: Path | None = None) -> tuple[float, float]:
    """Processor seconds and peak megabytes of the command, in a fresh folder: it reads what it finds in an old one.

    `tree`: the folder of another version's package. Compiled Python files are kept, as an installed package has them.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    if tree is not None:
        environment["PYTHONPATH"] = str(tree)
    with tempfile.TemporaryDirectory() as folder:
        child = subprocess.Popen(
            [sys.executable, "-P", "-c", COMMAND, *ARGUMENTS, "--out", folder], env=environment, cwd=folder
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"whole_run.py: the command ended with {child.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


class Watched:
    """An engine whose calls are timed."""

    def __init__(self, engine: Any, seconds: dict[str, float]) -> None:
        self._engine, self._seconds = engine, seconds

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._engine, name)
        return self._timed(name, value) if callable(value) else value

    def _timed(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            begin = time.process_time()
            result = method(*arguments, **named)
            self._seconds[name] = self._seconds.get(name, 0.0) + time.process_time() - begin
            return result

        return call


def phases(model_name: str) -> tuple[float, dict[str, float]]:
    """Processor seconds of one model's run with its measurements, and those of each engine call."""
    (model,) = find_models([model_name])
    protocol = PROTOCOLS["v3"]
    plan = training_run.RunPlan(protocol, protocol.size("full"), lora_rank(protocol, model.params_b), seed=0)
    workload = build_simulated_workload(model, dataset_size("full").attempts, plan.seed)
    seconds: dict[str, float] = {}
    engine = training_run.__dict__["LearningEngine"]
    training_run.__dict__["LearningEngine"] = lambda *a, **k: Watched(engine(*a, **k), seconds)
    begin = time.process_time()
    training.train(plan, workload, calibrate=True)
    return time.process_time() - begin, seconds


def measured(repetitions: int, beside: Path | None) -> list[str]:
    """What the command takes, and beside it what another version takes; both have run once before they are measured."""
    trees = [None] if beside is None else [None, beside]
    for tree in trees:
        one_run(tree)
    runs = [[one_run(tree) for tree in trees] for _ in range(repetitions)]
    lines = []
    for name, own in zip(("", f" of {beside}"), zip(*runs, strict=True), strict=False):
        cpu, memory = (statistics.median(column) for column in zip(*own, strict=True))
        lines.append(f"ruvllm-bench {' '.join(ARGUMENTS)}{name}: {cpu:.2f} s of processor time, {memory:.0f} MB")
    if beside is not None:
        ratios = sorted(ours[0] / theirs[0] for ours, theirs in runs)
        lowest, middle, highest = ratios[0], statistics.median(ratios), ratios[-1]
        lines.append(f"ratio: {middle:.2f} ({lowest:.2f} to {highest:.2f}, {repetitions} pairs)")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=7, metavar="N", help="runs of the command (7)")
    parser.add_argument("--beside", type=Path, metavar="TREE", help="another version, built: the folder with ruvllm/")
    parser.add_argument("--model", default=MODELS[-1].name, choices=[m.name for m in MODELS], metavar="NAME")
    chosen = parser.parse_args()
    if chosen.repetitions < 1:
        parser.exit(2, f"whole_run.py: --repetitions must be at least 1, not {chosen.repetitions}\n")
    print(f"{active_isa()}, {platform.machine()}, Python {platform.python_version()}, one job")
    if chosen.beside is not None and not (chosen.beside / "ruvllm" / "__init__.py").is_file():
        parser.exit(2, f"whole_run.py: --beside must be a folder with the package ruvllm, not {chosen.beside}\n")
    print("\n".join(measured(chosen.repetitions, None if chosen.beside is None else chosen.beside.resolve())))
    total, seconds = phases(chosen.model)
    print(f"\n{chosen.model}, ms of processor time")
    for name, description in DESCRIPTIONS.items():
        print(f"  {description:32}{1e3 * seconds[name]:8.1f}")
    others = sum(spent for name, spent in seconds.items() if name not in DESCRIPTIONS)
    print(f"  {'other engine calls':32}{1e3 * others:8.1f}")
    print(f"  {'Python':32}{1e3 * (total - sum(seconds.values())):8.1f}")
    print(f"  {'sum':32}{1e3 * total:8.1f}")


if __name__ == "__main__":
    main()
