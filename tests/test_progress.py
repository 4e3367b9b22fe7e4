"""Progress: lines in a pipe, bars on a terminal, nothing when quiet; told by several threads at once."""

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from bench_samples import hand_made, small_cell, small_plan
from rich.console import Console

from ruvllm.benchmark import Reporter, finished_line, run_cells
from ruvllm.cell import Cell
from ruvllm.folds import Fold
from ruvllm.progress import BarReporter, LineReporter, QuietReporter

LABEL = "Phi-3-mini-4k v3 seed 3"
LINE = f"{LABEL}: 25.0% -> 100.0% of the test tasks, 1.2 s"
NOTE = "Reading [/bold] source: \\[x]"


def cells(n: int) -> list[Cell]:
    return [small_cell(small_plan(seed=seed)) for seed in range(n)]


def play(reporter: QuietReporter, n: int) -> None:
    """A run of n cells, each of 5 epochs, from four threads; the labels look like markup."""
    with reporter:
        labels = [f"[red]{i}[/red]" for i in range(n)]
        reporter.note(NOTE)
        reporter.start(labels)

        def run(label: str) -> None:
            for epoch in range(5):
                reporter.epoch(label, epoch + 1, 5, None if epoch == 0 else 0.5)
            reporter.finish(label, LINE)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(run, labels))


def test_a_finished_cell_is_one_line() -> None:
    assert finished_line(LABEL, hand_made(initial=0.25, final=1.0, seconds=1.25, seed=3)) == LINE


def test_in_a_pipe_there_is_a_plain_line_for_each_cell() -> None:
    file = io.StringIO()
    play(LineReporter(Console(file=file, width=40)), 20)
    first, *lines = file.getvalue().splitlines()
    assert first == NOTE
    assert lines == [f"[{i}/20] {LINE}" for i in range(1, 21)]


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=100, color_system="standard", legacy_windows=False)


def text_of(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_on_a_terminal_there_are_bars_and_a_line_for_each_cell() -> None:
    console = terminal()
    play(BarReporter(console), 8)
    text = text_of(console)
    assert text.count(LINE) == 8
    assert "all runs" in text
    assert NOTE in text
    assert text.endswith("\x1b[?25h") or "\x1b[?25h" in text[-200:]  # the cursor is shown again


def test_a_bar_shows_the_latest_resolve_rate_and_then_the_controls() -> None:
    console = terminal()
    reporter = BarReporter(console)
    with reporter:
        reporter.start([LABEL])
        reporter.epoch(LABEL, 1, 2, 0.125)
        reporter._progress.refresh()
        assert "12.5% resolved" in text_of(console)
        assert "controls" not in text_of(console)
        reporter.epoch(LABEL, 2, 2, 0.875)
        reporter._progress.refresh()
        assert "87.5% resolved, controls" in text_of(console)
        assert len(reporter._progress.tasks) == 2
        reporter.finish(LABEL, LINE)
        (overall,) = reporter._progress.tasks
        assert (overall.completed, overall.total) == (1, 1)


def test_bars_end_when_the_run_fails() -> None:
    console = terminal()
    reporter = BarReporter(console)
    with pytest.raises(OSError, match="disk"), reporter:
        reporter.start([LABEL, "another"])
        raise OSError("disk")
    assert not reporter._progress.live.is_started


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    play(QuietReporter(), 4)
    assert capsys.readouterr() == ("", "")


class Recorder(QuietReporter):
    def __init__(self) -> None:
        self.started: list[Sequence[str]] = []
        self.epochs: list[tuple[str, int]] = []
        self.finished: list[tuple[str, str]] = []

    def start(self, labels: Sequence[str]) -> None:
        self.started.append(labels)

    def epoch(self, label: str, done: int, total: int, test_resolve_rate: float | None) -> None:
        assert total == 3 and test_resolve_rate is not None
        self.epochs.append((label, done))

    def finish(self, label: str, line: str) -> None:
        self.finished.append((label, line))


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_run_tells_its_reporter_about_every_epoch_and_cell(
    jobs: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    recorder = Recorder()
    listening: Reporter = recorder
    results = run_cells(cells(4), tmp_path_factory.mktemp("run"), jobs, listening)
    labels = [f"Qwen2.5-Coder-1.5B v3 seed {seed}" for seed in range(4)]
    assert recorder.started == [labels]
    assert sorted(recorder.epochs) == [(label, done) for label in labels for done in (1, 2, 3)]
    assert [entry["seed"] for entry in results] == [0, 1, 2, 3]  # in the order of the cells, not of their ends
    lines = [(label, finished_line(label, entry)) for label, entry in zip(labels, results, strict=True)]
    assert sorted(recorder.finished) == lines


def test_folds_of_one_seed_have_progress_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    recorder = Recorder()
    folds = [small_cell(small_plan(), Fold(number, 3)) for number in (1, 2, 3)]
    run_cells(folds, tmp_path_factory.mktemp("run"), 2, recorder)
    labels = [f"Qwen2.5-Coder-1.5B v3 seed 5 fold {number}/3" for number in (1, 2, 3)]
    assert sorted(label for label, _ in recorder.finished) == labels
    assert {label for label, _ in recorder.epochs} == set(labels)
