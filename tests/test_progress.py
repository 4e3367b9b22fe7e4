"""Progress: lines in a pipe, bars on a terminal, nothing when quiet; told by several threads at once."""

import io
from concurrent.futures import ThreadPoolExecutor

import pytest
from bench_samples import hand_made, small_cell, small_plan
from rich.console import Console

from ruvllm.benchmark import run_cells
from ruvllm.cell import Cell
from ruvllm.progress import BarReporter, LineReporter, QuietReporter, finished_line

RESULT = hand_made(initial=0.25, final=1.0, seconds=1.25, seed=3)
LINE = "Phi-3-mini-4k v3 seed 3: 25.0% -> 100.0% of the test tasks, 1.2 s"


def cells(n: int) -> list[Cell]:
    return [small_cell(small_plan(seed=seed)) for seed in range(n)]


def play(reporter: QuietReporter, n: int) -> None:
    """A run of n cells, each of 5 epochs, from four threads."""
    with reporter:
        all_cells = cells(n)
        reporter.note("Reading [/bold] source: \\[x]")
        reporter.start(all_cells)

        def run(cell: Cell) -> None:
            for epoch in range(5):
                reporter.epoch(cell, epoch + 1, 5, None if epoch == 0 else 0.5)
            reporter.finish(cell, RESULT)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(run, all_cells))


def test_a_finished_cell_is_one_line() -> None:
    assert finished_line(RESULT) == LINE


def test_in_a_pipe_there_is_a_plain_line_for_each_cell() -> None:
    file = io.StringIO()
    play(LineReporter(Console(file=file, width=40)), 20)
    first, *lines = file.getvalue().splitlines()
    assert first == "Reading [/bold] source: \\[x]"
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
    assert "Reading [/bold] source: \\[x]" in text
    assert text.endswith("\x1b[?25h") or "\x1b[?25h" in text[-200:]  # the cursor is shown again


def test_a_bar_shows_the_latest_resolve_rate_and_then_the_controls() -> None:
    console = terminal()
    reporter = BarReporter(console)
    with reporter:
        (cell,) = cells(1)
        reporter.start([cell])
        reporter.epoch(cell, 1, 2, 0.125)
        reporter._progress.refresh()
        assert "12.5% resolved" in text_of(console)
        assert "controls" not in text_of(console)
        reporter.epoch(cell, 2, 2, 0.875)
        reporter._progress.refresh()
        assert "87.5% resolved, controls" in text_of(console)
        assert len(reporter._progress.tasks) == 2
        reporter.finish(cell, RESULT)
        (overall,) = reporter._progress.tasks
        assert (overall.completed, overall.total) == (1, 1)


def test_bars_end_when_the_run_fails() -> None:
    console = terminal()
    reporter = BarReporter(console)
    with pytest.raises(OSError, match="disk"), reporter:
        reporter.start(cells(2))
        raise OSError("disk")
    assert not reporter._progress.live.is_started


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    play(QuietReporter(), 4)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_run_tells_its_reporter_about_every_epoch_and_cell(
    jobs: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    class Recorder(QuietReporter):
        def __init__(self) -> None:
            self.started = 0
            self.epochs: list[tuple[int, int]] = []
            self.finished: list[str] = []

        def start(self, cells: object) -> None:
            self.started += 1

        def epoch(self, cell: Cell, done: int, total: int, test_resolve_rate: float | None) -> None:
            assert total == 3 and test_resolve_rate is not None
            self.epochs.append((cell.plan.seed, done))

        def finish(self, cell: Cell, result: object) -> None:
            self.finished.append(cell.label)

    recorder = Recorder()
    results = run_cells(cells(4), tmp_path_factory.mktemp("run"), jobs, recorder)
    assert recorder.started == 1
    assert sorted(recorder.epochs) == [(seed, done) for seed in range(4) for done in (1, 2, 3)]
    assert sorted(recorder.finished) == [f"Qwen2.5-Coder-1.5B v3 seed {seed}" for seed in range(4)]
    assert [result.entry["seed"] for result in results] == [0, 1, 2, 3]  # in the order of the cells, not of their ends
