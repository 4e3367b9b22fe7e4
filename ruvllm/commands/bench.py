"""The command ruvllm-bench: its options, help and exit codes. bench_actions.py does what they ask for.

Imports only what loads at once, so that --help and usage errors answer at once.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from typing import Any

import click

from ruvllm.commands import help_texts
from ruvllm.commands.bench_options import BenchArguments, OutputArguments, output_options, run_options, split_names
from ruvllm.commands.common import check_isas, run
from ruvllm.commands.limits import ISAS, KEEP, MAX_FOLDS, MIN_FOLDS, STREAMS
from ruvllm.commands.parameters import PARTS_HELP, WholeNumber
from ruvllm.commands.sweeps.command import add_sweep_commands
from ruvllm.version import __version__

PROGRAM = "ruvllm-bench"


class _Commands(click.Group):
    """Explains an unknown subcommand: it is usually a second model name after `--models A`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None:
            known = ", ".join(self.list_commands(ctx))
            raise click.UsageError(f"{args[0]!r} is no command; there is {known}. Several models: --models A,B")
        return super().resolve_command(ctx, args)


def _show_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    check_isas([])
    from ruvllm._core import build_info

    build = build_info()
    using = f"{build['active_isa']}, {build['compiler']} {build['compiler_version']}"
    click.echo(f"{PROGRAM}, version {__version__} ({using})")
    context.exit()


_folds_option = click.option(
    "--folds", type=WholeNumber(MIN_FOLDS, MAX_FOLDS), metavar="K",
    help="Cross-validate: K runs per seed, so that each task outside the holdout is tested once.",
)  # fmt: skip


@click.group(
    help=help_texts.BENCH,
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@run_options(
    seeds_help="Run N seeds, beginning with --seed, for means and intervals over them.  [default: 1; real input: 3; "
    "blocked: 5]",
    several_protocols=True,
)
@_folds_option
@click.option("--stream", type=click.Choice(STREAMS), default="mixed", show_default=True,
              help="blocked: the four task types one after another, to see what is forgotten with EWC on and off. "
              "time: your own tasks by date, each answered first, then learned from.")
@click.option("--controls/--no-controls", default=True, show_default=True,
              help="Run each model under the three controls as well. Without them the command ends sooner.")
@click.option("--no-texts", is_flag=True,
              help="Real input only: keep the beginnings of prompts and solutions out of the results file.")
@click.option("--keep", type=click.Choice(KEEP),
              help="Checkpoints to keep: of all runs, of the last seed and fold of each model and protocol, or none. "
              "On real input one has 5 to 50 MB. Results and hashes are the same.  [default: last]")
@click.option("--details", is_flag=True, help="Show every table, not the verdict and the main ones alone.")
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version,
              help="Show the version, the instruction set in use and the compiler, and exit.")
def command(**options: Any) -> int:
    """Runs models, unless a subcommand is named."""
    context = click.get_current_context()
    if context.invoked_subcommand is not None:
        _refuse_options_before(context)
        return 0
    return _run_models(**options)


def _run_models(**options: Any) -> int:
    arguments = BenchArguments(**options)
    arguments.check()
    from ruvllm.commands import bench_actions

    acts = {"blocked": bench_actions.measure_forgetting, "time": bench_actions.measure_stream}
    stream = "time" if arguments.localizes else arguments.stream
    return acts.get(stream, bench_actions.benchmark)(arguments)


def _refuse_options_before(context: click.Context) -> None:
    sources = [context.get_parameter_source(name) for name in context.params]
    if click.core.ParameterSource.COMMANDLINE in sources:
        raise click.UsageError(f"options of {context.invoked_subcommand} come after its name")


add_sweep_commands(command, _run_models)


@command.command("ablate", help=help_texts.ABLATE)
@run_options(seeds_help="Run N seeds, beginning with --seed; at least 2.  [default: 10]", several_protocols=False)
@_folds_option
@click.option("--part", "parts", multiple=True, metavar="NAME", help=PARTS_HELP)
def ablate(**options: Any) -> int:
    """Runs the ablation."""
    arguments = BenchArguments(**options)
    arguments.check()
    from ruvllm.commands import bench_actions

    return bench_actions.ablate(arguments)


@command.command("protocols", help=help_texts.PROTOCOLS)
def protocols() -> int:
    """Prints the constants."""
    from rich.console import Console

    from ruvllm.learning.protocols import protocol_rows
    from ruvllm.report.parts import Table
    from ruvllm.report.screen import print_table

    headings, rows = protocol_rows()
    print_table(Console(), Table("Protocols", tuple(headings), tuple(map(tuple, rows))))
    return 0


@command.command("simd", help=help_texts.SIMD)
@click.option("--isa", "isas", multiple=True, metavar=f"all|{ISAS}",
              help="Measure this instruction set, and scalar to compare it with. For several, repeat the option or "
              "separate the names by commas.  [default: all of this CPU]")
@click.option("--repetitions", type=WholeNumber(7, 1000), default=9, show_default=True, metavar="N",
              help="Take each median over N measurements.")
@output_options("Folder for the results file.")
def simd(isas: tuple[str, ...], repetitions: int, **options: Any) -> int:
    """Measures the kernels."""
    names = split_names(isas) or ["all"]
    check_isas(names, ["all"])
    from ruvllm.commands import bench_actions

    return bench_actions.measure_simd(names, repetitions, OutputArguments(**options))


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command with these words (default: those of the process). Returns its exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    if arguments is None:  # the process is this command's alone, and most of what it makes is in no cycle
        gc.set_threshold(50_000, 20, 20)
    when_interrupted = "interrupted; files that were written stay"
    if {"--plan", "merge", "plan"}.intersection(words):
        when_interrupted += ", the same command goes on"
    elif not {"simd", "protocols"}.intersection(words):
        when_interrupted += ", --resume goes on"
    code = run(command, PROGRAM, words, when_interrupted=when_interrupted)
    if arguments is None:  # at its end the interpreter looks for cycles in all that was loaded, three times
        gc.freeze()
    return code


if __name__ == "__main__":
    sys.exit(main())
