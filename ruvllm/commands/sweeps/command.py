"""The subcommands plan, run and merge: their options. actions.py does what they ask for.

Imports only what loads at once, so that --help and usage errors answer at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
from msgspec import Struct

from ruvllm.commands.bench_options import BenchArguments, OutputArguments, output_options
from ruvllm.commands.parameters import FILE, PARTS_HELP
from ruvllm.commands.sweeps import texts

__all__ = ["SweepArguments", "add_sweep_commands"]

EXECUTORS = "processes|dask:ADDRESS|ray[:ADDRESS]|mpi4py"
NOT_PLANNED = {"out", "name", "as_json", "jobs", "isa", "resume", "details"}
"""Options of a run that say nothing of its cells."""
OF_WORKERS = {"plan", "folder", "shard", "executor", "jobs", "isa", "quiet"}
"""Options that may stand beside --plan."""
MOST_SHARDS = 1_000_000


class SweepArguments(Struct, frozen=True, kw_only=True):
    """What `run --plan` is asked for."""

    plan: Path
    folder: Path
    shard: tuple[int, int] | None
    """(i, n): every n-th cell from the i-th, counted from 1."""
    executor: str
    jobs: int
    isa: str
    quiet: bool


def add_sweep_commands(command: click.Group, run_models: Callable[..., int]) -> None:
    """Adds plan, run and merge to ruvllm-bench, whose own options are those of a run."""
    params = [each for each in command.params if each.expose_value]
    planned = [each for each in params if each.name not in NOT_PLANNED]
    command.add_command(click.Command("plan", help=texts.PLAN, params=[*planned, _ABLATE, _PARTS], callback=_plan))

    def run(**options: Any) -> int:
        return _run(run_models, **options)

    command.add_command(click.Command("run", help=texts.RUN, params=[_FOLDER, *params, *_SWEEP], callback=run))
    command.add_command(_merge)


def _shard(_: click.Context, __: click.Parameter, text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,7})/(\d{1,7})", text)
    number, of = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= number <= of <= MOST_SHARDS:
        raise click.BadParameter(f"must be I/N, as 2/8, with I from 1 to N, not {text!r}")
    return number, of


_ABLATE = click.Option(["--ablate"], is_flag=True, help="Plan what ruvllm-bench ablate runs.")
_PARTS = click.Option(["--part", "parts"], multiple=True, metavar="NAME", help=PARTS_HELP)
_FOLDER = click.Argument(["folder"], metavar="[DIR]", required=False, type=FILE)
_SWEEP = (
    click.Option(["--plan"], type=FILE, metavar="FILE", help="Make the cells of this plan, in DIR."),
    click.Option(["--shard"], callback=_shard, metavar="I/N",
                 help="With --plan: only every N-th cell, from the I-th."),
    click.Option(["--executor"], metavar=EXECUTORS,
                 help="With --plan: who makes the cells. processes: --jobs of them, here.  [default: processes]"),
)  # fmt: skip


def _run(
    run_models: Callable[..., int],
    plan: Path | None,
    folder: Path | None,
    shard: tuple[int, int] | None,
    executor: str | None,
    **options: Any,
) -> int:
    if plan is None:
        if folder is not None or shard is not None or executor is not None:
            what = f"{str(folder)!r}" if folder is not None else "--shard" if shard is not None else "--executor"
            raise click.UsageError(f"{what} is for the cells of a plan: ruvllm-bench run --plan FILE DIR")
        return run_models(**options)
    if folder is None:
        raise click.UsageError("--plan needs a folder for its cells: ruvllm-bench run --plan FILE DIR")
    context = click.get_current_context()
    for param in context.command.params:
        source = context.get_parameter_source(str(param.name))
        if param.name not in OF_WORKERS and source == click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{param.opts[0]} was for ruvllm-bench plan: the plan says what is run")
    arguments = SweepArguments(
        plan=plan, folder=folder, shard=shard, executor=executor or "processes", jobs=options["jobs"],
        isa=options["isa"], quiet=options["quiet"],
    )  # fmt: skip
    from ruvllm.commands.sweeps import actions

    return actions.make_cells(arguments)


def _plan(ablate: bool, **options: Any) -> int:
    arguments = BenchArguments(**options, out=Path(), as_json=False, jobs=1, isa="auto", resume=False)
    arguments.check()
    if ablate:
        _check_ablation(arguments)
    elif arguments.parts:
        raise click.UsageError("--part is for --ablate: a run has all parts of its protocol")
    from ruvllm.commands.sweeps import actions

    return actions.print_plan(arguments, ablates=ablate)


def _check_ablation(arguments: BenchArguments) -> None:
    """Raises UsageError for what an ablation has no use for."""
    unused = {
        "--protocol all": arguments.protocol == "all", "--stream": arguments.stream != "mixed",
        "--keep": arguments.keep is not None, "--no-controls": not arguments.controls,
        "--no-texts": arguments.no_texts,
    }  # fmt: skip
    named: Sequence[str] = [name for name, value in unused.items() if value]
    if named:
        raise click.UsageError(f"{named[0]} is not for --ablate: ruvllm-bench ablate does not have it")


@click.command("merge", help=texts.MERGE)
@click.argument("folder", metavar="DIR", type=FILE)
@click.option("--plan", type=FILE, metavar="FILE", help="The plan, if DIR has no copy of it.")
@output_options("Folder for the results file.  [default: DIR]")
@click.option("--details", is_flag=True, help="Show every table, not the verdict and the main ones alone.")
def _merge(folder: Path, plan: Path | None, details: bool, **options: Any) -> int:
    """Puts the cells together."""
    if click.get_current_context().get_parameter_source("out") == click.core.ParameterSource.DEFAULT:
        options["out"] = folder
    from ruvllm.commands.sweeps import actions

    return actions.merge(folder, plan, OutputArguments(**options), details=details)
