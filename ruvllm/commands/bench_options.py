"""The options of ruvllm-bench, and what a user asked for with them.

Imports only what loads at once, so that --help and usage errors answer at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from msgspec import Struct, structs

from ruvllm.commands.common import parse_fields, parse_languages, parse_workload
from ruvllm.commands.limits import CANDIDATES, ISAS, MAX_DIM, MAX_NAME, MAX_RANK, MAX_SEED, MIN_DIM, PROFILES, PROTOCOLS
from ruvllm.commands.parameters import FILE, Number, WholeNumber
from ruvllm.encoders.registry import DEFAULT_ENCODER, ENCODERS
from ruvllm.workloads.registry import CODE_TASKS, DEFAULT_LANGUAGE, GRAMMAR_TASKS, LANGUAGES, WORKLOADS
from ruvllm.workloads.spec import WorkloadSpec

__all__ = ["BenchArguments", "OutputArguments", "output_options", "run_options", "split_names"]

MOST_LETTERS = 60
"""Of a name in tables."""

Function = Callable[..., Any]
Decorator = Callable[[Function], Function]


class OutputArguments(Struct, frozen=True, kw_only=True):
    """The options of every command that saves results; see output_options()."""

    out: Path
    name: str | None = None
    """What the user calls the run."""
    as_json: bool
    quiet: bool


class BenchArguments(OutputArguments, frozen=True, kw_only=True):
    """The options of a command that runs models; see run_options(). Options that not every command has come last."""

    profile: str
    protocol: str
    """"v1", "v2", "v3" or "all"."""
    model_names: tuple[str, ...]
    """As they were typed: one element may hold several names with commas. Empty for the default models."""
    dims: tuple[int, ...]
    """Widths of the default encoder; empty for the default one."""
    workload: WorkloadSpec
    kind: str
    split: str
    encoder_name: str
    encoder_title: str | None
    """In reports; None for a name of its own."""
    transfer: WorkloadSpec | None
    candidates: int | None
    """Of each task of real input; None for as many as there is room for."""
    fields: Mapping[str, str]
    """What a file of tasks calls keys."""
    train: Path | None
    test: Path | None
    """Files to learn from and to test on, if they are two."""
    hints: bool
    lexical: bool
    """Whether words may count beside the encoder's vectors, on real input."""
    repositories: str | None
    """Folder with the repositories of SWE-bench's issues."""
    languages: tuple[str, ...]
    """Of a source tree; Python alone by default."""
    rank: int | None
    seed: int
    seeds: int | None
    """Number of seeds; None for the default of the command."""
    jobs: int
    isa: str
    resume: bool
    snapshot_seconds: float
    folds: int | None = None
    stream: str = "mixed"
    controls: bool = False
    keep: str | None = None  # of which runs the checkpoint is; None for the default
    details: bool = False
    no_texts: bool = False
    parts: tuple[str, ...] = ()  # of an ablation

    def __post_init__(self) -> None:
        if self.train is not None and self.workload.name == "simulated":
            structs.force_setattr(self, "workload", WorkloadSpec("jsonl", str(self.train)))

    def check(self) -> None:
        """Raises UsageError if an option would change nothing."""
        entry = self.workload.entry
        self._check_files()
        if self.kind not in ("all", *entry.tasks):
            raise click.UsageError("--tasks is for the code workload")
        if self.languages != (DEFAULT_LANGUAGE,):
            self._check_languages()
        if not entry.reader and (self.encoder_name != DEFAULT_ENCODER or self.transfer is not None):
            raise click.UsageError("--encoder and --transfer are for real input: --workload code or jsonl:FILE")
        if not entry.reader and self.candidates is not None:
            raise click.UsageError("--candidates is for real input: --workload code or jsonl:FILE")
        if not entry.reader and not self.lexical:
            raise click.UsageError("--no-lexical is for real input: simulated tasks have no words")
        if self.stream != "mixed" and not self.lexical:
            raise click.UsageError("--no-lexical is for the mixed stream: another one learns from the vectors alone")
        if self.fields and self.workload.name != "jsonl" and self.transfer is None:
            raise click.UsageError("--fields is for files of tasks: --workload jsonl:FILE")
        if not entry.reader and self.no_texts:
            raise click.UsageError("--no-texts is for real input: simulated tasks have no texts")
        if self.dims and not entry.reader:
            raise click.UsageError("--dim is for real input: the width of a simulated model is its own")
        if self.encoder_name != DEFAULT_ENCODER and (self.dims or self.model_names):
            raise click.UsageError(
                f"--encoder {self.encoder_name} has a width and a name of its own: --models and --dim are not for it"
            )
        if self.stream == "blocked" and self.keep is not None:
            raise click.UsageError("--keep is for the mixed stream: the blocked one has no checkpoints")
        if self.encoder_title is not None and self.encoder_name == DEFAULT_ENCODER:
            raise click.UsageError("--encoder-name is for --encoder: the default encoder is called what it is")
        if self.stream == "blocked" and self.folds is not None:
            raise click.UsageError("--folds is for the mixed stream")
        if self.stream == "blocked" and entry.reader:
            raise click.UsageError("a blocked stream needs tasks of several types: the simulated workload")
        if self.stream == "time":
            self._check_time()
        if self.localizes or self.repositories is not None:
            self._check_localization()

    def _check_languages(self) -> None:
        """Raises UsageError where there is no tree in another language, and for tasks that only Python has."""
        if self.workload.name != "code" or self.workload.path is None:
            raise click.UsageError("--language is for a source tree: --workload code:PATH")
        if self.kind not in GRAMMAR_TASKS and DEFAULT_LANGUAGE not in self.languages:
            names, offered = ", ".join(self.languages), f"{', '.join(GRAMMAR_TASKS[:-1])} and {GRAMMAR_TASKS[-1]}"
            raise click.UsageError(f"--tasks {self.kind} is for python; for {names} there are {offered}")

    @property
    def localizes(self) -> bool:
        """True if candidates are the files of repositories, which is a stream whatever --stream says."""
        return self.workload.name == "swebench"

    def _check_localization(self) -> None:
        """Raises UsageError for what weights of evidence have no use for, and without repositories."""
        if not self.localizes:
            raise click.UsageError("--repos is for SWE-bench's issues: --workload swebench:FILE --repos DIR")
        if self.repositories is None:
            raise click.UsageError("--workload swebench:FILE needs --repos DIR, a folder with the issues' repositories")
        unused = {
            "--dim and --models": self.dims or self.model_names, "--rank": self.rank, "--folds": self.folds,
            "--transfer": self.transfer, "--candidates": self.candidates, "--keep": self.keep,
            "--protocol": self.protocol != "v3", "--profile": self.profile != "full",
        }  # fmt: skip
        named = next((name for name, value in unused.items() if value), None)
        if named is not None:
            raise click.UsageError(f"{named}: not for --workload swebench:FILE, where weights of evidence are learned")

    def _check_files(self) -> None:
        """Raises UsageError for a train file without a test file, and where there are no files of tasks."""
        if self.train is not None and self.workload.path != str(self.train):
            raise click.UsageError("--train and --workload both name what to learn from: use one of them")
        if self.train is not None and self.test is None:
            raise click.UsageError("--train needs --test: a file with the tasks to test on")
        files = self.workload.name not in ("simulated", "code")
        if not files and (self.test is not None or self.hints):
            raise click.UsageError("--test and --hints are for files of tasks: --train FILE --test FILE")
        if self.test is not None and (self.folds is not None or self.stream != "mixed"):
            raise click.UsageError("--folds and --stream have no use for --test, which says what is tested")

    def _check_time(self) -> None:
        """Raises UsageError for what a stream in time has no use for."""
        if self.workload.name in ("simulated", "code"):
            raise click.UsageError("--stream time is for tasks in the order in which they came: --workload jsonl:FILE")
        if self.folds is not None or self.keep is not None or self.transfer is not None:
            raise click.UsageError(
                "--folds, --keep and --transfer are for the mixed stream: one in time has no parts and no checkpoints"
            )

    def seed_range(self, default: int, least: int) -> tuple[int, ...]:
        """Returns the seeds, `default` of them if no number is named. Raises BadParameter for fewer than `least`."""
        n = self.seeds or default
        if n < least:
            raise click.BadParameter(f"an interval over seeds needs at least {least}", param_hint="'--seeds'")
        if self.seed + n - 1 > MAX_SEED:
            raise click.BadParameter(f"the last seed must be at most {MAX_SEED}", param_hint="'--seeds'")
        return tuple(range(self.seed, self.seed + n))


def split_names(texts: Sequence[str]) -> list[str]:
    """Returns the values of an option that may be repeated, each of them a list with commas."""
    return [name.strip() for text in texts for name in text.split(",")]


def _title(_: click.Context, __: click.Parameter, text: str | None) -> str | None:
    if text is not None and not (text.strip() and text.isprintable() and len(text) <= MOST_LETTERS):
        raise click.BadParameter(f"must be 1 to {MOST_LETTERS} letters that can be printed, not {text!r}")
    return None if text is None else text.strip()


def run_options(*, seeds_help: str, several_protocols: bool) -> Decorator:
    """The options of a command that runs models, in the order of its help."""
    protocols = [*PROTOCOLS, "all"] if several_protocols else PROTOCOLS
    return _all_of(
        click.option("--profile", type=click.Choice(PROFILES), default="full", show_default=True,
                     help="How many epochs and tasks: 6x40, 8x60 or 12x120 for v3. quick runs the first three models."),
        click.option("--protocol", type=click.Choice(protocols), default="v3", show_default=True,
                     help="Version of the learning stack: v1 is one adapter, v2 adds a curriculum, v3 is all of it."),
        click.option("--models", "model_names", multiple=True, metavar="NAME",
                     help="Simulated workload: run only this model. For several, repeat the option or separate the "
                     "names by commas."),
        click.option("--workload", callback=parse_workload(), default="simulated", show_default=True,
                     metavar="|".join(entry.form for entry in WORKLOADS.values()),
                     help="Where the tasks come from. simulated: made from the seed. code: a source tree, by default "
                     "the interpreter's standard library. jsonl: your own file, a task per line, or in "
                     "SWE-bench's form."),
        click.option("--tasks", "kind", type=click.Choice(CODE_TASKS), default="all", show_default=True,
                     help="Code only. all: the four task types. docstring: which of all functions does a docstring "
                     "describe? Or one type alone."),
        click.option("--language", "languages", callback=parse_languages, default=DEFAULT_LANGUAGE, show_default=True,
                     metavar="NAME,...|all",
                     help=f"Code only: languages of the tree, of {', '.join(LANGUAGES)}; all: those that it has "
                     "files of. Others than python need ruvllm[languages]."),
        click.option("--split", type=click.Choice(WORKLOADS["code"].splits), default="file", show_default=True,
                     help="Code only. file: test on files that training never saw. function: the files are known, the "
                     "queries are new."),
        click.option("--encoder", "encoder_name", default=DEFAULT_ENCODER, show_default=True,
                     metavar="|".join(entry.form for entry in ENCODERS.values()),
                     help="Real input only: what turns texts into vectors. hash: character n-grams, nothing to "
                     "install. MODEL is a folder or a name."),
        click.option("--dim", "dims", multiple=True, type=WholeNumber(MIN_DIM, MAX_DIM), metavar="D",
                     help="Width of the hash encoder; may be repeated. --models chooses the width of that model.  "
                     "[default: 1536]"),
        click.option("--encoder-name", "encoder_title", callback=_title, metavar="NAME",
                     help="What to call the encoder in tables.  [default: a name that it brings along]"),
        click.option("--transfer", callback=parse_workload("jsonl"), metavar="jsonl:FILE",
                     help="Real input only: measure retrieval on these tasks too. Training never sees them."),
        click.option("--candidates", type=WholeNumber(*CANDIDATES), metavar="N",
                     help="Real input only: N candidates for each task.  [default: 8, fewer if a part has too few "
                     "different solutions]"),
        click.option("--fields", callback=parse_fields, metavar="KEY=NAME,...",
                     help="Files of tasks only: what the file calls keys, as prompt=question,solution=target."),
        click.option("--train", type=FILE, metavar="FILE",
                     help="Learn from the tasks of this file, and test on those of --test. The same as --workload "
                     "jsonl:FILE."),
        click.option("--test", type=FILE, metavar="FILE",
                     help="Files of tasks only: test on these, not on a part of the input. Copies of them are not "
                     "learned from."),
        click.option("--hints", is_flag=True,
                     help="SWE-bench's issues only: append hints_text, what was said below an issue, to its text."),
        click.option("--lexical/--no-lexical", default=True, show_default=True,
                     help="Real input only: whether retrieval may count words (n-grams and BM25) beside the encoder's "
                     "vectors, where the validation part says that it helps."),
        click.option("--repos", "repositories", metavar="DIR",
                     help="swebench only: the folder with the issues' repositories, DIR/OWNER+NAME, or unpacked "
                     "releases, DIR/NAME-VERSION."),
        click.option("--rank", type=WholeNumber(1, MAX_RANK), help="LoRA rank, instead of the protocol's."),
        click.option("--seed", type=WholeNumber(0, MAX_SEED), default=0, show_default=True, help="First seed."),
        click.option("--seeds", type=WholeNumber(1, 1000), metavar="N", help=seeds_help),
        click.option("--jobs", type=WholeNumber(1, 256), default=1, show_default=True,
                     help="Number of runs at the same time. The results do not depend on it."),
        click.option("--isa", default="auto", show_default=True, metavar=f"auto|{ISAS}",
                     help="Instruction set of the kernels. The results do not depend on it."),
        click.option("--resume", is_flag=True, help="Continue where a run with the same arguments and folder stopped."),
        click.option("--snapshot-seconds", type=Number(0, 86_400), default=2, show_default=True, metavar="S",
                     help="Where the process is killed, at most S seconds of work of each run under way are lost, "
                     "beside an epoch. 0: each epoch is saved."),
        output_options("Folder for the results file and checkpoints."),
    )  # fmt: skip


def output_options(out_help: str) -> Decorator:
    """The options of every command that saves results."""
    return _all_of(
        click.option("--out", type=FILE, default=Path("results"), show_default=True, help=out_help),
        click.option("--name", callback=_check_name, metavar="TEXT",
                     help="What to call the run. Reports show it beside the name of the file, which stays as it is."),
        click.option("--json", "as_json", is_flag=True, help="Print the results file alone on standard output."),
        click.option("-q", "--quiet", is_flag=True, help="Show no progress and no table."),
    )  # fmt: skip


def _check_name(_: click.Context, __: click.Parameter, name: str | None) -> str | None:
    """Raises BadParameter for a name that is empty, too long, or nothing for a line."""
    if name is not None and (not name.strip() or len(name) > MAX_NAME or not name.isprintable()):
        raise click.BadParameter(f"a name has 1 to {MAX_NAME} characters that can be printed, not {name[:MAX_NAME]!r}")
    return name


def _all_of(*options: Decorator) -> Decorator:
    """One decorator for all these options, in this order."""

    def decorate(function: Function) -> Function:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate
