"""The command ruvllm-bench: arguments, output and exit codes only; benchmark.py and its neighbours do the work.

Imports beyond click come where they are used, so that --help and usage errors answer at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from ruvllm.commands.bench_options import (
    ISAS,
    PROGRAM,
    Failure,
    Output,
    Run,
    check_isas,
    give_out,
    output_options,
    run_options,
    start,
)
from ruvllm.commands.common import run
from ruvllm.version import __version__

WORSE = 3
FEWEST_SEEDS = 2
"""For an interval over seeds."""


class _Commands(click.Group):
    """A word that is no command is often the second name of a list."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None:
            known = ", ".join(self.list_commands(ctx))
            raise click.UsageError(f"{args[0]!r} is no command; there is {known}. Several models: --models A,B")
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@run_options(
    seeds_help="Run N seeds from --seed on; means and intervals over them.  [default: 1; real input: 3; blocked: 5]",
    several_protocols=True,
)
@click.option("--folds", type=click.IntRange(3, 20), metavar="K",
              help="Cross-validation: K runs per seed, each task outside the holdout tested once.")
@click.option("--stream", type=click.Choice(["mixed", "blocked"]), default="mixed", show_default=True,
              help="blocked: the four task types one after another; forgetting with EWC on and off.")
@click.option("--controls/--no-controls", default=True, show_default=True,
              help="Run each model under the three controls as well; without them it is done sooner.")
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=lambda *given: _version(*given),
              help="Show the version, the instruction set in use and the compiler, and exit.")
def command(**arguments: Any) -> int:
    """Does a small model get better from use, and is that true?

    Runs the learning stack on tasks, for up to six models, beside three controls: nothing learned, random gradients,
    shuffled answers. Prints the table, saves the results and a checkpoint per model, which ruvllm-verify checks.

    \b
    Examples:
      ruvllm-bench --profile full                     the report's final table
      ruvllm-bench --protocol all --seeds 5 --jobs 2  v1, v2 and v3 beside the report, with intervals
      ruvllm-bench --folds 5                          5-fold cross-validation
      ruvllm-bench --stream blocked                   what is forgotten of one task type while others are learned
      ruvllm-bench ablate                             what each component brings
      ruvllm-bench protocols                          all constants of v1, v2 and v3
      ruvllm-bench simd                               how fast the kernels are on this machine
      ruvllm-bench --workload code                    the four task types, made from the standard library
      ruvllm-bench --workload code --tasks docstring  which function does a docstring describe?
      ruvllm-bench --workload jsonl:my-tasks.jsonl    your own tasks
      ruvllm-bench --models Phi-3-mini-4k --json      for other programs
      ruvllm-bench --seeds 10 --resume                after Ctrl-C: finished epochs are not done again

    Exit codes: 0 done, 1 something failed, 2 wrong usage, 3 a model ended below its frozen start (its gain's 95%
    interval lies below 0).
    """
    context = click.get_current_context()
    if context.invoked_subcommand is not None:
        _refuse_options_before(context)
        return 0
    if arguments["stream"] == "blocked":
        return _blocked(arguments)
    real = arguments["workload"] != "simulated"
    return _benchmark(start(arguments, default_seeds=3 if real else 1, checkpoints=True))


def _version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    check_isas([], [])
    from ruvllm._core import build_info

    build = build_info()
    using = f"{build['active_isa']}, {build['compiler']} {build['compiler_version']}"
    click.echo(f"{PROGRAM}, version {__version__} ({using})")
    context.exit()


def _refuse_options_before(context: click.Context) -> None:
    sources = [context.get_parameter_source(name) for name in context.params]
    if click.core.ParameterSource.COMMANDLINE in sources:
        raise click.UsageError(f"options of {context.invoked_subcommand} come after its name")


def _benchmark(run: Run) -> int:
    from ruvllm.benchmark.plan import make_cells, recorded_options
    from ruvllm.benchmark.sweep import run_cells
    from ruvllm.checkpoints.writing import CheckpointConflictError
    from ruvllm.report.tables import print_results
    from ruvllm.results.document import make_document

    try:
        with run.reporter:
            cells = make_cells(run.options, run.task_input)
            results = run_cells(cells, run.out / "checkpoints", run.jobs, run.reporter, run.unfinished)
    except (CheckpointConflictError, ValueError, OSError) as error:
        raise Failure(str(error)) from error
    options = recorded_options(run.options, run.task_input)
    document = make_document(results, options, run.command, run.options.isa)
    give_out(run, document, print_results)
    run.unfinished.forget_results()
    worse = [f"{s.model} {s.protocol}" for s in document.summaries if s.gain_ci95[1] < 0]
    if worse:
        click.echo(f"{PROGRAM}: worse than the frozen start, beyond chance: {', '.join(worse)}", err=True)
        return WORSE
    return 0


def _blocked(arguments: dict[str, Any]) -> int:
    """Final accuracy, backward transfer and forgetting; measures, so that there is no exit code for worse."""
    if arguments["folds"] is not None:
        raise click.UsageError("--folds is for the mixed stream")
    if arguments["workload"] != "simulated":
        raise click.UsageError("a blocked stream needs tasks of several types: the simulated workload")
    from ruvllm.benchmark.forgetting import make_forgetting_document, run_blocked
    from ruvllm.benchmark.plan import recorded_options
    from ruvllm.report.forgetting_table import print_forgetting

    run = start(arguments, default_seeds=5, least_seeds=FEWEST_SEEDS)
    try:
        with run.reporter:
            runs = run_blocked(run.options, run.jobs, run.reporter, run.unfinished)
    except (ValueError, OSError) as error:
        raise Failure(str(error)) from error
    document = make_forgetting_document(runs, recorded_options(run.options), run.command, run.options.isa)
    give_out(run, document, print_forgetting)
    run.unfinished.forget_results()
    return 0


@command.command("ablate")
@run_options(seeds_help="Run N seeds from --seed on, at least 2.  [default: 10]", several_protocols=False)
def ablate(**arguments: Any) -> int:
    """What does each component bring?

    Takes every component off in turn and compares with the full system on the same tasks and seeds: final resolve
    rate, training tasks until 90% are resolved, calibration error (ECE), each with a 95% interval over the seeds.
    A component without an effect is shown as such. All six models and 10 seeds take some minutes.

    \b
    Examples:
      ruvllm-bench ablate --jobs 2
      ruvllm-bench ablate --protocol v2 --models StarCoder2-3B
    """
    from ruvllm.benchmark.ablation import make_ablation_document, run_ablation
    from ruvllm.benchmark.plan import recorded_options
    from ruvllm.report.ablation_table import print_ablation

    run = start(arguments, default_seeds=10, least_seeds=FEWEST_SEEDS)
    try:
        with run.reporter:
            runs = run_ablation(run.options, run.task_input, run.jobs, run.reporter, run.unfinished)
    except (ValueError, OSError) as error:
        raise Failure(str(error)) from error
    options = recorded_options(run.options, run.task_input)
    document = make_ablation_document(runs, options, run.command, run.options.isa)
    give_out(run, document, print_ablation)
    run.unfinished.forget_results()
    return 0


@command.command("protocols")
def protocols() -> int:
    """All constants of v1, v2 and v3 side by side.

    \b
    Examples:
      ruvllm-bench protocols
      ruvllm-bench protocols > protocols.txt
    """
    from rich.console import Console

    from ruvllm.commands.protocol_table import print_protocols

    print_protocols(Console())
    return 0


@command.command("simd")
@click.option("--isa", "isas", multiple=True, metavar=f"all|{ISAS}",
              help="Only this instruction set, and scalar, which the others are compared with; may be given several "
              "times or as a list with commas.  [default: all of this CPU]")
@click.option("--repetitions", type=click.IntRange(7, 1000), default=9, show_default=True, metavar="N",
              help="Medians are of N measurements each.")
@output_options("Folder for the results file.")
def simd(**arguments: Any) -> int:
    """How fast are the kernels here, on each instruction set?

    Dot products per second at 256, 1536 and 4096 elements, and the speed-up over a plain loop; then the cosine with a
    bank, a LoRA learning step, the Fisher average and k-means. One thread; some seconds. Every answer is first compared
    with a naive one in double precision: a wrong one ends the command with exit code 1. Results of all other commands
    are the same bits on each instruction set.

    \b
    Examples:
      ruvllm-bench simd
      ruvllm-bench simd --isa sse4.1,avx2 --repetitions 25
    """
    names = [name.strip() for text in arguments["isas"] for name in text.split(",")] or ["all"]
    check_isas(names, ["all"])
    from ruvllm.benchmark.simd import chosen_isas, make_simd_document, measure_all
    from ruvllm.report.simd_table import print_simd

    output = Output(arguments)
    isas = chosen_isas(names)
    try:
        with output.reporter:
            measurements = measure_all(isas, arguments["repetitions"], output.reporter)
    except RuntimeError as error:
        raise Failure(str(error)) from error
    give_out(output, make_simd_document(measurements, isas, arguments["repetitions"], output.command), print_simd)
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    stays = "interrupted; files that were written stay"
    goes_on = not {"simd", "protocols"}.intersection(words)
    return run(command, PROGRAM, words, when_interrupted=f"{stays}, --resume goes on" if goes_on else stays)


if __name__ == "__main__":
    sys.exit(main())
